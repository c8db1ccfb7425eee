//Numpy array shape [5, 2]
//Min -0.750000000000
//Max 0.812500000000
//Number of zeros 1

#ifndef W4_H_
#define W4_H_

namespace reference_hls {

#ifndef __SYNTHESIS__
position_weight_t w4[10];
#else
position_weight_t w4[10] = {0.0625, 0.8125, -0.7500, -0.1250, 0.3750, -0.7500, 0.1875, -0.1875, -0.1250, 0.0000};

#endif
}


#endif

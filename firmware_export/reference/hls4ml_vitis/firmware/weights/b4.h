//Numpy array shape [2]
//Min -52.000000000000
//Max 51.000000000000
//Number of zeros 0

#ifndef B4_H_
#define B4_H_

namespace reference_hls {

#ifndef __SYNTHESIS__
position_bias_t b4[2];
#else
position_bias_t b4[2] = {-52, 51};

#endif
}


#endif

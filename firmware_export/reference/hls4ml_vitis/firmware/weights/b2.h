//Numpy array shape [5]
//Min -72.000000000000
//Max 103.000000000000
//Number of zeros 0

#ifndef B2_H_
#define B2_H_

namespace reference_hls {

#ifndef __SYNTHESIS__
hidden_bias_t b2[5];
#else
hidden_bias_t b2[5] = {-72, -9, -60, 30, 103};

#endif
}


#endif

#ifndef REFERENCE_DEFINES_H_
#define REFERENCE_DEFINES_H_

#include "ap_fixed.h"
#include "ap_int.h"
#include "nnet_utils/nnet_types.h"
#include <array>
#include <cstddef>
#include <cstdio>
#include <tuple>
#include <tuple>

namespace reference_hls {

// hls-fpga-machine-learning insert numbers

// hls-fpga-machine-learning insert layer-precision
typedef ap_ufixed<10,10> input_t;
typedef ap_fixed<18,14> hidden_accum_t;
typedef ap_fixed<17,13> layer2_t;
typedef ap_fixed<5,1> hidden_weight_t;
typedef ap_fixed<8,8> hidden_bias_t;
typedef ap_uint<1> layer2_index;
typedef ap_ufixed<6,11,AP_RND,AP_SAT,0> layer3_t;
typedef ap_fixed<18,8> active_table_t;
typedef ap_fixed<13,13> position_accum_t;
typedef ap_fixed<14,12,AP_RND,AP_SAT,0> result_t;
typedef ap_fixed<5,1> position_weight_t;
typedef ap_fixed<8,8> position_bias_t;
typedef ap_uint<1> layer4_index;

// hls-fpga-machine-learning insert emulator-defines

}

#endif

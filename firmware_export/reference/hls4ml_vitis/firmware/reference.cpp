// The function that reads weights knows one folder, WEIGHTS_DIR, when it is compiled: each model
// has its own, lest in one program all take the weights of the first.
#define load_weights_from_txt reference_load_weights_from_txt

#include <iostream>

#include "reference.h"
#include "parameters.h"

using namespace reference_hls;

void reference(
    input_t charge[8],
    result_t layer4_out[2]
) {

    // hls-fpga-machine-learning insert IO
    #pragma HLS ARRAY_RESHAPE variable=charge complete dim=0
    #pragma HLS ARRAY_PARTITION variable=layer4_out complete dim=0
    #pragma HLS INTERFACE ap_vld port=charge,layer4_out 
    #pragma HLS PIPELINE

    // hls-fpga-machine-learning insert load weights
#ifndef __SYNTHESIS__
    static bool loaded_weights = false;
    if (!loaded_weights) {
        nnet::load_weights_from_txt<hidden_weight_t, 40>(w2, "w2.txt");
        nnet::load_weights_from_txt<hidden_bias_t, 5>(b2, "b2.txt");
        nnet::load_weights_from_txt<position_weight_t, 10>(w4, "w4.txt");
        nnet::load_weights_from_txt<position_bias_t, 2>(b4, "b4.txt");
        loaded_weights = true;    }
#endif
    // ****************************************
    // NETWORK INSTANTIATION
    // ****************************************

    // hls-fpga-machine-learning insert layers

    layer2_t layer2_out[5];
    #pragma HLS ARRAY_PARTITION variable=layer2_out complete dim=0

    layer3_t layer3_out[5];
    #pragma HLS ARRAY_PARTITION variable=layer3_out complete dim=0

    nnet::dense<input_t, layer2_t, config2>(charge, layer2_out, w2, b2); // hidden

    nnet::relu<layer2_t, layer3_t, relu_config3>(layer2_out, layer3_out); // active

    nnet::dense<layer3_t, result_t, config4>(layer3_out, layer4_out, w4, b4); // position

}

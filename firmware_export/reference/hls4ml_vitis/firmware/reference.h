#ifndef REFERENCE_H_
#define REFERENCE_H_

#include "ap_fixed.h"
#include "ap_int.h"
#include "hls_stream.h"

#include "defines.h"


// Prototype of top level function for C-synthesis
void reference(
    reference_hls::input_t charge[8],
    reference_hls::result_t layer4_out[2]
);

// hls-fpga-machine-learning insert emulator-defines

#endif

// Windows of a stream times a matrix of constants, plus a bias, with LANES multipliers.
//
// The columns of the matrix are taken LANES at a time: a window is read once for each of the
// GROUPS = ceil(OUTPUTS / LANES) groups, one element a clock, and every lane multiplies it by a
// weight of its own column. The sums leave one by one, in order, while the next group is summed.
//
// Interval: ROWS · Σ over groups of max(LENGTH, columns of the group + 1) clocks an event.
// Latency from the last element that a group needs to its first sum: 8 + BEHIND clocks.
//
// WEIGHTS: a file of GROUPS · LENGTH words, group after group, element after element; lane 0 in
// the least significant bits. BIASES: a file of GROUPS words of LANES sums.
//
// This is pf_sets with a single set of weights.
module pf_matrix #(
    parameter X_WIDTH = 8,
    parameter X_SIGNED = 1,
    parameter ELEMENTS = 8,
    parameter LENGTH = 8,
    parameter ROWS = 1,
    parameter STEP = 0,
    parameter BEFORE = 0,
    parameter DEPTH_LOG2 = 4,
    parameter COUNT_WIDTH = 16,
    parameter OUTPUTS = 4,
    parameter LANES = 1,
    parameter GROUPS = 4,
    parameter DSP_LANES = 1,
    parameter BEHIND = 0,
    parameter WEIGHT_WIDTH = 8,
    parameter WEIGHT_ADDRESS = 5,
    parameter GROUP_ADDRESS = 2,
    parameter WEIGHTS = "",
    parameter BIASES = "",
    parameter SUM_WIDTH = 20,
    parameter SHIFT = 0,
    parameter NARROW = 0,
    parameter SIGNED = 1,
    parameter ROUNDING = 0,
    parameter OVERFLOW = 0
) (
    input  wire                 clk,
    input  wire                 rst,
    input  wire                 in_valid,
    output wire                 in_ready,
    input  wire [X_WIDTH-1:0]   in_data,
    output wire                 out_valid,
    input  wire                 out_ready,
    output wire [SUM_WIDTH-1:0] out_data
);
    wire number_ready;
    pf_sets #(
        .X_WIDTH(X_WIDTH), .X_SIGNED(X_SIGNED), .ELEMENTS(ELEMENTS), .LENGTH(LENGTH),
        .ROWS(ROWS), .STEP(STEP), .BEFORE(BEFORE), .DEPTH_LOG2(DEPTH_LOG2),
        .COUNT_WIDTH(COUNT_WIDTH), .OUTPUTS(OUTPUTS), .LANES(LANES), .GROUPS(GROUPS),
        .DSP_LANES(DSP_LANES), .BEHIND(BEHIND), .WEIGHT_WIDTH(WEIGHT_WIDTH),
        .WEIGHT_ADDRESS(WEIGHT_ADDRESS), .GROUP_ADDRESS(GROUP_ADDRESS), .WEIGHTS(WEIGHTS),
        .BIASES(BIASES), .SUM_WIDTH(SUM_WIDTH), .SHIFT(SHIFT), .NARROW(NARROW), .SIGNED(SIGNED),
        .ROUNDING(ROUNDING), .OVERFLOW(OVERFLOW)
    ) one_set (
        .clk(clk), .rst(rst), .in_valid(in_valid), .in_ready(in_ready), .in_data(in_data),
        .number_valid(1'b1), .number_ready(number_ready), .number_data(1'b0),
        .out_valid(out_valid), .out_ready(out_ready), .out_data(out_data)
    );
endmodule

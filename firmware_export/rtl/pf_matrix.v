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
// See pf_rows for the windows, pf_lane for the sums. DSP_LANES lanes ask for a DSP block, the
// others are built of look-up tables. BEHIND = 1 puts a register more behind every multiplier; see
// pf_multiply.
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
    // Columns of the last group.
    localparam TAIL = OUTPUTS - (GROUPS - 1) * LANES;

    // Seven steps: read x and weights; keep them; multiply, in three; add; hand over. With BEHIND
    // there are four of the multiplication. All stop while the drain has not given away what it
    // holds.
    wire enable;

    wire               reads, wraps, x_valid, x_first, x_last, x_final;
    wire [X_WIDTH-1:0] x;
    pf_rows #(
        .WIDTH(X_WIDTH), .ELEMENTS(ELEMENTS), .LENGTH(LENGTH), .ROWS(ROWS), .STEP(STEP),
        .BEFORE(BEFORE), .GROUPS(GROUPS), .DEPTH_LOG2(DEPTH_LOG2), .COUNT_WIDTH(COUNT_WIDTH)
    ) rows (
        .clk(clk), .rst(rst), .in_valid(in_valid), .in_ready(in_ready), .in_data(in_data),
        .enable(enable), .reads(reads), .wraps(wraps), .out_valid(x_valid), .out_data(x),
        .out_first(x_first), .out_last(x_last), .out_final(x_final)
    );

    reg [WEIGHT_ADDRESS-1:0]      weight_address;
    wire [LANES*WEIGHT_WIDTH-1:0] words;
    reg [LANES*WEIGHT_WIDTH-1:0]  weights;
    always @(posedge clk) begin
        if (rst) weight_address <= 0;
        else if (reads) weight_address <= wraps ? {WEIGHT_ADDRESS{1'b0}} : weight_address + 1'b1;
    end
    pf_rom #(
        .WIDTH(LANES * WEIGHT_WIDTH), .WORDS(GROUPS * LENGTH), .ADDRESS_WIDTH(WEIGHT_ADDRESS),
        .FILE(WEIGHTS)
    ) weight_memory (.clk(clk), .enable(enable), .address(weight_address), .data(words));
    always @(posedge clk) if (enable) weights <= words;

    // What is known of an element goes along with it: final, last, first; and that it is there.
    reg       factor_valid, term_valid, product_valid, sum_valid, sum_final;
    reg [2:0] factor_marks, term_marks, product_marks;
    wire      product_first = product_marks[0];

    // One clock before the product.
    wire       before_valid;
    wire [2:0] before_marks;
    generate
        if (BEHIND) begin : step_behind
            reg       late_valid;
            reg [2:0] late_marks;
            always @(posedge clk) begin
                if (rst) late_valid <= 1'b0;
                else if (enable) late_valid <= term_valid;
                if (enable) late_marks <= term_marks;
            end
            assign before_valid = late_valid;
            assign before_marks = late_marks;
        end else begin : no_step_behind
            assign before_valid = term_valid;
            assign before_marks = term_marks;
        end
    endgenerate

    reg [GROUP_ADDRESS-1:0]    group;
    wire [LANES*SUM_WIDTH-1:0] biases;
    always @(posedge clk) begin
        if (rst) group <= 0;
        else if (enable && before_valid && before_marks[1])
            group <= before_marks[2] ? {GROUP_ADDRESS{1'b0}} : group + 1'b1;
    end
    pf_rom #(
        .WIDTH(LANES * SUM_WIDTH), .WORDS(GROUPS), .ADDRESS_WIDTH(GROUP_ADDRESS), .FILE(BIASES)
    ) bias_memory (.clk(clk), .enable(enable), .address(group), .data(biases));

    always @(posedge clk) begin
        if (rst) begin
            factor_valid <= 1'b0;
            term_valid <= 1'b0;
            product_valid <= 1'b0;
            sum_valid <= 1'b0;
        end else if (enable) begin
            factor_valid <= x_valid;
            term_valid <= factor_valid;
            product_valid <= before_valid;
            sum_valid <= product_valid && product_marks[1];
        end
        if (enable) begin
            factor_marks <= {x_final, x_last, x_first};
            term_marks <= factor_marks;
            product_marks <= before_marks;
            sum_final <= product_marks[2];
        end
    end

    wire signed [X_WIDTH:0]    x_wide = {X_SIGNED && x[X_WIDTH-1], x};
    wire [LANES*SUM_WIDTH-1:0] sums;
    genvar                     lane;
    generate
        for (lane = 0; lane < LANES; lane = lane + 1) begin : lanes
            pf_lane #(
                .X_WIDTH(X_WIDTH + 1), .WEIGHT_WIDTH(WEIGHT_WIDTH), .SUM_WIDTH(SUM_WIDTH),
                .SHIFT(SHIFT), .LOGIC(lane >= DSP_LANES), .BEHIND(BEHIND), .NARROW(NARROW),
                .SIGNED(SIGNED), .ROUNDING(ROUNDING), .OVERFLOW(OVERFLOW)
            ) one (
                .clk(clk), .enable(enable), .first(product_first), .adds(product_valid),
                .x(x_wide), .weight(weights[lane*WEIGHT_WIDTH +: WEIGHT_WIDTH]),
                .bias(biases[lane*SUM_WIDTH +: SUM_WIDTH]),
                .sum(sums[lane*SUM_WIDTH +: SUM_WIDTH])
            );
        end
    endgenerate

    // The drain: the sums of a group, one after the other. One register says that it is busy: much
    // waits for it.
    reg [LANES*SUM_WIDTH-1:0] drain;
    reg [15:0]                left;
    reg                       busy;
    wire                      loads = sum_valid && !busy;
    wire                      gives = busy && out_ready;
    assign enable = !sum_valid || !busy;
    assign out_valid = busy;
    assign out_data = drain[SUM_WIDTH-1:0];
    always @(posedge clk) begin
        if (rst) busy <= 1'b0;
        else if (loads) busy <= 1'b1;
        else if (gives && left == 1) busy <= 1'b0;
        if (loads) left <= sum_final ? TAIL : LANES;
        else if (gives) left <= left - 1'b1;
        if (loads) drain <= sums;
        else if (gives) drain <= drain >> SUM_WIDTH;
    end
endmodule

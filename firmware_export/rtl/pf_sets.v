// Windows of a stream times a matrix of constants, plus a bias, with LANES multipliers; the matrix
// and the bias may be one of several sets.
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
//
// With several SETS of weights and biases every event meets that of its number, which comes on a
// stream of its own, one to an event. An event enters once its number is there: what is before
// keeps a whole event waiting. The files hold all words of set 0, then all of set 1, and on.
module pf_sets #(
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
    parameter SETS = 1,
    parameter SET_WIDTH = 1,
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
    input  wire                 number_valid,
    output wire                 number_ready,
    input  wire [SET_WIDTH-1:0] number_data,
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
    wire               enters, room;  // an element may enter; the windows have room for it
    wire               biased;        // the last sums of an event take their biases in this clock
    wire [WEIGHT_ADDRESS-1:0] weight_start;
    wire [GROUP_ADDRESS-1:0]  bias_start;
    pf_rows #(
        .WIDTH(X_WIDTH), .ELEMENTS(ELEMENTS), .LENGTH(LENGTH), .ROWS(ROWS), .STEP(STEP),
        .BEFORE(BEFORE), .GROUPS(GROUPS), .DEPTH_LOG2(DEPTH_LOG2), .COUNT_WIDTH(COUNT_WIDTH)
    ) rows (
        .clk(clk), .rst(rst), .in_valid(in_valid && enters), .in_ready(room), .in_data(in_data),
        .enable(enable), .reads(reads), .wraps(wraps), .out_valid(x_valid), .out_data(x),
        .out_first(x_first), .out_last(x_last), .out_final(x_final)
    );

    assign in_ready = room && enters;

    // The numbers of the events that have entered, as the first addresses of their sets: one end
    // is read by the weights, the other by the biases, some clocks later.
    generate
        if (SETS > 1) begin : by_number
            localparam [COUNT_WIDTH-1:0] LAST = ELEMENTS - 1;
            reg [WEIGHT_ADDRESS-1:0] weight_starts [0:15];
            reg [GROUP_ADDRESS-1:0]  bias_starts [0:15];
            reg [3:0]                entered, weighed, finished;
            reg [COUNT_WIDTH-1:0]    element;
            wire                     begins = element == 0;
            wire                     free = entered + 4'd1 != finished;
            // A choice among constants: a product would be given a DSP block.
            wire [(1<<SET_WIDTH)*WEIGHT_ADDRESS-1:0] weight_words;
            wire [(1<<SET_WIDTH)*GROUP_ADDRESS-1:0]  bias_words;
            genvar                                   set;
            for (set = 0; set < (1 << SET_WIDTH); set = set + 1) begin : firsts
                localparam [31:0] WEIGHT_WORD = set < SETS ? set * GROUPS * LENGTH : 0;
                localparam [31:0] BIAS_WORD = set < SETS ? set * GROUPS : 0;
                assign weight_words[set*WEIGHT_ADDRESS +: WEIGHT_ADDRESS] =
                    WEIGHT_WORD[WEIGHT_ADDRESS-1:0];
                assign bias_words[set*GROUP_ADDRESS +: GROUP_ADDRESS] =
                    BIAS_WORD[GROUP_ADDRESS-1:0];
            end
            assign enters = !begins || (number_valid && free);
            assign number_ready = begins && in_valid && room && free;
            assign weight_start = weight_starts[weighed];
            assign bias_start = bias_starts[finished];
            always @(posedge clk) begin
                if (rst) begin
                    entered <= 0;
                    weighed <= 0;
                    finished <= 0;
                    element <= 0;
                end else begin
                    if (in_valid && in_ready) element <= element == LAST ? 0 : element + 1'b1;
                    if (number_valid && number_ready) entered <= entered + 1'b1;
                    if (reads && wraps) weighed <= weighed + 1'b1;
                    if (biased) finished <= finished + 1'b1;
                end
                if (number_valid && number_ready) begin
                    weight_starts[entered] <= weight_words[number_data*WEIGHT_ADDRESS +: WEIGHT_ADDRESS];
                    bias_starts[entered] <= bias_words[number_data*GROUP_ADDRESS +: GROUP_ADDRESS];
                end
            end
        end else begin : alone
            assign enters = 1'b1;
            assign number_ready = 1'b1;
            assign weight_start = 0;
            assign bias_start = 0;
        end
    endgenerate

    reg [WEIGHT_ADDRESS-1:0]      weight_address;
    wire [LANES*WEIGHT_WIDTH-1:0] words;
    reg [LANES*WEIGHT_WIDTH-1:0]  weights;
    always @(posedge clk) begin
        if (rst) weight_address <= 0;
        else if (reads) weight_address <= wraps ? {WEIGHT_ADDRESS{1'b0}} : weight_address + 1'b1;
    end
    pf_rom #(
        .WIDTH(LANES * WEIGHT_WIDTH), .WORDS(SETS * GROUPS * LENGTH),
        .ADDRESS_WIDTH(WEIGHT_ADDRESS), .FILE(WEIGHTS)
    ) weight_memory (
        .clk(clk), .enable(enable), .address(weight_start + weight_address), .data(words)
    );
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
    assign biased = enable && before_valid && before_marks[1] && before_marks[2];
    always @(posedge clk) begin
        if (rst) group <= 0;
        else if (enable && before_valid && before_marks[1])
            group <= before_marks[2] ? {GROUP_ADDRESS{1'b0}} : group + 1'b1;
    end
    pf_rom #(
        .WIDTH(LANES * SUM_WIDTH), .WORDS(SETS * GROUPS), .ADDRESS_WIDTH(GROUP_ADDRESS),
        .FILE(BIASES)
    ) bias_memory (
        .clk(clk), .enable(enable), .address(bias_start + group), .data(biases)
    );

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

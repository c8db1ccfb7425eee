// Whether what the network reads is like what it was trained on: the sum of the inputs of an event
// lies from LOW to HIGH (bit 0 of the result: it does not), and no input lies far below the inputs
// that go with it best, as of a dead channel (bit 1): their sum less the input times 2^RATIO_LOG2 is
// at most LEAST for each.
//
// The inputs pass on at once, and wait only while both banks of the memory hold events. An event is
// looked at when it is complete, one word a clock, in the order of FILE: for each input those that
// go with it, then itself. STEPS are its words, GROUP how many belong to an input.
module pf_input_tests #(
    parameter WIDTH = 10,
    parameter SIGNED = 0,
    parameter INPUTS = 8,
    parameter INDEX_BITS = 3,
    parameter GROUP = 5,
    parameter GROUP_BITS = 3,
    parameter STEPS = 40,
    parameter STEP_BITS = 6,
    parameter RATIO_LOG2 = 2,
    parameter SUM_BITS = 16,
    parameter signed [SUM_BITS-1:0] LOW = 0,
    parameter signed [SUM_BITS-1:0] HIGH = 0,
    parameter signed [SUM_BITS-1:0] LEAST = 0,
    parameter FILE = "input_tests.hex"
) (
    input  wire             clk,
    input  wire             rst,
    input  wire             in_valid,
    output wire             in_ready,
    input  wire [WIDTH-1:0] in_data,
    output wire             out_valid,
    input  wire             out_ready,
    output wire [WIDTH-1:0] out_data,
    output reg              tested_valid,
    input  wire             tested_ready,
    output reg  [1:0]       tested
);
    localparam [31:0] LAST_INPUT = INPUTS - 1;
    localparam [31:0] LAST_STEP = STEPS - 1;
    localparam [31:0] LAST_OF_GROUP = GROUP - 1;

    reg  [WIDTH-1:0] memory [0:(2<<INDEX_BITS)-1];
    reg  [1:0]       held;
    reg              in_bank, bank;

    // Inputs pass on, are kept and summed.
    assign out_valid = in_valid && !held[1];
    assign in_ready = out_ready && !held[1];
    assign out_data = in_data;
    wire   write = in_valid && in_ready;
    reg  [INDEX_BITS-1:0]       place;
    wire                        complete = write && place == LAST_INPUT[INDEX_BITS-1:0];
    wire                        in_sign = SIGNED && in_data[WIDTH-1];
    wire signed [SUM_BITS-1:0]  in_wide = {{(SUM_BITS - WIDTH){in_sign}}, in_data};
    reg  signed [SUM_BITS-1:0]  sum;
    wire signed [SUM_BITS-1:0]  sum_next = (place == 0 ? {SUM_BITS{1'b0}} : sum) + in_wide;
    reg  [1:0]                  outside;

    // A word of the file, then the input that it names, then its sum: three clocks behind.
    reg                         reading;
    reg  [STEP_BITS-1:0]        step;
    reg  [GROUP_BITS-1:0]       of_group;
    wire                        ends_group = of_group == LAST_OF_GROUP[GROUP_BITS-1:0];
    wire                        ends = step == LAST_STEP[STEP_BITS-1:0];
    wire [INDEX_BITS-1:0]       index;
    pf_rom #(
        .WIDTH(INDEX_BITS), .WORDS(STEPS), .ADDRESS_WIDTH(STEP_BITS), .FILE(FILE)
    ) order (.clk(clk), .enable(1'b1), .address(step), .data(index));
    reg                         named, named_begins, named_itself, named_ends;
    reg                         known, known_begins, known_itself, known_ends;
    reg  [WIDTH-1:0]            value;
    wire                        sign = SIGNED && value[WIDTH-1];
    wire signed [SUM_BITS-1:0]  wide = {{(SUM_BITS - WIDTH){sign}}, value};
    reg  signed [SUM_BITS-1:0]  others;
    wire signed [SUM_BITS-1:0]  less = others - (wide <<< RATIO_LOG2);
    wire                        silent = less > LEAST;
    reg                         any;
    wire                        done = known && known_ends;

    reg  busy;
    wire start = !busy && held != 0 && (!tested_valid || tested_ready);

    always @(posedge clk) begin
        if (rst) begin
            held <= 0;
            in_bank <= 1'b0;
            bank <= 1'b0;
            place <= 0;
            reading <= 1'b0;
            busy <= 1'b0;
            named <= 1'b0;
            known <= 1'b0;
            tested_valid <= 1'b0;
        end else begin
            if (write) place <= complete ? 0 : place + 1'b1;
            if (complete) in_bank <= !in_bank;
            if (complete && !done) held <= held + 1'b1;
            if (done && !complete) held <= held - 1'b1;
            if (done) bank <= !bank;
            if (start) busy <= 1'b1;
            else if (done) busy <= 1'b0;
            if (start) reading <= 1'b1;
            else if (reading && ends) reading <= 1'b0;
            named <= reading;
            known <= named;
            if (done) tested_valid <= 1'b1;
            else if (tested_ready) tested_valid <= 1'b0;
        end
        if (start) begin
            step <= 0;
            of_group <= 0;
        end else if (reading) begin
            step <= step + 1'b1;
            of_group <= ends_group ? 0 : of_group + 1'b1;
        end
        named_begins <= of_group == 0;
        named_itself <= ends_group;
        named_ends <= ends;
        known_begins <= named_begins;
        known_itself <= named_itself;
        known_ends <= named_ends;
        value <= memory[{bank, index}];
        if (write) begin
            memory[{in_bank, place}] <= in_data;
            sum <= sum_next;
        end
        if (complete) outside[in_bank] <= sum_next < LOW || sum_next > HIGH;
        if (known && !known_itself) others <= (known_begins ? {SUM_BITS{1'b0}} : others) + wide;
        if (start) any <= 1'b0;
        else if (known && known_itself && silent) any <= 1'b1;
        if (done) tested <= {any || silent, outside[bank]};
    end
endmodule

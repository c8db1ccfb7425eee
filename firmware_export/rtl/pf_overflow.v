// Brings a whole number into OUT_WIDTH bits; combinational.
//
// The second half of an assignment to a format, after pf_round. The names of the modes are those
// of ap_fixed (AMD UG1399). SIGNED is 1 where the format has a sign.
module pf_overflow #(
    parameter IN_WIDTH = 10,
    parameter OUT_WIDTH = 8,
    parameter SIGNED = 1,
    parameter OVERFLOW = 0  // 0 WRAP, 1 SAT, 2 SAT_ZERO, 3 SAT_SYM
) (
    input  wire signed [IN_WIDTH-1:0]  given,
    output wire        [OUT_WIDTH-1:0] result
);
    localparam WIDTH = (IN_WIDTH > OUT_WIDTH ? IN_WIDTH : OUT_WIDTH) + 2;
    localparam signed [WIDTH-1:0] ONE = 1;
    localparam signed [WIDTH-1:0] HIGH = (ONE <<< (OUT_WIDTH - SIGNED)) - ONE;
    localparam signed [WIDTH-1:0] LOW = SIGNED ? -(ONE <<< (OUT_WIDTH - 1)) : 0;
    // A signed format of one bit keeps its −1 under SAT_SYM.
    localparam signed [WIDTH-1:0] LOWEST =
        (OVERFLOW == 3 && SIGNED != 0 && OUT_WIDTH > 1) ? LOW + ONE : LOW;

    // The bits above the format tell what lies outside: no comparison, no carry.
    wire signed [WIDTH-1:0] wide = {{(WIDTH - IN_WIDTH){given[IN_WIDTH-1]}}, given};
    generate
        if (OVERFLOW == 0) begin : wrap
            assign result = wide[OUT_WIDTH-1:0];
        end else begin : limit
            wire negative = wide[WIDTH-1];
            wire above = !negative && (|wide[WIDTH-2:OUT_WIDTH-SIGNED]);
            wire below = negative && !(SIGNED != 0 && (&wide[WIDTH-2:OUT_WIDTH-1]));
            wire under = below || (LOWEST != LOW && wide == LOW);
            wire [OUT_WIDTH-1:0] high = OVERFLOW == 2 ? {OUT_WIDTH{1'b0}} : HIGH[OUT_WIDTH-1:0];
            wire [OUT_WIDTH-1:0] low = OVERFLOW == 2 ? {OUT_WIDTH{1'b0}} : LOWEST[OUT_WIDTH-1:0];
            assign result = above ? high : under ? low : wide[OUT_WIDTH-1:0];
        end
    endgenerate
endmodule

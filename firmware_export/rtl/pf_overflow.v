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
    input  wire signed [IN_WIDTH-1:0]  in,
    output wire        [OUT_WIDTH-1:0] out
);
    localparam WIDTH = (IN_WIDTH > OUT_WIDTH ? IN_WIDTH : OUT_WIDTH) + 2;
    localparam signed [WIDTH-1:0] ONE = 1;
    localparam signed [WIDTH-1:0] HIGH = (ONE <<< (OUT_WIDTH - SIGNED)) - ONE;
    localparam signed [WIDTH-1:0] LOW = SIGNED ? -(ONE <<< (OUT_WIDTH - 1)) : 0;
    // A signed format of one bit keeps its −1 under SAT_SYM.
    localparam signed [WIDTH-1:0] LOWEST =
        (OVERFLOW == 3 && SIGNED != 0 && OUT_WIDTH > 1) ? LOW + ONE : LOW;

    // The bits above the format tell what lies outside: no comparison, no carry.
    wire signed [WIDTH-1:0] wide = in;
    wire negative = wide[WIDTH-1];
    wire above = !negative && (|wide[WIDTH-2:OUT_WIDTH-SIGNED]);
    wire below = negative && !(SIGNED && (&wide[WIDTH-2:OUT_WIDTH-1]));
    generate
        if (OVERFLOW == 0) begin : wrap
            assign out = wide[OUT_WIDTH-1:0];
        end else if (OVERFLOW == 2) begin : zero
            assign out = (above || below) ? {OUT_WIDTH{1'b0}} : wide[OUT_WIDTH-1:0];
        end else begin : saturate
            wire under = below || (LOWEST != LOW && wide == LOW);
            assign out = above ? HIGH[OUT_WIDTH-1:0]
                       : under ? LOWEST[OUT_WIDTH-1:0]
                       : wide[OUT_WIDTH-1:0];
        end
    endgenerate
endmodule

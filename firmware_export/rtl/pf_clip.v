// Limits a number to LOW … HIGH; combinational. ReLU is LOW = 0 with HIGH at the largest integer.
module pf_clip #(
    parameter WIDTH = 8,
    parameter signed [63:0] LOW = 0,
    parameter signed [63:0] HIGH = 0
) (
    input  wire signed [WIDTH-1:0] given,
    output wire signed [WIDTH-1:0] result
);
    // The limits are within WIDTH bits: whoever writes an instance has seen to it.
    wire signed [WIDTH-1:0] low = LOW[WIDTH-1:0];
    wire signed [WIDTH-1:0] high = HIGH[WIDTH-1:0];
    // The largest number of WIDTH bits limits nothing, and is compared with nothing.
    localparam signed [63:0] LARGEST = (64'sd1 <<< (WIDTH - 1)) - 64'sd1;
    wire above = HIGH < LARGEST && given > high;
    assign result = given < low ? low : above ? high : given;
endmodule

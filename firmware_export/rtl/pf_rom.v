// Constants in a memory, one word a clock, filled from a file of hexadecimal words.
module pf_rom #(
    parameter WIDTH = 8,
    parameter WORDS = 8,
    parameter ADDRESS_WIDTH = 3,
    parameter FILE = ""
) (
    input  wire                     clk,
    input  wire                     enable,
    input  wire [ADDRESS_WIDTH-1:0] address,
    output reg  [WIDTH-1:0]         data
);
    reg [WIDTH-1:0] memory [0:WORDS-1];
    generate
        if (FILE != "") begin : filled
            initial $readmemh(FILE, memory);
        end
    endgenerate
    always @(posedge clk) if (enable) data <= memory[address];
endmodule

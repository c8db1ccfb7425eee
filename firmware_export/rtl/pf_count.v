// Counts the elements that pass on a stream, from 0 to MODULO − 1 and again.
module pf_count #(
    parameter MODULO = 1,
    parameter WIDTH = 16
) (
    input  wire             clk,
    input  wire             rst,
    input  wire             passes,  // valid and ready
    output reg  [WIDTH-1:0] count
);
    localparam [31:0] LAST = MODULO - 1;
    always @(posedge clk) begin
        if (rst) count <= 0;
        else if (passes) count <= count == LAST[WIDTH-1:0] ? {WIDTH{1'b0}} : count + 1'b1;
    end
endmodule

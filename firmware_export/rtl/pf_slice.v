// A register between two streams, in both directions: no path from input to output, nor back.
//
// One element a clock. A second place takes the element that arrives while the receiver stops.
module pf_slice #(
    parameter WIDTH = 8
) (
    input  wire             clk,
    input  wire             rst,
    input  wire             in_valid,
    output wire             in_ready,
    input  wire [WIDTH-1:0] in_data,
    output reg              out_valid,
    input  wire             out_ready,
    output reg  [WIDTH-1:0] out_data
);
    reg             spare_valid;
    reg [WIDTH-1:0] spare;

    assign in_ready = !spare_valid;

    always @(posedge clk) begin
        if (rst) begin
            out_valid <= 1'b0;
            spare_valid <= 1'b0;
        end else if (out_ready || !out_valid) begin
            out_valid <= in_valid || spare_valid;
            spare_valid <= 1'b0;
        end else if (in_valid && !spare_valid) begin
            spare_valid <= 1'b1;
        end
        if (out_ready || !out_valid) out_data <= spare_valid ? spare : in_data;
        if (!spare_valid) spare <= in_data;
    end
endmodule

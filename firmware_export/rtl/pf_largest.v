// The number, from 0 on, of the largest of ELEMENTS elements: the first of equal ones.
//
// One element a clock is read; the number is there a clock after the last.
module pf_largest #(
    parameter WIDTH = 8,
    parameter SIGNED = 1,
    parameter ELEMENTS = 4,
    parameter NUMBER_WIDTH = 2
) (
    input  wire                    clk,
    input  wire                    rst,
    input  wire                    in_valid,
    output wire                    in_ready,
    input  wire [WIDTH-1:0]        in_data,
    output reg                     out_valid,
    input  wire                    out_ready,
    output reg  [NUMBER_WIDTH-1:0] out_data
);
    localparam [31:0] LAST = ELEMENTS - 1;

    reg signed [WIDTH:0]    most;
    reg [NUMBER_WIDTH-1:0]  element, best;
    wire signed [WIDTH:0]   x = {SIGNED && in_data[WIDTH-1], in_data};
    wire                    larger = element == 0 || x > most;
    wire [NUMBER_WIDTH-1:0] found = larger ? element : best;
    wire                    last = element == LAST[NUMBER_WIDTH-1:0];
    wire                    takes = in_valid && in_ready;

    assign in_ready = !out_valid || out_ready;
    always @(posedge clk) begin
        if (rst) begin
            element <= 0;
            out_valid <= 1'b0;
        end else begin
            if (takes) element <= last ? 0 : element + 1'b1;
            if (in_ready) out_valid <= takes && last;
        end
        if (takes && larger) most <= x;
        if (takes) best <= found;
        if (takes && last) out_data <= found;
    end
endmodule

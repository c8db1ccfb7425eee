// The answer of the network, turned back: x and y, its first two elements, exchanged, then each with
// the opposite sign where it was mirrored. The opposite of the lowest value is the highest.
module pf_unturn #(
    parameter WIDTH = 16,
    parameter COUNT = 3
) (
    input  wire                   clk,
    input  wire                   rst,
    input  wire                   in_valid,
    output wire                   in_ready,
    input  wire [WIDTH*COUNT-1:0] in_data,
    input  wire                   turn_valid,
    output wire                   turn_ready,
    input  wire [2:0]             turn,
    output reg                    out_valid,
    input  wire                   out_ready,
    output reg  [WIDTH*COUNT-1:0] out_data
);
    localparam [WIDTH-1:0] LOWEST = 1 << (WIDTH - 1);

    wire enable = !out_valid || out_ready;
    wire takes = enable && in_valid && turn_valid;
    assign in_ready = takes;
    assign turn_ready = takes;

    wire [WIDTH-1:0] first = in_data[WIDTH-1:0];
    wire [WIDTH-1:0] second = in_data[2*WIDTH-1:WIDTH];
    wire [WIDTH-1:0] x = turn[2] ? second : first;
    wire [WIDTH-1:0] y = turn[2] ? first : second;
    wire [WIDTH-1:0] left = x == LOWEST ? ~LOWEST : -x;
    wire [WIDTH-1:0] low = y == LOWEST ? ~LOWEST : -y;

    always @(posedge clk) begin
        if (rst) out_valid <= 1'b0;
        else if (enable) out_valid <= takes;
        if (enable) begin
            out_data <= in_data;
            out_data[WIDTH-1:0] <= turn[0] ? left : x;
            out_data[2*WIDTH-1:WIDTH] <= turn[1] ? low : y;
        end
    end
endmodule

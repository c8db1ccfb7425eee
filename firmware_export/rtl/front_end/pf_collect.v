// COUNT elements of a stream as one word, the first in the lowest bits.
module pf_collect #(
    parameter WIDTH = 8,
    parameter COUNT = 4
) (
    input  wire                   clk,
    input  wire                   rst,
    input  wire                   in_valid,
    output wire                   in_ready,
    input  wire [WIDTH-1:0]       in_data,
    output reg                    out_valid,
    input  wire                   out_ready,
    output reg  [WIDTH*COUNT-1:0] out_data
);
    reg [15:0] count;

    assign in_ready = !out_valid;

    always @(posedge clk) begin
        if (rst) begin
            count <= 0;
            out_valid <= 1'b0;
        end else if (in_valid && in_ready) begin
            count <= count == COUNT - 1 ? 0 : count + 1'b1;
            out_valid <= count == COUNT - 1;
        end else if (out_ready) out_valid <= 1'b0;
    end
    generate
        if (COUNT == 1) begin : one
            always @(posedge clk) if (in_valid && in_ready) out_data <= in_data;
        end else begin : several
            always @(posedge clk)
                if (in_valid && in_ready) out_data <= {in_data, out_data[WIDTH*COUNT-1:WIDTH]};
        end
    endgenerate
endmodule

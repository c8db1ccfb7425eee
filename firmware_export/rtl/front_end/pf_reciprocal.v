// DIVIDEND divided by a number, rounded down, at most the largest of OUT_BITS bits: restoring
// division, one bit a clock. By zero it is the largest.
module pf_reciprocal #(
    parameter IN_BITS = 18,
    parameter DIVIDEND_BITS = 30,
    parameter [DIVIDEND_BITS-1:0] DIVIDEND = 1,
    parameter OUT_BITS = 15
) (
    input  wire                clk,
    input  wire                rst,
    input  wire                in_valid,
    output wire                in_ready,
    input  wire [IN_BITS-1:0]  in_data,
    output reg                 out_valid,
    input  wire                out_ready,
    output reg  [OUT_BITS-1:0] out_data
);
    reg                     busy;
    reg [7:0]               left;
    reg [IN_BITS-1:0]       divisor;
    reg [IN_BITS-1:0]       rest;
    reg [DIVIDEND_BITS-1:0] bits;
    reg                     beyond;

    assign in_ready = !busy && !out_valid;
    wire [IN_BITS:0] grown = {rest, bits[DIVIDEND_BITS-1]};
    wire             fits = grown >= {1'b0, divisor};
    wire [IN_BITS:0] less = grown - {1'b0, divisor};
    wire [OUT_BITS:0] longer = {out_data, fits};

    always @(posedge clk) begin
        if (rst) begin
            busy <= 1'b0;
            out_valid <= 1'b0;
        end else begin
            if (in_valid && in_ready) busy <= 1'b1;
            if (busy && left == 0) begin
                busy <= 1'b0;
                out_valid <= 1'b1;
            end else if (out_ready) out_valid <= 1'b0;
        end
        if (in_valid && in_ready) begin
            divisor <= in_data;
            rest <= 0;
            bits <= DIVIDEND;
            left <= DIVIDEND_BITS - 1;
            beyond <= 1'b0;
            out_data <= 0;
        end
        if (busy) begin
            left <= left - 1'b1;
            bits <= bits << 1;
            rest <= fits ? less[IN_BITS-1:0] : grown[IN_BITS-1:0];
            // A one that leaves at the top has been too large since.
            beyond <= beyond || out_data[OUT_BITS-1];
            out_data <= (beyond || out_data[OUT_BITS-1]) ? {OUT_BITS{1'b1}}
                                                         : longer[OUT_BITS-1:0];
        end
    end
endmodule

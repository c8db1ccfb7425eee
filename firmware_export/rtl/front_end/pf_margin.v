// Whether the largest of an event's scores lies less than LEAST above the second largest: nothing is
// to be decided then. The scores pass one a clock; the result follows the last of them.
module pf_margin #(
    parameter WIDTH = 12,
    parameter SIGNED = 1,
    parameter [WIDTH:0] LEAST = 1
) (
    input  wire             clk,
    input  wire             rst,
    input  wire             passes,
    input  wire             last,
    input  wire [WIDTH-1:0] score,
    output reg              out_valid,
    output reg              out_narrow
);
    // With its sign turned over a score in two's complement is ordered as one without.
    wire [WIDTH-1:0] level = {score[WIDTH-1] ^ (SIGNED ? 1'b1 : 1'b0), score[WIDTH-2:0]};
    reg              begun, ended;
    reg  [WIDTH-1:0] best, second;
    wire [WIDTH-1:0] margin = best - second;

    always @(posedge clk) begin
        if (rst) begin
            begun <= 1'b0;
            ended <= 1'b0;
            out_valid <= 1'b0;
        end else begin
            if (passes) begun <= !last;
            ended <= passes && last;
            out_valid <= ended;
        end
        if (passes) begin
            if (!begun) begin
                best <= level;
                second <= 0;
            end else if (level > best) begin
                best <= level;
                second <= best;
            end else if (level > second) begin
                second <= level;
            end
        end
        if (ended) out_narrow <= {1'b0, margin} < LEAST;
    end
endmodule

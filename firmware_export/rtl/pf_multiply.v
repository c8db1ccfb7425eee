// The product of two signed numbers, in the next clock.
//
// LOGIC = 0 writes a multiplication, for which tools take a DSP block where there is one.
// LOGIC = 1 writes the sum of shifted copies, which tools build of look-up tables: for parts
// with few blocks, and for numbers of few bits.
module pf_multiply #(
    parameter A_WIDTH = 8,
    parameter B_WIDTH = 8,
    parameter LOGIC = 0
) (
    input  wire                              clk,
    input  wire                              enable,
    input  wire signed [A_WIDTH-1:0]         a,
    input  wire signed [B_WIDTH-1:0]         b,
    output reg  signed [A_WIDTH+B_WIDTH-1:0] product
);
    localparam WIDTH = A_WIDTH + B_WIDTH;
    generate
        if (LOGIC) begin : logic_cells
            wire signed [WIDTH-1:0] wide = a;
            reg signed [WIDTH-1:0]  sum;
            integer                 k;
            always @* begin
                // The sign bit of a two's complement number counts negative.
                sum = b[B_WIDTH-1] ? -(wide <<< (B_WIDTH - 1)) : {WIDTH{1'b0}};
                for (k = 0; k < B_WIDTH - 1; k = k + 1)
                    sum = sum + (b[k] ? wide <<< k : {WIDTH{1'b0}});
            end
            always @(posedge clk) if (enable) product <= sum;
        end else begin : dsp_block
            always @(posedge clk) if (enable) product <= a * b;
        end
    endgenerate
endmodule

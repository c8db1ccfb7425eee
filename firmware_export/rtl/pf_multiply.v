// The product of two signed numbers, 3 + BEHIND clocks later.
//
// LOGIC = 0 writes a multiplication, for which tools take a DSP block where there is one; factors
// and product have registers of their own, as the blocks do. With BEHIND = 0 nothing comes between
// product and sum: a block that adds takes the sum as well. With BEHIND = 1 there is one register
// more, for parts whose blocks do not add: the first can lie beside the block, the second beside
// the sum.
// LOGIC = 1 writes the sum of shifted copies, which tools build of look-up tables: for parts
// with few blocks, and for numbers of few bits. Each half of b has a sum of its own; a register
// lies before the two are added.
module pf_multiply #(
    parameter A_WIDTH = 8,
    parameter B_WIDTH = 8,
    parameter LOGIC = 0,
    parameter BEHIND = 0
) (
    input  wire                              clk,
    input  wire                              enable,
    input  wire signed [A_WIDTH-1:0]         a,
    input  wire signed [B_WIDTH-1:0]         b,
    output wire signed [A_WIDTH+B_WIDTH-1:0] product
);
    localparam WIDTH = A_WIDTH + B_WIDTH;
    localparam HALF = B_WIDTH / 2;
    // A block RAM gives its word late in the clock: nothing is done with it before this register.
    reg signed [A_WIDTH-1:0] a_kept;
    reg signed [B_WIDTH-1:0] b_kept;
    // Multipliers of one layer have the same a: kept, every one has its register beside it, where
    // one for all would be far from most.
    (* keep *)
    always @(posedge clk) if (enable) a_kept <= a;
    always @(posedge clk) if (enable) b_kept <= b;
    reg signed [WIDTH-1:0] made;
    generate
        if (LOGIC) begin : logic_cells
            wire signed [WIDTH-1:0] wide = a_kept;
            reg signed [WIDTH-1:0]  low, high, low_kept, high_kept;
            integer                 k;
            always @* begin
                low = 0;
                for (k = 0; k < HALF; k = k + 1)
                    low = low + (b_kept[k] ? wide <<< k : {WIDTH{1'b0}});
                // The sign bit of a two's complement number counts negative.
                high = b_kept[B_WIDTH-1] ? -(wide <<< (B_WIDTH - 1)) : {WIDTH{1'b0}};
                for (k = HALF; k < B_WIDTH - 1; k = k + 1)
                    high = high + (b_kept[k] ? wide <<< k : {WIDTH{1'b0}});
            end
            always @(posedge clk) if (enable) begin
                low_kept <= low;
                high_kept <= high;
                made <= low_kept + high_kept;
            end
        end else begin : dsp_block
            reg signed [A_WIDTH-1:0] a_near;
            reg signed [B_WIDTH-1:0] b_near;
            always @(posedge clk) if (enable) begin
                a_near <= a_kept;
                b_near <= b_kept;
                made <= a_near * b_near;
            end
        end
        if (BEHIND) begin : register_behind
            reg signed [WIDTH-1:0] late;
            always @(posedge clk) if (enable) late <= made;
            assign product = late;
        end else begin : nothing_behind
            assign product = made;
        end
    endgenerate
endmodule

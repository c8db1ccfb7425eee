// One multiplier with its accumulator: bias + Σ x · weight over a window.
//
// With NARROW = 0 the sum is exact in SUM_WIDTH bits; products are shifted left by −SHIFT to the
// fraction of the sum. With NARROW = 1 each product is assigned to the accumulator's format
// (SHIFT, ROUNDING, OVERFLOW, SIGNED of SUM_WIDTH bits) before it is added, and each sum stays in
// that format, as hls4ml's latency strategy computes.
module pf_lane #(
    parameter X_WIDTH = 8,
    parameter WEIGHT_WIDTH = 8,
    parameter SUM_WIDTH = 20,
    parameter SHIFT = 0,
    parameter LOGIC = 0,
    parameter BEHIND = 0,
    parameter NARROW = 0,
    parameter SIGNED = 1,
    parameter ROUNDING = 0,
    parameter OVERFLOW = 0
) (
    input  wire                           clk,
    input  wire                           enable,
    input  wire                           first,  // of the window: the product starts a new sum
    input  wire                           adds,   // a product is there
    input  wire signed [X_WIDTH-1:0]      x,
    input  wire signed [WEIGHT_WIDTH-1:0] weight,
    input  wire        [SUM_WIDTH-1:0]    bias,
    output reg         [SUM_WIDTH-1:0]    sum
);
    localparam PRODUCT_WIDTH = X_WIDTH + WEIGHT_WIDTH;
    wire signed [PRODUCT_WIDTH-1:0] product;
    pf_multiply #(
        .A_WIDTH(X_WIDTH), .B_WIDTH(WEIGHT_WIDTH), .LOGIC(LOGIC), .BEHIND(BEHIND)
    ) multiply (
        .clk(clk), .enable(enable), .a(x), .b(weight), .product(product)
    );

    wire [SUM_WIDTH-1:0] kept = first ? bias : sum;
    wire [SUM_WIDTH-1:0] after;
    generate
        if (NARROW) begin : narrow
            localparam ROUNDED_WIDTH = (SHIFT > 0 ? PRODUCT_WIDTH : PRODUCT_WIDTH - SHIFT) + 2;
            wire signed [ROUNDED_WIDTH-1:0] rounded;
            wire [SUM_WIDTH-1:0]            assigned;
            pf_round #(
                .IN_WIDTH(PRODUCT_WIDTH), .SHIFT(SHIFT), .ROUNDING(ROUNDING),
                .OUT_WIDTH(ROUNDED_WIDTH)
            ) round (.given(product), .result(rounded));
            pf_overflow #(
                .IN_WIDTH(ROUNDED_WIDTH), .OUT_WIDTH(SUM_WIDTH), .SIGNED(SIGNED),
                .OVERFLOW(OVERFLOW)
            ) overflow (.given(rounded), .result(assigned));
            // Two bits more: one for the carry, one for the sign of an unsigned number.
            wire signed [SUM_WIDTH+1:0] total =
                $signed({{2{SIGNED && kept[SUM_WIDTH-1]}}, kept})
                + $signed({{2{SIGNED && assigned[SUM_WIDTH-1]}}, assigned});
            pf_overflow #(
                .IN_WIDTH(SUM_WIDTH + 2), .OUT_WIDTH(SUM_WIDTH), .SIGNED(SIGNED),
                .OVERFLOW(OVERFLOW)
            ) keep (.given(total), .result(after));
        end else begin : exact
            wire signed [SUM_WIDTH+PRODUCT_WIDTH-1:0] wide =
                {{SUM_WIDTH{product[PRODUCT_WIDTH-1]}}, product};
            wire signed [SUM_WIDTH+PRODUCT_WIDTH-1:0] shifted = wide <<< -SHIFT;
            assign after = kept + shifted[SUM_WIDTH-1:0];
        end
    endgenerate

    always @(posedge clk) if (enable && adds) sum <= after;
endmodule

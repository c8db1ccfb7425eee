// The sum or the difference of two numbers, one of them shifted left; combinational.
//
// It takes the place of alkaid's module of that name, which adds up a difference whose first
// number is shifted in three chains of carries: a part below the shift, a borrow, and the rest.
// Here every sum is one chain, and bits that only one number has are no part of it.
//
//   SHIFT1 > 0   the second number is shifted, else the first by −SHIFT1
//   IS_SUB       the second number is subtracted
//   DROP_LSBS    that many bits of the result, the lowest, are not given
module pf_shift_adder #(
    parameter BW_INPUT0 = 8,
    parameter BW_INPUT1 = 8,
    parameter SIGNED0 = 0,
    parameter SIGNED1 = 0,
    parameter BW_OUT = 9,
    parameter DROP_LSBS = 0,
    parameter SHIFT1 = 0,
    parameter IS_SUB = 0
) (
    input  wire [BW_INPUT0-1:0] in0,
    input  wire [BW_INPUT1-1:0] in1,
    output wire [BW_OUT-1:0]    out
);
    localparam WIDTH = BW_OUT + DROP_LSBS;
    localparam UP0 = SHIFT1 < 0 ? -SHIFT1 : 0;
    localparam UP1 = SHIFT1 > 0 ? SHIFT1 : 0;
    // Bits of one number alone; those of the second are not its own where it is subtracted.
    localparam ALONE = IS_SUB != 0 ? UP1 : UP0 + UP1;
    localparam LOW = ALONE < WIDTH ? ALONE : WIDTH;

    wire [WIDTH+BW_INPUT0-1:0] wide0 = {{WIDTH{SIGNED0 != 0 && in0[BW_INPUT0-1]}}, in0};
    wire [WIDTH+BW_INPUT1-1:0] wide1 = {{WIDTH{SIGNED1 != 0 && in1[BW_INPUT1-1]}}, in1};
    wire [WIDTH+BW_INPUT0-1:0] long0 = wide0 << UP0;
    wire [WIDTH+BW_INPUT1-1:0] long1 = wide1 << UP1;
    wire [WIDTH-1:0]           left = long0[WIDTH-1:0];
    wire [WIDTH-1:0]           right = long1[WIDTH-1:0];
    wire [WIDTH-1:0]           sum;
    generate
        if (LOW > 0) begin : below
            assign sum[LOW-1:0] = UP0 > 0 ? right[LOW-1:0] : left[LOW-1:0];
        end
        if (LOW < WIDTH && IS_SUB != 0) begin : subtracts
            assign sum[WIDTH-1:LOW] = left[WIDTH-1:LOW] - right[WIDTH-1:LOW];
        end else if (LOW < WIDTH) begin : adds
            assign sum[WIDTH-1:LOW] = left[WIDTH-1:LOW] + right[WIDTH-1:LOW];
        end
    endgenerate
    assign out = sum[WIDTH-1:DROP_LSBS];
endmodule

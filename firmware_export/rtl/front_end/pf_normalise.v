// The charges of an event for the network: those of the channels in TAPS, times the reciprocal of
// the event where SHIFT is not 0, rounded half up, without their DROP lowest bits, limited to the
// network's input.
//
// A word of the reciprocal lasts for CHANNELS charges. Charges come out of a block RAM, late in the
// clock: they are multiplied by pf_multiply, in three steps; a fourth rounds, a fifth limits.
module pf_normalise #(
    parameter CHARGE_BITS = 12,
    parameter FACTOR_BITS = 15,
    parameter SHIFT = 14,
    parameter DROP = 0,
    parameter CHANNELS = 64,
    parameter CHANNEL_BITS = 6,
    parameter [CHANNELS-1:0] TAPS = {CHANNELS{1'b1}},
    parameter VALUE_BITS = 12,
    parameter VALUE_SIGNED = 0
) (
    input  wire                   clk,
    input  wire                   rst,
    input  wire                   charge_valid,
    output wire                   charge_ready,
    input  wire [CHARGE_BITS-1:0] charge,
    input  wire                   factor_valid,
    output wire                   factor_ready,
    input  wire [FACTOR_BITS-1:0] factor,
    output reg                    value_valid,
    input  wire                   value_ready,
    output reg  [VALUE_BITS-1:0]  value
);
    localparam PRODUCT_BITS = CHARGE_BITS + FACTOR_BITS + 2;
    localparam [PRODUCT_BITS-1:0] HALF = (1 << SHIFT) >> 1;

    wire enable = !value_valid || value_ready;
    reg  [CHANNEL_BITS-1:0] channel;
    localparam [31:0]       FINAL = CHANNELS - 1;
    wire                    last = channel == FINAL[CHANNEL_BITS-1:0];
    wire                    takes = enable && charge_valid && factor_valid;
    assign charge_ready = enable && factor_valid;
    assign factor_ready = takes && last;

    reg                     kept_valid, first_valid, product_valid, rounded_valid;
    wire [PRODUCT_BITS-1:0] product;
    wire [PRODUCT_BITS-1:0] more = product + HALF;
    reg  [PRODUCT_BITS-1:0] rounded;
    wire [VALUE_BITS-1:0]   limited;
    // Neither factor is negative, nor is the product.
    pf_multiply #(.A_WIDTH(CHARGE_BITS + 1), .B_WIDTH(FACTOR_BITS + 1)) multiply (
        .clk(clk), .enable(enable), .a({1'b0, charge}), .b({1'b0, factor}), .product(product)
    );
    pf_overflow #(
        .IN_WIDTH(PRODUCT_BITS), .OUT_WIDTH(VALUE_BITS), .SIGNED(VALUE_SIGNED), .OVERFLOW(1)
    ) limit (.given(rounded), .result(limited));

    always @(posedge clk) begin
        if (rst) begin
            channel <= 0;
            kept_valid <= 1'b0;
            first_valid <= 1'b0;
            product_valid <= 1'b0;
            rounded_valid <= 1'b0;
            value_valid <= 1'b0;
        end else if (enable) begin
            if (takes) channel <= last ? 0 : channel + 1'b1;
            kept_valid <= takes && TAPS[channel];
            first_valid <= kept_valid;
            product_valid <= first_valid;
            rounded_valid <= product_valid;
            value_valid <= rounded_valid;
        end
        if (enable) begin
            rounded <= more >> (SHIFT + DROP);
            value <= limited;
        end
    end
endmodule

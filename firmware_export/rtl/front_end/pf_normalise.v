// The charges of an event for the network: those of the channels in TAPS, times the reciprocal of
// the event where SHIFT is not 0, rounded half up, limited to the network's input.
//
// A word of the reciprocal lasts for CHANNELS charges.
module pf_normalise #(
    parameter CHARGE_BITS = 12,
    parameter FACTOR_BITS = 15,
    parameter SHIFT = 14,
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
    localparam PRODUCT_BITS = CHARGE_BITS + FACTOR_BITS;
    localparam [PRODUCT_BITS:0] HALF = (1 << SHIFT) >> 1;

    wire enable = !value_valid || value_ready;
    reg  [CHANNEL_BITS-1:0] channel;
    wire                    last = channel == CHANNELS - 1;
    wire                    takes = enable && charge_valid && factor_valid;
    assign charge_ready = enable && factor_valid;
    assign factor_ready = takes && last;

    reg                    product_valid;
    reg [PRODUCT_BITS-1:0] product;
    wire [PRODUCT_BITS:0]  rounded = ({1'b0, product} + HALF) >> SHIFT;
    wire [VALUE_BITS-1:0]  limited;
    pf_overflow #(
        .IN_WIDTH(PRODUCT_BITS + 2), .OUT_WIDTH(VALUE_BITS), .SIGNED(VALUE_SIGNED), .OVERFLOW(1)
    ) limit (.given({1'b0, rounded}), .result(limited));

    always @(posedge clk) begin
        if (rst) begin
            channel <= 0;
            product_valid <= 1'b0;
            value_valid <= 1'b0;
        end else if (enable) begin
            if (takes) channel <= last ? 0 : channel + 1'b1;
            product_valid <= takes && TAPS[channel];
            value_valid <= product_valid;
        end
        if (enable) begin
            product <= SHIFT == 0 ? charge : charge * factor;
            value <= limited;
        end
    end
endmodule

// The charges of an event, channel by channel: less the offset of the channel where OFFSETS is 1, none
// below zero, then times its gain, rounded half up. The largest product fits: nothing saturates. A
// word of the file has the gain in its low bits and the offset, signed, above it.
module pf_gain #(
    parameter CHARGE_BITS = 12,
    parameter GAIN_BITS = 11,
    parameter FRACTION = 10,
    parameter CHANNELS = 64,
    parameter CHANNEL_BITS = 6,
    parameter OUT_BITS = 12,
    parameter OFFSETS = 0,
    parameter OFFSET_BITS = 1,
    parameter FILE = "gains.hex"
) (
    input  wire                   clk,
    input  wire                   rst,
    input  wire                   in_valid,
    output wire                   in_ready,
    input  wire [CHARGE_BITS-1:0] in_data,
    output reg                    out_valid,
    input  wire                   out_ready,
    output reg  [OUT_BITS-1:0]    out_data,
    output reg                    out_full,  // the charge is the largest of the ADC
    output reg                    out_last   // of the event
);
    localparam WORD_BITS = GAIN_BITS + (OFFSETS ? OFFSET_BITS : 0);
    localparam MOVED_BITS = CHARGE_BITS + (OFFSETS ? 1 : 0);
    localparam PRODUCT_BITS = MOVED_BITS + GAIN_BITS + 2;
    localparam [PRODUCT_BITS-1:0] HALF = (1 << FRACTION) >> 1;

    wire enable = !out_valid || out_ready;
    assign in_ready = enable;

    reg  [CHANNEL_BITS-1:0] channel;
    localparam [31:0]       FINAL = CHANNELS - 1;
    wire                    last = channel == FINAL[CHANNEL_BITS-1:0];
    wire [WORD_BITS-1:0]    word;
    wire [GAIN_BITS-1:0]    gain = word[GAIN_BITS-1:0];
    pf_rom #(
        .WIDTH(WORD_BITS), .WORDS(CHANNELS), .ADDRESS_WIDTH(CHANNEL_BITS), .FILE(FILE)
    ) gains (.clk(clk), .enable(enable), .address(channel), .data(word));

    // Where the charge is: read, kept, multiplied in two steps.
    reg  [3:0]              there, full, ends;
    reg  [CHARGE_BITS-1:0]  charge;
    wire [MOVED_BITS-1:0]   moved;
    generate
        if (OFFSETS) begin : offsets
            wire [OFFSET_BITS-1:0] offset = word[WORD_BITS-1:GAIN_BITS];
            wire [CHARGE_BITS+1:0] wide =
                {{(CHARGE_BITS + 2 - OFFSET_BITS){offset[OFFSET_BITS-1]}}, offset};
            wire [CHARGE_BITS+1:0] less = {2'b0, charge} - wide;
            assign moved = less[CHARGE_BITS+1] ? {MOVED_BITS{1'b0}} : less[CHARGE_BITS:0];
        end else begin : plain
            assign moved = charge;
        end
    endgenerate
    wire [PRODUCT_BITS-1:0] product;
    wire [PRODUCT_BITS-1:0] rounded = (product + HALF) >> FRACTION;
    // Neither factor is negative, nor is the product.
    pf_multiply #(.A_WIDTH(MOVED_BITS + 1), .B_WIDTH(GAIN_BITS + 1)) multiply (
        .clk(clk), .enable(enable), .a({1'b0, moved}), .b({1'b0, gain}), .product(product)
    );

    always @(posedge clk) begin
        if (rst) begin
            channel <= 0;
            there <= 4'b0;
            out_valid <= 1'b0;
        end else if (enable) begin
            if (in_valid) channel <= last ? 0 : channel + 1'b1;
            there <= {there[2:0], in_valid};
            out_valid <= there[3];
        end
        if (enable) begin
            charge <= in_data;
            full <= {full[2:0], &in_data};
            ends <= {ends[2:0], last};
            out_data <= rounded[OUT_BITS-1:0];
            out_full <= full[3];
            out_last <= ends[3];
        end
    end
endmodule

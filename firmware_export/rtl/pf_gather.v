// The windows of an image, one after the other: elements of an event in the order of a table.
//
// The stream in is (position, channel), channel fastest, ELEMENTS an event. The stream out gives
// all CHANNELS of the position that each of the PLACES words of FILE names, then the next. The top
// bit of a word says that zeros are given; the others are the first channel's element.
//
// Two events are held: one is written while the other is read, an element a clock each.
module pf_gather #(
    parameter WIDTH = 8,
    parameter ELEMENTS = 8,
    parameter CHANNELS = 1,
    parameter PLACES = 8,
    parameter ADDRESS = 3,        // bits that number the elements
    parameter PLACE_ADDRESS = 3,  // bits that number the places
    parameter FILE = ""
) (
    input  wire             clk,
    input  wire             rst,
    input  wire             in_valid,
    output wire             in_ready,
    input  wire [WIDTH-1:0] in_data,
    output wire             out_valid,
    input  wire             out_ready,
    output wire [WIDTH-1:0] out_data
);
    localparam [31:0] FINAL_ELEMENT = ELEMENTS - 1, FINAL_CHANNEL = CHANNELS - 1;
    localparam [31:0] FINAL_PLACE = PLACES - 1;

    reg [WIDTH-1:0]         memory [0:(2<<ADDRESS)-1];
    reg [WIDTH-1:0]         x;
    reg [ADDRESS-1:0]       written;
    reg [PLACE_ADDRESS-1:0] place;
    reg [ADDRESS-1:0]       channel, first_channel;
    reg [1:0]               full;
    reg                     write_bank, place_bank, read_bank;
    reg                     place_valid, place_final, x_valid, x_zero;
    wire [ADDRESS:0]        word;

    wire enable = !x_valid || out_ready;
    assign in_ready = !full[write_bank];
    assign out_valid = x_valid;
    assign out_data = x_zero ? {WIDTH{1'b0}} : x;

    wire write = in_valid && in_ready;
    wire last_written = written == FINAL_ELEMENT[ADDRESS-1:0];
    wire starts = full[place_bank];
    wire last_channel = channel == FINAL_CHANNEL[ADDRESS-1:0];
    wire last_place = place == FINAL_PLACE[PLACE_ADDRESS-1:0];
    wire [ADDRESS-1:0] element = word[ADDRESS-1:0] + first_channel;

    pf_rom #(
        .WIDTH(ADDRESS + 1), .WORDS(PLACES), .ADDRESS_WIDTH(PLACE_ADDRESS), .FILE(FILE)
    ) places (.clk(clk), .enable(enable), .address(place), .data(word));

    always @(posedge clk) begin
        if (rst) begin
            written <= 0;
            place <= 0;
            channel <= 0;
            full <= 2'b00;
            write_bank <= 1'b0;
            place_bank <= 1'b0;
            read_bank <= 1'b0;
            place_valid <= 1'b0;
            x_valid <= 1'b0;
        end else begin
            if (write) begin
                written <= last_written ? {ADDRESS{1'b0}} : written + 1'b1;
                if (last_written) begin
                    write_bank <= !write_bank;
                    full[write_bank] <= 1'b1;
                end
            end
            if (enable) begin
                place_valid <= starts;
                x_valid <= place_valid;
                if (starts) begin
                    channel <= last_channel ? {ADDRESS{1'b0}} : channel + 1'b1;
                    if (last_channel) place <= last_place ? {PLACE_ADDRESS{1'b0}} : place + 1'b1;
                    if (last_channel && last_place) place_bank <= !place_bank;
                end
                if (place_valid && place_final) begin
                    full[read_bank] <= 1'b0;
                    read_bank <= !read_bank;
                end
            end
        end
        if (enable) begin
            place_final <= last_channel && last_place;
            first_channel <= channel;
            x_zero <= word[ADDRESS];
        end
        // The memory alone, as every tool's block RAM is described.
        if (write) memory[{write_bank, written}] <= in_data;
        if (enable) x <= memory[{read_bank, element}];
    end
endmodule

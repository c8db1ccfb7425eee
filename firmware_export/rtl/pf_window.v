// Sum or maximum of each channel over windows of SIZE positions.
//
// The stream is (position, channel), channel fastest. One element a clock is read; a result is
// there after SIZE of them. Interval: WINDOWS · CHANNELS · SIZE clocks an event.
//
// STRIDE positions lie between two windows. The buffer holds 2^DEPTH_LOG2 elements, at least two
// windows.
module pf_window #(
    parameter X_WIDTH = 8,
    parameter X_SIGNED = 1,
    parameter POSITIONS = 8,
    parameter CHANNELS = 1,
    parameter SIZE = 2,
    parameter STRIDE = 2,
    parameter WINDOWS = 4,
    parameter MAXIMUM = 0,  // 0: sum
    parameter DEPTH_LOG2 = 4,
    parameter COUNT_WIDTH = 16,
    parameter OUT_WIDTH = 9
) (
    input  wire                 clk,
    input  wire                 rst,
    input  wire                 in_valid,
    output wire                 in_ready,
    input  wire [X_WIDTH-1:0]   in_data,
    output reg                  out_valid,
    input  wire                 out_ready,
    output reg  [OUT_WIDTH-1:0] out_data
);
    localparam WIDTH = (OUT_WIDTH > X_WIDTH ? OUT_WIDTH : X_WIDTH) + 1;
    localparam signed [COUNT_WIDTH-1:0] DEPTH = 1 << DEPTH_LOG2;
    localparam signed [COUNT_WIDTH-1:0] WHOLE = POSITIONS * CHANNELS;

    reg [X_WIDTH-1:0]            memory [0:(1<<DEPTH_LOG2)-1];
    reg [X_WIDTH-1:0]            x;
    reg [DEPTH_LOG2-1:0]         write_address, event_address, row_address, read_address;
    reg signed [COUNT_WIDTH-1:0] written, held, start, index;
    reg [COUNT_WIDTH-1:0]        position, channel, window;
    reg                          x_valid, x_first, x_last, done;
    reg signed [WIDTH-1:0]       total;

    wire enable = !(done && out_valid && !out_ready);
    assign in_ready = held < DEPTH;
    wire write = in_valid && in_ready;
    wire signed [COUNT_WIDTH-1:0] more = {{(COUNT_WIDTH - 1){1'b0}}, write};
    wire reads = enable && index < written;
    wire last_position = position == SIZE - 1;
    wire last_channel = channel == CHANNELS - 1;
    wire last_window = window == WINDOWS - 1;
    wire row_ends = reads && last_position && last_channel;
    wire event_ends = row_ends && last_window;
    wire signed [COUNT_WIDTH-1:0] next_start = start + STRIDE * CHANNELS;
    wire signed [COUNT_WIDTH-1:0] released = last_window ? WHOLE - start : STRIDE * CHANNELS;

    wire signed [WIDTH-1:0] value = {{(WIDTH-X_WIDTH){X_SIGNED && x[X_WIDTH-1]}}, x};
    wire signed [WIDTH-1:0] larger = value > total ? value : total;
    wire signed [WIDTH-1:0] after = x_first ? value : MAXIMUM ? larger : total + value;

    always @(posedge clk) begin
        if (rst) begin
            write_address <= 0;
            event_address <= 0;
            row_address <= 0;
            read_address <= 0;
            written <= 0;
            held <= 0;
            start <= 0;
            index <= 0;
            position <= 0;
            channel <= 0;
            window <= 0;
            x_valid <= 1'b0;
            done <= 1'b0;
            out_valid <= 1'b0;
        end else begin
            if (write) write_address <= write_address + 1'b1;
            written <= written + more - (event_ends ? WHOLE : 0);
            held <= held + more - (row_ends ? released : 0);
            if (enable) begin
                x_valid <= reads;
                done <= x_valid && x_last;
            end
            if (reads) begin
                position <= last_position ? 0 : position + 1'b1;
                index <= index + CHANNELS;
                read_address <= read_address + CHANNELS;
                if (last_position) begin
                    channel <= last_channel ? 0 : channel + 1'b1;
                    index <= start + channel + 1'b1;
                    read_address <= row_address + channel[DEPTH_LOG2-1:0] + 1'b1;
                end
                if (row_ends) begin
                    window <= last_window ? 0 : window + 1'b1;
                    start <= last_window ? 0 : next_start;
                    index <= last_window ? 0 : next_start;
                    row_address <= last_window ? event_address + POSITIONS * CHANNELS
                                               : row_address + STRIDE * CHANNELS;
                    read_address <= last_window ? event_address + POSITIONS * CHANNELS
                                                : row_address + STRIDE * CHANNELS;
                    if (last_window) event_address <= event_address + POSITIONS * CHANNELS;
                end
            end
            if (done && enable) out_valid <= 1'b1;
            else if (out_ready) out_valid <= 1'b0;
        end
        if (reads) begin
            x_first <= position == 0;
            x_last <= last_position;
        end
        if (enable && x_valid) total <= after;
        if (enable && done) out_data <= total[OUT_WIDTH-1:0];
        // The memory alone, as every tool's block RAM is described.
        if (write) memory[write_address] <= in_data;
        if (enable) x <= memory[read_address];
    end
endmodule

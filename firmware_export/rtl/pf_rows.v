// The elements of an event in a circular buffer, read as windows that slide over it.
//
// Elements enter in order, ELEMENTS to an event. Per event, ROWS windows of LENGTH elements are
// read, STEP elements apart, the first starting BEFORE elements before the event; what lies
// outside the event is zero. Each window is read GROUPS times, one element a clock. Reading does
// not wait for whole windows: it follows the writer element by element. What no window needs any
// more makes room at once, so that the next event enters while this one is read.
//
//   a vector (dense layer)       ROWS = 1, LENGTH = ELEMENTS
//   (position, channel)          STEP = stride · channels, BEFORE = padding · channels
//
// DEPTH_LOG2: the buffer holds 2^DEPTH_LOG2 elements, at least two windows.
//
// Whether an element can be read is decided a clock before, for the case that one is read in between
// and for the other: the comparison is long, and much waits for it. What is written can be read two
// clocks later.
//
// Two clocks after the read of an element: data, with first and last of its window, and group. A
// block RAM gives its word late in the clock: it has a register before anything else.
// enable stops all of it.
module pf_rows #(
    parameter WIDTH = 8,
    parameter ELEMENTS = 8,
    parameter LENGTH = 8,
    parameter ROWS = 1,
    parameter STEP = 0,
    parameter BEFORE = 0,
    parameter GROUPS = 1,
    parameter DEPTH_LOG2 = 4,
    parameter COUNT_WIDTH = 16  // signed; holds the depth and twice the padded event
) (
    input  wire             clk,
    input  wire             rst,
    input  wire             in_valid,
    output wire             in_ready,
    input  wire [WIDTH-1:0] in_data,
    input  wire             enable,
    output wire             reads,  // an element is read in this clock
    output wire             wraps,  // and it is the last of the last group of a window
    output reg              out_valid,
    output reg  [WIDTH-1:0] out_data,
    output reg              out_first,
    output reg              out_last,
    output reg              out_final  // of the last group
);
    localparam signed [COUNT_WIDTH-1:0] DEPTH = 1 << DEPTH_LOG2;
    localparam signed [COUNT_WIDTH-1:0] WHOLE = ELEMENTS;
    localparam signed [COUNT_WIDTH-1:0] ORIGIN = -BEFORE;
    // Addresses are counted in a ring: what is beyond their bits is of no account.
    localparam [COUNT_WIDTH-1:0] JUMP = STEP;
    localparam [COUNT_WIDTH-1:0] NEXT_EVENT = ELEMENTS - BEFORE;

    reg [WIDTH-1:0]      memory [0:(1<<DEPTH_LOG2)-1];
    reg [WIDTH-1:0]      read_data;
    reg                  outside, read_valid, read_first, read_last, read_final;
    reg [DEPTH_LOG2-1:0] write_address, event_address, row_address, read_address;

    // Relative to the event's first element: what is written, where the window starts, what is
    // read. All can be beyond the event, and what is written can fall short of what is done with.
    reg signed [COUNT_WIDTH-1:0] written, window, index;
    reg signed [COUNT_WIDTH-1:0] held;  // written and not yet released
    reg [COUNT_WIDTH-1:0]        column, row, group;

    wire write = in_valid && in_ready;
    wire signed [COUNT_WIDTH-1:0] more = {{(COUNT_WIDTH - 1){1'b0}}, write};
    assign in_ready = held < DEPTH;

    // Windows that reach outside the event; where none does, nothing has to be looked at.
    localparam PADDED = BEFORE > 0 || (ROWS - 1) * STEP + LENGTH > ELEMENTS;
    reg  can_read, blank;
    wire last_column = column == LENGTH - 1;
    wire last_group = group == GROUPS - 1;
    wire last_row = row == ROWS - 1;
    assign reads = enable && can_read;
    assign wraps = last_column && last_group;
    wire row_ends = reads && wraps;
    wire event_ends = row_ends && last_row;

    // One window starts where it always does: its release is a constant.
    wire signed [COUNT_WIDTH-1:0] start = ROWS == 1 ? ORIGIN : window;
    wire signed [COUNT_WIDTH-1:0] next_start = start + STEP;
    wire signed [COUNT_WIDTH-1:0] here = start < 0 ? 0 : start > WHOLE ? WHOLE : start;
    wire signed [COUNT_WIDTH-1:0] next =
        last_row ? WHOLE : next_start < 0 ? 0 : next_start > WHOLE ? WHOLE : next_start;

    // What can be read next: where nothing is read, after an element, a group, a window, an event.
    // A group has been read before; what is written in this clock does not count yet.
    wire signed [COUNT_WIDTH-1:0] following = index + 1'b1;
    wire stays_blank = PADDED && (index < 0 || index >= WHOLE);
    wire element_blank = PADDED && (following < 0 || following >= WHOLE);
    wire group_blank = PADDED && (start < 0 || start >= WHOLE);
    wire window_blank = PADDED && (next_start < 0 || next_start >= WHOLE);
    wire event_blank = PADDED && (ORIGIN < 0 || ORIGIN >= WHOLE);
    wire next_blank = !reads ? stays_blank : !last_column ? element_blank
        : !last_group ? group_blank : !last_row ? window_blank : event_blank;
    wire next_written = !reads ? written > index : !last_column ? written > following
        : !last_group || (last_row ? written > WHOLE + ORIGIN : written > next_start);

    always @(posedge clk) begin
        if (rst) begin
            can_read <= 1'b0;
            write_address <= 0;
            event_address <= 0;
            row_address <= ORIGIN[DEPTH_LOG2-1:0];
            read_address <= ORIGIN[DEPTH_LOG2-1:0];
            written <= 0;
            held <= 0;
            window <= ORIGIN;
            index <= ORIGIN;
            column <= 0;
            row <= 0;
            group <= 0;
            read_valid <= 1'b0;
            out_valid <= 1'b0;
        end else begin
            if (write) write_address <= write_address + 1'b1;
            written <= written + more - (event_ends ? WHOLE : 0);
            held <= held + more - (row_ends ? next - here : 0);
            can_read <= next_blank || next_written;
            if (enable) read_valid <= reads;
            if (enable) out_valid <= read_valid;
            if (reads) begin
                column <= last_column ? 0 : column + 1'b1;
                index <= index + 1'b1;
                read_address <= read_address + 1'b1;
                if (last_column) begin
                    group <= last_group ? 0 : group + 1'b1;
                    index <= start;
                    read_address <= row_address;
                end
                if (row_ends) begin
                    row <= last_row ? 0 : row + 1'b1;
                    window <= last_row ? ORIGIN : next_start;
                    index <= last_row ? ORIGIN : next_start;
                    row_address <= last_row ? event_address + NEXT_EVENT[DEPTH_LOG2-1:0]
                                            : row_address + JUMP[DEPTH_LOG2-1:0];
                    read_address <= last_row ? event_address + NEXT_EVENT[DEPTH_LOG2-1:0]
                                             : row_address + JUMP[DEPTH_LOG2-1:0];
                    if (last_row) event_address <= event_address + WHOLE[DEPTH_LOG2-1:0];
                end
            end
        end
        blank <= next_blank;
        if (reads) begin
            outside <= blank;
            read_first <= column == 0;
            read_last <= last_column;
            read_final <= last_group;
        end
        if (enable) begin
            out_data <= outside ? {WIDTH{1'b0}} : read_data;
            out_first <= read_first;
            out_last <= read_last;
            out_final <= read_final;
        end
        // The memory alone, as every tool's block RAM is described.
        if (write) memory[write_address] <= in_data;
        if (enable) read_data <= memory[read_address];
    end
endmodule

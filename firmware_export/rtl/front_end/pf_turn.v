// How an event is turned by the mirrors of its block: bit 0, mirrored in x, where its charges weigh
// more at negative x; bit 1, so in y; bit 2, x and y exchanged, where they weigh more in y than in
// x. Charges come row by row, x along a row.
//
// With S the sum of all charges and U the sum of the running sums of each row, the moment in x is
// (COLUMNS + 1) S - 2 U, in steps of half a pitch: no charge is multiplied. So it is in y, with the
// running sums of the event at the end of each row.
module pf_turn #(
    parameter CHARGE_BITS = 12,
    parameter SUM_BITS = 18,
    parameter COLUMNS = 8,
    parameter ROWS = 8,
    parameter COLUMN_BITS = 3,
    parameter ROW_BITS = 3,
    parameter DIAGONAL = 1
) (
    input  wire                   clk,
    input  wire                   rst,
    input  wire                   passes,
    input  wire [CHARGE_BITS-1:0] charge,
    output reg                    out_valid,
    input  wire                   out_ready,
    output reg  [2:0]             out_turn
);
    // Of a moment with its sign; rows and columns are at most 4096.
    localparam MOMENT_BITS = SUM_BITS + 14;
    localparam [31:0] LAST_COLUMN = COLUMNS - 1;
    localparam [31:0] LAST_ROW = ROWS - 1;

    reg  [COLUMN_BITS-1:0] column;
    reg  [ROW_BITS-1:0]    row;
    wire row_ends = column == LAST_COLUMN[COLUMN_BITS-1:0];
    wire event_ends = row_ends && row == LAST_ROW[ROW_BITS-1:0];

    // A charge is added to the sum of its row and to that of the event, then these to the others.
    reg                    added, begins, ends_row, ends;
    reg  [SUM_BITS-1:0]    in_row, whole, last_whole;
    reg  [MOMENT_BITS-1:0] along_row, along_rows;
    wire [SUM_BITS-1:0]    wide = {{(SUM_BITS - CHARGE_BITS){1'b0}}, charge};
    wire [MOMENT_BITS-1:0] row_now = {{(MOMENT_BITS - SUM_BITS){1'b0}}, in_row};
    wire [MOMENT_BITS-1:0] whole_now = {{(MOMENT_BITS - SUM_BITS){1'b0}}, whole};
    reg                    started;

    // What the event gives, in three steps; the next event takes longer.
    reg                           summed, weighed, measured;
    wire [MOMENT_BITS-1:0]        total = {{(MOMENT_BITS - SUM_BITS){1'b0}}, last_whole};
    reg  signed [MOMENT_BITS-1:0] x, y;
    reg  [MOMENT_BITS-1:0]        far_x, far_y;
    reg                           left, low;

    always @(posedge clk) begin
        if (rst) begin
            column <= 0;
            row <= 0;
            started <= 1'b0;
            added <= 1'b0;
            summed <= 1'b0;
            weighed <= 1'b0;
            measured <= 1'b0;
            out_valid <= 1'b0;
        end else begin
            if (passes) begin
                column <= row_ends ? 0 : column + 1'b1;
                if (row_ends) row <= event_ends ? 0 : row + 1'b1;
                started <= !event_ends;
            end
            added <= passes;
            summed <= added && ends;
            weighed <= summed;
            measured <= weighed;
            if (measured) out_valid <= 1'b1;
            else if (out_ready) out_valid <= 1'b0;
        end
        if (passes) begin
            in_row <= (column == 0 ? {SUM_BITS{1'b0}} : in_row) + wide;
            whole <= (started ? whole : {SUM_BITS{1'b0}}) + wide;
            begins <= !started;
            ends_row <= row_ends;
            ends <= event_ends;
        end
        if (added) begin
            along_row <= (begins ? {MOMENT_BITS{1'b0}} : along_row) + row_now;
            along_rows <= (begins ? {MOMENT_BITS{1'b0}} : along_rows)
                + (ends_row ? whole_now : {MOMENT_BITS{1'b0}});
            if (ends) last_whole <= whole;
        end
        if (summed) begin
            x <= total * (COLUMNS + 1) - {along_row[MOMENT_BITS-2:0], 1'b0};
            y <= total * (ROWS + 1) - {along_rows[MOMENT_BITS-2:0], 1'b0};
        end
        if (weighed) begin
            left <= x < 0;
            low <= y < 0;
            far_x <= x < 0 ? -x : x;
            far_y <= y < 0 ? -y : y;
        end
        if (measured) out_turn <= {DIAGONAL && far_y > far_x, low, left};
    end
endmodule

// The charges of an event in the order in which they stand after its turn: they are kept until the
// turn is known and read by it. Four events fit, so that one is written while another is read.
//
// Place (row, column) is read from (column, row) where x and y are exchanged, from the other end of
// the rows or of a row where it is mirrored.
module pf_turned #(
    parameter WIDTH = 12,
    parameter COLUMNS = 8,
    parameter ROWS = 8,
    parameter COLUMN_BITS = 3,
    parameter ROW_BITS = 3,
    parameter DIAGONAL = 1
) (
    input  wire             clk,
    input  wire             rst,
    input  wire             in_valid,
    output wire             in_ready,
    input  wire [WIDTH-1:0] in_data,
    input  wire             turn_valid,
    output wire             turn_ready,
    input  wire [2:0]       turn,
    output reg              out_valid,
    input  wire             out_ready,
    output reg  [WIDTH-1:0] out_data
);
    localparam [31:0] LAST_COLUMN = COLUMNS - 1;
    localparam [31:0] LAST_ROW = ROWS - 1;

    reg [WIDTH-1:0]       memory [0:(4<<(ROW_BITS+COLUMN_BITS))-1];
    reg [COLUMN_BITS-1:0] in_column, column;
    reg [ROW_BITS-1:0]    in_row, row;
    reg [1:0]             in_bank, bank;
    reg [2:0]             held;

    assign in_ready = !held[2];
    wire write = in_valid && in_ready;
    wire in_row_ends = in_column == LAST_COLUMN[COLUMN_BITS-1:0];
    wire written = write && in_row_ends && in_row == LAST_ROW[ROW_BITS-1:0];

    wire enable = !out_valid || out_ready;
    wire read = enable && turn_valid && held != 0;
    wire row_ends = column == LAST_COLUMN[COLUMN_BITS-1:0];
    wire done = read && row_ends && row == LAST_ROW[ROW_BITS-1:0];
    assign turn_ready = done;

    wire [COLUMN_BITS-1:0] from_column;
    wire [ROW_BITS-1:0]    from_row;
    generate
        if (DIAGONAL) begin : square
            assign from_column = turn[2] ? row : column;
            assign from_row = turn[2] ? column : row;
        end else begin : oblong
            assign from_column = column;
            assign from_row = row;
        end
    endgenerate
    wire [COLUMN_BITS-1:0] read_column =
        turn[0] ? LAST_COLUMN[COLUMN_BITS-1:0] - from_column : from_column;
    wire [ROW_BITS-1:0] read_row = turn[1] ? LAST_ROW[ROW_BITS-1:0] - from_row : from_row;

    always @(posedge clk) begin
        if (rst) begin
            in_column <= 0;
            in_row <= 0;
            in_bank <= 0;
            column <= 0;
            row <= 0;
            bank <= 0;
            held <= 0;
            out_valid <= 1'b0;
        end else begin
            if (write) begin
                in_column <= in_row_ends ? 0 : in_column + 1'b1;
                if (in_row_ends) in_row <= written ? 0 : in_row + 1'b1;
                if (written) in_bank <= in_bank + 1'b1;
            end
            if (read) begin
                column <= row_ends ? 0 : column + 1'b1;
                if (row_ends) row <= done ? 0 : row + 1'b1;
                if (done) bank <= bank + 1'b1;
            end
            if (written && !done) held <= held + 1'b1;
            if (done && !written) held <= held - 1'b1;
            if (enable) out_valid <= read;
        end
        if (write) memory[{in_bank, in_row, in_column}] <= in_data;
        if (read) out_data <= memory[{bank, read_row, read_column}];
    end
endmodule

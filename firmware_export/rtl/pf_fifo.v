// A queue of 2^DEPTH_LOG2 elements, for streams that wait for one another. One that is empty
// gives an element a clock after it came.
module pf_fifo #(
    parameter WIDTH = 8,
    parameter DEPTH_LOG2 = 4
) (
    input  wire             clk,
    input  wire             rst,
    input  wire             in_valid,
    output wire             in_ready,
    input  wire [WIDTH-1:0] in_data,
    output reg              out_valid,
    input  wire             out_ready,
    output wire [WIDTH-1:0] out_data
);
    reg [WIDTH-1:0]      memory [0:(1<<DEPTH_LOG2)-1];
    reg [WIDTH-1:0]      read_data, kept_data;
    reg [DEPTH_LOG2-1:0] head, tail;
    reg [DEPTH_LOG2:0]   held;
    reg                  kept;

    assign in_ready = !held[DEPTH_LOG2];
    wire write = in_valid && in_ready;
    wire free = out_ready || !out_valid;
    wire empty = held == 0;
    wire read = free && !empty;
    // What meets an empty queue and a free end does not wait in memory.
    wire pass = write && free && empty;
    assign out_data = kept ? kept_data : read_data;

    always @(posedge clk) begin
        if (rst) begin
            head <= 0;
            tail <= 0;
            held <= 0;
            out_valid <= 1'b0;
        end else begin
            if (write && !pass) tail <= tail + 1'b1;
            if (read) head <= head + 1'b1;
            if (write && !read && !pass) held <= held + 1'b1;
            if (read && !write) held <= held - 1'b1;
            if (free) out_valid <= !empty || in_valid;
        end
        if (free) kept <= empty;
        if (free) kept_data <= in_data;
        if (write) memory[tail] <= in_data;
        if (read) read_data <= memory[head];
    end
endmodule

// A queue of 2^DEPTH_LOG2 elements, for streams that wait for one another.
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
    output reg  [WIDTH-1:0] out_data
);
    reg [WIDTH-1:0]      memory [0:(1<<DEPTH_LOG2)-1];
    reg [DEPTH_LOG2-1:0] head, tail;
    reg [DEPTH_LOG2:0]   held;

    assign in_ready = !held[DEPTH_LOG2];
    wire write = in_valid && in_ready;
    wire read = held != 0 && (out_ready || !out_valid);

    always @(posedge clk) begin
        if (rst) begin
            head <= 0;
            tail <= 0;
            held <= 0;
            out_valid <= 1'b0;
        end else begin
            if (write) tail <= tail + 1'b1;
            if (read) head <= head + 1'b1;
            if (write && !read) held <= held + 1'b1;
            if (read && !write) held <= held - 1'b1;
            if (out_ready || !out_valid) out_valid <= held != 0;
        end
        if (write) memory[tail] <= in_data;
        if (read) out_data <= memory[head];
    end
endmodule

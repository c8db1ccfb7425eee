// Two streams in turn: FIRST elements of a, then SECOND elements of b, and again.
module pf_concatenate #(
    parameter WIDTH = 8,
    parameter FIRST = 1,
    parameter SECOND = 1
) (
    input  wire             clk,
    input  wire             rst,
    input  wire             a_valid,
    output wire             a_ready,
    input  wire [WIDTH-1:0] a_data,
    input  wire             b_valid,
    output wire             b_ready,
    input  wire [WIDTH-1:0] b_data,
    output wire             out_valid,
    input  wire             out_ready,
    output wire [WIDTH-1:0] out_data
);
    reg [31:0] count;
    wire       second = count >= FIRST;

    assign out_valid = second ? b_valid : a_valid;
    assign out_data = second ? b_data : a_data;
    assign a_ready = !second && out_ready;
    assign b_ready = second && out_ready;

    always @(posedge clk) begin
        if (rst) count <= 0;
        else if (out_valid && out_ready)
            count <= count == FIRST + SECOND - 1 ? 0 : count + 1;
    end
endmodule

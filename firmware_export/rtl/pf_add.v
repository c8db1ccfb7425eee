// The sum of two streams, element by element; what is above WIDTH bits is dropped.
module pf_add #(
    parameter WIDTH = 8
) (
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
    assign out_valid = a_valid && b_valid;
    assign a_ready = out_ready && b_valid;
    assign b_ready = out_ready && a_valid;
    assign out_data = a_data + b_data;
endmodule

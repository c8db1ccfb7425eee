// One stream for COUNT readers: each takes every element when it can, none waits for another
// longer than one element.
module pf_fork #(
    parameter COUNT = 2
) (
    input  wire             clk,
    input  wire             rst,
    input  wire             in_valid,
    output wire             in_ready,
    output wire [COUNT-1:0] out_valid,
    input  wire [COUNT-1:0] out_ready
);
    reg [COUNT-1:0] taken;

    assign out_valid = {COUNT{in_valid}} & ~taken;
    assign in_ready = &(taken | out_ready);

    always @(posedge clk) begin
        if (rst || (in_valid && in_ready)) taken <= 0;
        else taken <= taken | (out_valid & out_ready);
    end
endmodule

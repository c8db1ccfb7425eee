// A value DEPTH enabled clocks later. What comes out before so many are in is not known.
module pf_delay #(
    parameter WIDTH = 8,
    parameter DEPTH = 4
) (
    input  wire             clk,
    input  wire             rst,
    input  wire             enable,
    input  wire [WIDTH-1:0] given,
    output wire [WIDTH-1:0] delayed
);
    generate
        if (DEPTH == 0) begin : none
            assign delayed = given;
        end else if (DEPTH == 1) begin : one
            reg [WIDTH-1:0] kept;
            assign delayed = kept;
            always @(posedge clk) if (enable) kept <= given;
        end else begin : several
            // The register behind the memory is one of the DEPTH.
            reg [WIDTH-1:0] memory [0:DEPTH-2];
            reg [WIDTH-1:0] kept;
            reg [15:0]      place;
            assign delayed = kept;
            always @(posedge clk) begin
                if (rst) place <= 0;
                else if (enable) place <= place == DEPTH - 2 ? 0 : place + 1'b1;
                if (enable) begin
                    kept <= memory[place];
                    memory[place] <= given;
                end
            end
        end
    endgenerate
endmodule

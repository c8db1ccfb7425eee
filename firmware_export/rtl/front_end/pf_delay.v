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
    function integer bits_for;
        input integer words;
        begin
            bits_for = 1;
            while ((1 << bits_for) < words) bits_for = bits_for + 1;
        end
    endfunction

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
            localparam BITS = bits_for(DEPTH - 1);
            localparam [31:0] FINAL = DEPTH - 2;
            reg [BITS-1:0]  place;
            assign delayed = kept;
            always @(posedge clk) begin
                if (rst) place <= 0;
                else if (enable) place <= place == FINAL[BITS-1:0] ? {BITS{1'b0}} : place + 1'b1;
                if (enable) begin
                    kept <= memory[place];
                    memory[place] <= given;
                end
            end
        end
    endgenerate
endmodule

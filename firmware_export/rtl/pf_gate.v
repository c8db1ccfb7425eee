// Lets events into a pipeline of STAGES registers that never stops.
//
// It counts the events inside, in the pipeline and in the queue of 2^DEPTH_LOG2 behind it, and
// takes no more than the queue holds, so that a receiver may stop at any time. An event is taken
// when all INPUTS have it.
module pf_gate #(
    parameter INPUTS = 1,
    parameter STAGES = 1,
    parameter DEPTH_LOG2 = 4
) (
    input  wire              clk,
    input  wire              rst,
    input  wire [INPUTS-1:0] in_valid,
    output wire [INPUTS-1:0] in_ready,
    output wire              arrives,    // an event is at the pipeline's end
    input  wire              out_valid,  // of the queue
    input  wire              out_ready
);
    reg [DEPTH_LOG2:0] held;
    reg                room;
    reg [STAGES-1:0]   travels;

    wire leaves = out_valid && out_ready;
    wire takes = room && (&in_valid);
    wire [DEPTH_LOG2:0] held_next = takes && !leaves ? held + 1'b1
                                  : leaves && !takes ? held - 1'b1
                                  : held;
    wire [STAGES-1:0] moved;
    assign arrives = travels[STAGES-1];

    genvar number;
    generate
        if (STAGES == 1) begin : one
            assign moved = takes;
        end else begin : several
            assign moved = {travels[STAGES-2:0], takes};
        end
        for (number = 0; number < INPUTS; number = number + 1) begin : input_of
            localparam [INPUTS-1:0] SELF = 1 << number;
            assign in_ready[number] = room && (&(in_valid | SELF));
        end
    endgenerate

    always @(posedge clk) begin
        if (rst) begin
            held <= 0;
            room <= 1'b0;
            travels <= 0;
        end else begin
            held <= held_next;
            room <= !held_next[DEPTH_LOG2];
            travels <= moved;
        end
    end
endmodule

// Counts the events of a chain from trigger to record: at most 2^CAPACITY_LOG2 are inside, and a
// trigger that finds no room is counted as lost.
module pf_room #(
    parameter CAPACITY_LOG2 = 2,
    parameter LOST_BITS = 16
) (
    input  wire                 clk,
    input  wire                 rst,
    input  wire                 fires,
    input  wire                 leaves,
    output wire                 room,
    output reg  [LOST_BITS-1:0] lost
);
    reg [CAPACITY_LOG2:0] held;

    assign room = !held[CAPACITY_LOG2];
    wire enters = fires && room;

    always @(posedge clk) begin
        if (rst) begin
            held <= 0;
            lost <= 0;
        end else begin
            if (enters && !leaves) held <= held + 1'b1;
            if (leaves && !enters) held <= held - 1'b1;
            if (fires && !room) lost <= lost + 1'b1;
        end
    end
endmodule

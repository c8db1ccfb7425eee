// Sum of an event's charges, how many of them have light, and whether one is at the ADC's end.
//
// The charges pass on at once; what is known of the event follows its last one, one event at a
// time: the next waits until it is taken.
module pf_total #(
    parameter CHARGE_BITS = 12,
    parameter SUM_BITS = 18,
    parameter COUNT_BITS = 7,
    parameter LEAST = 1
) (
    input  wire                   clk,
    input  wire                   rst,
    input  wire                   in_valid,
    output wire                   in_ready,
    input  wire [CHARGE_BITS-1:0] in_data,
    input  wire                   in_full,
    input  wire                   in_last,
    output wire                   charge_valid,
    input  wire                   charge_ready,
    output wire [CHARGE_BITS-1:0] charge,
    output reg                    event_valid,
    input  wire                   event_ready,
    output reg  [SUM_BITS-1:0]    event_sum,
    output reg  [COUNT_BITS-1:0]  event_channels,
    output reg                    event_full
);
    reg                  begun, full;
    reg [SUM_BITS-1:0]   sum;
    reg [COUNT_BITS-1:0] channels;

    // The last charge waits until there is room for what is known.
    wire room = !event_valid || event_ready;
    assign charge_valid = in_valid && (!in_last || room);
    assign in_ready = charge_ready && (!in_last || room);
    assign charge = in_data;
    wire passes = in_valid && in_ready;

    wire [31:0]           level = {{(32 - CHARGE_BITS){1'b0}}, in_data};
    wire [COUNT_BITS:0]   lit = {{COUNT_BITS{1'b0}}, level >= LEAST};
    wire [SUM_BITS+CHARGE_BITS-1:0] wide = {{SUM_BITS{1'b0}}, in_data};
    wire [SUM_BITS-1:0]   sum_next = (begun ? sum : {SUM_BITS{1'b0}}) + wide[SUM_BITS-1:0];
    wire [COUNT_BITS-1:0] channels_next = (begun ? channels : {COUNT_BITS{1'b0}}) + lit[COUNT_BITS-1:0];
    wire                  full_next = (begun && full) || in_full;

    always @(posedge clk) begin
        if (rst) begin
            begun <= 1'b0;
            event_valid <= 1'b0;
        end else begin
            if (passes) begun <= !in_last;
            if (passes && in_last) event_valid <= 1'b1;
            else if (event_ready) event_valid <= 1'b0;
        end
        if (passes) begin
            sum <= sum_next;
            channels <= channels_next;
            full <= full_next;
            if (in_last) begin
                event_sum <= sum_next;
                event_channels <= channels_next;
                event_full <= full_next;
            end
        end
    end
endmodule

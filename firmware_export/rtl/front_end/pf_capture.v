// Window and energy of the events that a trigger finds: the samples that a network reads, one a
// step and no faster, and at the end of the gate what is known of the event.
//
// The gate begins BEFORE samples before the trigger and takes GATE samples; the next trigger comes
// later than GATE samples after this one. Bit k of TAPS says whether the network reads sample k.
// The energy is the sum of the first ENERGY_GATE samples above the baseline, whose 2^SHIFT-fold is
// summed and rounded once at the end, half up. rise: from sample RISE_START on, one of these was
// RISE higher than LAG samples before.
module pf_capture #(
    parameter ADC_BITS = 12,
    parameter SHIFT = 4,
    parameter BEFORE = 8,
    parameter WINDOW = 16,
    parameter [WINDOW-1:0] TAPS = {WINDOW{1'b1}},
    parameter GATE = 100,
    parameter ENERGY_GATE = 100,
    parameter LAG = 4,
    parameter signed [31:0] RISE = 60,
    parameter RISE_START = 24,
    parameter MARK_BITS = 64,
    parameter VALUE_BITS = 13,
    parameter VALUE_SIGNED = 1,
    parameter ENERGY_BITS = 21
) (
    input  wire                          clk,
    input  wire                          rst,
    input  wire                          step,
    // of the trigger
    input  wire [ADC_BITS-1:0]           upright,
    input  wire                          fires,
    input  wire                          accepted,  // there is room for the event
    input  wire [ADC_BITS+SHIFT-1:0]     baseline,
    input  wire [MARK_BITS-1:0]          mark,
    // to the network
    output wire                          value_valid,
    output wire [VALUE_BITS-1:0]         value,
    // at the end of the gate
    output wire                          event_valid,
    output reg  [MARK_BITS-1:0]          event_mark,
    output reg  [ADC_BITS+SHIFT-1:0]     event_baseline,
    output wire signed [ENERGY_BITS-1:0] event_energy,
    output reg                           event_saturated,
    output reg                           event_rise
);
    localparam SUM_BITS = ADC_BITS + SHIFT;
    localparam TOTAL_BITS = ENERGY_BITS + SHIFT;
    localparam signed [TOTAL_BITS-1:0] HALF = (1 << SHIFT) >> 1;

    wire [ADC_BITS-1:0] earlier, lagging;
    reg  [ADC_BITS-1:0] seen;
    pf_delay #(.WIDTH(ADC_BITS), .DEPTH(BEFORE)) ahead (
        .clk(clk), .rst(rst), .enable(step), .given(upright), .delayed(earlier)
    );
    pf_delay #(.WIDTH(ADC_BITS), .DEPTH(LAG)) lag (
        .clk(clk), .rst(rst), .enable(step), .given(seen), .delayed(lagging)
    );

    // which sample of the gate is seen
    reg                 starts, runs, keeps;
    reg [15:0]          count;
    reg [WINDOW-1:0]    taps;
    reg [SUM_BITS-1:0]  pedestal;
    reg [MARK_BITS-1:0] held_mark;
    wire                open = starts || runs;
    wire [15:0]         place = starts ? 16'd0 : count;
    wire [WINDOW-1:0]   next_taps = starts ? TAPS : taps;
    wire                summed = place < ENERGY_GATE;

    always @(posedge clk) begin
        if (rst) begin
            starts <= 1'b0;
            runs <= 1'b0;
            keeps <= 1'b0;
        end else if (step) begin
            starts <= fires;
            if (fires) keeps <= accepted;
            if (open) runs <= place != GATE - 1;
        end
        if (step) begin
            seen <= earlier;
            if (fires) begin
                pedestal <= baseline;
                held_mark <= mark;
            end
            if (open) begin
                count <= place + 1'b1;
                taps <= next_taps >> 1;
            end
        end
    end

    // the sample above the baseline
    reg signed [ADC_BITS:0] height;
    reg signed [SUM_BITS:0] term;
    reg                     chosen, adds, first, last, opened, rail, rises;
    wire [SUM_BITS:0]        raised = {{SHIFT+1{1'b0}}, seen} << SHIFT;
    wire signed [ADC_BITS:0] slope = $signed({1'b0, seen}) - $signed({1'b0, lagging});
    wire signed [31:0]       steep = {{(31 - ADC_BITS){slope[ADC_BITS]}}, slope};

    always @(posedge clk) begin
        if (rst) begin
            chosen <= 1'b0;
            adds <= 1'b0;
            last <= 1'b0;
            opened <= 1'b0;
        end else if (step) begin
            chosen <= open && keeps && next_taps[0];
            adds <= open && summed;
            last <= open && place == GATE - 1;
            opened <= open;
        end
        if (step) begin
            first <= starts;
            height <= $signed({1'b0, seen}) - $signed({1'b0, pedestal[SUM_BITS-1:SHIFT]});
            term <= $signed(raised) - $signed({1'b0, pedestal});
            rail <= (&seen) || !(|seen);
            rises <= summed && place >= RISE_START && steep >= RISE;
        end
    end

    assign value_valid = step && chosen;
    pf_overflow #(
        .IN_WIDTH(ADC_BITS + 1), .OUT_WIDTH(VALUE_BITS), .SIGNED(VALUE_SIGNED), .OVERFLOW(1)
    ) limit (.given(height), .result(value));

    // sums over the gate
    reg signed [TOTAL_BITS-1:0] total;
    reg                         done;
    wire [TOTAL_BITS+SUM_BITS:0] longer = {{TOTAL_BITS{term[SUM_BITS]}}, term};
    wire signed [TOTAL_BITS-1:0] rounded = total + HALF;
    assign event_energy = rounded[TOTAL_BITS-1:SHIFT];
    assign event_valid = step && done;

    always @(posedge clk) begin
        if (rst) done <= 1'b0;
        else if (step) done <= last && keeps;
        if (step) begin
            if (adds) total <= first ? longer[TOTAL_BITS-1:0] : total + longer[TOTAL_BITS-1:0];
            if (opened) begin
                event_saturated <= rail || (event_saturated && !first);
                event_rise <= rises || (event_rise && !first);
            end
            if (last) begin
                event_mark <= held_mark;
                event_baseline <= pedestal;
            end
        end
    end
endmodule

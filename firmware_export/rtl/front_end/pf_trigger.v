// Running baseline and trigger of a stream of ADC samples, one a clock in which step is high.
//
// The baseline is the mean, rounded down, of 2^SHIFT samples; the newest of them lies GAP samples
// before the sample that it is taken from. A sample counts if the trigger was idle at it and
// GAP - 2 samples later: neither a pulse nor its rising edge moves the baseline. A trigger is the
// first sample at or above THRESHOLD while armed; armed again is it at or below REARM, DEAD samples
// later or more, or after TIMEOUT samples, when the baseline is learned anew.
//
// Two registers: the height above the baseline, then the decision. What is told of a trigger is
// there together with its sample in upright, in the step in which fires is high.
module pf_trigger #(
    parameter ADC_BITS = 12,
    parameter INVERTED = 0,
    parameter SHIFT = 4,
    parameter GAP = 12,
    parameter signed [31:0] THRESHOLD = 60,
    parameter signed [31:0] REARM = 30,
    parameter DEAD = 100,
    parameter TIMEOUT = 4096,
    parameter TAIL = 0,
    parameter NUMBER_BITS = 16,
    parameter SAMPLE_BITS = 48,
    parameter TIME_BITS = 62,
    parameter [31:0] TIME_STEP = 1
) (
    input  wire                      clk,
    input  wire                      rst,
    input  wire                      step,
    input  wire [ADC_BITS-1:0]       sample,
    output reg  [ADC_BITS-1:0]       upright,
    output wire                      fires,
    output reg  [ADC_BITS+SHIFT-1:0] baseline,  // sum of the baseline's samples
    output wire                      tail,      // fewer than TAIL samples after it was armed
    output reg  [NUMBER_BITS-1:0]    number,    // of triggers before this one
    output reg  [SAMPLE_BITS-1:0]    index,     // of the sample
    output reg  [TIME_BITS-1:0]      ticks      // TIME_STEP for each sample
);
    localparam SUM_BITS = ADC_BITS + SHIFT;
    localparam BACK = GAP - 2;

    wire [ADC_BITS-1:0] turned = INVERTED ? ~sample : sample;

    // the first register: height above the baseline
    reg [SUM_BITS-1:0]     sum;
    reg [SHIFT:0]          filled;
    reg signed [ADC_BITS:0] height;
    reg                    live, known;
    wire                   relearns;
    wire [ADC_BITS-1:0]    mean = sum[SUM_BITS-1:SHIFT];

    always @(posedge clk) begin
        if (rst) begin
            live <= 1'b0;
            known <= 1'b0;
        end else if (step) begin
            live <= 1'b1;
            known <= filled[SHIFT] && !relearns;
        end
        if (step) begin
            upright <= turned;
            height <= $signed({1'b0, turned}) - $signed({1'b0, mean});
            baseline <= sum;
        end
    end

    // the second: idle, fired, or waiting to be armed
    wire signed [31:0] level = {{(31 - ADC_BITS){height[ADC_BITS]}}, height};
    reg        armed;
    reg [16:0] since, calm;
    wire [16:0] since_next = since + 1'b1;

    assign fires = live && armed && known && level >= THRESHOLD;
    assign tail = calm < TAIL;
    wire idle = live && armed && !fires;
    wire waits = live && !armed;
    wire [TIME_BITS+31:0] tick = {{TIME_BITS{1'b0}}, TIME_STEP};
    wire rests = waits && since_next >= DEAD && level <= REARM;
    assign relearns = waits && !rests && since_next >= TIMEOUT;

    always @(posedge clk) begin
        if (rst) begin
            armed <= 1'b1;
            since <= 0;
            calm <= 0;
            number <= 0;
            index <= 0;
            ticks <= 0;
        end else if (step) begin
            if (fires) begin
                armed <= 1'b0;
                since <= 0;
                number <= number + 1'b1;
            end
            if (waits) since <= since_next;
            if (rests || relearns) begin
                armed <= 1'b1;
                calm <= 0;
            end
            if (idle && tail) calm <= calm + 1'b1;
            if (live) begin
                index <= index + 1'b1;
                ticks <= ticks + tick[TIME_BITS-1:0];
            end
        end
    end

    // the baseline's samples
    wire [ADC_BITS-1:0] enters, leaves;
    wire                was_idle;
    generate
        if (BACK == 0) begin : at_once
            assign was_idle = idle;
        end else begin : later
            reg [BACK-1:0] past;
            assign was_idle = past[BACK-1];
            if (BACK == 1) begin : one
                always @(posedge clk) if (rst) past <= 0; else if (step) past <= idle;
            end else begin : several
                always @(posedge clk)
                    if (rst) past <= 0; else if (step) past <= {past[BACK-2:0], idle};
            end
        end
    endgenerate
    wire counts = idle && was_idle;
    pf_delay #(.WIDTH(ADC_BITS), .DEPTH(BACK)) ahead (
        .clk(clk), .rst(rst), .enable(step), .given(upright), .delayed(enters)
    );
    pf_delay #(.WIDTH(ADC_BITS), .DEPTH(1 << SHIFT)) ring (
        .clk(clk), .rst(rst), .enable(step && counts), .given(enters), .delayed(leaves)
    );
    wire [ADC_BITS-1:0] dropped = filled[SHIFT] ? leaves : {ADC_BITS{1'b0}};
    wire signed [ADC_BITS:0] change = $signed({1'b0, enters}) - $signed({1'b0, dropped});
    wire [2*SUM_BITS+1:0]    longer = {{(2 * SUM_BITS + 1 - ADC_BITS){change[ADC_BITS]}}, change};
    wire [SUM_BITS:0]        wide = {1'b0, sum} + longer[SUM_BITS:0];

    always @(posedge clk) begin
        if (rst || (step && relearns)) begin
            sum <= 0;
            filled <= 0;
        end else if (step && counts) begin
            sum <= wide[SUM_BITS-1:0];
            if (!filled[SHIFT]) filled <= filled + 1'b1;
        end
    end
endmodule

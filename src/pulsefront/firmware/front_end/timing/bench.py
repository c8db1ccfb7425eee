"""The test bench of a timing chain: a golden stream, record by record, in three runs."""

from __future__ import annotations

from pulsefront.firmware.front_end.axis import bench_lines
from pulsefront.firmware.front_end.bench import (
    StreamSizes,
    further_runs,
    indented,
    records_compared,
    unchanged_while_waiting,
)
from pulsefront.firmware.front_end.timing.layout import TimingLayout
from pulsefront.firmware.front_end.timing.top import timing_clocks

__all__ = ["timing_bench"]


def timing_bench(layout: TimingLayout, sizes: StreamSizes) -> str:
    """Return the Verilog of the test bench ``NAME_front_end_tb``."""
    name = layout.model.name
    clocks = timing_clocks(layout)
    fields = layout.fields
    bits = sum(one.bits for one in fields)
    held = bench_lines(name, fields, ("sample", layout.settings.adc_bits), ["lost"])
    gathered = ", ".join(f"record_{one.name}" for one in reversed(fields))
    wanted = [f"reg {one.declared} wanted_{one.name};" for one in fields]
    return f"""// Test bench of {name}_front_end: a golden stream at one sample a clock, then with
// gaps between samples and a receiver that is not always ready, then with a receiver that stops
// for long. It ends with PASS, or with FAIL, the event, the field and both integers.
`timescale 1ns / 1ps
module {name}_front_end_tb;
    {indented(sizes.parameters(), 4)}
    localparam LATENCY = {clocks.latency};
    localparam DEAD = {clocks.dead};
    localparam INTERVAL = {clocks.interval};
    localparam LOSES_NONE = {int(clocks.loses_none)};
    localparam CAPACITY = {layout.settings.queue_events};

    reg clk = 0;
    reg rst = 1;
    always #5 clk = !clk;

    reg [{layout.settings.adc_bits - 1}:0] stream [0:SAMPLES-1];
    reg [{bits - 1}:0] expected [0:(RECORDS > 0 ? RECORDS - 1 : 0)];
    reg sample_valid = 0;
    reg [{layout.settings.adc_bits - 1}:0] sample = 0;
    wire record_valid;
    reg record_ready = 0;
    wire [15:0] lost;
    {indented(wanted, 4)}

    // Through the names of AXI4-Stream.
    {indented(held, 4)}
    wire [{bits - 1}:0] record = {{{gathered}}};

    integer run = 0;
    integer seed = 1;
    integer draw = 0;
    integer clock = 0;
    integer fed = 0;
    integer first_clock = 0;
    integer received = 0;
    integer index = 0;
    integer next = 0;
    integer waited = 0;
    integer longest = 0;
    integer stops = 0;
    integer file = 0;
    reg stalled = 0;
    reg [{bits - 1}:0] held = 0;
    reg failed = 0;
    reg done = 0;

    // Samples; after the last, that one again, so that the chain comes to its end.
    always @(posedge clk) begin
        clock = clock + 1;
        if (rst || done) begin
            sample_valid <= 0;
        end else begin
            draw = $random(seed);
            sample_valid <= !(run == 1 && draw % 3 == 0);
            if (!(run == 1 && draw % 3 == 0)) begin
                if (fed == 0) first_clock = clock;
                sample <= stream[fed < SAMPLES ? fed : SAMPLES - 1];
                fed = fed + 1;
            end
        end
    end

    // The receiver.
    always @(posedge clk) begin
        if (rst) begin
            record_ready <= 0;
            stops = 0;
        end else begin
            draw = $random(seed);
            if (run == 0 || fed >= SAMPLES) begin
                record_ready <= 1;
            end else if (run == 1) begin
                record_ready <= draw % 2 == 0;
            end else begin
                if (stops == 0 && draw % 64 == 0) stops = (CAPACITY + 3) * (DEAD + INTERVAL);
                if (stops > 0) stops = stops - 1;
                record_ready <= stops == 0;
            end
        end
    end

    // Records.
    always @(posedge clk) if (!rst && !done && !failed) begin
        {indented(unchanged_while_waiting("next"), 8)}
        if (record_valid && (!lanes_right || sample_ready !== 1'b1)) begin
            $display("FAIL: tdata beyond a field, tlast or tready is wrong, event %0d", next);
            failed = 1;
        end
        if (record_valid && record_ready) begin
            received = received + 1;
            waited = 0;
            if (DUMP) begin
                $fwrite(file, "%0h\\n", record);
            end else begin
                // Lost ones leave gaps in the number of the trigger.
                index = next + ((record_number - next) & 16'hffff);
                {indented(records_compared(fields), 16)}
                if (run == 0 && clock - first_clock - record_sample > longest)
                    longest = clock - first_clock - record_sample;
                next = index + 1;
            end
        end
        // All samples are in, and no event can be on its way.
        if (fed >= SAMPLES) waited = waited + 1;
        if (waited > 4 * (LATENCY + INTERVAL) + CAPACITY * INTERVAL + 100) done = 1;
    end

    task start;
        begin
            rst = 1;
            fed = 0;
            received = 0;
            next = 0;
            waited = 0;
            stalled = 0;
            repeat (4) @(negedge clk);
            done = 0;
            rst = 0;
        end
    endtask

    task check;
        begin
            if (!failed && received + lost != RECORDS) begin
                $display("FAIL: %0d records and %0d lost of %0d", received, lost, RECORDS);
                failed = 1;
            end
            if (!failed && run < 2 && LOSES_NONE && lost != 0) begin
                $display("FAIL: %0d events are lost, stated: none", lost);
                failed = 1;
            end
        end
    endtask

    initial begin
        $readmemh("tb_data/stream.hex", stream);
        if (DUMP) file = $fopen("found_records.txt");
        else $readmemh("tb_data/records.hex", expected);
        start;
        wait (done || failed);
        if (!DUMP) begin
            check;
            $display("one sample a clock: %0d samples, %0d records, %0d lost", SAMPLES, received,
                     lost);
            $display("  latency at most %0d clocks, stated: %0d", longest, LATENCY);
            if (!failed && LOSES_NONE && longest > LATENCY) begin
                $display("FAIL: later than stated");
                failed = 1;
            end
            {indented(further_runs("%0d records, %0d lost", "received, lost"), 12)}
        end
        if (DUMP) $fclose(file);
        if (!failed) $display("PASS");
        $finish;
    end
endmodule
"""

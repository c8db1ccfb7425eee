"""The test bench of a position chain: golden charges, record by record, in three runs."""

from __future__ import annotations

from pulsefront.firmware.front_end.axis import bench_lines
from pulsefront.firmware.front_end.bench import (
    StreamSizes,
    further_runs,
    indented,
    records_compared,
    unchanged_while_waiting,
)
from pulsefront.firmware.front_end.position.layout import PositionLayout
from pulsefront.firmware.front_end.position.top import position_clocks

__all__ = ["position_bench"]


def position_bench(layout: PositionLayout, sizes: StreamSizes) -> str:
    """Return the Verilog of the test bench ``NAME_front_end_tb``; a sample is a charge."""
    name = layout.model.name
    clocks = position_clocks(layout)
    fields = layout.fields
    bits = sum(one.bits for one in fields)
    wanted = [f"reg {one.declared} wanted_{one.name};" for one in fields]
    held = bench_lines(name, fields, ("charge", layout.stream_bits))
    gathered = ", ".join(f"record_{one.name}" for one in reversed(fields))
    return f"""// Test bench of {name}_front_end: golden charges at one a clock, then with gaps
// between them and a receiver that is not always ready, then with a receiver that stops for long.
// It ends with PASS, or with FAIL, the event, the field and both integers.
`timescale 1ns / 1ps
module {name}_front_end_tb;
    {indented(sizes.parameters(), 4)}
    localparam LATENCY = {clocks.latency};
    localparam INTERVAL = {clocks.interval};

    reg clk = 0;
    reg rst = 1;
    always #5 clk = !clk;

    reg [{layout.stream_bits - 1}:0] stream [0:SAMPLES-1];
    reg [{bits - 1}:0] expected [0:(RECORDS > 0 ? RECORDS - 1 : 0)];
    reg charge_valid = 0;
    reg [{layout.stream_bits - 1}:0] charge = 0;
    wire record_valid;
    reg record_ready = 0;
    {indented(wanted, 4)}

    // Through the names of AXI4-Stream.
    {indented(held, 4)}
    wire [{bits - 1}:0] record = {{{gathered}}};

    integer run = 0;
    integer seed = 1;
    integer draw = 0;
    integer clock = 0;
    integer fed = 0;
    integer first_in = -1;
    integer first_out = -1;
    integer last_out = -1;
    integer index = 0;
    integer waited = 0;
    integer stops = 0;
    integer file = 0;
    reg stalled = 0;
    reg [{bits - 1}:0] held = 0;
    reg failed = 0;
    reg done = 0;

    always @(posedge clk) begin
        clock = clock + 1;
        if (!rst && !done) begin
            if (charge_valid && charge_ready && first_in < 0) first_in = clock;
            if (!charge_valid || charge_ready) begin
                draw = $random(seed);
                charge_valid <= 0;
                if (fed < SAMPLES && !(run == 1 && draw % 3 == 0)) begin
                    charge_valid <= 1;
                    charge <= stream[fed];
                    fed = fed + 1;
                end
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
            if (run == 2 && stops == 0 && draw % 256 == 0) stops = 12 * INTERVAL;
            if (stops > 0) stops = stops - 1;
            record_ready <= run == 0 || (run == 1 && draw % 2 == 0) || (run == 2 && stops == 0);
        end
    end

    // Records.
    always @(posedge clk) if (!rst && !done && !failed) begin
        {indented(unchanged_while_waiting("index"), 8)}
        if (record_valid && !lanes_right) begin
            $display("FAIL: tdata beyond a field, or tlast, is wrong, event %0d", index);
            failed = 1;
        end
        waited = waited + 1;
        if (record_valid && record_ready) begin
            waited = 0;
            if (first_out < 0) first_out = clock;
            last_out = clock;
            if (DUMP) begin
                $fwrite(file, "%0h\\n", record);
            end else begin
                {indented(records_compared(fields), 16)}
            end
            index = index + 1;
        end
        // As long as a receiver stops, and an event takes.
        if (waited > 2 * LATENCY + 16 * INTERVAL + 100) done = 1;
    end

    task start;
        begin
            rst = 1;
            fed = 0;
            index = 0;
            waited = 0;
            stalled = 0;
            first_in = -1;
            first_out = -1;
            charge_valid <= 0;
            repeat (4) @(negedge clk);
            done = 0;
            rst = 0;
        end
    endtask

    task check;
        if (!failed && index != RECORDS) begin
            $display("FAIL: %0d records of %0d", index, RECORDS);
            failed = 1;
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
            $display("one charge a clock: %0d charges, %0d records", SAMPLES, index);
            $display("  first latency %0d clocks, stated: at most %0d", first_out - first_in,
                     LATENCY);
            $display("  interval %0.2f clocks, stated: %0d",
                     (last_out - first_out) * 1.0 / (RECORDS > 1 ? RECORDS - 1 : 1), INTERVAL);
            if (!failed && first_out - first_in > LATENCY) begin
                $display("FAIL: later than stated");
                failed = 1;
            end
            if (!failed && last_out - first_in > LATENCY + (RECORDS - 1) * INTERVAL) begin
                $display("FAIL: slower than stated");
                failed = 1;
            end
            {indented(further_runs("%0d records", "index"), 12)}
        end
        if (DUMP) $fclose(file);
        if (!failed) $display("PASS");
        $finish;
    end
endmodule
"""

"""A plain Verilog test bench: golden vectors, gaps and back-pressure, the first wrong integer.

One bench for both designs, time-shared and unrolled: what it needs of a design are its streams
and the clocks that are stated for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pulsefront.firmware.rtl.streams import axis_name, lane_bits
from pulsefront.firmware.rtl.time_shared.top import top_name
from pulsefront.fixed_point.specification import Specification

__all__ = ["Bench", "StreamPort", "bench_of", "testbench"]


@dataclass(frozen=True)
class StreamPort:
    """A stream of a design: *elements* of *width* bits make an event, *beat* of them at a time."""

    name: str
    width: int
    elements: int
    signed: bool
    beat: int = 1

    @property
    def beats(self) -> int:
        """Transfers of an event."""
        return self.elements // self.beat

    @property
    def bits(self) -> int:
        """Width of ``NAME_data``."""
        return self.width * self.beat

    @property
    def lane(self) -> int:
        """Bits of an element in AXI4-Stream's ``tdata``."""
        return lane_bits(self.width)


@dataclass(frozen=True)
class Bench:
    """A design as its test bench sees it: its streams, and the clocks that are stated.

    The bench drives *axis*, the module with the names of AXI4-Stream around the module *top*.
    """

    top: str
    axis: str
    inputs: Sequence[StreamPort]
    outputs: Sequence[StreamPort]
    interval_cycles: int
    latency_cycles: int
    vectors: int


def bench_of(
    model: Specification,
    *,
    serial: bool,
    interval_cycles: int,
    latency_cycles: int,
    vectors: int,
) -> Bench:
    """Return a model's bench; one element is a beat where *serial*, else all of an event."""

    def ports(names: Sequence[str]) -> tuple[StreamPort, ...]:
        tensors = [model.tensors[name] for name in names]
        return tuple(
            StreamPort(
                one.name, one.format.width, one.size, one.format.signed, 1 if serial else one.size
            )
            for one in tensors
        )

    return Bench(
        top_name(model),
        axis_name(model),
        ports([one.name for one in model.inputs]),
        ports(model.outputs),
        interval_cycles,
        latency_cycles,
        vectors,
    )


def testbench(bench: Bench) -> str:
    """Return the Verilog of the test bench; see ``README.md`` of the folder for its use."""
    declared = [line for one in bench.inputs for line in _input_declarations(one)]
    declared += [line for one in bench.outputs for line in _output_declarations(one)]
    connected = [
        f".s_axis_{one.name}_t{part}({one.name}_{signal})"
        for one in bench.inputs
        for part, signal in _PARTS
    ]
    connected += [
        f".m_axis_{one.name}_t{part}({one.name}_{signal})"
        for one in bench.outputs
        for part, signal in (*_PARTS, ("last", "last"))
    ]
    loads = [
        f'$readmemh("tb_data/inputs_{one.name}.hex", {one.name}_vectors);' for one in bench.inputs
    ]
    compares = [
        f'$readmemh("tb_data/expected_{one.name}.hex", {one.name}_vectors);'
        for one in bench.outputs
    ]
    opens = [f'{one.name}_file = $fopen("found_{one.name}.txt");' for one in bench.outputs]
    restart = [
        f"{one.name}_event = 0; {one.name}_beat = 0; {one.name}_valid <= 0;" for one in bench.inputs
    ]
    restart += [
        f"{one.name}_event = 0; {one.name}_beat = 0; {one.name}_ready <= 0; {one.name}_stalled = 0;"
        for one in bench.outputs
    ]
    done = " && ".join(f"{one.name}_event == VECTORS" for one in bench.outputs)
    checks = [line for one in bench.outputs for line in _output_process(one)]
    drives = [line for one in bench.inputs for line in _input_process(one)]
    return "\n".join(
        [
            f"// Test bench of {bench.top}: golden vectors at full speed, then with gaps in the",
            "// inputs and back-pressure on the outputs. It ends with PASS, or with FAIL, the",
            "// vector, the element and both integers.",
            "`timescale 1ns / 1ps",
            f"module {bench.top}_tb;",
            f"    parameter VECTORS = {bench.vectors};",
            "    // 1: write what comes out to found_OUTPUT.txt and compare nothing.",
            "    parameter DUMP = 0;",
            f"    localparam INTERVAL = {bench.interval_cycles};",
            f"    localparam LATENCY = {bench.latency_cycles};",
            "",
            "    reg clk = 0;",
            "    reg rst = 1;",
            "    always #5 clk = !clk;",
            "",
            "    reg     gaps = 0;",
            "    integer seed = 1;",
            "    integer cycle = 0;",
            "    integer quiet = 0;",
            "    integer first_in = -1;",
            "    integer first_out = -1;",
            "    integer last_out = -1;",
            "    reg     failed = 0;",
            *_indented(declared),
            "",
            f"    {bench.axis} dut (",
            "        .aclk(clk), .aresetn(!rst),",
            "        " + ",\n        ".join(connected),
            "    );",
            "",
            "    always @(posedge clk) begin",
            "        cycle = cycle + 1;",
            "        quiet = quiet + 1;",
            "        if (!rst && quiet > 16 * (LATENCY + INTERVAL) + 1000 && !failed) begin",
            '            $display("FAIL: the design has stopped at vector %0d",',
            f"                     {bench.outputs[0].name}_event);",
            "            failed = 1;",
            "            $finish;",
            "        end",
            "    end",
            "",
            *_indented(drives),
            *_indented(checks),
            "    task restart;",
            "        begin",
            "            rst = 1;",
            *_indented(restart, 12),
            "            repeat (4) @(negedge clk);",
            "            quiet = 0;",
            "            rst = 0;",
            "        end",
            "    endtask",
            "",
            "    initial begin",
            *_indented(loads, 8),
            "        if (DUMP) begin",
            *_indented(opens, 12),
            "        end else begin",
            *_indented(compares, 12),
            "        end",
            "        restart;",
            f"        wait ({done});",
            "        if (!DUMP && !failed) begin",
            '            $display("full speed: %0d vectors", VECTORS);',
            '            $display("  first latency %0d clocks, stated: at most %0d",',
            "                     first_out - first_in, LATENCY);",
            '            $display("  interval %0.2f clocks, stated: %0d",',
            "                     (last_out - first_out) * 1.0 / (VECTORS > 1 ? VECTORS - 1 : 1),",
            "                     INTERVAL);",
            "            if (first_out - first_in > LATENCY) begin",
            '                $display("FAIL: later than stated");',
            "                failed = 1;",
            "            end",
            "            if (last_out - first_in > LATENCY + (VECTORS - 1) * INTERVAL) begin",
            '                $display("FAIL: slower than stated");',
            "                failed = 1;",
            "            end",
            "            gaps = 1;",
            "            if (!failed) restart;",
            f"            wait (failed || ({done}));",
            '            if (!failed) $display("gaps and back-pressure: %0d vectors", VECTORS);',
            "        end",
            '        if (!failed) $display("PASS");',
            "        $finish;",
            "    end",
            "endmodule",
            "",
        ]
    )


_PARTS = (("valid", "valid"), ("ready", "ready"), ("data", "lanes"))
"""Signals of AXI4-Stream, and those of the bench that are connected to them."""


def _indented(lines: Sequence[str], by: int = 4) -> list[str]:
    return [f"{' ' * by}{line}" if line else "" for line in lines]


def _memory(one: StreamPort) -> str:
    return f"reg [{one.width * one.elements - 1}:0] {one.name}_vectors [0:VECTORS-1];"


def _input_declarations(one: StreamPort) -> list[str]:
    return [
        _memory(one),
        f"integer {one.name}_event = 0;",
        f"integer {one.name}_beat = 0;",
        f"integer {one.name}_draw = 0;",
        f"reg {one.name}_valid = 0;",
        f"reg [{one.bits - 1}:0] {one.name}_data = 0;",
        f"wire {one.name}_ready;",
        # What is beyond an element is not read: it is not the sign here.
        *_bus(f"{one.name}_lanes", one.beat * one.lane, _lanes(one, "1'b1")),
    ]


def _bus(name: str, bits: int, value: str) -> list[str]:
    return [f"wire [{bits - 1}:0] {name} = {value};"]


def _lanes(one: StreamPort, beyond: str | None) -> str:
    """Return ``tdata`` of ``NAME_data``, with *beyond* above each element; None: its sign."""
    parts, more = [], one.lane - one.width
    for index in reversed(range(one.beat)):
        start = index * one.width
        sign = f"{one.name}_data[{start + one.width - 1}]" if one.signed else "1'b0"
        if more:
            parts.append(f"{{{more}{{{beyond or sign}}}}}")
        parts.append(f"{one.name}_data[{start} +: {one.width}]")
    return f"{{{', '.join(parts)}}}"


def _elements(one: StreamPort) -> str:
    """Return the elements of ``tdata`` without what is beyond each."""
    lanes = reversed(range(one.beat))
    return f"{{{', '.join(f'{one.name}_lanes[{i * one.lane} +: {one.width}]' for i in lanes)}}}"


def _input_process(one: StreamPort) -> list[str]:
    """Offer the next beat once the last is taken; with gaps, not always at once."""
    name = one.name
    bits = f"{name}_beat*{one.bits} +: {one.bits}"
    return [
        "always @(posedge clk) if (!rst) begin",
        f"    if ({name}_valid && {name}_ready && first_in < 0) first_in = cycle;",
        f"    if (!{name}_valid || {name}_ready) begin",
        f"        {name}_valid <= 0;",
        f"        {name}_draw = $random(seed);",
        f"        if ({name}_event < VECTORS && !(gaps && {name}_draw % 3 == 0)) begin",
        f"            {name}_valid <= 1;",
        f"            {name}_data <= {name}_vectors[{name}_event][{bits}];",
        f"            {name}_beat = {name}_beat + 1;",
        f"            if ({name}_beat == {one.beats}) begin",
        f"                {name}_beat = 0;",
        f"                {name}_event = {name}_event + 1;",
        "            end",
        "        end",
        "    end",
        "end",
        "",
    ]


def _output_declarations(one: StreamPort) -> list[str]:
    return [
        _memory(one),
        f"integer {one.name}_event = 0;",
        f"integer {one.name}_beat = 0;",
        f"integer {one.name}_draw = 0;",
        f"integer {one.name}_element = 0;",
        f"integer {one.name}_file = 0;",
        f"wire {one.name}_valid, {one.name}_last;",
        f"wire [{one.beat * one.lane - 1}:0] {one.name}_lanes;",
        *_bus(f"{one.name}_data", one.bits, _elements(one)),
        *_bus(f"{one.name}_extended", one.beat * one.lane, _lanes(one, None)),
        f"reg {one.name}_ready = 0;",
        f"reg {one.name}_stalled = 0;",
        f"reg [{one.bits - 1}:0] {one.name}_kept = 0;",
        f"reg {'signed ' if one.signed else ''}[{one.width - 1}:0] {one.name}_got = 0;",
        f"reg {'signed ' if one.signed else ''}[{one.width - 1}:0] {one.name}_expected = 0;",
    ]


def _output_process(one: StreamPort) -> list[str]:
    """Take beats, compare each element, and check the stream's own rules."""
    name, width = one.name, one.width
    return [
        "always @(posedge clk) if (!rst && !failed) begin",
        f"    if ({name}_stalled && (!{name}_valid || {name}_data !== {name}_kept)) begin",
        f'        $display("FAIL: {name} changed before it was taken, vector %0d", {name}_event);',
        "        failed = 1;",
        "        $finish;",
        "    end",
        f"    {name}_stalled = {name}_valid && !{name}_ready;",
        f"    {name}_kept = {name}_data;",
        f"    if ({name}_valid && {name}_ready) begin",
        "        quiet = 0;",
        f"        for ({name}_element = 0; {name}_element < {one.beat};",
        f"             {name}_element = {name}_element + 1) begin",
        f"            {name}_got = {name}_data[{name}_element*{width} +: {width}];",
        "            if (DUMP) begin",
        f'                $fwrite({name}_file, "%0d\\n", {name}_got);',
        "            end else begin",
        f"                {name}_expected = {name}_vectors[{name}_event]",
        f"                    [({name}_beat*{one.beat} + {name}_element)*{width} +: {width}];",
        f"                if ({name}_got !== {name}_expected && !failed) begin",
        f'                    $display("FAIL: vector %0d, {name}[%0d]: expected %0d, got %0d",',
        f"                             {name}_event, {name}_beat*{one.beat} + {name}_element,",
        f"                             {name}_expected, {name}_got);",
        "                    failed = 1;",
        "                    $finish;",
        "                end",
        "            end",
        "        end",
        f"        if ({name}_lanes !== {name}_extended && !failed) begin",
        f'            $display("FAIL: vector %0d: {name} has no sign above it", {name}_event);',
        "            failed = 1;",
        "            $finish;",
        "        end",
        f"        if ({name}_last !== ({name}_beat == {one.beats - 1}) && !failed) begin",
        f'            $display("FAIL: vector %0d: {name}_last is wrong", {name}_event);',
        "            failed = 1;",
        "            $finish;",
        "        end",
        f"        {name}_beat = {name}_beat + 1;",
        f"        if ({name}_beat == {one.beats}) begin",
        f"            {name}_beat = 0;",
        f"            if (!gaps && {name}_event == 0 && cycle > first_out) first_out = cycle;",
        "            if (!gaps) last_out = cycle;",
        f"            {name}_event = {name}_event + 1;",
        "        end",
        "    end",
        f"    {name}_draw = $random(seed);",
        f"    {name}_ready <= !(gaps && {name}_draw % 2 == 0);",
        "end",
        "",
    ]

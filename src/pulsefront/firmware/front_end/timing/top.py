"""The top module of a timing chain: trigger, capture, network, record."""

from __future__ import annotations

from dataclasses import dataclass

from pulsefront.firmware.front_end.record.fields import NUMBER_BITS
from pulsefront.firmware.front_end.record.input_tests import input_test_lines
from pulsefront.firmware.front_end.record.logic import (
    CLOCK,
    Text,
    declared_ports,
    network_lines,
    record_stage,
)
from pulsefront.firmware.front_end.timing.layout import SAMPLE_BITS, TIME_BITS, TimingLayout
from pulsefront.firmware.rtl.language.verilog import address_bits, instance

__all__ = ["LOST_BITS", "TimingClocks", "timing_clocks", "timing_top"]

LOST_BITS = 16

TRIGGER_STEPS = 2
"""From a sample in to the decision on it, both included."""
CAPTURE_STEPS = 3
"""From the decision to the first value for the network, and from the gate's end to its event."""
RECORD_CLOCKS = 4
"""Two of a queue, one of the collected outputs, one of the record."""


@dataclass(frozen=True)
class TimingClocks:
    """What is stated of a chain, in clocks, one sample a clock.

    Attributes
    ----------
    dead
        After a trigger, at least, until the next.
    interval
        Between two events that the network takes.
    latency
        From the trigger's sample in to the record out, at most, where no event waits for another.
    """

    dead: int
    interval: int
    latency: int

    @property
    def loses_none(self) -> bool:
        """Whether no event is lost while the receiver takes what comes."""
        return self.interval <= self.dead


def timing_clocks(layout: TimingLayout) -> TimingClocks:
    """Return the clocks of a chain."""
    chain, design = layout.settings, layout.design
    last = layout.window[-1] + chain.samples_before
    start = TRIGGER_STEPS + CAPTURE_STEPS
    tests = layout.tests
    behind = max(
        design.latency_cycles + len(layout.limits.low), 0 if tests is None else tests.latency_clocks
    )
    network = last + start + RECORD_CLOCKS + behind
    each = [] if tests is None else [tests.interval_clocks]
    return TimingClocks(
        dead=chain.dead,
        interval=max(design.interval_cycles, len(layout.window), *each),
        latency=max(network, chain.gate + start + RECORD_CLOCKS),
    )


def timing_top(layout: TimingLayout) -> str:
    """Return the Verilog of the top module ``NAME_front_end``."""
    chain, model = layout.settings, layout.model
    name, step = model.name, layout.step
    port = model.inputs[0]
    # An interval of a power of two needs no counter of its own.
    counts_time = layout.has_time and step & (step - 1) != 0
    marks = [("sample", SAMPLE_BITS), ("number", NUMBER_BITS), ("tail", 1)]
    if counts_time:
        marks.insert(0, ("ticks", TIME_BITS))
    mark_bits = sum(bits for _, bits in marks)
    offset = [k + chain.samples_before for k in layout.window]
    window = chain.samples_before + chain.samples_after
    taps = sum(1 << k for k in offset)
    constants = layout.constants
    queue = chain.queue_events.bit_length() - 1
    body = [
        "// baseline and trigger",
        f"wire [{chain.adc_bits - 1}:0] upright;",
        "wire fires, tail, room;",
        f"wire [{layout.baseline_bits - 1}:0] baseline;",
        f"wire [{NUMBER_BITS - 1}:0] number;",
        f"wire [{SAMPLE_BITS - 1}:0] sample_index;",
        f"wire [{TIME_BITS - 1}:0] ticks;",
        *instance(
            "pf_trigger",
            "trigger",
            {
                "ADC_BITS": chain.adc_bits,
                "INVERTED": constants.inverted,
                "SHIFT": constants.shift,
                "GAP": constants.gap,
                "THRESHOLD": constants.trigger,
                "REARM": constants.rearm,
                "DEAD": constants.dead,
                "TIMEOUT": constants.timeout,
                "TAIL": constants.tail,
                "NUMBER_BITS": NUMBER_BITS,
                "SAMPLE_BITS": SAMPLE_BITS,
                "TIME_BITS": TIME_BITS,
                "TIME_STEP": Text(f"32'd{step}"),
            },
            {
                **CLOCK,
                "step": "sample_valid",
                "sample": "sample",
                "upright": "upright",
                "fires": "fires",
                "baseline": "baseline",
                "tail": "tail",
                "number": "number",
                "index": "sample_index",
                "ticks": "ticks",
            },
        ),
        *instance(
            "pf_room",
            "events",
            {"CAPACITY_LOG2": queue, "LOST_BITS": LOST_BITS},
            {
                **CLOCK,
                "fires": "sample_valid && fires",
                "leaves": "record_valid && record_ready",
                "room": "room",
                "lost": "lost",
            },
        ),
        "",
        "// window and energy",
        "wire value_valid, event_valid, event_saturated, event_rise;",
        f"wire [{port.format.width - 1}:0] value;",
        f"wire [{mark_bits - 1}:0] event_mark;",
        f"wire [{layout.baseline_bits - 1}:0] event_baseline;",
        f"wire signed [{layout.energy_bits - 1}:0] event_energy;",
        *instance(
            "pf_capture",
            "capture",
            {
                "ADC_BITS": chain.adc_bits,
                "SHIFT": constants.shift,
                "BEFORE": constants.before,
                "WINDOW": window,
                "TAPS": Text(f"{window}'h{taps:x}"),
                "GATE": constants.gate,
                "ENERGY_GATE": constants.energy_gate,
                "LAG": constants.pile_up_lag,
                "RISE": constants.pile_up_rise,
                "RISE_START": constants.pile_up_start,
                "MARK_BITS": mark_bits,
                "VALUE_BITS": port.format.width,
                "VALUE_SIGNED": port.format.signed,
                "ENERGY_BITS": layout.energy_bits,
            },
            {
                **CLOCK,
                "step": "sample_valid",
                "upright": "upright",
                "fires": "fires",
                "accepted": "room",
                "baseline": "baseline",
                "mark": "{"
                + ", ".join({"sample": "sample_index"}.get(one, one) for one, _ in marks)
                + "}",
                "value_valid": "value_valid",
                "value": "value",
                "event_valid": "event_valid",
                "event_mark": "event_mark",
                "event_baseline": "event_baseline",
                "event_energy": "event_energy",
                "event_saturated": "event_saturated",
                "event_rise": "event_rise",
            },
        ),
        "",
        "// the network's queue",
        "wire unused_values, window_valid, window_ready;",
        f"wire [{port.format.width - 1}:0] window_value;",
        *instance(
            "pf_fifo",
            "values",
            {
                "WIDTH": port.format.width,
                "DEPTH_LOG2": address_bits(len(offset) * chain.queue_events),
            },
            {
                **CLOCK,
                "in_valid": "value_valid",
                "in_ready": "unused_values",
                "in_data": "value",
                "out_valid": "window_valid",
                "out_ready": "window_ready",
                "out_data": "window_value",
            },
        ),
        *_network(layout, queue),
        "",
        "// what else is known of the event waits for the network",
    ]
    kept = [
        *marks,
        ("baseline", layout.baseline_bits),
        ("energy", layout.energy_bits),
        ("saturated", 1),
        ("rise", 1),
    ]
    body += _queue(kept, queue)
    body += _doubts(layout)
    if layout.has_time:
        body += _time(layout, counts_time=counts_time)
    sources = {
        "number": "kept_number",
        "sample": "kept_sample",
        "time": "time_of_event",
        "energy": "kept_energy",
        "baseline": "kept_baseline",
    }
    body += ["", *_record(layout, sources)]
    ports = [
        "input  wire clk",
        "input  wire rst",
        "input  wire sample_valid",
        f"input  wire [{chain.adc_bits - 1}:0] sample",
        "output reg  record_valid",
        "input  wire record_ready",
        *declared_ports(layout.fields),
        f"output wire [{LOST_BITS - 1}:0] lost",
    ]
    clocks = timing_clocks(layout)
    text = "\n".join(f"    {line}".rstrip() for line in body)
    listed = ",\n    ".join(ports)
    return (
        f"// {name}: the whole front end, written by pulsefront; see README.md.\n"
        f"// One sample a clock; another trigger {clocks.dead + 1} clocks after one at the "
        f"earliest; a record at most\n// {clocks.latency} clocks after its trigger.\n"
        f"module {name}_front_end (\n    {listed}\n);\n{text}\nendmodule\n"
    )


def _network(layout: TimingLayout, depth_log2: int) -> list[str]:
    if layout.tests is None:
        return network_lines(layout.model, layout.limits)
    tests = input_test_lines(layout.tests, depth_log2)
    return [*tests, *network_lines(layout.model, layout.limits, source="read")]


def _record(layout: TimingLayout, sources: dict[str, str]) -> list[str]:
    tests, undecided = layout.tests is not None, layout.settings.undecided
    return record_stage(layout.fields, sources, layout.limits, undecided, tests=tests)


def _queue(kept: list[tuple[str, int]], depth_log2: int) -> list[str]:
    bits = sum(width for _, width in kept)
    lines = [
        "wire unused_events, side_valid, side_ready;",
        f"wire [{bits - 1}:0] side;",
        *instance(
            "pf_fifo",
            "sides",
            {"WIDTH": bits, "DEPTH_LOG2": depth_log2},
            {
                "clk": "clk",
                "rst": "rst",
                "in_valid": "event_valid",
                "in_ready": "unused_events",
                "in_data": "{event_mark, event_baseline, event_energy, event_saturated, "
                "event_rise}",
                "out_valid": "side_valid",
                "out_ready": "side_ready",
                "out_data": "side",
            },
        ),
    ]
    end = bits
    for name, width in kept:
        signed = "signed " if name == "energy" else ""
        lines.append(f"wire {signed}[{width - 1}:0] kept_{name} = side[{end - 1}:{end - width}];")
        end -= width
    return lines


def _doubts(layout: TimingLayout) -> list[str]:
    low, high = layout.baseline_limits
    least, most = layout.energy_limits
    bits, wide = layout.baseline_bits + 1, layout.energy_bits
    # Nothing is below 0.
    below = f"{{1'b0, kept_baseline}} < {bits}'d{low} || " if low > 0 else ""
    return [
        "wire pile_up = kept_rise;",
        "wire tail_of_event = kept_tail;",
        "wire saturated = kept_saturated;",
        f"wire baseline_outside = {below}{{1'b0, kept_baseline}} > {bits}'d{high};",
        f"wire energy_outside = kept_energy < {_signed(least, wide)}",
        f"    || kept_energy > {_signed(most, wide)};",
        "wire few_channels = 1'b0;",
    ]


def _signed(value: int, bits: int) -> str:
    """Return a signed constant; the lowest of its width has no positive counterpart."""
    return f"$signed({bits}'h{value & ((1 << bits) - 1):x})"


def _time(layout: TimingLayout, *, counts_time: bool) -> list[str]:
    width, extra = layout.limits.format.width, layout.extra_bits
    # The first output: behind it there may be its error.
    value = f"result[{width - 1}:0]"
    sign = f"result[{width - 1}]" if layout.limits.format.signed else "1'b0"
    whole = "kept_ticks" if counts_time else f"(kept_sample_wide << {layout.step.bit_length() - 1})"
    lines = []
    if not counts_time:
        pad = TIME_BITS - SAMPLE_BITS
        lines.append(f"wire [{TIME_BITS - 1}:0] kept_sample_wide = {{{pad}'d0, kept_sample}};")
    return [
        *lines,
        f"wire [{TIME_BITS - 1}:0] correction = {{{{{TIME_BITS - width}{{{sign}}}}}, {value}}};",
        f"wire [{TIME_BITS - 1}:0] time_of_event = {whole} + (correction << {extra});",
    ]

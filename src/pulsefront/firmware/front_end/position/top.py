"""The top module of a position chain: gains, sum, normalisation, network, record."""

from __future__ import annotations

from dataclasses import dataclass

from pulsefront.firmware.front_end.position.layout import PositionLayout
from pulsefront.firmware.front_end.position.normalisation import normalisation_lines
from pulsefront.firmware.front_end.position.turns import (
    FOLD_CLOCKS,
    kept_charges,
    turn_lines,
    turned_back_lines,
)
from pulsefront.firmware.front_end.record.fields import NUMBER_BITS
from pulsefront.firmware.front_end.record.input_tests import input_test_lines
from pulsefront.firmware.front_end.record.logic import (
    CLOCK,
    declared_ports,
    network_lines,
    record_stage,
)
from pulsefront.firmware.front_end.record.margin import MARGIN_CLOCKS, margin_lines
from pulsefront.firmware.rtl.language.verilog import address_bits, instance

__all__ = ["GAINS", "PositionClocks", "position_clocks", "position_top"]

GAINS = "gains.hex"
EVENTS_LOG2 = 3
"""Of the events that wait for the network."""
STAGE_CLOCKS = 21
"""Registers and queues of gains, sum, normalisation and record, together."""


@dataclass(frozen=True)
class PositionClocks:
    """What is stated of a chain, in clocks, one charge a clock.

    *interval* between two events at full speed; *latency* from the first charge of an event in to
    its record out, at most, where no event waits for another.
    """

    interval: int
    latency: int


def position_clocks(layout: PositionLayout) -> PositionClocks:
    """Return the clocks of a chain."""
    chain, design = layout.settings, layout.design
    elements = len(layout.limits.low)
    turned = 0 if chain.mirrors is None else FOLD_CLOCKS
    before = chain.channels + layout.division_steps + STAGE_CLOCKS + turned
    # The network may read few of the channels: the last comes when all have passed.
    tests = 0 if layout.tests is None else layout.tests.latency_clocks
    margin = 0 if layout.margin is None else MARGIN_CLOCKS
    network = chain.channels + max(design.latency_cycles + elements + margin, tests)
    interval = max(layout.interval_before, design.interval_cycles)
    return PositionClocks(interval, before + network)


def position_top(layout: PositionLayout) -> str:
    """Return the Verilog of the top module ``NAME_front_end``."""
    chain, model = layout.settings, layout.model
    name, width, mirrors = model.name, layout.charge_bits, chain.mirrors
    body = [
        "// gains",
        "wire corrected_valid, corrected_ready, corrected_full, corrected_last;",
        f"wire [{width - 1}:0] corrected;",
        *instance(
            "pf_gain",
            "gains",
            {
                "CHARGE_BITS": chain.adc_bits,
                "GAIN_BITS": layout.gain_bits,
                "FRACTION": chain.gain_fraction_bits,
                "CHANNELS": chain.channels,
                "CHANNEL_BITS": address_bits(chain.channels),
                "OUT_BITS": width,
                "OFFSETS": int(layout.offset_bits > 0),
                "OFFSET_BITS": max(layout.offset_bits, 1),
                "FILE": GAINS,
            },
            {
                **CLOCK,
                "in_valid": "charge_valid",
                "in_ready": "charge_ready",
                "in_data": "charge",
                "out_valid": "corrected_valid",
                "out_ready": "corrected_ready",
                "out_data": "corrected",
                "out_full": "corrected_full",
                "out_last": "corrected_last",
            },
        ),
        "",
        "// sum",
        "wire passed_valid, passed_ready, event_valid, event_ready, event_full;",
        f"wire [{width - 1}:0] passed;",
        f"wire [{layout.sum_bits - 1}:0] event_sum;",
        f"wire [{layout.channel_bits - 1}:0] event_channels;",
        *instance(
            "pf_total",
            "total",
            {
                "CHARGE_BITS": width,
                "SUM_BITS": layout.sum_bits,
                "COUNT_BITS": layout.channel_bits,
                "LEAST": chain.channel_adc,
            },
            {
                **CLOCK,
                "in_valid": "corrected_valid",
                "in_ready": "corrected_ready",
                "in_data": "corrected",
                "in_full": "corrected_full",
                "in_last": "corrected_last",
                "charge_valid": "passed_valid",
                "charge_ready": "passed_ready",
                "charge": "passed",
                "event_valid": "event_valid",
                "event_ready": "event_ready",
                "event_sum": "event_sum",
                "event_channels": "event_channels",
                "event_full": "event_full",
            },
        ),
        *([] if mirrors is None else turn_lines(layout, mirrors, EVENTS_LOG2)),
        "wire waiting_valid, waiting_ready;",
        f"wire [{width - 1}:0] waiting;",
        *(_queue(layout) if mirrors is None else kept_charges(layout, mirrors)),
        "",
        *_sides(layout),
        "",
        *normalisation_lines(layout),
        "",
        *_network(layout),
        "",
        *_doubts(layout),
        "",
        *record_stage(
            layout.fields,
            {"number": "number", "energy": "kept_sum", "channels": "kept_channels"},
            layout.limits,
            chain.undecided,
            tests=layout.tests is not None,
            margin=layout.margin is not None,
        ),
        f"reg [{NUMBER_BITS - 1}:0] number;",
        "always @(posedge clk) if (rst) number <= 0; else if (takes) number <= number + 1'b1;",
    ]
    # A register is declared before it is read.
    body.insert(0, body.pop(-2))
    ports = [
        "input  wire clk",
        "input  wire rst",
        "input  wire charge_valid",
        "output wire charge_ready",
        f"input  wire [{chain.adc_bits - 1}:0] charge",
        "output reg  record_valid",
        "input  wire record_ready",
        *declared_ports(layout.fields),
    ]
    clocks = position_clocks(layout)
    text = "\n".join(f"    {line}".rstrip() for line in body)
    listed = ",\n    ".join(ports)
    return (
        f"// {name}: the whole front end, written by pulsefront; see README.md.\n"
        f"// {chain.channels} charges an event; a new event every {clocks.interval} clocks; a "
        f"record at most {clocks.latency}\n// clocks after the first charge of its event.\n"
        f"module {name}_front_end (\n    {listed}\n);\n{text}\nendmodule\n"
    )


def _queue(layout: PositionLayout) -> list[str]:
    return instance(
        "pf_fifo",
        "charges",
        {"WIDTH": layout.charge_bits, "DEPTH_LOG2": address_bits(2 * layout.settings.channels)},
        {
            **CLOCK,
            "in_valid": "passed_valid",
            "in_ready": "passed_ready",
            "in_data": "passed",
            "out_valid": "waiting_valid",
            "out_ready": "waiting_ready",
            "out_data": "waiting",
        },
    )


def _network(layout: PositionLayout) -> list[str]:
    before, source = [], "window"
    if layout.tests is not None:
        before, source = input_test_lines(layout.tests, EVENTS_LOG2), "read"
    if layout.settings.mirrors is None:
        behind = [] if layout.margin is None else margin_lines(layout.margin, EVENTS_LOG2)
        return [*before, *network_lines(layout.model, layout.limits, source=source), *behind]
    network = network_lines(layout.model, layout.limits, "answer", source)
    return [*before, *network, *turned_back_lines(layout)]


def _sides(layout: PositionLayout) -> list[str]:
    """Return what keeps sum and channels until the network is done."""
    folded = layout.settings.mirrors is not None
    readers = ["noted"]
    if layout.settings.normalised_sum is not None:
        readers.append("divided")
    if folded:
        readers += ["order_in", "back_in"]
    source = "joined" if folded else "event"
    bits = layout.sum_bits + layout.channel_bits + 1
    lines = [
        "// what is known of the event waits for the network, and its sum is divided by",
        "wire noted_valid, noted_ready, divided_valid, divided_ready;",
    ]
    if readers == ["noted"]:
        lines += [
            "assign noted_valid = event_valid;",
            "assign event_ready = noted_ready;",
        ]
    else:
        lines += instance(
            "pf_fork",
            "events",
            {"COUNT": len(readers)},
            {
                **CLOCK,
                "in_valid": f"{source}_valid",
                "in_ready": f"{source}_ready",
                "out_valid": f"{{{', '.join(f'{one}_valid' for one in reversed(readers))}}}",
                "out_ready": f"{{{', '.join(f'{one}_ready' for one in reversed(readers))}}}",
            },
        )
    return [
        *lines,
        "wire side_valid, side_ready;",
        f"wire [{bits - 1}:0] side;",
        *instance(
            "pf_fifo",
            "sides",
            {"WIDTH": bits, "DEPTH_LOG2": EVENTS_LOG2},
            {
                **CLOCK,
                "in_valid": "noted_valid",
                "in_ready": "noted_ready",
                "in_data": "{event_full, event_channels, event_sum}",
                "out_valid": "side_valid",
                "out_ready": "side_ready",
                "out_data": "side",
            },
        ),
        f"wire [{layout.sum_bits - 1}:0] kept_sum = side[{layout.sum_bits - 1}:0];",
        f"wire [{layout.channel_bits - 1}:0] kept_channels = side[{bits - 2}:{layout.sum_bits}];",
    ]


def _doubts(layout: PositionLayout) -> list[str]:
    chain = layout.settings
    low, high = chain.sum_range
    bits = max(layout.sum_bits, high.bit_length()) + 1
    least = max(layout.channel_bits, chain.least_channels.bit_length()) + 1
    spare = least - layout.channel_bits
    return [
        "wire pile_up = 1'b0;",
        "wire tail_of_event = 1'b0;",
        "wire baseline_outside = 1'b0;",
        f"wire saturated = side[{layout.sum_bits + layout.channel_bits}];",
        f"wire [{bits - 1}:0] wide_sum = {{{bits - layout.sum_bits}'d0, kept_sum}};",
        f"wire energy_outside = wide_sum < {bits}'d{low} || wide_sum > {bits}'d{high};",
        f"wire [{least - 1}:0] wide_channels = {{{spare}'d0, kept_channels}};",
        f"wire few_channels = wide_channels < {least}'d{chain.least_channels};",
    ]

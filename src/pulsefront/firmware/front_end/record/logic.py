"""The end of both chains in Verilog: doubts become flags, and the fields a record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pulsefront.firmware.front_end.record.fields import Field
from pulsefront.firmware.front_end.record.flags import Flag
from pulsefront.firmware.front_end.record.outputs import OutputLimits, undecided_mask
from pulsefront.firmware.front_end.settings import Doubt
from pulsefront.firmware.rtl.language.verilog import instance
from pulsefront.firmware.rtl.time_shared.top import top_name
from pulsefront.fixed_point.specification import Specification

__all__ = ["CLOCK", "Text", "declared_ports", "network_lines", "record_stage"]

CLOCK = {"clk": "clk", "rst": "rst"}
"""Ports that every module has."""

DOUBTS_IN_ORDER = (
    "few_channels",
    "output_outside",
    "energy_outside",
    "baseline_outside",
    "saturated",
    "tail_of_event",
    "pile_up",
)
"""Wires of the flags from bit 6 down."""


@dataclass(frozen=True)
class Text:
    """A parameter's value as Verilog."""

    text: str

    def __str__(self) -> str:
        return self.text


def declared_ports(fields: Sequence[Field]) -> list[str]:
    """Return the ports of a record's fields."""
    return [f"output reg  {one.declared} record_{one.name}" for one in fields]


def network_lines(
    model: Specification, limits: OutputLimits, result: str = "result", source: str = "window"
) -> list[str]:
    """Return the network between the streams *source* and *result*, one word an event."""
    (port,) = model.inputs
    width, elements = limits.format.width, len(limits.low)
    return [
        "// network",
        "wire element_valid, element_ready, element_last;",
        f"wire [{width - 1}:0] element;",
        *instance(
            top_name(model),
            "network",
            {},
            {
                **CLOCK,
                f"{port.name}_valid": f"{source}_valid",
                f"{port.name}_ready": f"{source}_ready",
                f"{port.name}_data": f"{source}_value",
                f"{limits.name}_valid": "element_valid",
                f"{limits.name}_ready": "element_ready",
                f"{limits.name}_data": "element",
                f"{limits.name}_last": "element_last",
            },
        ),
        f"wire {result}_valid, {result}_ready;",
        f"wire [{width * elements - 1}:0] {result};",
        *instance(
            "pf_collect",
            "elements",
            {"WIDTH": width, "COUNT": elements},
            {
                **CLOCK,
                "in_valid": "element_valid",
                "in_ready": "element_ready",
                "in_data": "element",
                "out_valid": f"{result}_valid",
                "out_ready": f"{result}_ready",
                "out_data": result,
            },
        ),
    ]


def record_stage(
    fields: Sequence[Field],
    sources: Mapping[str, str],
    limits: OutputLimits,
    undecided: Sequence[Doubt],
    *,
    tests: bool = False,
    margin: bool = False,
) -> list[str]:
    """Return the last register: it takes an event when ``side`` and ``result`` are both there.

    With *tests* of the inputs their result is waited for, too, as the stream ``flagged``; with a
    test of the *margin* between scores that of ``margin``.

    *sources* are the wires of the fields that are neither flags nor outputs of the network; the
    doubts are wires by the names in `DOUBTS_IN_ORDER`.
    """
    outputs = limits.fields(limits.format)
    width, signed = limits.format.width, limits.format.signed
    lines = ["// record"]
    outside = []
    for index, one in enumerate(outputs):
        bits = f"result[{(index + 1) * width - 1}:{index * width}]"
        lines.append(f"wire {one.declared} output_{index} = {bits};")
        low, high = (_constant(v, width, signed) for v in (limits.low[index], limits.high[index]))
        outside.append(f"output_{index} < {low} || output_{index} > {high}")
    if margin:
        outside.append("margin_narrow")
    joined = "\n    || ".join(outside)
    mask, ready = undecided_mask(undecided), "side_valid && result_valid"
    words, refused = "{no_decision, doubts}", [f"|(doubts & 7'd{mask & 127})"]
    if tests:
        words, ready = (
            "{dead_channel, input_sum_outside, no_decision, doubts}",
            (f"{ready} && flagged_valid"),
        )
        refused += [
            wire
            for wire, flag in (
                ("input_sum_outside", Flag.INPUT_SUM),
                ("dead_channel", Flag.DEAD_CHANNEL),
            )
            if mask & flag
        ]
    assigns = [
        f"record_{one.name} <= {sources[one.name]};" for one in fields if one.name in sources
    ]
    assigns += [f"record_{one.name} <= output_{index};" for index, one in enumerate(outputs)]
    if margin:
        ready = f"{ready} && margin_valid"
    return [
        *lines,
        f"wire output_outside = {joined};",
        f"wire [6:0] doubts = {{{', '.join(DOUBTS_IN_ORDER[:4])},",
        f"    {', '.join(DOUBTS_IN_ORDER[4:])}}};",
        f"wire no_decision = {' || '.join(refused)};",
        f"wire takes = {ready} && (!record_valid || record_ready);",
        "assign side_ready = takes;",
        "assign result_ready = takes;",
        "always @(posedge clk) begin",
        "    if (rst) record_valid <= 1'b0;",
        "    else if (takes) record_valid <= 1'b1;",
        "    else if (record_ready) record_valid <= 1'b0;",
        "    if (takes) begin",
        *(f"        {line}" for line in assigns),
        f"        record_flags <= {words};",
        "    end",
        "end",
    ]


def _constant(value: int, bits: int, signed: bool) -> str:  # noqa: FBT001 - a format's own flag
    text = f"{bits}'h{value & ((1 << bits) - 1):x}"
    return f"$signed({text})" if signed else text

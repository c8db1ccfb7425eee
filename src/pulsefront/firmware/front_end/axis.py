"""A front end under the names of AXI4-Stream: samples or charges in, whole records out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pulsefront.firmware.front_end.record.fields import Field
from pulsefront.firmware.rtl.language.netlist import (
    Bit,
    Bits,
    Instance,
    Module,
    ModulePort,
    One,
    Signal,
    Statement,
    Value,
    bits_of,
)
from pulsefront.firmware.rtl.streams import lane_bits
from pulsefront.fixed_point.format import FixedPointFormat

__all__ = ["axis_front_end", "bench_lines", "record_lanes"]

RECORD = "m_axis_record"


def record_lanes(fields: Sequence[Field]) -> dict[str, tuple[int, int]]:
    """Return of each field of a record the first bit and the bits of its lane in ``tdata``."""
    found, start = {}, 0
    for one in fields:
        found[one.name] = start, lane_bits(one.bits)
        start += lane_bits(one.bits)
    return found


def axis_front_end(
    name: str,
    fields: Sequence[Field],
    given: tuple[str, int],
    *,
    waits: bool,
    beside: Mapping[str, int],
) -> Module:
    """Return the module ``NAME_front_end_axis`` (ARM IHI 0051), without a clock of its own.

    Parameters
    ----------
    given
        Port that takes samples or charges, and its bits.
    waits
        Whether it can be not ready; else ``tready`` is always high.
    beside
        Outputs that are no part of a record, with their bits.
    """
    port, width = given
    stream, lane = f"s_axis_{port}", lane_bits(width)
    lanes = record_lanes(fields)
    whole = sum(bits for _, bits in lanes.values())
    ports = [
        ModulePort("aclk", "in"),
        ModulePort("aresetn", "in"),
        ModulePort(f"{stream}_tvalid", "in"),
        ModulePort(f"{stream}_tready", "out"),
        ModulePort(f"{stream}_tdata", "in", lane),
        ModulePort(f"{RECORD}_tvalid", "out"),
        ModulePort(f"{RECORD}_tready", "in"),
        ModulePort(f"{RECORD}_tdata", "out", whole),
        ModulePort(f"{RECORD}_tlast", "out"),
        *(ModulePort(one, "out", bits) for one, bits in beside.items()),
    ]
    body: list[Statement] = [
        Signal("reset__", None, (Bit("aresetn", inverted=True),)),
        Signal(f"{port}__data", width, (Bits(f"{stream}_tdata", 0, width),)),
        *(Signal(f"record__{one.name}", one.bits) for one in fields),
        Signal(f"{RECORD}_tlast", None, (One(),), declared=False),
    ]
    if lane > width:
        rest = (Bits(f"{stream}_tdata", width, lane - width),)
        body.append(Signal(f"unused__{port}", lane - width, rest))
    if not waits:
        body.append(Signal(f"{stream}_tready", None, (One(),), declared=False))
    parts = [_in_lane(one, lanes[one.name][1]) for one in reversed(fields)]
    record = tuple(part for value in parts for part in value)
    body.append(Signal(f"{RECORD}_tdata", whole, record, declared=False))
    connected = {
        "clk": "aclk",
        "rst": "reset__",
        f"{port}_valid": f"{stream}_tvalid",
        port: f"{port}__data",
        "record_valid": f"{RECORD}_tvalid",
        "record_ready": f"{RECORD}_tready",
        **{f"record_{one.name}": f"record__{one.name}" for one in fields},
        **{one: one for one in beside},
    }
    if waits:
        connected[f"{port}_ready"] = f"{stream}_tready"
    body.append(Instance(f"{name}_front_end", "front_end__", connected))
    about = (
        f"{name}: the streams of {name}_front_end under the names of AXI4-Stream.",
        "Written by pulsefront; see README.md.",
    )
    return Module(f"{name}_front_end_axis", about, tuple(ports), tuple(body))


def _in_lane(one: Field, lane: int) -> Value:
    form = FixedPointFormat(one.bits, one.bits, signed=one.signed)
    return bits_of(f"record__{one.name}", 0, form, 0, lane)


def bench_lines(
    name: str, fields: Sequence[Field], given: tuple[str, int], beside: Sequence[str] = ()
) -> list[str]:
    """Return the lines of a bench that hold the chain, and take the record's fields out of lanes.

    ``lanes_right`` says whether each lane beyond its field holds the sign, or zeros.
    """
    port, width = given
    lanes = record_lanes(fields)
    whole = sum(bits for _, bits in lanes.values())
    spare = lane_bits(width) - width
    data = f"{{{spare}'d0, {port}}}" if spare else port
    ready = f"{port}_ready"
    lines = [
        f"wire {ready};",
        f"wire [{whole - 1}:0] record_tdata;",
        "wire record_tlast;",
        f"{name}_front_end_axis dut (",
        f"    .aclk(clk), .aresetn(!rst), .s_axis_{port}_tvalid({port}_valid),",
        f"    .s_axis_{port}_tready({ready}), .s_axis_{port}_tdata({data}),",
        f"    .{RECORD}_tvalid(record_valid), .{RECORD}_tready(record_ready),",
        f"    .{RECORD}_tdata(record_tdata), .{RECORD}_tlast(record_tlast)"
        + "".join(f", .{one}({one})" for one in beside),
        ");",
    ]
    right = ["record_tlast"]
    for one in fields:
        start, bits = lanes[one.name]
        low = f"record_tdata[{start + one.bits - 1}:{start}]"
        lines.append(f"wire {one.declared} record_{one.name} = {low};")
        if bits > one.bits:
            sign = f"record_tdata[{start + one.bits - 1}]" if one.signed else "1'b0"
            above = f"record_tdata[{start + bits - 1}:{start + one.bits}]"
            right.append(f"{above} === {{{bits - one.bits}{{{sign}}}}}")
    joined = "\n        && ".join(right)
    return [*lines, f"wire lanes_right = {joined};"]

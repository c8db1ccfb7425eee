"""The streams around a design: of an unrolled pipeline, and AXI4-Stream around either design."""

from __future__ import annotations

from math import prod

from pulsefront.firmware.rtl.language.netlist import (
    Bit,
    Bits,
    Comment,
    Instance,
    Module,
    ModulePort,
    One,
    Signal,
    Statement,
    Value,
    bits_of,
    whole,
)
from pulsefront.firmware.rtl.language.verilog import address_bits
from pulsefront.firmware.rtl.time_shared.top import top_name
from pulsefront.firmware.rtl.unrolled.pipeline import Pipeline
from pulsefront.fixed_point.specification import Specification

__all__ = ["QUEUE_CYCLES", "axis_module", "axis_name", "lane_bits", "unrolled_top"]

QUEUE_CYCLES = 1
"""From the pipeline's last register to the top module's output."""

CLOCK = {"clk": "clk", "rst": "rst"}


def unrolled_top(model: Specification, found: Pipeline) -> Module:
    """Return the streams around a pipeline, with the queue that lets a receiver stop."""
    stages = found.stages
    depth = address_bits(stages + QUEUE_CYCLES + 3)
    inputs = [one.name for one in model.inputs]
    ports = [ModulePort("clk", "in"), ModulePort("rst", "in")]
    for name in inputs:
        ports += [
            ModulePort(f"{name}_valid", "in"),
            ModulePort(f"{name}_ready", "out"),
            ModulePort(f"{name}_data", "in", _bits(model, name)),
        ]
    for name in model.outputs:
        ports += [
            ModulePort(f"{name}_valid", "out"),
            ModulePort(f"{name}_ready", "in"),
            ModulePort(f"{name}_data", "out", _bits(model, name)),
            ModulePort(f"{name}_last", "out"),
        ]
    width = sum(_bits(model, name) for name in model.outputs)
    valids: Value = tuple(Bit(f"{name}_valid") for name in reversed(inputs))
    results: Value = tuple(
        Bits(f"result__{name}", 0, _bits(model, name)) for name in reversed(model.outputs)
    )
    body: list[Statement] = [
        Comment("An event is taken where the queue has room for it."),
        Signal("given__valid", len(inputs), valids),
        Signal("given__ready", len(inputs)),
        Signal("result__valid", None),
        Signal("queue__valid", None),
        Signal("queue__ready", None),
        Instance(
            "pf_gate",
            "gate__",
            {
                **CLOCK,
                "in_valid": "given__valid",
                "in_ready": "given__ready",
                "arrives": "result__valid",
                "out_valid": "queue__valid",
                "out_ready": "queue__ready",
            },
            {"INPUTS": len(inputs), "STAGES": stages, "DEPTH_LOG2": depth},
        ),
    ]
    for index, name in enumerate(inputs):
        body += [
            _driven(f"{name}_ready", (Bit("given__ready", index),)),
            Signal(f"t__{name}", _bits(model, name), whole(f"{name}_data", _bits(model, name))),
        ]
    body += found.lines
    body += [
        Signal("results__", width, results),
        Signal("unused__free", None),
        Signal("queue__data", width),
        Instance(
            "pf_fifo",
            "queue__",
            {
                **CLOCK,
                "in_valid": "result__valid",
                "in_ready": "unused__free",
                "in_data": "results__",
                "out_valid": "queue__valid",
                "out_ready": "queue__ready",
                "out_data": "queue__data",
            },
            {"WIDTH": width, "DEPTH_LOG2": depth},
        ),
    ]
    body += _streams_out(model)
    about = (
        f"{model.name}: written by pulsefront from model.json, the pipeline by alkaid.",
        f"A new event every clock; a result {stages + QUEUE_CYCLES} clocks after its event.",
    )
    return Module(top_name(model), about, tuple(ports), tuple(body))


def _streams_out(model: Specification) -> list[Statement]:
    """Give the queue's event to every output; several take it each when they can."""
    lines: list[Statement] = []
    start = 0
    for name in model.outputs:
        bits = _bits(model, name)
        lines += [
            _driven(f"{name}_data", (Bits("queue__data", start, bits),), bits),
            _driven(f"{name}_last", (One(),)),
        ]
        start += bits
    if len(model.outputs) == 1:
        (name,) = model.outputs
        return [
            *lines,
            _driven(f"{name}_valid", (Bit("queue__valid"),)),
            Signal("queue__ready", None, (Bit(f"{name}_ready"),), declared=False),
        ]
    count = len(model.outputs)
    ready: Value = tuple(Bit(f"{name}_ready") for name in reversed(model.outputs))
    return [
        *lines,
        Signal("branch__valid", count),
        Signal("branch__ready", count, ready),
        Instance(
            "pf_fork",
            "fork__",
            {
                **CLOCK,
                "in_valid": "queue__valid",
                "in_ready": "queue__ready",
                "out_valid": "branch__valid",
                "out_ready": "branch__ready",
            },
            {"COUNT": count},
        ),
        *(
            _driven(f"{name}_valid", (Bit("branch__valid", index),))
            for index, name in enumerate(model.outputs)
        ),
    ]


def _driven(name: str, value: Value, bits: int | None = None) -> Signal:
    """Return the assignment of a signal that is declared elsewhere."""
    return Signal(name, bits, value, declared=False)


def _bits(model: Specification, name: str) -> int:
    tensor = model.tensors[name]
    return prod(tensor.shape) * tensor.format.width


def axis_name(model: Specification) -> str:
    """Return the name of the module with the names of AXI4-Stream."""
    return f"{model.name}_axis"


def lane_bits(width: int) -> int:
    """Return the bits of an element in ``tdata``: those of the integer of C that holds it."""
    return next(bits for bits in (8, 16, 32, 64) if width <= bits)


def axis_module(model: Specification, *, serial: bool) -> Module:
    """Return the module that gives a design the names of AXI4-Stream (ARM IHI 0051), no clocks.

    An element fills an integer of C in ``tdata``: beyond its own bits there is its sign at an
    output; at an input they are not read. *serial*: one element a beat, else a whole event.
    """
    ports = [ModulePort("aclk", "in"), ModulePort("aresetn", "in")]
    body: list[Statement] = [Signal("reset__", None, (Bit("aresetn", inverted=True),))]
    connected = {"clk": "aclk", "rst": "reset__"}
    for one in model.inputs:
        name, width, lane = f"s_axis_{one.name}", one.format.width, lane_bits(one.format.width)
        beat = 1 if serial else prod(one.shape)
        ports += [
            ModulePort(f"{name}_tvalid", "in"),
            ModulePort(f"{name}_tready", "out"),
            ModulePort(f"{name}_tdata", "in", beat * lane),
        ]
        taken = tuple(Bits(f"{name}_tdata", i * lane, width) for i in reversed(range(beat)))
        body.append(Signal(f"{one.name}__data", beat * width, taken))
        if lane > width:
            rest = tuple(
                Bits(f"{name}_tdata", i * lane + width, lane - width) for i in reversed(range(beat))
            )
            body.append(Signal(f"unused__{one.name}", beat * (lane - width), rest))
        connected |= {
            f"{one.name}_valid": f"{name}_tvalid",
            f"{one.name}_ready": f"{name}_tready",
            f"{one.name}_data": f"{one.name}__data",
        }
    for output in model.outputs:
        tensor = model.tensors[output]
        name, width, lane = f"m_axis_{output}", tensor.format.width, lane_bits(tensor.format.width)
        beat = 1 if serial else tensor.size
        ports += [
            ModulePort(f"{name}_tvalid", "out"),
            ModulePort(f"{name}_tready", "in"),
            ModulePort(f"{name}_tdata", "out", beat * lane),
            ModulePort(f"{name}_tlast", "out"),
        ]
        lanes = [bits_of(f"{output}__data", i * width, tensor.format, 0, lane) for i in range(beat)]
        body += [
            Signal(f"{output}__data", beat * width),
            _driven(
                f"{name}_tdata", tuple(part for one in reversed(lanes) for part in one), beat * lane
            ),
        ]
        connected |= {
            f"{output}_valid": f"{name}_tvalid",
            f"{output}_ready": f"{name}_tready",
            f"{output}_data": f"{output}__data",
            f"{output}_last": f"{name}_tlast",
        }
    body.append(Instance(top_name(model), "design__", connected))
    about = (
        f"{model.name}: the streams of {top_name(model)} under the names of AXI4-Stream.",
        "Written by pulsefront from model.json; see README.md.",
    )
    return Module(axis_name(model), about, tuple(ports), tuple(body))

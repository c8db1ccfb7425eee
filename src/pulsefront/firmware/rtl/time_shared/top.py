"""The top module: a stream in for every input, a stream out for every output."""

from __future__ import annotations

from pulsefront.firmware.rtl.language.verilog import address_bits, instance, wires
from pulsefront.firmware.rtl.layers.assign import CLOCK, Stream
from pulsefront.firmware.rtl.time_shared.joined import stage
from pulsefront.firmware.rtl.time_shared.plan import SharedPlan
from pulsefront.fixed_point.specification import Specification

__all__ = ["top_module", "top_name"]


def top_name(model: Specification) -> str:
    """Return the name of the top module."""
    return f"{model.name}_top"


def top_module(model: Specification, plan: SharedPlan) -> str:
    """Return the Verilog of the time-shared design of *model*."""
    ports = ["input  wire clk", "input  wire rst"]
    for one in model.inputs:
        ports += [
            f"input  wire {one.name}_valid",
            f"output wire {one.name}_ready",
            f"input  wire [{one.format.width - 1}:0] {one.name}_data",
        ]
    for name in model.outputs:
        ports += [
            f"output wire {name}_valid",
            f"input  wire {name}_ready",
            f"output wire [{model.tensors[name].format.width - 1}:0] {name}_data",
            f"output wire {name}_last",
        ]
    body = [line for part in _body(model, plan) for line in part]
    head = (
        f"// {model.name}: written by pulsefront from model.json; see README.md.\n"
        f"// A new event every {plan.interval_cycles} clocks; at most {plan.latency_cycles} clocks "
        "from its first\n// element in to its last element out.\n"
    )
    listed = ",\n    ".join(ports)
    text = "\n".join(f"    {line}".rstrip() for line in body)
    return f"{head}module {top_name(model)} (\n    {listed}\n);\n{text}\nendmodule\n"


def _body(model: Specification, plan: SharedPlan) -> list[list[str]]:
    readers = dict.fromkeys(model.tensors, 0)
    for layer in model.layers:
        for name in layer.inputs:
            readers[name] += 1
    for name in model.outputs:
        readers[name] += 1
    taken = dict.fromkeys(model.tensors, 0)

    def edge(name: str) -> Stream:
        """Return the next unread branch of a tensor's stream."""
        number = taken[name]
        taken[name] += 1
        stem = f"t__{name}_" if readers[name] == 1 else f"t__{name}__branch{number}"
        return Stream(stem, model.tensors[name].format)

    parts = []
    for one in model.inputs:
        stem = f"t__{one.name}_"
        parts.append(
            [
                f"// input {one.name}",
                *wires(stem, one.format.width),
                f"assign {stem}_valid = {one.name}_valid;",
                f"assign {stem}_data = {one.name}_data;",
                f"assign {one.name}_ready = {stem}_ready;",
                *_branches(stem, one.format.width, readers[one.name]),
                "",
            ]
        )
    for step in model.steps:
        name, width = step.layer.name, step.result.format.width
        target = Stream(f"t__{name}_", step.result.format)
        sources = tuple(edge(one) for one in step.layer.inputs)
        parts.append(
            [
                f"// {step.layer.kind} {name}",
                *wires(target.stem, width),
                *stage(step.layer, step, sources, target, plan),
                *_branches(target.stem, width, readers[name]),
                "",
            ]
        )
    parts += [_output(model, name, edge(name)) for name in model.outputs]
    return parts


def _branches(stem: str, width: int, count: int) -> list[str]:
    """Return the streams ``STEM_branchN`` of a tensor that several read."""
    if count == 1:
        return []
    names = [f"{stem}_branch{number}" for number in range(count)]
    lines = [line for name in names for line in wires(name, width)]
    lines += [f"assign {name}_data = {stem}_data;" for name in names]
    gathered = ", ".join(f"{name}_{{}}" for name in reversed(names))
    return [
        *lines,
        *instance(
            "pf_fork",
            f"{stem}_fork",
            {"COUNT": count},
            {
                **CLOCK,
                "in_valid": f"{stem}_valid",
                "in_ready": f"{stem}_ready",
                "out_valid": f"{{{gathered.format(*['valid'] * count)}}}",
                "out_ready": f"{{{gathered.format(*['ready'] * count)}}}",
            },
        ),
    ]


def _output(model: Specification, name: str, source: Stream) -> list[str]:
    """Connect an output; several have a queue each, so that none waits for another's reader."""
    tensor = model.tensors[name]
    lines = [f"// output {name}"]
    if len(model.outputs) > 1:
        queued = Stream(f"out__{name}_", source.format)
        lines += [
            *wires(queued.stem, tensor.format.width),
            *instance(
                "pf_fifo",
                f"{queued.stem}_queue",
                {"WIDTH": tensor.format.width, "DEPTH_LOG2": address_bits(max(tensor.size, 2))},
                {**CLOCK, **source.ports("in"), **queued.ports("out")},
            ),
        ]
        source = queued
    bits = address_bits(tensor.size)
    return [
        *lines,
        f"wire [{bits - 1}:0] {source.stem}_element;",
        *instance(
            "pf_count",
            f"{source.stem}_elements",
            {"MODULO": tensor.size, "WIDTH": bits},
            {
                **CLOCK,
                "passes": f"{name}_valid && {name}_ready",
                "count": f"{source.stem}_element",
            },
        ),
        f"assign {name}_valid = {source.stem}_valid;",
        f"assign {name}_data = {source.stem}_data;",
        f"assign {name}_last = {source.stem}_element == {tensor.size - 1};",
        f"assign {source.stem}_ready = {name}_ready;",
    ]

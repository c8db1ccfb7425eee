"""Unrolled Verilog through alkaid, with a streaming wrapper: a new event every clock.

Every constant has adders of its own; events follow one another through a pipeline that never
stops. The wrapper counts the events inside and takes no more than its queue can hold, so that a
receiver may stop at any time.
"""

from __future__ import annotations

import importlib.util
import re
import shutil
import tempfile
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

from pulsefront.errors import ExportError, ToolMissing
from pulsefront.files import firmware_export_directory, write_text
from pulsefront.firmware.rtl.testbench import Bench, testbench, whole_ports
from pulsefront.firmware.rtl.top import top_name
from pulsefront.firmware.rtl.trace import traced
from pulsefront.firmware.rtl.verilog import address_bits, instance
from pulsefront.firmware.vector_files import write_hex_vectors
from pulsefront.firmware.vectors import VectorSet
from pulsefront.fixed_point.specification import Specification

__all__ = ["UnrolledProject", "require_alkaid", "write_unrolled"]

QUEUE_CYCLES = 2
"""From the pipeline's last register to the wrapper's output."""


@dataclass(frozen=True)
class UnrolledProject:
    """What `write_unrolled` wrote.

    *latency_cycles* from an event in to its result out; a new event every clock. *lut_estimate*
    is alkaid's own.
    """

    top: str
    latency_cycles: int
    lut_estimate: int


def require_alkaid() -> None:
    """Check that alkaid is installed.

    Raises
    ------
    ToolMissing
        It is not.
    """
    if importlib.util.find_spec("alkaid") is None:
        raise ToolMissing(
            "alkaid",
            needed_for="unrolled Verilog",
            install="pip install 'pulsefront[rtl]'",
        )


def write_unrolled(
    model: Specification,
    folder: str | Path,
    sets: tuple[VectorSet, ...],
    *,
    levels_per_stage: float = 1.0,
) -> UnrolledProject:
    """Write *model* as pipelined Verilog into *folder*, with a test bench that checks it.

    Parameters
    ----------
    levels_per_stage
        Adders, by alkaid's measure, between two registers; fewer: a faster clock, more registers.

    Raises
    ------
    ToolMissing
        alkaid is not installed.
    UnsupportedLayer
        A layer, a rounding or an overflow that alkaid does not compute to the bit.
    """
    require_alkaid()
    from alkaid.codegen.rtl.rtl_model import RTLModel

    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    logic = traced(model)
    core = f"{model.name}_core"
    with tempfile.TemporaryDirectory(prefix="pulsefront-alkaid-") as temporary:
        # yosys does not realise alkaid's fusion of ternary adders.
        found = RTLModel(
            logic,
            temporary,
            prj_name=core,
            latency_cutoff=levels_per_stage,
            ternary_fuse=False,
            print_latency=False,
        )
        found.write()
        _gather(Path(temporary) / "src", folder, model.name)
    stages = int(found.fsm.out_signals[0].schedule.bias)
    top = top_name(model)
    write_text(folder / f"{top}.v", _wrapper(model, found, core, stages))
    for name in ("pf_fifo.v", "pf_fork.v"):
        shutil.copy(firmware_export_directory() / "rtl" / name, folder)
    project = UnrolledProject(top, stages + QUEUE_CYCLES, round(logic.cost))
    bench = Bench(
        top,
        whole_ports(model, [one.name for one in model.inputs], serial=False),
        whole_ports(model, model.outputs, serial=False),
        1,
        project.latency_cycles,
        sum(map(len, sets)),
    )
    write_text(folder / f"{top}_tb.v", testbench(bench))
    write_hex_vectors(sets, folder / "tb_data", model)
    return project


def _gather(source: Path, folder: Path, name: str) -> None:
    """Copy alkaid's modules, those of a stage under a name of the model's own.

    Two models in one design would otherwise have modules of one name.
    """
    for path in sorted(source.glob("*.v")):
        if path.stem.endswith("_wrapper"):
            continue
        text = re.sub(r"\blogic(\d+)\b", rf"{name}_logic\1", path.read_text())
        stem = re.sub(r"^logic(\d+)$", rf"{name}_logic\1", path.stem)
        write_text(folder / f"{stem}.v", text)
    for path in sorted((source / "static").glob("*.v")):
        # The reader of tables names a file that is there only where a table is.
        if path.stem != "lookup_table":
            shutil.copy(path, folder)


def _wrapper(model: Specification, found: Any, core: str, stages: int) -> str:
    """Return the Verilog of the streams around alkaid's pipeline of *stages* registers."""
    depth = address_bits(stages + 2 * QUEUE_CYCLES + 1)
    names = [one.name for one in model.inputs]
    (given,), (result,) = found.fsm.inp_signals, found.fsm.out_signals
    ports = ["input  wire clk", "input  wire rst"]
    for name in names:
        ports += [
            f"input  wire {name}_valid",
            f"output wire {name}_ready",
            f"input  wire [{_bits(model, name) - 1}:0] {name}_data",
        ]
    for name in model.outputs:
        ports += [
            f"output wire {name}_valid",
            f"input  wire {name}_ready",
            f"output wire [{_bits(model, name) - 1}:0] {name}_data",
            f"output wire {name}_last",
        ]
    width = sum(_bits(model, name) for name in model.outputs)
    travels = f"{{travels[{stages - 2}:0], takes}}" if stages > 1 else "takes"
    body = [
        "// Events inside, in the pipeline and in the queue; no more than the queue holds.",
        f"reg [{depth}:0] inside;",
        "reg room;",
        f"wire every = {' && '.join(f'{name}_valid' for name in names)};",
        "wire takes = room && every;",
        "wire gives;",
        f"wire [{depth}:0] inside_next = inside + takes - gives;",
        *(
            f"assign {name}_ready = "
            + " && ".join(["room", *(f"{one}_valid" for one in names if one != name)])
            + ";"
            for name in names
        ),
        f"reg [{stages - 1}:0] travels;",
        "always @(posedge clk) begin",
        "    if (rst) begin",
        "        inside <= 0;",
        "        room <= 1'b0;",
        "        travels <= 0;",
        "    end else begin",
        "        inside <= inside_next;",
        f"        room <= inside_next < {1 << depth};",
        f"        travels <= {travels};",
        "    end",
        "end",
        "",
        *_core_inputs(model, given),
        f"wire [{max(result.width, 1) - 1}:0] core_out;",
        *instance(core, "core", {}, {"clk": "clk", given.name: "core_in", result.name: "core_out"}),
        "",
        *_core_outputs(model, result),
        "",
        "wire queue_valid, queue_ready, queue_full;",
        f"wire [{width - 1}:0] queue_data;",
        *instance(
            "pf_fifo",
            "queue",
            {"WIDTH": width, "DEPTH_LOG2": depth},
            {
                "clk": "clk",
                "rst": "rst",
                "in_valid": f"travels[{stages - 1}]",
                "in_ready": "queue_full",
                "in_data": "results",
                "out_valid": "queue_valid",
                "out_ready": "queue_ready",
                "out_data": "queue_data",
            },
        ),
        "assign gives = queue_valid && queue_ready;",
        *_streams_out(model),
    ]
    listed = ",\n    ".join(ports)
    text = "\n".join(f"    {line}".rstrip() for line in body)
    return (
        f"// {model.name}: written by pulsefront from model.json, the pipeline by alkaid.\n"
        f"// A new event every clock; {stages + QUEUE_CYCLES} clocks from an event in to its "
        "result out.\n"
        f"module {top_name(model)} (\n    {listed}\n);\n{text}\nendmodule\n"
    )


def _core_inputs(model: Specification, given: Any) -> list[str]:
    """Connect the elements of all inputs to the pipeline, each at the bits that it takes."""
    parts, number = [], 0
    lines = []
    for one in model.inputs:
        width = one.format.width
        for element in range(prod(one.shape)):
            taken = given.precisions[number]
            bits = int(taken.signed) + int(taken.integers) + int(taken.fractional)
            number += 1
            if bits <= 0:
                continue
            drop = one.format.fraction - int(taken.fractional)
            if drop < 0:
                raise ExportError("alkaid takes more fraction bits than an input has")
            sign = f"{one.name}_data[{(element + 1) * width - 1}]" if one.format.signed else "1'b0"
            whole = f"{one.name}_data[{element * width} +: {width}]"
            stem = f"in_{one.name}_{element}"
            lines += [
                f"wire [{width + bits - 1}:0] {stem} = {{{{{bits}{{{sign}}}}}, {whole}}};",
            ]
            parts.append(f"{stem}[{drop} +: {bits}]")
    return [*lines, f"wire [{given.width - 1}:0] core_in = {{{', '.join(reversed(parts))}}};"]


def _core_outputs(model: Specification, result: Any) -> list[str]:
    """Bring the pipeline's outputs to the formats of the model's, one after the other."""
    parts, number, start = [], 0, 0
    lines = []
    for name in model.outputs:
        one = model.tensors[name].format
        for element in range(prod(model.tensors[name].shape)):
            taken = result.precisions[number]
            bits = int(taken.signed) + int(taken.integers) + int(taken.fractional)
            number += 1
            stem = f"out_{name}_{element}"
            if bits <= 0:
                lines.append(f"wire [{one.width - 1}:0] {stem} = 0;")
            else:
                up = one.fraction - int(taken.fractional)
                if up < 0:
                    raise ExportError("alkaid gives more fraction bits than an output has")
                sign = f"core_out[{start + bits - 1}]" if taken.signed else "1'b0"
                zeros = f", {{{up}{{1'b0}}}}" if up else ""
                whole = f"{{{{{one.width}{{{sign}}}}}, core_out[{start} +: {bits}]{zeros}}}"
                lines += [
                    f"wire [{one.width + bits + up - 1}:0] {stem}_wide = {whole};",
                    f"wire [{one.width - 1}:0] {stem} = {stem}_wide[{one.width - 1}:0];",
                ]
                start += bits
            parts.append(stem)
    width = sum(_bits(model, name) for name in model.outputs)
    return [*lines, f"wire [{width - 1}:0] results = {{{', '.join(reversed(parts))}}};"]


def _streams_out(model: Specification) -> list[str]:
    """Give the queue's event to every output; several take it each when they can."""
    lines, start = [], 0
    for name in model.outputs:
        bits = _bits(model, name)
        lines.append(f"assign {name}_data = queue_data[{start} +: {bits}];")
        lines.append(f"assign {name}_last = 1'b1;")
        start += bits
    if len(model.outputs) == 1:
        (name,) = model.outputs
        return [
            *lines,
            f"assign {name}_valid = queue_valid;",
            f"assign queue_ready = {name}_ready;",
        ]
    backward = tuple(reversed(model.outputs))
    return [
        *lines,
        *instance(
            "pf_fork",
            "branches",
            {"COUNT": len(model.outputs)},
            {
                "clk": "clk",
                "rst": "rst",
                "in_valid": "queue_valid",
                "in_ready": "queue_ready",
                "out_valid": "{" + ", ".join(f"{name}_valid" for name in backward) + "}",
                "out_ready": "{" + ", ".join(f"{name}_ready" for name in backward) + "}",
            },
        ),
    ]


def _bits(model: Specification, name: str) -> int:
    tensor = model.tensors[name]
    return prod(tensor.shape) * tensor.format.width

"""Unrolled Verilog through alkaid, with a streaming wrapper: a new event every clock.

Every constant has adders of its own; events follow one another through a pipeline that never
stops. The wrapper counts the events inside and takes no more than its queue can hold, so that a
receiver may stop at any time.
"""

from __future__ import annotations

import importlib.util
import shutil
from dataclasses import dataclass
from math import prod
from pathlib import Path

from pulsefront.errors import ToolMissing
from pulsefront.files import firmware_export_directory, write_text
from pulsefront.firmware.rtl.pipeline import MODULES, Pipeline, pipeline
from pulsefront.firmware.rtl.project import bench_script
from pulsefront.firmware.rtl.testbench import Bench, testbench, whole_ports
from pulsefront.firmware.rtl.top import top_name
from pulsefront.firmware.rtl.trace import refuse_untraceable
from pulsefront.firmware.rtl.verilog import address_bits, instance
from pulsefront.firmware.vector_files import write_hex_vectors
from pulsefront.firmware.vectors import VectorSet
from pulsefront.fixed_point.specification import Specification

__all__ = ["QUEUE_CYCLES", "UnrolledProject", "require_alkaid", "write_unrolled"]

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
    levels_per_stage: float = 2.0,
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
        A layer adds in a narrow accumulator.
    """
    require_alkaid()
    refuse_untraceable(model)
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    found = pipeline(model, folder, levels_per_stage)
    stages = found.stages
    top = top_name(model)
    write_text(folder / f"{top}.v", _wrapper(model, found))
    for name in MODULES:
        shutil.copy(firmware_export_directory() / "rtl" / name, folder)
    project = UnrolledProject(top, stages + QUEUE_CYCLES, round(found.lut_estimate))
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
    write_text(folder / "run_testbench.sh", bench_script(top))
    write_text(folder / "README.md", _readme(model, bench, project))
    return project


def _readme(model: Specification, bench: Bench, project: UnrolledProject) -> str:
    lines = [
        f"# {model.name}: unrolled Verilog",
        "",
        f"`{project.top}.v` holds the streams, the other modules are alkaid's pipeline: a new",
        f"event every clock, at most {project.latency_cycles} clocks from an event in to its",
        "result out. Both are checked by the test bench.",
        "",
        "A port `NAME_data` holds all elements of an event, element 0 in the least significant",
        "bits; it passes in a clock in which `NAME_valid` and `NAME_ready` are both high. With",
        "several inputs an event is taken when all of them are there. `NAME_last` is always high.",
        "",
        "| port | direction | elements | bits of each | signed |",
        "|---|---|---|---|---|",
    ]
    for direction, ports in (("in", bench.inputs), ("out", bench.outputs)):
        lines += [
            f"| `{one.name}` | {direction} | {one.elements} | {one.width} | "
            f"{'yes' if one.signed else 'no'} |"
            for one in ports
        ]
    lines += [
        "",
        f"alkaid estimates {project.lut_estimate:,} LUT for the sums alone; no tool has counted",
        "the design here. Check: `sh run_testbench.sh`, with Icarus Verilog.",
    ]
    return "\n".join(lines) + "\n"


def _wrapper(model: Specification, found: Pipeline) -> str:
    """Return the Verilog of the streams around a pipeline."""
    stages = found.stages
    depth = address_bits(stages + 2 * QUEUE_CYCLES + 1)
    names = [one.name for one in model.inputs]
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
    results = ", ".join(f"result__{name}" for name in reversed(model.outputs))
    travels = f"{{travels__[{stages - 2}:0], takes__}}" if stages > 1 else "takes__"
    body = [
        "// Events inside, in the pipeline and in the queue; no more than the queue holds.",
        f"reg [{depth}:0] inside__;",
        "reg room__;",
        f"wire every__ = {' && '.join(f'{name}_valid' for name in names)};",
        "wire takes__ = room__ && every__;",
        "wire gives__;",
        f"wire [{depth}:0] inside_next__ = inside__ + takes__ - gives__;",
        *(
            f"assign {name}_ready = "
            + " && ".join(["room__", *(f"{one}_valid" for one in names if one != name)])
            + ";"
            for name in names
        ),
        f"reg [{stages - 1}:0] travels__;",
        "always @(posedge clk) begin",
        "    if (rst) begin",
        "        inside__ <= 0;",
        "        room__ <= 1'b0;",
        "        travels__ <= 0;",
        "    end else begin",
        "        inside__ <= inside_next__;",
        f"        room__ <= inside_next__ < {1 << depth};",
        f"        travels__ <= {travels};",
        "    end",
        "end",
        "",
        *(f"wire [{_bits(model, name) - 1}:0] t__{name} = {name}_data;" for name in names),
        *found.lines,
        f"wire [{width - 1}:0] results__ = {{{results}}};",
        "",
        "wire queue__valid, queue__ready, queue__full;",
        f"wire [{width - 1}:0] queue__data;",
        *instance(
            "pf_fifo",
            "queue__",
            {"WIDTH": width, "DEPTH_LOG2": depth},
            {
                "clk": "clk",
                "rst": "rst",
                "in_valid": f"travels__[{stages - 1}]",
                "in_ready": "queue__full",
                "in_data": "results__",
                "out_valid": "queue__valid",
                "out_ready": "queue__ready",
                "out_data": "queue__data",
            },
        ),
        "assign gives__ = queue__valid && queue__ready;",
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


def _streams_out(model: Specification) -> list[str]:
    """Give the queue's event to every__ output; several take it each when they can."""
    lines, start = [], 0
    for name in model.outputs:
        bits = _bits(model, name)
        lines.append(f"assign {name}_data = queue__data[{start} +: {bits}];")
        lines.append(f"assign {name}_last = 1'b1;")
        start += bits
    if len(model.outputs) == 1:
        (name,) = model.outputs
        return [
            *lines,
            f"assign {name}_valid = queue__valid;",
            f"assign queue__ready = {name}_ready;",
        ]
    backward = tuple(reversed(model.outputs))
    return [
        *lines,
        *instance(
            "pf_fork",
            "branches__",
            {"COUNT": len(model.outputs)},
            {
                "clk": "clk",
                "rst": "rst",
                "in_valid": "queue__valid",
                "in_ready": "queue__ready",
                "out_valid": "{" + ", ".join(f"{name}_valid" for name in backward) + "}",
                "out_ready": "{" + ", ".join(f"{name}_ready" for name in backward) + "}",
            },
        ),
    ]


def _bits(model: Specification, name: str) -> int:
    tensor = model.tensors[name]
    return prod(tensor.shape) * tensor.format.width

"""A complete folder of time-shared Verilog: modules, top, memories, bench, vectors, README."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pulsefront.files import firmware_export_directory, write_text
from pulsefront.firmware.rtl.bench.verilog import bench_of, testbench
from pulsefront.firmware.rtl.language.verilog_text import verilog_text
from pulsefront.firmware.rtl.layers.tables import table_module, write_places
from pulsefront.firmware.rtl.projects.readme import readme
from pulsefront.firmware.rtl.streams import axis_module, axis_name
from pulsefront.firmware.rtl.time_shared.memories import matrix_numbers, write_memories
from pulsefront.firmware.rtl.time_shared.plan import WEIGHTED, SharedPlan, plan
from pulsefront.firmware.rtl.time_shared.top import top_module, top_name
from pulsefront.firmware.vector_files import write_hex_vectors
from pulsefront.firmware.vectors import VectorSet
from pulsefront.fixed_point.layers import FunctionTable, ImageWindows
from pulsefront.fixed_point.specification import Specification

__all__ = ["RtlProject", "bench_script", "write_rtl"]

UNROLLED_ALONE = ("pf_gate", "pf_shift_adder")
"""Of ``firmware_export/rtl``, what no time-shared design takes."""

SCRIPT = """#!/bin/sh
# Runs the test bench with Icarus Verilog; ends with PASS or FAIL and a non-zero status.
cd "$(dirname "$0")" || exit 2
work=$(mktemp -d) || exit 2
trap 'rm -rf "$work"' EXIT
iverilog {flag} -s {top}_tb -o "$work/bench" ./*.v || exit 2
vvp -n "$work/bench" | tee "$work/log"
grep -q '^PASS$' "$work/log"
"""


@dataclass(frozen=True)
class RtlProject:
    """What `write_rtl` wrote: the *top* module and the *plan* of the design."""

    top: str
    plan: SharedPlan


def write_rtl(
    model: Specification,
    folder: str | Path,
    sets: tuple[VectorSet, ...],
    *,
    multipliers: int | Mapping[str, int] | SharedPlan = 1,
) -> RtlProject:
    """Write *model* as time-shared Verilog-2001 into *folder*, with a test bench that checks it.

    Parameters
    ----------
    sets
        Golden vectors for the test bench.
    multipliers
        Per layer, one number for all or by name; or a whole `SharedPlan`.

    Raises
    ------
    ExportError
        A number of multipliers is none, or a name is that of no layer with weights.
    UnsupportedLayer
        A layer cannot be written.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    design = multipliers if isinstance(multipliers, SharedPlan) else plan(model, multipliers)
    top = top_name(model)
    write_text(folder / f"{top}.v", top_module(model, design))
    for path in sorted((firmware_export_directory() / "rtl").glob("pf_*.v")):
        if path.stem not in UNROLLED_ALONE:
            shutil.copy(path, folder)
    for step in model.steps:
        if isinstance(step.layer, WEIGHTED):
            name = step.layer.name
            write_memories(folder, name, matrix_numbers(step), design.matrices[name])
        elif isinstance(step.layer, ImageWindows):
            write_places(folder, step.layer, step)
        elif isinstance(step.layer, FunctionTable):
            module = table_module(model.name, step.layer)
            write_text(folder / f"{module.name}.v", verilog_text(module))
    write_text(folder / f"{axis_name(model)}.v", verilog_text(axis_module(model, serial=True)))
    bench = bench_of(
        model,
        serial=True,
        interval_cycles=design.interval_cycles,
        latency_cycles=design.latency_cycles,
        vectors=sum(map(len, sets)),
    )
    write_text(folder / f"{top}_tb.v", testbench(bench))
    write_hex_vectors(sets, folder / "tb_data", model)
    write_text(folder / "run_testbench.sh", bench_script(top))
    write_text(folder / "README.md", readme(model, design, bench))
    return RtlProject(top, design)


def bench_script(top: str, flag: str = "-g2001") -> str:
    """Return the shell script that runs the test bench of *top* with Icarus Verilog."""
    return SCRIPT.format(top=top, flag=flag)

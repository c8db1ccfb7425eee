"""Unrolled Verilog through alkaid, with a streaming wrapper: a new event every clock.

Every constant has adders of its own; events follow one another through a pipeline that never
stops. The wrapper counts the events inside and takes no more than its queue can hold, so that a
receiver may stop at any time.
"""

from __future__ import annotations

import importlib.util
import shutil
from dataclasses import dataclass
from pathlib import Path

from pulsefront.errors import ToolMissing
from pulsefront.files import firmware_export_directory, write_text
from pulsefront.firmware.rtl.bench.verilog import Bench, bench_of, testbench
from pulsefront.firmware.rtl.bench.vhdl import vhdl_script, vhdl_testbench
from pulsefront.firmware.rtl.language.languages import VERILOG, VHDL, Language
from pulsefront.firmware.rtl.projects.readme import axis_section
from pulsefront.firmware.rtl.projects.time_shared import bench_script
from pulsefront.firmware.rtl.streams import QUEUE_CYCLES, axis_module, unrolled_top
from pulsefront.firmware.rtl.time_shared.top import top_name
from pulsefront.firmware.rtl.unrolled.pipeline import MODULES, VERILOG_MODULES, pipeline
from pulsefront.firmware.rtl.unrolled.trace import refuse_untraceable
from pulsefront.firmware.vector_files import write_hex_vectors
from pulsefront.firmware.vectors import VectorSet
from pulsefront.fixed_point.specification import Specification

__all__ = [
    "LEVELS_PER_STAGE",
    "QUEUE_CYCLES",
    "UnrolledProject",
    "require_alkaid",
    "write_unrolled",
]

LEVELS_PER_STAGE = 3.0
"""Adders, by alkaid's measure, between two registers."""


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
    levels_per_stage: float = LEVELS_PER_STAGE,
    language: Language = VERILOG,
) -> UnrolledProject:
    """Write *model* as a pipeline in *language* into *folder*, with a test bench that checks it.

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
    found = pipeline(model, folder, levels_per_stage, language)
    top, suffix = top_name(model), language.suffix
    for module in (unrolled_top(model, found), axis_module(model, serial=False)):
        write_text(folder / f"{module.name}{suffix}", language.text(module))
    if language is VHDL:
        shutil.copy(firmware_export_directory() / "testbench" / "pf_tb.vhd", folder)
    for name in (*MODULES, *VERILOG_MODULES) if language is VERILOG else MODULES:
        shutil.copy(firmware_export_directory() / "rtl" / f"{name}{suffix}", folder)
    latency = found.stages + QUEUE_CYCLES
    project = UnrolledProject(top, latency, round(found.lut_estimate))
    bench = bench_of(
        model,
        serial=False,
        interval_cycles=1,
        latency_cycles=latency,
        vectors=sum(map(len, sets)),
    )
    write, script = (vhdl_testbench, vhdl_script) if language is VHDL else (testbench, bench_script)
    write_text(folder / f"{top}_tb{suffix}", write(bench))
    write_hex_vectors(sets, folder / "tb_data", model)
    write_text(folder / "run_testbench.sh", script(top))
    write_text(folder / "README.md", _readme(model, bench, project, language))
    return project


def _readme(
    model: Specification, bench: Bench, project: UnrolledProject, language: Language
) -> str:
    suffix = language.suffix
    tool = "ghdl" if language is VHDL else "Icarus Verilog"
    lines = [
        f"# {model.name}: unrolled {language.title}",
        "",
        f"`{project.top}{suffix}` holds the streams, `pf_*{suffix}` are hand-written, the other",
        f"modules are alkaid's pipeline: a new event every clock, at most {project.latency_cycles}",
        "clocks from an event in to its result out. Both are checked by the test bench.",
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
    lines += ["", *axis_section(bench, language.suffix)]
    if language is VHDL:
        lines += [
            "",
            "VHDL-2008. A name that no plain one of VHDL can be, as with capital letters or two",
            "underscores together, stands between backslashes.",
        ]
    lines += [
        "",
        f"alkaid estimates {project.lut_estimate:,} LUT for the sums alone; no tool has counted",
        f"the design here. Check: `sh run_testbench.sh`, with {tool}.",
    ]
    return "\n".join(lines) + "\n"

"""The targets of an export that are Verilog or VHDL: time-shared, unrolled, and gates."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pulsefront.firmware.board import Board
from pulsefront.firmware.rtl.gates import write_gates
from pulsefront.firmware.rtl.language.languages import VERILOG, VHDL
from pulsefront.firmware.rtl.projects.time_shared import write_rtl
from pulsefront.firmware.rtl.projects.unrolled import require_alkaid, write_unrolled
from pulsefront.firmware.rtl.resources.count import Resources, count_or_place, write_resources
from pulsefront.firmware.rtl.time_shared.plan import SharedPlan, refuse_serial
from pulsefront.firmware.rtl.time_shared.top import top_name
from pulsefront.firmware.rtl.tools import find_tool
from pulsefront.firmware.rtl.unrolled.trace import refuse_untraceable
from pulsefront.firmware.targets import RTL_TARGETS
from pulsefront.firmware.vectors import VectorSet
from pulsefront.fixed_point.specification import Specification

__all__ = ["LANGUAGES", "HdlFolder", "count_hdl", "refuse_hdl", "write_hdl"]


@dataclass(frozen=True)
class HdlFolder:
    """A folder of Verilog or VHDL in an export: its design, and the clocks that its bench checks.

    It is counted for *board*.
    """

    target: str
    folder: str
    what: str
    interval_cycles: int
    latency_cycles: int
    dsp: int
    board: Board
    language: str = VERILOG.title

    @property
    def simulators(self) -> str:
        """What runs it."""
        if self.language == VHDL.title:
            return "ghdl"
        more = ", CXXRTL" if self.target == "rtl" else ""
        return f"Verilator or Icarus Verilog{more}"


LANGUAGES = {"rtl_unrolled": VERILOG, "rtl_unrolled_vhdl": VHDL}
"""Of the unrolled targets."""


def refuse_hdl(model: Specification, targets: tuple[str, ...]) -> None:
    """Refuse targets that lack a tool, or that cannot hold the model, before work starts.

    Raises
    ------
    ToolMissing
        alkaid or yosys is not installed.
    UnsupportedLayer
        The model cannot be unrolled to the bit, or not be shared.
    """
    if any(one in targets for one in LANGUAGES):
        require_alkaid()
        refuse_untraceable(model)
    if "rtl" in targets or "rtl_gates" in targets:
        refuse_serial(model)
    if "rtl_gates" in targets:
        find_tool("yosys")


def write_hdl(
    model: Specification,
    export: Path,
    target: str,
    sets: tuple[VectorSet, ...],
    design: SharedPlan,
    board: Board,
) -> HdlFolder:
    """Write the folder of a *target* into an export; *design* is the time-shared one."""
    name = RTL_TARGETS[target]
    if target in LANGUAGES:
        language = LANGUAGES[target]
        found = write_unrolled(model, export / name, sets, language=language)
        return HdlFolder(
            target, name, "unrolled by alkaid", 1, found.latency_cycles, 0, board, language.title
        )
    what = "time-shared"
    if target == "rtl_gates":
        write_gates(model, export / name, sets, design)
        what = "netlist of iCE40 cells by yosys"
    else:
        write_rtl(model, export / name, sets, multipliers=design)
    return HdlFolder(
        target, name, what, design.interval_cycles, design.latency_cycles, design.dsp, board
    )


def count_hdl(
    model: Specification, export: Path, folders: tuple[HdlFolder, ...], placements: int = 1
) -> dict[str, Resources]:
    """Let yosys count the designs of an *export*, and nextpnr place those for ECP5; by target.

    ``resources.json`` of each goes beside the export, into ``DIRECTORY-synthesis/FOLDER``, so that
    its checksums hold. Gates are counted already, as what they are made of; VHDL is not read.

    Raises
    ------
    ToolMissing
        A tool is not installed.
    ExportError
        A tool fails, or knows no such part.
    """
    found = {}
    for one in folders:
        if one.target == "rtl_gates" or one.language == VHDL.title:
            continue
        part = one.board.part
        clock = 1e3 / one.board.clock_period_ns
        counted = count_or_place(export / one.folder, top_name(model), part, clock, placements)
        clocks = {"interval_cycles": one.interval_cycles, "latency_cycles": one.latency_cycles}
        resources = counted.model_copy(update=clocks)
        reports = export.with_name(f"{export.name}-synthesis") / one.folder
        reports.mkdir(parents=True, exist_ok=True)
        write_resources(resources, reports / "resources.json")
        found[one.target] = resources
    return found

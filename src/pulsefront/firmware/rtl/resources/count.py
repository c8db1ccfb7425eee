"""What a design takes on a part, counted by yosys and placed by nextpnr: ``resources.json``.

Every number says which tool counted it and in which version. The vendor's own tools map
differently: these are not their numbers.
"""

from __future__ import annotations

import json
import re
import shutil
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import Field

from pulsefront.config import FrozenModel
from pulsefront.errors import ExportError
from pulsefront.files import write_json
from pulsefront.firmware.rtl.tools import Tool, find_tool

__all__ = [
    "FAMILIES",
    "CellCounts",
    "Placement",
    "Resources",
    "count_or_place",
    "count_resources",
    "counts_of_cells",
    "ecp5_arguments",
    "family_of",
    "place_with_seeds",
    "placement_of_report",
    "write_resources",
]

FAMILIES = {
    "ecp5": "synth_ecp5 -nowidelut",
    "ice40": "synth_ice40 -dsp",
    "xc7": "synth_xilinx -family xc7 -flatten",
    "xcup": "synth_xilinx -family xcup -flatten",
    "nexus": "synth_nexus -nowidelut",
    "polarfire": "synth_microchip -family polarfire -noiopad -noclkbuf",
}
"""The command of yosys for each family of parts that it maps to."""

PREFIXES = {
    "lfe5": "ecp5",
    "ice40": "ice40",
    "xc7": "xc7",
    "xczu": "xcup",
    "xcku": "xcup",
    "xcvu": "xcup",
    "lifcl": "nexus",
    "lfd2nx": "nexus",
    "lfcpnx": "nexus",
    "mpf": "polarfire",
}

# Look-up tables that one cell takes. A CCU2C is two LUT4 with their carry; a DPR16X4 is four with
# one slice more for writing. A carry of iCE40 and 7-series shares the place of a look-up table.
# PolarFire's ARI1 is a look-up table with its carry, its MX4 are two tables: the first passes the
# second choice on where the upper half is chosen.
LUTS = {
    "ecp5": {"LUT4": 1, "CCU2C": 2, "TRELLIS_DPR16X4": 6},
    "ice40": {"SB_LUT4": 1},
    "xc7": {
        **{f"LUT{inputs}": 1 for inputs in range(1, 7)},
        "RAM32X1D": 2,
        "RAM64X1D": 2,
        "RAM32M": 4,
        "RAM64M": 4,
        "RAM32M16": 8,
        "RAM64M8": 8,
        "SRL16E": 1,
        "SRLC32E": 1,
    },
}
LUTS["xcup"] = LUTS["xc7"]
LUTS["nexus"] = {"LUT4": 1, "INV": 1, "WIDEFN9": 2, "CCU2": 2, "DPR16X4": 6}
LUTS["polarfire"] = {**{f"CFG{inputs}": 1 for inputs in range(1, 5)}, "ARI1": 1, "MX4": 2}
FLIP_FLOPS = {
    "ecp5": r"TRELLIS_FF",
    "ice40": r"SB_DFF\w*",
    "xc7": r"FD[RSCP]E(_1)?",
    "xcup": r"FD[RSCP]E(_1)?",
    "nexus": r"FD1P3[BDIJ]X",
    "polarfire": r"SLE",
}
# Of Nexus, two products of 9 bits share a block, if placement lets them: each counts as one here.
DSPS = {
    "ecp5": {"MULT18X18D": 1},
    "ice40": {"SB_MAC16": 1},
    "xc7": {"DSP48E1": 1},
    "xcup": {"DSP48E2": 1},
    "nexus": {"MULT9X9": 1, "MULT18X18": 1, "MULT18X36": 2, "MULT36X36": 4},
    "polarfire": {"MACC_PA": 1},
}
RAM_KBIT = {
    "ecp5": {"DP16KD": 18, "PDPW16KD": 18},
    "ice40": {"SB_RAM40_4K": 4, "SB_SPRAM256KA": 256},
    "xc7": {"RAMB18E1": 18, "RAMB36E1": 36},
    "xcup": {"RAMB18E2": 18, "RAMB36E2": 36},
    "nexus": {"DP16K": 18, "PDP16K": 18, "PDPSC16K": 18},
    "polarfire": {"RAM1K20": 20, "RAM64x12": 1},
}

PATH_CELL = 80
PATH_STEP_NS = 0.2
"""Steps of the slowest path that are told; those of a carry are too many and too short."""

ECP5_SIZES = {"12": "--12k", "25": "--25k", "45": "--45k", "85": "--85k"}
ECP5_PACKAGES = {"BG256": "CABGA256", "BG381": "CABGA381", "BG554": "CABGA554", "BG756": "CABGA756"}


class CellCounts(FrozenModel):
    """Cells of a netlist; *origin* is the tool that counted them, with its version."""

    origin: str
    lut: int
    ff: int
    dsp: int
    block_ram_kbit: int
    cells: dict[str, int]


class Placement(FrozenModel):
    """A placed and routed design: what it takes of the part, and the clock that it reaches."""

    origin: str
    used: dict[str, int]
    available: dict[str, int]
    clock_mhz: float
    wanted_mhz: float
    slowest_path: tuple[str, ...]


class Resources(FrozenModel):
    """What a design takes; *placement* is there where a tool for the part has placed it.

    Of several placements it is the slowest, and *clocks_mhz* has the clocks of all, by seed.
    *interval_cycles* and *latency_cycles* are those that its test bench checks, where it has one.
    """

    top: str
    family: str
    part: str
    counts: CellCounts
    placement: Placement | None = None
    clocks_mhz: dict[int, float] = Field(default_factory=dict)
    seconds: dict[str, float]
    interval_cycles: int | None = None
    latency_cycles: int | None = None

    def __str__(self) -> str:
        counts = self.counts
        text = (
            f"{counts.lut:,} LUT, {counts.ff:,} FF, {counts.dsp:,} DSP, "
            f"{counts.block_ram_kbit:,} kbit of block RAM ({counts.origin})"
        )
        if self.placement is not None:
            clocks = self.clocks_mhz.values() or [self.placement.clock_mhz]
            text += f"; {', '.join(f'{one:.1f}' for one in clocks)} MHz ({self.placement.origin})"
        return text


def family_of(part: str) -> str:
    """Return the family of a part, a key of `FAMILIES`.

    Raises
    ------
    ExportError
        yosys maps to no such part.
    """
    for prefix, family in PREFIXES.items():
        if part.lower().startswith(prefix):
            return family
    raise ExportError(
        "yosys maps to no such part",
        field="part",
        value=part,
        remedy=f"parts that start with {', '.join(PREFIXES)} can be counted",
    )


def count_resources(
    folder: str | Path,
    top: str,
    part: str,
    *,
    clock_mhz: float | None = None,
    options: str = "",
    seed: int = 1,
) -> Resources:
    """Synthesize the Verilog in *folder* for *part*, and place it where *clock_mhz* is given.

    Nothing is written in *folder*; see `Resources` and `write_json`.

    Parameters
    ----------
    options
        More options of yosys' synthesis command, such as ``-nodsp``.
    clock_mhz
        The clock that nextpnr aims at; only for ECP5.

    Raises
    ------
    ToolMissing
        yosys or nextpnr is not installed.
    ExportError
        A tool fails: what it says is the message; a design too large for the part among others.
    """
    seeds = () if clock_mhz is None else (seed,)
    counted = _counted(folder, top, part, clock_mhz or 0.0, options, seeds)
    return counted[-1]


def place_with_seeds(
    folder: str | Path,
    top: str,
    part: str,
    clock_mhz: float,
    seeds: Sequence[int],
    *,
    options: str = "",
) -> tuple[Resources, ...]:
    """Synthesize once and place with each of *seeds*; see `count_resources`.

    The clock that a placement reaches depends on its seed: one alone is luck, good or bad.
    """
    return _counted(folder, top, part, clock_mhz, options, seeds)[1:]


def count_or_place(
    folder: str | Path, top: str, part: str, clock_mhz: float, placements: int = 1
) -> Resources:
    """Synthesize, and place what is for ECP5 with the seeds from 1 on; see `Resources`.

    Raises
    ------
    ToolMissing, ExportError
        See `count_resources`.
    """
    if family_of(part) != "ecp5":
        return count_resources(folder, top, part)
    seeds = range(1, placements + 1)
    placed = place_with_seeds(folder, top, part, clock_mhz, seeds)
    clocks = [0.0 if one.placement is None else one.placement.clock_mhz for one in placed]
    slowest = placed[clocks.index(min(clocks))]
    return slowest.model_copy(update={"clocks_mhz": dict(zip(seeds, clocks, strict=True))})


def _counted(
    folder: str | Path, top: str, part: str, clock_mhz: float, options: str, seeds: Sequence[int]
) -> tuple[Resources, ...]:
    """Return the design counted, and then placed with each seed."""
    family = family_of(part)
    yosys = find_tool("yosys")
    if seeds and family != "ecp5":
        raise ExportError("is placed for ECP5 alone", field="part", value=part)
    nextpnr = find_tool("nextpnr-ecp5") if seeds else None
    with tempfile.TemporaryDirectory(prefix="pulsefront-yosys-") as temporary:
        work = Path(temporary) / "rtl"
        shutil.copytree(folder, work)
        sources = " ".join(_sources(work))
        script = (
            f"read_verilog -defer {sources}; {FAMILIES[family]} {options} -top {top}; "
            "write_json netlist.json; tee -q -o stat.json stat -json"
        )
        start = time.monotonic()
        yosys.run(["-q", "-p", script], work)
        seconds = {"synthesis": round(time.monotonic() - start, 1)}
        counts = counts_of_cells(_cells(work / "stat.json", top), family, yosys.version)
        found = Resources(top=top, family=family, part=part, counts=counts, seconds=seconds)
        placed = (
            []
            if nextpnr is None
            else [_placed(found, nextpnr, work, clock_mhz, seed) for seed in seeds]
        )
    return (found, *placed)


def _placed(
    counted: Resources, nextpnr: Tool, work: Path, clock_mhz: float, seed: int
) -> Resources:
    """Return a design that is counted with its placement from ``netlist.json`` in *work*."""
    start = time.monotonic()
    arguments = [*ecp5_arguments(counted.part), "--json", "netlist.json", "--freq"]
    arguments += [f"{clock_mhz:g}", "--lpf-allow-unconstrained", "--timing-allow-fail"]
    arguments += ["--report", "report.json", "--seed", str(seed)]
    nextpnr.run(arguments, work)
    seconds = {**counted.seconds, "placement": round(time.monotonic() - start, 1)}
    report = json.loads((work / "report.json").read_text())
    placement = placement_of_report(report, nextpnr.version)
    return counted.model_copy(update={"placement": placement, "seconds": seconds})


def _sources(folder: Path) -> list[str]:
    return [one.name for one in sorted(folder.glob("*.v")) if not one.name.endswith("_tb.v")]


def _cells(path: Path, top: str) -> dict[str, int]:
    """Return the cells of the design in yosys' statistics, by type."""
    document = json.loads(path.read_text())
    found = document.get("design") or document["modules"][f"\\{top}"]
    cells = found["num_cells_by_type"]
    return {str(name).lstrip("\\"): int(number) for name, number in cells.items() if name[0] != "$"}


def counts_of_cells(cells: Mapping[str, int], family: str, origin: str) -> CellCounts:
    """Return the counts of a netlist from its cells by type."""

    def weighed(weights: Mapping[str, int]) -> int:
        return sum(number * weights.get(name, 0) for name, number in cells.items())

    flip_flop = FLIP_FLOPS[family]
    return CellCounts(
        origin=origin,
        lut=weighed(LUTS[family]),
        ff=sum(number for name, number in cells.items() if re.fullmatch(flip_flop, name)),
        dsp=weighed(DSPS[family]),
        block_ram_kbit=weighed(RAM_KBIT[family]),
        cells=dict(sorted(cells.items())),
    )


def ecp5_arguments(part: str) -> list[str]:
    """Return nextpnr's options for a part as Lattice writes it, such as ``LFE5U-25F-6BG381C``.

    Raises
    ------
    ExportError
        It is not written so.
    """
    found = re.fullmatch(r"LFE5U-(\d\d)F-(\d)(BG\d+)\w", part.upper())
    if not found or found[1] not in ECP5_SIZES or found[3] not in ECP5_PACKAGES:
        raise ExportError(
            "is no part of ECP5", field="part", value=part, remedy="such as LFE5U-25F-6BG381C"
        )
    return [ECP5_SIZES[found[1]], "--speed", found[2], "--package", ECP5_PACKAGES[found[3]]]


def placement_of_report(report: Mapping[str, Any], origin: str) -> Placement:
    """Return what nextpnr's report says of the part and of the slowest clock."""
    clocks = report["fmax"].values()
    if not clocks:
        raise ExportError("nextpnr's report has no clock")
    slowest = min(clocks, key=lambda one: one["achieved"])
    path: tuple[str, ...] = ()
    for one in report.get("critical_paths", []):
        if one["from"].startswith("posedge") and one["to"].startswith("posedge"):
            path = tuple(
                f"{step['delay']:.2f} ns {step['type']}: {step['to']['cell'][:PATH_CELL]}"
                for step in one["path"]
                if step["delay"] >= PATH_STEP_NS
            )
            break
    used = {name: one["used"] for name, one in report["utilization"].items() if one["used"]}
    return Placement(
        origin=origin,
        used=used,
        available={name: report["utilization"][name]["available"] for name in used},
        clock_mhz=round(slowest["achieved"], 2),
        wanted_mhz=round(slowest["constraint"], 2),
        slowest_path=path,
    )


def write_resources(resources: Resources, path: str | Path) -> None:
    """Write ``resources.json``."""
    write_json(path, resources.model_dump(mode="json"))

"""What the Verilog of two networks takes of parts: look-up tables, clock, events per second.

``python tests/benchmarks/rtl_table.py TIMING.json POSITION.json`` fits the models to the rows
below, lets yosys count them and nextpnr place those for ECP5 with several seeds, and prints a
Markdown table; ``--out FILE`` keeps the numbers as JSON. The models are those of finished studies,
``steps/search/model.json`` of a run directory. A tool that is absent is named, and its columns stay
empty. All rows take about an hour on two cores, the seeds of the largest designs most of it.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from pulsefront.errors import ToolMissing
from pulsefront.files import write_json
from pulsefront.firmware.board import load_board
from pulsefront.firmware.fit import Choice, fit
from pulsefront.firmware.fit.design import Route
from pulsefront.firmware.fit.verilog import plan_of
from pulsefront.firmware.rtl.projects.time_shared import write_rtl
from pulsefront.firmware.rtl.projects.unrolled import require_alkaid, write_unrolled
from pulsefront.firmware.rtl.resources.count import (
    Resources,
    count_resources,
    family_of,
    place_with_seeds,
)
from pulsefront.firmware.rtl.tools import find_tool
from pulsefront.firmware.vectors import golden_vectors
from pulsefront.fixed_point import FixedPointModel

SEEDS = (1, 2, 3)
TOOLS = ("yosys", "nextpnr-ecp5")
HEAD = (
    "network", "part", "design", "LUT", "of it", "FF", "DSP", "RAM (kbit)", "LUT estimated",
    "MHz wanted", "MHz reached, by seed", "events/s", "latency (ns)", "numbers",
)  # fmt: skip


@dataclass(frozen=True)
class Row:
    """A design to build: of the *model* at an index, for a board, at a rate and a clock."""

    model: int
    board: str
    route: Route
    rate_hz: float
    clock_mhz: float


ROWS = (
    Row(0, "ecp5_25", "unrolled", 1e8, 100.0),
    Row(0, "ecp5_25", "time-shared", 1e6, 100.0),
    Row(0, "arty_a7_35", "unrolled", 1e8, 100.0),
    Row(0, "arty_a7_35", "time-shared", 1e6, 100.0),
    Row(1, "ecp5_85", "time-shared", 1e6, 100.0),
    Row(1, "ecp5_25", "time-shared", 2e5, 100.0),
    Row(1, "arty_a7_100", "time-shared", 1e6, 100.0),
    Row(1, "arty_a7_35", "time-shared", 2e5, 100.0),
)


@dataclass(frozen=True)
class Found:
    """One row of the table; *clocks_mhz* (seed,) are empty where nothing was placed."""

    network: str
    part: str
    design: str
    lut: int
    lut_share: float
    ff: int
    dsp: int
    block_ram_kbit: int
    lut_estimated: int
    wanted_mhz: float
    events_per_second: float
    latency_ns: float
    origin: str
    clocks_mhz: tuple[float, ...] = ()
    seconds: float = 0.0
    slowest_path: tuple[str, ...] = field(default=(), repr=False)

    @property
    def cells(self) -> tuple[str, ...]:
        """The row as texts."""
        reached = ", ".join(f"{one:.0f}" for one in self.clocks_mhz) or "–"
        return (
            self.network, self.part, self.design, f"{self.lut:,}", f"{100 * self.lut_share:.0f} %",
            f"{self.ff:,}", str(self.dsp), str(self.block_ram_kbit), f"{self.lut_estimated:,}",
            f"{self.wanted_mhz:g}", reached, f"{self.events_per_second / 1e6:.3g} M",
            f"{self.latency_ns:,.0f}", self.origin,
        )  # fmt: skip


def build(row: Row, model: FixedPointModel, seeds: Sequence[int] = SEEDS) -> Found:
    """Return what one row takes.

    Events per second and latency are those at the slowest clock that was reached; where nothing was
    placed, at the clock wanted.

    Raises
    ------
    ToolMissing
        yosys, nextpnr for ECP5, or alkaid for an unrolled design is not installed.
    """
    start = time.monotonic()
    choice = fit(model, row.board, row.rate_hz, clock_mhz=row.clock_mhz, routes=[row.route])
    part = load_board(row.board).part
    placed = bool(seeds) and family_of(part) == "ecp5"
    latency_cycles = choice.design.latency_cycles
    with tempfile.TemporaryDirectory(prefix="pulsefront-table-") as folder:
        sets = golden_vectors(model)
        if row.route == "unrolled":
            written = write_unrolled(model, folder, sets)
            top, latency_cycles = written.top, written.latency_cycles
        else:
            plan = plan_of(model, choice.design)
            top = write_rtl(model, folder, sets, multipliers=plan).top
        found: tuple[Resources, ...] = (
            place_with_seeds(folder, top, part, row.clock_mhz, seeds)
            if placed
            else (count_resources(folder, top, part),)
        )
    return _found(row, model, choice, latency_cycles, found, time.monotonic() - start)


def _found(
    row: Row,
    model: FixedPointModel,
    choice: Choice,
    latency_cycles: int,
    built: tuple[Resources, ...],
    seconds: float,
) -> Found:
    counts = built[0].counts
    placements = [one.placement for one in built if one.placement is not None]
    clocks = tuple(one.clock_mhz for one in placements)
    clock = min(clocks, default=row.clock_mhz)
    slowest = min(placements, key=lambda one: one.clock_mhz, default=None)
    origins = dict.fromkeys([counts.origin, *(one.origin for one in placements)])
    sharing = f", {choice.design.sharing}" if choice.design.sharing else ""
    return Found(
        network=model.name,
        part=choice.demand.label,
        design=f"{row.route}{sharing}",
        lut=counts.lut,
        lut_share=counts.lut / choice.demand.room["lut"],
        ff=counts.ff,
        dsp=counts.dsp,
        block_ram_kbit=counts.block_ram_kbit,
        lut_estimated=choice.design.used["lut"],
        wanted_mhz=row.clock_mhz,
        events_per_second=clock * 1e6 / choice.design.interval_cycles,
        latency_ns=latency_cycles * 1e3 / clock,
        origin=", ".join(origins),
        clocks_mhz=clocks,
        seconds=round(seconds, 1),
        slowest_path=() if slowest is None else slowest.slowest_path,
    )


def missing_tools() -> list[str]:
    """Return what is absent, with how to install it."""
    told = []
    for name in TOOLS:
        try:
            find_tool(name)
        except ToolMissing as error:
            told.append(str(error))
    try:
        require_alkaid()
    except ToolMissing as error:
        told.append(str(error))
    return told


def markdown(rows: Sequence[Found]) -> Iterator[str]:
    """Yield the lines of the table."""
    yield f"| {' | '.join(HEAD)} |"
    yield f"|{'---|' * len(HEAD)}"
    for one in rows:
        yield f"| {' | '.join(one.cells)} |"


def main() -> None:
    """Build all rows and print them as they come, then the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("timing", type=Path)
    parser.add_argument("position", type=Path)
    parser.add_argument("--seeds", type=int, nargs="*", default=list(SEEDS))
    parser.add_argument("--rows", type=int, nargs="*", default=range(len(ROWS)))
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    absent = missing_tools()
    if absent:
        sys.exit("\n".join(f"skipped: {line}" for line in absent))
    models = [FixedPointModel.load(file) for file in (asked.timing, asked.position)]
    found = []
    for number in asked.rows:
        row = ROWS[number]
        found.append(build(row, models[row.model], asked.seeds))
        sys.stdout.write(f"{found[-1].seconds:.0f} s: {' | '.join(found[-1].cells)}\n")
        sys.stdout.flush()
        if asked.out is not None:
            write_json(asked.out, [asdict(one) for one in found])
    sys.stdout.write("\n".join(["", *markdown(found)]) + "\n")


if __name__ == "__main__":
    main()

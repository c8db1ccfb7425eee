"""What a front end takes on a part, and the network of it, counted by yosys, and its clock."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from pulsefront.firmware.front_end.pins import write_behind_pins
from pulsefront.firmware.front_end.statement import FOLDER, FrontEndStatement
from pulsefront.firmware.rtl.resources.count import (
    Resources,
    count_or_place,
    count_resources,
    write_resources,
)
from pulsefront.firmware.rtl.time_shared.top import top_name
from pulsefront.fixed_point.specification import Specification

__all__ = ["count_front_end"]


def count_front_end(
    model: Specification,
    export: Path,
    statement: FrontEndStatement | None,
    placements: int = 1,
) -> dict[str, Resources]:
    """Let yosys count the front end of an *export*, and the network in it; by name.

    For ECP5 nextpnr places the front end, as often as *placements* says, its record read out
    through a shift register that is not counted; the network is counted alone.
    ``resources.json`` of each goes beside the export, into ``DIRECTORY-synthesis``.

    Raises
    ------
    ToolMissing
        A tool is not installed.
    ExportError
        It fails, or knows no such part.
    """
    if statement is None:
        return {}
    folder, part, clock = export / FOLDER, statement.part, statement.clock_mhz
    whole = _placed(folder, f"{model.name}_front_end", part, clock, placements)
    found = {
        FOLDER: whole.model_copy(
            update={
                "interval_cycles": max(statement.dead_clocks + 1, statement.interval_clocks),
                "latency_cycles": statement.latency_clocks,
            }
        ),
        f"{FOLDER}_network": count_resources(folder, top_name(model), part),
    }
    for name, one in found.items():
        reports = export.with_name(f"{export.name}-synthesis") / name
        reports.mkdir(parents=True, exist_ok=True)
        write_resources(one, reports / "resources.json")
    return found


def _placed(folder: Path, top: str, part: str, clock_mhz: float, placements: int) -> Resources:
    """Return a front end counted, and placed behind few pins where that can be done."""
    counted = count_resources(folder, top, part)
    if counted.family != "ecp5":
        return counted
    with tempfile.TemporaryDirectory(prefix="pulsefront-pins-") as temporary:
        work = Path(temporary) / FOLDER
        shutil.copytree(folder, work)
        behind = write_behind_pins(work, top)
        placed = count_or_place(work, behind, part, clock_mhz, placements)
    seconds = {**counted.seconds, **placed.seconds}
    return placed.model_copy(update={"top": top, "counts": counted.counts, "seconds": seconds})

"""What a front end takes on a part, and the network of it, counted by yosys."""

from __future__ import annotations

from pathlib import Path

from pulsefront.firmware.front_end.statement import FOLDER, FrontEndStatement
from pulsefront.firmware.rtl.resources import Resources, count_resources, write_resources
from pulsefront.firmware.rtl.top import top_name
from pulsefront.fixed_point.specification import Specification

__all__ = ["count_front_end"]


def count_front_end(
    model: Specification, export: Path, statement: FrontEndStatement | None
) -> dict[str, Resources]:
    """Let yosys count the front end of an *export*, and the network in it; by name.

    ``resources.json`` of each goes beside the export, into ``DIRECTORY-synthesis``.

    Raises
    ------
    ToolMissing
        yosys is not installed.
    ExportError
        It fails, or knows no such part.
    """
    if statement is None:
        return {}
    tops = {FOLDER: f"{model.name}_front_end", f"{FOLDER}_network": top_name(model)}
    found = {}
    for name, top in tops.items():
        found[name] = count_resources(export / FOLDER, top, statement.part)
        reports = export.with_name(f"{export.name}-synthesis") / name
        reports.mkdir(parents=True, exist_ok=True)
        write_resources(found[name], reports / "resources.json")
    return found

"""Synthesis of an hls4ml project by the vendor's tool, where it is on PATH, and its report."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from pulsefront.errors import ExportError, ToolMissing
from pulsefront.firmware.hls4ml.settings import HlsSettings
from pulsefront.firmware.hls4ml.synthesis_report import SynthesisReport, find_report, read_report
from pulsefront.fixed_point.model import FixedPointModel

__all__ = ["COMMANDS", "OLDER_COMMANDS", "TOOLS", "find_tool", "synthesize"]

COMMANDS = {
    "Vitis": "vitis-run --tcl build_prj.tcl --mode hls",
    "Vivado": "vivado_hls -f build_prj.tcl",
    "Quartus": "make {name}-fpga",
    "oneAPI": "mkdir -p build && cd build && cmake .. && make report",
    "Catapult": "catapult -shell -f build_prj.tcl",
}
"""What builds a project of each back-end, run in its folder."""

OLDER_COMMANDS = {"Vitis": {"vitis_hls": "vitis_hls -f build_prj.tcl"}}
"""What does the same in releases without the tool in `TOOLS`: tool and command by back-end."""

TOOLS = {
    "Vitis": ("vitis-run", "AMD Vitis"),
    "Vivado": ("vivado_hls", "AMD Vivado HLS"),
    "Quartus": ("i++", "the Intel HLS compiler"),
    "oneAPI": ("icpx", "the Intel oneAPI base toolkit with FPGA support"),
    "Catapult": ("catapult", "Siemens Catapult"),
}


def find_tool(backend: str) -> str:
    """Return the path of the tool that builds projects of *backend*: the newest on PATH.

    Raises
    ------
    ToolMissing
        It is not on PATH.
    """
    tool, product = TOOLS[backend]
    for name in (tool, *OLDER_COMMANDS.get(backend, {})):
        path = shutil.which(name)
        if path is not None:
            return path
    raise ToolMissing(
        tool,
        needed_for=f"synthesis with {backend}",
        install=f"install {product} and put {tool} on PATH; the exported project builds there "
        "unchanged",
    )


def synthesize(
    model: FixedPointModel, project: str | Path, settings: HlsSettings
) -> SynthesisReport | None:
    """Run the vendor's tool on a *project* and read its report.

    Returns
    -------
    The report; None for Catapult, whose report this version does not read (it is in the project).

    Raises
    ------
    ToolMissing
        The tool is not on PATH; the project is left as it was.
    ExportError
        The tool fails, or leaves no report that can be read.
    """
    project = Path(project)
    tool = Path(find_tool(settings.backend)).name
    older = OLDER_COMMANDS.get(settings.backend, {})
    command = older.get(tool, COMMANDS[settings.backend]).format(name=model.name)
    log = project / "synthesis.log"
    with open(log, "w", encoding="utf-8") as output:
        done = subprocess.run(  # noqa: S603 - a fixed command line of this file
            ["bash", "-c", command],  # noqa: S607
            cwd=project,
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if done.returncode != 0:
        raise ExportError(
            f"{settings.backend} ended with status {done.returncode}",
            file=log,
            remedy="read the log",
        )
    report = find_report(project, settings.backend)
    if report is not None:
        return read_report(report, settings.backend)
    if settings.backend == "Catapult":
        return None
    raise ExportError(f"{settings.backend} left no report", file=log, remedy="read the log")

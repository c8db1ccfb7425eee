"""Synthesis of an hls4ml project by the vendor's tool, where it is on PATH, and its report."""

from __future__ import annotations

import shutil
import subprocess
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path

from pulsefront.errors import ExportError, ToolMissing
from pulsefront.firmware.hls4ml_settings import HlsSettings
from pulsefront.fixed_point.model import FixedPointModel

__all__ = ["COMMANDS", "TOOLS", "SynthesisReport", "find_tool", "read_report", "synthesize"]

COMMANDS = {
    "Vitis": "vitis-run --tcl build_prj.tcl --mode hls",
    "Vivado": "vivado_hls -f build_prj.tcl",
    "Quartus": "make {name}-fpga",
    "oneAPI": "mkdir -p build && cd build && cmake .. && make report",
    "Catapult": "catapult -shell -f build_prj.tcl",
}
"""What builds a project of each back-end, run in its folder."""

TOOLS = {
    "Vitis": ("vitis-run", "AMD Vitis"),
    "Vivado": ("vivado_hls", "AMD Vivado HLS"),
    "Quartus": ("i++", "the Intel HLS compiler"),
    "oneAPI": ("icpx", "the Intel oneAPI base toolkit with FPGA support"),
    "Catapult": ("catapult", "Siemens Catapult"),
}


@dataclass(frozen=True)
class SynthesisReport:
    """What the tool's HLS report says: estimates of high-level synthesis, before placement."""

    tool: str
    version: str
    clock_period_ns: float
    latency_cycles: tuple[int, int]
    initiation_interval: tuple[int, int]
    resources: dict[str, int]


def find_tool(backend: str) -> str:
    """Return the path of the tool that builds projects of *backend*.

    Raises
    ------
    ToolMissing
        It is not on PATH.
    """
    tool, product = TOOLS[backend]
    path = shutil.which(tool)
    if path is None:
        raise ToolMissing(
            tool,
            needed_for=f"synthesis with {backend}",
            install=f"install {product} and put {tool} on PATH; the exported project builds there "
            "unchanged",
        )
    return path


def synthesize(
    model: FixedPointModel, project: str | Path, settings: HlsSettings
) -> SynthesisReport | None:
    """Run the vendor's tool on a *project* and read its report.

    Returns
    -------
    The report; None for back-ends whose report this version does not read (it is in the project).

    Raises
    ------
    ToolMissing
        The tool is not on PATH; the project is left as it was.
    ExportError
        The tool fails, or leaves no report that can be read.
    """
    project = Path(project)
    find_tool(settings.backend)
    command = COMMANDS[settings.backend].format(name=model.name)
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
    if settings.backend not in ("Vitis", "Vivado"):
        return None
    reports = sorted(project.glob("*_prj/solution1/syn/report/csynth.xml"))
    if not reports:
        raise ExportError(f"{settings.backend} left no csynth.xml", file=log, remedy="read the log")
    return read_report(reports[0], settings.backend)


def read_report(path: str | Path, backend: str = "Vitis") -> SynthesisReport:
    """Read a ``csynth.xml`` of Vitis HLS or Vivado HLS.

    Raises
    ------
    ExportError
        It is no such report, or lacks a figure.
    """
    try:
        root = ET.parse(path).getroot()  # noqa: S314 - written by the tool that was just run
    except (OSError, ET.ParseError) as error:
        raise ExportError(f"cannot be read as a synthesis report: {error}", file=path) from None

    def text(place: str) -> str:
        found = root.findtext(place)
        if found is None:
            raise ExportError("lacks a figure", file=path, field=place)
        return found

    latency = "PerformanceEstimates/SummaryOfOverallLatency"
    try:
        return SynthesisReport(
            tool=f"{backend} HLS",
            version=text("ReportVersion/Version"),
            clock_period_ns=float(
                text("PerformanceEstimates/SummaryOfTimingAnalysis/EstimatedClockPeriod")
            ),
            latency_cycles=(
                int(text(f"{latency}/Best-caseLatency")),
                int(text(f"{latency}/Worst-caseLatency")),
            ),
            initiation_interval=(
                int(text(f"{latency}/Interval-min")),
                int(text(f"{latency}/Interval-max")),
            ),
            resources={
                one.tag: int(one.text or 0)
                for one in root.findall("AreaEstimates/Resources/*")
                if (one.text or "").strip().isdigit()
            },
        )
    except ValueError as error:
        raise ExportError(f"holds a figure that is no number: {error}", file=path) from None

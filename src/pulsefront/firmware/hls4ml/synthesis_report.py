"""What the vendors' high-level synthesis reports say, in one form.

Read are ``csynth.xml`` of Vitis and Vivado HLS, ``report_data.js`` and ``verification_data.js`` of
Intel's HLS compiler (Quartus), and ``summary.ndjson`` and ``loop_attr.ndjson`` of oneAPI. The
fields are those that hls4ml 1.3.0 reads (its ``hls4ml/report``).
"""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pulsefront.errors import ExportError

__all__ = ["SynthesisReport", "find_report", "read_report"]

INTEL_RESOURCES = ("ALUT", "FF", "RAM", "DSP", "MLAB")
"""Order of the figures in the totals of Intel's reports."""


@dataclass(frozen=True)
class SynthesisReport:
    """What a tool's HLS report says: estimates of high-level synthesis, before placement.

    None stands for what the report does not hold: Intel's HLS compiler writes latency and interval
    only when its test bench has been run.
    """

    tool: str
    version: str | None
    clock_period_ns: float | None
    latency_cycles: tuple[int, int] | None
    initiation_interval: tuple[int, int] | None
    resources: dict[str, int]

    @property
    def origin(self) -> str:
        """The tool and its version, where the report tells it."""
        return f"{self.tool} {self.version or ''}".rstrip()

    def __str__(self) -> str:
        parts = [", ".join(f"{count:,} {kind}" for kind, count in self.resources.items())]
        if self.latency_cycles is not None:
            parts.append(f"latency {self.latency_cycles[1]} cycles")
        if self.initiation_interval is not None:
            parts.append(f"initiation interval {self.initiation_interval[1]}")
        if self.clock_period_ns is not None:
            parts.append(f"clock {self.clock_period_ns:g} ns")
        return f"{'; '.join(parts)} (estimated by {self.origin})"


def find_report(project: str | Path, backend: str) -> Path | None:
    """Return the report that *backend*'s tool left in a *project*; None where there is none.

    None too for Catapult, whose report (``rtl.rpt``) this version does not read.
    """
    if backend not in _PLACES:
        return None
    found = sorted(Path(project).glob(_PLACES[backend]))
    return found[0] if found else None


def read_report(path: str | Path, backend: str = "Vitis") -> SynthesisReport:
    """Read the report at *path*, as `find_report` finds it.

    Raises
    ------
    ExportError
        It is no such report, lacks a figure, or holds one that is no number.
    """
    path = Path(path)
    if backend not in _READERS:
        raise ExportError(
            "is of a back-end whose reports are not read",
            file=path,
            value=backend,
            remedy=f"read it yourself; known: {', '.join(_READERS)}",
        )
    try:
        return _READERS[backend](path, backend)
    except KeyError as error:
        raise ExportError("lacks a figure", file=path, field=str(error.args[0])) from None
    except (OSError, ET.ParseError, json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ExportError(f"cannot be read as a synthesis report: {error}", file=path) from None
    except (ValueError, TypeError, IndexError, AttributeError) as error:
        raise ExportError(f"holds a figure that is no number: {error}", file=path) from None


def _read_xml(path: Path, backend: str) -> SynthesisReport:
    root = ET.parse(path).getroot()  # noqa: S314 - written by the tool that was just run

    def text(tag: str) -> str:
        found = root.findtext(tag)
        if found is None:
            raise KeyError(tag)
        return found

    latency = "PerformanceEstimates/SummaryOfOverallLatency"
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


def _read_intel_hls(path: Path, _: str) -> SynthesisReport:
    area = _script_object(path, "areaJSON")
    latency = interval = None
    verification = path.with_name("verification_data.js")
    if verification.exists():
        data = _script_object(verification, "verifJSON")["functions"][0]["data"]
        latency, interval = (_smallest_and_largest(text) for text in (data[1], data[2]))
    totals = (int(count) for count in area["total"])
    resources = dict(zip(INTEL_RESOURCES, totals, strict=True))
    return SynthesisReport("Intel HLS compiler", None, None, latency, interval, resources)


def _smallest_and_largest(text: str) -> tuple[int, int]:
    """Return the first two of "smallest,largest,mean"."""
    smallest, largest, *_ = text.split(",")
    return int(smallest), int(largest)


def _script_object(path: Path, name: str) -> Any:
    """Return the object that a script assigns to *name*; its keys are quoted, as in JSON."""
    text = path.read_text(encoding="utf-8")
    start = re.search(rf"var\s+{name}\s*=\s*", text)
    if start is None:
        raise KeyError(name)
    return json.JSONDecoder().raw_decode(text[start.end() :])[0]


def _read_oneapi(path: Path, _: str) -> SynthesisReport:
    rows = _lines(path)
    total = next((row for row in rows if row.get("name") == "Total"), None)
    if total is None:
        raise KeyError("Total")
    resources = {
        name: int(float(count))
        for name, count in zip(INTEL_RESOURCES, total["data"][:5], strict=True)
    }
    loops = [row for row in _lines(path.with_name("loop_attr.ndjson")) if {"lt", "ii"} <= set(row)]
    latency = interval = None
    if loops:
        cycles = int(max(float(row["lt"]) for row in loops))
        latency = (cycles, cycles)
        turns = [int(row["ii"]) for row in loops if str(row["ii"]).isdigit()]
        interval = (min(turns), max(turns)) if turns else None
    fastest = [float(row["af"]) for row in loops if "af" in row]
    period = 1000 / min(fastest) if fastest else None
    return SynthesisReport("oneAPI", None, period, latency, interval, resources)


def _lines(path: Path) -> list[Any]:
    """Return the objects of a file with one JSON document a line."""
    return [json.loads(one) for one in path.read_text(encoding="utf-8").splitlines() if one.strip()]


_PLACES = {
    "Vitis": "*_prj/solution1/syn/report/csynth.xml",
    "Vivado": "*_prj/solution1/syn/report/csynth.xml",
    "Quartus": "*-fpga.prj/reports/lib/report_data.js",
    "oneAPI": "build/*.report.prj/reports/resources/json/summary.ndjson",
}
_READERS: dict[str, Callable[[Path, str], SynthesisReport]] = {
    "Vitis": _read_xml,
    "Vivado": _read_xml,
    "Quartus": _read_intel_hls,
    "oneAPI": _read_oneapi,
}

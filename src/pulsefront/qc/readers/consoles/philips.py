"""The text of the daily-QC report of Philips Gemini TF PET scanners.

The console makes a PDF; its text (``pdftotext -layout``) is what is read here. No sample is public.
The labels are those that the public WAD-QC plugin looks for in such reports, and the tests bear the
names that its limit files give them, so that these can be laid over the values::

    Start Time: Tue Jun 02 07:12:33 2015
    Hardware Sensors: PASSED
    Timing Resolution: 612-ps
    Avg Error: 0.25%
          | Centroid | Resolution
      Avg | 100.1    | 12.9%

Results in words (PASSED) are counted and passed over.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from pulsefront.errors import QCDataError, UnsupportedFormat
from pulsefront.qc.readers.consoles.report import (
    ReportedValue,
    instant_of,
    unit_of_report,
    values_frame,
)
from pulsefront.qc.readers.rows.quantities import check_not_future, zone_of
from pulsefront.qc.readers.text.delimited import open_text
from pulsefront.qc.records import Batch, Reject
from pulsefront.qc.site import Mapping, Site

__all__ = ["is_philips_report", "read_philips_report"]

_LABELS = ("Hardware Sensors:", "PMT Gain Calibration:", "Energy Test:")
_NUMBER = r"([+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)"
_VALUES = {
    "Timing Resolution": ("Timing Resolution", "ps"),
    "Calibration Resolution": ("Calibration Resolution", "ps"),
    "Iterations": ("PMT Gain Iterations", ""),
    "Avg Error": ("PMT Avg Error", "%"),
    "Max Error": ("PMT Max Error", "%"),
    "Execution Time": ("Execution Time", "minutes"),
}
_LINE = re.compile(r"\s*([A-Z][\w ]*?)\s*:\s*(.*?)\s*")
_ENERGY = re.compile(rf"\s*(Avg|Min|Max)\s*\|\s*{_NUMBER}\s*%?\s*\|\s*{_NUMBER}\s*%?\s*\|?\s*")
_TILT = re.compile(rf"\s*(?:Tilt\s*)?([+-]?\d)\s*\|\s*{_NUMBER}\s*\|\s*(\w+)\s*\|?\s*")
_REMEDY = "look at the report on the console; save its text again"


def is_philips_report(path: Path) -> bool:
    """Return whether a text has the labels of such a report."""
    with open_text(path) as lines:
        start = lines.read(20_000)
    return all(label in start for label in _LABELS)


def read_philips_report(
    path: Path, site: Site, *, now_s: int, mapping: Mapping | None = None
) -> Iterator[Batch]:
    """Yield one batch: the numbers of a report.

    Raises
    ------
    UnsupportedFormat
        The text is of no such report.
    QCDataError
        It tells no time, or one in the future; or nothing tells the unit.
    """
    if not is_philips_report(path):
        raise UnsupportedFormat("is no Philips daily-QC report", file=path, remedy=_REMEDY)
    unit = unit_of_report(path, site, mapping)
    started = ""
    values: list[ReportedValue] = []
    rejects: list[Reject] = []
    words = 0
    with open_text(path) as lines:
        for row, line in enumerate(lines, start=1):
            energy, tilt = _ENERGY.fullmatch(line), _TILT.fullmatch(line)
            labelled = _LINE.fullmatch(line)
            if energy:
                name, centroid, resolution = energy.groups()
                values.append(ReportedValue(row, f"Energy {name}-Centroid", float(centroid)))
                values.append(ReportedValue(row, f"Energy {name}", float(resolution), "%"))
            elif tilt:
                name = f"Tilt {int(tilt[1])} linearity"
                values.append(ReportedValue(row, name, float(tilt[2])))
            elif labelled and labelled[1] == "Start Time":
                started = labelled[2]
            elif labelled and labelled[1] in _VALUES:
                test, measurement_unit = _VALUES[labelled[1]]
                number = re.match(_NUMBER, labelled[2])
                if number:
                    found = ReportedValue(row, test, float(number[1]), measurement_unit)
                    values.append(found)
                else:
                    reason = f"{test}: the value is no number"
                    rejects.append(Reject(row, reason, labelled[2], _REMEDY))
            elif labelled and labelled[2].upper() in {"PASSED", "FAILED"}:
                words += 1
    if not started:
        raise QCDataError("tells no time", file=path, field="Start Time", remedy=_REMEDY)
    measured_at = instant_of(path, started, site, mapping, unit, field="Start Time")
    check_not_future(measured_at, now_s, "Start Time", path, zone=zone_of(site, unit, mapping))
    size = path.stat().st_size
    yield Batch(
        measurements=values_frame(values, unit, measured_at=measured_at, available_at=measured_at),
        rejects=tuple(rejects),
        passed={"text": words} if words else {},
        rows=len(values) + len(rejects) + words,
        done=size,
        total=size,
    )

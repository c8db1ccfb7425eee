"""Text reports of GE's quality assurance procedure (QAP): a line per test with value and limits.

The form is the one that the public program imageQC reads; no sample is public. The first line names
the image quality tests, the second ends with the serial number of the detector, and the name of the
file begins with the date, ``20261001_QAP.txt``::

    IMAGE QUALITY TEST RESULTS
    Detector serial number: 12345
    Global Brightness Non Uniformity   8.1   0.0   20.0   PASSED

What the daily quality assurance of GE's PET scanners writes is of no public form: it is not read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from pulsefront.errors import UnsupportedFormat
from pulsefront.qc.readers.consoles.report import (
    ReportedValue,
    instant_of,
    unit_of_report,
    values_frame,
)
from pulsefront.qc.readers.rows.quantities import check_not_future, zone_of
from pulsefront.qc.readers.text.delimited import open_text
from pulsefront.qc.readers.text.numbers import parse_numbers
from pulsefront.qc.readers.text.words import STATUS_WORDS
from pulsefront.qc.records import Batch, Reject
from pulsefront.qc.site import Mapping, Site

__all__ = ["is_ge_report", "read_ge_report"]

_DATE = re.compile(r"(\d{8})(?:[_-]?(\d{4,6}))?")
_TEST = re.compile(r"\s*(\S.*?)\s+(\S+)\s+(\S+)\s+(\S+)\s+(PASS|PASSED|FAIL|FAILED)\s*")
_REMEDY = "look at the report on the console; export it again"


def is_ge_report(path: Path) -> bool:
    """Return whether a text begins as such a report does."""
    with open_text(path) as lines:
        first, text = lines.readline(), lines.read(20_000)
    return "IMAGE QUALITY" in first and any(_TEST.fullmatch(line) for line in text.splitlines())


def read_ge_report(
    path: Path, site: Site, *, now_s: int, mapping: Mapping | None = None
) -> Iterator[Batch]:
    """Yield one batch: the tests of a report.

    Raises
    ------
    UnsupportedFormat
        The text is of no such report, or the file's name does not begin with a date.
    QCDataError
        The date lies in the future.
    """
    if not is_ge_report(path):
        raise UnsupportedFormat("is no QAP report", file=path, remedy=_REMEDY)
    date = _DATE.match(path.name)
    if date is None:
        raise UnsupportedFormat(
            "has a name that does not begin with a date",
            file=path,
            remedy="name it as the console does, 20261001_….txt",
        )
    with open_text(path) as lines:
        text = lines.read().splitlines()
    serial = (text[1].split() or [""])[-1] if len(text) > 1 else ""
    unit = unit_of_report(path, site, mapping, names=(serial,))
    when = " ".join(filter(None, date.groups()))
    measured_at = instant_of(path, when, site, mapping, unit, field="the date of its name")
    check_not_future(
        measured_at, now_s, "the date of its name", path, zone=zone_of(site, unit, mapping)
    )
    values: list[ReportedValue] = []
    rejects: list[Reject] = []
    for row, line in enumerate(text[2:], start=3):
        match = _TEST.fullmatch(line)
        if match is None:
            continue
        numbers, good = parse_numbers(match.groups()[1:4])
        value, low, high = np.where(good, numbers, np.nan).tolist()
        if np.isnan(value):
            rejects.append(Reject(row, f"{match[1]}: the value is no number", line, _REMEDY))
            continue
        status = STATUS_WORDS.get(match[5].lower(), "")
        values.append(
            ReportedValue(row, match[1], value, action_low=low, action_high=high, status=status)
        )
    size = path.stat().st_size
    yield Batch(
        measurements=values_frame(values, unit, measured_at=measured_at, available_at=measured_at),
        rejects=tuple(rejects),
        rows=len(values) + len(rejects),
        done=size,
        total=size,
    )

"""``Results.csv`` of Varian's Machine Performance Check.

The file tells neither machine nor time: both come from the folder that MPC made,
``NDS-WKS-SN1234-2024-03-05-07-12-33-0001-BeamCheckTemplate2.5x``. Equal tables of two folders are
two checks. What else lies in such a folder (``Check.xml``, pictures) is no table of results.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from pulsefront.errors import QCDataError, UnsupportedFormat
from pulsefront.qc.readers.rows.quantities import check_not_future
from pulsefront.qc.readers.text.delimited import (
    TextRows,
    open_text,
    read_rows,
    sniff_delimiter,
    split_header,
)
from pulsefront.qc.readers.text.numbers import parse_numbers
from pulsefront.qc.records import MEASUREMENT_COLUMNS, Batch, Reject, frame_of
from pulsefront.qc.site import Site
from pulsefront.qc.times import parse_times

__all__ = ["is_mpc_header", "is_mpc_table", "mpc_folder", "read_mpc"]

_FOLDER = re.compile(r"SN(\w+?)-(\d{4}-\d{2}-\d{2})-(\d{2})-(\d{2})-(\d{2})-\d+-(.+)")
_NAME = re.compile(r"\s*(.*?)\s*\[([^\]]*)\]\s*")
_STATUS = {
    "pass": "pass", "passed": "pass", "within threshold": "pass", "warning": "warn", "fail": "fail",
    "failed": "fail", "threshold exceeded": "fail", "out of threshold": "fail",
}  # fmt: skip


_REMEDY = "look at the check on the machine; export it again if it is whole there"


class _Check(NamedTuple):
    """What the folder tells of a check."""

    unit_id: str
    measured_at: int
    template: str


def is_mpc_header(line: str) -> bool:
    """Whether a line is the header of an MPC result file."""
    return split_header(line)[:4] == ["Name [Unit]", "Value", "Threshold", "Evaluation Result"]


def mpc_folder(path: Path) -> str:
    """Return the name of the folder of a check in which a file lies, empty where it is none."""
    return path.parent.name if _FOLDER.search(path.parent.name) else ""


def is_mpc_table(path: Path) -> bool:
    """Return whether a file bears the name of the table of results."""
    return path.name.lower() == "results.csv"


def read_mpc(path: Path, site: Site, *, now_s: int | None = None) -> Iterator[Batch]:
    """Yield one batch: the values of one check.

    Raises
    ------
    UnsupportedFormat
        The header is another one.
    QCDataError
        The folder's name does not tell machine and time, or tells a time in the future.
    """
    check = _check_of_folder(path, site)
    when = "the time in the folder's name"
    check_not_future(check.measured_at, now_s, when, path, zone=site.zone(check.unit_id))
    with open_text(path) as lines:
        header = lines.readline()
        if not is_mpc_header(header):
            raise UnsupportedFormat("is no MPC result file", file=path, value=header.strip()[:60])
        delimiter = sniff_delimiter(header)
        for rows in read_rows(
            lines, delimiter=delimiter, width=len(split_header(header, delimiter))
        ):
            frame, rejects = _measurements(rows, check, decimal_comma=delimiter != ",")
            yield Batch(
                measurements=frame,
                rejects=(*rows.rejects, *rejects),
                rows=len(rows) + len(rows.rejects),
                done=rows.done,
                total=path.stat().st_size,
            )


def _check_of_folder(path: Path, site: Site) -> _Check:
    match = _FOLDER.search(path.parent.name)
    if not match:
        raise QCDataError(
            "lies in a folder whose name tells neither machine nor time",
            file=path,
            value=path.parent.name,
            remedy="keep the folder that MPC made, or use a mapping",
        )
    serial, day, *clock, template = match.groups()
    seconds, reasons = parse_times([f"{day} {':'.join(clock)}"], zone=site.zone(serial) or "UTC")
    if reasons[0]:
        raise QCDataError(str(reasons[0]), file=path)
    return _Check(site.unit(serial).unit_id, int(seconds[0]), template)


def _measurements(
    rows: TextRows, check: _Check, *, decimal_comma: bool
) -> tuple[pd.DataFrame, list[Reject]]:
    names, values_text, limits_text, results = rows.columns[:4]
    values, good = parse_numbers(values_text, decimal_comma=decimal_comma)
    limits, limit_good = parse_numbers(limits_text, decimal_comma=decimal_comma)
    named = {k: match for k, name in enumerate(names) if (match := _NAME.fullmatch(name))}
    keep = good & ~np.isnan(values) & np.isin(np.arange(len(names)), list(named))
    rejects = [
        Reject(int(rows.number[k]), "is no MPC result", f"{names[k]};{values_text[k]}", _REMEDY)
        for k in np.flatnonzero(~keep)
    ]
    kept = np.flatnonzero(keep).tolist()
    limit = np.where(limit_good, np.abs(limits), np.nan)[kept]
    frame = frame_of(
        MEASUREMENT_COLUMNS,
        {
            "value": values[kept],
            "unit_id": check.unit_id,
            "test": [f"{check.template}/{named[k][1]}" for k in kept],
            "measurement_unit": [named[k][2] for k in kept],
            # A threshold is the largest size that passes.
            "action_low": -limit,
            "action_high": limit,
            "status": [_STATUS.get(results[k].strip().lower(), "") for k in kept],
            "measured_at": check.measured_at,
            "available_at": check.measured_at,
            "row": rows.number[kept],
            "known_on_arrival": 1,
        },
    )
    return frame, rejects

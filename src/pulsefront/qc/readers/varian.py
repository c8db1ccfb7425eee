"""``Results.csv`` of Varian's Machine Performance Check.

The file tells neither machine nor time: both come from the folder that MPC made,
``NDS-WKS-SN1234-2024-03-05-07-12-33-0001-BeamCheckTemplate6x``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from pulsefront.errors import QCDataError, UnsupportedFormat
from pulsefront.qc.readers.text import (
    TextRows,
    open_text,
    parse_numbers,
    read_rows,
    sniff_delimiter,
    split_header,
)
from pulsefront.qc.records import MEASUREMENT_COLUMNS, Batch, Reject, frame_of
from pulsefront.qc.site import Site
from pulsefront.qc.times import parse_times

__all__ = ["is_mpc_header", "read_mpc"]

_FOLDER = re.compile(r"SN(\w+?)-(\d{4}-\d{2}-\d{2})-(\d{2})-(\d{2})-(\d{2})-\d+-(\w+)")
_NAME = re.compile(r"\s*(.*?)\s*\[([^\]]*)\]\s*")
_STATUS = {"pass": "pass", "passed": "pass", "within threshold": "pass", "warning": "warn"}


class _Check(NamedTuple):
    """What the folder tells of a check."""

    unit_id: str
    measured_at: int
    template: str


def is_mpc_header(line: str) -> bool:
    """Whether a line is the header of an MPC result file."""
    return split_header(line)[:4] == ["Name [Unit]", "Value", "Threshold", "Evaluation Result"]


def read_mpc(path: Path, site: Site) -> Iterator[Batch]:
    """Yield one batch: the values of one check.

    Raises
    ------
    UnsupportedFormat
        The header is another one.
    QCDataError
        The folder's name does not tell machine and time.
    """
    check = _check_of_folder(path, site)
    with open_text(path) as lines:
        header = lines.readline()
        if not is_mpc_header(header):
            raise UnsupportedFormat("is no MPC result file", file=path, value=header.strip()[:60])
        delimiter = sniff_delimiter(header)
        for rows in read_rows(lines, delimiter=delimiter, width=header.count(delimiter) + 1):
            frame, rejects = _measurements(rows, check, decimal_comma=delimiter != ",")
            yield Batch(
                measurements=frame,
                rejects=(*rows.rejects, *rejects),
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
        Reject(int(rows.number[k]), "is no MPC result", f"{names[k]};{values_text[k]}")
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
            "status": [_STATUS.get(results[k].strip().lower(), "fail") for k in kept],
            "measured_at": check.measured_at,
            "available_at": check.measured_at,
            "row": rows.number[kept],
        },
    )
    return frame, rejects

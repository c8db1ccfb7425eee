"""What is kept of a scanner's quality control: the columns, their meaning, and what was refused.

Rows travel as pandas frames, one frame per kind of record. All times are whole seconds since
1970-01-01 UTC; the site's zone is kept with the unit. Every record has two times: when it
happened (`measured_at`, `occurred_at`, `reported_at`) and when it could first be known
(`available_at`, `logged_at`). Features look at the second one only. Where nothing says when a
record became known, the reader marks it `known_on_arrival`: the time that it gives is the earliest
possible one, and the arrival at the store decides.

A *unit* is a scanner; an empty ``component_id`` stands for the unit as a whole. The unit in which a
value is measured is its ``measurement_unit``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

__all__ = [
    "BOUND_COLUMNS",
    "CONTEXT_COLUMNS",
    "EVENT_COLUMNS",
    "FILE_COLUMNS",
    "LIMIT_COLUMNS",
    "MEASUREMENT_COLUMNS",
    "SERVICE_COLUMNS",
    "SERVICE_KINDS",
    "UNIT_COLUMNS",
    "Batch",
    "Context",
    "Reject",
    "SeriesKey",
    "empty_frame",
    "frame_of",
    "group_rows",
]

Kind = Literal["text", "number", "time"]

BOUND_COLUMNS = ("action_low", "tolerance_low", "tolerance_high", "action_high")
"""The four limits from the lowest on, in the unit of the value; NaN where there is none."""

LIMIT_COLUMNS = ("reference", *BOUND_COLUMNS)
"""The reference value and the four limits."""


class Context(NamedTuple):
    """What repeats from reading to reading of a series, and is stored once."""

    reference: float | None
    action_low: float | None
    tolerance_low: float | None
    tolerance_high: float | None
    action_high: float | None
    status: str
    baseline_id: str
    software_version: str

    @property
    def limits(self) -> tuple[float | None, ...]:
        """The reference and the four limits."""
        return (
            self.reference,
            self.action_low,
            self.tolerance_low,
            self.tolerance_high,
            self.action_high,
        )


CONTEXT_COLUMNS = Context._fields


class SeriesKey(NamedTuple):
    """What names a series of readings within a unit."""

    component_id: str
    test: str
    measurement_unit: str


_OF_THE_FILE: Mapping[str, Kind] = {"row": "time", "known_on_arrival": "time"}

FILE_COLUMNS = tuple(_OF_THE_FILE)
"""Columns that tell about a row of a file, and are not stored: its line, and 1 where nothing says
when it became known."""

UNIT_COLUMNS: Mapping[str, Kind] = {
    "unit_id": "text",
    "site": "text",
    "modality": "text",
    "vendor": "text",
    "model": "text",
    "serial": "text",
    "installed_on": "time",
    "timezone": "text",
    "active_from": "time",
    "active_to": "time",
}

MEASUREMENT_COLUMNS: Mapping[str, Kind] = {
    "unit_id": "text",
    "component_id": "text",
    "test": "text",
    "value": "number",
    "measurement_unit": "text",
    **dict.fromkeys(LIMIT_COLUMNS, "number"),
    "status": "text",
    "measured_at": "time",
    "available_at": "time",
    "baseline_id": "text",
    "software_version": "text",
    **_OF_THE_FILE,
}

EVENT_COLUMNS: Mapping[str, Kind] = {
    "unit_id": "text",
    "component_id": "text",
    "code": "text",
    "severity": "text",
    "occurred_at": "time",
    "available_at": "time",
    **_OF_THE_FILE,
}

SERVICE_COLUMNS: Mapping[str, Kind] = {
    "unit_id": "text",
    "component_id": "text",
    "kind": "text",
    "reported_at": "time",
    "started_at": "time",
    "completed_at": "time",
    "logged_at": "time",
    "downtime_hours": "number",
    **_OF_THE_FILE,
}

SERVICE_KINDS = ("corrective", "preventive", "calibration", "upgrade")

_DTYPES: Mapping[Kind, str] = {"text": "object", "number": "float64", "time": "int64"}
_DEFAULTS: Mapping[Kind, object] = {"text": "", "number": np.nan, "time": 0}


@dataclass(frozen=True)
class Reject:
    """One row that was not taken, why, and what to do about it.

    ``row`` counts lines from 1 as a text editor does; 0 stands for the file as a whole.
    ``retry_at`` is when the row can be read after all: it lay in the future.
    """

    row: int
    reason: str
    content: str = ""
    remedy: str = ""
    retry_at: int = 0


def empty_frame(columns: Mapping[str, Kind]) -> pd.DataFrame:
    """Return a frame with no rows and the given columns."""
    return pd.DataFrame({name: np.empty(0, dtype=_DTYPES[kind]) for name, kind in columns.items()})


def frame_of(columns: Mapping[str, Kind], content: Mapping[str, object]) -> pd.DataFrame:
    """Return a frame with every column of *columns*, in order, filled from *content*.

    A scalar in *content* fills its column; a column that is not given takes its empty value.
    """
    lengths = [len(v) for v in content.values() if isinstance(v, (list, np.ndarray, pd.Series))]
    size = lengths[0] if lengths else 1
    data: dict[str, object] = {}
    for name, kind in columns.items():
        value = content.get(name, _DEFAULTS[kind])
        column = np.empty(size, dtype=_DTYPES[kind])
        column[:] = value  # broadcasts a scalar
        data[name] = column
    return pd.DataFrame(data)


def group_rows(
    frame: pd.DataFrame, names: Sequence[str]
) -> tuple[npt.NDArray[np.int64], list[tuple[Any, ...]]]:
    """Return a code per row and the distinct tuples of *names* that the codes point to."""
    codes = np.zeros(len(frame), dtype=np.int64)
    for name in names:
        part, uniques = pd.factorize(frame[name], use_na_sentinel=False)
        codes = codes * (len(uniques) or 1) + part
        codes, _ = pd.factorize(codes)  # keeps the product of the sizes from overflowing
    _, where = np.unique(codes, return_index=True)
    columns = [frame[name].to_numpy()[where].tolist() for name in names]
    return codes, list(zip(*columns, strict=True))


@dataclass(frozen=True)
class Batch:
    """A piece of a source: rows of each kind, the rows that were refused, and remarks.

    ``passed`` counts by reason what was looked at and is nothing to store: a test that was skipped,
    an answer that is no number. ``rows`` is how many rows (or cells of a wide table) the piece
    had; what is stored, passed and refused adds up to it. ``done`` and ``total`` say how far the
    reader has come, in bytes of the file.
    """

    measurements: pd.DataFrame = field(default_factory=lambda: empty_frame(MEASUREMENT_COLUMNS))
    units: pd.DataFrame = field(default_factory=lambda: empty_frame(UNIT_COLUMNS))
    events: pd.DataFrame = field(default_factory=lambda: empty_frame(EVENT_COLUMNS))
    services: pd.DataFrame = field(default_factory=lambda: empty_frame(SERVICE_COLUMNS))
    rejects: tuple[Reject, ...] = ()
    notes: tuple[str, ...] = ()
    passed: Mapping[str, int] = field(default_factory=dict)
    rows: int = 0
    done: int = 0
    total: int = 0

"""All that is known of one scanner, as arrays in the order in which it became known.

A history may also go on from a `Before`: what the records up to some instant left behind, so that
only the later ones need to be read. Features and hashes come out the same to the bit.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from pulsefront.qc.records import (
    CONTEXT_COLUMNS,
    FILE_COLUMNS,
    LIMIT_COLUMNS,
    Context,
    SeriesKey,
    group_rows,
)
from pulsefront.qc.store.histories.history import UnitFrames
from pulsefront.qc.store.histories.readings import HistoryRows
from pulsefront.qc.times import DAY_S

__all__ = [
    "BLOCK_S",
    "Before",
    "UnitHistory",
    "assemble",
    "history_from_frames",
    "series_names",
]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

BLOCK_S = 7 * DAY_S
"""Records are hashed in blocks of the time at which they became known."""


@dataclass(frozen=True)
class Before:
    """What the records up to an instant left behind.

    Attributes
    ----------
    state
        (series,) `trailing.STATE` in the order of the history's series.
    context
        (series,) index of each series' last context, −1 where it had no record.
    digest
        The hash of those records.
    software
        Version of the latest of them.
    """

    state: npt.NDArray[np.void]
    context: Ints
    digest: str
    software: str


@dataclass(frozen=True)
class UnitHistory:
    """Records of one unit.

    Attributes
    ----------
    unit
        The unit's own record.
    series
        (component_id, test) of each series; a test that came in two units of measurement is two
        series, the unit in brackets behind the name.
    keys
        Of each series, as the store has them.
    start
        (series + 1,) where the rows of each series begin.
    value, measured_at, available_at, context
        (row,) sorted by series, then by the time they became known, then by the time measured.
    limits
        (context, 5) reference and the four limits.
    baseline, software
        (context,) names.
    services, events
        Frames sorted by the time they became known (``logged_at``, ``available_at``).
    before
        What earlier records left behind, where they are not among the rows.
    assumed
        Of how many records it had to be assumed when they became known.
    """

    unit: Mapping[str, Any]
    series: tuple[tuple[str, str], ...]
    keys: tuple[SeriesKey, ...]
    start: Ints
    value: Floats
    measured_at: Ints
    available_at: Ints
    context: Ints
    limits: Floats
    baseline: npt.NDArray[np.object_]
    software: npt.NDArray[np.object_]
    services: pd.DataFrame
    events: pd.DataFrame
    before: Before | None = None
    assumed: int = 0

    @property
    def unit_id(self) -> str:
        """Name of the unit."""
        return str(self.unit["unit_id"])

    @property
    def components(self) -> tuple[str, ...]:
        """Components that have tests of their own, sorted."""
        return tuple(sorted({component for component, _ in self.series}))

    def known_by(self, as_of_s: int) -> UnitHistory:
        """Return the history with just what was known at an instant."""
        return self._rows(self.available_at <= as_of_s, as_of_s)

    def known_after(self, instant_s: int, before: Before) -> UnitHistory:
        """Return the history going on from *before*, what was known at an instant."""
        return replace(self._rows(self.available_at > instant_s, None), before=before)

    def _rows(self, keep: npt.NDArray[np.bool_], as_of_s: int | None) -> UnitHistory:
        count = np.concatenate([[0], np.cumsum(keep)])
        part = replace(
            self,
            start=count[self.start].astype(np.int64),
            value=self.value[keep],
            measured_at=self.measured_at[keep],
            available_at=self.available_at[keep],
            context=self.context[keep],
        )
        if as_of_s is None:
            return part
        services = self.services[self.services["logged_at"] <= as_of_s]
        events = self.events[self.events["available_at"] <= as_of_s]
        return replace(
            part,
            services=services.reset_index(drop=True),
            events=events.reset_index(drop=True),
        )

    def content_hash(self) -> str:
        """Return the SHA-256 of all records, the same wherever and whenever they were stored."""
        digest = hashlib.sha256(repr(sorted(self.unit.items())).encode())
        digest.update(self.records_digest().encode())
        for frame in (self.services, self.events):
            digest.update(_csv_text(frame).encode())
        return digest.hexdigest()

    def records_digest(self) -> str:
        """Return the hash of the measurements alone: a chain over blocks of `BLOCK_S`.

        A block's link depends on its own rows and on the link before, never on how a history was
        cut in two at the edge of a block.
        """
        link = self.before.digest if self.before else ""
        code = np.repeat(np.arange(len(self.series)), np.diff(self.start))
        block = -(-self.available_at // BLOCK_S)  # an instant at the edge belongs before it
        order = np.argsort(block, kind="stable")
        numbers, begin, size = np.unique(block[order], return_index=True, return_counts=True)
        text = self._context_texts()
        for number, first, many in zip(numbers.tolist(), begin, size, strict=True):
            rows = order[first : first + many]
            digest = hashlib.sha256(f"{link} {number}".encode())
            # Rows come series by series, in the order of names: that of the keys here, because
            # the name of a series changes when the same test turns up in a second unit.
            present, counts = np.unique(code[rows], return_counts=True)
            by_key = sorted(range(len(present)), key=lambda k: self.keys[present[k]])
            edge = np.cumsum([0, *counts])
            rows = np.concatenate([rows[edge[k] : edge[k + 1]] for k in by_key])
            named = [(tuple(self.keys[present[k]]), int(counts[k])) for k in by_key]
            digest.update(repr(named).encode())
            for array in (self.value, self.measured_at, self.available_at):
                digest.update(array[rows].tobytes())
            digest.update(text[self.context[rows]].tobytes())
            link = digest.hexdigest()
        return link

    def _context_texts(self) -> npt.NDArray[np.bytes_]:
        names = zip(self.baseline.tolist(), self.software.tolist(), strict=True)
        texts = [
            hashlib.sha256(f"{pair!r}{row.tolist()}".encode()).digest()[:8].hex()
            for pair, row in zip(names, self.limits, strict=True)
        ]
        return np.array(texts, dtype="S16")


def _csv_text(frame: pd.DataFrame) -> str:
    """Return what ``frame.to_csv(index=False)`` does, in a tenth of its time for few rows."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(frame.columns)
    columns = (["" if v != v else v for v in frame[name].tolist()] for name in frame)  # noqa: PLR0124 - NaN
    writer.writerows(zip(*columns, strict=True))
    return buffer.getvalue()


def series_names(keys: Sequence[SeriesKey]) -> list[tuple[str, str]]:
    """Return (component, test) of each series of one unit."""
    counts = Counter((key.component_id, key.test) for key in keys)
    return [(c, t if counts[c, t] == 1 else f"{t} [{u}]") for c, t, u in keys]


def assemble(
    frames: UnitFrames,
    rows: HistoryRows,
    context_id: Ints,
    contexts: Sequence[Context],
    before: Before | None = None,
) -> UnitHistory:
    """Return the history of a unit from its rows in any order.

    A series without a row is left out: nothing is known of it.

    Parameters
    ----------
    context_id, contexts
        Sorted numbers of the contexts of the rows, and what they are.
    before
        Counts as rows; its series are those of *frames*, its contexts index *contexts*.
    """
    keys = frames.keys
    series = np.searchsorted(frames.series_id, rows.series_id)
    known = np.bincount(series, minlength=len(keys)) > 0
    if before is not None:
        known |= before.context >= 0
    names = series_names([key for key, has in zip(keys, known, strict=True) if has])
    order = np.flatnonzero(known)[sorted(range(len(names)), key=lambda k: names[k])]
    if before is not None:
        before = replace(before, state=before.state[order], context=before.context[order])
    rank = np.full(len(keys), -1, dtype=np.int64)
    rank[order] = np.arange(len(order))
    code = rank[series]
    sort = np.lexsort((rows.measured_at, rows.available_at, code))
    limits = np.array([[np.nan if v is None else v for v in c.limits] for c in contexts], float)
    return UnitHistory(
        unit=frames.unit,
        series=tuple(sorted(names)),
        keys=tuple(keys[k] for k in order),
        start=np.searchsorted(code[sort], np.arange(len(names) + 1)).astype(np.int64),
        value=rows.value[sort],
        measured_at=rows.measured_at[sort],
        available_at=rows.available_at[sort],
        context=np.searchsorted(context_id, rows.context_id)[sort],
        limits=limits.reshape(-1, len(LIMIT_COLUMNS)),
        baseline=np.array([c.baseline_id for c in contexts], dtype=object),
        software=np.array([c.software_version for c in contexts], dtype=object),
        services=_sorted(frames.services, ("logged_at", "reported_at", "component_id", "kind")),
        events=_sorted(frames.events, ("available_at", "occurred_at", "component_id", "code")),
        before=before,
    )


def _sorted(frame: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """Return the rows in order; pandas takes ten times as long over the few rows of a unit."""
    keys = list(zip(*(frame[name].tolist() for name in names), strict=True))
    order = sorted(range(len(keys)), key=keys.__getitem__)
    if order == list(range(len(keys))):
        return frame.reset_index(drop=True)
    return frame.take(order).reset_index(drop=True)


def history_from_frames(
    units: pd.DataFrame, measurements: pd.DataFrame, events: pd.DataFrame, services: pd.DataFrame
) -> UnitHistory:
    """Return the history of the one unit that the frames are about."""
    series, keys = group_rows(measurements, SeriesKey._fields)
    context, contexts = group_rows(measurements, CONTEXT_COLUMNS)
    frames = UnitFrames(
        {str(k): v for k, v in units.iloc[0].items()},
        np.arange(len(keys)),
        tuple(map(SeriesKey._make, keys)),
        services.drop(columns=[*FILE_COLUMNS, "source_id"], errors="ignore"),
        events.drop(columns=[*FILE_COLUMNS, "source_id"], errors="ignore"),
    )
    rows = HistoryRows(
        series,
        measurements["measured_at"].to_numpy(),
        measurements["available_at"].to_numpy(),
        measurements["value"].to_numpy(dtype=float),
        context,
    )
    return assemble(frames, rows, np.arange(len(contexts)), list(map(Context._make, contexts)))

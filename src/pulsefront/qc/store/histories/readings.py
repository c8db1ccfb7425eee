"""Readings of series as they are stored, and from when on each of them counts.

As of an instant that is what counted then: readings that were corrected or withdrawn later stand
beside those that took their place, which count from later on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa

from pulsefront.qc.store.database import Store
from pulsefront.qc.store.rows.known import Stamps, known_of_units
from pulsefront.qc.store.rows.writing import PER_QUERY, pieces
from pulsefront.qc.store.tables import schema

__all__ = ["HistoryRows", "SeriesRows", "read_series"]

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class HistoryRows:
    """Measurements as arrays, in the order of the store: by series, then by time.

    ``available_at`` is each reading's place in the order of readings. ``assumed`` counts those
    whose place had to be assumed, where that matters.
    """

    series_id: Ints
    measured_at: Ints
    available_at: Ints
    value: npt.NDArray[np.float64]
    context_id: Ints
    assumed: int = 0

    def __len__(self) -> int:
        return len(self.value)

    def take(self, keep: npt.NDArray[Any]) -> HistoryRows:
        """Return some of the rows, by mask or index."""
        return HistoryRows(
            self.series_id[keep],
            self.measured_at[keep],
            self.available_at[keep],
            self.value[keep],
            self.context_id[keep],
            self.assumed,
        )


@dataclass(frozen=True)
class SeriesRows:
    """Readings of some series; the ``available_at`` of *rows* is what is stored.

    Attributes
    ----------
    known_s
        (row,) from which instant on each counts.
    on_arrival
        (row,) whether that follows from its arrival.
    """

    rows: HistoryRows
    known_s: Ints
    on_arrival: npt.NDArray[np.bool_]


def read_series(
    store: Store,
    stamps_of: Mapping[int, Stamps],
    *,
    as_of_s: int | None = None,
    measured_from_s: int = 0,
    measured_before_s: int | None = None,
    has_former: bool = True,
) -> SeriesRows:
    """Return the readings of series, of one unit or of many.

    Parameters
    ----------
    stamps_of
        Number of a series → the arrivals of its unit.
    as_of_s
        Add those that counted at an instant and count no longer; rows that are known later only
        are there too. None for those that count today.
    measured_from_s, measured_before_s
        Only those measured from an instant on, and before one.
    has_former
        False where it is known that nothing was corrected or withdrawn.
    """
    m, f = schema.measurement, schema.former_measurement
    numbers = sorted(stamps_of)
    stored, former = list[HistoryRows](), list[HistoryRows]()
    with store.engine.connect() as connection:
        for some in pieces(numbers, PER_QUERY):
            span = (measured_from_s, measured_before_s)
            stored.append(_fetched(connection, m, some, span))
            if as_of_s is not None and has_former:
                former.append(_fetched(connection, f, some, span, f.c.until_at > as_of_s))
    rows = _joined([*stored, *former])
    units = list(dict.fromkeys(stamps_of.values()))
    index = {stamps: k for k, stamps in enumerate(units)}
    unit_of = np.array([index[stamps_of[number]] for number in numbers], dtype=np.int64)
    unit = unit_of[np.searchsorted(numbers, rows.series_id)] if numbers else rows.series_id
    known_s, on_arrival = known_of_units(units, unit, rows.available_at, rows.measured_at)
    order = np.arange(len(rows))
    if as_of_s is not None:
        order = order[(order < sum(map(len, stored))) | (known_s <= as_of_s)]
    order = order[np.lexsort((rows.measured_at[order], rows.series_id[order]))]
    return SeriesRows(rows.take(order), known_s[order], on_arrival[order])


def _fetched(
    connection: sa.Connection,
    table: sa.Table,
    numbers: Sequence[int],
    span: tuple[int, int | None],
    *more: sa.ColumnElement[bool],
) -> HistoryRows:
    names = ("series_id", "measured_at", "available_at", "value", "context_id")
    query = sa.select(*(table.c[name] for name in names))
    query = query.where(table.c.series_id.in_(numbers), *more)
    if span[0]:
        query = query.where(table.c.measured_at >= span[0])
    if span[1] is not None:
        query = query.where(table.c.measured_at < span[1])
    # Plain tuples of the driver's cursor: a Row object each would double the time.
    cursor = connection.execute(query).cursor
    rows = cursor.fetchall() if cursor else []
    # A NULL value becomes NaN; the other columns are never NULL, and exact as floats.
    found = np.array(rows, dtype=np.float64).reshape(-1, 5)
    series_id, measured_at, available_at, context_id = (
        found[:, k].astype(np.int64) for k in (0, 1, 2, 4)
    )
    return HistoryRows(series_id, measured_at, available_at, found[:, 3].copy(), context_id)


def _joined(parts: Sequence[HistoryRows]) -> HistoryRows:
    """Return the rows of all parts, one part after the other."""
    none = np.empty(0, dtype=np.int64)
    parts = parts or [HistoryRows(none, none, none, none.astype(np.float64), none)]
    return HistoryRows(
        np.concatenate([part.series_id for part in parts]),
        np.concatenate([part.measured_at for part in parts]),
        np.concatenate([part.available_at for part in parts]),
        np.concatenate([part.value for part in parts]),
        np.concatenate([part.context_id for part in parts]),
    )

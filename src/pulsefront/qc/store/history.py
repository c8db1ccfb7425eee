"""What the store holds of one unit: the rows and frames that its history is made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import sqlalchemy as sa

from pulsefront.qc.records import CONTEXT_COLUMNS, Context, SeriesKey
from pulsefront.qc.store import schema
from pulsefront.qc.store.database import Store

__all__ = ["HistoryRows", "UnitFrames", "read_contexts", "read_rows", "read_unit"]

Ints = npt.NDArray[np.int64]

_PER_QUERY = 400


@dataclass(frozen=True)
class HistoryRows:
    """Measurements of one unit as arrays, in the order of the store: by series, then by time."""

    series_id: Ints
    measured_at: Ints
    available_at: Ints
    value: npt.NDArray[np.float64]
    context_id: Ints

    def __len__(self) -> int:
        return len(self.value)

    def take(self, keep: npt.NDArray[np.bool_]) -> HistoryRows:
        """Return some of the rows."""
        return HistoryRows(
            self.series_id[keep],
            self.measured_at[keep],
            self.available_at[keep],
            self.value[keep],
            self.context_id[keep],
        )


@dataclass(frozen=True)
class UnitFrames:
    """What the store holds of one unit beside its measurements.

    ``series_id`` is sorted, ``keys`` are in its order.
    """

    unit: Mapping[str, Any]
    series_id: Ints
    keys: tuple[SeriesKey, ...]
    services: pd.DataFrame
    events: pd.DataFrame


def read_unit(store: Store, unit_id: str) -> UnitFrames:
    """Return the record, series, services and events of a unit."""
    unit = store.frame(sa.select(schema.unit).where(schema.unit.c.unit_id == unit_id))
    s = schema.series
    series = store.frame(sa.select(s).where(s.c.unit_id == unit_id).order_by(s.c.series_id))
    # Frames carry the names of the database, where the unit of measurement is called unit.
    keys = series[["component_id", "test", "unit"]].itertuples(index=False, name=None)
    return UnitFrames(
        {str(k): v for k, v in unit.iloc[0].items()},
        series["series_id"].to_numpy(dtype=np.int64),
        tuple(map(SeriesKey._make, keys)),
        _of_unit(store, schema.service, unit_id),
        _of_unit(store, schema.event, unit_id),
    )


def _of_unit(store: Store, table: sa.Table, unit_id: str) -> pd.DataFrame:
    frame = store.frame(sa.select(table).where(table.c.unit_id == unit_id))
    return frame.drop(columns="source_id")


def read_rows(store: Store, unit_id: str, *, measured_from_s: int | None = None) -> HistoryRows:
    """Return the measurements of a unit, or those measured from an instant on."""
    m, s = schema.measurement, schema.series
    columns = (m.c.series_id, m.c.measured_at, m.c.available_at, m.c.value, m.c.context_id)
    query = (
        sa.select(*columns)
        .join_from(s, m, m.c.series_id == s.c.series_id)
        .where(s.c.unit_id == unit_id)
    )
    if measured_from_s is not None:
        query = query.where(m.c.measured_at >= measured_from_s)
    with store.engine.connect() as connection:
        # Plain tuples of the driver's cursor: a Row object each would double the time.
        cursor = connection.execute(query).cursor
        rows = cursor.fetchall() if cursor else []
    # A NULL value becomes NaN; the other columns are never NULL, and exact as floats.
    table = np.array(rows, dtype=np.float64).reshape(-1, 5)
    series_id, measured_at, available_at, context_id = (
        table[:, k].astype(np.int64) for k in (0, 1, 2, 4)
    )
    return HistoryRows(series_id, measured_at, available_at, table[:, 3].copy(), context_id)


def read_contexts(store: Store, wanted: Ints) -> list[Context]:
    """Return the contexts of some numbers, in their order."""
    c = schema.context
    found: dict[int, Context] = {}
    with store.engine.connect() as connection:
        for k in range(0, len(wanted), _PER_QUERY):
            some = wanted[k : k + _PER_QUERY].tolist()
            query = sa.select(c.c.context_id, *(c.c[name] for name in CONTEXT_COLUMNS))
            rows = connection.execute(query.where(c.c.context_id.in_(some)))
            found.update({row[0]: Context(*row[1:]) for row in rows})
    return [found[number] for number in wanted.tolist()]

"""Histories out of the store."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import sqlalchemy as sa

from pulsefront.qc.features.history import CONTEXT_NAMES, UnitHistory, assemble, series_names
from pulsefront.qc.features.samples import Outline, no_measurements
from pulsefront.qc.features.schema import FeatureSchema
from pulsefront.qc.store import schema
from pulsefront.qc.store.database import Store

__all__ = [
    "Rows",
    "UnitFrames",
    "load_histories",
    "load_history",
    "outline",
    "read_contexts",
    "read_rows",
    "read_unit",
]

Ints = npt.NDArray[np.int64]

_PER_QUERY = 400


@dataclass(frozen=True)
class Rows:
    """Measurements of one unit as arrays, in the order of the store: by series, then by time."""

    series_id: Ints
    measured_at: Ints
    available_at: Ints
    value: npt.NDArray[np.float64]
    context_id: Ints

    def __len__(self) -> int:
        return len(self.value)

    def take(self, keep: npt.NDArray[np.bool_]) -> Rows:
        """Return some of the rows."""
        return Rows(
            self.series_id[keep],
            self.measured_at[keep],
            self.available_at[keep],
            self.value[keep],
            self.context_id[keep],
        )


@dataclass(frozen=True)
class UnitFrames:
    """What the store holds of one unit beside its measurements.

    ``series_id`` is sorted, ``keys`` are (component, test, unit of measurement).
    """

    unit: Mapping[str, Any]
    series_id: Ints
    keys: tuple[tuple[str, str, str], ...]
    services: pd.DataFrame
    events: pd.DataFrame


def read_unit(store: Store, unit_id: str) -> UnitFrames:
    """Return the record, series, services and events of a unit."""
    unit = store.frame(sa.select(schema.unit).where(schema.unit.c.unit_id == unit_id))
    s = schema.series
    series = store.frame(sa.select(s).where(s.c.unit_id == unit_id).order_by(s.c.series_id))
    keys = series[["component_id", "test", "unit"]].itertuples(index=False, name=None)
    return UnitFrames(
        {str(k): v for k, v in unit.iloc[0].items()},
        series["series_id"].to_numpy(dtype=np.int64),
        tuple(keys),
        _of_unit(store, schema.service, unit_id),
        _of_unit(store, schema.event, unit_id),
    )


def _of_unit(store: Store, table: sa.Table, unit_id: str) -> pd.DataFrame:
    frame = store.frame(sa.select(table).where(table.c.unit_id == unit_id))
    return frame.drop(columns="source_id")


def read_rows(store: Store, unit_id: str, *, measured_from_s: int | None = None) -> Rows:
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
        result = connection.execute(query)
        assert result.cursor is not None
        rows = result.cursor.fetchall()  # plain tuples: a Row object each would double the time
    # A NULL value becomes NaN; the other columns are never NULL, and exact as floats.
    table = np.array(rows, dtype=np.float64).reshape(-1, 5)
    series_id, measured_at, available_at, context_id = (
        table[:, k].astype(np.int64) for k in (0, 1, 2, 4)
    )
    return Rows(series_id, measured_at, available_at, table[:, 3].copy(), context_id)


def read_contexts(store: Store, wanted: Ints) -> list[tuple[Any, ...]]:
    """Return the contexts of some numbers, in their order."""
    c = schema.context
    found: dict[int, tuple[Any, ...]] = {}
    with store.engine.connect() as connection:
        for k in range(0, len(wanted), _PER_QUERY):
            some = wanted[k : k + _PER_QUERY].tolist()
            query = sa.select(c.c.context_id, *(c.c[name] for name in CONTEXT_NAMES))
            rows = connection.execute(query.where(c.c.context_id.in_(some)))
            found.update({row[0]: tuple(row[1:]) for row in rows})
    return [found[number] for number in wanted.tolist()]


def load_history(store: Store, unit_id: str) -> UnitHistory:
    """Return the history of one unit, all of it."""
    frames, rows = read_unit(store, unit_id), read_rows(store, unit_id)
    used = np.unique(rows.context_id)
    return assemble(
        frames.unit,
        frames.keys,
        np.searchsorted(frames.series_id, rows.series_id),
        (rows.value, rows.measured_at, rows.available_at, np.searchsorted(used, rows.context_id)),
        read_contexts(store, used),
        frames.services,
        frames.events,
    )


def load_histories(store: Store, units: Sequence[str] | None = None) -> Iterator[UnitHistory]:
    """Yield the history of every unit, in the order of their names, one at a time."""
    for unit_id in store.units()["unit_id"] if units is None else units:
        yield load_history(store, unit_id)


def outline(store: Store) -> Outline:
    """Return what the store holds altogether, without reading it unit by unit.

    Raises
    ------
    QCDataError
        There are no measurements.
    """
    m, s = schema.measurement, schema.series
    with store.engine.connect() as connection:
        span = sa.select(
            m.c.series_id, sa.func.min(m.c.measured_at), sa.func.max(m.c.available_at)
        ).group_by(m.c.series_id)
        spans = {row[0]: (row[1], row[2]) for row in connection.execute(span)}
        series = connection.execute(sa.select(s).order_by(s.c.unit_id)).fetchall()
        codes = connection.execute(sa.select(schema.event.c.code).distinct()).scalars().all()
    keys: dict[str, list[tuple[str, str, str]]] = {}
    for row in series:
        if row.series_id in spans:
            keys.setdefault(row.unit_id, []).append((row.component_id, row.test, row.unit))
    if not keys:
        raise no_measurements()
    names = [name for group in keys.values() for name in series_names(group)]
    return Outline(
        FeatureSchema(
            tuple(sorted({test for _, test in names})),
            tuple(sorted({test for component, test in names if component == ""})),
            tuple(sorted(codes)),
        ),
        tuple(sorted(keys)),
        sum(len({component for component, _, _ in group}) for group in keys.values()),
        min(first for first, _ in spans.values()),
        max(last for _, last in spans.values()),
    )

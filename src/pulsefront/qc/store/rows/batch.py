"""How the rows of a batch get into the tables: numbers looked up, rows of each kind handed on.

Which rows were new is also noted by unit, as *arrivals*: the nightly job asks there what came in
since it last looked, without reading the records again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import sqlalchemy as sa

from pulsefront.qc.records import CONTEXT_COLUMNS, Batch, Reject, group_rows
from pulsefront.qc.store.rows.counts import Counts
from pulsefront.qc.store.rows.measurements import MeasurementWriter
from pulsefront.qc.store.rows.occasions import EVENTS, SERVICES, add_occasions
from pulsefront.qc.store.rows.units import describe_units, meet_units
from pulsefront.qc.store.rows.writing import PER_QUERY, Writing, insert_new, none, pieces
from pulsefront.qc.store.tables import schema

__all__ = ["Counts", "RowWriter", "add_rejects", "insert_new"]

_CONTENT_SIZE = 500
"""Characters of a refused row that are kept."""


class RowWriter:
    """Adds batches to a store; it keeps the numbers of units, series and contexts it has met."""

    def __init__(self) -> None:
        self._series: dict[tuple[str, str, str, str], int] = {}
        self._contexts: dict[str, int] = {}
        self._units: set[str] = set()
        self._measurements = MeasurementWriter()

    def forget(self) -> None:
        """Forget all numbers: a transaction that gave some out was undone, or names changed."""
        self._series.clear()
        self._contexts.clear()
        self._units.clear()
        self._measurements.forget()

    def add(self, connection: sa.Connection, batch: Batch, writing: Writing) -> Counts:
        """Add a batch within a transaction; return what became of its records."""
        counts = self._add_units(connection, batch, writing)
        counts += self._add_measurements(connection, batch.measurements, writing)
        for kind, frame in ((EVENTS, batch.events), (SERVICES, batch.services)):
            counts += add_occasions(connection, kind, frame, writing)
        add_rejects(connection, batch.rejects, writing)
        return counts + Counts(quarantined=len(batch.rejects), passed=sum(batch.passed.values()))

    def _add_units(self, connection: sa.Connection, batch: Batch, writing: Writing) -> Counts:
        """Make room for the units of a batch, and take down what it says of them."""
        frames = (batch.measurements, batch.events, batch.services, batch.units)
        met = {str(name) for frame in frames for name in frame["unit_id"].unique()}
        fresh = sorted(met - self._units)
        if fresh:
            meet_units(connection, fresh)
            self._units.update(fresh)
        if batch.units.empty:
            return Counts()
        since = writing.not_before or writing.arrived_at
        changed = describe_units(connection, batch.units, since)
        alone = not sum(map(len, frames[:3]))
        # What a report says of its scanner besides is no row of its own.
        rows = len(batch.units) if alone else 0
        return Counts(new=changed, duplicate=rows - changed) if alone else Counts()

    def _add_measurements(
        self, connection: sa.Connection, frame: pd.DataFrame, writing: Writing
    ) -> Counts:
        if frame.empty:
            return Counts()
        unit_code, units = pd.factorize(frame["unit_id"])
        available = frame["available_at"].to_numpy(dtype=np.int64)
        hidden = frame["known_on_arrival"].to_numpy(dtype=bool)
        available = np.where(hidden, np.maximum(available, writing.arrived_at), available)
        table = pd.DataFrame(
            {
                "series_id": self._series_ids(connection, frame),
                "measured_at": frame["measured_at"].to_numpy(),
                "available_at": available,
                "value": frame["value"].to_numpy(),
                "context_id": self._context_ids(connection, frame),
                "row": frame["row"].to_numpy(),
                "unit": unit_code,
                "hidden": hidden,
            }
        )
        return self._measurements.add(connection, table, writing, units)

    def _series_ids(self, connection: sa.Connection, frame: pd.DataFrame) -> np.ndarray:
        names = ["unit_id", "component_id", "test", "measurement_unit"]
        codes, keys = group_rows(frame, names)
        missing = [key for key in keys if key not in self._series]
        if missing:
            table = schema.series
            connection.execute(
                insert_new(connection, table),
                [dict(zip(names, key, strict=True)) for key in missing],
            )
            units = sorted({key[0] for key in missing})
            for some in pieces(units, PER_QUERY):
                query = sa.select(table).where(table.c.unit_id.in_(some))
                for row in connection.execute(query):
                    key = (row.unit_id, row.component_id, row.test, row.measurement_unit)
                    self._series[key] = row.series_id
        ids = np.array([self._series[key] for key in keys], dtype=np.int64)
        return np.asarray(ids[codes])

    def _context_ids(self, connection: sa.Connection, frame: pd.DataFrame) -> np.ndarray:
        names = CONTEXT_COLUMNS
        codes, keys = group_rows(frame, names)
        texts = [repr(key) for key in keys]
        missing = [
            (text, key) for text, key in zip(texts, keys, strict=True) if text not in self._contexts
        ]
        if missing:
            table = schema.context
            rows = [
                {"content": text, **{n: none(v) for n, v in zip(names, key, strict=True)}}
                for text, key in missing
            ]
            connection.execute(insert_new(connection, table), rows)
            for some in pieces([text for text, _ in missing], PER_QUERY):
                query = sa.select(table.c.content, table.c.context_id).where(
                    table.c.content.in_(some)
                )
                self._contexts.update(
                    {row.content: row.context_id for row in connection.execute(query)}
                )
        ids = np.array([self._contexts[text] for text in texts], dtype=np.int64)
        return np.asarray(ids[codes])


def add_rejects(connection: sa.Connection, rejects: Sequence[Reject], writing: Writing) -> None:
    """Put rows into quarantine, each with its reason and remedy."""
    rows: list[dict[str, Any]] = [
        {
            "source_id": writing.source_id,
            "row": reject.row,
            "reason": reject.reason,
            "content": reject.content[:_CONTENT_SIZE],
            "remedy": reject.remedy,
            "since_at": writing.arrived_at,
            "retry_at": reject.retry_at,
        }
        for reject in rejects
    ]
    if rows:
        connection.execute(insert_new(connection, schema.quarantine), rows)

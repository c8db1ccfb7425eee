"""How the rows of a batch get into the tables: keys looked up, duplicates and contradictions told.

Which rows were new is also noted by unit, as *arrivals*: the nightly job asks there what came in
since it last looked, without reading the records again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from pulsefront.qc.records import CONTEXT_COLUMNS, UNIT_COLUMNS, Batch, Reject, group_rows
from pulsefront.qc.store import schema

__all__ = ["Counts", "RowWriter", "insert_new"]

LATE_S = 86_400
"""A record that became known more than a day after it was measured counts as late."""

_ROWS_PER_QUERY = 400  # keys in one IN (...): SQLite allows 32,766 variables, older ones 999


@dataclass(frozen=True)
class Counts:
    """What became of the records of a batch or a source."""

    new: int = 0
    duplicate: int = 0
    late: int = 0
    quarantined: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            self.new + other.new,
            self.duplicate + other.duplicate,
            self.late + other.late,
            self.quarantined + other.quarantined,
        )


def insert_new(connection: sa.Connection, table: sa.Table) -> Any:
    """Return an INSERT that leaves rows whose key is there as they are."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    return dialect.insert(table).on_conflict_do_nothing()


class RowWriter:
    """Adds batches to a store; it keeps the numbers of units, series and contexts it has met."""

    def __init__(self) -> None:
        self._series: dict[tuple[str, str, str, str], int] = {}
        self._contexts: dict[str, int] = {}
        self._units: set[str] = set()

    def forget(self) -> None:
        """Forget all numbers: a transaction that gave some out was undone."""
        self._series.clear()
        self._contexts.clear()
        self._units.clear()

    def add(self, connection: sa.Connection, batch: Batch, source_id: int) -> Counts:
        """Add a batch within a transaction; return what became of its records."""
        self._add_units(connection, batch)
        counts, contradictions = self._add_measurements(connection, batch.measurements, source_id)
        for table, frame in ((schema.event, batch.events), (schema.service, batch.services)):
            counts += _add_rows(connection, table, frame, source_id)
        rejects = [*batch.rejects, *contradictions]
        _add_rejects(connection, rejects, source_id)
        return counts + Counts(quarantined=len(rejects))

    def _add_units(self, connection: sa.Connection, batch: Batch) -> None:
        rows: dict[str, dict[str, Any]] = {r["unit_id"]: r for r in _rows_of(batch.units)}
        plain = {n: "" if kind == "text" else 0 for n, kind in UNIT_COLUMNS.items()}
        for frame in (batch.measurements, batch.events, batch.services):
            for name in frame["unit_id"].unique():
                rows.setdefault(name, {**plain, "unit_id": name, "timezone": "UTC"})
        fresh = [row for name, row in rows.items() if name not in self._units]
        if fresh:
            connection.execute(insert_new(connection, schema.unit), fresh)
            self._units.update(row["unit_id"] for row in fresh)
        # A unit that was first met in a log is described better once its own record comes.
        for row in _rows_of(batch.units):
            table = schema.unit
            connection.execute(
                sa.update(table).where(table.c.unit_id == row["unit_id"]).values(row)
            )

    def _add_measurements(
        self, connection: sa.Connection, frame: pd.DataFrame, source_id: int
    ) -> tuple[Counts, list[Reject]]:
        if frame.empty:
            return Counts(), []
        unit_code, units = pd.factorize(frame["unit_id"])
        table = pd.DataFrame(
            {
                "series_id": self._series_ids(connection, frame),
                "measured_at": frame["measured_at"].to_numpy(),
                "available_at": frame["available_at"].to_numpy(),
                "value": frame["value"].to_numpy(),
                "context_id": self._context_ids(connection, frame),
                "row": frame["row"].to_numpy(),
                "unit": unit_code,
            }
        )
        key = ["series_id", "measured_at"]
        # The key order is the order on disk, which makes the insertion several times faster; a
        # stable sort keeps the first of equal keys first.
        table = table.sort_values(key, kind="stable", ignore_index=True)
        first = table.drop_duplicates(key)
        new = _insert_measurements(connection, first, source_id)
        if new == len(table):
            _add_arrivals(connection, table, units)
            late = int(((table["available_at"] - table["measured_at"]) > LATE_S).sum())
            return Counts(new=new, late=late), []
        stored = _stored_values(connection, first)
        merged = table.merge(stored, on=key, how="left", suffixes=("", "_stored"))
        same = _equal(merged["value"], merged["value_stored"])
        rejects = [
            Reject(
                int(row),
                "contradicts the record of the same unit, component, test and time",
                f"value {value!r}, known {known!r}",
            )
            for row, value, known in zip(
                merged["row"][~same],
                merged["value"][~same],
                merged["value_stored"][~same],
                strict=True,
            )
        ]
        duplicate = len(table) - new - len(rejects)
        is_late = (merged["available_at"] - merged["measured_at"]) > LATE_S
        fresh = same & (merged["source_id"] == source_id) & ~merged.duplicated(key)
        if new:
            _add_arrivals(connection, merged[fresh], units)
        late = int((is_late & fresh).sum())
        return Counts(new=new, duplicate=duplicate, late=late), rejects

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
            for some in _pieces(units, _ROWS_PER_QUERY):
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
                {"content": text, **{n: _none(v) for n, v in zip(names, key, strict=True)}}
                for text, key in missing
            ]
            connection.execute(insert_new(connection, table), rows)
            for some in _pieces([text for text, _ in missing], _ROWS_PER_QUERY):
                query = sa.select(table.c.content, table.c.context_id).where(
                    table.c.content.in_(some)
                )
                self._contexts.update(
                    {row.content: row.context_id for row in connection.execute(query)}
                )
        ids = np.array([self._contexts[text] for text in texts], dtype=np.int64)
        return np.asarray(ids[codes])


def _insert_measurements(connection: sa.Connection, rows: pd.DataFrame, source_id: int) -> int:
    names = ("series_id", "measured_at", "available_at", "value", "context_id")
    columns: list[list[Any]] = [rows[name].tolist() for name in names]
    columns[3] = [None if value != value else value for value in columns[3]]  # noqa: PLR0124
    columns.append([source_id] * len(rows))
    if connection.dialect.name == "sqlite":
        # The same statement with bare tuples, which saves a dictionary per record.
        statement = insert_new(connection, schema.measurement)
        text = str(statement.compile(dialect=connection.dialect))
        return int(connection.exec_driver_sql(text, list(zip(*columns, strict=True))).rowcount)
    keys = (*names, "source_id")
    content = [dict(zip(keys, row, strict=True)) for row in zip(*columns, strict=True)]
    return _insert_counted(connection, schema.measurement, content)


def _insert_counted(connection: sa.Connection, table: sa.Table, rows: list[dict[str, Any]]) -> int:
    """Insert what is not there yet; return how many rows were new."""
    statement = insert_new(connection, table)
    if connection.dialect.name == "postgresql":
        # psycopg does not count over many statements: let the server say what it took.
        statement = statement.returning(next(iter(table.primary_key.columns)))
        return len(connection.execute(statement, rows).fetchall())
    return int(connection.execute(statement, rows).rowcount)


def _stored_values(connection: sa.Connection, keys: pd.DataFrame) -> pd.DataFrame:
    """Return what is stored of the given series in the span of time that *keys* covers."""
    table = schema.measurement
    names = ["series_id", "measured_at", "value", "source_id"]
    span = (int(keys["measured_at"].min()), int(keys["measured_at"].max()))
    wanted = np.unique(keys["series_id"].to_numpy()).tolist()
    rows: list[tuple[Any, ...]] = []
    for some in _pieces(wanted, _ROWS_PER_QUERY):
        query = sa.select(*(table.c[name] for name in names)).where(
            table.c.series_id.in_(some), table.c.measured_at.between(*span)
        )
        rows += [tuple(row) for row in connection.execute(query)]
    types = {"series_id": "int64", "measured_at": "int64", "value": "float64"}
    return pd.DataFrame(rows, columns=names).astype(types)


def _add_arrivals(connection: sa.Connection, rows: pd.DataFrame, units: pd.Index) -> None:
    """Note by unit what came in, and how far back it reaches."""
    content = [
        {
            "unit_id": str(name),
            "first_measured_at": int(group["measured_at"].min()),
            "first_available_at": int(group["available_at"].min()),
            "records": len(group),
        }
        for code, name in enumerate(units)
        if len(group := rows[rows["unit"] == code])
    ]
    if content:
        connection.execute(sa.insert(schema.arrival), content)


def _add_rows(
    connection: sa.Connection, table: sa.Table, frame: pd.DataFrame, source_id: int
) -> Counts:
    if frame.empty:
        return Counts()
    rows = [
        {n: _none(v) for n, v in row.items() if n != "row"} | {"source_id": source_id}
        for row in _rows_of(frame)
    ]
    new = _insert_counted(connection, table, rows)
    return Counts(new=new, duplicate=len(rows) - new)


def _add_rejects(connection: sa.Connection, rejects: Sequence[Reject], source_id: int) -> None:
    if rejects:
        rows = [
            {"source_id": source_id, "row": r.row, "reason": r.reason, "content": r.content[:500]}
            for r in rejects
        ]
        connection.execute(insert_new(connection, schema.quarantine), rows)


def _rows_of(frame: pd.DataFrame) -> list[dict[str, Any]]:
    names = list(frame.columns)
    columns = [frame[name].tolist() for name in names]
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


def _equal(left: pd.Series, right: pd.Series) -> np.ndarray:
    a, b = left.to_numpy(dtype=float), right.to_numpy(dtype=float)
    return np.asarray((a == b) | (np.isnan(a) & np.isnan(b)))


def _none(value: Any) -> Any:
    return None if isinstance(value, float) and np.isnan(value) else value


def _pieces(items: Sequence[Any], size: int) -> Iterable[Sequence[Any]]:
    return (items[k : k + size] for k in range(0, len(items), size))

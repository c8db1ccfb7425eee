"""On whose behalf rows are written, and helpers that all tables share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from pulsefront.qc.store.tables import schema

__all__ = [
    "PER_QUERY",
    "SeenKeys",
    "Writing",
    "insert_columns",
    "insert_new",
    "none",
    "pieces",
    "turns_of",
]

PER_QUERY = 400
"""Keys in one IN (...): SQLite allows 32,766 variables, older ones 999."""


class SeenKeys:
    """Which rows a source vouches for, gathered while it is read."""

    def __init__(self) -> None:
        self._measurements: list[npt.NDArray[np.int64]] = []
        self.others: dict[str, set[tuple[Any, ...]]] = {"event": set(), "service": set()}

    def add(self, series_id: Any, measured_at: Any) -> None:
        """Note measurements by their keys."""
        pair = [np.asarray(series_id, dtype=np.int64), np.asarray(measured_at, dtype=np.int64)]
        self._measurements.append(np.column_stack(pair))

    def has(self, series_id: Any, measured_at: Any) -> npt.NDArray[np.bool_]:
        """Return whether each measurement was noted."""
        wanted = pd.MultiIndex.from_arrays([series_id, measured_at])
        if not self._measurements:
            return np.zeros(len(wanted), dtype=bool)
        noted = np.concatenate(self._measurements)
        return np.asarray(wanted.isin(pd.MultiIndex.from_arrays([noted[:, 0], noted[:, 1]])))


@dataclass(frozen=True)
class Writing:
    """On whose behalf rows are written.

    Attributes
    ----------
    arrived_at
        The present, from which on the rows count where nothing says when they became known.
    not_before
        The instant from which on such rows, corrections and withdrawals count (see `known`).
    turn
        Of the source: where two contradict each other, the later turn wins.
    seen
        What the source has vouched for since it began to be read.
    """

    source_id: int
    arrived_at: int
    turn: int
    not_before: int
    seen: SeenKeys = field(default_factory=SeenKeys)


def insert_new(connection: sa.Connection, table: sa.Table) -> Any:
    """Return an INSERT that leaves rows whose key is there as they are."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    return dialect.insert(table).on_conflict_do_nothing()


def insert_columns(
    connection: sa.Connection, table: sa.Table, columns: Mapping[str, Sequence[Any]]
) -> None:
    """Insert many rows, given by all columns of a table; rows whose key is there stay as they are.

    A dictionary a row, or a statement a row, would take several times as long.
    """
    names = [column.name for column in table.columns]
    if not columns[names[0]]:
        return
    if connection.dialect.name == "sqlite":
        text = str(insert_new(connection, table).compile(dialect=connection.dialect))
        connection.exec_driver_sql(text, list(zip(*(columns[n] for n in names), strict=True)))
        return
    arrays = [sa.literal(list(columns[n]), postgresql.ARRAY(table.c[n].type)) for n in names]
    rows = sa.select(sa.func.unnest(*arrays).table_valued(*names).render_derived())
    connection.execute(postgresql.insert(table).from_select(names, rows).on_conflict_do_nothing())


def turns_of(connection: sa.Connection, source_ids: Iterable[int]) -> dict[int, int]:
    """Return the turn of each source."""
    s = schema.source
    found: dict[int, int] = {}
    for some in pieces(sorted(set(source_ids)), PER_QUERY):
        query = sa.select(s.c.source_id, s.c.turn).where(s.c.source_id.in_(some))
        found.update({int(row[0]): int(row[1]) for row in connection.execute(query)})
    return found


def none(value: Any) -> Any:
    """Return None for NaN, and any other value as it is."""
    return None if isinstance(value, float) and np.isnan(value) else value


def pieces(items: Sequence[Any], size: int) -> Iterable[Sequence[Any]]:
    """Yield *items* in pieces of a size."""
    return (items[k : k + size] for k in range(0, len(items), size))

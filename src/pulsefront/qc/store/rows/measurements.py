"""How measurements get into the store: what is new, known, corrected, repeated or withdrawn.

A measurement is named by its series and the time it was measured. A reading that a file repeats at
the same time with another value is a repetition: it keeps its place in the file by a second that is
added to its time. A reading that another file gives otherwise is a correction, and the later file
wins; what it replaces goes to the former readings with the time until which it counted.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import sqlalchemy as sa

from pulsefront.qc.store.rows.counts import Counts
from pulsefront.qc.store.rows.known import order_times
from pulsefront.qc.store.rows.writing import (
    PER_QUERY,
    Writing,
    insert_columns,
    none,
    pieces,
    turns_of,
)
from pulsefront.qc.store.tables import schema
from pulsefront.qc.times import DAY_S

__all__ = ["MeasurementWriter", "end_measurements"]

_KEY = ["series_id", "measured_at"]
_STORED = ["series_id", "measured_at", "value", "source_id", "available_at", "context_id"]


class MeasurementWriter:
    """Writes measurements whose series and contexts have numbers already."""

    def __init__(self) -> None:
        self._barred: set[int] | None = None

    def forget(self) -> None:
        """Forget what the store said."""
        self._barred = None

    def add(
        self, connection: sa.Connection, table: pd.DataFrame, writing: Writing, units: pd.Index
    ) -> Counts:
        """Write rows; return what became of them.

        Parameters
        ----------
        table
            series_id, measured_at, available_at, value, context_id, row, unit (index into *units*),
            hidden (whether the row is known from its arrival on).
        """
        # The key order is the order on disk, which makes the insertion several times faster; a
        # stable sort keeps the first of equal keys first.
        table = table.sort_values(_KEY, kind="stable", ignore_index=True)
        table, withdrawn = self._without_barred(connection, table)
        counts = Counts(withdrawn=withdrawn)
        arrived: list[pd.DataFrame] = []
        while len(table):
            again, more, new = _round(connection, table, writing)
            counts += more
            arrived += new
            table = again.sort_values(_KEY, kind="stable", ignore_index=True)
        if arrived:
            _add_arrivals(connection, pd.concat(arrived), units, writing)
        return counts

    def _without_barred(
        self, connection: sa.Connection, table: pd.DataFrame
    ) -> tuple[pd.DataFrame, int]:
        """Return the rows without readings that were withdrawn for good, and how many went."""
        f = schema.former_measurement
        if self._barred is None:
            query = sa.select(f.c.series_id).where(f.c.barred).distinct()
            self._barred = set(connection.execute(query).scalars())
        if not self._barred:
            return table, 0
        some = sorted(self._barred & set(table["series_id"].unique().tolist()))
        gone: set[tuple[Any, ...]] = set()
        for part in pieces(some, PER_QUERY):
            query = sa.select(f.c.series_id, f.c.measured_at, f.c.value)
            rows = connection.execute(query.where(f.c.barred, f.c.series_id.in_(part)))
            gone.update((row[0], row[1], row[2]) for row in rows)
        if not gone:
            return table, 0
        keys = zip(*(table[name].tolist() for name in (*_KEY, "value")), strict=True)
        keep = np.array([(s, at, none(v)) not in gone for s, at, v in keys], dtype=bool)
        return table[keep].reset_index(drop=True), int((~keep).sum())


def _round(
    connection: sa.Connection, table: pd.DataFrame, writing: Writing
) -> tuple[pd.DataFrame, Counts, list[pd.DataFrame]]:
    """Write what can be written at once.

    Returns
    -------
    again, counts, arrived
        Repetitions moved on by a second, which are to be written in the next round; what became of
        the other rows; and which rows came in.
    """
    repeated = table.duplicated(_KEY).to_numpy()
    first = table[~repeated]
    stored = _stored_values(connection, first)
    again: list[pd.DataFrame] = []
    counts = Counts()
    if repeated.any():
        more, moved = _repetitions(first, table[repeated])
        counts, again = counts + more, [moved]
    if stored.empty:
        fresh, known = first, None
    else:
        merged = first.merge(stored, on=_KEY, how="left", suffixes=("", "_stored"))
        is_new = merged["source_id"].isna().to_numpy()
        fresh, known = first[is_new], merged[~is_new]
    arrived: list[pd.DataFrame] = []
    if len(fresh):
        _insert(connection, fresh, writing.source_id)
        counts += Counts(new=len(fresh), late=_late(fresh))
        arrived.append(fresh)
    if known is not None and len(known):
        more, moved, replaced = _compare(connection, known, writing)
        counts += more
        again.append(moved)
        arrived += replaced
    writing.seen.add(first["series_id"], first["measured_at"])
    rest = [part for part in again if len(part)]
    return pd.concat(rest) if rest else table.iloc[:0], counts, arrived


def _repetitions(first: pd.DataFrame, rest: pd.DataFrame) -> tuple[Counts, pd.DataFrame]:
    """Return what becomes of rows whose key stands in the same batch before."""
    merged = rest.merge(first[[*_KEY, "value"]], on=_KEY, how="left", suffixes=("", "_first"))
    same = _equal(merged["value"], merged["value_first"])
    counts = Counts(duplicate=int(same.sum()))
    return counts, _a_second_later(rest[~same])


def _compare(
    connection: sa.Connection, known: pd.DataFrame, writing: Writing
) -> tuple[Counts, pd.DataFrame, list[pd.DataFrame]]:
    """Return what becomes of rows whose key is stored: known, corrections, repetitions."""
    same = _equal(known["value"], known["value_stored"])
    counts = Counts(duplicate=int(same.sum()))
    other = known[~same]
    if other.empty:
        return counts, known.iloc[:0], []
    met = writing.seen.has(other["series_id"], other["measured_at"])
    repeats, others = other[met], other[~met]
    turns = turns_of(connection, others["source_id"].astype(int).tolist())
    owner_turn = others["source_id"].astype(int).map(turns).fillna(0).to_numpy()
    later = owner_turn <= writing.turn
    counts += Counts(duplicate=int((~later).sum()))  # was corrected since
    replaced: list[pd.DataFrame] = []
    if later.any():
        corrected = others[later]
        _replace(connection, corrected, writing)
        counts += Counts(replaced=len(corrected))
        now = corrected.assign(hidden=True)
        now["available_at"] = np.maximum(now["available_at"], writing.arrived_at)
        replaced.append(now)
    return counts, _a_second_later(repeats), replaced


def _a_second_later(rows: pd.DataFrame) -> pd.DataFrame:
    names = [*_KEY, "available_at", "value", "context_id", "row", "unit", "hidden"]
    moved = rows[names].copy()
    moved["measured_at"] += 1
    moved["available_at"] = np.maximum(moved["available_at"], moved["measured_at"])
    return moved


def _late(rows: pd.DataFrame) -> int:
    return int(((rows["available_at"] - rows["measured_at"]) > DAY_S).sum())


def _insert(connection: sa.Connection, rows: pd.DataFrame, source_id: int) -> None:
    names = ("series_id", "measured_at", "available_at", "value", "context_id")
    columns: dict[str, list[Any]] = {name: rows[name].tolist() for name in names}
    columns["value"] = [None if v != v else v for v in columns["value"]]  # noqa: PLR0124 - NaN
    columns["source_id"] = [source_id] * len(rows)
    insert_columns(connection, schema.measurement, columns)


def _replace(connection: sa.Connection, rows: pd.DataFrame, writing: Writing) -> None:
    """Put corrected readings in the place of the stored ones, which go to the former ones."""
    m = schema.measurement
    why = f"corrected by source {writing.source_id}"
    former = [
        {"series_id": s, "measured_at": at, "available_at": int(a), "value": none(v),
         "context_id": int(c), "source_id": int(o), "until_at": max(writing.not_before, at),
         "why": why}
        for s, at, v, o, a, c in zip(
            *(rows[name].tolist() for name in (
                "series_id", "measured_at", "value_stored", "source_id", "available_at_stored",
                "context_id_stored")),
            strict=True,
        )
    ]  # fmt: skip
    connection.execute(sa.insert(schema.former_measurement), former)
    statement = (
        sa.update(m)
        .where(m.c.series_id == sa.bindparam("key_s"), m.c.measured_at == sa.bindparam("key_at"))
        .values(
            value=sa.bindparam("v"), context_id=sa.bindparam("c"),
            available_at=sa.bindparam("a"), source_id=writing.source_id,
        )
    )  # fmt: skip
    content = [
        {"key_s": s, "key_at": at, "v": none(v), "c": c, "a": max(int(a), writing.arrived_at)}
        for s, at, v, c, a in zip(
            *(rows[name].tolist() for name in (*_KEY, "value", "context_id", "available_at")),
            strict=True,
        )
    ]
    connection.execute(statement, content)


def _stored_values(connection: sa.Connection, keys: pd.DataFrame) -> pd.DataFrame:
    """Return what is stored of the given series in the span of time that *keys* covers."""
    table = schema.measurement
    span = (int(keys["measured_at"].min()), int(keys["measured_at"].max()))
    wanted = np.unique(keys["series_id"].to_numpy()).tolist()
    rows: list[tuple[Any, ...]] = []
    for some in pieces(wanted, PER_QUERY):
        query = sa.select(*(table.c[name] for name in _STORED)).where(
            table.c.series_id.in_(some), table.c.measured_at.between(*span)
        )
        rows += [tuple(row) for row in connection.execute(query)]
    types = dict.fromkeys(_STORED, "int64") | {"value": "float64"}
    return pd.DataFrame(rows, columns=_STORED).astype(types)


def _add_arrivals(
    connection: sa.Connection, rows: pd.DataFrame, units: pd.Index, writing: Writing
) -> None:
    """Note by unit what came in, and how far back it reaches."""
    hidden = rows["hidden"].to_numpy(dtype=bool)
    measured = rows["measured_at"].to_numpy()
    known = np.where(
        hidden, np.maximum(measured, writing.not_before), rows["available_at"].to_numpy()
    )
    place = order_times(known, measured, hidden)
    hidden = hidden & (place < known)
    unit = rows["unit"].to_numpy()
    content = []
    for code, name in enumerate(units):
        mine = unit == code
        if mine.any():
            behind = mine & hidden
            content.append(
                {
                    "unit_id": str(name),
                    "first_measured_at": int(measured[mine].min()),
                    "last_measured_at": int(measured[mine].max()),
                    "first_available_at": int(place[mine].min()),
                    "records": int(mine.sum()),
                    "source_id": writing.source_id,
                    "arrived_at": writing.arrived_at,
                    "not_before": writing.not_before,
                    "first_hidden_at": int(place[behind].min()) if behind.any() else 0,
                }
            )
    connection.execute(sa.insert(schema.arrival), content)


def end_measurements(
    connection: sa.Connection,
    where: sa.ColumnElement[bool],
    *,
    until: int,
    why: str,
    barred: bool = False,
) -> int:
    """Let stored measurements count no longer from an instant on; return how many.

    They go to the former readings; their units' arrivals tell the nightly job to look again.
    """
    m, s, f, a = schema.measurement, schema.series, schema.former_measurement, schema.arrival
    names = ("series_id", "measured_at", "available_at", "value", "context_id", "source_id")
    columns = [m.c[name] for name in names]
    more = [sa.literal(until), sa.literal(why), sa.literal(barred)]
    reach = (
        sa.select(
            s.c.unit_id, sa.func.min(m.c.measured_at), sa.func.max(m.c.measured_at),
            sa.func.min(m.c.available_at),
        )
        .join_from(m, s, m.c.series_id == s.c.series_id)
        .where(where)
        .group_by(s.c.unit_id)
    )  # fmt: skip
    content = [
        {"unit_id": unit, "first_measured_at": int(first), "last_measured_at": int(last),
         "first_available_at": min(int(known), int(first)), "records": 0, "not_before": until,
         "first_hidden_at": min(int(known), int(first)), "source_id": 0}
        for unit, first, last, known in connection.execute(reach)
    ]  # fmt: skip
    if not content:
        return 0
    connection.execute(sa.insert(a), content)
    copied = sa.select(*columns, *more).where(where)
    connection.execute(sa.insert(f).from_select([*names, "until_at", "why", "barred"], copied))
    return int(connection.execute(sa.delete(m).where(where)).rowcount)


def _equal(left: pd.Series, right: pd.Series) -> npt.NDArray[np.bool_]:
    a, b = left.to_numpy(dtype=float), right.to_numpy(dtype=float)
    return np.asarray((a == b) | (np.isnan(a) & np.isnan(b)))

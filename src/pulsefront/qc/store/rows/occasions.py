"""How events and services get into the store.

Both are few beside measurements, and are compared one by one. One that comes again with another
content (a repair that was open is done now) corrects the stored one; one that its file holds twice
at the same time, with different contents, is a repetition and moves on by a second.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
import sqlalchemy as sa

from pulsefront.qc.store.rows.counts import Counts
from pulsefront.qc.store.rows.writing import (
    PER_QUERY,
    Writing,
    insert_new,
    none,
    pieces,
    turns_of,
)
from pulsefront.qc.store.tables import schema

__all__ = ["EVENTS", "SERVICES", "OccasionKind", "add_occasions", "end_occasions"]


@dataclass(frozen=True)
class OccasionKind:
    """A table of things that happen, and which of its columns mean what.

    ``done`` is when an occasion was over, and could be known at the earliest; ``times`` are the
    columns that move along where it is a repetition.
    """

    table: sa.Table
    former: sa.Table
    happened: str
    done: str
    known: str
    content: tuple[str, ...]
    times: tuple[str, ...]

    @property
    def name(self) -> str:
        """Name of the table."""
        return str(self.table.name)

    @property
    def key(self) -> tuple[str, ...]:
        """Columns that name an occasion."""
        return tuple(column.name for column in self.table.primary_key.columns)


EVENTS = OccasionKind(
    schema.event, schema.former_event, "occurred_at", "occurred_at", "available_at", ("severity",),
    ("occurred_at",),
)  # fmt: skip
SERVICES = OccasionKind(
    schema.service, schema.former_service, "reported_at", "completed_at", "logged_at",
    ("started_at", "completed_at", "downtime_hours"), ("reported_at", "started_at", "completed_at"),
)  # fmt: skip

Row = dict[str, Any]
Key = tuple[Any, ...]


def add_occasions(
    connection: sa.Connection, kind: OccasionKind, frame: pd.DataFrame, writing: Writing
) -> Counts:
    """Write events or services; return what became of them."""
    if frame.empty:
        return Counts()
    rows = [_dated(row, kind, writing) for row in frame.to_dict("records")]
    stored = _stored(connection, kind, rows)
    barred = _barred(connection, kind, rows)
    turns = turns_of(connection, {row["source_id"] for row in stored.values()})
    turns[writing.source_id] = writing.turn
    met = writing.seen.others[kind.name]
    new: list[Row] = []
    ended: list[tuple[Row, Row]] = []
    counts = Counts()
    for row in rows:
        del row["row"]
        key = _key(row, kind)
        if (key, _content(row, kind)) in barred:
            counts += Counts(withdrawn=1)
            continue
        while key in met and key in stored and _differ(row, stored[key], kind):
            for name in kind.times:
                row[name] += 1
            row[kind.known] = max(row[kind.known], row[kind.happened])
            key = _key(row, kind)
        known = stored.get(key)
        if known is None:
            new.append(row)
            stored[key] = row
            counts += Counts(new=1)
        elif not _differ(row, known, kind):
            counts += Counts(duplicate=1)
        elif turns.get(known["source_id"], 0) > writing.turn:
            counts += Counts(duplicate=1)  # was corrected since
        else:
            row[kind.known] = max(row[kind.known], writing.arrived_at)
            ended.append((known, row))
            stored[key] = row
            counts += Counts(replaced=1)
        met.add(key)
    _write(connection, kind, new, ended, writing)
    return counts


def _dated(record: Mapping[Any, Any], kind: OccasionKind, writing: Writing) -> Row:
    row = {str(name): none(value) for name, value in record.items()}
    if row.pop("known_on_arrival"):
        row[kind.known] = max(row[kind.known], writing.arrived_at)
    return row | {"source_id": writing.source_id}


def _key(row: Row, kind: OccasionKind) -> Key:
    return tuple(row[name] for name in kind.key)


def _content(row: Row, kind: OccasionKind) -> Key:
    return tuple(row[name] for name in kind.content)


def _differ(row: Row, other: Row, kind: OccasionKind) -> bool:
    return _content(row, kind) != _content(other, kind)


def _stored(connection: sa.Connection, kind: OccasionKind, rows: Sequence[Row]) -> dict[Key, Row]:
    """Return what is stored of the units of some rows in the time that they cover, by key."""
    when = [row[kind.happened] for row in rows]
    table = kind.table
    found: dict[Key, Row] = {}
    for some in pieces(sorted({row["unit_id"] for row in rows}), PER_QUERY):
        query = sa.select(table).where(
            table.c.unit_id.in_(some),
            # Repetitions may have moved on by some seconds.
            table.c[kind.happened].between(min(when), max(when) + 3600),
        )
        for row in connection.execute(query).mappings():
            found[tuple(row[name] for name in kind.key)] = dict(row)
    return found


def _barred(
    connection: sa.Connection, kind: OccasionKind, rows: Sequence[Row]
) -> set[tuple[Key, Key]]:
    """Return keys and contents of occasions that were withdrawn for good."""
    f = kind.former
    found: set[tuple[Key, Key]] = set()
    for some in pieces(sorted({row["unit_id"] for row in rows}), PER_QUERY):
        query = sa.select(f).where(f.c.barred, f.c.unit_id.in_(some))
        for row in connection.execute(query).mappings():
            found.add((_key(dict(row), kind), _content(dict(row), kind)))
    return found


def _write(
    connection: sa.Connection,
    kind: OccasionKind,
    new: list[Row],
    ended: list[tuple[Row, Row]],
    writing: Writing,
) -> None:
    if ended:
        why = f"corrected by source {writing.source_id}"
        former = [
            {**old, "why": why, "until_at": max(writing.not_before, row[kind.done])}
            for old, row in ended
        ]
        connection.execute(sa.insert(kind.former), former)
        for _, row in ended:
            where = [kind.table.c[name] == row[name] for name in kind.key]
            connection.execute(sa.update(kind.table).where(*where).values(row))
    if new:
        connection.execute(insert_new(connection, kind.table), new)
    _add_arrivals(connection, kind, [*new, *(row for _, row in ended)], writing)


def _add_arrivals(
    connection: sa.Connection, kind: OccasionKind, rows: Sequence[Row], writing: Writing
) -> None:
    """Note by unit what is known from its arrival on, as is done of readings.

    Checkpoints hold no events, and look at services themselves: for them nothing older came in.
    """
    reach: dict[str, list[int]] = {}
    for row in rows:
        if row[kind.known] == writing.arrived_at:
            reach.setdefault(row["unit_id"], []).append(row[kind.happened])
    content = [
        {
            "unit_id": unit_id, "first_measured_at": min(when), "last_measured_at": max(when),
            "first_available_at": writing.arrived_at, "records": len(when),
            "source_id": writing.source_id, "arrived_at": writing.arrived_at,
            "not_before": writing.not_before, "first_hidden_at": 0,
        }
        for unit_id, when in reach.items()
    ]  # fmt: skip
    if content:
        connection.execute(sa.insert(schema.arrival), content)


def end_occasions(
    connection: sa.Connection,
    kind: OccasionKind,
    where: sa.ColumnElement[bool],
    *,
    until: int,
    why: str,
    barred: bool = False,
) -> int:
    """Let stored events or services count no longer from an instant on; return how many."""
    names = [column.name for column in kind.table.columns]
    more = [sa.literal(until), sa.literal(why), sa.literal(barred)]
    copied = sa.select(*kind.table.columns, *more).where(where)
    done = connection.execute(
        sa.insert(kind.former).from_select([*names, "until_at", "why", "barred"], copied)
    )
    connection.execute(sa.delete(kind.table).where(where))
    return int(done.rowcount)

"""Readings that count no longer: withdrawn by hand, or not found when their file is read anew.

Nothing is erased. A withdrawn reading stays among the former ones with the time until which it
counted, so that scores of earlier days come out as they did.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import sqlalchemy as sa

from pulsefront.qc.store.rows.measurements import end_measurements
from pulsefront.qc.store.rows.occasions import EVENTS, SERVICES, OccasionKind, end_occasions
from pulsefront.qc.store.rows.versions import Held
from pulsefront.qc.store.rows.writing import PER_QUERY, SeenKeys, Writing, pieces
from pulsefront.qc.store.tables import schema

__all__ = ["brings_nothing", "withdraw_held", "withdraw_source", "withdraw_unseen"]


def withdraw_unseen(connection: sa.Connection, writing: Writing, *, why: str) -> int:
    """Withdraw what a source brought before and vouches for no longer; return how many records."""
    until = writing.not_before
    ended = 0
    for series_id, first, last in _reach(connection, writing.source_id):
        keys = _keys_of(connection, writing.source_id, series_id, first, last)
        gone = _unseen(writing.seen, series_id, keys)
        ended += _end_keys(connection, series_id, gone, until=until, why=why)
    for kind in (EVENTS, SERVICES):
        for where in _unseen_occasions(connection, kind, writing):
            ended += end_occasions(connection, kind, where, until=until, why=why)
    return ended


def withdraw_source(connection: sa.Connection, source_id: int, *, until: int, why: str) -> int:
    """Withdraw all that a source brought and is believed for; return how many records."""
    ended = 0
    m = schema.measurement
    for series_id, first, last in _reach(connection, source_id):
        where = sa.and_(
            m.c.series_id == series_id,
            m.c.measured_at.between(first, last),
            m.c.source_id == source_id,
        )
        ended += end_measurements(connection, where, until=until, why=why)
    for kind in (EVENTS, SERVICES):
        where = kind.table.c.source_id == source_id
        ended += end_occasions(connection, kind, where, until=until, why=why)
    return ended


def brings_nothing(connection: sa.Connection, source_id: int) -> bool:
    """Return whether a source is believed for no record."""
    if any(
        _keys_of(connection, source_id, series_id, first, last)
        for series_id, first, last in _reach(connection, source_id)
    ):
        return False
    occasions = (kind.table.c.source_id for kind in (EVENTS, SERVICES))
    return not any(
        connection.execute(sa.select(sa.literal(1)).where(mine == source_id).limit(1)).first()
        for mine in occasions
    )


def withdraw_held(
    connection: sa.Connection, source_id: int, held: Held, *, until: int, why: str
) -> int:
    """Withdraw what a source brought and *held* has as well; return how many records."""
    m, s = schema.measurement, schema.series
    ended = 0
    for series_id, first, last in _reach(connection, source_id):
        name = connection.execute(sa.select(s).where(s.c.series_id == series_id)).one()
        series = (name.unit_id, name.component_id, name.test, name.measurement_unit)
        query = sa.select(m.c.measured_at, m.c.value).where(
            m.c.series_id == series_id,
            m.c.measured_at.between(first, last),
            m.c.source_id == source_id,
        )
        rows = connection.execute(query).all()
        gone = [int(at) for at, value in rows if held.has((*series, value), int(at))]
        ended += _end_keys(connection, series_id, gone, until=until, why=why)
    for kind in (EVENTS, SERVICES):
        keys = [kind.table.c[name] for name in kind.key]
        query = sa.select(*keys).where(kind.table.c.source_id == source_id)
        for row in connection.execute(query).all():
            if tuple(row) in held.occasions[kind.name]:
                where = sa.and_(*(key == value for key, value in zip(keys, row, strict=True)))
                ended += end_occasions(connection, kind, where, until=until, why=why)
    return ended


def _end_keys(
    connection: sa.Connection,
    series_id: int,
    measured_at: Sequence[int],
    *,
    until: int,
    why: str,
) -> int:
    """Let some measurements of a series count no longer; return how many."""
    m = schema.measurement
    ended = 0
    for some in pieces(measured_at, PER_QUERY):
        where = sa.and_(m.c.series_id == series_id, m.c.measured_at.in_(some))
        ended += end_measurements(connection, where, until=until, why=why)
    return ended


def _reach(connection: sa.Connection, source_id: int) -> Iterator[tuple[int, int, int]]:
    """Yield the series that a source wrote to, with the span of times in which it did.

    Arrivals say it; those of an older store do not know their source, and all rows are looked at.
    """
    a, s, m = schema.arrival, schema.series, schema.measurement
    spans = (
        sa.select(
            a.c.unit_id,
            sa.func.min(a.c.first_measured_at).label("first"),
            sa.func.max(a.c.last_measured_at).label("last"),
        )
        .where(a.c.source_id == source_id)
        .group_by(a.c.unit_id)
        .subquery()
    )
    query = sa.select(s.c.series_id, spans.c.first, spans.c.last).join_from(
        s, spans, s.c.unit_id == spans.c.unit_id
    )
    found = connection.execute(query).all()
    if not found:
        older = (
            sa.select(m.c.series_id, sa.func.min(m.c.measured_at), sa.func.max(m.c.measured_at))
            .where(m.c.source_id == source_id)
            .group_by(m.c.series_id)
        )
        found = connection.execute(older).all() if _is_older(connection, source_id) else []
    for series_id, first, last in found:
        yield int(series_id), int(first), int(last)


def _is_older(connection: sa.Connection, source_id: int) -> bool:
    """Return whether a source was read by a program that kept no ledger."""
    s = schema.source
    query = sa.select(s.c.first_seen_at).where(s.c.source_id == source_id)
    return connection.execute(query).scalar_one_or_none() == 0


def _keys_of(
    connection: sa.Connection, source_id: int, series_id: int, first: int, last: int
) -> list[int]:
    m = schema.measurement
    query = sa.select(m.c.measured_at).where(
        m.c.series_id == series_id,
        m.c.measured_at.between(first, last),
        m.c.source_id == source_id,
    )
    return list(connection.execute(query).scalars())


def _unseen(seen: SeenKeys, series_id: int, measured_at: Sequence[int]) -> list[int]:
    if not measured_at:
        return []
    there = seen.has([series_id] * len(measured_at), list(measured_at))
    return [at for at, has in zip(measured_at, there.tolist(), strict=True) if not has]


def _unseen_occasions(
    connection: sa.Connection, kind: OccasionKind, writing: Writing
) -> Iterator[sa.ColumnElement[bool]]:
    """Yield for each event or service that was not met what tells it from all others."""
    t = kind.table
    met = writing.seen.others[kind.name]
    keys = [t.c[name] for name in kind.key]
    query = sa.select(*keys).where(t.c.source_id == writing.source_id)
    for row in connection.execute(query).all():
        if tuple(row) not in met:
            yield sa.and_(*(column == value for column, value in zip(keys, row, strict=True)))

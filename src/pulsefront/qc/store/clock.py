"""The time of arrival, on servers whose clocks go wrong for a night.

Arrivals never go backward. Where the ledger holds one that lies in the future, the clock ran ahead
then or runs behind now; the readings tell which, because they bear the times of other clocks: a
reading that was measured after the present shows that it is the present that is wrong. But where
the readings go on up to the present and one stands alone long after it, that one is of a wrong
year and was let in by a clock that ran ahead: it dates nothing, and its file is read again.
"""

from __future__ import annotations

import sqlalchemy as sa

from pulsefront.qc.store.rows.occasions import EVENTS, SERVICES
from pulsefront.qc.store.tables import schema
from pulsefront.qc.times import DAY_S, iso_time

__all__ = ["arrival_time"]

_JITTER_S = 3600
"""Clocks are set by less than this every day."""

_ALONE_S = 60 * DAY_S
"""No scanner is left without QC for so long, on either side of the present."""


def arrival_time(connection: sa.Connection, now_s: int) -> tuple[int, str]:
    """Return the time at which what comes in now arrives, and what there is to say about it.

    No two ingests have the same. Arrivals of a night on which the clock ran ahead are dated to the
    present.
    """
    a = schema.arrival
    ahead = a.c.arrived_at > now_s
    last = connection.execute(sa.select(sa.func.max(a.c.arrived_at))).scalar_one() or 0
    if last <= now_s + _JITTER_S:
        return max(last + 1, now_s), ""
    measured = _newest(connection)
    stray = measured > now_s + DAY_S and _stands_alone(connection, now_s + DAY_S)
    if measured > now_s + DAY_S and not stray:
        return last + 1, (
            f"the clock says {iso_time(now_s)}, but there is a reading of {iso_time(measured)}: "
            f"what comes in now is dated {iso_time(last)}; set the clock, or withdraw the "
            "reading if its date is wrong (pulsefront qc forget --unit UNIT --from DAY)"
        )
    units = connection.execute(sa.select(a.c.unit_id).where(ahead).distinct()).scalars().all()
    stamps = connection.execute(sa.select(a.c.arrived_at).where(ahead).distinct()).scalars().all()
    for unit in units:
        for stamp in stamps:
            _date_anew(connection, unit, stamp, now_s)
    connection.execute(sa.update(a).where(ahead).values(arrived_at=now_s))
    r = schema.ingest_run
    connection.execute(sa.update(r).where(r.c.began_at > now_s).values(began_at=now_s))
    for table, column in (
        (schema.unit_version, "known_at"), (schema.unit_version, "holds_from"),
        (schema.source, "read_at"), (schema.source, "first_seen_at"),
        (schema.quarantine, "since_at"),
    ):  # fmt: skip
        late = table.c[column].in_(stamps)
        connection.execute(sa.update(table).where(late).values({column: now_s}))
    connection.execute(sa.delete(schema.checkpoint).where(schema.checkpoint.c.unit_id.in_(units)))
    alone = ""
    if stray:
        names = _read_again(connection, now_s + DAY_S)
        alone = (
            f"; a reading of {iso_time(measured)} came in with it (of {', '.join(names)}): its "
            "file is read again, or withdraw it (pulsefront qc forget --unit UNIT --from DAY)"
        )
    return now_s + 1, (
        f"the clock ran ahead when {len(units)} units were read last ({iso_time(last)}): "
        f"what came in then is dated {iso_time(now_s)}{alone}"
    )


def _newest(connection: sa.Connection, *where: sa.ColumnElement[bool]) -> int:
    """Return when the newest of the readings was measured, 0 where there is none.

    Series by series the key of the table answers at once; over all rows it would read them all.
    """
    m, s = schema.measurement, schema.series
    one = sa.select(sa.func.max(m.c.measured_at)).where(m.c.series_id == s.c.series_id, *where)
    found = connection.execute(sa.select(sa.func.max(one.scalar_subquery())).select_from(s))
    return int(found.scalar() or 0)


def _stands_alone(connection: sa.Connection, instant: int) -> bool:
    """Return whether readings go on up to an instant and none follows for long after it."""
    m = schema.measurement
    before = _newest(connection, m.c.measured_at <= instant)
    soon = _newest(connection, m.c.measured_at <= instant + _ALONE_S)
    return before == soon > instant - _ALONE_S


def _read_again(connection: sa.Connection, instant: int) -> list[str]:
    """Let the files be read again that brought readings of after an instant; return their units."""
    a, s = schema.arrival, schema.source
    late = sa.and_(a.c.last_measured_at > instant, a.c.source_id > 0)
    mine = sa.select(a.c.source_id).where(late)
    again = sa.and_(s.c.source_id.in_(mine), s.c.state.in_(["done", "open"]))
    connection.execute(sa.update(s).where(again).values(state="again"))
    units = sa.select(a.c.unit_id).where(late).distinct().order_by(a.c.unit_id)
    return list(connection.execute(units).scalars())


def _date_anew(connection: sa.Connection, unit_id: str, stamp: int, now_s: int) -> None:
    """Let what arrived for a unit at an instant have arrived at the present."""
    s, m = schema.series, schema.measurement
    mine = sa.select(s.c.series_id).where(s.c.unit_id == unit_id).scalar_subquery()
    for table in (m, schema.former_measurement):
        late = sa.and_(table.c.series_id.in_(mine), table.c.available_at == stamp)
        connection.execute(sa.update(table).where(late).values(available_at=now_s))
    for kind in (EVENTS, SERVICES):
        for table in (kind.table, kind.former):
            late = sa.and_(table.c.unit_id == unit_id, table.c[kind.known] == stamp)
            connection.execute(sa.update(table).where(late).values({kind.known: now_s}))

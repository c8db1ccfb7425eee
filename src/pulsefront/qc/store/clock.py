"""The time of arrival, on servers whose clocks go wrong for a night.

Arrivals never go backward. Where the ledger holds one that lies in the future, the clock ran ahead
then or runs behind now; the readings tell which, because they bear the times of other clocks: a
reading that was measured after the present shows that it is the present that is wrong.
"""

from __future__ import annotations

import sqlalchemy as sa

from pulsefront.qc.store import schema
from pulsefront.qc.store.occasions import EVENTS, SERVICES
from pulsefront.qc.times import DAY_S, iso_time

__all__ = ["arrival_time"]

_JITTER_S = 3600
"""Clocks are set by less than this every day."""


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
    measured = connection.execute(sa.select(sa.func.max(a.c.last_measured_at))).scalar_one() or 0
    if measured > now_s + DAY_S:
        return last + 1, (
            f"the clock says {iso_time(now_s)}, but there is a reading of {iso_time(measured)}: "
            f"what comes in now is dated {iso_time(last)}; set the clock"
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
    return now_s + 1, (
        f"the clock ran ahead when {len(units)} units were read last ({iso_time(last)}): "
        f"what came in then is dated {iso_time(now_s)}"
    )


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

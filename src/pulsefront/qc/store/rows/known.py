"""When a reading counts, and where it stands in the order of readings.

What nobody says a time of is known when it arrives. A night is scored some hours after it ended,
and the readings of its day arrive in those hours: they count for it, as everything does that comes
before a night is scored. No night that was scored before changes by what comes after it. So the
instant from which on an arrival counts is the end of the last night that was scored, or the ingest
of an earlier day that would have found it, and never before it was measured.

Its place in the order of readings is another question: years of history that are corrected at once
would all stand at one instant, and the services among them would restart no baseline at their
place. A reading stands where it would have stood a day after it was measured, or at its arrival if
that came sooner.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa

from pulsefront.qc.store.tables import schema
from pulsefront.qc.times import DAY_S

__all__ = [
    "LOAD_SPAN_S",
    "Stamps",
    "assumed",
    "counts_from",
    "known_of_units",
    "order_times",
    "stamps_of",
]

_PLACE_DELAY_S = DAY_S

LOAD_SPAN_S = 14 * DAY_S
"""What arrives for a unit at one instant and was measured over more than this is a load of history,
not a night that comes late."""

_NOBODY_WAITS_S = 60 * DAY_S
_SCORED_AHEAD_S = 2 * DAY_S  # a night that somebody scored years ahead says nothing of arrivals

Ints = npt.NDArray[np.int64]


def counts_from(connection: sa.Connection, arrived_at: int) -> int:
    """Return the instant from which on counts what arrives now and has no time of its own."""
    score, run = schema.score, schema.ingest_run
    scored = sa.select(sa.func.max(score.c.as_of)).where(
        score.c.as_of <= arrived_at + _SCORED_AHEAD_S
    )
    # Of today there may be several, of several folders.
    ended = sa.select(sa.func.max(run.c.began_at)).where(
        run.c.ended_at > 0, run.c.began_at < arrived_at // DAY_S * DAY_S
    )
    found = [connection.execute(query).scalar_one() or 0 for query in (scored, ended)]
    # Of a day's instants no night tells one from another: at what hour an ingest began, or whether
    # a job was killed and another one came after it, leaves no trace.
    return int(max(found)) // DAY_S * DAY_S + 1 if max(found) else 0


class Stamps:
    """The arrivals of one unit: at which instants, and from which on what came then counts."""

    def __init__(self, rows: Sequence[tuple[int, int]]) -> None:
        self._arrived = np.array([arrived for arrived, _ in rows], dtype=np.int64)
        self._not_before = np.array([not_before for _, not_before in rows], dtype=np.int64)

    def on_arrival(self, available_at: Any) -> npt.NDArray[np.bool_]:
        """Return which records are known from their arrival on."""
        return np.isin(np.asarray(available_at, dtype=np.int64), self._arrived)

    def known(self, available_at: Any, happened_at: Any) -> Ints:
        """Return from which instant on each record counts."""
        available = np.asarray(available_at, dtype=np.int64)
        known = available.copy()
        mine = self.on_arrival(available)
        index = np.searchsorted(self._arrived, available[mine])
        happened = np.asarray(happened_at, dtype=np.int64)[mine]
        known[mine] = np.maximum(happened, self._not_before[index])
        return known


def known_of_units(
    stamps: Sequence[Stamps], unit: Ints, available_at: Any, happened_at: Any
) -> tuple[Ints, npt.NDArray[np.bool_]]:
    """Return from which instant on each record of many units counts, and whether by its arrival.

    Parameters
    ----------
    stamps
        The arrivals of each unit.
    unit
        (record,) whose each record is, an index into *stamps*.
    """
    available = np.asarray(available_at, dtype=np.int64)
    happened = np.asarray(happened_at, dtype=np.int64)
    if len(stamps) == 1:
        return stamps[0].known(available, happened), stamps[0].on_arrival(available)
    known, on_arrival = available.copy(), np.zeros(len(available), dtype=np.bool_)
    order = np.argsort(unit, kind="stable")
    ends = np.searchsorted(unit[order], np.arange(len(stamps) + 1))
    for k, arrivals in enumerate(stamps):
        mine = order[ends[k] : ends[k + 1]]
        known[mine] = arrivals.known(available[mine], happened[mine])
        on_arrival[mine] = arrivals.on_arrival(available[mine])
    return known, on_arrival


def stamps_of(connection: sa.Connection, unit_ids: Sequence[str]) -> dict[str, Stamps]:
    """Return the arrivals of units, by unit."""
    a = schema.arrival
    query = (
        sa.select(a.c.unit_id, a.c.arrived_at, sa.func.max(a.c.not_before))
        .where(a.c.unit_id.in_(unit_ids), a.c.arrived_at > 0)
        .group_by(a.c.unit_id, a.c.arrived_at)
        .order_by(a.c.unit_id, a.c.arrived_at)
    )
    found: dict[str, list[tuple[int, int]]] = {unit_id: [] for unit_id in unit_ids}
    for unit_id, arrived_at, not_before in connection.execute(query):
        found[unit_id].append((arrived_at, not_before))
    return {unit_id: Stamps(rows) for unit_id, rows in found.items()}


def order_times(known_at: Any, happened_at: Any, on_arrival: Any) -> Ints:
    """Return each record's place in the order of records, in seconds."""
    known = np.asarray(known_at, dtype=np.int64)
    place = np.minimum(known, np.asarray(happened_at, dtype=np.int64) + _PLACE_DELAY_S)
    return np.where(np.asarray(on_arrival, dtype=bool), place, known)


def assumed(available_at: Any, happened_at: Any, on_arrival: Any) -> npt.NDArray[np.bool_]:
    """Return for which records a back-test must assume when they would have been known.

    They are those of a load of history, and those that arrived so late that nobody would have
    waited for them.
    """
    available = np.asarray(available_at, dtype=np.int64)
    happened = np.asarray(happened_at, dtype=np.int64)
    arrived = np.asarray(on_arrival, dtype=bool)
    found = arrived & (available - happened > _NOBODY_WAITS_S)
    for stamp in np.unique(available[arrived]).tolist():
        mine = arrived & (available == stamp)
        if int(happened[mine].max() - happened[mine].min()) > LOAD_SPAN_S:
            found |= mine
    return np.asarray(found)

"""A unit's history as of a night, from its checkpoint on: a night costs what came in that night.

A checkpoint holds what the records up to an instant left behind (see `history.Before`) and the
watermark: the last arrival that it has seen. It stands at the edge of a hash block at least a week
back, so that logs which come some days late still fall into the window that is read again. Where
something older arrives, or an older service is logged, or a reading from before was corrected
between the night of the checkpoint and tonight, the unit is computed anew from its first record.
Either way the outcome is the same to the bit; checkpoints are a cache and nothing more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
import sqlalchemy as sa

from pulsefront.files import hash_json
from pulsefront.qc.features.ages import latest_software
from pulsefront.qc.features.daily import series_states
from pulsefront.qc.features.history import BLOCK_S, Before, UnitHistory, assemble
from pulsefront.qc.features.trailing import fresh_state
from pulsefront.qc.nightly.checkpoints import UnitCheckpoint, read_checkpoints
from pulsefront.qc.records import Context
from pulsefront.qc.store.database import Store
from pulsefront.qc.store.histories.history import (
    UnitFrames,
    read_contexts,
    read_rows,
    read_unit,
    use_of,
)
from pulsefront.qc.store.histories.holdings import Holdings, holdings_of
from pulsefront.qc.store.histories.readings import HistoryRows
from pulsefront.qc.store.tables import schema
from pulsefront.qc.times import DAY_S

__all__ = ["HeldUnit", "Tonight", "history_as_of", "hold"]

Ints = npt.NDArray[np.int64]

_REREAD_S = 7 * DAY_S


@dataclass(frozen=True)
class Tonight:
    """A unit's history as of tonight, how much was read for it, and what to remember of it.

    ``checkpoint`` is None where what is remembered already stands; ``resumed`` tells whether the
    history goes on from there.
    """

    history: UnitHistory
    records_read: int
    resumed: bool
    checkpoint: UnitCheckpoint | None


class _Arrivals(NamedTuple):
    """The last arrival of a unit, and how far back those reach that a checkpoint has not seen.

    ``first_hidden_s`` is how far those reach back that count tonight and did not count on the night
    of the checkpoint, or the reverse.
    """

    newest: int
    first_available_s: int | None = None
    first_measured_s: int | None = None
    first_hidden_s: int | None = None


@dataclass(frozen=True)
class HeldUnit:
    """What is read of a unit before its measurements are: see `hold`."""

    holdings: Holdings
    remembered: UnitCheckpoint | None
    arrivals: _Arrivals


def hold(store: Store, unit_ids: Sequence[str], as_of_s: int) -> dict[str, HeldUnit]:
    """Return what the store holds of some hundred units at most, and remembers of them."""
    remembered = read_checkpoints(store, unit_ids)
    arrivals = _arrivals(store, unit_ids, remembered, as_of_s)
    return {
        unit_id: HeldUnit(holdings, remembered.get(unit_id), arrivals[unit_id])
        for unit_id, holdings in holdings_of(store, unit_ids).items()
    }


def history_as_of(
    store: Store,
    unit_id: str,
    as_of_s: int,
    *,
    from_first: bool = False,
    held: HeldUnit | None = None,
    contexts: dict[int, Context] | None = None,
) -> Tonight:
    """Return the history of a unit with just what was known at an instant.

    Parameters
    ----------
    from_first
        Read from the first record on, whatever is remembered.
    held
        What `hold` returned of it, where it was asked.
    contexts
        Those met already, by number; added to.
    """
    held = held or hold(store, [unit_id], as_of_s)[unit_id]
    frames = read_unit(store, unit_id, as_of_s=as_of_s, held=held.holdings)
    if use_of(frames.unit, as_of_s) != "in use":
        return _nothing(frames)
    remembered, arrivals = held.remembered, held.arrivals
    start = None if from_first else remembered
    if start is not None and not _fits(start, frames, as_of_s, arrivals):
        start = None
    rows = read_rows(
        store,
        unit_id,
        measured_from_s=_read_from(start, arrivals),
        as_of_s=as_of_s,
        life=(frames.life_from, None),
        held=held.holdings,
    )
    history, used = _assembled(store, frames, rows, as_of_s, start, contexts)
    edge = (as_of_s - _REREAD_S) // BLOCK_S * BLOCK_S
    checkpoint = None
    if start is None or edge > start.instant_s:
        before = _before_edge(history, edge)
        if remembered is None or edge >= remembered.instant_s:
            later = rows.measured_at[rows.available_at > edge]
            checkpoint = UnitCheckpoint(
                edge,
                as_of_s,
                frames.life_from,
                arrivals.newest,
                int(min(edge, later.min())) if len(later) else edge,
                _services_hash(frames.services, edge),
                *_numbers(history, frames, before, used),
                before.digest,
                before.software,
            )
        history = history.known_after(edge, before)
    return Tonight(history, len(rows), start is not None, checkpoint)


def _nothing(frames: UnitFrames) -> Tonight:
    """Return the history of a unit that is not in use: there is nothing to score."""
    none = np.empty(0, dtype=np.int64)
    history = assemble(frames, HistoryRows(none, none, none, none.astype(float), none), none, [])
    return Tonight(history, records_read=0, resumed=False, checkpoint=None)


def _arrivals(
    store: Store, unit_ids: Sequence[str], remembered: Mapping[str, UnitCheckpoint], as_of_s: int
) -> dict[str, _Arrivals]:
    """Return the arrivals of units, as far as their checkpoints have not seen them."""
    a = schema.arrival
    mine = a.c.unit_id.in_(unit_ids)
    seen = min((found.arrival_id for found in remembered.values()), default=0)
    later = a.c.arrival_id > seen if remembered else sa.false()
    names = (
        a.c.unit_id, a.c.arrival_id, a.c.first_available_at, a.c.first_measured_at, a.c.not_before,
        a.c.first_hidden_at,
    )  # fmt: skip
    newest_of = sa.select(a.c.unit_id, sa.func.max(a.c.arrival_id)).where(mine)
    # Few arrivals hide something; those may be older than a checkpoint and still matter.
    some = sa.select(*names).where(mine, sa.or_(later, a.c.first_hidden_at > 0))
    with store.engine.connect() as connection:
        newest = dict(connection.execute(newest_of.group_by(a.c.unit_id)).all())
        rows = connection.execute(some.order_by(a.c.arrival_id)).all()
    news: dict[str, list[_Arrivals]] = {}
    for unit_id, number, available_s, measured_s, not_before, hidden_s in rows:
        checkpoint = remembered.get(unit_id)
        if checkpoint is None:
            continue
        earlier, latest = sorted((checkpoint.as_of_s, as_of_s))
        turns = bool(hidden_s) and earlier < not_before <= latest
        new = number > checkpoint.arrival_id
        if new or turns:
            one = _Arrivals(
                number,
                available_s if new else None,
                measured_s if new else None,
                hidden_s if turns else None,
            )
            news.setdefault(unit_id, []).append(one)

    def first(unit_id: str, name: str) -> int | None:
        times = [getattr(one, name) for one in news.get(unit_id, ())]
        return min((time for time in times if time is not None), default=None)

    reach = ("first_available_s", "first_measured_s", "first_hidden_s")
    return {
        unit_id: _Arrivals(int(newest.get(unit_id, 0)), *(first(unit_id, name) for name in reach))
        for unit_id in unit_ids
    }


def _fits(
    remembered: UnitCheckpoint, frames: UnitFrames, as_of_s: int, arrivals: _Arrivals
) -> bool:
    """Return whether nothing has come in that belongs before the checkpoint."""
    news = [s for s in (arrivals.first_available_s, arrivals.first_hidden_s) if s is not None]
    return (
        remembered.instant_s <= as_of_s
        and remembered.life_from_s == frames.life_from
        and all(first_s > remembered.instant_s for first_s in news)
        and remembered.services == _services_hash(frames.services, remembered.instant_s)
    )


def _read_from(start: UnitCheckpoint | None, arrivals: _Arrivals) -> int | None:
    """Return the time measured from which on rows are needed, None for all."""
    if start is None:
        return None
    first_s = arrivals.first_measured_s
    return start.read_from_s if first_s is None else min(start.read_from_s, first_s)


def _assembled(
    store: Store,
    frames: UnitFrames,
    rows: HistoryRows,
    as_of_s: int,
    start: UnitCheckpoint | None,
    contexts: dict[int, Context] | None,
) -> tuple[UnitHistory, Ints]:
    """Return the history known by an instant from a checkpoint on, and its contexts' numbers."""
    known = rows.available_at <= as_of_s
    if start is None:
        rows = rows.take(known)
        used = np.unique(rows.context_id)
    else:
        rows = rows.take(known & (rows.available_at > start.instant_s))
        used = np.unique(np.concatenate([rows.context_id, start.context_id]))
        used = used[used >= 0]
    frames = replace(
        frames,
        services=frames.services[frames.services["logged_at"] <= as_of_s],
        events=frames.events[frames.events["available_at"] <= as_of_s],
    )
    before = _before(start, frames, used) if start else None
    return assemble(frames, rows, used, read_contexts(store, used, contexts), before), used


def _before(start: UnitCheckpoint, frames: UnitFrames, used: Ints) -> Before:
    """Return the state in the order of the unit's keys; series met later have none yet."""
    state = fresh_state(len(frames.keys))
    context = np.full(len(frames.keys), -1, dtype=np.int64)
    index = np.searchsorted(frames.series_id, start.series_id)
    state[index] = start.state
    has = start.context_id >= 0
    context[index[has]] = np.searchsorted(used, start.context_id[has])
    return Before(state, context, start.digest, start.software)


def _before_edge(history: UnitHistory, edge: int) -> Before:
    """Return what the records known by an instant leave behind."""
    head = history.known_by(edge)
    software = latest_software(head, np.array([edge], dtype=np.int64))
    return Before(
        series_states(head, edge), _last_contexts(head), head.records_digest(), str(software[0])
    )


def _services_hash(services: pd.DataFrame, instant_s: int) -> str:
    # Plain lists: pandas takes ten times as long over the few rows of a unit.
    names = list(services)
    known = services["logged_at"].to_numpy(dtype=np.int64) <= instant_s
    rows = zip(*(services[name].tolist() for name in names), strict=True)
    texts = sorted(tuple(map(str, row)) for row, kept in zip(rows, known, strict=True) if kept)
    return hash_json([names, texts])


def _last_contexts(history: UnitHistory) -> Ints:
    """Return each series' last context by index, −1 where there is no record yet."""
    last = np.full(len(history.series), -1, dtype=np.int64)
    if history.before is not None:
        last[:] = history.before.context
    has = history.start[1:] > history.start[:-1]
    last[has] = history.context[history.start[1:][has] - 1]
    return last


def _numbers(
    history: UnitHistory, frames: UnitFrames, before: Before, used: Ints
) -> tuple[Ints, Ints, npt.NDArray[np.void]]:
    """Return series numbers, context numbers and states of the series that have records."""
    number = dict(zip(frames.keys, frames.series_id.tolist(), strict=True))
    has = before.context >= 0
    series = np.array([number[key] for key in history.keys], dtype=np.int64)[has]
    return series, used[before.context[has]], before.state[has]

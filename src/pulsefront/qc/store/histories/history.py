"""What the store holds of one unit: the rows and frames that its history is made of.

As of an instant, that is what counted then: readings that were corrected or withdrawn later, and
the unit as it was known. Without one, it is what counts today; then readings that arrived in one
load of history are dated as if each had come in its night (see `known`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
import sqlalchemy as sa

from pulsefront.qc.records import CONTEXT_COLUMNS, Context, SeriesKey
from pulsefront.qc.store.database import Store
from pulsefront.qc.store.histories.holdings import (
    Holdings,
    OccasionRows,
    all_occasions,
    holdings_of,
)
from pulsefront.qc.store.histories.readings import HistoryRows, read_series
from pulsefront.qc.store.rows.known import Stamps, assumed, known_of_units, order_times, stamps_of
from pulsefront.qc.store.rows.occasions import EVENTS, SERVICES, OccasionKind
from pulsefront.qc.store.rows.units import UnitVersion, versions_of
from pulsefront.qc.store.rows.writing import PER_QUERY, pieces
from pulsefront.qc.store.tables import schema
from pulsefront.qc.times import DAY_S, end_of_day

__all__ = [
    "UnitFrames",
    "lives_of",
    "read_contexts",
    "read_rows",
    "read_unit",
    "services_as_of",
    "use_of",
    "version_as_of",
]

Ints = npt.NDArray[np.int64]
Use = Literal["in use", "idle", "retired", "not yet in use"]


@dataclass(frozen=True)
class UnitFrames:
    """What the store holds of one unit beside its measurements.

    Attributes
    ----------
    unit
        The unit's record, and ``idle`` where it was out of use for some days.
    series_id, keys
        Its series, sorted by number.
    services, events
        Frames; a move of the unit to another site is among the services.
    life_from
        When the scanner of this serial number came: nothing before is about it.
    """

    unit: Mapping[str, Any]
    series_id: Ints
    keys: tuple[SeriesKey, ...]
    services: pd.DataFrame
    events: pd.DataFrame
    life_from: int = 0


def use_of(unit: Mapping[str, Any], as_of_s: int) -> Use:
    """Return whether a unit is in use at an instant, as far as its record says."""
    if 0 < unit["active_to"] < as_of_s:
        return "retired"
    if as_of_s <= unit["active_from"]:
        return "not yet in use" if unit["active_from"] else "in use"
    for period in str(unit.get("idle", "")).split():
        first, _, last = period.partition("/")
        if end_of_day(first) - DAY_S < as_of_s <= end_of_day(last):
            return "idle"
    return "in use"


def lives_of(store: Store, unit_id: str) -> list[UnitVersion]:
    """Return the scanners that have borne a name, each as it was known last, in their order."""
    with store.engine.connect() as connection:
        versions = versions_of(connection, unit_id)
    last = {version.life_from: version for version in versions}
    return [last[begin] for begin in sorted(last)]


def version_as_of(versions: Sequence[UnitVersion], as_of_s: int | None) -> UnitVersion:
    """Return what a unit was at an instant, as far as was known then; None for today."""
    if as_of_s is None:
        return versions[-1]
    known = [v for v in versions if v.known_at <= as_of_s and v.holds_from < as_of_s]
    return max(known or versions[:1], key=lambda v: (v.life_from, v.known_at))


def read_unit(
    store: Store,
    unit_id: str,
    *,
    as_of_s: int | None = None,
    life: UnitVersion | None = None,
    assumed_delay_s: int = 0,
    held: Holdings | None = None,
) -> UnitFrames:
    """Return the record, series, services and events of a unit.

    Parameters
    ----------
    as_of_s
        The instant as of which; None for what counts today.
    life
        One of `lives_of`, to have what is known of an earlier scanner of this name.
    assumed_delay_s
        How long after it was done something is taken to have been known that arrived in a load of
        history; of use without an instant only.
    held
        What the store holds of it, where that was read already.
    """
    held = held or holdings_of(store, [unit_id])[unit_id]
    versions, stamps = held.versions, {unit_id: held.stamps}
    version = life or version_as_of(versions, as_of_s)
    end = _end_of_life(versions, version, as_of_s)
    services = _occasions(held.services, SERVICES, stamps, as_of_s, assumed_delay_s)
    services = _in_life(services, "completed_at", version.life_from, end)
    if version.moved_at and version.moved_at > version.life_from:
        services = pd.concat([services, _move(unit_id, version)], ignore_index=True)
    events = _occasions(held.events, EVENTS, stamps, as_of_s, assumed_delay_s)
    return UnitFrames(
        {**version.record, **({"idle": version.idle} if version.idle else {})},
        held.series_id,
        held.keys,
        services,
        _in_life(events, "occurred_at", version.life_from, end),
        version.life_from,
    )


def _end_of_life(
    versions: list[UnitVersion], version: UnitVersion, as_of_s: int | None
) -> int | None:
    """Return when the next scanner of the name came, None where there is none yet."""
    later = [
        v.life_from
        for v in versions
        if v.life_from > version.life_from and (as_of_s is None or v.known_at <= as_of_s)
    ]
    return min(later, default=None)


def _in_life(frame: pd.DataFrame, column: str, begin: int, end: int | None) -> pd.DataFrame:
    """Return the rows of one scanner among those that bore its name."""
    if frame.empty:
        return frame
    keep = frame[column] >= begin
    if end is not None:
        keep &= frame[column] < end
    return frame[keep].reset_index(drop=True)


def _move(unit_id: str, version: UnitVersion) -> pd.DataFrame:
    """Return a unit's move to another site as the service that restarts its baselines."""
    at = version.moved_at
    row = {"unit_id": unit_id, "component_id": "", "kind": "upgrade", "reported_at": at,
           "started_at": at, "completed_at": at, "logged_at": max(at, version.known_at),
           "downtime_hours": np.nan}  # fmt: skip
    return pd.DataFrame([row])


def services_as_of(store: Store, as_of_s: int) -> pd.DataFrame:
    """Return the services of all units that counted at an instant, in the order of their keys.

    Those of scanners that have left are among them: an alert of theirs is judged by what became of
    it.
    """
    stamps: dict[str, Stamps] = {}
    with store.engine.connect() as connection:
        rows = all_occasions(connection, SERVICES)
        units = {*rows.stored["unit_id"], *rows.former["unit_id"]}
        for some in pieces(sorted(units), PER_QUERY):
            stamps |= stamps_of(connection, some)
    found = _occasions(rows, SERVICES, stamps, as_of_s)
    return found.sort_values(list(SERVICES.key), ignore_index=True)


def _occasions(
    rows: OccasionRows,
    kind: OccasionKind,
    stamps: Mapping[str, Stamps],
    as_of_s: int | None,
    assumed_delay_s: int = 0,
) -> pd.DataFrame:
    """Return the events or services of units, with their places in the order of records."""
    frame = rows.stored
    if as_of_s is not None and len(rows.former):
        counted = rows.former[rows.until_s > as_of_s]
        frame = pd.concat([frame, counted], ignore_index=True) if len(counted) else frame
    if frame.empty:
        return frame
    done = frame[kind.done].to_numpy(dtype=np.int64)
    unit, names = pd.factorize(frame["unit_id"])
    known, on_arrival = known_of_units([stamps[n] for n in names], unit, frame[kind.known], done)
    if as_of_s is None:
        guessed = assumed(frame[kind.known], done, on_arrival)
        return frame.assign(**{kind.known: np.where(guessed, done + assumed_delay_s, known)})
    frame = frame.assign(**{kind.known: order_times(known, done, on_arrival)})
    return frame[known <= as_of_s].reset_index(drop=True)


def read_rows(
    store: Store,
    unit_id: str,
    *,
    measured_from_s: int | None = None,
    as_of_s: int | None = None,
    life: tuple[int, int | None] = (0, None),
    assumed_delay_s: int = 0,
    held: Holdings | None = None,
) -> HistoryRows:
    """Return the measurements of a unit.

    Parameters
    ----------
    measured_from_s
        Only those measured from an instant on.
    as_of_s
        Those that counted at an instant; rows that are known later only keep the time at which
        they will be. None for those that count today.
    life
        First instant, and the one after the last, of the scanner that is asked for.
    assumed_delay_s, held
        As for `read_unit`.
    """
    held = held or holdings_of(store, [unit_id])[unit_id]
    found = read_series(
        store,
        dict.fromkeys(held.series_id.tolist(), held.stamps),
        as_of_s=as_of_s,
        measured_from_s=max(life[0], measured_from_s or 0),
        measured_before_s=life[1],
        has_former=held.has_former,
    )
    rows, known, on_arrival = found.rows, found.known_s, found.on_arrival
    if as_of_s is None:
        guessed = assumed(rows.available_at, rows.measured_at, on_arrival)
        place = np.where(guessed, rows.measured_at + assumed_delay_s, known)
        return replace(rows, available_at=place, assumed=int(guessed.sum()))
    place = order_times(known, rows.measured_at, on_arrival & (known <= as_of_s))
    return replace(rows, available_at=place)


def read_contexts(
    store: Store, wanted: Ints, met: dict[int, Context] | None = None
) -> list[Context]:
    """Return the contexts of some numbers, in their order; *met* is added to and not read again."""
    c = schema.context
    found: dict[int, Context] = {} if met is None else met
    missing = [number for number in wanted.tolist() if number not in found]
    if not missing:
        return [found[number] for number in wanted.tolist()]
    with store.engine.connect() as connection:
        for some in pieces(missing, PER_QUERY):
            query = sa.select(c.c.context_id, *(c.c[name] for name in CONTEXT_COLUMNS))
            rows = connection.execute(query.where(c.c.context_id.in_(some)))
            found.update({row[0]: Context(*row[1:]) for row in rows})
    return [found[number] for number in wanted.tolist()]

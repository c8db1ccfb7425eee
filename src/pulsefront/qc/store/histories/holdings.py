"""What the store holds of units beside their measurements, of many of them in a few queries.

A query costs about as much for one unit as for a hundred, and a night asks for a thousand.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import sqlalchemy as sa

from pulsefront.qc.records import SeriesKey
from pulsefront.qc.store.database import Store
from pulsefront.qc.store.rows.known import Stamps, stamps_of
from pulsefront.qc.store.rows.occasions import EVENTS, SERVICES, OccasionKind
from pulsefront.qc.store.rows.units import UnitVersion, versions_of_units
from pulsefront.qc.store.tables import schema

__all__ = ["Holdings", "OccasionRows", "all_occasions", "holdings_of"]

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class OccasionRows:
    """Events or services of a unit as they are stored: those that count, and the former ones.

    ``until_s`` (row,) is until when each former one counted.
    """

    stored: pd.DataFrame
    former: pd.DataFrame
    until_s: Ints


@dataclass(frozen=True)
class Holdings:
    """What the store holds of one unit.

    Attributes
    ----------
    versions
        What it was said to be, in the order in which it was taken down.
    stamps
        Its arrivals.
    series_id, keys
        Its series, sorted by number.
    services, events
        As they are stored.
    has_former
        Whether readings of it were corrected or withdrawn.
    """

    versions: list[UnitVersion]
    stamps: Stamps
    series_id: Ints
    keys: tuple[SeriesKey, ...]
    services: OccasionRows
    events: OccasionRows
    has_former: bool


def holdings_of(store: Store, unit_ids: Sequence[str]) -> dict[str, Holdings]:
    """Return what the store holds of some hundred units at most, by unit."""
    s, f = schema.series, schema.former_measurement
    wanted = list(unit_ids)
    with store.engine.connect() as connection:
        versions = versions_of_units(connection, wanted)
        stamps = stamps_of(connection, wanted)
        services = _occasions(connection, SERVICES, wanted)
        events = _occasions(connection, EVENTS, wanted)
        columns = (s.c.unit_id, s.c.series_id, s.c.component_id, s.c.test, s.c.measurement_unit)
        query = sa.select(*columns).where(s.c.unit_id.in_(wanted))
        rows = connection.execute(query.order_by(s.c.unit_id, s.c.series_id)).all()
        corrected = sa.select(s.c.unit_id).join_from(f, s, f.c.series_id == s.c.series_id)
        former = set(
            connection.execute(corrected.where(s.c.unit_id.in_(wanted)).distinct()).scalars()
        )
    series = {unit_id: list(mine) for unit_id, mine in groupby(rows, lambda row: str(row[0]))}
    found = {}
    for unit_id in wanted:
        mine = series.get(unit_id, [])
        found[unit_id] = Holdings(
            versions[unit_id],
            stamps[unit_id],
            np.array([row[1] for row in mine], dtype=np.int64),
            tuple(SeriesKey(*row[2:]) for row in mine),
            services[unit_id],
            events[unit_id],
            unit_id in former,
        )
    return found


def all_occasions(connection: sa.Connection, kind: OccasionKind) -> OccasionRows:
    """Return the events or services of all units as they are stored."""
    names = _columns(kind)
    stored = _frame(connection, kind.table, names)
    former = _frame(connection, kind.former, [*names, "until_at"])
    return OccasionRows(stored, former[names], former["until_at"].to_numpy(dtype=np.int64))


def _frame(connection: sa.Connection, table: sa.Table, names: Sequence[str]) -> pd.DataFrame:
    rows: list[Any] = list(connection.execute(sa.select(*(table.c[name] for name in names))))
    return pd.DataFrame(rows, columns=list(names))


def _columns(kind: OccasionKind) -> list[str]:
    return [column.name for column in kind.table.columns if column.name != "source_id"]


def _occasions(
    connection: sa.Connection, kind: OccasionKind, unit_ids: Sequence[str]
) -> dict[str, OccasionRows]:
    names = _columns(kind)
    stored = _frames(connection, kind.table, names, unit_ids)
    former = _frames(connection, kind.former, [*names, "until_at"], unit_ids)
    found = {}
    for unit_id in unit_ids:
        before = former[unit_id]
        until = before["until_at"].to_numpy(dtype=np.int64)
        found[unit_id] = OccasionRows(stored[unit_id], before[names], until)
    return found


def _frames(
    connection: sa.Connection, table: sa.Table, names: Sequence[str], unit_ids: Sequence[str]
) -> Mapping[str, pd.DataFrame]:
    """Return the rows of a table by unit; units without any share one frame."""
    mine = table.c.unit_id.in_(unit_ids)
    columns = [table.c[name] for name in names]
    order = [table.c.unit_id, *table.primary_key.columns]
    rows: list[Any] = list(connection.execute(sa.select(*columns).where(mine).order_by(*order)))
    frame = pd.DataFrame(rows, columns=list(names))
    found = dict.fromkeys(unit_ids, frame.iloc[:0])
    begin = 0
    place = names.index("unit_id")
    for unit_id, group in groupby(rows, lambda row: str(row[place])):
        end = begin + sum(1 for _ in group)
        found[unit_id] = frame.iloc[begin:end].reset_index(drop=True)
        begin = end
    return found

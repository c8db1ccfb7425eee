"""Control charts of a night: which series are drawn, and what is read of the store for them.

A page has room for so many charts. Scanners that need attention show all of their series; the
others share the room that is left, those farthest from their baseline first.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa

from pulsefront.qc.features.daily import UnitFeatures
from pulsefront.qc.pages.night.data import Chart, LimitSpan
from pulsefront.qc.records import Context, SeriesKey
from pulsefront.qc.store import schema
from pulsefront.qc.store.database import Store
from pulsefront.qc.store.history import read_contexts
from pulsefront.qc.store.known import stamps_of

__all__ = ["Drawn", "choose_series", "read_charts"]

Item = TypeVar("Item", int, str)

_PER_QUERY = 400
_LIKELY_Z, _LIKELY_LEVEL = 3.0, 0.6


@dataclass(frozen=True)
class Drawn:
    """A series that is drawn: whose it is, and the `trailing.STATE` it is in tonight."""

    unit_id: str
    key: SeriesKey
    state: np.void


def choose_series(
    features: Iterable[UnitFeatures], urgent: Mapping[str, Sequence[str]], room: int
) -> list[Drawn]:
    """Return the series that a page draws, unit by unit, the most telling first.

    Parameters
    ----------
    urgent
        Unit → its components at most risk, the first one first, of every unit that is to show all
        of its series.
    room
        Charts that the page has room for; urgent units may take half of it before the others
        get less than one each.
    """
    ordered = {each.unit_id: _ordered(each, urgent.get(each.unit_id, ())) for each in features}
    wanted = {unit: len(drawn) for unit, drawn in ordered.items() if unit in urgent}
    whole = _share_out(wanted, room // 2 if len(ordered) > len(wanted) else room)
    rest = {unit: len(drawn) for unit, drawn in ordered.items() if unit not in urgent}
    many = {**whole, **_share_out(rest, room - sum(whole.values()))}
    return [drawn for unit, found in ordered.items() for drawn in found[: many[unit]]]


def _share_out(wanted: Mapping[str, int], room: int) -> dict[str, int]:
    """Return how many each gets where all get the same, and none more than it wants."""
    given: dict[str, int] = {}
    for left, (name, number) in zip(
        range(len(wanted), 0, -1), sorted(wanted.items(), key=lambda item: item[1]), strict=True
    ):
        given[name] = min(number, max(room - sum(given.values()), 0) // left)
    return given


def _ordered(features: UnitFeatures, components: Sequence[str]) -> list[Drawn]:
    """Return a unit's series: those of *components* first, then by distance from the baseline."""
    rank = {name: k for k, name in enumerate(components)}
    states = features.states
    with np.errstate(invalid="ignore"):
        far = np.fmax(np.abs(states["ewma"]), np.abs(states["z"]) / _LIKELY_Z)
        far = np.fmax(far, np.abs(states["level_mean"]) / _LIKELY_LEVEL)
    far = np.nan_to_num(far, nan=0.0)
    keys = features.keys

    def place(k: int) -> tuple[int, float, SeriesKey]:
        return rank.get(keys[k].component_id, len(rank)), -float(far[k]), keys[k]

    return [
        Drawn(features.unit_id, keys[k], states[k]) for k in sorted(range(len(keys)), key=place)
    ]


def read_charts(
    store: Store, drawn: Sequence[Drawn], from_s: int, as_of_s: int, *, most: int
) -> dict[str, list[Chart]]:
    """Return the charts of each unit: readings from an instant on that were known at *as_of_s*.

    All charts together have at most so many readings; where there are more, as with several a day,
    each chart begins later.
    """
    numbers = _series_numbers(store, drawn)
    unit_of = {number: unit_id for (unit_id, _), number in numbers.items()}
    rows = _Rows(store, unit_of, from_s, as_of_s)
    each_most = max(most // max(len(numbers), 1), 1)
    charts: dict[str, list[Chart]] = {}
    for each in drawn:
        number = numbers.get((each.unit_id, each.key))
        chart = None if number is None else rows.chart(number, each, each_most)
        if chart is not None:
            charts.setdefault(each.unit_id, []).append(chart)
    return charts


def _series_numbers(store: Store, drawn: Sequence[Drawn]) -> dict[tuple[str, SeriesKey], int]:
    wanted = {(each.unit_id, each.key) for each in drawn}
    s = schema.series
    columns = (s.c.unit_id, s.c.component_id, s.c.test, s.c.measurement_unit, s.c.series_id)
    with store.engine.connect() as connection:
        found = connection.execute(sa.select(*columns)).fetchall()
    names = {(unit, SeriesKey(*key)): number for unit, *key, number in found}
    return {name: names[name] for name in wanted if name in names}


class _Rows:
    """Readings of many series, in the order in which they were measured."""

    def __init__(self, store: Store, unit_of: Mapping[int, str], from_s: int, as_of_s: int) -> None:
        m, f = schema.measurement, schema.former_measurement
        numbers = sorted(unit_of)
        found = [np.empty((0, 5))]
        with store.engine.connect() as connection:
            for some in _pieces(numbers, _PER_QUERY):
                found.append(_fetched(connection, m, some, from_s))
                # What was corrected or withdrawn later counted then.
                found.append(_fetched(connection, f, some, from_s, f.c.until_at > as_of_s))
            table = np.concatenate(found)
            table = table[np.isfinite(table[:, 4])]
            table[:, 2] = _known(connection, unit_of, table)
            begin = _lives(connection, as_of_s)
        first_s = np.array([begin.get(unit_of[number], 0) for number in numbers], dtype=np.float64)
        started = table[:, 1] >= first_s[np.searchsorted(numbers, table[:, 0])]
        table = table[started & (table[:, 2] <= as_of_s)]
        table = table[np.lexsort((table[:, 2], table[:, 1], table[:, 0]))]
        self.series, self.measured_s, self.known_s, self.context = table[:, :4].astype(np.int64).T
        self.value = table[:, 4]
        numbers_of = np.unique(self.context)
        contexts = read_contexts(store, numbers_of)
        self.contexts = dict(zip(numbers_of.tolist(), contexts, strict=True))

    def chart(self, number: int, drawn: Drawn, most: int) -> Chart | None:
        """Return the newest readings of a series, None where nothing was read of it."""
        first, end = np.searchsorted(self.series, [number, number + 1])
        if first == end:
            return None
        first = max(first, end - most)
        rows = slice(int(first), int(end))
        state, size = drawn.state, int(end - first)
        began = size - int(state["total"])
        return Chart(
            drawn.key.component_id,
            drawn.key.test,
            drawn.key.measurement_unit,
            self.measured_s[rows],
            self.known_s[rows],
            self.value[rows],
            _spans(self.context[rows], self.contexts),
            float(state["mean"]),
            float(state["sigma"]),
            float(state["ewma"]),
            began if began >= 0 else -1,
        )


def _fetched(
    connection: sa.Connection,
    table: sa.Table,
    numbers: Sequence[int],
    from_s: int,
    *more: sa.ColumnElement[bool],
) -> npt.NDArray[np.float64]:
    """Return (reading, 5) series, times measured and available, context and value."""
    names = ("series_id", "measured_at", "available_at", "context_id", "value")
    query = sa.select(*(table.c[name] for name in names)).where(
        table.c.series_id.in_(numbers), table.c.measured_at >= from_s, *more
    )
    cursor = connection.execute(query).cursor
    rows = cursor.fetchall() if cursor else []  # plain tuples of the driver: they are a million
    return np.array(rows, dtype=np.float64).reshape(-1, 5)


def _known(
    connection: sa.Connection, unit_of: Mapping[int, str], table: npt.NDArray[np.float64]
) -> npt.NDArray[np.int64]:
    """Return from which instant on each reading counts."""
    series, place = np.unique(table[:, 0], return_inverse=True)
    units, unit = np.unique([unit_of[int(number)] for number in series], return_inverse=True)
    known = table[:, 2].astype(np.int64)
    if not len(table):
        return known
    of_row = unit[place]
    order = np.argsort(of_row, kind="stable")
    ends = np.searchsorted(of_row[order], np.arange(len(units) + 1))
    names = units.tolist()
    stamps = {
        name: found
        for some in _pieces(names, _PER_QUERY)
        for name, found in stamps_of(connection, some).items()
    }
    for k, name in enumerate(names):
        mine = order[ends[k] : ends[k + 1]]
        known[mine] = stamps[name].known(table[mine, 2], table[mine, 1])
    return known


def _lives(connection: sa.Connection, as_of_s: int) -> dict[str, int]:
    """Return since when the scanner has borne its name, for each unit as it was known then."""
    v = schema.unit_version
    query = (
        sa.select(v.c.unit_id, sa.func.max(v.c.life_from))
        .where(v.c.known_at <= as_of_s, v.c.holds_from <= as_of_s)
        .group_by(v.c.unit_id)
    )
    return {unit_id: int(life_from or 0) for unit_id, life_from in connection.execute(query)}


def _spans(
    context: npt.NDArray[np.int64], contexts: Mapping[int, Context]
) -> tuple[LimitSpan, ...]:
    """Return where the limits change, and to what."""
    spans: list[LimitSpan] = []
    before: tuple[float | None, ...] | None = None
    for first in [0, *(np.flatnonzero(np.diff(context)) + 1).tolist()]:
        limits = contexts[int(context[first])].limits
        if limits != before:
            spans.append(LimitSpan(first, *(np.nan if v is None else v for v in limits)))
        before = limits
    return tuple(spans)


def _pieces(items: Sequence[Item], size: int) -> Iterator[list[Item]]:
    rest = iter(items)
    while piece := list(islice(rest, size)):
        yield piece

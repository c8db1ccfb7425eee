"""Control charts of a night: which series are drawn, and what is read of the store for them.

A page has room for so many charts. Scanners that need attention show all of their series; the
others share the room that is left, those farthest from their baseline first.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa

from pulsefront.qc.features.daily import UnitFeatures
from pulsefront.qc.pages.night.data import Chart, LimitSpan
from pulsefront.qc.records import Context, SeriesKey
from pulsefront.qc.store.database import Store
from pulsefront.qc.store.histories.history import read_contexts, version_as_of
from pulsefront.qc.store.histories.readings import read_series
from pulsefront.qc.store.rows.known import Stamps, stamps_of
from pulsefront.qc.store.rows.units import versions_of_units
from pulsefront.qc.store.rows.writing import PER_QUERY, pieces
from pulsefront.qc.store.tables import schema

__all__ = ["Drawn", "choose_series", "read_charts"]

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
        stamps, life_from = _units(store, sorted(set(unit_of.values())), as_of_s)
        series = read_series(
            store,
            {number: stamps[unit_id] for number, unit_id in unit_of.items()},
            as_of_s=as_of_s,
            measured_from_s=from_s,
        )
        numbers, place = np.unique(series.rows.series_id, return_inverse=True)
        first_s = np.array([life_from[unit_of[number]] for number in numbers.tolist()], np.int64)
        known = np.isfinite(series.rows.value) & (series.known_s <= as_of_s)
        keep = np.flatnonzero(known & (series.rows.measured_at >= first_s[place]))
        rows = series.rows.take(keep)
        self.series, self.measured_s, self.context = (
            rows.series_id, rows.measured_at, rows.context_id
        )  # fmt: skip
        self.known_s, self.value = series.known_s[keep], rows.value
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


def _units(
    store: Store, unit_ids: Sequence[str], as_of_s: int
) -> tuple[dict[str, Stamps], dict[str, int]]:
    """Return each unit's arrivals, and since when its scanner of that night bore the name."""
    stamps: dict[str, Stamps] = {}
    life_from: dict[str, int] = {}
    with store.engine.connect() as connection:
        for some in pieces(unit_ids, PER_QUERY):
            stamps |= stamps_of(connection, some)
            for unit_id, versions in versions_of_units(connection, some).items():
                life_from[unit_id] = version_as_of(versions, as_of_s).life_from
    return stamps, life_from


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

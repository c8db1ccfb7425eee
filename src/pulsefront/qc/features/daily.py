"""Features of every component on every day, from what was known on that day.

`trailing` makes the statistics of single series; here they are laid out by component, compared
with the neighbours in the same unit and with the fleet, and joined by counts and ages.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from pulsefront.qc.features.ages import fill_ages, fill_counts, in_service, latest_software
from pulsefront.qc.features.history import UnitHistory
from pulsefront.qc.features.peers import fill_charted_neighbours, fill_names, fill_neighbours
from pulsefront.qc.features.schema import FeatureSchema
from pulsefront.qc.features.trailing import (
    KNOWN,
    STATISTICS_RECORD,
    Readings,
    fresh_state,
    trailing_statistics,
)
from pulsefront.qc.features.windows import fill_replaced, fill_windows
from pulsefront.qc.records import SeriesKey
from pulsefront.qc.times import DAY_S

__all__ = ["UnitFeatures", "daily_as_of", "series_states", "unit_features"]

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
States = npt.NDArray[np.void]

_RESTARTING_ALL = ("calibration", "upgrade")
_RESTARTING = (*_RESTARTING_ALL, "corrective", "preventive")


@dataclass
class UnitFeatures:
    """Features of one unit.

    Attributes
    ----------
    components
        Names, in the order of the first axis.
    as_of_s
        (as_of,) instants.
    values
        (component, as_of, feature) float32; NaN where a component has no such test.
    levels
        (test, as_of) median over the unit's components of the signed level: what peers compare.
    records
        (component, as_of) fewest readings since the baseline began, over the component's tests.
    last_measured_s
        (as_of,) latest reading known, −1 where there is none.
    in_service
        (component, as_of) whether a service was known to be open.
    software
        (as_of,) version of the latest reading known.
    keys, states
        (series,) what names each series, and the `trailing.STATE` it is in after the last instant.
    unit, services, events
        The unit's own record, its services and its events, as in its history.
    """

    unit_id: str
    model: str
    components: tuple[str, ...]
    as_of_s: npt.NDArray[np.int64]
    values: Floats
    levels: npt.NDArray[np.float32]
    records: npt.NDArray[np.int32]
    last_measured_s: npt.NDArray[np.int64]
    in_service: npt.NDArray[np.bool_]
    software: npt.NDArray[np.object_]
    keys: tuple[SeriesKey, ...]
    states: States
    unit: Mapping[str, Any]
    services: pd.DataFrame
    events: pd.DataFrame


def daily_as_of(first_s: int, last_s: int, *, every_s: int = DAY_S) -> npt.NDArray[np.int64]:
    """Return ends of days from the day of *first_s* to the last one not after *last_s*.

    *every_s* may be a part of a day, for instants within the day too.
    """
    start = (first_s // DAY_S + 1) * DAY_S
    return np.arange(start, last_s + 1, every_s, dtype=np.int64)


def unit_features(
    history: UnitHistory, schema: FeatureSchema, as_of_s: npt.NDArray[np.int64]
) -> UnitFeatures:
    """Return the features of one unit at sorted instants; `peers.fill_peers` adds the fleet's."""
    components = schema.components(history)
    number = {component: k for k, component in enumerate(components)}
    size = len(as_of_s)
    values = np.full((len(components), size, len(schema.names)), np.nan, dtype=np.float32)
    records = np.full((len(components), size), np.iinfo(np.int32).max, dtype=np.int32)
    last_s = np.full(size, -1, dtype=np.int64)
    levels = np.full((len(schema.tests), size), np.nan, dtype=np.float32)
    signed: dict[str, list[tuple[int, Doubles]]] = {}
    charted: dict[str, list[tuple[int, Doubles]]] = {}
    many = len(schema.statistics)
    states = _states_before(history)
    for k, statistics, known in _run_series(history, as_of_s, states, set(schema.tests)):
        component, test = history.series[k]
        c, first = number[component], schema.column(f"{test}:{schema.statistics[0]}")
        told = statistics.view(np.float32).reshape(size, -1)[:, :many]
        values[c, :, first : first + many] = told
        np.minimum(records[c], known["records"].astype(np.int32), out=records[c])
        np.maximum(last_s, known["last_measured_s"], out=last_s)
        signed.setdefault(test, []).append((c, known["level_mean"].copy()))
        charted.setdefault(test, []).append((c, known["ewma"].copy()))
        if component == "" and test in schema.unit_tests:
            for name in schema.unit_statistics:
                shared = values[:, :, schema.column(f"unit {test}:{name}")]
                shared[:] = statistics[name]
    if "" in number:  # what has no readings of its own lives by those of the unit
        silent = [number[name] for name in components if name not in history.components]
        records[silent] = records[number[""]]
    fill_neighbours(values, levels, signed, schema)
    if schema.version >= 2:
        fill_charted_neighbours(values, charted, schema)
        fill_names(values, str(history.unit["model"]), components, schema)
    fill_counts(values, history.events, components, as_of_s, schema)
    fill_ages(values, history, components, as_of_s, last_s, schema)
    if schema.hourly:
        fill_windows(values, history, components, as_of_s, schema)
        fill_replaced(values, history.services, as_of_s, schema)
    return UnitFeatures(
        history.unit_id,
        str(history.unit["model"]),
        components,
        as_of_s,
        values,
        levels,
        records,
        last_s,
        in_service(history.services, components, as_of_s),
        latest_software(history, as_of_s),
        history.keys,
        states,
        history.unit,
        history.services,
        history.events,
    )


def series_states(history: UnitHistory, instant_s: int) -> States:
    """Return what the records known by an instant left behind, (series,) `trailing.STATE`."""
    states = _states_before(history)
    for _ in _run_series(history, np.array([instant_s], dtype=np.int64), states, None):
        pass  # the states are what is wanted
    return states


def _states_before(history: UnitHistory) -> States:
    return history.before.state.copy() if history.before else fresh_state(len(history.series))


def _run_series(
    history: UnitHistory, as_of_s: npt.NDArray[np.int64], states: States, tests: set[str] | None
) -> Iterator[tuple[int, npt.NDArray[np.void], npt.NDArray[np.void]]]:
    """Yield (series, its `STATISTICS_RECORD`, its `KNOWN`) of some tests, or of all.

    The arrays are used again for the next series; *states* go on to the last instant.
    """
    statistics = np.empty(len(as_of_s), dtype=STATISTICS_RECORD)
    known = np.empty(len(as_of_s), dtype=KNOWN)
    centre, width = _centre_and_width(history.limits)
    changes = _new_baseline(history)
    restarts = _restarts(history.services, history.components)
    for k, (component, test) in enumerate(history.series):
        if tests is not None and test not in tests:
            continue
        rows = slice(history.start[k], history.start[k + 1])
        context = history.context[rows]
        readings = Readings(
            history.value[rows],
            history.measured_at[rows],
            history.available_at[rows],
            centre[context],
            width[context],
            changes[rows],
        )
        trailing_statistics(readings, restarts[component], as_of_s, statistics, known, states, k)
        yield k, statistics, known


def _centre_and_width(
    limits: npt.NDArray[np.float64],
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return the reference and the limit unit of each context, NaN where there is none."""
    reference, action_low, tolerance_low, tolerance_high, action_high = limits.T
    low = np.where(np.isnan(tolerance_low), action_low, tolerance_low)
    high = np.where(np.isnan(tolerance_high), action_high, tolerance_high)
    centre = np.where(np.isnan(reference), (low + high) / 2.0, reference)
    width = (high - low) / 2.0
    one_sided = np.where(np.isnan(low), high, low)
    width = np.where(np.isnan(width), np.abs(one_sided - centre), width)
    return centre, np.where(width > 0.0, width, np.nan)


def _new_baseline(history: UnitHistory) -> npt.NDArray[np.bool_]:
    """Return whether each row has another reference, baseline or software than the one before."""
    pairs = zip(
        history.baseline.tolist(), history.software.tolist(), history.limits[:, 0], strict=True
    )
    codes, _ = pd.factorize(np.array([repr(pair) for pair in pairs], dtype=object))
    code_of = np.asarray(codes, dtype=np.int64)
    code = code_of[history.context]
    changed = np.zeros(len(code), dtype=np.bool_)
    changed[1:] = code[1:] != code[:-1]
    starts = history.start[:-1]
    # A series' first row differs from nothing, unless earlier rows left their context behind.
    first = history.start[1:] > starts
    changed[starts[first]] = False
    if history.before is not None:
        last = history.before.context[first]
        changed[starts[first]] = (last >= 0) & (code_of[last] != code[starts[first]])
    return changed


def _restarts(
    services: pd.DataFrame, components: Sequence[str]
) -> dict[str, npt.NDArray[np.int64]]:
    """Return by component when each service that restarts its baseline became known."""
    owner = services["component_id"].to_numpy(dtype=object)
    kind = services["kind"].to_numpy(dtype=object)
    known = services["logged_at"].to_numpy(dtype=np.int64)
    # Maintenance and repairs of the whole unit leave the readings of its parts as they are.
    shared = (owner == "") & np.isin(kind.astype(str), _RESTARTING_ALL)
    own = np.isin(kind.astype(str), _RESTARTING)
    return {name: known[shared | (own & (owner == name))] for name in components}

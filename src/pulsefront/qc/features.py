"""Features of every component on every day, from what was known on that day.

`trailing` makes the statistics of single series; here they are laid out by component, compared
with the neighbours in the same unit and with the fleet, and joined by counts and ages.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from pulsefront.qc.history import UnitHistory
from pulsefront.qc.times import DAY_S
from pulsefront.qc.trailing import LAST_MEASURED, LEVEL, RECORDS, STATISTICS, trailing_statistics

__all__ = [
    "FeatureSchema",
    "UnitFeatures",
    "add_peers",
    "daily_as_of",
    "fleet_levels",
    "schema_of",
    "unit_features",
]

Floats = npt.NDArray[np.float32]

_UNIT_STATISTICS = ("level_mean", "slope_slow", "cusum")
_AGES = (
    "age_days",
    "days_since_calibration",
    "days_since_replacement",
    "days_since_service",
    "calibrations_180d",
    "missed_qc_days",
)
_RESTARTING = ("corrective", "calibration", "upgrade", "preventive")
_NEVER_DAYS = 3650.0
_LEAST_PEERS = 5


@dataclass(frozen=True)
class FeatureSchema:
    """Names and order of the features; a model is bound to one.

    ``tests`` are the tests that components have of their own, ``unit_tests`` those of the unit as
    a whole, ``codes`` the event codes.
    """

    tests: tuple[str, ...]
    unit_tests: tuple[str, ...]
    codes: tuple[str, ...]
    names: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        own = [f"{test}:{s}" for test in self.tests for s in (*STATISTICS, "neighbour", "peer")]
        unit = [f"unit {test}:{s}" for test in self.unit_tests for s in (*_UNIT_STATISTICS, "peer")]
        counts = [
            f"{who}{code}:{n}d" for who in ("", "unit ") for code in self.codes for n in (7, 30)
        ]
        object.__setattr__(self, "names", (*own, *unit, *counts, *_AGES))

    def place(self, name: str) -> int:
        """Return the column of a feature."""
        return self.names.index(name)


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


def daily_as_of(first_s: int, last_s: int, *, every: int = 1) -> npt.NDArray[np.int64]:
    """Return ends of days from the day of *first_s* to the last one not after *last_s*."""
    start = (first_s // DAY_S + 1) * DAY_S
    return np.arange(start, last_s + 1, every * DAY_S, dtype=np.int64)


def schema_of(histories: Sequence[UnitHistory]) -> FeatureSchema:
    """Return the schema that holds every test and event code of the given units."""
    tests = {test for h in histories for _, test in h.series}
    unit_tests = {test for h in histories for component, test in h.series if component == ""}
    codes = {code for h in histories for code in h.events["code"].unique()}
    return FeatureSchema(tuple(sorted(tests)), tuple(sorted(unit_tests)), tuple(sorted(codes)))


def unit_features(
    history: UnitHistory, schema: FeatureSchema, as_of_s: npt.NDArray[np.int64]
) -> UnitFeatures:
    """Return the features of one unit at sorted instants; peers are added by `add_peers`."""
    components = history.components
    place = {component: k for k, component in enumerate(components)}
    column = {name: k for k, name in enumerate(schema.names)}
    size = len(as_of_s)
    values = np.full((len(components), size, len(schema.names)), np.nan, dtype=np.float32)
    records = np.full((len(components), size), np.iinfo(np.int32).max, dtype=np.int32)
    last = np.full(size, -1.0)
    levels = np.full((len(schema.tests), size), np.nan, dtype=np.float32)
    signed: dict[str, list[tuple[int, npt.NDArray[np.float64]]]] = {}
    out = np.empty((size, len(STATISTICS)), dtype=np.float32)
    centre, width = _centre_and_width(history.limits)
    changes = _new_baseline(history)
    for k, (component, test) in enumerate(history.series):
        if test not in schema.tests:
            continue
        rows = slice(history.start[k], history.start[k + 1])
        context = history.context[rows]
        state = np.empty((size, 3))
        trailing_statistics(
            history.value[rows],
            history.measured_at[rows],
            history.available_at[rows],
            centre[context],
            width[context],
            changes[rows],
            _restarts(history.services, component),
            as_of_s,
            out,
            state,
        )
        c, first = place[component], column[f"{test}:{STATISTICS[0]}"]
        values[c, :, first : first + len(STATISTICS)] = out
        np.minimum(records[c], state[:, RECORDS].astype(np.int32), out=records[c])
        np.maximum(last, state[:, LAST_MEASURED], out=last)
        signed.setdefault(test, []).append((c, state[:, LEVEL]))
        if component == "":
            for name in _UNIT_STATISTICS:
                shared = values[:, :, column[f"unit {test}:{name}"]]
                shared[:] = out[:, STATISTICS.index(name)]
    _neighbours(values, levels, signed, schema, column)
    last_s = last.astype(np.int64)
    _counts(values, history.events, components, as_of_s, schema, column)
    _ages(values, history, components, as_of_s, last_s, column)
    return UnitFeatures(
        history.unit_id,
        str(history.unit["model"]),
        components,
        as_of_s,
        values,
        levels,
        records,
        last_s,
        _in_service(history.services, components, as_of_s),
        _software(history, as_of_s),
    )


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
    code = codes[history.context] if len(codes) else history.context
    changed = np.zeros(len(code), dtype=np.bool_)
    changed[1:] = code[1:] != code[:-1]
    starts = history.start[:-1]
    changed[starts[starts < len(changed)]] = False
    return changed


def _restarts(services: pd.DataFrame, component: str) -> npt.NDArray[np.int64]:
    """Return when each service that touches a component became known."""
    mine = services["component_id"].isin(["", component]) & services["kind"].isin(_RESTARTING)
    # Preventive maintenance of the whole unit leaves the readings as they are.
    mine &= ~((services["kind"] == "preventive") & (services["component_id"] != component))
    mine &= ~((services["kind"] == "corrective") & (services["component_id"] != component))
    return services.loc[mine, "logged_at"].to_numpy(dtype=np.int64)


def _neighbours(
    values: Floats,
    levels: npt.NDArray[np.float32],
    signed: dict[str, list[tuple[int, npt.NDArray[np.float64]]]],
    schema: FeatureSchema,
    column: dict[str, int],
) -> None:
    """Fill how far each component stands from the median of its unit, and that median."""
    for k, test in enumerate(schema.tests):
        if test not in signed:
            continue
        stack = np.stack([level for _, level in signed[test]])
        median = _median(stack)
        levels[k] = median
        if len(stack) > 2:
            for c, level in signed[test]:
                values[c, :, column[f"{test}:neighbour"]] = np.abs(level - median)


def _median(stack: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.float64]:
    """Return the median over the first axis, NaNs left out; NaN where all are."""
    ordered = np.sort(stack, axis=0)  # NaNs go last
    count = (~np.isnan(stack)).sum(axis=0)
    low, high = np.maximum(count - 1, 0) // 2, count // 2
    at = np.arange(stack.shape[1])
    median = 0.5 * (ordered[low, at] + ordered[np.minimum(high, len(stack) - 1), at])
    return np.asarray(np.where(count > 0, median, np.nan))


def _counts(
    values: Floats,
    events: pd.DataFrame,
    components: Sequence[str],
    as_of_s: npt.NDArray[np.int64],
    schema: FeatureSchema,
    column: dict[str, int],
) -> None:
    """Fill how many events of each code became known in the last 7 and 30 days."""
    known = events["available_at"].to_numpy(dtype=np.int64)
    code = events["code"].to_numpy()
    owner = events["component_id"].to_numpy()
    for name in schema.codes:
        whole = known[code == name]
        for days in (7, 30):
            window = days * DAY_S
            values[:, :, column[f"unit {name}:{days}d"]] = _window_count(whole, as_of_s, window)
            for c, component in enumerate(components):
                mine = known[(code == name) & (owner == component)]
                values[c, :, column[f"{name}:{days}d"]] = _window_count(mine, as_of_s, window)


def _window_count(
    known: npt.NDArray[np.int64], as_of_s: npt.NDArray[np.int64], window_s: int
) -> npt.NDArray[np.int64]:
    upto = np.searchsorted(known, as_of_s, side="right")
    return np.asarray(upto - np.searchsorted(known, as_of_s - window_s, side="right"))


def _ages(
    values: Floats,
    history: UnitHistory,
    components: Sequence[str],
    as_of_s: npt.NDArray[np.int64],
    last_measured_s: npt.NDArray[np.int64],
    column: dict[str, int],
) -> None:
    installed = int(history.unit["installed_on"])
    age = (as_of_s - installed) / DAY_S if installed else np.nan
    values[:, :, column["age_days"]] = age
    services = history.services
    known = services["logged_at"].to_numpy(dtype=np.int64)
    kind, owner = services["kind"].to_numpy(), services["component_id"].to_numpy()
    whole = owner == ""
    calibrations = known[whole & (kind == "calibration")]
    values[:, :, column["days_since_calibration"]] = _days_since(calibrations, as_of_s)
    values[:, :, column["calibrations_180d"]] = _window_count(calibrations, as_of_s, 180 * DAY_S)
    values[:, :, column["days_since_service"]] = _days_since(known, as_of_s)
    for c, component in enumerate(components):
        replaced = (owner == component) & (
            (kind == "corrective") | ((kind == "preventive") & ~whole)
        )
        values[c, :, column["days_since_replacement"]] = _days_since(known[replaced], as_of_s)
    day = as_of_s.astype("datetime64[s]").astype("datetime64[D]")
    last = last_measured_s.astype("datetime64[s]").astype("datetime64[D]")
    # Days without QC between the last reading and now; weekends without it are normal. The
    # as-of instant is the end of a day, that is, the first moment of the next.
    missed = np.busday_count(last + 1, np.maximum(day, last + 1))
    values[:, :, column["missed_qc_days"]] = np.where(last_measured_s < 0, np.nan, missed)


def _days_since(
    known: npt.NDArray[np.int64], as_of_s: npt.NDArray[np.int64]
) -> npt.NDArray[np.float64]:
    upto = np.searchsorted(known, as_of_s, side="right")
    if not len(known):
        return np.full(len(as_of_s), _NEVER_DAYS)
    days = (as_of_s - known[np.maximum(upto - 1, 0)]) / DAY_S
    return np.where(upto > 0, np.minimum(days, _NEVER_DAYS), _NEVER_DAYS)


def _in_service(
    services: pd.DataFrame, components: Sequence[str], as_of_s: npt.NDArray[np.int64]
) -> npt.NDArray[np.bool_]:
    """Return whether a repair was open at each instant, as far as was known then.

    Most sites log a service when it is done; then nothing is known to be open.
    """
    found = np.zeros((len(components), len(as_of_s)), dtype=np.bool_)
    for row in services.to_dict("records"):
        if row["kind"] in {"corrective", "upgrade"}:
            open_now = (as_of_s >= max(row["logged_at"], row["reported_at"])) & (
                as_of_s < row["completed_at"]
            )
            for c, component in enumerate(components):
                if row["component_id"] in {"", component}:
                    found[c] |= open_now
    return found


def _software(history: UnitHistory, as_of_s: npt.NDArray[np.int64]) -> npt.NDArray[np.object_]:
    """Return the software version of the latest reading known at each instant."""
    order = np.lexsort((history.measured_at, history.available_at))
    upto = np.searchsorted(history.available_at[order], as_of_s, side="right")
    result = np.full(len(as_of_s), "", dtype=object)
    some = upto > 0
    result[some] = history.software[history.context[order[upto[some] - 1]]]
    return result


def fleet_levels(units: Sequence[UnitFeatures]) -> dict[str, npt.NDArray[np.float32]]:
    """Return by model the (test, as_of) median level over the units of that model.

    NaN where fewer than five units have one.
    """
    found = {}
    for model in dict.fromkeys(unit.model for unit in units):
        stack = np.stack([unit.levels for unit in units if unit.model == model])
        median = np.stack([_median(stack[:, k]) for k in range(stack.shape[1])])
        few = (~np.isnan(stack)).sum(axis=0) < _LEAST_PEERS
        found[model] = np.where(few, np.nan, median).astype(np.float32)
    return found


def add_peers(
    unit: UnitFeatures, fleet: dict[str, npt.NDArray[np.float32]], schema: FeatureSchema
) -> None:
    """Fill how far each unit stands from the fleet, in place; all units need the same instants."""
    for k, test in enumerate(schema.tests):
        residual = np.abs(unit.levels[k] - fleet[unit.model][k])
        own = unit.values[:, :, schema.place(f"{test}:peer")]
        has = ~np.isnan(unit.values[:, :, schema.place(f"{test}:level")])
        own[:] = np.where(has, residual, np.nan)
        if test in schema.unit_tests:
            unit.values[:, :, schema.place(f"unit {test}:peer")] = residual

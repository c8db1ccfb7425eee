"""Features that tell counts and ages: events, services, missed QC, what is open."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from pulsefront.qc.features.history import UnitHistory
from pulsefront.qc.features.schema import FeatureSchema
from pulsefront.qc.times import DAY_S

__all__ = [
    "days_in_use",
    "days_since",
    "fill_ages",
    "fill_counts",
    "idle_days",
    "in_service",
    "latest_software",
]

Floats = npt.NDArray[np.float32]

_NEVER_DAYS = 3650.0
_FADING_DAYS = 3.0


def fill_counts(
    values: Floats,
    events: pd.DataFrame,
    components: Sequence[str],
    as_of_s: npt.NDArray[np.int64],
    schema: FeatureSchema,
) -> None:
    """Fill how many events of each code became known in the last 7 and 30 days.

    Schemas of version 2 also have a count that forgets over 3 days, and the days since the last
    event; hourly ones the counts of the last day and of the last 3 days.
    """
    known = events["available_at"].to_numpy(dtype=np.int64)
    code = events["code"].to_numpy()
    owner = events["component_id"].to_numpy()
    for name in schema.codes:
        found = code == name
        _fill_code(values, f"unit {name}", known[found], as_of_s, schema)
        # Most components never had such an event: all are told so at once, the others anew.
        _fill_code(values, name, known[:0], as_of_s, schema)
        owners = set(owner[found])
        for c, component in enumerate(components):
            if component in owners:
                mine = known[found & (owner == component)]
                _fill_code(values[c : c + 1], name, mine, as_of_s, schema)


def _fill_code(
    values: Floats,
    name: str,
    known: npt.NDArray[np.int64],
    as_of_s: npt.NDArray[np.int64],
    schema: FeatureSchema,
) -> None:
    for days in schema.windows_days:
        count = _window_count(known, as_of_s, days * DAY_S)
        values[:, :, schema.column(f"{name}:{days}d")] = count
    if schema.version >= 2:
        values[:, :, schema.column(f"{name}:recent")] = _fading_count(known, as_of_s)
        values[:, :, schema.column(f"{name}:since")] = days_since(known, as_of_s)


def _fading_count(
    known: npt.NDArray[np.int64], as_of_s: npt.NDArray[np.int64]
) -> npt.NDArray[np.float64]:
    """Return the count of events that fades with a memory of three days."""
    memory_s = _FADING_DAYS * DAY_S
    upto = np.searchsorted(known, as_of_s, side="right")
    fading = np.zeros(len(known) + 1)
    for k in range(len(known)):
        gap_s = known[k] - known[k - 1] if k else 0
        fading[k + 1] = 1.0 + fading[k] * np.exp(-gap_s / memory_s)
    last = known[np.maximum(upto - 1, 0)] if len(known) else as_of_s
    return np.asarray(fading[upto] * np.exp(-(as_of_s - last) / memory_s))


def _window_count(
    known: npt.NDArray[np.int64], as_of_s: npt.NDArray[np.int64], window_s: int
) -> npt.NDArray[np.int64]:
    upto = np.searchsorted(known, as_of_s, side="right")
    return np.asarray(upto - np.searchsorted(known, as_of_s - window_s, side="right"))


def fill_ages(
    values: Floats,
    history: UnitHistory,
    components: Sequence[str],
    as_of_s: npt.NDArray[np.int64],
    last_measured_s: npt.NDArray[np.int64],
    schema: FeatureSchema,
) -> None:
    """Fill age, days since services, and working days without QC, in place."""
    installed = int(history.unit["installed_on"])
    age = (as_of_s - installed) / DAY_S if installed else np.nan
    values[:, :, schema.column("age_days")] = age
    services = history.services
    known = services["logged_at"].to_numpy(dtype=np.int64)
    kind, owner = services["kind"].to_numpy(), services["component_id"].to_numpy()
    whole = owner == ""
    calibrations = known[whole & (kind == "calibration")]
    values[:, :, schema.column("days_since_calibration")] = days_since(calibrations, as_of_s)
    values[:, :, schema.column("calibrations_180d")] = _window_count(
        calibrations, as_of_s, 180 * DAY_S
    )
    values[:, :, schema.column("days_since_service")] = days_since(known, as_of_s)
    for c, component in enumerate(components):
        replaced = (owner == component) & (
            (kind == "corrective") | ((kind == "preventive") & ~whole)
        )
        values[c, :, schema.column("days_since_replacement")] = days_since(known[replaced], as_of_s)
    if schema.version >= 2:
        _fill_siblings(values, services, components, as_of_s, schema)
    day = as_of_s.astype("datetime64[s]").astype("datetime64[D]")
    last = last_measured_s.astype("datetime64[s]").astype("datetime64[D]")
    # Days without QC between the last reading and now; weekends without it are normal, and so are
    # days on which the scanner was not used. The as-of instant is the end of a day, that is, the
    # first moment of the next.
    away = idle_days(history.unit)
    missed = np.busday_count(last + 1, np.maximum(day, last + 1), holidays=away)
    values[:, :, schema.column("missed_qc_days")] = np.where(last_measured_s < 0, np.nan, missed)


def _fill_siblings(
    values: Floats,
    services: pd.DataFrame,
    components: Sequence[str],
    as_of_s: npt.NDArray[np.int64],
    schema: FeatureSchema,
) -> None:
    """Fill what became of the other parts of the unit, and how often the unit failed."""
    known = services["logged_at"].to_numpy(dtype=np.int64)
    kind, owner = services["kind"].to_numpy(), services["component_id"].to_numpy()
    failed = kind == "corrective"
    count = _window_count(known[failed], as_of_s, 730 * DAY_S)
    values[:, :, schema.column("failures_730d")] = count
    replaced = (failed | (kind == "preventive")) & (owner != "")
    for c, component in enumerate(components):
        others = known[replaced & (owner != component)]
        count = _window_count(others, as_of_s, 90 * DAY_S)
        values[c, :, schema.column("sibling_replacements_90d")] = count
        since = days_since(others, as_of_s)
        values[c, :, schema.column("days_since_sibling_replacement")] = since


def days_since(
    known: npt.NDArray[np.int64], as_of_s: npt.NDArray[np.int64]
) -> npt.NDArray[np.float64]:
    """Return the days since the last of some sorted times, ten years where there is none."""
    upto = np.searchsorted(known, as_of_s, side="right")
    if not len(known):
        return np.full(len(as_of_s), _NEVER_DAYS)
    days = (as_of_s - known[np.maximum(upto - 1, 0)]) / DAY_S
    return np.where(upto > 0, np.minimum(days, _NEVER_DAYS), _NEVER_DAYS)


def idle_days(unit: Mapping[str, Any]) -> npt.NDArray[np.datetime64]:
    """Return the days on which a unit is said not to be used."""
    days = [np.empty(0, dtype="datetime64[D]")]
    for period in str(unit.get("idle", "")).split():
        first, _, last = period.partition("/")
        days.append(np.arange(np.datetime64(first), np.datetime64(last) + 1))
    return np.concatenate(days)


def days_in_use(unit: Mapping[str, Any], as_of_s: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Return whether a unit was in use on the day that each instant ends."""
    day = (as_of_s - 1).astype("datetime64[s]").astype("datetime64[D]")
    used = ~np.isin(day, idle_days(unit)) & (as_of_s > unit["active_from"])
    if unit["active_to"]:  # the end of its last day
        used &= ~(unit["active_to"] < as_of_s)
    return np.asarray(used)


def in_service(
    services: pd.DataFrame, components: Sequence[str], as_of_s: npt.NDArray[np.int64]
) -> npt.NDArray[np.bool_]:
    """Return whether a repair was open at each instant, as far as was known then.

    Most sites log a service when it is done; then nothing is known to be open.
    """
    found = np.zeros((len(components), len(as_of_s)), dtype=np.bool_)
    names = ("kind", "component_id", "logged_at", "reported_at", "completed_at")
    rows = zip(*(services[name].tolist() for name in names), strict=True)
    for kind, owner, logged_s, reported_s, completed_s in rows:
        if kind in {"corrective", "upgrade"}:
            open_now = (as_of_s >= max(logged_s, reported_s)) & (as_of_s < completed_s)
            for c, component in enumerate(components):
                if owner in {"", component}:
                    found[c] |= open_now
    return found


def latest_software(
    history: UnitHistory, as_of_s: npt.NDArray[np.int64]
) -> npt.NDArray[np.object_]:
    """Return the software version of the latest reading known at each instant, else ""."""
    names, code = np.unique(history.software.astype(str), return_inverse=True)
    version = code[history.context]
    order = np.lexsort((version, history.measured_at, history.available_at))
    upto = np.searchsorted(history.available_at[order], as_of_s, side="right")
    result = np.full(len(as_of_s), history.before.software if history.before else "", dtype=object)
    some = upto > 0
    result[some] = names[version[order[upto[some] - 1]]].astype(object)
    return result

"""What the watch on slow drift of whole scanners was worth (see `features.drift`)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd

from pulsefront.qc.backtest.results import DriftTest, SensitivityLosses, SlowDrift
from pulsefront.qc.features.drift import WATCH_LEVEL
from pulsefront.qc.features.samples import Fleet
from pulsefront.qc.times import DAY_S

__all__ = ["drift_watch"]

_FOLLOW_DAYS = 180  # a watch is for nothing when the tolerance holds this long
_SENSITIVITY = "sensitivity"
_SENSITIVITY_LOSS_AT_FAILURE = 6.0  # per cent, in the simulation

RowsOf = Mapping[int, npt.NDArray[np.int64]]


def drift_watch(fleet: Fleet, part: npt.NDArray[np.bool_], truth: pd.DataFrame | None) -> SlowDrift:
    """Return what the watch was worth on the rows of *part*, test by test.

    A crossing is the first day on which the smoothed level reaches 1 limit unit; the watch saw it
    when it began at least a day before. Each unit and test counts a crossing or a watch for
    nothing once.
    """
    samples, schema = fleet.samples, fleet.schema
    whole = [k for k, (_, name) in enumerate(fleet.components) if name == ""]
    rows_of = {
        k: rows[np.argsort(samples.as_of_s[rows])]
        for k in whole
        if len(rows := np.flatnonzero(part & (samples.component == k)))
    }
    tests = {test: _watch_of_test(fleet, rows_of, test) for test in schema.unit_tests}
    if truth is None or _SENSITIVITY not in schema.unit_tests:
        return SlowDrift(watch_level=WATCH_LEVEL, tests=tests)
    losses = _simulated(fleet, rows_of, truth)
    return SlowDrift(watch_level=WATCH_LEVEL, tests=tests, simulated_sensitivity_losses=losses)


def _watch_of_test(fleet: Fleet, rows_of: RowsOf, test: str) -> DriftTest:
    samples = fleet.samples
    years = sum(np.ptp(samples.as_of_s[rows]) for rows in rows_of.values()) / DAY_S / 365.25
    column = fleet.schema.column(f"{test}:level_mean")
    leads: list[int] = []
    missed = nothing = 0
    for rows in rows_of.values():
        day = samples.as_of_s[rows] // DAY_S
        level = np.nan_to_num(samples.values[rows, column])
        watch, cross = _first(level >= WATCH_LEVEL), _first(level >= 1.0)
        if cross is not None and cross > 0:
            if watch is not None and watch < cross:
                leads.append(int(day[cross] - day[watch]))
            else:
                missed += 1
        elif watch is not None and day[-1] - day[watch] >= _FOLLOW_DAYS:
            nothing += 1
    return DriftTest(
        crossings=len(leads) + missed,
        seen_before=len(leads),
        median_lead_days=float(np.median(leads)) if leads else None,
        false_watches_per_unit_year=float(nothing / years) if years else None,
    )


def _first(mask: npt.NDArray[np.bool_]) -> int | None:
    return int(np.argmax(mask)) if mask.any() else None


def _simulated(fleet: Fleet, rows_of: RowsOf, truth: pd.DataFrame) -> SensitivityLosses:
    """Return how many simulated losses were watched before 5 % was lost.

    Losses that began before the judged part are left out: they could be seen before it.
    """
    samples = fleet.samples
    column = fleet.schema.column(f"{_SENSITIVITY}:level_mean")
    index = {fleet.units[unit]: k for k, (unit, name) in enumerate(fleet.components) if name == ""}
    cases = found = 0
    for row in truth.to_dict("records"):
        rows = rows_of.get(index.get(str(row["unit_id"]), -1))
        if row["cause"] != "slow_sensitivity_loss" or rows is None:
            continue
        when = samples.as_of_s[rows]
        span = row["failed_at"] - row["onset_at"]
        limit = row["onset_at"] + 5.0 / _SENSITIVITY_LOSS_AT_FAILURE * span
        if row["prevented"] or row["onset_at"] < when[0] or limit > when[-1]:
            continue
        seen = (when > row["onset_at"]) & (when < limit)
        cases += 1
        found += int((samples.values[rows[seen], column] >= WATCH_LEVEL).any())
    return SensitivityLosses(cases=cases, found_before_5_percent=found)

"""Slow drift of a whole scanner, which no single day shows: watched by its smoothed level.

The failure model looks a month ahead. A sensitivity that sinks one per cent a month is far from
failing then, yet images suffer; so the smoothed level of every reading of the unit as a whole is
watched in limit units, the half-width of its tolerance, and named well before it leaves that.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from pulsefront.qc.features.samples import Fleet
from pulsefront.qc.features.schema import FeatureSchema
from pulsefront.qc.times import DAY_S

__all__ = ["WATCH_LEVEL", "drift_watch", "watched_tests"]

WATCH_LEVEL = 0.6
"""Smoothed distance from the reference, in limit units, from which a reading is watched."""

_FOLLOW_DAYS = 180  # a watch is for nothing when the tolerance holds this long
_SENSITIVITY = "sensitivity"
_SENSITIVITY_LOSS_AT_FAILURE = 6.0  # per cent, in the simulation


def watched_tests(values: npt.NDArray[np.float32], schema: FeatureSchema) -> list[list[str]]:
    """Return for each row of a unit as a whole the tests that are watched."""
    columns = [schema.place(f"{test}:level_mean") for test in schema.unit_tests]
    levels = values[:, columns]
    return [
        [t for t, level in zip(schema.unit_tests, row, strict=True) if level >= WATCH_LEVEL]
        for row in levels
    ]


def drift_watch(
    fleet: Fleet, part: npt.NDArray[np.bool_], truth: pd.DataFrame | None
) -> dict[str, Any]:
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
    years = sum(np.ptp(samples.as_of_s[rows]) for rows in rows_of.values()) / DAY_S / 365.25
    tests: dict[str, Any] = {}
    for test in schema.unit_tests:
        column = schema.place(f"{test}:level_mean")
        leads, missed, nothing = [], 0, 0
        for rows in rows_of.values():
            day = samples.as_of_s[rows] // DAY_S
            level = np.nan_to_num(samples.values[rows, column])
            watch, cross = _first(level >= WATCH_LEVEL), _first(level >= 1.0)
            if cross is not None and cross > 0:
                early = watch is not None and watch < cross
                missed += not early
                if watch is not None and early:
                    leads.append(int(day[cross] - day[watch]))
            elif watch is not None and day[-1] - day[watch] >= _FOLLOW_DAYS:
                nothing += 1
        tests[test] = {
            "crossings": len(leads) + missed,
            "seen_before": len(leads),
            "median_lead_days": float(np.median(leads)) if leads else None,
            "false_watches_per_unit_year": nothing / years if years else None,
        }
    result: dict[str, Any] = {"watch_level": WATCH_LEVEL, "tests": tests}
    if truth is not None and _SENSITIVITY in schema.unit_tests:
        result["simulated_sensitivity_losses"] = _simulated(fleet, rows_of, truth)
    return result


def _first(mask: npt.NDArray[np.bool_]) -> int | None:
    return int(np.argmax(mask)) if mask.any() else None


def _simulated(
    fleet: Fleet, rows_of: dict[int, npt.NDArray[np.int64]], truth: pd.DataFrame
) -> dict[str, int]:
    """Return how many simulated losses were watched before 5 % was lost.

    Losses that began before the judged part are left out: they could be seen before it.
    """
    samples = fleet.samples
    column = fleet.schema.place(f"{_SENSITIVITY}:level_mean")
    index = {fleet.units[unit]: k for k, (unit, name) in enumerate(fleet.components) if name == ""}
    cases = found = 0
    for row in truth.to_dict("records"):
        component = index.get(str(row["unit_id"]))
        if row["cause"] != "slow_sensitivity_loss" or component not in rows_of:
            continue
        rows = rows_of[component]
        when = samples.as_of_s[rows]
        span = row["failed_at"] - row["onset_at"]
        limit = row["onset_at"] + 5.0 / _SENSITIVITY_LOSS_AT_FAILURE * span
        if row["prevented"] or row["onset_at"] < when[0] or limit > when[-1]:
            continue
        seen = (when > row["onset_at"]) & (when < limit)
        cases += 1
        found += int((samples.values[rows[seen], column] >= WATCH_LEVEL).any())
    return {"cases": cases, "found_before_5_percent": found}

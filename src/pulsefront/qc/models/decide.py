"""The right to say no, and features in words."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pulsefront.qc.features.samples import Samples
from pulsefront.qc.features.schema import AGES, WINDOWS_HOURS, FeatureSchema

__all__ = ["LEAST_RECORDS", "Guard", "fit_guard", "no_decision_reasons", "phrase"]

_RANGE_MARGIN = 0.5
_LEAST_HIGH_MARGIN = {
    "z": 40.0, "ewma": 40.0, "ewma_slow": 40.0, "neighbour_ewma": 40.0, "run": 400.0,
    "cusum": 200.0, "7d": 200.0, "30d": 500.0, "recent": 100.0, "since": 4000.0,
    "days_since_sibling_replacement": 4000.0, "1d": 200.0, "3d": 200.0, "replaced": 4000.0,
}  # fmt: skip
_LEAST_STEP = 0.5
_LEAST_FOR_STEP = 8
_STALE_QC_DAYS = 5
LEAST_RECORDS = 3

_PHRASES = {
    "z": "{test} {v:.1f} sigma from its baseline",
    "ewma": "{test} on average {v:.1f} sigma from its baseline",
    "cusum": "{test} CUSUM at {v:.0f} sigma",
    "moving_range": "{test} {v:.1f} times as noisy as its baseline",
    "run": "{test} {v:.0f} readings in a row on one side",
    "level": "{test} {v:.2f} limit-units from its reference",
    "level_mean": "{test} on average {v:.2f} limit-units from its reference",
    "slope": "{test} {v:.1f} limit-units in 30 days",
    "slope_slow": "{test} slowly drifting, {v:.1f} limit-units in 30 days",
    "absorbed": "{test} {v:.1f} limit-units hidden by baseline resets",
    "ewma_slow": "{test} for long {v:.1f} sigma from its baseline",
    "projected": "{test} in 30 days {v:.1f} limit-units from its reference if it goes on",
    "rise_day": "{test} {v:.2f} limit-units above its month, in a day",
    "fall_day": "{test} {v:.2f} limit-units below its month, in a day",
    "rise_week": "{test} {v:.2f} limit-units above its month, in a week",
    "fall_week": "{test} {v:.2f} limit-units below its month, in a week",
    "step": "{test} {v:.2f} limit-units changed at its last baseline",
    "neighbour": "{test} {v:.2f} limit-units from its neighbours",
    "neighbour_ewma": "{test} on average {v:.1f} sigma from its neighbours",
    "peer": "{test} {v:.2f} limit-units from the fleet",
    "7d": "{v:.0f} × {test} in 7 days",
    "30d": "{v:.0f} × {test} in 30 days",
    "recent": "{v:.1f} × {test} of late",
    "since": "{v:.0f} days since {test}",
    "age_days": "{v:.0f} days old",
    "days_since_calibration": "{v:.0f} days since calibration",
    "days_since_replacement": "{v:.0f} days since replacement",
    "days_since_service": "{v:.0f} days since service",
    "calibrations_180d": "{v:.0f} calibrations in 180 days",
    "missed_qc_days": "{v:.0f} working days without QC",
    "sibling_replacements_90d": "{v:.0f} other parts replaced in 90 days",
    "days_since_sibling_replacement": "{v:.0f} days since another part was replaced",
    "failures_730d": "{v:.0f} failures of the unit in two years",
    "is_model": "model {test}",
    "is_component": "component {test}",
    "1d": "{v:.0f} × {test} in a day",
    "3d": "{v:.0f} × {test} in 3 days",
    "replaced": "{v:.0f} days since {test} was replaced",
    **{
        f"{name}_{hours}h": f"{{test}} {words} in {hours} hours"
        for hours in WINDOWS_HOURS
        for name, words in (
            ("mean", "{v:.4g} on average"),
            ("low", "{v:.4g} at least"),
            ("high", "{v:.4g} at most"),
            ("spread", "scattering by {v:.3g}"),
            ("above", "{v:.1f} deviations above what is usual"),
            ("below", "{v:.1f} deviations below what is usual"),
        )
    },
}


def phrase(name: str, value: float) -> str:
    """Return a feature's value in words."""
    test, _, statistic = name.rpartition(":")
    if np.isnan(value):
        return f"{name.replace('_', ' ')} not known"
    words = _PHRASES[statistic].format(test=test, v=value)
    return words.replace("_", " ")


@dataclass(frozen=True)
class Guard:
    """What the training data covered.

    ``low`` and ``high`` are the range of every feature with its margin; ``software`` the versions
    seen, ``kinds`` the sets of tests that components had. ``step_high`` (test,) is how far resets
    of the baseline moved each test, in limit units: an unknown version of software that moved none
    by more is no reason to be silent. Guards of features of version 1 do not have it.
    """

    low: npt.NDArray[np.float64]
    high: npt.NDArray[np.float64]
    software: tuple[str, ...]
    kinds: tuple[tuple[str, ...], ...]
    stale_qc_days: int = _STALE_QC_DAYS
    least_records: int = LEAST_RECORDS
    step_high: npt.NDArray[np.float64] | None = None


def fit_guard(samples: Samples, schema: FeatureSchema) -> Guard:
    """Return the guard for a model trained on *samples*."""
    values = samples.values
    with np.errstate(all="ignore"):
        known = ~np.isnan(values)
        low = np.where(known, values, np.inf).min(axis=0)
        high = np.where(known, values, -np.inf).max(axis=0)
    width = np.where(np.isfinite(high - low), high - low, 0.0)
    margin = _RANGE_MARGIN * width
    if schema.version >= 2:
        low = np.where(np.isin(schema.names, AGES), 0.0, low)
    above = _high_margin(width, schema) if schema.version >= 2 else margin
    with np.errstate(invalid="ignore"):  # of a feature without any value
        low, high = low - margin, high + above
    return Guard(
        low.astype(np.float64),
        high.astype(float),
        tuple(sorted(set(samples.software.tolist()))),
        tuple(sorted(_kinds(values, schema))),
        step_high=_usual_steps(values, schema) if schema.version >= 2 else None,
    )


def _high_margin(
    width: npt.NDArray[np.floating], schema: FeatureSchema
) -> npt.NDArray[np.floating]:
    """Return how far above the training range a feature may lie.

    A reading further from its reference than any before is a sign of failure, not of another kind
    of data: only what lies out by far, as in another unit of measurement, is refused.
    """
    ages = np.isin(schema.names, AGES)
    # Ages grow by themselves: a scanner older than those that were trained on is no other kind.
    least = np.array([_LEAST_HIGH_MARGIN.get(n.rpartition(":")[2], 10.0) for n in schema.names])
    return np.where(ages, np.inf, np.maximum(2.0 * width, least))


def _usual_steps(values: npt.NDArray[np.float32], schema: FeatureSchema) -> npt.NDArray[np.float64]:
    """Return (test,) what 49 of 50 rows did not exceed since their baseline began."""
    found = np.full(len(schema.tests), _LEAST_STEP)
    for k, test in enumerate(schema.tests):
        steps = values[:, schema.column(f"{test}:step")]
        if len(steps := steps[~np.isnan(steps)]):
            found[k] = max(_LEAST_STEP, float(np.quantile(steps, 0.98)))
    return found


def _kinds(values: npt.NDArray[np.float32], schema: FeatureSchema) -> set[tuple[str, ...]]:
    """Return the sets of tests that rows know something of."""
    levels = [schema.column(f"{test}:level") for test in schema.tests]
    patterns = np.unique(~np.isnan(values[:, levels]), axis=0)
    return {tuple(t for t, has in zip(schema.tests, p, strict=True) if has) for p in patterns}


def no_decision_reasons(
    samples: Samples, guard: Guard, schema: FeatureSchema, columns: npt.NDArray[np.int64]
) -> npt.NDArray[np.object_]:
    """Return for each row why there is no decision; empty where there is one.

    *columns* are the features that the model looks at: only they need to lie within the range.
    """
    reasons = np.full(len(samples), "", dtype=object)

    def refuse(rows: npt.NDArray[np.bool_], text: str | npt.NDArray[np.object_]) -> None:
        fresh = rows & (reasons == "")
        reasons[fresh] = text if isinstance(text, str) else text[fresh]

    refuse(samples.last_measured_s < 0, "no QC known yet")
    refuse(samples.in_service, "in service")
    missed = samples.values[:, schema.column("missed_qc_days")]
    stale = np.asarray(missed > guard.stale_qc_days)
    if stale.any():
        texts = np.array(
            [f"no QC for {m:.0f} working days" for m in np.nan_to_num(missed)], dtype=object
        )
        refuse(stale, texts)
    refuse(
        samples.records < guard.least_records,
        f"short history: fewer than {guard.least_records} readings since the baseline began",
    )
    known = np.isin(samples.software.astype(str), guard.software)
    if not known.all():
        refuse(~known, _software_reasons(samples, ~known, guard, schema))
    levels = [schema.column(f"{test}:level") for test in schema.tests]
    has = ~np.isnan(samples.values[:, levels])
    kinds = {tuple(test in kind for test in schema.tests) for kind in guard.kinds}
    patterns, code = np.unique(has, axis=0, return_inverse=True)
    strange = np.array([tuple(bool(v) for v in p) not in kinds for p in patterns])
    refuse(strange[np.ravel(code)], "the model knows no component with these tests")
    used = samples.values[:, columns]
    outside = (used > guard.high[columns]) | (used < guard.low[columns])
    if outside.any():
        rows = np.asarray(outside.any(axis=1))
        first = columns[outside.argmax(axis=1)]
        texts = np.full(len(samples), "", dtype=object)
        for k in np.flatnonzero(rows):
            value = float(samples.values[k, first[k]])
            texts[k] = "outside the training range: " + phrase(schema.names[first[k]], value)
        refuse(rows, texts)
    return reasons


def _software_reasons(
    samples: Samples, unknown: npt.NDArray[np.bool_], guard: Guard, schema: FeatureSchema
) -> npt.NDArray[np.object_]:
    """Return why rows of unknown versions are refused; empty where their readings stayed."""
    texts = np.full(len(samples), "", dtype=object)
    for row in np.flatnonzero(unknown):
        texts[row] = f"unknown software version {samples.software[row]!r}"
    if guard.step_high is None:
        return texts
    columns = [schema.column(f"{test}:step") for test in schema.tests]
    levels = [schema.column(f"{test}:level") for test in schema.tests]
    rows = np.flatnonzero(unknown)
    steps = samples.values[rows][:, columns]
    has = ~np.isnan(samples.values[rows][:, levels])
    moved = has & (steps > guard.step_high)
    for row, far, step in zip(rows, moved, steps, strict=True):
        if far.any():
            k = int(far.argmax())
            texts[row] += f": {phrase(f'{schema.tests[k]}:step', float(step[k]))}"
        else:
            texts[row] = ""
    young = rows[samples.records[rows] < _LEAST_FOR_STEP]
    texts[young] = "unknown software version: too few readings since to compare"
    return texts

"""The right to say no, and reasons in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pulsefront.qc.features.samples import Samples
from pulsefront.qc.features.schema import FeatureSchema
from pulsefront.qc.models.estimators import Estimator

__all__ = ["Guard", "explain", "fit_guard", "no_decision_reasons", "phrase"]

_RANGE_MARGIN = 0.5
_STALE_QC_DAYS = 5
_LEAST_RECORDS = 3

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
    "neighbour": "{test} {v:.2f} limit-units from its neighbours",
    "peer": "{test} {v:.2f} limit-units from the fleet",
    "7d": "{v:.0f} × {test} in 7 days",
    "30d": "{v:.0f} × {test} in 30 days",
    "age_days": "{v:.0f} days old",
    "days_since_calibration": "{v:.0f} days since calibration",
    "days_since_replacement": "{v:.0f} days since replacement",
    "days_since_service": "{v:.0f} days since service",
    "calibrations_180d": "{v:.0f} calibrations in 180 days",
    "missed_qc_days": "{v:.0f} working days without QC",
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

    ``low`` and ``high`` are the range of every feature, with half of its width added on the high
    side of sizes and counts; ``software`` the versions seen, ``kinds`` the sets of tests that
    components had.
    """

    low: npt.NDArray[np.float64]
    high: npt.NDArray[np.float64]
    software: tuple[str, ...]
    kinds: tuple[tuple[str, ...], ...]
    stale_qc_days: int = _STALE_QC_DAYS
    least_records: int = _LEAST_RECORDS


def fit_guard(samples: Samples, schema: FeatureSchema) -> Guard:
    """Return the guard for a model trained on *samples*."""
    values = samples.values
    with np.errstate(all="ignore"):
        known = ~np.isnan(values)
        low = np.where(known, values, np.inf).min(axis=0)
        high = np.where(known, values, -np.inf).max(axis=0)
    width = np.where(np.isfinite(high - low), high - low, 0.0)
    return Guard(
        (low - _RANGE_MARGIN * width).astype(np.float64),
        (high + _RANGE_MARGIN * width).astype(np.float64),
        tuple(sorted(set(samples.software.tolist()))),
        tuple(sorted(_kinds(values, schema))),
    )


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
        texts = np.array(
            [f"unknown software version {s!r}" for s in samples.software], dtype=object
        )
        refuse(~known, texts)
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


def explain(
    estimator: Estimator,
    values: npt.NDArray[np.float32],
    typical: npt.NDArray[np.float32],
    names: Sequence[str],
    *,
    most: int = 3,
) -> list[list[str]]:
    """Return for each row what raises its log-odds most, in words.

    Each feature that the model looks at is set to its typical value, one at a time; how much the
    log-odds sink is its share (occlusion). Features that lower the log-odds are not named.
    """
    base = estimator.log_odds(values)
    columns = estimator.columns
    sunk = np.empty((len(values), len(columns)))
    for k, column in enumerate(columns):
        changed = values.copy()
        changed[:, column] = typical[column]
        sunk[:, k] = base - estimator.log_odds(changed)
    order = np.argsort(-sunk, axis=1, kind="stable")[:, :most]
    return [
        [
            phrase(names[columns[k]], float(values[row, columns[k]]))
            for k in order[row]
            if sunk[row, k] > 0.05 and not np.isnan(values[row, columns[k]])
        ]
        for row in range(len(values))
    ]

"""The model that goes into use: chosen, trained on the past, calibrated on the later part of it."""

from __future__ import annotations

from typing import Any

import numpy as np

from pulsefront.errors import ConfigError
from pulsefront.progress import Report, silent
from pulsefront.qc.features.samples import Fleet, split_time
from pulsefront.qc.models.alarm_rates import threshold_at_rate
from pulsefront.qc.models.choice import choose
from pulsefront.qc.models.decide import fit_guard
from pulsefront.qc.models.folds import BacktestSettings, Scores, alert_table, score_folds
from pulsefront.qc.models.model_file import FailureModel
from pulsefront.qc.models.training import calibrate, redundant_features, train, usable_columns
from pulsefront.qc.times import DAY_S, iso_date

__all__ = ["fit_model"]

# In use nothing is held back for a test: the whole history serves, the last part to calibrate.
_TRAIN_UNTIL = 0.7
_SELECTION_UNTIL = 0.999


def fit_model(
    fleet: Fleet,
    settings: BacktestSettings | None = None,
    *,
    name: str = "",
    report: Report = silent,
) -> FailureModel:
    """Return a model for use.

    Which candidate, and which thresholds give which rate of false alerts, is found on units held
    out in folds; then the candidate is trained on all units up to 70 % of the time and calibrated
    on the rest.

    Parameters
    ----------
    name
        The candidate to use, instead of the one that the comparison chooses.

    Raises
    ------
    ConfigError
        There is no candidate of that name.
    QCDataError
        The history holds too few failures.
    """
    settings = (settings or BacktestSettings()).model_copy(
        update={"train_until": _TRAIN_UNTIL, "calibrate_until": _SELECTION_UNTIL}
    )
    if name and name not in settings.candidates:
        raise ConfigError(
            "there is no such candidate",
            field="model",
            value=name,
            remedy=f"choose one of {', '.join(settings.candidates)}",
        )
    if name:  # nothing to choose: the folds serve for the thresholds alone
        settings = settings.model_copy(update={"candidates": (name,)})
    scores = score_folds(fleet, settings, need_test=False, report=report)
    chosen, comparison = choose(fleet, scores, settings)
    chosen = name or chosen
    samples = fleet.samples
    embargo_s = fleet.embargo_days * DAY_S
    cut = split_time(fleet, _TRAIN_UNTIL)
    labelled = samples.label >= 0
    early = np.flatnonzero(labelled & (samples.as_of_s <= cut - embargo_s))
    late = np.flatnonzero(labelled & (samples.as_of_s >= cut))
    values = samples.values[early]
    compared = usable_columns(values)
    columns, dropped, correlation = redundant_features(values, compared)
    estimator = train(
        chosen, values, samples.label[early], fleet.schema, columns=columns, seed=settings.seed
    )
    calibration = calibrate(
        estimator.log_odds(samples.values[late]),
        samples.label[late],
        samples.unit[late],
        seed=settings.seed,
    )
    names = fleet.schema.names
    with np.errstate(all="ignore"):
        known = np.where(np.isnan(values), np.inf, values)
        typical = np.where(np.isfinite(known).any(axis=0), _median(values), np.nan)
    return FailureModel(
        chosen,
        fleet.schema,
        fleet.target,
        estimator,
        calibration,
        fit_guard(samples, fleet.schema),
        typical.astype(np.float32),
        _thresholds(fleet, scores, chosen, settings),
        {
            **_record(fleet, settings, chosen, comparison, len(early), len(late), cut),
            "redundant_features": [
                {"left_out": names[a], "kept": names[b], "correlation": round(c, 4)}
                for a, b, c in dropped
            ],
            "features_kept": [names[c] for c in columns],
            "correlation_features": [names[c] for c in compared],
            "correlation": np.round(correlation, 3).tolist(),
        },
    )


def _median(values: np.ndarray) -> np.ndarray:
    ordered = np.sort(values, axis=0)
    count = (~np.isnan(values)).sum(axis=0)
    return np.asarray(ordered[np.maximum(count - 1, 0) // 2, np.arange(values.shape[1])])


def _thresholds(
    fleet: Fleet, scores: Scores, chosen: str, settings: BacktestSettings
) -> dict[str, float]:
    """Return the probability at each rate of false alerts, on units that were held out."""
    table = alert_table(fleet, scores, chosen, scores.selection)
    found = {
        f"{rate:g}": threshold_at_rate(table, rate).threshold for rate in settings.false_alert_rates
    }
    return {rate: min(value, 1.0) for rate, value in found.items()}


def _record(
    fleet: Fleet,
    settings: BacktestSettings,
    chosen: str,
    comparison: list[dict[str, Any]],
    rows_train: int,
    rows_calibrate: int,
    cut: int,
) -> dict[str, Any]:
    samples = fleet.samples
    return {
        "first_day": iso_date(fleet.first_s),
        "last_day": iso_date(fleet.last_s),
        "trained_until": iso_date(cut),
        "embargo_days": fleet.embargo_days,
        "units": len(fleet.units),
        "components": len(fleet.components),
        "sites": sorted(set(fleet.sites)),
        "models": sorted(set(fleet.models)),
        "failures": int(sum(len(t) for t in fleet.failures_s)),
        "rows_train": rows_train,
        "rows_calibrate": rows_calibrate,
        "rows_without_label": int((samples.label < 0).sum()),
        "base_rate": float((samples.label[samples.label >= 0] == 1).mean()),
        "chosen": chosen,
        "comparison": comparison,
        "candidates": list(settings.candidates),
        "folds": settings.folds,
        "seed": settings.seed,
    }

"""What scores were worth: metrics with intervals, alerts, charts beside them, subgroups, causes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from pulsefront.errors import DataError
from pulsefront.evaluate.classification import (
    brier,
    expected_calibration_error,
    pr_auc,
    pr_auc_statistic,
    precision_recall,
    reliability,
    roc_auc,
)
from pulsefront.evaluate.intervals import bootstrap, mean_statistic
from pulsefront.qc.features.samples import Fleet
from pulsefront.qc.models.alarm_rates import AlertTable, Judged, threshold_at_rate
from pulsefront.qc.models.folds import BacktestSettings, Scores
from pulsefront.qc.models.training import RULES
from pulsefront.qc.times import DAY_S

__all__ = ["abstention", "against_rules", "by_cause", "judge_model", "operating_point", "subgroups"]

Bools = npt.NDArray[np.bool_]

_CALIBRATION_BINS = 15


def judge_model(
    fleet: Fleet,
    scores: Scores,
    table: AlertTable,
    name: str,
    rows: Bools,
    settings: BacktestSettings,
) -> dict[str, Any]:
    samples = fleet.samples
    label, unit = (samples.label[rows] == 1).astype(int), samples.unit[rows]
    probability = scores.probability[name][rows]
    statistic = pr_auc_statistic(probability, label)
    points = reliability(probability, label, bins=_CALIBRATION_BINS)
    precision, recall, _ = precision_recall(probability, label)
    # Half of the curve lies within the first few hundred of many thousand thresholds.
    some = np.unique(np.geomspace(1, len(recall), 300).astype(int)) - 1
    return {
        "average_precision": _interval(statistic, len(label), unit, settings),
        "roc_auc": roc_auc(probability, label),
        "brier": brier(probability, label),
        "calibration_error": expected_calibration_error(probability, label, bins=_CALIBRATION_BINS),
        "expected_failure_rows": float(probability.sum()),
        "observed_failure_rows": int((label == 1).sum()),
        "reliability": {
            "mean_probability": [point.predicted for point in points],
            "observed_share": [point.observed.value for point in points],
            "observed_low": [point.observed.low for point in points],
            "observed_high": [point.observed.high for point in points],
            "rows": [point.cases for point in points],
        },
        "precision_recall": {
            "recall": recall[some].tolist(),
            "precision": precision[some].tolist(),
        },
        "at_false_alerts_per_unit_year": {
            f"{rate:g}": operating_point(threshold_at_rate(table, rate), settings)
            for rate in settings.false_alert_rates
        },
    }


def _interval(statistic: Any, size: int, unit: Any, settings: BacktestSettings) -> dict[str, Any]:
    value = statistic(np.ones(size))
    try:
        found = bootstrap(
            statistic, size, groups=unit,
            replicates=settings.bootstrap_replicates, seed=settings.seed,
        )  # fmt: skip
    except DataError:
        return {"value": float(value), "low": None, "high": None}
    return {"value": found.value, "low": found.low, "high": found.high}


def operating_point(judged: Judged, settings: BacktestSettings) -> dict[str, Any]:
    found = judged.failure_found.astype(float)
    recall: dict[str, Any] = {"value": None, "low": None, "high": None}
    if len(found):
        recall = _interval(mean_statistic(found), len(found), judged.failure_unit, settings)
    lead = judged.failure_lead_days[judged.failure_found]
    return {
        "threshold_probability": judged.threshold if np.isfinite(judged.threshold) else None,
        "false_alerts_per_unit_year": judged.false_per_unit_year,
        "failures": len(found),
        "failures_found": int(found.sum()),
        "recall": recall,
        "median_lead_days": float(np.median(lead)) if len(lead) else None,
        "lead_days": np.round(lead, 2).tolist(),
        "alerts": len(judged.alert_s),
        "unit_years": judged.unit_years,
    }


def against_rules(
    judged: Mapping[str, Judged], chosen: str, settings: BacktestSettings
) -> dict[str, Any]:
    """Return the gain in recall over each control chart at the same rate of false alerts."""
    result = {}
    for rule in RULES:
        if rule in judged and rule != chosen:
            gain = judged[chosen].failure_found.astype(float) - judged[rule].failure_found
            result[rule] = _interval(
                mean_statistic(gain), len(gain), judged[chosen].failure_unit, settings
            )
    return result


def abstention(scores: Scores, rows: Bools) -> dict[str, Any]:
    reasons = scores.no_decision[rows]
    words = [str(r).split(":")[0].rstrip("0123456789 ") for r in reasons]
    kinds = pd.Series([w for w in words if w]).value_counts()
    return {
        "share": float((reasons != "").mean()),
        "by_reason": {str(k): int(v) for k, v in kinds.head(10).items()},
    }


def subgroups(
    fleet: Fleet, scores: Scores, chosen: str, rows: Bools, judged: Judged
) -> list[dict[str, Any]]:
    samples = fleet.samples
    by_unit: dict[str, Sequence[str]] = {"site": fleet.sites, "model": fleet.models}
    result = []
    for what, names in by_unit.items():
        column = np.array(names, dtype=object)
        for name in sorted(set(names)):
            mine = rows & (column[samples.unit] == name)
            failures = column[judged.failure_unit] == name
            false = column[judged.false_unit] == name if len(judged.false_unit) else np.zeros(0)
            label, p = samples.label[mine], scores.probability[chosen][mine]
            share = sum(n == name for n in names) / len(names)
            result.append(
                {
                    "group": what,
                    "name": name,
                    "units": sum(n == name for n in names),
                    "rows": int(mine.sum()),
                    "base_rate": float((label == 1).mean()) if len(label) else None,
                    "average_precision": pr_auc(p, label == 1) if (label == 1).any() else None,
                    "failures": int(failures.sum()),
                    "failures_found": int(judged.failure_found[failures].sum()),
                    "false_alerts_per_unit_year": float(false.sum()) / (judged.unit_years * share),
                }
            )
    return result


def by_cause(fleet: Fleet, judged: Judged, truth: pd.DataFrame) -> dict[str, Any]:
    """Return recall by true cause."""
    causes: dict[str, dict[str, int]] = {}
    actual = truth[~truth["prevented"].astype(bool)]
    index = {pair: k for k, pair in enumerate(fleet.components)}
    units = {name: k for k, name in enumerate(fleet.units)}
    for row in actual.to_dict("records"):
        component = index.get((units.get(str(row["unit_id"]), -1), str(row["component_id"])))
        hit = np.flatnonzero(
            (judged.failure_component == component)
            & (np.abs(judged.failure_s - row["failed_at"]) <= DAY_S)
        )
        if not len(hit):
            continue
        entry = causes.setdefault(str(row["cause"]), {"failures": 0, "found": 0})
        entry["failures"] += 1
        entry["found"] += int(judged.failure_found[hit[0]])
    return {"by_cause": dict(sorted(causes.items()))}

"""What scores were worth: metrics with intervals, alerts, charts beside them, subgroups, causes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

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
from pulsefront.evaluate.intervals import Statistic, bootstrap, mean_statistic
from pulsefront.qc.backtest.results import (
    Abstention,
    CauseFigures,
    Curve,
    ModelFigures,
    OperatingPoint,
    Range,
    ReliabilityPoints,
    SimulationTruth,
    SubgroupFigures,
)
from pulsefront.qc.features.samples import Fleet
from pulsefront.qc.models.choice.alarm_rates import AlertTable, Judged, threshold_at_rate
from pulsefront.qc.models.choice.folds import Scores
from pulsefront.qc.models.choice.protocol import BacktestSettings
from pulsefront.qc.models.learners.training import RULES
from pulsefront.qc.times import DAY_S

__all__ = [
    "CALIBRATION_BINS",
    "abstention",
    "against_rules",
    "by_cause",
    "curve_of",
    "judge_model",
    "operating_point",
    "reliability_points",
    "subgroups",
]

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]

CALIBRATION_BINS = 15
_NO_CURVE = Curve(recall=(), precision=())
_UNKNOWN = Range(value=None, low=None, high=None)


def judge_model(
    fleet: Fleet,
    scores: Scores,
    table: AlertTable,
    name: str,
    rows: Bools,
    settings: BacktestSettings,
) -> ModelFigures:
    """Return how well a candidate ranks, means what it says, and alerts."""
    samples = fleet.samples
    label, unit = (samples.label[rows] == 1).astype(int), samples.unit[rows]
    probability = scores.probability[name][rows]
    precise, area, curve = _UNKNOWN, None, _NO_CURVE
    if 0 < label.sum() < len(label):
        statistic = pr_auc_statistic(probability, label)
        precise = _range(statistic, len(label), unit, settings)
        area, curve = roc_auc(probability, label), curve_of(probability, label)
    return ModelFigures(
        average_precision=precise,
        roc_auc=area,
        brier=brier(probability, label),
        calibration_error=expected_calibration_error(probability, label, bins=CALIBRATION_BINS),
        expected_failure_rows=float(probability.sum()),
        observed_failure_rows=int((label == 1).sum()),
        reliability=reliability_points(probability, label, unit, settings.confidence),
        precision_recall=curve,
        at_false_alerts_per_unit_year={
            f"{rate:g}": operating_point(threshold_at_rate(table, rate), settings)
            for rate in settings.false_alert_rates
        },
    )


def reliability_points(
    probability: Floats,
    label: npt.NDArray[np.integer],
    unit: npt.NDArray[np.integer],
    confidence: float,
) -> ReliabilityPoints:
    """Return the points of the reliability curve, in bins of equal counts.

    Rows before one failure fail together: intervals are those of scanners, not of rows.
    """
    points = reliability(
        probability, label, bins=CALIBRATION_BINS, confidence=confidence, groups=unit
    )
    return ReliabilityPoints(
        mean_probability=tuple(point.predicted for point in points),
        observed_share=tuple(point.observed.value for point in points),
        observed_low=tuple(point.observed.low for point in points),
        observed_high=tuple(point.observed.high for point in points),
        rows=tuple(point.cases for point in points),
    )


def curve_of(probability: Floats, label: npt.NDArray[np.integer]) -> Curve:
    """Return precision against recall at some hundred of the thresholds.

    Half of the curve lies within the first few hundred of many thousand thresholds.
    """
    precision, recall, _ = precision_recall(probability, label)
    some = np.unique(np.geomspace(1, len(recall), 300).astype(int)) - 1
    return Curve(recall=tuple(recall[some].tolist()), precision=tuple(precision[some].tolist()))


def _range(
    statistic: Statistic, size: int, unit: npt.NDArray[np.integer], settings: BacktestSettings
) -> Range:
    if not size:
        return _UNKNOWN
    try:
        found = bootstrap(
            statistic, size, groups=unit, replicates=settings.bootstrap_replicates,
            confidence=settings.confidence, seed=settings.seed, method="expanded",
        )  # fmt: skip
    except DataError:  # too few units to resample
        return Range(value=float(statistic(np.ones(size))), low=None, high=None)
    return Range(value=found.value, low=found.low, high=found.high)


def operating_point(judged: Judged, settings: BacktestSettings) -> OperatingPoint:
    """Return what the alerts at a threshold were worth."""
    found = judged.failure_found.astype(float)
    recall = _range(mean_statistic(found), len(found), judged.failure_unit, settings)
    lead = judged.failure_lead_days[judged.failure_found]
    return OperatingPoint(
        threshold_probability=judged.threshold if np.isfinite(judged.threshold) else None,
        false_alerts_per_unit_year=judged.false_per_unit_year,
        failures=len(found),
        failures_found=int(found.sum()),
        recall=recall,
        median_lead_days=float(np.median(lead)) if len(lead) else None,
        lead_days=tuple(np.round(lead, 2).tolist()),
        alerts=len(judged.alert_s),
        unit_years=judged.unit_years,
    )


def against_rules(
    judged: Mapping[str, Judged], chosen: str, settings: BacktestSettings
) -> dict[str, Range]:
    """Return the gain in recall over each control chart at the same rate of false alerts."""
    result = {}
    for rule in RULES:
        if rule in judged and rule != chosen:
            gain = judged[chosen].failure_found.astype(float) - judged[rule].failure_found
            result[rule] = _range(
                mean_statistic(gain), len(gain), judged[chosen].failure_unit, settings
            )
    return result


def abstention(scores: Scores, rows: Bools) -> Abstention:
    """Return the share of rows without a decision, and the most frequent reasons."""
    reasons = scores.no_decision[rows]
    words = [str(r).split(":")[0].rstrip("0123456789 ") for r in reasons]
    kinds = pd.Series([w for w in words if w]).value_counts()
    return Abstention(
        share=float((reasons != "").mean()),
        by_reason={str(k): int(v) for k, v in kinds.head(10).items()},
    )


def subgroups(
    fleet: Fleet, scores: Scores, chosen: str, rows: Bools, judged: Judged
) -> tuple[SubgroupFigures, ...]:
    """Return the figures of the units of each site and each model."""
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
            units = sum(n == name for n in names)
            result.append(
                SubgroupFigures(
                    group=what,
                    name=name,
                    units=units,
                    rows=int(mine.sum()),
                    base_rate=float((label == 1).mean()) if len(label) else None,
                    average_precision=pr_auc(p, label == 1) if (label == 1).any() else None,
                    failures=int(failures.sum()),
                    failures_found=int(judged.failure_found[failures].sum()),
                    false_alerts_per_unit_year=float(
                        false.sum() / (judged.unit_years * (units / len(names)))
                    ),
                )
            )
    return tuple(result)


def by_cause(fleet: Fleet, judged: Judged, truth: pd.DataFrame) -> SimulationTruth:
    """Return the failures and those found by true cause."""
    failures, found = Counter[str](), Counter[str]()
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
        failures[str(row["cause"])] += 1
        found[str(row["cause"])] += int(judged.failure_found[hit[0]])
    return SimulationTruth(
        by_cause={
            cause: CauseFigures(failures=count, found=found[cause])
            for cause, count in sorted(failures.items())
        }
    )

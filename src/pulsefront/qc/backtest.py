"""Proof on a site's own history: unseen units, at later times, beside control charts and age.

Time is cut in three. Models are trained on the first part, calibrated on the second, judged on
the third; between the parts lies an embargo as long as the horizon and the longest delay of a
label, so that no label of one part reaches into the next. Units are cut in folds: a model is
judged on units it has never seen. Which model ships is decided on unseen units in the *second*
part, so that the third part is used for one thing only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from pulsefront.config import FrozenModel
from pulsefront.errors import DataError, QCDataError
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
from pulsefront.progress import Report, silent
from pulsefront.qc.alarm_rates import AlertTable, Judged, judge, threshold_at_rate
from pulsefront.qc.decide import fit_guard, no_decision_reasons
from pulsefront.qc.samples import Fleet, Samples, split_time
from pulsefront.qc.times import DAY_S, iso_date
from pulsefront.qc.training import (
    CANDIDATES,
    RULES,
    calibrate,
    redundant_features,
    train,
    usable_columns,
)

__all__ = ["BacktestSettings", "Scores", "alert_table", "backtest", "choose", "score_folds"]

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]

_CALIBRATION_BINS = 15
_THIN_DAYS = 7  # neighbouring days tell nearly the same: metrics by row use one in seven


class BacktestSettings(FrozenModel):
    """The protocol. Shares are of the time from the first to the last record."""

    folds: int = 5
    train_until: float = 0.45
    calibrate_until: float = 0.62
    candidates: tuple[str, ...] = CANDIDATES
    false_alert_rates: tuple[float, ...] = (1.0, 2.0, 6.0)
    null_repeats: int = 20
    bootstrap_replicates: int = 300
    seed: int = 0


@dataclass
class Scores:
    """What each candidate says of held-out units, over all folds.

    ``probability`` and ``log_odds`` have a (row,) array per candidate for the fleet's samples, NaN
    where a row was not scored; ``no_decision`` is true where the guard refused.
    """

    log_odds: dict[str, Floats]
    probability: dict[str, Floats]
    no_decision: npt.NDArray[np.object_]
    selection: Bools
    test: Bools
    dropped: list[tuple[str, str, float]]
    kept: tuple[str, ...]
    correlation: Floats
    train_failures: int
    calibration_failures: int


def backtest(
    fleet: Fleet,
    settings: BacktestSettings | None = None,
    *,
    truth: pd.DataFrame | None = None,
    report: Report = silent,
) -> dict[str, Any]:
    """Return the whole protocol as plain JSON values.

    Parameters
    ----------
    truth
        Failures with cause, onset and the day they reach their limit, where a simulation knows.

    Raises
    ------
    QCDataError
        The history is too short, or holds too few failures.
    """
    from pulsefront.qc.drift import drift_watch
    from pulsefront.qc.nulls import sham_nulls

    settings = settings or BacktestSettings()
    steps = settings.folds + len(settings.candidates) + 2
    scores = score_folds(fleet, settings, report=lambda done, _: report(done, steps))
    samples = fleet.samples
    chosen, comparison = choose(fleet, scores, settings)
    thin = scores.test & (samples.label >= 0) & _thinned(samples.as_of_s)
    decided = thin & (scores.no_decision == "")
    if not (samples.label[decided] == 1).any():
        raise QCDataError(
            "no failure lies in the last part of the history", remedy="give a longer history"
        )
    models: dict[str, Any] = {}
    tables = {name: alert_table(fleet, scores, name) for name in settings.candidates}
    for k, name in enumerate(settings.candidates):
        models[name] = _judge_model(fleet, scores, tables[name], name, decided, settings)
        report(settings.folds + k + 1, steps)
    at_one = {
        n: threshold_at_rate(tables[n], settings.false_alert_rates[0]) for n in settings.candidates
    }
    result = {
        "protocol": _protocol(fleet, scores, settings),
        "chosen_model": chosen,
        "choice": comparison,
        "rows": int(decided.sum()),
        "base_rate": float((samples.label[decided] == 1).mean()),
        "abstention_rate": _abstention(scores, thin),
        "models": models,
        "beats_rules": _against_rules(at_one, chosen, settings),
        "transferred_threshold": _transferred(fleet, scores, chosen, settings),
        "subgroups": _subgroups(fleet, scores, chosen, decided, at_one[chosen]),
        "redundant_features": [
            {"left_out": a, "kept": b, "correlation": round(c, 4)} for a, b, c in scores.dropped
        ],
        "features_kept": list(scores.kept),
        "correlation": np.round(scores.correlation, 3).tolist(),
        "nulls": sham_nulls(fleet, settings, scores),
        "slow_drift": drift_watch(fleet, scores.test, truth),
        "limits": _limits_in_words(fleet),
    }
    if truth is not None:
        result["simulation_truth"] = _by_cause(fleet, at_one[chosen], truth)
    report(steps, steps)
    return result


def _thinned(as_of_s: npt.NDArray[np.int64]) -> Bools:
    return np.asarray((as_of_s // DAY_S) % _THIN_DAYS == 0)


def score_folds(
    fleet: Fleet, settings: BacktestSettings, *, need_test: bool = True, report: Report = silent
) -> Scores:
    """Return every candidate's scores of units it was not trained on."""
    samples = fleet.samples
    embargo_s = fleet.embargo_days * DAY_S
    first_cut = split_time(fleet, settings.train_until)
    second_cut = split_time(fleet, settings.calibrate_until)
    early = samples.as_of_s <= first_cut - embargo_s
    middle = (samples.as_of_s >= first_cut) & (samples.as_of_s <= second_cut - embargo_s)
    late = samples.as_of_s >= second_cut
    labelled = samples.label >= 0
    _check_enough(samples, early, middle, late if need_test else None)
    fold = _unit_folds(fleet, settings)[samples.unit]
    size = len(samples)
    log_odds = {name: np.full(size, np.nan) for name in settings.candidates}
    probability = {name: np.full(size, np.nan) for name in settings.candidates}
    no_decision = np.full(size, "", dtype=object)
    everywhere = samples.values[early & labelled]
    columns, dropped, correlation = redundant_features(everywhere, usable_columns(everywhere))
    names = fleet.schema.names
    for k in range(settings.folds):
        seen = fold != k
        training = np.flatnonzero(seen & early & labelled)
        calibrating = np.flatnonzero(seen & middle & labelled)
        judged = np.flatnonzero(~seen & (middle | late))
        held_out = samples.take(judged)
        guard = fit_guard(samples.take(np.flatnonzero(seen & (early | middle))), fleet.schema)
        values, label = samples.values[training], samples.label[training]
        for name in settings.candidates:
            model = train(
                name, values, label, fleet.schema, columns=columns, seed=settings.seed + k
            )
            some = model.log_odds(samples.values[calibrating])
            sigmoid = calibrate(
                some, samples.label[calibrating], samples.unit[calibrating],
                seed=settings.seed + k, replicates=1,
            )  # fmt: skip
            found = model.log_odds(held_out.values)
            log_odds[name][judged] = found
            probability[name][judged] = sigmoid.probability(found)
        no_decision[judged] = no_decision_reasons(held_out, guard, fleet.schema, columns)
        report(k + 1, settings.folds)
    return Scores(
        log_odds,
        probability,
        no_decision,
        middle,
        late,
        [(names[a], names[b], c) for a, b, c in dropped],
        tuple(names[c] for c in columns),
        correlation,
        _failures_in(fleet, fleet.first_s, first_cut),
        _failures_in(fleet, first_cut, second_cut),
    )


def _check_enough(samples: Samples, early: Bools, middle: Bools, late: Bools | None) -> None:
    for name, part in (("training", early), ("calibration", middle), ("test", late)):
        if part is not None and not (samples.label[part] == 1).any():
            raise QCDataError(
                f"no failure falls into the {name} part of the history",
                remedy="give a longer history, or other shares of time",
            )


def _unit_folds(fleet: Fleet, settings: BacktestSettings) -> npt.NDArray[np.int64]:
    """Return a fold per unit; sites, and units with many and few failures, are spread evenly."""
    if len(fleet.units) < settings.folds:
        raise QCDataError(
            f"{len(fleet.units)} units cannot be cut in {settings.folds} folds",
            field="folds",
            remedy="give fewer folds",
        )
    counts = np.zeros(len(fleet.units))
    for (unit, _), times in zip(fleet.components, fleet.failures_s, strict=True):
        counts[unit] += len(times)
    shuffle = np.random.default_rng(settings.seed).random(len(fleet.units))
    order = sorted(range(len(fleet.units)), key=lambda u: (fleet.sites[u], -counts[u], shuffle[u]))
    fold = np.empty(len(fleet.units), dtype=np.int64)
    fold[order] = np.arange(len(order)) % settings.folds
    return fold


def _failures_in(fleet: Fleet, from_s: int, upto_s: int) -> int:
    return int(sum(((t > from_s) & (t <= upto_s)).sum() for t in fleet.failures_s))


def choose(
    fleet: Fleet, scores: Scores, settings: BacktestSettings
) -> tuple[str, list[dict[str, Any]]]:
    """Return the simplest model that no more complex one beats, and each comparison made.

    Judged on unseen units in the calibration part by the mean log loss, a proper score (Gneiting
    and Raftery 2007) of every component-day, which tells models apart with fewer failures than a
    ranking does. A model beats another when the interval of the difference, bootstrapped by unit,
    lies above zero. The gain in average precision stands beside it.
    """
    samples = fleet.samples
    rows = scores.selection & (samples.label >= 0) & _thinned(samples.as_of_s)
    rows &= scores.no_decision == ""
    label, unit = (samples.label[rows] == 1).astype(int), samples.unit[rows]
    if not label.any():
        return settings.candidates[0], []
    current, made = settings.candidates[0], []
    for name in settings.candidates[1:]:
        pair = (name, current)
        losses = [_log_loss(scores.probability[n][rows], label) for n in pair]
        precise = [pr_auc_statistic(scores.probability[n][rows], label) for n in pair]
        try:
            gain = bootstrap(
                mean_statistic(losses[1] - losses[0]), len(label), groups=unit,
                replicates=settings.bootstrap_replicates, seed=settings.seed,
            )  # fmt: skip
        except DataError:
            break  # too few units to compare anything: the plainest model stays
        better = gain.low > 0
        every = np.ones(len(label))
        made.append(
            {
                "model": name,
                "against": current,
                "gain_log_loss": gain.value,
                "low": gain.low,
                "high": gain.high,
                "gain_average_precision": precise[0](every) - precise[1](every),
                "better": bool(better),
            }
        )
        if better:
            current = name
    return current, made


def _log_loss(probability: Floats, label: npt.NDArray[np.int64]) -> Floats:
    p = np.clip(probability, 1e-9, 1.0 - 1e-9)
    return np.asarray(-np.where(label == 1, np.log(p), np.log1p(-p)))


def alert_table(fleet: Fleet, scores: Scores, name: str, *, selection: bool = False) -> AlertTable:
    """Return a candidate's scores on the test part, or on the part before it, for alerting."""
    samples = fleet.samples
    part = scores.selection if selection else scores.test
    rows = np.flatnonzero(part)
    order = rows[np.lexsort((samples.as_of_s[rows], samples.component[rows]))]
    score = np.where(scores.no_decision[order] == "", scores.probability[name][order], np.nan)
    return AlertTable(
        score,
        samples.component[order],
        np.array([unit for unit, _ in fleet.components]),
        samples.as_of_s[order],
        fleet.failures_s,
        fleet.replaced_s,
        fleet.target,
        int(samples.as_of_s[order].min()),
        int(samples.as_of_s[order].max()),
    )


def _judge_model(
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
            f"{rate:g}": _operating_point(threshold_at_rate(table, rate), settings)
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


def _operating_point(judged: Judged, settings: BacktestSettings) -> dict[str, Any]:
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


def _against_rules(
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


def _transferred(
    fleet: Fleet, scores: Scores, chosen: str, settings: BacktestSettings
) -> dict[str, Any]:
    """Return what the test part shows at thresholds that were set on the part before it.

    That is how it works in use: nobody knows tomorrow's false alerts today.
    """
    before = alert_table(fleet, scores, chosen, selection=True)
    after = alert_table(fleet, scores, chosen)
    return {
        f"{rate:g}": _operating_point(
            judge(after, threshold_at_rate(before, rate).threshold), settings
        )
        for rate in settings.false_alert_rates
    }


def _abstention(scores: Scores, rows: Bools) -> dict[str, Any]:
    reasons = scores.no_decision[rows]
    words = [str(r).split(":")[0].rstrip("0123456789 ") for r in reasons]
    kinds = pd.Series([w for w in words if w]).value_counts()
    return {
        "share": float((reasons != "").mean()),
        "by_reason": {str(k): int(v) for k, v in kinds.head(10).items()},
    }


def _subgroups(
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


def _by_cause(fleet: Fleet, judged: Judged, truth: pd.DataFrame) -> dict[str, Any]:
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


def _protocol(fleet: Fleet, scores: Scores, settings: BacktestSettings) -> dict[str, Any]:
    second = split_time(fleet, settings.calibrate_until)
    return {
        "units": len(fleet.units),
        "components": len(fleet.components),
        "first_day": iso_date(fleet.first_s),
        "last_day": iso_date(fleet.last_s),
        "train_until": iso_date(split_time(fleet, settings.train_until)),
        "calibrate_until": iso_date(second),
        "embargo_days": fleet.embargo_days,
        "lead_days": fleet.target.lead_days,
        "horizon_days": fleet.target.horizon_days,
        "folds": settings.folds,
        "seed": settings.seed,
        "failures": _failures_in(fleet, fleet.first_s, fleet.last_s),
        "failures_in_training_part": scores.train_failures,
        "failures_in_calibration_part": scores.calibration_failures,
        "failures_in_test_part": _failures_in(fleet, second, fleet.last_s),
        "candidates": list(settings.candidates),
    }


def _limits_in_words(fleet: Fleet) -> list[str]:
    public = (
        "No public longitudinal set of PET or SPECT quality control with failure labels exists; "
        "only a back-test on a site's own history shows what the model is worth there."
    )
    labels = (
        "Failures are what the service log calls corrective; a fault that nobody logged is "
        f"counted as none. The longest delay of a log entry was {fleet.label_delay_days:.1f} days."
    )
    thresholds = (
        "Choosing a threshold at a rate of false alerts uses the test part itself; the transferred "
        "threshold shows what happens when it is set beforehand."
    )
    sudden = "Failures without a forerunner in daily QC cannot be foreseen by any model."
    return [public, labels, sudden, thresholds]

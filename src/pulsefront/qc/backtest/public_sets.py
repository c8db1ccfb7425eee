"""The method on two public sets of machine failures, to compare it with published figures.

What is tried is written down in `CANDIDATES` before anything is fitted, and chosen without the rows
that are judged: on C-MAPSS by cross validation over the training engines, so that the published
test engines are used once; on AI4I, which has no test set, by an inner cross validation within the
training part of every fold.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
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
from pulsefront.evaluate.intervals import bootstrap
from pulsefront.progress import Report, silent
from pulsefront.qc.backtest.public_data import find_set, read_ai4i, read_cmapss, trailing_features
from pulsefront.qc.models.estimators import expit
from pulsefront.qc.models.training import fit_trees

__all__ = ["CANDIDATES", "LIFE_CANDIDATES", "PUBLIC_SETS", "ai4i", "cmapss", "public_backtest"]

Floats = npt.NDArray[np.float64]
Outcomes = npt.NDArray[np.int64]
Fit = Callable[[Floats, Outcomes, Floats, int], Floats]

_HORIZON_CYCLES = 30
_CAPPED_CYCLES = 125
_CUTS_PER_ENGINE = 5
_FOLDS = 5
_FAILURE_ROUNDS, _LIFE_ROUNDS = 150, 250  # of boosting
_BINS = 15
_REPLICATES = 300


def _logistic(strength: float) -> Fit:
    def fit(x: Floats, outcome: Outcomes, x_test: Floats, seed: int) -> Floats:  # noqa: ARG001
        from sklearn.linear_model import LogisticRegression

        mean, deviation = x.mean(axis=0), x.std(axis=0)
        model = LogisticRegression(C=strength, max_iter=3000)
        model.fit((x - mean) / deviation, outcome)
        return np.asarray(model.predict_proba((x_test - mean) / deviation)[:, 1])

    return fit


def _boosting(x: Floats, outcome: Outcomes, x_test: Floats, seed: int) -> Floats:
    columns = np.arange(x.shape[1])
    settings = {
        "max_iter": _FAILURE_ROUNDS, "learning_rate": 0.05, "max_leaf_nodes": 8,
        "min_samples_leaf": 10, "l2_regularization": 1.0,
    }  # fmt: skip
    trees = fit_trees(x.astype(np.float32), outcome, columns, seed=seed, **settings)
    return expit(trees.log_odds(x_test.astype(np.float32)))


def _forest(x: Floats, outcome: Outcomes, x_test: Floats, seed: int) -> Floats:
    from sklearn.ensemble import RandomForestClassifier

    model = RandomForestClassifier(200, min_samples_leaf=2, max_features=0.5, random_state=seed)
    return np.asarray(model.fit(x, outcome).predict_proba(x_test)[:, 1])


def _both(x: Floats, outcome: Outcomes, x_test: Floats, seed: int) -> Floats:
    return (_boosting(x, outcome, x_test, seed) + _forest(x, outcome, x_test, seed)) / 2


CANDIDATES: Mapping[str, Mapping[str, Fit]] = {
    "cmapss_fd001": {
        "hazard, C 0.01": _logistic(0.01),
        "hazard, C 0.1": _logistic(0.1),
        "hazard, C 1": _logistic(1.0),
        "boosting": _boosting,
    },
    "ai4i2020": {
        "hazard": _logistic(0.1),
        "boosting": _boosting,
        "forest": _forest,
        "boosting and forest": _both,
    },
}
"""By set, what is tried for the probability of failure; the simplest first."""

LIFE_CANDIDATES: Mapping[str, Mapping[str, Any]] = {
    "8 leaves, half of the features": {"max_leaf_nodes": 8, "max_features": 0.5},
    "16 leaves, half of the features": {"max_leaf_nodes": 16, "max_features": 0.5},
    "16 leaves, all features": {"max_leaf_nodes": 16, "max_features": 1.0},
    "31 leaves, half of the features": {"max_leaf_nodes": 31, "max_features": 0.5},
}
"""What is tried for the remaining life: boosted regressions."""


def cmapss(folder: Path, *, seed: int = 0, report: Report = silent) -> dict[str, Any]:
    """Return the figures on engines that were never trained on: the published test set.

    ``failure`` is about failing within 30 cycles, ``remaining_life_rmse_cycles`` about the life
    left at the last cycle of each test engine, both capped at 125 as published figures are.
    """
    train, test, life = read_cmapss(folder)
    last = pd.Series(train[:, 1]).groupby(train[:, 0]).transform("max").to_numpy()
    left = last - train[:, 1]
    final = pd.Series(test[:, 1]).groupby(test[:, 0]).transform("max").to_numpy()
    left_test = final - test[:, 1] + life[test[:, 0].astype(int) - 1]
    x, x_test = trailing_features(train), trailing_features(test)
    varies = x.std(axis=0) > 1e-6
    x, x_test = x[:, varies], x_test[:, varies]
    outcome = (left < _HORIZON_CYCLES).astype(np.int64)
    truth = (left_test < _HORIZON_CYCLES).astype(np.int64)
    engine = train[:, 0].astype(np.int64)
    steps = len(CANDIDATES["cmapss_fd001"]) + len(LIFE_CANDIDATES) + 2
    seen = _as_published_test(engine, seed)
    choice = {}
    for done, (name, fit) in enumerate(CANDIDATES["cmapss_fd001"].items(), start=1):
        held = _out_of_fold(fit, x, outcome, engine % _FOLDS, seed)
        choice[name] = pr_auc(held[seen], outcome[seen])
        report(done, steps)
    chosen = max(choice, key=lambda name: choice[name])
    probability = CANDIDATES["cmapss_fd001"][chosen](x, outcome, x_test, seed)
    report(len(choice) + 1, steps)
    capped = np.minimum(left, _CAPPED_CYCLES)
    life_choice = {}
    at_end = _last_of_some(engine, seed)
    for done, (name, settings) in enumerate(LIFE_CANDIDATES.items(), start=len(choice) + 2):
        life_choice[name] = _life_error(x, capped, engine % _FOLDS, at_end, settings, seed)
        report(done, steps)
    chosen_life = min(life_choice, key=lambda name: life_choice[name])
    ends = np.append(np.flatnonzero(np.diff(test[:, 0])), len(test) - 1)
    predicted = _remaining_life(x, capped, x_test[ends], LIFE_CANDIDATES[chosen_life], seed)
    known = np.minimum(life, _CAPPED_CYCLES)
    report(steps, steps)
    return {
        "set": "cmapss_fd001",
        "what": "fails within 30 cycles, on engines never trained on",
        "rows_test": len(test),
        "groups_test": len(life),
        "base_rate": float(truth.mean()),
        "chosen": chosen,
        "chosen_by": "area under the PR curve over 5 folds of the training engines, "
        "each cut off where test engines are",
        "choice": choice,
        "failure": _figures(probability, truth, test[:, 0].astype(np.int64), seed),
        "remaining_life": {
            "chosen": chosen_life,
            "chosen_by": "root mean square error over 5 folds of the training engines, "
            "each at 5 random cycles",
            "choice": life_choice,
            "rmse_cycles": float(np.sqrt(np.mean((predicted - known) ** 2))),
            "predicted_cycles": np.round(predicted, 2).tolist(),
            "true_cycles": known.tolist(),
        },
        "published": {
            "pr_auc": {"logistic": 0.964, "network of 8 nodes": 0.966},
            "rmse_cycles": {"gradient boosting": 10.99, "LSTM": 14.93, "CNN": 16.97},
        },
    }


def _as_published_test(engine: Outcomes, seed: int) -> npt.NDArray[np.bool_]:
    """Return the rows that stay when every engine is cut off at a random cycle."""
    random = np.random.default_rng(seed)
    keep = np.zeros(len(engine), dtype=np.bool_)
    for number in np.unique(engine):
        rows = np.flatnonzero(engine == number)
        keep[rows[: random.integers(min(30, len(rows)), len(rows) + 1)]] = True
    return keep


def _last_of_some(engine: Outcomes, seed: int) -> Outcomes:
    random = np.random.default_rng(seed)
    parts = [
        random.choice(np.flatnonzero(engine == number)[29:], _CUTS_PER_ENGINE, replace=False)
        for number in np.unique(engine)
    ]
    return np.sort(np.concatenate(parts))


def _out_of_fold(fit: Fit, x: Floats, outcome: Outcomes, fold: Outcomes, seed: int) -> Floats:
    found = np.zeros(len(x))
    for k in range(_FOLDS):
        mine = fold == k
        found[mine] = fit(x[~mine], outcome[~mine], x[mine], seed)
    return found


def _life_error(
    x: Floats, left: Floats, fold: Outcomes, rows: Outcomes, settings: Mapping[str, Any], seed: int
) -> float:
    errors = []
    for k in range(_FOLDS):
        mine = rows[fold[rows] == k]
        found = _remaining_life(x[fold != k], left[fold != k], x[mine], settings, seed, runs=1)
        errors.append((found - left[mine]) ** 2)
    return float(np.sqrt(np.mean(np.concatenate(errors))))


def _remaining_life(
    x: Floats,
    left: Floats,
    x_test: Floats,
    settings: Mapping[str, Any],
    seed: int,
    *,
    runs: int = 5,
) -> Floats:
    """Return the mean of some boosted regressions that differ in their seed."""
    from sklearn.ensemble import HistGradientBoostingRegressor

    found = []
    for k in range(runs):
        model = HistGradientBoostingRegressor(
            max_iter=_LIFE_ROUNDS, learning_rate=0.05, min_samples_leaf=30, l2_regularization=10.0,
            early_stopping=False, random_state=seed + k, **settings,
        )  # fmt: skip
        found.append(model.fit(x, left).predict(x_test))
    return np.asarray(np.clip(np.mean(found, axis=0), 0.0, _CAPPED_CYCLES))


def ai4i(folder: Path, *, seed: int = 0, report: Report = silent) -> dict[str, Any]:
    """Return the figures of five-fold cross validation, each row judged while held out."""
    from sklearn.model_selection import StratifiedKFold

    x, outcome = read_ai4i(folder / "ai4i2020.csv")
    candidates = CANDIDATES["ai4i2020"]
    found = np.zeros(len(x))
    each = {name: np.zeros(len(x)) for name in candidates}
    chosen: list[str] = []
    inner: list[dict[str, float]] = []
    folds = StratifiedKFold(_FOLDS, shuffle=True, random_state=seed)
    for done, (train, test) in enumerate(folds.split(x, outcome), start=1):
        within = np.zeros(len(train), dtype=np.int64)
        again = StratifiedKFold(_FOLDS, shuffle=True, random_state=seed + done)
        for k, (_, part) in enumerate(again.split(x[train], outcome[train])):
            within[part] = k
        choice = {
            name: pr_auc(_out_of_fold(fit, x[train], outcome[train], within, seed), outcome[train])
            for name, fit in candidates.items()
        }
        inner.append(choice)
        chosen.append(max(choice, key=lambda name: choice[name]))
        for name, fit in candidates.items():
            each[name][test] = fit(x[train], outcome[train], x[test], seed)
        found[test] = each[chosen[-1]][test]
        report(done, _FOLDS)
    rows = np.arange(len(x))
    return {
        "set": "ai4i2020",
        "what": "the machine failed at this reading, five-fold cross validation",
        "rows_test": len(x),
        "groups_test": len(x),
        "base_rate": float(outcome.mean()),
        "chosen": ", ".join(dict.fromkeys(chosen)),
        "chosen_by": "area under the PR curve over 5 inner folds of each training part; "
        f"by fold: {', '.join(chosen)}",
        "choice": {n: float(np.mean([c[n] for c in inner])) for n in candidates},
        "failure": _figures(found, outcome, rows, seed),
        "each_candidate": {n: pr_auc(p, outcome) for n, p in each.items()},
        "published": {"pr_auc": {"random forest": 0.902}},
    }


def _figures(probability: Floats, outcome: Outcomes, group: Outcomes, seed: int) -> dict[str, Any]:
    try:
        interval = bootstrap(
            pr_auc_statistic(probability, outcome), len(outcome), groups=group,
            replicates=_REPLICATES, seed=seed,
        )  # fmt: skip
        low, high = float(interval.low), float(interval.high)
    except DataError:
        low = high = float("nan")
    precision, recall, _ = precision_recall(probability, outcome)
    some = np.unique(np.geomspace(1, len(recall), 300).astype(int)) - 1
    points = reliability(probability, outcome, bins=_BINS)
    return {
        "pr_auc": pr_auc(probability, outcome),
        "pr_auc_low": low,
        "pr_auc_high": high,
        "roc_auc": roc_auc(probability, outcome),
        "brier": brier(probability, outcome),
        "calibration_error": expected_calibration_error(probability, outcome, bins=_BINS),
        "precision_recall": {
            "recall": recall[some].tolist(),
            "precision": precision[some].tolist(),
        },
        "reliability": {
            "mean_probability": [point.predicted for point in points],
            "observed_share": [point.observed.value for point in points],
            "observed_low": [point.observed.low for point in points],
            "observed_high": [point.observed.high for point in points],
        },
    }


PUBLIC_SETS: Mapping[str, Callable[..., dict[str, Any]]] = {
    "cmapss_fd001": cmapss,
    "ai4i2020": ai4i,
}
"""The sets that `public_backtest` knows."""


def public_backtest(
    name: str, folder: Path, *, seed: int = 0, report: Report = silent
) -> dict[str, Any]:
    """Return the method's figures on a public set, read from the files as published.

    Raises
    ------
    QCDataError
        The folder does not hold the set, or its files have another shape.
    """
    return PUBLIC_SETS[name](find_set(name, folder), seed=seed, report=report)

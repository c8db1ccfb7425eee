"""The method on public sets of machine failures, to compare it with published figures.

What is tried is written down in `CANDIDATES` before anything is fitted, and chosen without the rows
that are judged: on C-MAPSS by cross validation over the training engines, so that the published
test engines are used once; on AI4I, which has no test set, by an inner cross validation within the
training part of every fold.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import expit

from pulsefront.errors import DataError
from pulsefront.evaluate.classification import (
    brier,
    expected_calibration_error,
    pr_auc,
    pr_auc_statistic,
    roc_auc,
)
from pulsefront.evaluate.intervals import bootstrap
from pulsefront.progress import Report, silent
from pulsefront.qc.backtest.judgement import CALIBRATION_BINS, curve_of, reliability_points
from pulsefront.qc.backtest.public_data import (
    CMAPSS_SETS,
    conditions_of,
    find_set,
    read_ai4i,
    read_cmapss,
    same_condition,
    trailing_features,
)
from pulsefront.qc.backtest.public_results import PublicFigures, PublicResult
from pulsefront.qc.backtest.remaining_life import LIFE_CANDIDATES, remaining_life
from pulsefront.qc.models.learners.training import fit_trees

__all__ = ["CANDIDATES", "PUBLIC_SETS", "ai4i", "cmapss", "public_backtest"]

Floats = npt.NDArray[np.float64]
Outcomes = npt.NDArray[np.int64]
Fit = Callable[[Floats, Outcomes, Floats, int], Floats]

_HORIZON_CYCLES = 30
_FOLDS = 5
_FAILURE_ROUNDS = 150  # of boosting
_REPLICATES = 300
_CUTS = 20  # of the training engines, to choose by


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
    return np.asarray(expit(trees.log_odds(x_test.astype(np.float32))))


def _forest(x: Floats, outcome: Outcomes, x_test: Floats, seed: int) -> Floats:
    from sklearn.ensemble import RandomForestClassifier

    model = RandomForestClassifier(200, min_samples_leaf=2, max_features=0.5, random_state=seed)
    return np.asarray(model.fit(x, outcome).predict_proba(x_test)[:, 1])


def _both(x: Floats, outcome: Outcomes, x_test: Floats, seed: int) -> Floats:
    return (_boosting(x, outcome, x_test, seed) + _forest(x, outcome, x_test, seed)) / 2


_OF_ENGINES: Mapping[str, Fit] = {
    "hazard, C 0.01": _logistic(0.01),
    "hazard, C 0.1": _logistic(0.1),
    "hazard, C 0.3": _logistic(0.3),
    "hazard, C 1": _logistic(1.0),
    "boosting": _boosting,
}

CANDIDATES: Mapping[str, Mapping[str, Fit]] = {
    **dict.fromkeys(CMAPSS_SETS, _OF_ENGINES),
    "ai4i2020": {
        "hazard": _logistic(0.1),
        "boosting": _boosting,
        "forest": _forest,
        "boosting and forest": _both,
    },
}
"""By set, what is tried for the probability of failure; the simplest first."""


_PUBLISHED: Mapping[str, Mapping[str, Mapping[str, float]]] = {
    "cmapss_fd001": {
        "pr_auc": {"logistic": 0.964, "network of 8 nodes": 0.966},
        "rmse_cycles": {"gradient boosting": 10.99, "LSTM": 14.93, "CNN": 16.97},
    },
    "cmapss_fd002": {
        "pr_auc": {}, "rmse_cycles": {"LSTM (Zheng 2017)": 24.49, "deep CNN (Li 2018)": 22.36},
    },
    "cmapss_fd003": {
        "pr_auc": {}, "rmse_cycles": {"LSTM (Zheng 2017)": 16.18, "deep CNN (Li 2018)": 12.64},
    },
    "cmapss_fd004": {
        "pr_auc": {}, "rmse_cycles": {"LSTM (Zheng 2017)": 28.17, "deep CNN (Li 2018)": 23.31},
    },
}  # fmt: skip


class _Engines(NamedTuple):
    """Rows of the training engines and of the test engines, whose ``life`` goes on after them.

    ``conditions`` is how many operating conditions they were flown under.
    """

    x: Floats
    left: Floats
    engine: Outcomes
    x_test: Floats
    left_test: Floats
    engine_test: Outcomes
    life: Floats
    conditions: int


def _read_engines(folder: Path, part: str) -> _Engines:
    train, test, life = read_cmapss(folder, part)
    last = pd.Series(train[:, 1]).groupby(train[:, 0]).transform("max").to_numpy()
    final = pd.Series(test[:, 1]).groupby(test[:, 0]).transform("max").to_numpy()
    x, x_test = map(trailing_features, same_condition(train, test))
    varies = x.std(axis=0) > 1e-6
    engine_test = test[:, 0].astype(np.int64)
    return _Engines(
        x=x[:, varies],
        left=last - train[:, 1],
        engine=train[:, 0].astype(np.int64),
        x_test=x_test[:, varies],
        left_test=final - test[:, 1] + life[engine_test - 1],
        engine_test=engine_test,
        life=life,
        conditions=len(conditions_of(train)),
    )


def cmapss(
    folder: Path,
    *,
    name: str = "cmapss_fd001",
    seed: int = 0,
    confidence: float = 0.95,
    report: Report = silent,
) -> PublicResult:
    """Return the figures on engines that were never trained on: the published test set.

    ``failure`` is about failing within 30 cycles, ``remaining_life`` about the life left at the
    last cycle of each test engine, both capped at 125 as published figures are. *name* is that of
    one of the four sets.
    """
    rows = _read_engines(folder, CMAPSS_SETS[name])
    outcome = (rows.left < _HORIZON_CYCLES).astype(np.int64)
    outcome_test = (rows.left_test < _HORIZON_CYCLES).astype(np.int64)
    candidates = CANDIDATES[name]
    done = _Steps(report, len(candidates) + len(LIFE_CANDIDATES) + 2)
    random = np.random.default_rng(seed)
    cuts = [_as_published_test(rows.engine, random) for _ in range(_CUTS)]
    choice = {}
    for candidate, fit in candidates.items():
        held = _out_of_fold(fit, rows.x, outcome, rows.engine % _FOLDS, seed)
        choice[candidate] = float(np.mean([pr_auc(held[s], outcome[s]) for s in cuts]))
        done()
    chosen = max(choice, key=lambda candidate: choice[candidate])
    probability = candidates[chosen](rows.x, outcome, rows.x_test, seed)
    done()
    ends = np.append(np.flatnonzero(np.diff(rows.engine_test)), len(rows.engine_test) - 1)
    lives = remaining_life(
        rows.x, rows.left, rows.engine, rows.x_test[ends], rows.life,
        folds=_FOLDS, seed=seed, done=done,
    )  # fmt: skip
    done()
    return PublicResult(
        set=name,
        what="fails within 30 cycles, on engines never trained on",
        rows_test=len(outcome_test),
        groups_test=len(rows.life),
        base_rate=float(outcome_test.mean()),
        chosen=chosen,
        chosen_by="area under the PR curve over 5 folds of the training engines, "
        f"each cut off where test engines are, mean of {_CUTS} such cuts",
        choice=choice,
        failure=_figures(probability, outcome_test, rows.engine_test, seed, confidence),
        remaining_life=lives,
        published=_PUBLISHED[name],
        confidence=confidence,
        operating_conditions=rows.conditions,
    )


class _Steps:
    """Counts the steps that are done."""

    def __init__(self, report: Report, steps: int) -> None:
        self.report, self.steps, self.done = report, steps, 0

    def __call__(self) -> None:
        self.done += 1
        self.report(self.done, self.steps)


def _as_published_test(engine: Outcomes, random: np.random.Generator) -> npt.NDArray[np.bool_]:
    """Return the rows that stay when every engine is cut off at a random cycle."""
    keep = np.zeros(len(engine), dtype=np.bool_)
    for number in np.unique(engine):
        rows = np.flatnonzero(engine == number)
        keep[rows[: random.integers(min(30, len(rows)), len(rows) + 1)]] = True
    return keep


def _out_of_fold(fit: Fit, x: Floats, outcome: Outcomes, fold: Outcomes, seed: int) -> Floats:
    found = np.zeros(len(x))
    for k in range(_FOLDS):
        mine = fold == k
        found[mine] = fit(x[~mine], outcome[~mine], x[mine], seed)
    return found


def ai4i(
    folder: Path, *, seed: int = 0, confidence: float = 0.95, report: Report = silent
) -> PublicResult:
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
    return PublicResult(
        set="ai4i2020",
        what="the machine failed at this reading, five-fold cross validation",
        rows_test=len(x),
        groups_test=len(x),
        base_rate=float(outcome.mean()),
        chosen=", ".join(dict.fromkeys(chosen)),
        chosen_by="area under the PR curve over 5 inner folds of each training part; "
        f"by fold: {', '.join(chosen)}",
        choice={n: float(np.mean([c[n] for c in inner])) for n in candidates},
        failure=_figures(found, outcome, np.arange(len(x)), seed, confidence),
        each_candidate={n: pr_auc(p, outcome) for n, p in each.items()},
        published={"pr_auc": {"random forest": 0.902}},
        confidence=confidence,
    )


def _figures(
    probability: Floats, outcome: Outcomes, group: Outcomes, seed: int, confidence: float
) -> PublicFigures:
    low: float | None = None
    high: float | None = None
    with suppress(DataError):  # too few groups to resample
        interval = bootstrap(
            pr_auc_statistic(probability, outcome), len(outcome), groups=group,
            replicates=_REPLICATES, confidence=confidence, seed=seed, method="expanded",
        )  # fmt: skip
        low, high = interval.low, interval.high
    return PublicFigures(
        pr_auc=pr_auc(probability, outcome),
        pr_auc_low=low,
        pr_auc_high=high,
        roc_auc=roc_auc(probability, outcome),
        brier=brier(probability, outcome),
        calibration_error=expected_calibration_error(probability, outcome, bins=CALIBRATION_BINS),
        precision_recall=curve_of(probability, outcome),
        reliability=reliability_points(probability, outcome, group, confidence),
    )


PUBLIC_SETS: Mapping[str, Callable[..., PublicResult]] = {
    **{name: partial(cmapss, name=name) for name in CMAPSS_SETS},
    "ai4i2020": ai4i,
}
"""The sets that `public_backtest` knows."""


def public_backtest(
    name: str,
    folder: Path,
    *,
    seed: int = 0,
    confidence: float = 0.95,
    report: Report = silent,
) -> PublicResult:
    """Return the method's figures on a public set, read from the files as published.

    Raises
    ------
    QCDataError
        The folder does not hold the set, or its files have another shape.
    """
    return PUBLIC_SETS[name](
        find_set(name, folder), seed=seed, confidence=confidence, report=report
    )

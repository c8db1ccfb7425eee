"""Two public sets of machine failures, to compare the method with published figures.

Neither is of scanners: no public longitudinal set of scanner quality control with failure labels
exists. C-MAPSS FD001 (Saxena and Goebel 2008) has engines that run to failure, AI4I 2020 (Matzka
2020) single readings with no time at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from pulsefront.errors import QCDataError
from pulsefront.evaluate.classification import (
    brier,
    expected_calibration_error,
    pr_auc,
    roc_auc,
)
from pulsefront.qc.estimators import expit
from pulsefront.qc.training import fit_trees

__all__ = ["ai4i", "cmapss", "read_ai4i", "read_cmapss"]

Floats = npt.NDArray[np.float64]
Outcomes = npt.NDArray[np.int64]

_HORIZON_CYCLES = 30
_CAPPED_CYCLES = 125
_FOLDS = 5
_BINS = 15


def read_cmapss(folder: Path) -> tuple[Floats, Floats, Floats]:
    """Return (training rows, test rows, remaining life of each test engine).

    A row is unit, cycle, three settings and 21 sensors.

    Raises
    ------
    QCDataError
        A file is missing or has another shape.
    """
    found = []
    for name, width in (("train_FD001.txt", 26), ("test_FD001.txt", 26), ("RUL_FD001.txt", 1)):
        try:
            table = np.loadtxt(folder / name, ndmin=2)
        except (OSError, ValueError) as error:
            raise QCDataError(f"cannot be read: {error}", file=folder / name) from None
        if table.shape[1] != width:
            raise QCDataError(f"has {table.shape[1]} columns, not {width}", file=folder / name)
        found.append(table)
    return found[0], found[1], found[2][:, 0]


def _trailing(rows: Floats) -> Floats:
    """Return features of each cycle from what came before it, engine by engine.

    Two exponentially weighted means (memory 10 and 33 cycles, unbiased at the start), their
    differences from the first 20 cycles and from each other, and mean and deviation of the last
    30 cycles.
    """
    parts = []
    for unit in np.unique(rows[:, 0]):
        engine = rows[rows[:, 0] == unit]
        sensors = pd.DataFrame(engine[:, 5:])
        fast = sensors.ewm(alpha=0.10, adjust=True).mean().to_numpy()
        slow = sensors.ewm(alpha=0.03, adjust=True).mean().to_numpy()
        window = sensors.rolling(30, min_periods=1)
        first = sensors.expanding().mean().to_numpy(copy=True)
        first[20:] = first[19]
        parts.append(
            np.hstack(
                [engine[:, 1:2], sensors.to_numpy(), fast, slow, fast - first, fast - slow,
                 window.mean().to_numpy(), window.std(ddof=0).to_numpy()]
            )
        )  # fmt: skip
    return np.vstack(parts)


def cmapss(folder: Path, *, seed: int = 0) -> dict[str, Any]:
    """Return the figures on engines that were never trained on: the published test set.

    ``failure`` is about failing within 30 cycles, ``remaining_life_rmse_cycles`` about the life
    left at the last cycle of each test engine, both capped at 125 as published figures are.
    """
    train, test, life = read_cmapss(folder)
    last = pd.Series(train[:, 1]).groupby(train[:, 0]).transform("max").to_numpy()
    left = last - train[:, 1]
    final = pd.Series(test[:, 1]).groupby(test[:, 0]).transform("max").to_numpy()
    left_test = final - test[:, 1] + life[test[:, 0].astype(int) - 1]
    x, x_test = _trailing(train), _trailing(test)
    varies = x.std(axis=0) > 1e-6
    x, x_test = x[:, varies], x_test[:, varies]
    outcome = (left < _HORIZON_CYCLES).astype(np.int64)
    truth = (left_test < _HORIZON_CYCLES).astype(np.int64)
    at_end = np.append(np.flatnonzero(np.diff(test[:, 0])), len(test) - 1)
    failure = {
        "hazard": _figures(_logistic(x, outcome, x_test), truth),
        "boosting": _figures(_boosting(x, outcome, x_test, seed), truth),
    }
    predicted = _remaining_life(x, np.minimum(left, _CAPPED_CYCLES), x_test[at_end], seed)
    error = predicted - np.minimum(life, _CAPPED_CYCLES)
    return {
        "engines_train": len(np.unique(train[:, 0])),
        "engines_test": len(life),
        "rows_test": len(test),
        "base_rate": float(truth.mean()),
        "failure": failure,
        "remaining_life_rmse_cycles": float(np.sqrt(np.mean(error**2))),
    }


def _figures(probability: Floats, outcome: Outcomes) -> dict[str, float]:
    return {
        "pr_auc": pr_auc(probability, outcome),
        "roc_auc": roc_auc(probability, outcome),
        "brier": brier(probability, outcome),
        "calibration_error": expected_calibration_error(probability, outcome, bins=_BINS),
    }


def _logistic(x: Floats, outcome: Outcomes, x_test: Floats) -> Floats:
    from sklearn.linear_model import LogisticRegression

    mean, deviation = x.mean(axis=0), x.std(axis=0)
    model = LogisticRegression(C=0.1, max_iter=3000).fit((x - mean) / deviation, outcome)
    return np.asarray(model.predict_proba((x_test - mean) / deviation)[:, 1])


def _boosting(x: Floats, outcome: Outcomes, x_test: Floats, seed: int) -> Floats:
    columns = np.arange(x.shape[1])
    settings = {
        "max_iter": 150, "learning_rate": 0.05, "max_leaf_nodes": 8,
        "min_samples_leaf": 10, "l2_regularization": 1.0,
    }  # fmt: skip
    trees = fit_trees(x.astype(np.float32), outcome, columns, seed=seed, **settings)
    return expit(trees.log_odds(x_test.astype(np.float32)))


def _remaining_life(x: Floats, left: Floats, x_test: Floats, seed: int) -> Floats:
    """Return the mean of five boosted regressions, each on half of the features at a split."""
    from sklearn.ensemble import HistGradientBoostingRegressor

    runs = []
    for k in range(5):
        model = HistGradientBoostingRegressor(
            max_iter=250, learning_rate=0.05, max_leaf_nodes=16, min_samples_leaf=30,
            l2_regularization=10.0, max_features=0.5, early_stopping=False, random_state=seed + k,
        )  # fmt: skip
        runs.append(model.fit(x, left).predict(x_test))
    return np.asarray(np.clip(np.mean(runs, axis=0), 0.0, _CAPPED_CYCLES))


def read_ai4i(path: Path) -> tuple[Floats, Outcomes]:
    """Return (row, 10) inputs and whether the machine failed.

    Besides the readings: temperature difference, power, wear times torque and what is left to the
    overstrain limit of the variant. The five columns that name the kind of failure would give the
    answer away and are not read.

    Raises
    ------
    QCDataError
        The file is missing or lacks a column.
    """
    try:
        table = pd.read_csv(path)
        variant = table["Type"].map({"L": 0, "M": 1, "H": 2}).to_numpy()
        air, process = table["Air temperature [K]"], table["Process temperature [K]"]
        speed, torque = table["Rotational speed [rpm]"], table["Torque [Nm]"]
        wear, failed = table["Tool wear [min]"], table["Machine failure"]
    except (OSError, KeyError, ValueError) as error:
        raise QCDataError(f"cannot be read: {error}", file=path) from None
    limit = np.array([11_000, 12_000, 13_000])[variant]
    strain = (wear * torque).to_numpy(dtype=float)
    power = (torque * speed * 2 * np.pi / 60).to_numpy(dtype=float)
    columns = [
        variant,
        air,
        process,
        speed,
        torque,
        wear,
        process - air,
        power,
        strain,
        limit - strain,
    ]
    inputs = np.column_stack([np.asarray(c, dtype=float) for c in columns])
    return inputs, failed.to_numpy(dtype=np.int64)


def ai4i(path: Path, *, seed: int = 0) -> dict[str, Any]:
    """Return the figures of five-fold cross validation, each row judged while held out."""
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.model_selection import StratifiedKFold

    x, outcome = read_ai4i(path)
    found = {name: np.zeros(len(x)) for name in ("hazard", "boosting", "forest")}
    for train, test in StratifiedKFold(_FOLDS, shuffle=True, random_state=seed).split(x, outcome):
        found["hazard"][test] = _logistic(x[train], outcome[train], x[test])
        found["boosting"][test] = _boosting(x[train], outcome[train], x[test], seed)
        forest = RandomForestClassifier(
            200, min_samples_leaf=2, max_features=0.5, random_state=seed
        )
        forest.fit(x[train], outcome[train])
        found["forest"][test] = forest.predict_proba(x[test])[:, 1]
    found["boosting and forest"] = (found["boosting"] + found["forest"]) / 2
    results: Mapping[str, dict[str, float]] = {n: _figures(p, outcome) for n, p in found.items()}
    return {"rows": len(x), "base_rate": float(outcome.mean()), "failure": results}

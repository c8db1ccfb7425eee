"""The life left of the engines of C-MAPSS, by boosted regressions.

What is tried is written down in `LIFE_CANDIDATES`, and chosen by cross validation over the training
engines.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from pulsefront.qc.backtest.public_results import RemainingLife

__all__ = ["LIFE_CANDIDATES", "remaining_life"]

Floats = npt.NDArray[np.float64]
Outcomes = npt.NDArray[np.int64]

_CAPPED_CYCLES = 125
_CUTS_PER_ENGINE = 5
_LIFE_ROUNDS = 250  # of boosting

LIFE_CANDIDATES: Mapping[str, Mapping[str, Any]] = {
    "8 leaves, half of the features": {"max_leaf_nodes": 8, "max_features": 0.5},
    "16 leaves, half of the features": {"max_leaf_nodes": 16, "max_features": 0.5},
    "16 leaves, all features": {"max_leaf_nodes": 16, "max_features": 1.0},
    "31 leaves, half of the features": {"max_leaf_nodes": 31, "max_features": 0.5},
}
"""What is tried for the remaining life: boosted regressions."""


def remaining_life(
    x: Floats,
    left: Floats,
    engine: Outcomes,
    x_end: Floats,
    true: Floats,
    *,
    folds: int,
    seed: int,
    done: Callable[[], None],
) -> RemainingLife:
    """Return the prediction at the end of each test engine's record, and how it was chosen.

    Parameters
    ----------
    x, left, engine
        (row, feature), (row,) cycles left and (row,) number of the training engines.
    x_end, true
        (engine, feature) and (engine,) cycles left of the test engines; *true* only judges.
    done
        Called after each candidate.
    """
    capped = np.minimum(left, _CAPPED_CYCLES)
    some = _some_cycles(engine, seed)
    choice = {}
    for name, settings in LIFE_CANDIDATES.items():
        choice[name] = _error(x, capped, engine % folds, some, settings, seed)
        done()
    chosen = min(choice, key=lambda name: choice[name])
    predicted = _predict(x, capped, x_end, LIFE_CANDIDATES[chosen], seed)
    known = np.minimum(true, _CAPPED_CYCLES)
    return RemainingLife(
        chosen=chosen,
        chosen_by=f"root mean square error over {folds} folds of the training engines, "
        f"each at {_CUTS_PER_ENGINE} random cycles",
        choice=choice,
        rmse_cycles=float(np.sqrt(np.mean((predicted - known) ** 2))),
        predicted_cycles=tuple(np.round(predicted, 2).tolist()),
        true_cycles=tuple(known.tolist()),
    )


def _some_cycles(engine: Outcomes, seed: int) -> Outcomes:
    random = np.random.default_rng(seed)
    parts = []
    for number in np.unique(engine):
        rows = np.flatnonzero(engine == number)
        late = rows[29:] if len(rows) >= 29 + _CUTS_PER_ENGINE else rows
        parts.append(random.choice(late, min(_CUTS_PER_ENGINE, len(late)), replace=False))
    return np.sort(np.concatenate(parts))


def _error(
    x: Floats, left: Floats, fold: Outcomes, rows: Outcomes, settings: Mapping[str, Any], seed: int
) -> float:
    errors = []
    for k in np.unique(fold):
        mine = rows[fold[rows] == k]
        found = _predict(x[fold != k], left[fold != k], x[mine], settings, seed, runs=1)
        errors.append((found - left[mine]) ** 2)
    return float(np.sqrt(np.mean(np.concatenate(errors))))


def _predict(
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

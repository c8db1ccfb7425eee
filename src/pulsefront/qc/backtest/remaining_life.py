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
_LIFE_ROUNDS = 250  # of boosting, at the usual rate
_RATE = 0.05

_BOOSTED: Mapping[str, Mapping[str, Any]] = {
    "8 leaves, half of the features": {"max_leaf_nodes": 8, "max_features": 0.5},
    "16 leaves, half of the features": {"max_leaf_nodes": 16, "max_features": 0.5},
    "24 leaves, a quarter of the features": {"max_leaf_nodes": 24, "max_features": 0.25},
    "16 leaves, a quarter of the features, slower": {
        "max_leaf_nodes": 16, "max_features": 0.25, "learning_rate": 0.6 * _RATE,
    },
}  # fmt: skip
_MEAN = "mean of all"

LIFE_CANDIDATES = (*_BOOSTED, _MEAN)
"""What is tried for the remaining life: boosted regressions, and their mean."""


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
    held = {}
    for name, settings in _BOOSTED.items():
        held[name] = _out_of_fold(x, capped, engine % folds, some, settings, seed)
        done()
    held[_MEAN] = np.mean(list(held.values()), axis=0)
    choice = {name: _error(found, capped[some]) for name, found in held.items()}
    done()
    chosen = min(choice, key=lambda name: choice[name])
    used = _BOOSTED if chosen == _MEAN else {chosen: _BOOSTED[chosen]}
    runs = [_predict(x, capped, x_end, each, seed) for each in used.values()]
    predicted = np.asarray(np.mean(runs, axis=0))
    known = np.minimum(true, _CAPPED_CYCLES)
    return RemainingLife(
        chosen=chosen,
        chosen_by=f"root mean square error over {folds} folds of the training engines, "
        f"each at {_CUTS_PER_ENGINE} random cycles",
        choice=choice,
        rmse_cycles=_error(predicted, known),
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


def _out_of_fold(
    x: Floats, left: Floats, fold: Outcomes, rows: Outcomes, settings: Mapping[str, Any], seed: int
) -> Floats:
    """Return (row,) predictions of some rows, each while its engine was held out."""
    found = np.empty(len(rows))
    for k in np.unique(fold):
        mine = fold[rows] == k
        seen = fold != k
        found[mine] = _predict(x[seen], left[seen], x[rows[mine]], settings, seed, runs=1)
    return found


def _error(predicted: Floats, known: Floats) -> float:
    return float(np.sqrt(np.mean((predicted - known) ** 2)))


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
    # Smaller steps need as many more rounds.
    rounds = round(_LIFE_ROUNDS * _RATE / settings.get("learning_rate", _RATE))
    for k in range(runs):
        chosen = {
            "max_iter": rounds, "learning_rate": _RATE, "min_samples_leaf": 30,
            "l2_regularization": 10.0, "early_stopping": False, "random_state": seed + k,
            **settings,
        }  # fmt: skip
        found.append(HistGradientBoostingRegressor(**chosen).fit(x, left).predict(x_test))
    return np.asarray(np.clip(np.mean(found, axis=0), 0.0, _CAPPED_CYCLES))

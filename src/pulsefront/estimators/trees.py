"""Gradient-boosted trees from scikit-learn, so fitted that the same data give the same trees."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["fit_trees"]


def fit_trees(
    features: NDArray[np.float32],
    target: NDArray[np.float64],
    trees: int,
    leaves: int,
    seed: int,
    *,
    loss: str = "squared_error",
) -> Any:
    """Return a fitted ``HistGradientBoostingRegressor``.

    On one thread: sums over threads come in another order on another machine, and a split that is
    nearly a draw then falls the other way.

    Parameters
    ----------
    features, target
        (row, feature), (row,).
    loss
        As scikit-learn names it.
    """
    from sklearn.ensemble import HistGradientBoostingRegressor
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    model = HistGradientBoostingRegressor(
        loss=loss,
        max_iter=trees,
        max_leaf_nodes=leaves,
        learning_rate=0.1,
        min_samples_leaf=20,
        early_stopping=False,
        random_state=seed,
    )
    with threadpool_limits(1, "openmp"):
        return model.fit(features, target)

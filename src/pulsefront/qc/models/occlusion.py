"""Why a score is high: what its log-odds lose when a feature is made typical (occlusion)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from pulsefront.qc.models.decide import phrase
from pulsefront.qc.models.learners.estimators import Blend, Estimator
from pulsefront.qc.models.learners.pooled import Pooled

__all__ = ["explain"]


def explain(
    estimator: Estimator,
    values: npt.NDArray[np.float32],
    typical: npt.NDArray[np.float32],
    names: Sequence[str],
    *,
    most: int = 3,
) -> list[list[str]]:
    """Return for each row what raises its log-odds most, in words.

    Each feature that the model looks at is set to its typical value, one at a time; how much the
    log-odds sink is its share (occlusion). Features that lower the log-odds are not named, nor are
    those that are missing or typical, which most are: only the other rows are asked again.
    """
    fall = _fall_of(estimator, values)
    columns = estimator.columns
    sunk = np.zeros((len(values), len(columns)))
    for k, column in enumerate(columns):
        seen = values[:, column]
        rows = np.flatnonzero(~np.isnan(seen) & (seen != typical[column]))
        if rows.size:
            changed = values[rows]
            changed[:, column] = typical[column]
            sunk[rows, k] = fall(rows, changed)
    order = np.argsort(-sunk, axis=1, kind="stable")[:, :most]
    return [
        [
            phrase(names[columns[k]], float(values[row, columns[k]]))
            for k in order[row]
            if sunk[row, k] > 0.05
        ]
        for row in range(len(values))
    ]


def _fall_of(
    estimator: Estimator, values: npt.NDArray[np.float32]
) -> Callable[[npt.NDArray[np.intp], npt.NDArray[np.float32]], npt.NDArray[np.float64]]:
    """Return a function of rows and their changed values: by how much their log-odds fall.

    A pooled model sees the largest of many features: most changes leave what it sees as it was,
    and only the other rows are asked again.
    """
    if isinstance(estimator, Blend):
        pairs = zip(estimator.parts, estimator.weights, strict=True)
        parts = [(weight, _fall_of(part, values)) for part, weight in pairs if weight]
        return lambda rows, changed: sum(
            (weight * fall(rows, changed) for weight, fall in parts), np.zeros(len(rows))
        )
    base = estimator.log_odds(values)
    if not isinstance(estimator, Pooled) or estimator.inner is None:
        return lambda rows, changed: base[rows] - estimator.log_odds(changed)
    inner, pooled = estimator.inner, estimator.inputs(values)

    def fall_of_pooled(
        rows: npt.NDArray[np.intp], changed: npt.NDArray[np.float32]
    ) -> npt.NDArray[np.float64]:
        now, before = estimator.inputs(changed), pooled[rows]
        same = (now == before) | (np.isnan(now) & np.isnan(before))
        moved = np.flatnonzero(~same.all(axis=1))
        fallen = np.zeros(len(rows))
        if moved.size:
            fallen[moved] = base[rows[moved]] - inner.log_odds(now[moved])
        return fallen

    return fall_of_pooled

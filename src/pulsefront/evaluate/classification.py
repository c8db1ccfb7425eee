"""How well probabilities of rare events rank, and whether they mean what they say.

Every metric exists as a function of scores and outcomes and, with ``_statistic`` at its end, as a
function of event weights for `intervals.bootstrap`, so that units can be resampled as clusters.
Equal scores are one threshold: their order never matters. Areas and curves are those of
scikit-learn, which sorts anew for every weight and takes thirteen times as long for each.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pulsefront.errors import DataError
from pulsefront.evaluate.intervals import Interval, Statistic
from pulsefront.evaluate.shares import clustered_share, design_effect_of, wilson_interval

__all__ = [
    "ReliabilityBin",
    "brier",
    "brier_statistic",
    "expected_calibration_error",
    "expected_calibration_error_statistic",
    "pr_auc",
    "pr_auc_statistic",
    "precision_recall",
    "reliability",
    "roc_auc",
    "roc_auc_statistic",
]

Float = NDArray[np.float64]
Bins = Literal["quantile", "uniform"]


def _pair(scores: ArrayLike, outcomes: ArrayLike, *, probability: bool) -> tuple[Float, Float]:
    score = np.asarray(scores, dtype=np.float64)
    outcome = np.asarray(outcomes, dtype=np.float64)
    if score.ndim != 1 or score.shape != outcome.shape or score.size == 0:
        raise DataError(
            "scores and outcomes must be two equally long lists",
            field="scores, outcomes",
            value=(score.shape, outcome.shape),
        )
    if not np.isfinite(score).all():
        raise DataError(
            "scores are not all finite",
            field="scores",
            value=int((~np.isfinite(score)).sum()),
            remedy="leave out and count cases without a decision first",
        )
    if not np.isin(outcome, (0, 1)).all():
        raise DataError("outcomes must be 0 or 1", field="outcomes")
    if probability and not ((score >= 0) & (score <= 1)).all():
        raise DataError("probabilities must lie within 0 and 1", field="scores")
    return score, outcome


def _both_kinds(outcome: Float) -> None:
    if outcome.min() == outcome.max():
        raise DataError(
            "all outcomes are the same",
            field="outcomes",
            value=float(outcome[0]),
            remedy="a ranking needs cases with and without the event",
        )


class _Ranking:
    """Cases sorted from the highest score down, with the ends of runs of equal scores."""

    def __init__(self, score: Float, outcome: Float) -> None:
        self.order = np.argsort(-score, kind="stable")
        ordered = score[self.order]
        self.ends = np.append(np.flatnonzero(np.diff(ordered)), len(ordered) - 1)
        self.thresholds = ordered[self.ends]
        self.positive = outcome[self.order]

    def cumulate(self, weights: Float) -> tuple[Float, Float]:
        """Return weighted true and false positives at each threshold."""
        ordered = weights[self.order]
        true = np.cumsum(ordered * self.positive)[self.ends]
        return true, np.cumsum(ordered)[self.ends] - true


def roc_auc_statistic(scores: ArrayLike, outcomes: ArrayLike) -> Statistic:
    """Return the area under the ROC curve as a statistic; NaN where weights leave one kind."""
    score, outcome = _pair(scores, outcomes, probability=False)
    _both_kinds(outcome)
    ranking = _Ranking(score, outcome)

    def statistic(weights: Float) -> float:
        true, false = ranking.cumulate(weights)
        if true[-1] == 0 or false[-1] == 0:
            return float("nan")
        area = np.trapezoid(np.append(0, true), np.append(0, false))
        return float(area / (true[-1] * false[-1]))

    return statistic


def pr_auc_statistic(scores: ArrayLike, outcomes: ArrayLike) -> Statistic:
    """Return the average precision as a statistic; NaN where weights leave no event."""
    score, outcome = _pair(scores, outcomes, probability=False)
    _both_kinds(outcome)
    ranking = _Ranking(score, outcome)

    def statistic(weights: Float) -> float:
        true, false = ranking.cumulate(weights)
        if true[-1] == 0:
            return float("nan")
        precision = true / np.maximum(true + false, np.finfo(float).tiny)
        return float(np.sum(np.diff(true, prepend=0) * precision) / true[-1])

    return statistic


def roc_auc(scores: ArrayLike, outcomes: ArrayLike) -> float:
    """Return the area under the ROC curve: the chance that an event outranks a non-event.

    Raises
    ------
    DataError
        Lists of different length, scores not finite, outcomes other than 0 and 1 or all the same.
    """
    return roc_auc_statistic(scores, outcomes)(np.ones(np.size(scores)))


def pr_auc(scores: ArrayLike, outcomes: ArrayLike) -> float:
    """Return the area under the precision–recall curve as average precision.

    The sum over thresholds of the gain in recall times the precision there, without
    interpolation, which would flatter (Davis and Goadrich 2006). A guess scores the base rate:
    quote it beside.

    Raises
    ------
    DataError
        As `roc_auc`.
    """
    return pr_auc_statistic(scores, outcomes)(np.ones(np.size(scores)))


def precision_recall(scores: ArrayLike, outcomes: ArrayLike) -> tuple[Float, Float, Float]:
    """Return precision, recall and threshold, (threshold,) each, from the highest score down.

    Raises
    ------
    DataError
        As `roc_auc`.
    """
    score, outcome = _pair(scores, outcomes, probability=False)
    _both_kinds(outcome)
    ranking = _Ranking(score, outcome)
    true, false = ranking.cumulate(np.ones(len(score)))
    return true / (true + false), true / true[-1], ranking.thresholds


def brier_statistic(probabilities: ArrayLike, outcomes: ArrayLike) -> Statistic:
    """Return the Brier score as a statistic."""
    probability, outcome = _pair(probabilities, outcomes, probability=True)
    squared = (probability - outcome) ** 2
    return lambda weights: float(weights @ squared / weights.sum())


def brier(probabilities: ArrayLike, outcomes: ArrayLike) -> float:
    """Return the mean squared difference of probability and outcome (Brier 1950).

    Raises
    ------
    DataError
        As `roc_auc`, or a probability beyond 0 … 1.
    """
    return brier_statistic(probabilities, outcomes)(np.ones(np.size(probabilities)))


def _bin_index(probability: Float, bins: int, strategy: Bins) -> NDArray[np.int64]:
    if bins < 1:
        raise DataError("there must be at least one bin", field="bins", value=bins)
    if strategy == "uniform":
        return np.minimum((probability * bins).astype(np.int64), bins - 1)
    inner = np.quantile(probability, np.linspace(0, 1, bins + 1)[1:-1])
    # Equal probabilities share an edge, and so a bin: fewer bins than asked for may result.
    return np.searchsorted(np.unique(inner), probability, side="left").astype(np.int64)


def expected_calibration_error_statistic(
    probabilities: ArrayLike,
    outcomes: ArrayLike,
    *,
    bins: int = 10,
    strategy: Bins = "quantile",
) -> Statistic:
    """Return the expected calibration error as a statistic; the bins stay those of all cases."""
    probability, outcome = _pair(probabilities, outcomes, probability=True)
    index = _bin_index(probability, bins, strategy)
    excess = probability - outcome

    def statistic(weights: Float) -> float:
        # |mean p − mean o| · share of a bin is |sum of weighted p − o| / sum of all weights.
        return float(np.abs(np.bincount(index, weights * excess)).sum() / weights.sum())

    return statistic


def expected_calibration_error(
    probabilities: ArrayLike,
    outcomes: ArrayLike,
    *,
    bins: int = 10,
    strategy: Bins = "quantile",
) -> float:
    """Return the mean distance of predicted and observed share over bins, weighted by cases.

    Parameters
    ----------
    bins, strategy
        ``"quantile"`` bins hold equally many cases, as rare events need; ``"uniform"`` bins are
        equally wide.

    Raises
    ------
    DataError
        As `brier`, or no bin.
    """
    statistic = expected_calibration_error_statistic(
        probabilities, outcomes, bins=bins, strategy=strategy
    )
    return statistic(np.ones(np.size(probabilities)))


@dataclass(frozen=True)
class ReliabilityBin:
    """Mean prediction, observed share with its interval, and number of cases."""

    predicted: float
    observed: Interval
    cases: int


def reliability(
    probabilities: ArrayLike,
    outcomes: ArrayLike,
    *,
    bins: int = 10,
    strategy: Bins = "quantile",
    confidence: float = 0.95,
    groups: ArrayLike | None = None,
) -> tuple[ReliabilityBin, ...]:
    """Return the points of a reliability curve; empty bins are left out.

    Parameters
    ----------
    groups
        (case,) labels of cases that are not independent, such as the rows of one scanner: the
        intervals are those of `clustered_share` then.

    Raises
    ------
    DataError
        As `expected_calibration_error`.
    """
    probability, outcome = _pair(probabilities, outcomes, probability=True)
    index = _bin_index(probability, bins, strategy)
    group, effect = None, None
    if groups is not None:
        _, group = np.unique(np.asarray(groups), return_inverse=True)
        effect = design_effect_of(np.bincount(group, outcome), np.bincount(group))
    rows = []
    for number in np.unique(index):
        inside = index == number
        events, cases = int(outcome[inside].sum()), int(inside.sum())
        if group is None:
            share = wilson_interval(events, cases, confidence)
        else:
            _, mine = np.unique(group[inside], return_inverse=True)
            share = clustered_share(
                np.bincount(mine, outcome[inside]),
                np.bincount(mine),
                confidence,
                design_effect=effect,
            )
        rows.append(ReliabilityBin(float(probability[inside].mean()), share, cases))
    return tuple(rows)

"""Which model ships: the simplest that no other beats on unseen units at later times."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pulsefront.errors import DataError
from pulsefront.evaluate.classification import pr_auc_statistic
from pulsefront.evaluate.intervals import bootstrap, mean_statistic
from pulsefront.qc.features.samples import Fleet
from pulsefront.qc.models.folds import BacktestSettings, Scores, thinned
from pulsefront.qc.models.record import Comparison

__all__ = ["choose"]

Floats = npt.NDArray[np.float64]


def choose(
    fleet: Fleet, scores: Scores, settings: BacktestSettings
) -> tuple[str, tuple[Comparison, ...]]:
    """Return the simplest model that no more complex one beats, and each comparison made.

    Judged on unseen units in the calibration part by the mean log loss, a proper score (Gneiting
    and Raftery 2007) of every component-day, which tells models apart with fewer failures than a
    ranking does. A model beats another when the interval of the difference, bootstrapped by unit,
    lies above zero. The gain in average precision stands beside it.
    """
    samples = fleet.samples
    rows = scores.selection & (samples.label >= 0) & thinned(samples.as_of_s)
    rows &= scores.no_decision == ""
    label, unit = (samples.label[rows] == 1).astype(int), samples.unit[rows]
    if not label.any():
        return settings.candidates[0], ()
    current, made = settings.candidates[0], list[Comparison]()
    for name in settings.candidates[1:]:
        pair = (name, current)
        losses = [_log_loss(scores.probability[n][rows], label) for n in pair]
        precise = [pr_auc_statistic(scores.probability[n][rows], label) for n in pair]
        try:
            gain = bootstrap(
                mean_statistic(losses[1] - losses[0]), len(label), groups=unit,
                replicates=settings.bootstrap_replicates, confidence=settings.confidence,
                seed=settings.seed,
            )  # fmt: skip
        except DataError:
            break  # too few units to compare anything: the plainest model stays
        better = gain.low > 0
        every = np.ones(len(label))
        made.append(
            Comparison(
                model=name,
                against=current,
                gain_log_loss=gain.value,
                low=gain.low,
                high=gain.high,
                gain_average_precision=precise[0](every) - precise[1](every),
                better=better,
            )
        )
        if better:
            current = name
    return current, tuple(made)


def _log_loss(probability: Floats, label: npt.NDArray[np.int64]) -> Floats:
    p = np.clip(probability, 1e-9, 1.0 - 1e-9)
    return np.asarray(-np.where(label == 1, np.log(p), np.log1p(-p)))

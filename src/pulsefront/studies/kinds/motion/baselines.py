"""The classical detectors of motion, tuned on selection scans.

Each gives two things: steps, decided at its threshold, and for every interval the log-odds that a
step was in the last 30 s, by a logistic curve through its score on selection intervals.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter1d

from pulsefront.events.container import EventTable
from pulsefront.motion import MotionTrace
from pulsefront.motion.detectors.cusum import CusumSettings, cusum_steps
from pulsefront.motion.detectors.evidence import EVIDENCE, PER_UNIT
from pulsefront.motion.detectors.thresholds import ThresholdSettings, threshold_steps
from pulsefront.motion.judge.tune import CLASSICAL, LADDERS
from pulsefront.progress import progress
from pulsefront.studies.folders import SplitEvents
from pulsefront.studies.kinds.base import BaselineEstimator
from pulsefront.studies.kinds.motion.data import scans_of, trace_of_rows
from pulsefront.studies.kinds.motion.detect import WITHIN_S, tuned
from pulsefront.studies.kinds.motion.settings import MotionStudy

__all__ = ["FittedDetector", "baselines"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class FittedDetector:
    """A classical detector with its threshold, and the curve from score to log-odds."""

    name: str
    threshold: float
    slope: float
    intercept: float

    def log_odds(self, events: EventTable) -> Floats:
        """Return (interval,) the log-odds that a step was in the last 30 s."""
        return self.slope * _scores(self.name, self.threshold, events) + self.intercept


def baselines(study: MotionStudy, parts: SplitEvents) -> list[BaselineEstimator]:
    """Tune every classical detector on selection scans."""
    scans = scans_of(parts.events, "selection")
    of_scans = np.isin(parts.events["scan"], [one.number for one in scans])
    selection = parts.events.select(of_scans)
    label = selection["moved"]
    found = []
    with progress("Tuning", "detectors") as report:
        for number, (name, detect) in enumerate(CLASSICAL.items()):
            choice = tuned(detect, LADDERS[name], scans, study.allowed_false_per_10_min)
            threshold = choice.threshold
            slope, intercept = _curve(_scores(name, threshold, selection), label)
            fitted = FittedDetector(name, threshold, slope, intercept)
            found.append(
                BaselineEstimator(
                    name,
                    fitted.log_odds(parts.events)[parts.split.test],
                    {"threshold": threshold},
                    tuple(rung.row() for rung in choice.tried),
                    fitted,
                )
            )
            report(number + 1, len(CLASSICAL))
    return found


def _scores(name: str, threshold: float, events: EventTable) -> Floats:
    """Return (interval,) the score of a detector; of those that forget a step once it is decided,
    the largest of the last 30 s."""
    if name == "bayes":
        return np.asarray(events["evidence"][:, EVIDENCE.index("log_odds")] / PER_UNIT)
    found = np.zeros(len(events))
    for rows in _whole_stretches(events):
        trace = trace_of_rows(events.select(rows))
        score = _score(name, threshold, trace)
        width = max(round(WITHIN_S / trace.interval_s), 1)
        found[rows] = maximum_filter1d(score, width, origin=(width - 1) // 2, mode="nearest")
    return found


def _score(name: str, threshold: float, trace: MotionTrace) -> Floats:
    if name == "cusum":
        return cusum_steps(trace, CusumSettings(threshold=threshold))[1]
    return threshold_steps(trace, ThresholdSettings(threshold=threshold))[1]


def _whole_stretches(events: EventTable) -> Sequence[slice]:
    change = (np.diff(events["scan"]) != 0) | (np.diff(events["stretch"]) != 0)
    edges = [0, *(np.flatnonzero(change) + 1).tolist(), len(events)]
    return [slice(a, b) for a, b in pairwise(edges)]


def _curve(score: Floats, label: NDArray[np.int8]) -> tuple[float, float]:
    """Return slope and intercept of the logistic curve through labels over scores (Platt, 1999)."""
    from sklearn.linear_model import LogisticRegression

    used = label >= 0
    fitted = LogisticRegression(C=1e6).fit(score[used, None], label[used])
    return float(fitted.coef_[0, 0]), float(fitted.intercept_[0])

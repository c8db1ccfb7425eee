"""Detectors of motion on scans of a study: each decides for itself, interval after interval."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pulsefront.motion import MotionTrace
from pulsefront.motion.detectors.steps import CentreStep
from pulsefront.motion.frames import FoundMove, merge_steps
from pulsefront.motion.judge.trials import MATCH_S, JudgedMove, match_moves
from pulsefront.studies.kinds.motion.scans import KnownScan

__all__ = ["WITHIN_S", "Rung", "ScanOutcome", "ThresholdChoice", "judge", "tuned"]

WITHIN_S = 30.0
"""A step that is decided later is missed."""

AtThreshold = Callable[[MotionTrace, float], Sequence[CentreStep]]


@dataclass(frozen=True)
class ScanOutcome:
    """What a detector does with one scan: steps that can be judged, false splits, minutes."""

    scan: KnownScan
    moves: tuple[JudgedMove, ...]
    false: int

    @property
    def missed(self) -> NDArray[np.bool_]:
        """Return (step,) whether a step was not decided within `WITHIN_S`."""
        return np.array([m.delay_s is None or m.delay_s > WITHIN_S for m in self.moves], np.bool_)

    @property
    def delays_s(self) -> NDArray[np.float64]:
        """Return (step,) the time to the decision; that of missed steps is `MATCH_S`."""
        delays = [m.delay_s for m in self.moves]
        return np.array([MATCH_S if d is None else min(d, MATCH_S) for d in delays], np.float64)

    @property
    def size_errors_mm(self) -> NDArray[np.float64]:
        """Return (step,) how far the size is off; a missed step was told to be 0 mm."""
        return np.array(
            [m.true_mm if m.error_mm is None else abs(m.error_mm) for m in self.moves], np.float64
        )


def judge(scan: KnownScan, detect: Callable[[MotionTrace], Sequence[CentreStep]]) -> ScanOutcome:
    """Return what *detect* does with a scan, stretch by stretch.

    A movement beside a cut is not judged: whether it is found or not, it counts for nothing.
    """
    found: list[FoundMove] = []
    for trace in scan.stretches:
        found += merge_steps(detect(trace), trace)
    judged, false = match_moves(scan.moves, found)
    return ScanOutcome(scan, tuple(m for m in judged if scan.can_judge(m.truth)), false)


@dataclass(frozen=True)
class Rung:
    """A threshold, and what it does on the scans of tuning."""

    threshold: float
    worst_per_10_min: float
    missed_percent: float

    def row(self) -> Mapping[str, float]:
        """Return it as a row of a table of settings that were tried."""
        return {
            "threshold": self.threshold,
            "false_splits_per_10_min": self.worst_per_10_min,
            "missed_steps_percent": self.missed_percent,
        }


@dataclass(frozen=True)
class ThresholdChoice:
    """The rungs that were tried, and the one that is taken."""

    tried: tuple[Rung, ...]
    chosen: Rung

    @property
    def threshold(self) -> float:
        """Return the threshold that is taken."""
        return self.chosen.threshold


def tuned(
    detect: AtThreshold, ladder: Sequence[float], scans: Sequence[KnownScan], allowed: float
) -> ThresholdChoice:
    """Return the lowest rung that is quiet enough at every count rate, with those below it.

    The next one is tried too, to say what it would cost. Where none is quiet, the last one of the
    ladder is taken.

    Parameters
    ----------
    allowed
        False splits per 10 minutes at the rate where they are most.
    """
    rungs: list[Rung] = []
    chosen: Rung | None = None
    for threshold in ladder:
        judged = [judge(scan, lambda trace, at=threshold: detect(trace, at)) for scan in scans]  # type: ignore[misc]
        false: dict[float, list[float]] = {}
        for one in judged:
            of_rate = false.setdefault(one.scan.rate_per_s, [0.0, 0.0])
            of_rate[0] += one.false
            of_rate[1] += one.scan.minutes / 10
        worst = max(count / tens for count, tens in false.values())
        missed = np.concatenate([one.missed for one in judged])
        percent = 100.0 * float(missed.mean()) if len(missed) else float("nan")
        rungs.append(Rung(threshold, worst, percent))
        if chosen is not None:
            break
        if worst <= allowed:
            chosen = rungs[-1]
    return ThresholdChoice(tuple(rungs), chosen or rungs[-1])

"""CUSUM: small surprises of one sign add up.

A Kalman filter of level, slope and curvature, which knows of no steps, predicts every interval.
Its innovations over their errors are white while only drift is there. Page's sums on either side
of each axis (Page, Biometrika 41 (1954) 100, sect. 2) grow where they are not.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from pulsefront.motion.detectors.kalman import begin_state, predict, update
from pulsefront.motion.detectors.steps import CentreStep
from pulsefront.motion.detectors.thresholds import measured_steps
from pulsefront.motion.traces.trace import MotionTrace

__all__ = ["CusumSettings", "cusum_steps"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class CusumSettings:
    """The sums, and where they decide.

    Attributes
    ----------
    threshold
        Sum above which a step is decided; tuned.
    slack
        Taken off every surprise, in errors.
    wander
        Spectral density of the curvature's random walk, in mm²/s⁵.
    settle
        Intervals at the begin and after a step without a decision.
    """

    threshold: float = 11.0
    slack: float = 0.35
    wander: float = 1e-10
    settle: int = 12


@njit(nogil=True, cache=True)
def _run(
    time: Floats, centre: Floats, error: Floats, wander: float, slack: float, threshold: float,
    settle: int, found: Floats, score: Floats,
) -> int:  # fmt: skip
    mean, cov = np.zeros((3, 4)), np.zeros((3, 4, 4))
    sums, zero = np.zeros((3, 2)), np.zeros((3, 2), np.int64)
    start, steps = 0, 0
    for a in range(3):
        begin_state(mean[a], cov[a], centre[0, a])
    for t in range(len(time)):
        ended, at = False, t
        for a in range(3):
            if t:
                predict(mean[a], cov[a], time[t] - time[t - 1], wander)
            total = np.sqrt(cov[a, 0, 0] + error[t, a] ** 2)
            off = (centre[t, a] - mean[a, 0]) / total
            update(mean[a], cov[a], centre[t, a], error[t, a] ** 2)
            if t - start < settle:
                continue
            for side in range(2):
                grown = sums[a, side] + (off if side == 0 else -off) - slack
                if grown <= 0:
                    grown, zero[a, side] = 0.0, t + 1
                sums[a, side] = grown
                score[t] = max(score[t], grown)
                if grown > threshold and not ended:
                    ended, at = True, min(zero[a, side], t)
        if ended:
            found[steps, 0], found[steps, 1], found[steps, 2] = at, t, score[t]
            steps += 1
            start = at
            sums[:], zero[:] = 0.0, t + 1
            # The level is begun anew from the step on; slope and curvature are kept.
            for a in range(3):
                cov[a, 0, 1:] = 0.0
                cov[a, 1:, 0] = 0.0
                cov[a, 0, 0] = error[t, a] ** 2 * 4
                mean[a, 0] = centre[t, a]
            if steps == len(found):
                break
    return steps


def cusum_steps(
    trace: MotionTrace, settings: CusumSettings
) -> tuple[tuple[CentreStep, ...], Floats]:
    """Return the steps, and (interval,) the largest sum."""
    score = np.zeros(len(trace))
    found = np.zeros((len(trace) + 1, 3))
    steps = _run(
        trace.time_s + trace.duration_s / 2, np.ascontiguousarray(trace.centre_mm),
        np.ascontiguousarray(trace.error_mm), settings.wander, settings.slack,
        settings.threshold, settings.settle, found, score,
    )  # fmt: skip
    return measured_steps(trace, found[:steps]), score

"""Which step could be seen: the size that is found nine times of ten within a given time."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from pulsefront.motion.detectors.bayes import BayesSettings
from pulsefront.motion.detectors.kalman import begin_state, begin_step, predict, update
from pulsefront.motion.traces.trace import MotionTrace

__all__ = ["detectable_mm"]

Floats = NDArray[np.float64]

NINE_OF_TEN = 1.2816
"""Standard deviations above the threshold that leave one step of ten below it."""

BEFORE = 90


@njit(nogil=True, cache=True)
def _step_error(
    interval_s: float, error_mm: float, wander: float, size_mm: float, before: int, after: int
) -> float:
    """Return the standard error of a step *after* intervals old, *before* intervals into a part."""
    mean, cov = np.zeros(4), np.zeros((4, 4))
    begin_state(mean, cov, 0.0)
    for i in range(before + after):
        predict(mean, cov, interval_s, wander)
        if i == before:
            begin_step(mean, cov, size_mm**2)
        update(mean, cov, 0.0, error_mm**2)
    prior = size_mm**2
    return np.sqrt(cov[3, 3] * prior / max(prior - cov[3, 3], 0.05 * prior))  # type: ignore[no-any-return]


def detectable_mm(trace: MotionTrace, settings: BayesSettings, *, within_s: float = 30.0) -> float:
    """Return the length of a step that is found in nine of ten cases within *within_s*.

    For the axis that is known worst, from the filter's own error s of a step and the log-odds that
    a decision takes. A step of z standard errors raises them by z²/2 less the price of not knowing
    its size, ½·ln(1 + (size/s)²) for each axis, and begins at the odds of a step in one interval.
    """
    if len(trace) < 3 or not np.isfinite(trace.error_mm).any():
        return float("inf")
    error = float(np.median(np.nanmax(trace.error_mm, axis=1)))
    interval = trace.interval_s
    size = float(np.hypot(settings.size_mm, settings.size_errors * error))
    wander = float(np.sqrt(settings.wander[0] * settings.wander[-1]))
    after = max(round(within_s / interval), 1)
    step = _step_error(interval, error, wander, size, BEFORE, after)
    odds = -np.log(min(settings.steps_per_hour / 3600 * interval, 0.1))
    price = 1.5 * np.log1p((size / step) ** 2)
    needed = np.sqrt(2 * max(settings.threshold_at(interval) + odds + price, 0.0))
    return float((needed + NINE_OF_TEN) * step)

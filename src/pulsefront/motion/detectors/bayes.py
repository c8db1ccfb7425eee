"""Bayesian change point, on-line: has the centre jumped since, and when, given that it drifts?

The centre of each axis is a level with slope and curvature; the curvature wanders (a random walk,
integrated twice), which is how the tracer's redistribution looks. A step adds a displacement of
unknown size to the level and leaves slope and curvature as they are. For every recent interval one
hypothesis says that a step happened there, one says that none did; each carries a Kalman filter of
level, slope, curvature and step. How much the curvature wanders is not known: a few values are
carried side by side, and the data weigh them.

Run lengths as hypotheses: Adams & MacKay, "Bayesian online changepoint detection",
arXiv:0710.3742 (2007), eq. 3; here the drift survives the change.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from pulsefront.motion.detectors.hypotheses import (
    Hypotheses,
    StepModel,
    TraceArrays,
    advance,
    decide,
    none_yet,
    write_step,
)
from pulsefront.motion.detectors.steps import CentreStep
from pulsefront.motion.traces.trace import MotionTrace

__all__ = [
    "BayesSettings",
    "StepFilter",
    "bayes_steps",
    "filter_steps",
    "kernel_inputs",
    "step_of_row",
]

Floats = NDArray[np.float64]

PER_E_FOLD = 1.0
"""Log-odds by which the threshold rises when intervals are e times as long."""


@dataclass(frozen=True)
class BayesSettings:
    """What the detector assumes, and when it decides.

    Attributes
    ----------
    threshold
        Natural log-odds of a step above which it is decided; tuned at intervals of 1 s.
    steps_per_hour
        Steps that are expected.
    size_mm
        Standard deviation of a step in each axis that is expected.
    size_errors
        The same, in errors of an interval: added in squares.
    wander
        Spectral densities of the curvature's random walk, in mm²/s⁵, that are carried side by side.
    window
        Intervals for which a step stays under suspicion.
    settle
        Intervals after a decision, or at the begin, in which none is made.
    refine_s
        Time after a step whose data its size is taken from.
    """

    threshold: float = -0.9
    steps_per_hour: float = 6.0
    size_mm: float = 0.05
    size_errors: float = 1.5
    wander: tuple[float, ...] = (1e-13, 1e-12, 1e-11, 1e-10, 1e-9, 1e-8, 1e-7)
    window: int = 90
    settle: int = 3
    refine_s: float = 30.0

    def threshold_at(self, interval_s: float) -> float:
        """Return the threshold at intervals of another length.

        In a longer interval a step is expected more often, by its length: with the same log-odds a
        smaller likelihood would do, which few long intervals of noise have. So the threshold rises
        by the logarithm of the length: a step takes the same likelihood in all.
        """
        return self.threshold + PER_E_FOLD * float(np.log(max(interval_s, 1.0)))


@njit(nogil=True, cache=True)
def _run(
    state: Hypotheses, trace: TraceArrays, model: StepModel, threshold: float, settle: int,
    refine_s: float, found: Floats, score: Floats, level: Floats,
) -> int:  # fmt: skip
    """Fill *found* (step, 9): time index, decided index, shift, variance, score; return how many.

    ``score`` (interval,) is the log-odds of a step, ``level`` (interval, axis) the level under the
    hypothesis of no new step, which is slot 0.
    """
    steps, last, open_until = 0, 0, -1.0
    for t in range(len(trace.time_s)):
        odds, slot = advance(state, trace, model, t)
        score[t] = odds
        level[t] = state.mean[0, np.argmax(state.weight[0]), :, 0]
        # The size of the last step is written down as long as it gets better.
        if steps and trace.time_s[t] + trace.duration_s[t] / 2 <= open_until:
            write_step(state, found[steps - 1])
        if odds > threshold and t - last >= settle and slot > 0:
            found[steps, 8] = odds
            decide(state, trace, model, t, slot, found[steps])
            open_until = trace.time_s[int(found[steps, 0])] + refine_s
            steps += 1
            last = t
            if steps == len(found):
                break
    return steps


@dataclass(frozen=True)
class StepFilter:
    """What the filter makes of a trace.

    Attributes
    ----------
    steps
        Those decided, in order.
    score
        (interval,) log-odds that a step happened within the window.
    level_mm
        (interval, axis) the centre without noise, drift and steps included.
    """

    steps: tuple[CentreStep, ...]
    score: Floats
    level_mm: Floats


def kernel_inputs(
    trace: MotionTrace, settings: BayesSettings
) -> tuple[Hypotheses, TraceArrays, StepModel]:
    """Return state, trace and model as the kernels take them."""
    arrays = TraceArrays(
        *(np.ascontiguousarray(one, np.float64)
          for one in (trace.time_s, trace.duration_s, trace.centre_mm, trace.error_mm))
    )  # fmt: skip
    model = StepModel(
        np.array(settings.wander), settings.steps_per_hour / 3600, settings.size_mm,
        settings.size_errors,
    )  # fmt: skip
    return none_yet(arrays.centre[0], len(settings.wander), settings.window), arrays, model


def filter_steps(trace: MotionTrace, settings: BayesSettings) -> StepFilter:
    """Return steps, score and level of a trace whose centre and errors are all known."""
    count = len(trace)
    score, level = np.zeros(count), np.zeros((count, 3))
    found = np.zeros((max(count // max(settings.settle, 1), 1) + 1, 9))
    if count < 3:
        return StepFilter((), score, trace.centre_mm)
    state, arrays, model = kernel_inputs(trace, settings)
    steps = _run(
        state, arrays, model, settings.threshold_at(trace.interval_s), settings.settle,
        settings.refine_s, found, score, level,
    )  # fmt: skip
    return StepFilter(tuple(step_of_row(row, trace) for row in found[:steps]), score, level)


def bayes_steps(trace: MotionTrace, settings: BayesSettings) -> tuple[CentreStep, ...]:
    """Return the steps alone; see `filter_steps`."""
    return filter_steps(trace, settings).steps


def step_of_row(row: Floats, trace: MotionTrace) -> CentreStep:
    """Return the step of a row (9,) that the kernels wrote."""
    at, decided = int(row[0]), int(row[1])
    x, y, z = row[2:5].tolist()
    ex, ey, ez = np.sqrt(row[5:8]).tolist()
    end = float(trace.time_s[decided] + trace.duration_s[decided])
    return CentreStep(float(trace.time_s[at]), end, (x, y, z), (ex, ey, ez), float(row[8]))

"""Adaptive threshold on the centroid: the mean of the last seconds against what was before.

What was before is carried on by a straight line or a parabola, so that a drift is none. The
difference is compared with its error, and with how much such differences have lately been: where
a patient breathes or the tracer moves oddly, the threshold rises by itself. With several lengths of
the last seconds a large step is found soon and a small one later.

Centroid and threshold as in the data-driven detection of Lu et al., Phys. Med. Biol. 64 (2019)
065002; the drift and the adaptive part are this implementation's.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from pulsefront.motion.detectors.measure import measure_step
from pulsefront.motion.detectors.steps import CentreStep
from pulsefront.motion.traces.trace import MotionTrace

__all__ = ["ThresholdSettings", "difference", "measured_steps", "threshold_steps"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class ThresholdSettings:
    """Windows, and where it decides.

    Attributes
    ----------
    threshold
        In standard errors, over the three axes together; tuned.
    after
        Lengths of the last part, in intervals.
    before
        Length of the part that the drift is fitted to, in intervals.
    order
        Of the drift: 1 straight, 2 parabola.
    memory
        Intervals whose differences the scale is taken from.
    settle
        Intervals at the begin and after a step without a decision.
    """

    threshold: float = 4.25
    after: tuple[int, ...] = (2, 5, 10, 20)
    before: int = 40
    order: int = 2
    memory: int = 120
    settle: int = 12


@njit(nogil=True, cache=True)
def difference(
    time: Floats, centre: Floats, error: Floats, begin: int, split: int, stop: int, order: int,
    out: Floats,
) -> None:  # fmt: skip
    """Write, per axis, (mean of split … stop) − drift fitted to begin … split, over its error."""
    size = order + 2
    for a in range(3):
        normal, right = np.zeros((size, size)), np.zeros(size)
        row = np.zeros(size)
        span = time[stop - 1] - time[begin] + 1e-9
        for i in range(begin, stop):
            x = (time[i] - time[split]) / span
            row[0] = 1.0
            for k in range(1, order + 1):
                row[k] = row[k - 1] * x
            row[order + 1] = 1.0 if i >= split else 0.0
            w = 1 / error[i, a] ** 2
            for k in range(size):
                right[k] += w * row[k] * centre[i, a]
                for m in range(size):
                    normal[k, m] += w * row[k] * row[m]
        inverse = np.linalg.inv(normal)
        value = 0.0
        for k in range(size):
            value += inverse[size - 1, k] * right[k]
        out[a] = value / np.sqrt(inverse[size - 1, size - 1])


@njit(nogil=True, cache=True)
def _run(
    time: Floats, centre: Floats, error: Floats, after: NDArray[np.int64], before: int, order: int,
    memory: int, settle: int, threshold: float, found: Floats, score: Floats,
) -> int:  # fmt: skip
    count, lengths = len(time), len(after)
    history = np.full((lengths, count, 3), np.nan)
    out = np.zeros(3)
    start, steps = 0, 0
    for t in range(1, count):
        for m in range(lengths):
            split = t + 1 - after[m]
            begin = max(start, split - before)
            if split - begin < max(settle, order + 3):
                continue
            difference(time, centre, error, begin, split, t + 1, order, out)
            total = 0.0
            for a in range(3):
                recent = history[m, max(0, t - memory) : t, a]
                recent = np.abs(recent[~np.isnan(recent)])
                scale = 1.0
                if len(recent) >= 30:
                    scale = max(1.0, 1.4826 * np.median(recent))
                history[m, t, a] = out[a]
                total += (out[a] / scale) ** 2
            value = np.sqrt(total)
            score[t] = max(score[t], value)
            if value > threshold:
                # The best split of the last intervals is when it happened.
                best, top = split, value
                for other in range(max(begin + settle, split - after[m]), t + 1):
                    difference(time, centre, error, begin, other, t + 1, order, out)
                    here = np.sqrt((out**2).sum())
                    if here > top:
                        best, top = other, here
                found[steps, 0], found[steps, 1], found[steps, 2] = best, t, value
                steps += 1
                start = best + 1
                break
        if steps == len(found):
            break
    return steps


def threshold_steps(
    trace: MotionTrace, settings: ThresholdSettings
) -> tuple[tuple[CentreStep, ...], Floats]:
    """Return the steps, and (interval,) the largest difference in errors."""
    score = np.zeros(len(trace))
    found = np.zeros((len(trace) // 2 + 1, 3))
    steps = _run(
        trace.time_s + trace.duration_s / 2, np.ascontiguousarray(trace.centre_mm),
        np.ascontiguousarray(trace.error_mm), np.array(settings.after), settings.before,
        settings.order, settings.memory, settings.settle, settings.threshold, found, score,
    )  # fmt: skip
    return measured_steps(trace, found[:steps]), score


def measured_steps(trace: MotionTrace, found: Floats) -> tuple[CentreStep, ...]:
    """Return steps with their sizes, of rows (step, 3): interval, deciding interval, score."""
    steps = []
    edges = [0, *(int(row[0]) for row in found), len(trace)]
    for number, row in enumerate(found):
        at, decided = int(row[0]), int(row[1])
        shift, error = measure_step(trace, at, first=edges[number], stop=edges[number + 2])
        if not np.isfinite(shift).all():
            continue
        x, y, z = shift.tolist()
        ex, ey, ez = error.tolist()
        end = float(trace.time_s[decided] + trace.duration_s[decided])
        steps.append(
            CentreStep(float(trace.time_s[at]), end, (x, y, z), (ex, ey, ez), float(row[2]))
        )
    return tuple(steps)

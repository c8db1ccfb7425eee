"""Bayesian change point, on-line: has the centre jumped since, and when, given that it drifts?

The centre of each axis is a level with slope and curvature; the curvature wanders (a random walk,
integrated twice), which is how the tracer's redistribution looks. A step adds a displacement of
unknown size to the level and leaves slope and curvature as they are. For every recent interval one
hypothesis says that a step happened there, one says that none did; each carries a Kalman filter of
level, slope, curvature and step. How much the curvature wanders is not known: a few values are
carried side by side, and the data weigh them.

Run lengths as hypotheses: Adams & MacKay, "Bayesian online changepoint detection",
arXiv:0710.3742 (2007), eq. 3; here the drift survives the change. Local trends: Harvey,
"Forecasting, structural time series models and the Kalman filter" (1989), sect. 2.3.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from pulsefront.motion.detectors.steps import CentreStep
from pulsefront.motion.traces.trace import MotionTrace

__all__ = ["BayesSettings", "StepFilter", "bayes_steps", "filter_steps", "predict", "update"]

Floats = NDArray[np.float64]

FIRST_SLOPE_MM_PER_S = 0.5
FIRST_CURVATURE_MM_PER_S2 = 0.02
WIDE = 5.0
"""Errors of an interval that the size of a decided step may at least have: nothing is expected."""

MIX = 0.01
"""Share of the weights of wandering that is spread evenly again at every interval."""


@dataclass(frozen=True)
class BayesSettings:
    """What the detector assumes, and when it decides.

    Attributes
    ----------
    threshold
        Natural log-odds of a step above which it is decided; tuned.
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

    threshold: float = -0.5
    steps_per_hour: float = 6.0
    size_mm: float = 0.05
    size_errors: float = 1.5
    wander: tuple[float, ...] = (1e-13, 1e-12, 1e-11, 1e-10, 1e-9, 1e-8, 1e-7)
    window: int = 90
    settle: int = 3
    refine_s: float = 30.0


@njit(nogil=True, cache=True)
def predict(mean: Floats, cov: Floats, step_s: float, wander: float) -> None:
    """Move state (level, slope, curvature, step) and covariance (4, 4) on by *step_s*."""
    d, half = step_s, step_s**2 / 2
    mean[0] += d * mean[1] + half * mean[2]
    mean[1] += d * mean[2]
    for k in range(4):
        cov[0, k] += d * cov[1, k] + half * cov[2, k]
        cov[1, k] += d * cov[2, k]
    for k in range(4):
        cov[k, 0] += d * cov[k, 1] + half * cov[k, 2]
        cov[k, 1] += d * cov[k, 2]
    cov[0, 0] += wander * d**5 / 20
    cov[1, 1] += wander * d**3 / 3
    cov[2, 2] += wander * d
    cov[0, 1] += wander * d**4 / 8
    cov[0, 2] += wander * d**3 / 6
    cov[1, 2] += wander * d**2 / 2
    cov[1, 0], cov[2, 0], cov[2, 1] = cov[0, 1], cov[0, 2], cov[1, 2]


@njit(nogil=True, cache=True)
def update(mean: Floats, cov: Floats, value: float, variance: float) -> float:
    """Take in a measured level; return its log-likelihood."""
    total = cov[0, 0] + variance
    off = value - mean[0]
    c0, c1, c2, c3 = cov[0, 0], cov[0, 1], cov[0, 2], cov[0, 3]
    first = (c0, c1, c2, c3)
    for i in range(4):
        gain = first[i] / total
        mean[i] += gain * off
        for k in range(i, 4):
            cov[i, k] -= gain * first[k]
            cov[k, i] = cov[i, k]
    return -0.5 * (off * off / total + np.log(2 * np.pi * total))  # type: ignore[no-any-return]


@njit(nogil=True, cache=True)
def _begin_step(mean: Floats, cov: Floats, expected: float) -> None:
    """Let a step begin: of mean 0 and variance *expected*, and nothing to slope and curvature."""
    mean[3] = 0.0
    cov[0, 3] = cov[3, 0] = cov[3, 3] = expected
    cov[1, 3] = cov[3, 1] = cov[2, 3] = cov[3, 2] = 0.0
    cov[0, 0] += expected


@njit(nogil=True, cache=True)
def _filter_anew(
    begin: int, at: int, skipped: int, end: int, time_s: Floats, duration_s: Floats,
    centre: Floats, error: Floats, wander: Floats, weight: Floats, mean: Floats, cov: Floats,
    sizes: Floats,
) -> float:  # fmt: skip
    """Filter intervals *begin* to *end* with a step at *at*; return the log-evidence.

    Mean, covariance and weight come as they were before *begin*. *sizes* is filled with a prior as
    wide as the step: what was expected of it is forgotten. In *skipped* intervals from *at* on the
    patient was on his way: they may lie anywhere between, and say nothing of the step.
    """
    for a in range(3):
        seen = centre[at + skipped : end + 1, a].mean() - mean[:, a, 0].mean()
        sizes[a] = max((WIDE * error[at, a]) ** 2, seen**2)
    for t in range(begin, end + 1):
        step_s = 0.0
        if t:
            middle = time_s[t] + duration_s[t] / 2
            step_s = max(middle - time_s[t - 1] - duration_s[t - 1] / 2, 1e-6)
        for q in range(len(wander)):
            for a in range(3):
                predict(mean[q, a], cov[q, a], step_s, wander[q])
                m, c = mean[q, a], cov[q, a]
                if at <= t < at + skipped:
                    total = c[0, 0] + sizes[a] + error[t, a] ** 2
                    off = centre[t, a] - m[0]
                    weight[q] -= 0.5 * (off * off / total + np.log(2 * np.pi * total))
                    continue
                if t == at + skipped:
                    _begin_step(m, c, sizes[a])
                weight[q] += update(m, c, centre[t, a], error[t, a] ** 2)
    top = weight.max()
    return top + np.log(np.exp(weight - top).sum())  # type: ignore[no-any-return]


@njit(nogil=True, cache=True)
def _run(
    time_s: Floats, duration_s: Floats, centre: Floats, error: Floats, wander: Floats,
    threshold: float, hazard: float, size_mm: float, spread: float, window: int, settle: int,
    refine_s: float, found: Floats, score: Floats, level: Floats,
) -> int:  # fmt: skip
    """Fill *found* (step, 9): time index, decided index, shift, variance, score; return how many.

    ``score`` (interval,) is the log-odds of a step, ``level`` (interval, axis) the level under the
    hypothesis of no new step, which is slot 0.

    A step that is decided is filtered anew, with a prior as wide as the step: the expected size
    helps to decide, and would pull the level after a large step towards none. The interval that he
    moved in is left out where this explains the centre better.
    """
    count, kinds, slots = len(time_s), len(wander), window + 1
    mean = np.zeros((slots, kinds, 3, 4))
    cov = np.zeros((slots, kinds, 3, 4, 4))
    weight = np.full((slots, kinds), -np.inf)
    begun, fresh_at = np.full(slots, -1), np.full(slots, -1)
    sizes = np.ones((slots, 3))
    mean_then = np.zeros((slots, kinds, 3, 4))
    cov_then = np.zeros((slots, kinds, 3, 4, 4))
    weight_then = np.zeros((slots, kinds))
    steps, last, open_until = 0, 0, -1.0
    for q in range(kinds):
        weight[0, q] = -np.log(float(kinds))
        for a in range(3):
            mean[0, q, a, 0] = centre[0, a]
            cov[0, q, a, 0, 0] = 1e2
            cov[0, q, a, 1, 1] = FIRST_SLOPE_MM_PER_S**2
            cov[0, q, a, 2, 2] = FIRST_CURVATURE_MM_PER_S2**2
    before = time_s[0]
    next_slot = 1
    for t in range(count):
        step_s = max(time_s[t] + duration_s[t] / 2 - before, 1e-6) if t else 0.0
        before = time_s[t] + duration_s[t] / 2
        # Which wandering holds is forgotten slowly.
        top = weight[0].max()
        even = top + np.log(np.exp(weight[0] - top).mean())
        for q in range(kinds):
            weight[0, q] = np.logaddexp(weight[0, q] + np.log(1 - MIX), even + np.log(MIX))
        chance = min(hazard * max(step_s, duration_s[t]), 0.1)
        fresh = next_slot
        next_slot = 1 + next_slot % window
        for q in range(kinds):
            mean[fresh, q] = mean[0, q]
            cov[fresh, q] = cov[0, q]
            weight[fresh, q] = weight[0, q] + np.log(chance)
            weight[0, q] += np.log(1 - chance)
        mean_then[fresh], cov_then[fresh] = mean[fresh], cov[fresh]
        weight_then[fresh] = weight[fresh]
        begun[fresh] = fresh_at[fresh] = t
        best = weight.max()
        for j in range(slots):
            if j and begun[j] < 0:
                continue
            if j and j != fresh and weight[j].max() < best - 30:
                begun[j] = -1
                weight[j] = -np.inf
                continue
            for q in range(kinds):
                for a in range(3):
                    m, c = mean[j, q, a], cov[j, q, a]
                    predict(m, c, step_s, wander[q])
                    if j == fresh:
                        sizes[j, a] = size_mm**2 + (spread * error[t, a]) ** 2
                        _begin_step(m, c, sizes[j, a])
                    weight[j, q] += update(m, c, centre[t, a], error[t, a] ** 2)
        top = weight.max()
        none = np.exp(weight[0] - top).sum()
        some, best_j, best_w = 0.0, 0, -np.inf
        for j in range(1, slots):
            if begun[j] < 0:
                continue
            here = np.exp(weight[j] - top).sum()
            # A step that is only now cannot be told from one bad interval, and speaks against those
            # that would be taken for it an interval early.
            if t == begun[j]:
                none += here
            else:
                some += here
                if here > best_w:
                    best_w, best_j = here, j
        for j in range(slots):
            weight[j] -= top
        odds = np.log(max(some, 1e-300)) - np.log(max(none, 1e-300))
        score[t] = odds
        q0 = 0
        for q in range(kinds):
            if weight[0, q] > weight[0, q0]:
                q0 = q
        for a in range(3):
            level[t, a] = mean[0, q0, a, 0]
        # The size of the last step is written down as long as it gets better.
        if steps and before <= open_until:
            _write_step(found[steps - 1], weight[0], mean[0], cov[0], sizes[0])
        if odds > threshold and t - last >= settle and best_j > 0:
            row = found[steps]
            at = begun[best_j]
            slot = best_j
            before_slot = best_j - 1 if best_j > 1 else window
            if fresh_at[before_slot] == at - 1:
                slot = before_slot
            best_evidence = -np.inf
            for option in range(3):
                # As it is; moving in this interval; moving in the one before.
                shifted, skipped = at - option // 2, min(option, 1)
                if shifted < fresh_at[slot] or shifted + skipped > t:
                    continue
                mean_new, cov_new = mean_then[slot].copy(), cov_then[slot].copy()
                weight_new, sizes_new = weight_then[slot].copy(), np.zeros(3)
                evidence = _filter_anew(
                    fresh_at[slot], shifted, skipped, t, time_s, duration_s, centre, error, wander,
                    weight_new, mean_new, cov_new, sizes_new,
                )  # fmt: skip
                if evidence > best_evidence:
                    best_evidence = evidence
                    mean[0], cov[0], weight[0], sizes[0] = mean_new, cov_new, weight_new, sizes_new
                    row[0] = shifted
            row[1], row[8] = t, odds
            weight[0] -= weight[0].max()
            _write_step(row, weight[0], mean[0], cov[0], sizes[0])
            open_until = time_s[at] + refine_s
            steps += 1
            last = t
            begun[:] = -1
            fresh_at[:] = -1
            for j in range(1, slots):
                weight[j] = -np.inf
            next_slot = 1
            if steps == len(found):
                return steps
    return steps


@njit(nogil=True, cache=True)
def _write_step(row: Floats, weight: Floats, mean: Floats, cov: Floats, sizes: Floats) -> None:
    """Write shift and variance of the step, averaged over the kinds of wandering.

    What was expected of its size, a Gaussian about 0, is taken out again of each kind: it would
    make steps smaller.
    """
    share = np.exp(weight - weight.max())
    share /= share.sum()
    for a in range(3):
        value, square = 0.0, 0.0
        for q in range(len(share)):
            left = cov[q, a, 3, 3]
            grown = sizes[a] / max(sizes[a] - left, 0.05 * sizes[a])
            here = mean[q, a, 3] * grown
            value += share[q] * here
            square += share[q] * (left * grown + here**2)
        row[2 + a] = value
        row[5 + a] = max(square - value**2, 1e-12)


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


def filter_steps(trace: MotionTrace, settings: BayesSettings) -> StepFilter:
    """Return steps, score and level of a trace whose centre and errors are all known."""
    count = len(trace)
    score, level = np.zeros(count), np.zeros((count, 3))
    found = np.zeros((max(count // max(settings.settle, 1), 1) + 1, 9))
    if count < 3:
        return StepFilter((), score, trace.centre_mm)
    steps = _run(
        trace.time_s, trace.duration_s, np.ascontiguousarray(trace.centre_mm),
        np.ascontiguousarray(trace.error_mm), np.array(settings.wander), settings.threshold,
        settings.steps_per_hour / 3600, settings.size_mm, settings.size_errors, settings.window,
        settings.settle, settings.refine_s, found, score, level,
    )  # fmt: skip
    rows = found[:steps]
    return StepFilter(tuple(_step(row, trace) for row in rows), score, level)


def bayes_steps(trace: MotionTrace, settings: BayesSettings) -> tuple[CentreStep, ...]:
    """Return the steps alone; see `filter_steps`."""
    return filter_steps(trace, settings).steps


def _step(row: Floats, trace: MotionTrace) -> CentreStep:
    at, decided = int(row[0]), int(row[1])
    x, y, z = row[2:5].tolist()
    ex, ey, ez = np.sqrt(row[5:8]).tolist()
    end = float(trace.time_s[decided] + trace.duration_s[decided])
    return CentreStep(float(trace.time_s[at]), end, (x, y, z), (ex, ey, ez), float(row[8]))

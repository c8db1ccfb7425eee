"""When did the centre step, if it did: one hypothesis for every recent interval, side by side.

Slot 0 is the hypothesis of no new step; the others form a ring. Each carries the filters of every
kind of wandering, whose weights are log-probabilities up to a constant. `advance` takes an interval
in, `decide` makes one hypothesis the truth.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from pulsefront.motion.detectors.kalman import begin_state, begin_step, predict, update

__all__ = ["Hypotheses", "StepModel", "TraceArrays", "advance", "decide", "none_yet", "write_step"]

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

MIX = 0.01
"""Share of the weights of wandering that is spread evenly again at every interval."""

PRUNED = 30.0
"""Log-odds below the best hypothesis at which one is dropped."""

WIDE = 5.0
"""Errors of an interval that the size of a decided step may at least have: nothing is expected."""

NEXT, LAST = 0, 1


class TraceArrays(NamedTuple):
    """A trace for kernels: (interval,) times in s, (interval, axis) centre and error in mm."""

    time_s: Floats
    duration_s: Floats
    centre: Floats
    error: Floats


class StepModel(NamedTuple):
    """What is assumed; see `pulsefront.motion.detectors.bayes.BayesSettings`."""

    wander: Floats
    steps_per_s: float
    size_mm: float
    size_errors: float


class Hypotheses(NamedTuple):
    """The state of the detector after an interval.

    Attributes
    ----------
    mean, cov
        (slot, kind, axis, 4) and (slot, kind, axis, 4, 4): level, slope, curvature, step.
    weight
        (slot, kind) log-probability, up to a constant.
    begun
        (slot,) interval of the step; -1 where the slot is free or was dropped.
    sizes
        (slot, axis) expected square of the step.
    fresh_at, mean_then, cov_then, weight_then
        Slot 0 as it was before the interval that each slot began with, and which that was.
    numbers
        (2,) next slot of the ring, interval of the last decision.
    """

    mean: Floats
    cov: Floats
    weight: Floats
    begun: Integers
    sizes: Floats
    fresh_at: Integers
    mean_then: Floats
    cov_then: Floats
    weight_then: Floats
    numbers: Integers

    def copy(self) -> Hypotheses:
        """Return one that does not change when this one is advanced."""
        return self._replace(**{name: getattr(self, name).copy() for name in self._fields})


def none_yet(centre: Floats, kinds: int, window: int) -> Hypotheses:
    """Return the state before the first interval, whose *centre* (axis,) is the level."""
    slots = window + 1
    mean, cov = np.zeros((slots, kinds, 3, 4)), np.zeros((slots, kinds, 3, 4, 4))
    weight = np.full((slots, kinds), -np.inf)
    weight[0] = -np.log(kinds)
    for q in range(kinds):
        for a in range(3):
            begin_state(mean[0, q, a], cov[0, q, a], centre[a])
    free = np.full(slots, -1, np.int64)
    return Hypotheses(
        mean, cov, weight, free, np.ones((slots, 3)), free.copy(), np.zeros_like(mean),
        np.zeros_like(cov), np.zeros((slots, kinds)), np.array([1, 0]),
    )  # fmt: skip


@njit(nogil=True, cache=True)
def _since_before(trace: TraceArrays, t: int) -> float:
    """Return the time between the middles of an interval and the one before."""
    if t == 0:
        return 0.0
    before = trace.time_s[t - 1] + trace.duration_s[t - 1] / 2
    return max(trace.time_s[t] + trace.duration_s[t] / 2 - before, 1e-6)  # type: ignore[no-any-return]


@njit(nogil=True, cache=True)
def advance(state: Hypotheses, trace: TraceArrays, model: StepModel, t: int) -> tuple[float, int]:
    """Take in interval *t*; return the log-odds of a step, and the most probable one's slot.

    A step that is only now cannot be told from one bad interval, and speaks against those that
    would be taken for it an interval early: it counts as none.
    """
    mean, cov, weight, begun = state.mean, state.cov, state.weight, state.begun
    slots, kinds = weight.shape
    step_s = _since_before(trace, t)
    # Which wandering holds is forgotten slowly.
    top = weight[0].max()
    even = top + np.log(np.exp(weight[0] - top).mean())
    for q in range(kinds):
        weight[0, q] = np.logaddexp(weight[0, q] + np.log(1 - MIX), even + np.log(MIX))
    chance = min(model.steps_per_s * max(step_s, trace.duration_s[t]), 0.1)
    fresh = state.numbers[NEXT]
    state.numbers[NEXT] = 1 + fresh % (slots - 1)
    mean[fresh], cov[fresh] = mean[0], cov[0]
    weight[fresh] = weight[0] + np.log(chance)
    weight[0] += np.log(1 - chance)
    state.mean_then[fresh], state.cov_then[fresh] = mean[fresh], cov[fresh]
    state.weight_then[fresh] = weight[fresh]
    begun[fresh] = state.fresh_at[fresh] = t
    best = weight.max()
    for j in range(slots):
        if j and begun[j] < 0:
            continue
        if j and j != fresh and weight[j].max() < best - PRUNED:
            begun[j] = -1
            weight[j] = -np.inf
            continue
        for q in range(kinds):
            for a in range(3):
                m, c = mean[j, q, a], cov[j, q, a]
                predict(m, c, step_s, model.wander[q])
                if j == fresh:
                    expected = (model.size_errors * trace.error[t, a]) ** 2
                    state.sizes[j, a] = model.size_mm**2 + expected
                    begin_step(m, c, state.sizes[j, a])
                weight[j, q] += update(m, c, trace.centre[t, a], trace.error[t, a] ** 2)
    weight -= weight.max()
    none, some, best_slot, best_weight = np.exp(weight[0]).sum(), 0.0, 0, -np.inf
    for j in range(1, slots):
        if begun[j] < 0:
            continue
        here = np.exp(weight[j]).sum()
        if begun[j] == t:
            none += here
            continue
        some += here
        if here > best_weight:
            best_weight, best_slot = here, j
    return np.log(max(some, 1e-300)) - np.log(max(none, 1e-300)), best_slot


@njit(nogil=True, cache=True)
def _filter_anew(
    state: Hypotheses, trace: TraceArrays, model: StepModel, slot: int, at: int, skipped: int,
    end: int, weight: Floats, mean: Floats, cov: Floats, sizes: Floats,
) -> float:  # fmt: skip
    """Filter with a step at interval *at* up to *end*, from where *slot* began.

    Return the log-evidence; the arrays are filled. *sizes* is a prior as wide as the step: what was
    expected of it is forgotten. In *skipped* intervals from *at* on the patient was on his way:
    they may lie anywhere between, and say nothing of the step.
    """
    weight[:], mean[:] = state.weight_then[slot], state.mean_then[slot]
    cov[:] = state.cov_then[slot]
    for a in range(3):
        seen = trace.centre[at + skipped : end + 1, a].mean() - mean[:, a, 0].mean()
        sizes[a] = max((WIDE * trace.error[at, a]) ** 2, seen**2)
    for t in range(state.fresh_at[slot], end + 1):
        step_s = _since_before(trace, t)
        for q in range(len(weight)):
            for a in range(3):
                m, c, value = mean[q, a], cov[q, a], trace.centre[t, a]
                predict(m, c, step_s, model.wander[q])
                if at <= t < at + skipped:
                    total = c[0, 0] + sizes[a] + trace.error[t, a] ** 2
                    weight[q] -= 0.5 * ((value - m[0]) ** 2 / total + np.log(2 * np.pi * total))
                    continue
                if t == at + skipped:
                    begin_step(m, c, sizes[a])
                weight[q] += update(m, c, value, trace.error[t, a] ** 2)
    top = weight.max()
    return top + np.log(np.exp(weight - top).sum())  # type: ignore[no-any-return]


@njit(nogil=True, cache=True)
def decide(
    state: Hypotheses, trace: TraceArrays, model: StepModel, t: int, slot: int, row: Floats
) -> None:
    """Make the step of *slot* the truth, at the end of interval *t*; write it into *row* (9,).

    It is filtered anew, with a prior as wide as the step: the expected size helps to decide, and
    would pull the level after a large step towards none. The interval that he moved in, this or the
    one before, is left out where this explains the centre better.
    """
    at, slots = state.begun[slot], len(state.begun)
    before = slot - 1 if slot > 1 else slots - 1
    start = before if state.fresh_at[before] == at - 1 else slot
    mean, cov = np.zeros_like(state.mean[0]), np.zeros_like(state.cov[0])
    weight, sizes = np.zeros_like(state.weight[0]), np.zeros(3)
    best = -np.inf
    for option in range(3):
        moved, skipped = at - option // 2, min(option, 1)
        if moved < state.fresh_at[start] or moved + skipped > t:
            continue
        evidence = _filter_anew(
            state, trace, model, start, moved, skipped, t, weight, mean, cov, sizes
        )
        if evidence > best:
            best = evidence
            state.mean[0], state.cov[0], state.sizes[0] = mean, cov, sizes
            state.weight[0] = weight
            row[0] = moved
    row[1] = t
    state.weight[0] -= state.weight[0].max()
    write_step(state, row)
    state.begun[:] = -1
    state.fresh_at[:] = -1
    state.weight[1:] = -np.inf
    state.numbers[NEXT], state.numbers[LAST] = 1, t


@njit(nogil=True, cache=True)
def write_step(state: Hypotheses, row: Floats) -> None:
    """Write shift and variance of the last step, averaged over the kinds of wandering.

    What was expected of its size, a Gaussian about 0, is taken out again of each kind: it would
    make steps smaller.
    """
    share = np.exp(state.weight[0] - state.weight[0].max())
    share /= share.sum()
    for a in range(3):
        value, square, expected = 0.0, 0.0, state.sizes[0, a]
        for q in range(len(share)):
            left = state.cov[0, q, a, 3, 3]
            grown = expected / max(expected - left, 0.05 * expected)
            here = state.mean[0, q, a, 3] * grown
            value += share[q] * here
            square += share[q] * (left * grown + here**2)
        row[2 + a] = value
        row[5 + a] = max(square - value**2, 1e-12)

"""What the hypotheses of the filter say, interval by interval, as small integers for a network.

The log-odds of a step for several ages of it, of all ages now and some intervals ago, how many
standard errors the most probable step is large, and what the filter thinks of the drift. All are
made of statistical errors and log-odds: the same at every count rate. In eighths, most of them.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from pulsefront.motion.detectors.hypotheses import (
    LAST,
    Hypotheses,
    StepModel,
    TraceArrays,
    advance,
    write_step,
)

__all__ = ["EVIDENCE", "LARGEST_EVIDENCE", "advance_many"]

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

AGES = (1, 2, 4, 8, 15, 25, 40, 60, 90)
"""Last age of each group of hypotheses, in intervals."""

AGO = (1, 3, 8)
"""How many intervals ago the log-odds are looked at too."""

PER_UNIT, FINE = 8, 8.0
"""Steps in a unit; slope and doubt of the level, fractions of an error, have as many more."""

LARGEST_EVIDENCE = 127
"""Numbers are cut at ±127: log-odds at ±15.9."""

EVIDENCE = (
    *(f"log_odds_age_to_{age}" for age in AGES),
    "log_odds",
    *(f"log_odds_{ago}_ago" for ago in AGO),
    "size_in_errors",
    "doubt_in_errors",
    "age",
    "since_decision",
    "wander",
    "slope_in_errors",
    "level_in_errors",
)


@njit(nogil=True, cache=True)
def _cut(value: float) -> int:
    return int(min(max(np.floor(value * PER_UNIT + 0.5), -LARGEST_EVIDENCE), LARGEST_EVIDENCE))


@njit(nogil=True, cache=True)
def _look(
    state: Hypotheses, trace: TraceArrays, t: int, slot: int, ages: Integers, ago: Integers,
    score: Floats, out: Integers,
) -> None:  # fmt: skip
    """Write the evidence of interval *t* into *out* (evidence,)."""
    weight, groups = state.weight, len(ages)
    of_age = np.zeros(groups)
    none = np.exp(weight[0]).sum()
    for j in range(1, len(weight)):
        if state.begun[j] < 0:
            continue
        here = np.exp(weight[j]).sum()
        if state.begun[j] == t:
            none += here
            continue
        of_age[np.searchsorted(ages, t - state.begun[j])] += here
    for g in range(groups):
        out[g] = _cut(np.log(max(of_age[g], 1e-30)) - np.log(none))
    out[groups] = _cut(score[t])
    last = state.numbers[LAST]
    for k in range(len(ago)):
        before = t - ago[k]
        out[groups + 1 + k] = _cut(score[before]) if before > last else -LARGEST_EVIDENCE
    column = groups + 1 + len(ago)
    size2, doubt = 0.0, 0.0
    q = np.argmax(weight[slot])
    if slot > 0:
        for a in range(3):
            left = state.cov[slot, q, a, 3, 3]
            expected = state.sizes[slot, a]
            grown = expected / max(expected - left, 0.05 * expected)
            size2 += state.mean[slot, q, a, 3] ** 2 * grown / left
            doubt += np.sqrt(left * grown) / trace.error[t, a] / 3
    out[column] = _cut(np.sqrt(size2))
    out[column + 1] = _cut(doubt)
    out[column + 2] = min(t - state.begun[slot], LARGEST_EVIDENCE) if slot > 0 else 0
    out[column + 3] = min(t - last, LARGEST_EVIDENCE)
    share = np.exp(weight[0] - weight[0].max())
    share /= share.sum()
    wander = 0.0
    for k in range(len(share)):
        wander += share[k] * k
    out[column + 4] = _cut(wander)
    slope, level = 0.0, 0.0
    q = np.argmax(weight[0])
    for a in range(3):
        error = trace.error[t, a]
        slope += (state.mean[0, q, a, 1] * trace.duration_s[t] / error) ** 2
        level += np.sqrt(state.cov[0, q, a, 0, 0]) / error / 3
    out[column + 5] = _cut(FINE * np.sqrt(slope))
    out[column + 6] = _cut(FINE * level)


@njit(nogil=True, cache=True)
def _advance_many(
    state: Hypotheses, trace: TraceArrays, model: StepModel, begin: int, end: int, ages: Integers,
    ago: Integers, score: Floats, slots: Integers, out: Integers, row: Floats, open_until: float,
) -> None:  # fmt: skip
    for t in range(begin, end):
        score[t], slots[t] = advance(state, trace, model, t)
        _look(state, trace, t, slots[t], ages, ago, score, out[t])
        if trace.time_s[t] + trace.duration_s[t] / 2 <= open_until:
            write_step(state, row)


def advance_many(
    state: Hypotheses, trace: TraceArrays, model: StepModel, begin: int, end: int, score: Floats,
    slots: Integers, out: Integers, row: Floats, open_until: float,
) -> None:  # fmt: skip
    """Take in intervals *begin* to *end* with no decision.

    Parameters
    ----------
    score, slots, out
        (interval,) log-odds, (interval,) slot of the most probable step, and (interval, evidence)
        integers: filled for these intervals; the score of earlier ones is looked at.
    row, open_until
        (9,) the last step decided, measured anew up to this time.
    """
    _advance_many(
        state,
        trace,
        model,
        begin,
        end,
        np.array(AGES),
        np.array(AGO),
        score,
        slots,
        out,
        row,
        open_until,
    )

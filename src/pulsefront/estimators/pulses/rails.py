"""The levels at which samples of a channel pile up: the ends of its converter or amplifier.

A pulse that is cut off lies at one and the same code for several samples, and so do all others that
are cut off, which noise does not let happen at the top of a whole pulse. The level is looked for
where samples end: at the largest and at the smallest ones of all waveforms.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from pulsefront.estimators.pulses.soft_limit import find_soft_limit

__all__ = ["Rails", "find_rails"]

Floats = NDArray[np.float64]

LEVELS_TRIED = 3
"""A few corrupt samples beyond a level do not hide it."""

MOST_BEYOND = 0.005
LEAST_EVIDENCE = float(np.log(1e6))
LEAST_AT_LEVEL = 3
TIMES_THE_NEXT = 3.0
"""The rounded top of a whole pulse holds at most 2.4 times as many samples in its last code as in
the next, which follows from a parabola."""

QUIET = 0.7
"""Share of equal neighbours in the baseline above which noise does not tell codes apart."""

NEAR_CODES = 8
LOOKED_AT = 100
BITS = (6, 7, 8, 10, 11, 12, 13, 14, 15, 16)


class Rails(NamedTuple):
    """Lowest and highest level of a channel; None where samples do not pile up."""

    low_adc: float | None = None
    high_adc: float | None = None


class _Evidence(NamedTuple):
    """Samples at a level and at the code before it, in the events that reach it; their runs."""

    at_level: int
    before_it: int
    repeats: int
    shortest: int
    longest: int


def find_rails(
    waveforms: NDArray[Any],
    lowest: Floats,
    highest: Floats,
    gate: slice,
    step: float,
    usable: NDArray[np.bool_],
    side: float,
    ends: tuple[bool, bool] = (True, True),
) -> Rails:
    """Return the levels at which the samples of an (event, sample) block pile up.

    Parameters
    ----------
    lowest, highest
        (event,) extreme samples.
    gate
        Samples of the baseline, whose noise says how rarely equal samples follow each other.
    step
        Distance of neighbouring codes; 0 where samples are not digital.
    usable
        (event,) False for events that are not to be trusted: cut off, or filled up with zeros.
    side
        −1 where pulses go down. Equal extremes of many events are evidence on that side alone: on
        the other, the lowest cell of a ring sampler is the same in all of them.
    ends
        Whether to look for the lowest level, and for the highest.
    """
    if not any(ends):
        return Rails()
    trusted = usable & np.isfinite(lowest) & np.isfinite(highest) & (lowest < highest)
    found = [
        _find_rail(waveforms, extremes, sign, gate, step, trusted, side) if asked else None
        for extremes, sign, asked in ((lowest, -1.0, ends[0]), (highest, 1.0, ends[1]))
    ]
    return Rails(*found)


def _find_rail(
    waveforms: NDArray[Any],
    extremes: Floats,
    sign: float,
    gate: slice,
    step: float,
    trusted: NDArray[np.bool_],
    side: float,
) -> float | None:
    rows = np.flatnonzero(trusted)
    reached = sign * extremes[rows]
    most = int(MOST_BEYOND * len(rows))
    soft = None
    if sign == side:
        soft = find_soft_limit(waveforms, rows, reached, sign, gate, step, most)
        if soft is not None and _by_chance(soft.events, soft.expected) <= LEAST_EVIDENCE:
            soft = None
    beyond = 0
    for _ in range(LEVELS_TRIED):
        if not len(rows):
            break
        level = float(reached.max())
        at_it = reached == level
        if _is_rail(waveforms, rows, reached, sign * level, sign, gate, step, side):
            # Of tops that noise lies on, the highest code may look like a level.
            exact = soft is None or abs(soft.middle_adc - sign * level) < 0.5 * step
            return sign * level if exact or soft is None else soft.level_adc
        beyond += int(np.count_nonzero(at_it))
        if beyond > most:
            break
        rows, reached = rows[~at_it], reached[~at_it]
    return None if soft is None else soft.level_adc


def _is_rail(
    waveforms: NDArray[Any],
    rows: NDArray[np.int64],
    reached: Floats,
    level: float,
    sign: float,
    gate: slice,
    step: float,
    side: float,
) -> bool:
    at_it = rows[reached == sign * level]
    events = at_it[:LOOKED_AT]
    seen = _Evidence(*_evidence(waveforms, events, level, sign, step))
    if seen.at_level < max(LEAST_AT_LEVEL, TIMES_THE_NEXT * seen.before_it):
        return False
    inside = waveforms[events[:50], gate]
    equal = float(np.mean(inside[:, 1:] == inside[:, :-1])) if inside.shape[1] > 1 else 1.0
    if equal > QUIET:
        if np.median(sign * inside) >= sign * level - step:
            return False  # the baseline itself, of a channel without noise
        # Equal pulses without noise have equal tops too.
        varied = seen.longest >= max(seen.shortest + 2, 1.1 * seen.shortest)
        if not (varied and len(events) > 2) and not _ends_a_converter(level, waveforms.dtype):
            return False
    evidence = -seen.repeats * float(np.log(np.clip(equal, 1e-3, 0.98)))
    if equal < 0.5 and sign == side:
        near = np.count_nonzero(reached > sign * level - (NEAR_CODES + 0.5) * step)
        evidence += _by_chance(len(at_it), (near - len(at_it)) / NEAR_CODES)
    return evidence > LEAST_EVIDENCE


def _by_chance(events: int, expected: float) -> float:
    """Return −log of the chance of so many events where so many are expected (Chernoff)."""
    expected = max(expected, 0.1)
    if events < LEAST_AT_LEVEL or events <= expected:
        return 0.0
    return events * float(np.log(events / expected)) - (events - expected)


def _ends_a_converter(level: float, dtype: np.dtype[Any]) -> bool:
    if dtype.kind in "iu" and level in (np.iinfo(dtype).min, np.iinfo(dtype).max):
        return True
    return level == 0 or level in {2.0**bits - 1 for bits in BITS}


@njit(nogil=True, cache=True)
def _evidence(
    waveforms: NDArray[Any], events: NDArray[np.int64], level: float, sign: float, step: float
) -> tuple[int, int, int, int, int]:
    """Return the fields of `_Evidence`; the run of an event is its longest at the level."""
    at_level = before_it = repeats = longest = 0
    shortest = waveforms.shape[1]
    for event in events:
        run = best = 0
        for sample in waveforms[event]:
            below = sign * (level - np.float64(sample))
            if below == 0.0:
                at_level += 1
                run += 1
                best = max(best, run)
            else:
                run = 0
                if below <= 1.01 * step:
                    before_it += 1
        repeats += best - 1
        longest = max(longest, best)
        shortest = min(shortest, best)
    return at_level, before_it, repeats, shortest, longest

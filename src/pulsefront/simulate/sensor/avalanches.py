"""From light on a photosensor to single avalanches in time.

Speed comes from doing the same to all avalanches before the next thing is done to any: the random
words, the cells and the charges are then plain loops over arrays, which the compiler turns into
vector instructions. One 64-bit word serves an avalanche; only those that set off others need more.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from pulsefront.simulate.run.random import (
    borrowed,
    exponential,
    next_word,
    poisson,
    uniform,
)
from pulsefront.simulate.sensor.avalanche_model import GAINS, AvalancheModel

__all__ = [
    "Scratch",
    "add_avalanches",
    "add_dark_counts",
    "scratch",
    "total_charge",
]

# A word: 32 bits for the cell, 12 for the charge, 20 for whether there are secondaries.
_GAIN_BITS, _CHANCE_BITS = np.uint64(GAINS - 1), np.uint64((1 << 20) - 1)
_CHANCES = float(1 << 20)
_BY_20, _BY_32 = np.uint64(20), np.uint64(32)
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_A, _MIX_B = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_BY_30, _BY_27, _BY_31 = np.uint64(30), np.uint64(27), np.uint64(31)
# A cell that fired 20 time constants before has recovered to 2e-9.
_RECOVERED, _EXP_STEPS = 20.0, 64
_EXP = np.exp(-np.arange(int(_RECOVERED) * _EXP_STEPS + 1) / _EXP_STEPS)
_BY_11, _EIGHT, _PER_53_BITS = np.uint64(11), np.uint64(7), 1.0 / 9007199254740992.0
_LAST_TAG = 2**31 - 1
Table = NDArray[np.float64]
State = NDArray[np.uint64]
Times = NDArray[np.float64]


class Scratch(NamedTuple):
    """What `add_avalanches` writes to, allocated once for many events.

    Attributes
    ----------
    word, cell, link, picked
        (avalanche,): random word, cell, the avalanche before it in the list that fell into the
        same cell, and numbers of avalanches to look at.
    latest, tag
        (cells,) the last avalanche of each cell, counted on from event to event so that nothing
        has to be cleared between them; (1,) where the present event starts to count.
    """

    word: NDArray[np.uint64]
    cell: NDArray[np.int32]
    link: NDArray[np.int32]
    picked: NDArray[np.int32]
    latest: NDArray[np.int32]
    tag: NDArray[np.int32]


@njit(nogil=True, cache=True)
def scratch(most: int, cells: int) -> Scratch:
    """Return room for *most* avalanches on a photosensor of *cells*."""
    return Scratch(
        np.zeros(most, np.uint64),
        np.zeros(most, np.int32),
        np.zeros(most, np.int32),
        np.zeros(most + 1, np.int32),
        np.full(max(1, cells), -1, np.int32),
        np.zeros(1, np.int32),
    )


@njit(nogil=True, cache=True)
def add_dark_counts(
    state: State, dark_per_ns: float, start: float, stop: float, time_ns: Times, count: int
) -> int:
    """Append dark counts between two times; return the new number of avalanches."""
    number = poisson(state, dark_per_ns * (stop - start))
    for _ in range(number):
        if count < len(time_ns):
            time_ns[count] = start + (stop - start) * uniform(state)
            count += 1
    return count


@njit(nogil=True, cache=True, fastmath={"reassoc"})
def total_charge(amplitude: Times, count: int) -> float:
    """Return the sum of the first *count* charges."""
    total = 0.0
    for n in range(count):
        total += amplitude[n]
    return total


@njit(nogil=True, cache=True)
def add_avalanches(
    state: State,
    model: AvalancheModel,
    time_ns: Times,
    amplitude: Times,
    count: int,
    room: Scratch,
) -> int:
    """Append crosstalk and afterpulses, and fill the charge of every avalanche.

    Secondaries have secondaries themselves: each generation is appended behind the one before. An
    afterpulse falls into the cell of its parent, crosstalk into one of the eight around it.
    Charges are in units of a mean avalanche of a recovered cell; a cell that fired Δt before has
    recovered to 1 − e^(−Δt/τ).

    Returns the new number of avalanches; what no longer fits into the arrays is left out, which at
    their size does not happen below a mean occupancy of several avalanches per cell. The cost
    grows with the square of the avalanches of a cell, which are few in any readable signal.
    """
    every_kind = model.crosstalk + model.delayed + model.afterpulse
    p_any = -math.expm1(-every_kind)
    chance = np.uint64(_CHANCES * p_any + 0.5)
    done = 0
    while done < count:
        ready = count
        _words(next_word(state), room.word, done, ready)
        if done == 0:
            _place(room.word, ready, model.cells, room.cell)
        _charge(room.word, model.gains, done, ready, amplitude)
        parents = _parents(room.word, chance, done, ready, room.picked)
        count = _secondaries(
            state, model, p_any, parents, time_ns, room.word, room.cell, room.picked, count
        )
        done = ready
    if model.cells > 0:
        if room.tag[0] > _LAST_TAG - count:
            room.latest[:] = -1
            room.tag[0] = 0
        tag = room.tag[0]
        chains = (room.cell, room.link, room.picked, room.latest)
        again = _met_again(tag, count, *chains)
        _recover(model.recovery_ns, time_ns, amplitude, again, tag, *chains)
        room.tag[0] = tag + count
    return count


@njit(nogil=True, cache=True)
def _words(base: np.uint64, word: NDArray[np.uint64], begin: int, end: int) -> None:
    """Fill *word* with random bits, each made from its index alone, so that many are made at once.

    Generator: Steele, Lea and Flood 2014, "Fast splittable pseudorandom number generators",
    SplitMix64, started at a word of the caller's generator.
    """
    for n in range(begin, end):
        z = base + np.uint64(n) * _GOLDEN
        z = (z ^ (z >> _BY_30)) * _MIX_A
        z = (z ^ (z >> _BY_27)) * _MIX_B
        word[n] = z ^ (z >> _BY_31)


@njit(nogil=True, cache=True)
def _place(word: NDArray[np.uint64], count: int, cells: int, cell: NDArray[np.int32]) -> None:
    """Give every primary avalanche a cell."""
    number = np.uint64(cells)
    for n in range(count):
        cell[n] = np.int32(((word[n] >> _BY_32) * number) >> _BY_32)


@njit(nogil=True, cache=True)
def _charge(word: NDArray[np.uint64], gains: Table, begin: int, end: int, amplitude: Times) -> None:
    for n in range(begin, end):
        amplitude[n] = gains[(word[n] >> _BY_20) & _GAIN_BITS]


@njit(nogil=True, cache=True)
def _parents(
    word: NDArray[np.uint64], chance: np.uint64, begin: int, end: int, picked: NDArray[np.int32]
) -> int:
    """Collect the avalanches that have a secondary; return their number."""
    found = 0
    for n in range(begin, end):
        picked[found] = n
        found += (word[n] & _CHANCE_BITS) < chance
    return found


@njit(nogil=True, cache=True, error_model="numpy")
def _secondaries(
    state: State,
    model: AvalancheModel,
    p_any: float,
    parents: int,
    time_ns: Times,
    word: NDArray[np.uint64],
    cell: NDArray[np.int32],
    picked: NDArray[np.int32],
    count: int,
) -> int:
    """Append the secondaries, at least one each, of *parents*; return the number of avalanches.

    Their number is Poisson without its zero, by inversion of the bits that said that there are
    any; each is of a kind by its share of the mean.
    """
    crosstalk = model.crosstalk + model.delayed
    every_kind = crosstalk + model.afterpulse
    rng = borrowed(state)
    for k in range(parents):
        parent = picked[k]
        left = (float(word[parent] & _CHANCE_BITS) + 0.5) / _CHANCES
        term, number = every_kind * (1.0 - p_any), 1.0
        while left > 0.0 and count < len(time_ns) and term > 0.0:
            bits = next_word(rng)
            kind = float(bits >> _BY_11) * _PER_53_BITS * every_kind
            delay, hit = 0.0, cell[parent]
            if kind < crosstalk:
                if kind >= model.crosstalk:
                    delay = model.delayed_ns * exponential(rng)
                hit = neighbour(rng, bits, hit, model.cells, model.side)
            else:
                delay = model.afterpulse_ns * exponential(rng)
            cell[count] = hit
            time_ns[count] = time_ns[parent] + delay
            count += 1
            left -= term
            number += 1.0
            term *= every_kind / number
    return count


@njit(nogil=True, cache=True, error_model="numpy")
def neighbour(state: State, word: np.uint64, cell: int, cells: int, side: int) -> int:
    """Return one of the eight cells around *cell* in rows of *side*, or itself if it has none.

    The lowest bits of *word* choose; at a rim, further words until the choice is a cell.
    """
    # Exact, and several times faster than a division of integers.
    row = int((cell + 0.5) * (1.0 / side))
    column = cell - row * side
    for _ in range(100):
        step = int(word & _EIGHT)
        step += step >= 4
        down = (step >= 3) + (step >= 6)
        to_row, to_column = row + down - 1, column + step - 3 * down - 1
        to = to_row * side + to_column
        if to_row >= 0 and 0 <= to_column < side and to < cells:
            return to
        word = next_word(state)
    return cell


@njit(nogil=True, cache=True, error_model="numpy")
def _recover(
    tau_ns: float,
    time_ns: Times,
    amplitude: Times,
    again: int,
    tag: int,
    cell: NDArray[np.int32],
    link: NDArray[np.int32],
    picked: NDArray[np.int32],
    latest: NDArray[np.int32],
) -> None:
    """Take from the charges of cells that fired *again* what they had not yet recovered."""
    per_ns = 1.0 / tau_ns
    for k in range(again):
        n = picked[k]
        if latest[cell[n]] != tag + n:
            # A later one of the list heads the chain of this cell.
            continue
        before = link[n]
        if link[before] < 0:
            since = time_ns[n] - time_ns[before]
            later = n if since >= 0.0 else before
            amplitude[later] *= 1.0 - _decayed(abs(since) * per_ns)
        else:
            _recover_chain(per_ns, time_ns, amplitude, n, link)


@njit(nogil=True, cache=True, error_model="numpy")
def _met_again(
    tag: int,
    count: int,
    cell: NDArray[np.int32],
    link: NDArray[np.int32],
    picked: NDArray[np.int32],
    latest: NDArray[np.int32],
) -> int:
    """Link the avalanches of each cell; collect those that found theirs taken, and their number.

    Most cells fire once: their avalanches need not be put in order of time.
    """
    found = 0
    for n in range(count):
        before = latest[cell[n]]
        latest[cell[n]] = np.int32(tag + n)
        link[n] = np.int32(before - tag)
        picked[found] = n
        found += before >= tag
    return found


@njit(nogil=True, cache=True)
def _recover_chain(
    per_ns: float, time_ns: Times, amplitude: Times, head: int, link: NDArray[np.int32]
) -> None:
    """Do for any number of avalanches of one cell what `_recover` does for two."""
    n = head
    while n >= 0:
        since, other = math.inf, head
        while other >= 0:
            # At equal times the one that comes first in the list is the first.
            earlier = time_ns[other] < time_ns[n] or (time_ns[other] == time_ns[n] and other < n)
            if earlier and time_ns[n] - time_ns[other] < since:
                since = time_ns[n] - time_ns[other]
            other = link[other]
        amplitude[n] *= 1.0 - _decayed(since * per_ns)
        n = link[n]


@njit(nogil=True, cache=True)
def _decayed(x: float) -> float:
    """Return e^−x to 10 digits: from a table in steps of 1/64 and three terms of its series."""
    if x >= _RECOVERED:
        return 0.0
    step = int(x * _EXP_STEPS)
    rest = x - step / _EXP_STEPS
    return float(_EXP[step] * (1.0 - rest * (1.0 - rest * (0.5 - rest * (1.0 / 6.0)))))

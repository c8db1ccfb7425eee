"""From light on a photosensor to single avalanches in time."""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from pulsefront.detector import PMT, Detector, SiPM
from pulsefront.simulate.photosensor import crosstalk_mean
from pulsefront.simulate.random import exponential, next_word, normal, poisson, uniform

__all__ = ["add_dark_counts", "add_secondaries", "apply_recovery", "avalanche_row"]

_CELLS, _CROSSTALK, _DELAYED, _DELAYED_NS, _AFTERPULSE, _AFTERPULSE_NS = range(6)
_RECOVERY, _SPREAD, _JITTER, _DARK_PER_NS = range(6, 10)
_HALF_WORD, _LOW_WORD = np.uint64(32), np.uint64(0xFFFFFFFF)
_PER_HALF_WORD = 1.0 / 4294967296.0
Row = NDArray[np.float64]
State = NDArray[np.uint64]
Times = NDArray[np.float64]


def avalanche_row(detector: Detector) -> Row:
    """Return the numbers that the kernels here read; times in ns."""
    sensor = detector.photosensor
    row = np.zeros(10)
    row[_SPREAD] = sensor.gain_spread
    row[_DARK_PER_NS] = sensor.dark_count_rate_hz * 1e-9
    row[_DELAYED_NS] = row[_AFTERPULSE_NS] = row[_RECOVERY] = 1.0
    if isinstance(sensor, SiPM):
        row[_CELLS] = sensor.cells
        row[_CROSSTALK] = crosstalk_mean(sensor.crosstalk)
        row[_DELAYED], row[_DELAYED_NS] = sensor.delayed_crosstalk, sensor.delayed_crosstalk_ns
        row[_AFTERPULSE], row[_AFTERPULSE_NS] = sensor.afterpulse, sensor.afterpulse_ns
        row[_RECOVERY] = sensor.recovery_ns
        row[_JITTER] = sensor.sptr_sigma_ps / 1000.0
    else:
        assert isinstance(sensor, PMT)
        row[_JITTER] = sensor.transit_time_spread_sigma_ps / 1000.0
    return row


@njit(nogil=True, cache=True)
def time_jitter(state: State, row: Row) -> float:
    """Return the photosensor's error on the time of one photon, ns."""
    return float(row[_JITTER] * normal(state))


@njit(nogil=True, cache=True)
def add_dark_counts(
    state: State, row: Row, start: float, stop: float, time_ns: Times, count: int
) -> int:
    """Append dark counts between two times; return the new number of avalanches."""
    number = poisson(state, row[_DARK_PER_NS] * (stop - start))
    for _ in range(number):
        if count < len(time_ns):
            time_ns[count] = start + (stop - start) * uniform(state)
            count += 1
    return count


@njit(nogil=True, cache=True)
def neighbour(state: State, cell: int, side: int, cells: int) -> int:
    """Return one of the eight cells around a cell of a square array, or itself if it has none."""
    row, column = cell // side, cell % side
    for _ in range(100):
        step = int(9.0 * uniform(state))
        to_row, to_column = row + step // 3 - 1, column + step % 3 - 1
        to = to_row * side + to_column
        inside = to_row >= 0 and 0 <= to_column < side and to < cells
        if step != 4 and inside:
            return to
    return cell


@njit(nogil=True, cache=True)
def add_secondaries(
    state: State,
    row: Row,
    time_ns: Times,
    cell: NDArray[np.int32],
    count: int,
) -> int:
    """Give every avalanche a cell, and append crosstalk and afterpulses.

    Secondaries have secondaries themselves: the list is walked to its growing end. An afterpulse
    falls into the cell of its parent, crosstalk into one of the eight around it. Returns the new
    number; what no longer fits into the arrays is left out, which at their size does not happen
    below a mean occupancy of several avalanches per cell.
    """
    cells = row[_CELLS]
    primaries = count
    if cells <= 0.0:
        return count
    crosstalk = row[_CROSSTALK] + row[_DELAYED]
    every_kind = crosstalk + row[_AFTERPULSE]
    p_any = -math.expm1(-every_kind)
    side = max(1, round(math.sqrt(cells)))
    n = 0
    while n < count:
        # One word serves two draws: its upper half the cell, its lower half what follows.
        word = next_word(state)
        if n < primaries:
            cell[n] = int(float(word >> _HALF_WORD) * _PER_HALF_WORD * cells)
        # Most avalanches have no secondary, which one draw decides; otherwise their number is
        # Poisson without its zero, by inversion, and each is of a kind by its share of the mean.
        left = float(word & _LOW_WORD) * _PER_HALF_WORD - (1.0 - p_any)
        term, number = every_kind * (1.0 - p_any), 1
        while left > 0.0 and count < len(time_ns) and term > 0.0:
            kind = uniform(state) * every_kind
            if kind < crosstalk:
                delayed = kind >= row[_CROSSTALK]
                delay = row[_DELAYED_NS] * exponential(state) if delayed else 0.0
                cell[count] = neighbour(state, cell[n], side, int(cells))
            else:
                delay = row[_AFTERPULSE_NS] * exponential(state)
                cell[count] = cell[n]
            time_ns[count] = time_ns[n] + delay
            count += 1
            left -= term
            number += 1
            term *= every_kind / number
        n += 1
    return count


@njit(nogil=True, cache=True)
def apply_recovery(
    state: State,
    row: Row,
    time_ns: Times,
    cell: NDArray[np.int32],
    order: NDArray[np.int64],
    count: int,
    last_fired: Times,
    amplitude: Times,
) -> None:
    """Fill the charge of every avalanche in units of a mean one.

    A cell that fired Δt before has recovered to 1 − e^(−Δt/τ). *order* runs through the
    avalanches in time; *last_fired* (cells,) is overwritten.
    """
    spread = row[_SPREAD]
    if row[_CELLS] <= 0.0:
        for n in range(count):
            amplitude[n] = max(0.0, 1.0 + spread * normal(state))
        return
    last_fired[:] = -math.inf
    for place in range(count):
        n = order[place]
        since = abs(time_ns[n] - last_fired[cell[n]])
        charge = 1.0
        if since < 20.0 * row[_RECOVERY]:
            charge = 1.0 - math.exp(-since / row[_RECOVERY])
        last_fired[cell[n]] = time_ns[n]
        amplitude[n] = charge * (1.0 + spread * normal(state))

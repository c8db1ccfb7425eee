"""Kernels on one pulse: a row of samples in, a number out; compiled, and plain Python underneath.

They are written so that the compiler can use vector instructions: reductions over slices that
start at 0 (a computed index would have to be checked for wrapping round), sums whose order it may
choose, and largest values found among integers, which order floats of one sign pattern as well.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = [
    "constant_fraction_of",
    "crossing_after",
    "crossing_before",
    "largest_at",
    "largest_second_rise",
    "line_through",
    "lobe_total",
    "mean_and_rms",
    "median_and_mad",
    "moving_average",
    "peak_of",
    "total_of",
]

BLOCK = 128
_SIGN = np.int32(31)
_REST = np.int32(0x7FFFFFFF)


@njit(nogil=True, cache=True, fastmath={"reassoc", "nsz"})
def total_of(pulse: NDArray[Any]) -> float:
    """Return the sum of the samples in float64; not finite where any of them is not."""
    total = 0.0
    for i in range(len(pulse)):
        total += np.float64(pulse[i])
    return total


@njit(nogil=True, cache=True, fastmath={"reassoc", "nsz", "contract"})
def _squares_about(pulse: NDArray[Any], mean: float) -> float:
    total = 0.0
    for i in range(len(pulse)):
        step = np.float64(pulse[i]) - mean
        total += step * step
    return total


@njit(nogil=True, cache=True)
def mean_and_rms(gate: NDArray[Any]) -> tuple[float, float]:
    """Return mean and standard deviation (divided by n) of the samples of a gate."""
    mean = total_of(gate) / len(gate)
    # A second pass: the difference of squares loses all digits on a high pedestal.
    return mean, np.sqrt(_squares_about(gate, mean) / len(gate))


@njit(nogil=True, cache=True)
def median_and_mad(gate: NDArray[Any]) -> tuple[float, float]:
    """Return median and 1.4826 × median absolute deviation of the samples of a gate."""
    values = gate.astype(np.float64)
    middle = np.median(values)
    return middle, 1.4826 * np.median(np.abs(values - middle))


@njit(nogil=True, cache=True)
def line_through(waveform: NDArray[Any], start: int, stop: int) -> tuple[float, float, float]:
    """Return the line through a gate by least squares: level at sample 0, noise about it, slope."""
    mean, rms = mean_and_rms(waveform[start:stop])
    count = stop - start
    middle = 0.5 * (start + stop - 1)
    spread = count * (count * count - 1.0) / 12.0  # Σ (i − middle)²
    moment = 0.0
    for i in range(start, stop):
        moment += (i - middle) * np.float64(waveform[i])
    slope = moment / spread
    noise = np.sqrt(max(rms * rms - slope * slope * spread / count, 0.0))
    return mean - slope * middle, noise, slope


@njit(nogil=True, cache=True)
def _ordered(row: NDArray[np.float32]) -> int:
    """Return the largest value as an integer of the same order."""
    bits = row.view(np.int32)
    largest = np.int32(-0x80000000)
    for i in range(len(bits)):
        value = bits[i]
        largest = max(largest, value ^ ((value >> _SIGN) & _REST))
    return int(largest)


@njit(nogil=True, cache=True)
def largest_at(row: NDArray[Any]) -> int:
    """Return the index of the first largest number of *row* (finite floats; fast in float32)."""
    first = 0
    last = len(row)
    if row.itemsize == 4:
        best = -0x80000001
        for start in range(0, len(row), BLOCK):
            largest = _ordered(row[start : min(start + BLOCK, len(row))])
            if largest > best:
                best = largest
                first = start
        last = min(first + BLOCK, len(row))
    for i in range(first + 1, last):
        if row[i] > row[first]:
            first = i
    if row[first] == 0.0:
        # As an integer, −0 is smaller than 0; as a sample it is not, and the first is meant.
        for i in range(first):
            if row[i] == 0.0:
                return i
    return first


@njit(nogil=True, cache=True)
def peak_of(pulse: NDArray[Any]) -> int:
    """Return the index of the first largest sample of one pulse; −1 if a sample is not finite."""
    if not np.isfinite(total_of(pulse)):
        return -1
    return largest_at(pulse)


@njit(nogil=True, cache=True)
def crossing_before(pulse: NDArray[Any], peak: int, threshold: float) -> float:
    """Return where one pulse last rises through *threshold* before sample *peak*, or NaN."""
    if peak < 0 or not np.isfinite(threshold) or pulse[peak] < threshold:
        return np.nan
    for i in range(peak, 0, -1):
        below = np.float64(pulse[i - 1])
        if below < threshold:
            above = np.float64(pulse[i])
            return i - 1 + (threshold - below) / (above - below)
    return np.nan


@njit(nogil=True, cache=True)
def crossing_after(pulse: NDArray[Any], peak: int, threshold: float) -> float:
    """Return where one pulse first falls below *threshold* after sample *peak*, or NaN."""
    if peak < 0 or not np.isfinite(threshold) or pulse[peak] < threshold:
        return np.nan
    for i in range(peak + 1, len(pulse)):
        below = np.float64(pulse[i])
        if below < threshold:
            above = np.float64(pulse[i - 1])
            return i - 1 + (above - threshold) / (above - below)
    return np.nan


@njit(nogil=True, cache=True, fastmath={"contract"})
def _shape(
    pulse: NDArray[np.float32], fraction: float, whole: int, part: float, row: NDArray[np.float32]
) -> None:
    """Fill *row* with the delayed minus the attenuated pulse, from sample *whole* on."""
    early, late, now = pulse[: len(row)], pulse[1 : len(row) + 1], pulse[whole:]
    share_early, share_late = np.float32(1.0 - part), np.float32(part)
    share_now = np.float32(fraction)
    for i in range(len(row)):
        row[i] = share_early * early[i] + share_late * late[i] - share_now * now[i]


@njit(nogil=True, cache=True)
def _shaped_at(pulse: NDArray[Any], i: int, whole: int, part: float, fraction: float) -> float:
    """Return the delayed minus the attenuated pulse at sample *i*, in float64."""
    early, late = np.float64(pulse[i - whole]), np.float64(pulse[i - whole + 1])
    return early + part * (late - early) - fraction * np.float64(pulse[i])


@njit(nogil=True, cache=True)
def constant_fraction_of(
    pulse: NDArray[np.float32], fraction: float, delay: float, room: NDArray[np.float32]
) -> float:
    """Return the constant-fraction time of one finite pulse, or NaN.

    *room* holds at least as many numbers as the pulse has samples. Where the shaped pulse is
    largest is found in float32; the crossing is looked for and interpolated in float64.
    """
    whole = int(np.ceil(delay))
    part = whole - delay  # the delayed pulse lies this far between two samples
    row = room[: len(pulse) - whole]
    _shape(pulse, fraction, whole, part, row)
    peak = whole + largest_at(row)
    above = _shaped_at(pulse, peak, whole, part, fraction)
    if above < 0.0:
        return np.nan
    for i in range(peak - 1, whole - 1, -1):
        below = _shaped_at(pulse, i, whole, part, fraction)
        if below < 0.0:
            return i - below / (above - below)
        above = below
    return np.nan


@njit(nogil=True, cache=True)
def moving_average(pulse: NDArray[np.float32], half: int) -> None:
    """Replace one pulse by its mean over 2·half + 1 samples; fewer at its two ends."""
    samples = len(pulse)
    sums = np.empty(samples + 1, np.float64)
    sums[0] = 0.0
    for i in range(samples):
        sums[i + 1] = sums[i] + pulse[i]
    for i in range(samples):
        first = max(i - half, 0)
        last = min(i + half + 1, samples)
        pulse[i] = (sums[last] - sums[first]) / (last - first)


@njit(nogil=True, cache=True)
def lobe_total(pulse: NDArray[np.float32], peak: int) -> float:
    """Return the sum of the samples about the peak that lie above zero without a break."""
    start, stop = peak, peak
    while start > 0 and pulse[start - 1] > 0.0:
        start -= 1
    while stop < len(pulse) and pulse[stop] > 0.0:
        stop += 1
    return total_of(pulse[start:stop])


@njit(nogil=True, cache=True)
def largest_second_rise(pulse: NDArray[np.float32], peak: int, floor: float) -> float:
    """Return by how much one finite pulse rises again after its peak, or falls before it, at most.

    Only what lies above zero counts: the way back from an undershoot is no second pulse. What is
    not more than *floor* is 0.
    """
    after = _largest_rise(pulse[peak:], floor)
    before = _largest_fall(pulse[: peak + 1], max(floor, after))
    return max(after, before)


@njit(nogil=True, cache=True)
def _largest_rise(row: NDArray[np.float32], floor: float) -> float:
    lowest = max(float(np.float64(row[0])), 0.0)
    largest = 0.0
    for start in range(0, len(row), BLOCK):
        part = row[start : min(start + BLOCK, len(row))]
        low, high = _range_of(part)
        low = max(low, 0.0)
        if high - min(lowest, low) > max(floor, largest):
            # Only here can it rise so far; whether it does depends on the order.
            for sample in part:
                lowest = min(lowest, max(float(np.float64(sample)), 0.0))
                largest = max(largest, sample - lowest)
        lowest = min(lowest, low)
    return largest if largest > floor else 0.0


@njit(nogil=True, cache=True)
def _largest_fall(row: NDArray[np.float32], floor: float) -> float:
    highest = float(np.float64(row[0]))
    largest = 0.0
    for start in range(0, len(row), BLOCK):
        part = row[start : min(start + BLOCK, len(row))]
        low, high = _range_of(part)
        if max(highest, high) - max(low, 0.0) > max(floor, largest):
            for sample in part:
                highest = max(highest, float(np.float64(sample)))
                largest = max(largest, highest - max(float(np.float64(sample)), 0.0))
        highest = max(highest, high)
    return largest if largest > floor else 0.0


@njit(nogil=True, cache=True)
def _range_of(row: NDArray[np.float32]) -> tuple[float, float]:
    """Return the smallest and the largest of finite samples."""
    bits = row.view(np.int32)
    lowest, highest = np.int32(0x7FFFFFFF), np.int32(-0x80000000)
    for i in range(len(bits)):
        value = bits[i] ^ ((bits[i] >> _SIGN) & _REST)
        lowest = min(lowest, value)
        highest = max(highest, value)
    return _float_of(int(lowest)), _float_of(int(highest))


@njit(nogil=True, cache=True)
def _float_of(ordered: int) -> float:
    """Return the float32 whose ordered integer this is."""
    value = np.int32(ordered)
    bits = np.int32(value ^ ((value >> _SIGN) & _REST))
    return np.float64(bits.view(np.float32))

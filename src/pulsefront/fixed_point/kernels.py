"""Loops over events: rounding and overflow, in integers and in exact floating point.

Every kernel works on two-dimensional arrays (row, channel) that it is given, and allocates
nothing. `assign` in format.py is their reference.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from pulsefront.fixed_point.format import Overflow, Rounding

__all__ = [
    "OVERFLOW_CODE",
    "ROUNDING_CODE",
    "assign_floats",
    "assign_integers",
    "dense_accumulated",
    "dense_integers",
]

Array = npt.NDArray[Any]

ROUNDING_CODE = {mode: code for code, mode in enumerate(Rounding)}
OVERFLOW_CODE = {mode: code for code, mode in enumerate(Overflow)}

TRN, RND, RND_CONV, TRN_ZERO, RND_ZERO, RND_INF, _RND_MIN_INF = range(7)
WRAP, SAT, SAT_ZERO, SAT_SYM = range(4)


@njit(nogil=True, cache=True, inline="always")
def _rounded(raw: Any, shift: Any, rounding: int) -> Any:
    """Return raw · 2^−shift as an integer, shift within 1 … 63."""
    floor = raw >> shift
    if rounding == TRN:
        return floor
    rest = raw & ((np.int64(1) << shift) - 1)
    if rounding == TRN_ZERO:
        return floor + np.int64(raw < 0 and rest != 0)
    half = np.int64(1) << (shift - 1)
    if rest != half:
        return floor + np.int64(rest > half)
    if rounding == RND:
        up = True
    elif rounding == RND_CONV:
        up = (floor & 1) == 1
    elif rounding == RND_ZERO:
        up = raw < 0
    elif rounding == RND_INF:
        up = raw >= 0
    else:
        up = False
    return floor + np.int64(up)


@njit(nogil=True, cache=True, inline="always")
def _limited(raw: Any, low: Any, high: Any, symmetric_low: Any, overflow: int) -> Any:
    if overflow == SAT:
        return min(max(raw, low), high)
    if overflow == SAT_SYM:
        return min(max(raw, symmetric_low), high)
    if overflow == SAT_ZERO:
        return raw if low <= raw <= high else np.int64(0)
    return ((raw - low) & (high - low)) + low


@njit(nogil=True, cache=True)
def assign_integers(
    source: Array,
    target: Array,
    shift: Array,
    low: Array,
    high: Array,
    symmetric_low: Array,
    up: Array,
    rounding: int,
    overflow: int,
) -> None:
    """Assign int64 rows to a format per channel.

    ``shift`` is the number of fraction bits to drop (negative: to add) and ``up`` the shift from
    the channel's format to the tensor's; the limits are those of the channel's format.
    """
    for row in range(source.shape[0]):
        for channel in range(source.shape[1]):
            raw = np.int64(source[row, channel])
            bits = shift[channel]
            raw = _rounded(raw, bits, rounding) if bits > 0 else raw << -bits
            raw = _limited(raw, low[channel], high[channel], symmetric_low[channel], overflow)
            target[row, channel] = raw << up[channel]


@njit(nogil=True, cache=True)
def assign_floats(source: Array, scale: Array, offset: Array, low: Array, high: Array) -> None:
    """Replace each value by floor(value · scale + offset), limited to low … high, per channel.

    With a power-of-two scale and sums that the float type holds exactly, this is TRN or RND
    rounding with saturation, the bias and the half of RND being part of the offset.
    """
    for row in range(source.shape[0]):
        for channel in range(source.shape[1]):
            value = np.floor(source[row, channel] * scale[channel] + offset[channel])
            source[row, channel] = min(max(value, low[channel]), high[channel])


@njit(nogil=True, cache=True)
def dense_integers(source: Array, weights: Array, bias: Array, target: Array) -> None:
    """Set target (row, n_out) to source (row, n_in) · weights + bias in 64-bit integers."""
    for row in range(source.shape[0]):
        for column in range(weights.shape[1]):
            target[row, column] = bias[column]
        for index in range(weights.shape[0]):
            value = np.int64(source[row, index])
            if value != 0:
                for column in range(weights.shape[1]):
                    target[row, column] += value * weights[index, column]


@njit(nogil=True, cache=True)
def dense_accumulated(
    source: Array,
    weights: Array,
    bias: Array,
    target: Array,
    shift: int,
    low: int,
    high: int,
    symmetric_low: int,
    rounding: int,
    overflow: int,
) -> None:
    """Matrix product in a narrow accumulator, as hls4ml's latency strategy computes it.

    Each product is assigned to the accumulator's format, then added, and the sum assigned again;
    *bias* is in the accumulator's format already.
    """
    for row in range(source.shape[0]):
        for column in range(weights.shape[1]):
            total = bias[column]
            for index in range(weights.shape[0]):
                product = np.int64(source[row, index]) * weights[index, column]
                product = _rounded(product, shift, rounding) if shift > 0 else product << -shift
                product = _limited(product, low, high, symmetric_low, overflow)
                total = _limited(total + product, low, high, symmetric_low, overflow)
            target[row, column] = total

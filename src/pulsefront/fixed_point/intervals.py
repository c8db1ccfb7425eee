"""Intervals of raw integers: what rounding and overflow make of them, and what holds them."""

from __future__ import annotations

import numpy as np

from pulsefront.fixed_point.format import (
    MAX_WIDTH,
    Assignment,
    FixedPointFormat,
    Integers,
    Overflow,
    Rounding,
    assign,
)

__all__ = ["assigned_interval", "number_type", "rounded"]


def number_type(magnitude: int) -> type[np.float32 | np.float64 | np.int64]:
    """Return the fastest number type in which integers up to *magnitude* are exact."""
    if magnitude <= 1 << 24:
        return np.float32
    return np.float64 if magnitude <= 1 << 53 else np.int64


def rounded(
    integers: Integers, fraction: int, to_fraction: int, rounding: Rounding = Rounding.TRN
) -> Integers:
    """Return raw integers with *fraction* fraction bits at *to_fraction*, in 62 bits.

    Assigned to a format too wide to overflow, what is left is the rounding.
    """
    wide = FixedPointFormat(MAX_WIDTH, MAX_WIDTH - to_fraction)
    return assign(integers, fraction, Assignment(wide, rounding, Overflow.SAT))


def assigned_interval(
    low: Integers, high: Integers, fraction: int, to: Assignment
) -> tuple[Integers, Integers]:
    """Return the interval after an assignment; every rounding is monotonic."""
    if to.overflow in (Overflow.SAT, Overflow.SAT_SYM):
        return assign(low, fraction, to), assign(high, fraction, to)
    formats = to.format
    if isinstance(formats, FixedPointFormat):
        return _assigned_one(low, high, fraction, formats, to)
    new_low, new_high = np.empty_like(low), np.empty_like(high)
    if len(formats) != low.shape[-1]:
        assign(low, fraction, to)  # raises the error that names both lengths
    for channel, one in enumerate(formats):
        shift = to.container.fraction - one.fraction
        parts = _assigned_one(low[..., channel], high[..., channel], fraction, one, to)
        new_low[..., channel], new_high[..., channel] = (part << shift for part in parts)
    return new_low, new_high


def _assigned_one(
    low: Integers, high: Integers, fraction: int, target: FixedPointFormat, to: Assignment
) -> tuple[Integers, Integers]:
    low, high = (rounded(end, fraction, target.fraction, to.rounding) for end in (low, high))
    outside = (low < target.minimum) | (high > target.maximum)
    if to.overflow == Overflow.SAT_ZERO:
        # What overflows becomes zero; what does not stays within the clipped interval.
        zero_low = np.minimum(np.clip(low, target.minimum, target.maximum), 0)
        zero_high = np.maximum(np.clip(high, target.minimum, target.maximum), 0)
        return np.where(outside, zero_low, low), np.where(outside, zero_high, high)
    return np.where(outside, target.minimum, low), np.where(outside, target.maximum, high)

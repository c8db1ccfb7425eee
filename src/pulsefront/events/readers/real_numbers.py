"""The float64 nearest to a decimal number, without a detour through text.

A number of at most 15 digits times a power of ten up to 22 is one product or quotient of exact
numbers, hence rounded once (W. D. Clinger, "How to read floating point numbers accurately", 1990):
the caller's business, with `EXACT_POWERS`. Others are the product of their digits and a power of
ten of 128 bits, whose upper bits settle the rounding but for a few, which are given back
(D. Lemire, "Number parsing at a gigabyte per second", 2021, after M. Eisel).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

__all__ = ["EXACT_BELOW", "EXACT_POWERS", "NOT_SURE", "SIGN_BIT", "nearest_real"]

U = np.uint64
SIGN_BIT = U(1 << 63)
NOT_SURE = U(0x7FF8000000000001)
"""A pattern of no number: the caller has to ask Python."""

MOST_POWER = 300
LOW_32, ONE, NINE_BITS = U(0xFFFFFFFF), U(1), U(0x1FF)
MANTISSA = U((1 << 52) - 1)
EXACT_BELOW = 1 << 53
EXACT_POWERS = np.array([10.0**n for n in range(23)])


def _power_of_ten(power: int) -> tuple[int, int]:
    """Return the upper and the lower 64 of the leading 128 bits of 10**power, rounded down."""
    if power >= 0:
        number = 10**power
        shift = number.bit_length() - 128
        leading = number >> shift if shift > 0 else number << -shift
    else:
        divisor = 10**-power
        leading = (1 << (divisor.bit_length() + 127)) // divisor
        leading >>= leading.bit_length() - 128
    return leading >> 64, leading & ((1 << 64) - 1)


POWERS = np.array([_power_of_ten(n) for n in range(-MOST_POWER, MOST_POWER + 1)], np.uint64)


@njit(nogil=True, cache=True, inline="always")
def _product(a: Any, b: Any) -> tuple[Any, Any]:
    """Return the upper and the lower 64 bits of the product of two 64-bit numbers."""
    a_high, a_low, b_high, b_low = a >> U(32), a & LOW_32, b >> U(32), b & LOW_32
    low = a_low * b_low
    middle = a_high * b_low + (low >> U(32))
    other = a_low * b_high + (middle & LOW_32)
    high = a_high * b_high + (middle >> U(32)) + (other >> U(32))
    return high, (other << U(32)) | (low & LOW_32)


@njit(nogil=True, cache=True)
def nearest_real(digits: Any, power: Any) -> Any:
    """Return the bits of the float64 nearest to digits · 10**power, or `NOT_SURE`."""
    if digits == U(0):
        return U(0)
    if power < -MOST_POWER or power > MOST_POWER:
        return NOT_SURE
    zeros = 0
    leading = digits
    while leading < SIGN_BIT:
        leading <<= ONE
        zeros += 1
    exponent = ((217706 * power) >> 16) + 64 + 1023 - zeros
    upper, lower = POWERS[power + MOST_POWER, 0], POWERS[power + MOST_POWER, 1]
    high, low = _product(leading, upper)
    if (high & NINE_BITS) == NINE_BITS and low + leading < leading:
        more, rest = _product(leading, lower)
        merged = low + more
        if merged < low:
            high += ONE
        if (high & NINE_BITS) == NINE_BITS and merged + ONE == U(0) and rest + leading < leading:
            return NOT_SURE
        low = merged
    top = high >> U(63)
    mantissa = high >> (top + U(9))
    if top == U(0):
        exponent -= 1
    if low == U(0) and (high & NINE_BITS) == U(0) and (mantissa & U(3)) == ONE:
        return NOT_SURE
    mantissa = (mantissa + (mantissa & ONE)) >> ONE
    if mantissa >> U(53) > U(0):
        mantissa >>= ONE
        exponent += 1
    if exponent < 1 or exponent > 2046:
        return NOT_SURE
    return (U(exponent) << U(52)) | (mantissa & MANTISSA)

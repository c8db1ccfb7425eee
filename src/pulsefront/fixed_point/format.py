"""Fixed-point number formats and what happens when a value is assigned to one.

A format ``<W,I>`` has W bits, I of them integer bits including the sign; F = W − I fraction bits.
A raw integer n stands for the value n · 2^−F. I and F may be negative. Names and meaning are
those of ``ap_fixed`` (AMD, Vitis HLS user guide UG1399, "Arbitrary precision fixed-point types").
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
import numpy.typing as npt

from pulsefront.errors import PrecisionError

__all__ = [
    "MAX_WIDTH",
    "Assignment",
    "FixedPointFormat",
    "Formats",
    "Integers",
    "Overflow",
    "Rounding",
    "aligned",
    "assign",
    "by_channel",
    "container",
    "format_holding",
]

MAX_WIDTH = 62
"""Widest format: every raw integer and every sum of two fits a signed 64-bit integer."""

Integers = npt.NDArray[np.int64]


class Rounding(StrEnum):
    """How bits below the least significant one vanish; the names are AMD's."""

    TRN = "TRN"
    """toward −∞ (floor), the default of ``ap_fixed``"""
    RND = "RND"
    """to the nearest, ties toward +∞"""
    RND_CONV = "RND_CONV"
    """to the nearest, ties to the even integer"""
    TRN_ZERO = "TRN_ZERO"
    """toward zero"""
    RND_ZERO = "RND_ZERO"
    """to the nearest, ties toward zero"""
    RND_INF = "RND_INF"
    """to the nearest, ties away from zero"""
    RND_MIN_INF = "RND_MIN_INF"
    """to the nearest, ties toward −∞"""


class Overflow(StrEnum):
    """What becomes of a value outside the format; the names are AMD's."""

    WRAP = "WRAP"
    """two's complement: the bits above are dropped, the default of ``ap_fixed``"""
    SAT = "SAT"
    """the nearest end of the range"""
    SAT_ZERO = "SAT_ZERO"
    """zero"""
    SAT_SYM = "SAT_SYM"
    """the nearest end of the symmetric range, −maximum to maximum"""


@dataclass(frozen=True, order=True)
class FixedPointFormat:
    """``ap_fixed<width, integer>``, or ``ap_ufixed`` where *signed* is false.

    Raises
    ------
    PrecisionError
        The width is not within 1 … 62, or a number is no integer.

    Examples
    --------
    >>> eight = FixedPointFormat(8, 4)
    >>> eight.fraction, eight.minimum, eight.maximum
    (4, -128, 127)
    >>> print(eight)
    fixed<8,4>
    """

    width: int
    integer: int
    signed: bool = True

    def __post_init__(self) -> None:
        for name in ("width", "integer"):
            number = getattr(self, name)
            if not isinstance(number, (int, np.integer)) or isinstance(number, bool):
                raise PrecisionError(
                    f"{name} of a fixed-point format is no integer", field=name, value=number
                )
            object.__setattr__(self, name, int(number))
        object.__setattr__(self, "signed", bool(self.signed))
        if not 1 <= self.width <= MAX_WIDTH:
            raise PrecisionError(
                f"a fixed-point format has 1 to {MAX_WIDTH} bits",
                field="width",
                value=self.width,
                remedy="choose fewer bits, or name a narrower output format",
            )
        if abs(self.integer) > 512:
            raise PrecisionError(
                "integer bits beyond ±512 make no sense", field="integer", value=self.integer
            )

    @property
    def fraction(self) -> int:
        """Fraction bits F = W − I: the value of a raw integer n is n · 2^−F."""
        return self.width - self.integer

    @property
    def minimum(self) -> int:
        """Smallest raw integer."""
        return -(1 << (self.width - 1)) if self.signed else 0

    @property
    def maximum(self) -> int:
        """Largest raw integer."""
        return (1 << (self.width - int(self.signed))) - 1

    @property
    def symmetric_minimum(self) -> int:
        """Smallest raw integer under ``SAT_SYM``.

        A signed format of one bit holds −1 and 0: ``ap_fixed`` and ``ac_fixed`` keep its −1.
        """
        return self.minimum + int(self.signed and self.width > 1)

    @property
    def step(self) -> float:
        """Value of the least significant bit, 2^−F."""
        return float(2.0**-self.fraction)

    def holds(self, low: int, high: int) -> bool:
        """Whether every raw integer from *low* to *high* is within the format."""
        return self.minimum <= low and high <= self.maximum

    def values(self, integers: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Return the real values of raw integers; exact up to 53 bits."""
        return np.ldexp(np.asarray(integers, dtype=np.float64), -self.fraction)

    def __str__(self) -> str:
        return f"{'' if self.signed else 'u'}fixed<{self.width},{self.integer}>"


Formats = FixedPointFormat | tuple[FixedPointFormat, ...]
"""One format for a whole tensor, or one per channel (the last axis)."""


@dataclass(frozen=True)
class Assignment:
    """Assignment of a value to a format: round first, then overflow.

    With one format per channel, channel c is rounded and limited to its own format, and the
    tensor's raw integers are all given at the largest fraction among them (see `container`).
    """

    format: Formats
    rounding: Rounding = Rounding.TRN
    overflow: Overflow = Overflow.WRAP

    def __post_init__(self) -> None:
        object.__setattr__(self, "rounding", _member(Rounding, self.rounding))
        object.__setattr__(self, "overflow", _member(Overflow, self.overflow))
        if isinstance(self.format, FixedPointFormat):
            return
        formats = tuple(self.format)
        if not formats or not all(isinstance(one, FixedPointFormat) for one in formats):
            raise PrecisionError(
                "an assignment needs a FixedPointFormat, or one per channel", value=self.format
            )
        object.__setattr__(self, "format", formats)

    @property
    def per_channel(self) -> bool:
        """Whether each channel has a format of its own."""
        return not isinstance(self.format, FixedPointFormat)

    @property
    def formats(self) -> tuple[FixedPointFormat, ...]:
        """The one format, or those of the channels."""
        return (self.format,) if isinstance(self.format, FixedPointFormat) else self.format

    @property
    def container(self) -> FixedPointFormat:
        """The one format that the tensor's raw integers are in."""
        return container(self.format)

    def __str__(self) -> str:
        return f"{self.container} {self.rounding} {self.overflow}"


def _member(kind: type[StrEnum], name: str) -> StrEnum:
    try:
        return kind(name)
    except ValueError:
        raise PrecisionError(
            f"unknown {kind.__name__.lower()} mode",
            value=str(name),
            remedy=f"use one of {', '.join(kind)}",
        ) from None


def container(formats: Formats) -> FixedPointFormat:
    """Return the smallest format that holds every value of *formats*.

    Raises
    ------
    PrecisionError
        It would need more than 62 bits.
    """
    if isinstance(formats, FixedPointFormat):
        return formats
    signed = any(one.signed for one in formats)
    # A signed container needs one more integer bit than an unsigned format that it holds.
    integer = max(one.integer + int(signed and not one.signed) for one in formats)
    fraction = max(one.fraction for one in formats)
    return FixedPointFormat(integer + fraction, integer, signed)


def by_channel(formats: Formats, channels: int) -> tuple[FixedPointFormat, ...]:
    """Return the format of each channel; one format is that of all *channels*."""
    return (formats,) * channels if isinstance(formats, FixedPointFormat) else formats


def aligned(integers: Integers, formats: Formats) -> Integers:
    """Return raw integers of per-channel *formats* at the container's fraction."""
    if isinstance(formats, FixedPointFormat):
        return integers
    whole = container(formats).fraction
    shifts = np.array([whole - one.fraction for one in formats], dtype=np.int64)
    return integers << shifts


def format_holding(low: int, high: int, fraction: int) -> FixedPointFormat:
    """Return the smallest format with *fraction* that holds raw integers *low* to *high*."""
    signed = low < 0
    magnitude = max(int(high), ~int(low) if signed else 0)
    width = max(magnitude.bit_length() + int(signed), 1)
    return FixedPointFormat(width, width - fraction, signed)


def assign(integers: npt.ArrayLike, fraction: int, to: Assignment) -> Integers:
    """Assign raw integers with *fraction* fraction bits to a format, with NumPy.

    Parameters
    ----------
    integers
        Shape (…, channel); magnitudes below 2^62.
    fraction
        Fraction bits of *integers*.
    to
        Format or formats per channel (last axis), rounding and overflow.

    Returns
    -------
    Raw integers of ``to.container``, same shape.

    Raises
    ------
    PrecisionError
        A value needs more than 62 bits on the way.

    Examples
    --------
    Steps of 2^−6 become steps of 2^−4, to the nearest and no further than the format goes:

    >>> to = Assignment(FixedPointFormat(8, 4), rounding=Rounding.RND, overflow=Overflow.SAT)
    >>> assign([5, 6, 7, 4000], 6, to)
    array([  1,   2,   2, 127])
    """
    raw = np.asarray(integers, dtype=np.int64)
    if isinstance(to.format, FixedPointFormat):
        return _assign_one(raw, fraction, to.format, to)
    if raw.shape[-1:] != (len(to.format),):
        raise PrecisionError(
            "one format per channel needs as many formats as channels",
            value=(raw.shape, len(to.format)),
        )
    result = np.empty_like(raw)
    whole = to.container
    for channel, one in enumerate(to.format):
        part = _assign_one(raw[..., channel], fraction, one, to)
        result[..., channel] = part << (whole.fraction - one.fraction)
    return result


def _assign_one(raw: Integers, fraction: int, target: FixedPointFormat, to: Assignment) -> Integers:
    shift = fraction - target.fraction
    rounded = _shift_left(raw, -shift) if shift <= 0 else _round(raw, shift, to.rounding)
    return _limit(rounded, target, to.overflow)


def _shift_left(raw: Integers, bits: int) -> Integers:
    largest = int(np.abs(raw).max(initial=0))
    if largest and bits + largest.bit_length() > MAX_WIDTH:
        raise PrecisionError(
            f"a value needs {bits + largest.bit_length()} bits and 64-bit integers do not suffice",
            remedy="use formats with fewer fraction bits",
        )
    return raw << min(bits, MAX_WIDTH)


def _round(raw: Integers, shift: int, rounding: Rounding) -> Integers:
    # Beyond 63 bits nothing is left of a 62-bit magnitude: 63 rounds alike.
    shift = min(shift, 63)
    floor = raw >> shift
    rest = raw & np.int64((1 << shift) - 1)
    half = np.int64(1 << (shift - 1))
    negative = raw < 0
    match rounding:
        case Rounding.TRN:
            return floor
        case Rounding.TRN_ZERO:
            toward_zero: Integers = floor + (negative & (rest != 0))
            return toward_zero
        case Rounding.RND:
            up_at_tie: Any = True
        case Rounding.RND_MIN_INF:
            up_at_tie = False
        case Rounding.RND_ZERO:
            up_at_tie = negative
        case Rounding.RND_INF:
            up_at_tie = ~negative
        case Rounding.RND_CONV:
            up_at_tie = (floor & 1) == 1
    rounded: Integers = floor + ((rest > half) | ((rest == half) & up_at_tie))
    return rounded


def _limit(raw: Integers, target: FixedPointFormat, overflow: Overflow) -> Integers:
    low, high = target.minimum, target.maximum
    limited: Integers
    match overflow:
        case Overflow.SAT:
            limited = np.clip(raw, low, high)
        case Overflow.SAT_SYM:
            limited = np.clip(raw, target.symmetric_minimum, high)
        case Overflow.SAT_ZERO:
            limited = np.where((raw < low) | (raw > high), 0, raw)
        case Overflow.WRAP:
            mask = np.int64((1 << target.width) - 1)
            limited = ((raw - low) & mask) + low
    return limited

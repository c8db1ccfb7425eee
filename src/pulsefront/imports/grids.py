"""Grids of real numbers: quantizers as other packages state them, and the grid that numbers lie on.

A quantizer there is a scale, a zero point, a number of bits and a rounding. It becomes an
`Assignment` where its scale is a power of two; where it is not, that is an error, or the nearest
grid that covers its range if the user asks for it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pulsefront.errors import PrecisionError
from pulsefront.fixed_point.format import (
    Assignment,
    FixedPointFormat,
    Formats,
    Overflow,
    Rounding,
    format_holding,
)
from pulsefront.fixed_point.real_values import format_of_scale, rounded_reals
from pulsefront.imports.graph import Reals

__all__ = ["MOST_GRID_BITS", "QuantizerGrid", "formats_of_values"]

MOST_GRID_BITS = 24
"""Numbers that need more bits than this were never quantized: float32 has 24 of its own."""


@dataclass(frozen=True, eq=False)
class QuantizerGrid:
    """A quantizer: value = integer · scale, the integer within *low* … *high*.

    Parameters
    ----------
    scale
        One, or one per channel.
    low, high
        Ends of the integer after the zero point was taken off.
    rounding
        Of value / scale to the integer.
    """

    scale: Reals
    low: int
    high: int
    rounding: Rounding

    def covered(self) -> QuantizerGrid:
        """Return the grid of powers of two with as many bits that covers the same range."""
        bits = (self.high - self.low).bit_length()
        signed = self.low < 0
        ends = np.maximum(self.high, -self.low) * self.scale
        most = 2 ** (bits - signed) - 1
        step = 2.0 ** np.ceil(np.log2(ends / most))
        low = -(2 ** (bits - 1)) if signed else 0
        return QuantizerGrid(np.asarray(step), low, most, self.rounding)

    def assignment(self, field: str) -> tuple[Assignment, tuple[float, float] | None]:
        """Return the assignment, and limits to apply after it where its ends are not the grid's.

        Raises
        ------
        PrecisionError
            A scale is no power of two; *field* is named.
        """
        holding = format_holding(self.low, self.high, 0)
        formats = tuple(
            format_of_scale(holding.width, float(one), signed=holding.signed, field=field)
            for one in np.atleast_1d(self.scale).reshape(-1)
        )
        found: Formats = formats[0] if len(set(formats)) == 1 else formats
        limits = None
        overflow = Overflow.SAT
        if (self.low, self.high) == (holding.symmetric_minimum, holding.maximum):
            symmetric = holding.symmetric_minimum != holding.minimum
            overflow = Overflow.SAT_SYM if symmetric else Overflow.SAT
        elif (self.low, self.high) != (holding.minimum, holding.maximum):
            if len(set(formats)) > 1:
                raise PrecisionError(
                    "a zero point or narrow range with a scale per channel has no counterpart",
                    field=field,
                    remedy="quantize with one scale, or without a zero point",
                )
            limits = self.low * formats[0].step, self.high * formats[0].step
        return Assignment(found, self.rounding, overflow), limits

    def values(self, numbers: npt.ArrayLike) -> Reals:
        """Return real numbers as the quantizer gives them, per channel on the last axis."""
        scaled = rounded_reals(np.asarray(numbers, np.float64) / self.scale, self.rounding)
        return np.asarray(np.clip(scaled, self.low, self.high) * self.scale)


def formats_of_values(
    values: Reals, field: str, *, most_bits: int = MOST_GRID_BITS
) -> tuple[FixedPointFormat, ...] | None:
    """Return the smallest format for each channel (last axis) of real numbers.

    None where they lie on no grid: one of them needs more than *most_bits*.

    Raises
    ------
    PrecisionError
        A number is not finite; *field* is named.
    """
    array = np.asarray(values, np.float64).reshape(-1, values.shape[-1])
    if not np.all(np.isfinite(array)):
        wrong = array[~np.isfinite(array)].flat[0]
        raise PrecisionError(
            "is not finite", field=field, value=float(wrong), remedy="train the network again"
        )
    found = []
    for channel in array.T:
        fraction = max((_fraction_of(float(one)) for one in channel if one), default=0)
        scaled = [int(np.ldexp(one, fraction)) if abs(fraction) < 1000 else 0 for one in channel]
        low, high = min(scaled), max(scaled)
        if max(high.bit_length(), (~low).bit_length() if low < 0 else 0) > most_bits - 1:
            return None
        found.append(format_holding(low, high, fraction))
    return tuple(found)


def _fraction_of(value: float) -> int:
    """Return the fraction bits with which a real number is whole and odd."""
    numerator, denominator = value.as_integer_ratio()
    trailing = (numerator & -numerator).bit_length() - 1
    return denominator.bit_length() - 1 - trailing

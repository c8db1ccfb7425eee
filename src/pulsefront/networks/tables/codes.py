"""How raw inputs become the codes of tables: less an offset, cut off, without the lowest bits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pulsefront.fixed_point.format import (
    Assignment,
    FixedPointFormat,
    Integers,
    Overflow,
    Rounding,
    assign,
)

__all__ = ["InputCodes", "codes_of"]

TAILS = 0.001
"""Share of the training events that may lie beyond either end of a code."""
OFFSET_PARTS = 4
"""Offsets are multiples of such a part of a code's range, so that few bits are subtracted."""


@dataclass(frozen=True)
class InputCodes:
    """The code of every input: (raw − *offset*) assigned to a format, down to its lowest bit.

    *middle* and *half* are that of the codes that training events have, for training alone.
    """

    offsets: Integers
    formats: tuple[FixedPointFormat, ...]
    middle: NDArray[np.float64]
    half: NDArray[np.float64]

    @property
    def assignment(self) -> Assignment:
        """How raw inputs less their offsets are cut off."""
        return Assignment(self.formats, Rounding.TRN, Overflow.SAT)

    @property
    def first_bits(self) -> Integers:
        """Lowest bit of each code in the raw integers after `assignment`, (input,)."""
        whole = self.assignment.container.fraction
        return np.array([whole - one.fraction for one in self.formats], np.int64)

    @property
    def bits(self) -> int:
        """Bits of the widest code."""
        return max(one.width for one in self.formats)

    def of_slices(self) -> NDArray[np.float64]:
        """Return the codes of all integers of `bits` bits, (integer, input), mostly from −1 to 1.

        The lowest bits of a code in two's complement; what no code is has the nearest.
        """
        slices = np.arange(1 << self.bits)[:, None]
        signed = np.array([one.signed for one in self.formats])
        values = np.where(signed & (slices >> (self.bits - 1) > 0), slices - len(slices), slices)
        low = np.array([one.minimum for one in self.formats])
        high = np.array([one.maximum for one in self.formats])
        found: NDArray[np.float64] = (np.clip(values, low, high) - self.middle) / self.half
        return found

    def apply(self, raw: NDArray[np.integer], fraction: int) -> Integers:
        """Return the codes (event, input) of raw integers with so many fraction bits."""
        cut = assign(np.asarray(raw, np.int64) - self.offsets, fraction, self.assignment)
        found: Integers = cut >> self.first_bits
        return found


def codes_of(raw: NDArray[np.integer], bits: int, form: FixedPointFormat) -> InputCodes:
    """Return codes of at most *bits* bits that hold nearly all training events.

    Parameters
    ----------
    raw
        Training events, raw integers of *form*, (event, input).
    """
    ends = np.quantile(raw, [TAILS, 1.0 - TAILS], axis=0)
    low, high = np.floor(ends[0]).astype(np.int64), np.ceil(ends[1]).astype(np.int64)
    chosen = [_code(int(a), int(b), bits, form) for a, b in zip(low, high, strict=True)]
    offsets = np.array([offset for offset, _ in chosen], np.int64)
    formats = tuple(one for _, one in chosen)
    steps = np.array([form.fraction - one.fraction for one in formats])
    first, last = (low - offsets) >> steps, (high - offsets) >> steps
    return InputCodes(offsets, formats, (first + last) / 2.0, np.maximum((last - first) / 2.0, 0.5))


def _code(low: int, high: int, bits: int, form: FixedPointFormat) -> tuple[int, FixedPointFormat]:
    """Return offset and format of one input that is mostly from *low* to *high*.

    The finest step wins, then no offset, then the fewest bits.
    """
    options = []
    for shift in range(form.width + 1):
        options += [(shift, 0, signed) for signed in (False, True) if not signed or low < 0]
        part = (1 << (bits + shift)) // OFFSET_PARTS
        if part:
            options.append((shift, low // part * part, False))
    for shift, offset, signed in options:
        first, last = (low - offset) >> shift, (high - offset) >> shift
        if first < 0 and not signed:
            continue
        width = max(last.bit_length(), (~first).bit_length() if first < 0 else 0) + int(signed)
        if max(width, 1) <= bits:
            fraction = form.fraction - shift
            width = max(width, 1)
            return offset, FixedPointFormat(width, width - fraction, signed)
    raise AssertionError("a code of one bit holds everything at a step that is large enough")

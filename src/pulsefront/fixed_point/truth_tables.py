"""6-input look-up tables that truth tables take, counted as synthesis could build them at best.

A table of more than six inputs is split by Shannon's expansion, equal parts are counted once,
inputs without effect do not count, and the wide multiplexers that slices of AMD's parts have beside
look-up tables (up to eight inputs; UG474) are free.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pulsefront.fixed_point.format import Integers

__all__ = ["table_luts"]

LUT_INPUTS = 6
FREE_INPUTS = 8
"""Inputs of the widest function that the multiplexers of one slice make of look-up tables."""

Seen = set[tuple[bytes, tuple[int, ...]]]


def table_luts(table: Integers) -> int:
    """Return the look-up tables of the bits of *table* (2^inputs,), in two's complement."""
    inputs = len(table).bit_length() - 1
    low, high = int(table.min()), int(table.max())
    bits = max(high.bit_length(), (~low).bit_length() if low < 0 else 0) + int(low < 0)
    seen: Seen = set()
    return sum(
        _of_bit(((table >> bit) & 1).astype(np.uint8).reshape((2,) * inputs), range(inputs), seen)
        for bit in range(bits)
    )


def _of_bit(cube: NDArray[np.uint8], inputs: Sequence[int], seen: Seen) -> int:
    """Return the cost of a truth table (2, 2, …) of *inputs*; what is *seen* is there already."""
    used = list(inputs)
    for axis in reversed(range(cube.ndim)):
        off, on = np.take(cube, 0, axis), np.take(cube, 1, axis)
        if np.array_equal(off, on):
            cube = off
            del used[axis]
    key = (cube.tobytes(), tuple(used))
    # A constant and an input are wires; an inverse is taken in by what reads it.
    if len(used) <= 1 or key in seen:
        return 0
    seen.add(key)
    if len(used) <= LUT_INPUTS:
        return 1
    split = len(used) - LUT_INPUTS if len(used) <= FREE_INPUTS else 2
    parts = cube.reshape(1 << split, *(2,) * (len(used) - split))
    return (len(used) > FREE_INPUTS) + sum(_of_bit(part, used[split:], seen) for part in parts)

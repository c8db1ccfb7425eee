"""6-input look-up tables that truth tables and their sums take, counted in their favour.

A table of more than six inputs is split by Shannon's expansion, equal parts are counted once,
inputs without effect do not count, and the wide multiplexers that slices have beside look-up tables
(up to eight inputs) are free. An addition takes a look-up table for each bit of its result.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["sum_cost", "table_cost"]

Integers = NDArray[np.int64]
Seen = set[tuple[bytes, tuple[int, ...]]]


def sum_cost(terms: Sequence[Integers]) -> int:
    """Return the cost of adding *terms* in pairs: the bits of every result."""
    ranges = [int(t.max() - t.min()) for t in terms if t.max() > t.min()]
    cost = 0
    while len(ranges) > 1:
        pairs = [sum(ranges[k : k + 2]) for k in range(0, len(ranges), 2)]
        cost += sum(p.bit_length() for k, p in enumerate(pairs) if 2 * k + 1 < len(ranges))
        ranges = pairs
    return cost


def table_cost(table: Integers) -> int:
    """Return the cost of the bits of *table* (2^inputs,), from its least value on."""
    above = table - table.min()
    inputs = len(table).bit_length() - 1
    seen: Seen = set()
    return sum(
        _of_bit(((above >> bit) & 1).astype(np.uint8).reshape((2,) * inputs), range(inputs), seen)
        for bit in range(int(above.max()).bit_length())
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
    if len(used) <= 6:
        return 1
    split = len(used) - 6 if len(used) <= 8 else 2
    parts = cube.reshape(1 << split, *(2,) * (len(used) - split))
    return (len(used) > 8) + sum(_of_bit(part, used[split:], seen) for part in parts)

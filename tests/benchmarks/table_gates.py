"""6-input look-up tables that truth tables and their sums take, counted in their favour.

Tables are counted from their least value on, as `pulsefront.fixed_point.truth_tables` says; an
addition takes a look-up table for each bit of its result.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pulsefront.fixed_point.truth_tables import table_luts

__all__ = ["sum_cost", "table_cost"]

Integers = NDArray[np.int64]


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
    return table_luts(table - table.min())

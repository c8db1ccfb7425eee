"""Where a value lies among the nodes of a table."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["bracket", "corner_weight"]


@njit(nogil=True, cache=True)
def bracket(nodes: NDArray[np.float64], value: float) -> tuple[int, float]:
    """Return the node at or below *value* and the fraction of the way to the next."""
    last = len(nodes) - 1
    if value <= nodes[0]:
        return 0, 0.0
    if value >= nodes[last]:
        return last - 1, 1.0
    low, high = 0, last
    while high - low > 1:
        middle = (low + high) // 2
        if nodes[middle] <= value:
            low = middle
        else:
            high = middle
    return low, (value - nodes[low]) / (nodes[low + 1] - nodes[low])


@njit(nogil=True, cache=True, inline="always")
def corner_weight(corner: int, u: float, v: float, w: float) -> float:
    """Return the weight of one of the eight nodes around a value of three coordinates.

    The bits of *corner* say along which coordinates it is the upper node; *u*, *v* and *w* are
    the fractions of `bracket`.
    """
    return (
        (u if corner & 1 else 1.0 - u)
        * (v if corner & 2 else 1.0 - v)
        * (w if corner & 4 else 1.0 - w)
    )

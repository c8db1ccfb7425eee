"""Which hits of two channels belong to one decay, by their times.

Whole files are paired by `pulsefront.measured.pairing.coincidences`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["Partners", "partners"]


class Partners(NamedTuple):
    """For sorted times: partners of each left and right hit, and each left hit's first one.

    With several partners there is no telling which is the true one.
    """

    of_left: NDArray[np.int64]
    of_right: NDArray[np.int64]
    first: NDArray[np.int64]

    def pairs(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the left and right hits that are each other's only partner."""
        left = np.flatnonzero(self.of_left == 1)
        right = self.first[left]
        only = self.of_right[right] == 1
        return left[only], right[only]


def partners(
    left: NDArray[Any], right: NDArray[Any], window: float, offset: float = 0.0
) -> Partners:
    """Count the partners of sorted times, ``|left − right − offset| ≤ window``.

    Integers are compared as integers: the picoseconds of a day exceed what float64 holds exactly.
    """
    if left.dtype.kind in "iu" and right.dtype.kind in "iu":
        low, high = int(np.ceil(offset - window)), int(np.floor(offset + window))
        return Partners(*_partners(left.astype(np.int64), right.astype(np.int64), low, high))
    return Partners(
        *_partners(
            left.astype(np.float64), right.astype(np.float64), offset - window, offset + window
        )
    )


@njit(nogil=True, cache=True)
def _partners(
    left: NDArray[Any], right: NDArray[Any], low: Any, high: Any
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Count the partners of sorted times: low ≤ left − right ≤ high."""
    of_right = np.zeros(len(right), np.int64)
    first_of = np.zeros(len(left), np.int64)
    of_left = np.zeros(len(left), np.int64)
    start = 0
    for i in range(len(left)):
        while start < len(right) and left[i] - right[start] > high:
            start += 1
        j = start
        first_of[i] = start
        while j < len(right) and left[i] - right[j] >= low:
            of_right[j] += 1
            of_left[i] += 1
            j += 1
    return of_left, of_right, first_of

"""Which hits of two channels belong to one decay, by their times.

Whole files are paired by `pulsefront.measured.pairing_stream`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from pulsefront.errors import ConfigError, DataError

__all__ = ["Pairs", "Partners", "find_pairs", "partners"]


class Pairs(NamedTuple):
    """Result of `find_pairs`: indices into the two lists of times, and what was left out.

    ``multiple`` counts hits of either list that had more than one partner within the window and
    are in no pair; ``alone`` those that had none.
    """

    first: NDArray[np.int64]
    second: NDArray[np.int64]
    multiple: int
    alone: int


def find_pairs(
    times_0: NDArray[Any], times_1: NDArray[Any], window: float, *, offset: float = 0.0
) -> Pairs:
    """Return the hits of two channels that lie within *window* of each other.

    Two hits make a pair if ``|t₀ − t₁ − offset| ≤ window`` and neither has another partner: with
    several there is no telling which is the true one.

    Parameters
    ----------
    times_0, times_1
        (hit,) in any one unit, in any order; integers are compared exactly.
    window
        Half width of the coincidence window.
    offset
        Expected t₀ − t₁.

    Raises
    ------
    ConfigError
        *window* is negative or not finite.
    DataError
        A time is not finite.
    """
    if not (np.isfinite(window) and window >= 0):
        raise ConfigError("must be finite and not negative", field="window", value=window)
    left, right = _times(times_0, "times_0"), _times(times_1, "times_1")
    order_0 = np.argsort(left, kind="stable")
    order_1 = np.argsort(right, kind="stable")
    found = partners(left[order_0], right[order_1], window, offset)
    first, second = found.pairs()
    alone = int(np.count_nonzero(found.of_left == 0) + np.count_nonzero(found.of_right == 0))
    multiple = len(left) + len(right) - alone - 2 * len(first)
    return Pairs(order_0[first], order_1[second], multiple, alone)


def _times(times: NDArray[Any], name: str) -> NDArray[Any]:
    times = np.asarray(times)
    if times.ndim != 1 or (times.dtype.kind == "f" and not np.isfinite(times).all()):
        raise DataError("must be one finite time per hit", field=name)
    return times


class Partners(NamedTuple):
    """For sorted times: partners of each left and right hit, and each left hit's first one."""

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

"""Where the clock of a block of hits starts anew, and how far its hits are out of order."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["disorder_of", "number_stretches"]


@njit(nogil=True, cache=True)
def number_stretches(
    times: NDArray[np.float64],
    index: NDArray[np.int64],
    usable: NDArray[np.bool_],
    breaks: NDArray[np.bool_],
    last: NDArray[np.float64],
    latest: NDArray[np.float64],
    disorder: NDArray[np.float64],
    tolerance: float,
) -> tuple[NDArray[np.int64], int, float]:
    """Return the number of breaks up to each event, and event and time before the first.

    Parameters
    ----------
    times
        (event,) in ticks.
    index
        (event,) which channel it is.
    usable
        (event,) those whose time is one.
    breaks
        (event,) where a stretch begins whatever the times say.
    last, latest
        (channel,) latest time in the stretch, and in all; brought up to date.
    disorder
        How far hits lay behind *last*, and behind *latest* where a stretch began; brought up to
        date.
    tolerance
        How far hits of one channel may be out of order, in ticks.
    """
    count = len(times)
    # The next hit of the same channel tells a hit out of line from a clock that was reset.
    following = np.full(count, -1, np.int64)
    next_of = np.full(len(last), -1, np.int64)
    for i in range(count - 1, -1, -1):
        if usable[i]:
            following[i] = next_of[index[i]]
            next_of[index[i]] = i
    told = np.zeros(count, np.int64)
    number, first, before = 0, -1, -np.inf
    for i in range(count):
        c = index[i]
        new = breaks[i]
        if usable[i]:
            t, j = times[i], following[i]
            back = t < last[c] - tolerance
            if back:
                # Followed by one in line again, or by none that says so.
                new |= j < 0 or times[j] < last[c] - tolerance
            elif j >= 0 and times[j] < t - tolerance and last[c] > -np.inf:
                # Far ahead, and the next one back in line.
                back = times[j] >= last[c] - tolerance
        if new:
            number += 1
            if first < 0:
                first, before = i, last[c]
            last[:] = -np.inf
        if usable[i] and number and latest[c] > last[c]:
            disorder[1] = max(disorder[1], latest[c] - times[i])
        if usable[i] and (new or not back):
            if last[c] > -np.inf:
                disorder[0] = max(disorder[0], last[c] - times[i])
            last[c] = max(last[c], times[i])
            latest[c] = max(latest[c], times[i])
        told[i] = number
    return told, first, before


@njit(nogil=True, cache=True)
def disorder_of(
    times: NDArray[np.float64], index: NDArray[np.int64], channels: int, tolerance: float
) -> float:
    """Return how far hits lie behind others of their channel, leaving out what is no disorder."""
    last = np.full(channels, -np.inf)
    found = 0.0
    for i in range(len(times)):
        behind = last[index[i]] - times[i]
        if behind > found and behind <= tolerance:
            found = behind
        last[index[i]] = max(last[index[i]], times[i])
    return found

"""Coincidences: hits of different channels or files that belong to one decay, found by time."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from pulsefront.errors import ConfigError, DataError
from pulsefront.events.container import EventTable, Quantity

__all__ = ["Pairs", "coincidence_table", "find_pairs"]


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
    whole = left.dtype.kind in "iu" and right.dtype.kind in "iu"
    if whole:
        # Picoseconds of a day exceed what float64 holds exactly: shift, then compare as integers.
        low, high = _integer_bounds(window, offset)
        first, second, multiple, alone = _pairs(
            left[order_0].astype(np.int64), right[order_1].astype(np.int64), low, high
        )
    else:
        first, second, multiple, alone = _pairs(
            left[order_0].astype(np.float64),
            right[order_1].astype(np.float64),
            offset - window,
            offset + window,
        )
    return Pairs(order_0[first], order_1[second], multiple, alone)


def coincidence_table(
    table: EventTable,
    channel_0: int,
    channel_1: int,
    window: float,
    *,
    time: str = "time_ps",
    offset: float = 0.0,
) -> EventTable:
    """Return the coincidences between two channels of list-mode or triggered events.

    Parameters
    ----------
    table
        Events with ``channel`` (event,) and the column *time*.
    channel_0, channel_1
        Two different channels.
    window, offset
        As for `find_pairs`, in the unit of *time*.

    Returns
    -------
    coincidences
        Every column of *table* with an axis of two after the event axis, ``time_difference`` in
        the unit of *time*, and the flags of both hits joined. The counts of hits without and with
        several partners are in the provenance.

    Raises
    ------
    ConfigError
        The two channels are the same, or the window is not possible.
    DataError
        A column is missing.
    """
    if channel_0 == channel_1:
        raise ConfigError("must differ", field="channel_0, channel_1", value=channel_0)
    channel = table["channel"]
    if channel.ndim != 1:
        raise DataError("coincidences are looked for in single hits", field="channel")
    here_0, here_1 = np.flatnonzero(channel == channel_0), np.flatnonzero(channel == channel_1)
    times = table[time]
    pairs = find_pairs(times[here_0], times[here_1], window, offset=offset)
    rows = np.stack([here_0[pairs.first], here_1[pairs.second]], axis=1)
    columns = {name: column[rows] for name, column in table.columns.items()}
    signed = np.int64 if times.dtype.kind in "iu" else np.float64
    both = times[rows].astype(signed)
    columns["time_difference"] = both[:, 0] - both[:, 1]
    unit = table.quantities[time].unit
    quantities = {
        **table.quantities,
        "time_difference": Quantity(unit, f"time of channel {channel_0} minus {channel_1}"),
    }
    status = table.status[rows]
    return EventTable(
        columns,
        quantities,
        np.asarray(status[:, 0] | status[:, 1]),
        {
            **table.provenance,
            "coincidence_channels": [channel_0, channel_1],
            "coincidence_window": window,
            "hits_alone": pairs.alone,
            "hits_with_several_partners": pairs.multiple,
        },
    )


def _times(times: NDArray[Any], name: str) -> NDArray[Any]:
    times = np.asarray(times)
    if times.ndim != 1 or (times.dtype.kind == "f" and not np.isfinite(times).all()):
        raise DataError("must be one finite time per hit", field=name)
    return times


def _integer_bounds(window: float, offset: float) -> tuple[int, int]:
    return int(np.ceil(offset - window)), int(np.floor(offset + window))


@njit(nogil=True, cache=True)
def _pairs(
    left: NDArray[Any], right: NDArray[Any], low: Any, high: Any
) -> tuple[NDArray[np.int64], NDArray[np.int64], int, int]:
    """Pair sorted times with low ≤ left − right ≤ high, each with one partner only."""
    partners = np.zeros(len(right), np.int64)
    first_of = np.empty(len(left), np.int64)
    count_of = np.zeros(len(left), np.int64)
    start = 0
    for i in range(len(left)):
        while start < len(right) and left[i] - right[start] > high:
            start += 1
        j = start
        first_of[i] = start
        while j < len(right) and left[i] - right[j] >= low:
            partners[j] += 1
            count_of[i] += 1
            j += 1
    first = np.empty(len(left), np.int64)
    second = np.empty(len(left), np.int64)
    found = 0
    multiple = 0
    alone = 0
    for i in range(len(left)):
        if count_of[i] == 0:
            alone += 1
        elif count_of[i] == 1 and partners[first_of[i]] == 1:
            first[found] = i
            second[found] = first_of[i]
            found += 1
        else:
            multiple += 1
    for j in range(len(right)):
        if partners[j] == 0:
            alone += 1
        else:
            multiple += 1
    multiple -= found
    return first[:found], second[:found], multiple, alone

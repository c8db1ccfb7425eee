"""Times of channels against each other: what pairs of them say of offsets and walk."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsefront.estimators.energy.channels import PairDifference
from pulsefront.estimators.timing.walk import WalkCorrection, fit_walks
from pulsefront.events.container import EventTable
from pulsefront.measured.calibration.record import Layout

__all__ = [
    "ChannelPair",
    "amplitude_column",
    "channel_pairs",
    "pair_differences",
    "pair_walks",
    "sides_of",
    "walk_of",
    "without_walk",
]

Floats = NDArray[np.float64]

LEAST_PAIRS = 50
MOST_PAIRS = 300_000
"""As many pairs of pulses tell a walk; of more, some of each pair of channels are taken."""


@dataclass(frozen=True)
class ChannelPair:
    """All pulses that two channels gave together.

    Attributes
    ----------
    first, second
        Index of either channel among those calibrated.
    difference_ns
        (pair,) time of the first minus the second, minus what the source's position says.
    amplitudes
        (pair, 2), in any unit.
    in_peak
        (pair,) both energies lie in the photopeak window.
    """

    first: int
    second: int
    difference_ns: Floats
    amplitudes: Floats
    in_peak: NDArray[np.bool_]


def amplitude_column(events: EventTable, charges: str) -> str:
    """Return the column that a walk is a function of: heights of pulses, else their charges."""
    heights = events.columns.get("amplitude_adc")
    alike = heights is not None and heights.shape == events[charges].shape
    return "amplitude_adc" if alike else charges


def channel_pairs(
    events: EventTable,
    layout: Layout,
    channels: Sequence[int],
    time: str,
    amplitude: str,
    inside: NDArray[np.bool_],
) -> Iterator[ChannelPair]:
    """Yield each two channels that gave pulses together; none where the times are of no pairs.

    Parameters
    ----------
    channels
        Numbers of the channels that are calibrated.
    time
        A column of differences of pairs, or one of times, (event, channel), of which all pairs of
        channels are taken.
    amplitude, inside
        Column of amplitudes, and which pulses lie in the photopeak window; both of one shape.
    """
    known = np.asarray(events.columns.get("known_difference_ns", np.zeros(len(events))))
    heights = np.asarray(events[amplitude], np.float64)
    times = np.asarray(events[time], np.float64)
    if "_difference_" in time:
        sides = sides_of(events.columns, layout, events[amplitude])
        if sides is not None:
            index = _index_of(sides, channels)
            residual = times * (1e-3 if time.endswith("_ps") else 1.0) - known
            yield from _by_pair(index, residual, heights, np.asarray(inside.all(axis=1)))
    elif times.ndim == 2 and layout == "each":
        for (i, first), (j, second) in combinations(enumerate(channels), 2):
            both_sides = [first, second]
            # The source stands between the first two channels.
            expected = known if (first, second) == (0, 1) else 0.0
            residual = times[:, first] - times[:, second] - expected
            both = np.asarray(inside[:, both_sides].all(axis=1))
            yield ChannelPair(i, j, residual, heights[:, both_sides], both)


def sides_of(
    columns: Mapping[str, NDArray[Any]], layout: Layout, charges: NDArray[Any]
) -> NDArray[np.integer] | None:
    """Return the channel numbers of both sides of pairs, (event, 2); None where there are none.

    Where each column of the charges is calibrated, those are the numbers of the sides.
    """
    if layout == "each" and charges.shape[1:] == (2,):
        return np.broadcast_to([0, 1], charges.shape)
    channel = columns.get("channel")
    return channel if layout == "hits" and channel is not None and channel.ndim == 2 else None


def pair_differences(pairs: Sequence[ChannelPair]) -> list[PairDifference]:
    """Return the middle of the time differences of each pair that has enough in the photopeak."""
    found = (_middle(pair) for pair in pairs if pair.first != pair.second)
    return [difference for difference in found if difference is not None]


def pair_walks(pairs: Sequence[ChannelPair], channels: int) -> tuple[WalkCorrection | None, ...]:
    """Fit the walks of the channels to all their pulses in *pairs*, in the photopeak or not.

    Raises
    ------
    DataError
        No channel has enough pulses with an amplitude.
    """
    stride = max(1, sum(len(pair.difference_ns) for pair in pairs) // MOST_PAIRS)
    difference = [pair.difference_ns[::stride] for pair in pairs]
    amplitude = [pair.amplitudes[::stride] for pair in pairs]
    channel = [
        np.tile([pair.first, pair.second], (len(part), 1))
        for pair, part in zip(pairs, difference, strict=True)
    ]
    return fit_walks(
        np.concatenate(difference), np.concatenate(channel), np.concatenate(amplitude), channels
    )


def without_walk(
    pairs: Sequence[ChannelPair], walks: Sequence[WalkCorrection | None]
) -> list[ChannelPair]:
    """Return the pairs with the walks of their channels taken from the differences."""
    return [
        replace(
            pair,
            difference_ns=pair.difference_ns
            - walk_of(walks[pair.first], pair.amplitudes[:, 0])
            + walk_of(walks[pair.second], pair.amplitudes[:, 1]),
        )
        for pair in pairs
    ]


def walk_of(correction: WalkCorrection | None, amplitudes: Floats) -> Floats:
    """Return the walk of each amplitude, zero where it is not known."""
    if correction is None:
        return np.zeros(np.shape(amplitudes))
    return np.nan_to_num(correction.walk(amplitudes))


def _index_of(numbers: NDArray[np.integer], channels: Sequence[int]) -> NDArray[np.int64]:
    """Return the index of each channel number; −1 for one that is not calibrated."""
    index = np.full(numbers.shape, -1, np.int64)
    for k, number in enumerate(channels):
        index[numbers == number] = k
    return index


def _by_pair(
    index: NDArray[np.int64], residual: Floats, heights: Floats, in_peak: NDArray[np.bool_]
) -> Iterator[ChannelPair]:
    usable = np.flatnonzero((index >= 0).all(axis=1))
    pairs, of_event = np.unique(index[usable], axis=0, return_inverse=True)
    order = usable[np.argsort(of_event.reshape(-1), kind="stable")]
    ends = np.cumsum(np.bincount(of_event.reshape(-1), minlength=len(pairs)))
    for (i, j), rows in zip(pairs.tolist(), np.split(order, ends[:-1]), strict=False):
        yield ChannelPair(i, j, residual[rows], heights[rows], in_peak[rows])


def _middle(pair: ChannelPair) -> PairDifference | None:
    """Return the middle of a time difference and its uncertainty; None with too few events."""
    near = pair.difference_ns[pair.in_peak]
    near = near[np.isfinite(near)]
    for _ in range(10):
        if len(near) < LEAST_PAIRS:
            return None
        middle = float(np.median(near))
        sigma = 1.4826 * float(np.median(np.abs(near - middle)))
        # Random coincidences lie flat over the window and pull the median to its middle.
        kept = near[np.abs(near - middle) <= max(4 * sigma, 1e-6)]
        if len(kept) == len(near):
            break
        near = kept
    error = max(1.2533 * sigma / np.sqrt(len(near)), 1e-9)
    return PairDifference(pair.first, pair.second, middle, float(error))

"""Which channels the hits of a file are of, and at which energies those of a channel pile up.

A level of saturation is looked for as in waveforms: where the highest energy of a channel comes
again and again, and far more often than the one before it.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from pulsefront.events.container import EventTable, Status
from pulsefront.events.readers.base import EventFile

__all__ = ["ChannelsSeen", "look_through"]

LEAST_AT_LEVEL = 10
TIMES_THE_NEXT = 3.0
"""A spectrum falls towards its end: its last energy is not more frequent than the one before it."""

Top = tuple[tuple[float, int], ...]


@dataclass
class ChannelsSeen:
    """What a look through all hits shows.

    Attributes
    ----------
    hits
        Channel → number of its hits.
    damaged
        Records that could not be hits.
    piles_up
        Channel → highest energy, where hits pile up there.
    """

    hits: Counter[int] = field(default_factory=Counter)
    damaged: int = 0
    piles_up: dict[int, float] = field(default_factory=dict)


def look_through(source: EventFile) -> ChannelsSeen:
    """Read all hits of *source* once, chunk by chunk."""
    seen = ChannelsSeen()
    tops: dict[int, Top] = {}
    for table in source.chunks():
        bad = (table.status & np.uint16(Status.BAD_HEADER)) != 0
        seen.damaged += int(np.count_nonzero(bad))
        _take(seen, tops, table.select(~bad))
    for channel, top in tops.items():
        if len(top) == 2 and top[0][1] >= max(LEAST_AT_LEVEL, TIMES_THE_NEXT * top[1][1]):
            seen.piles_up[channel] = top[0][0]
    return seen


def _take(seen: ChannelsSeen, tops: dict[int, Top], hits: EventTable) -> None:
    order = np.lexsort((hits["energy"], hits["channel"]))
    channel, energy = hits["channel"][order], hits["energy"][order]
    new_channel = np.diff(channel, prepend=-1) != 0
    for start, stop in _spans(new_channel):
        number = int(channel[start])
        seen.hits[number] += stop - start
        own = energy[start:stop]
        own = own[np.isfinite(own)]
        tops[number] = _two_highest(tops.get(number, ()), own)


def _spans(begins: NDArray[np.bool_]) -> list[tuple[int, int]]:
    edges = [*np.flatnonzero(begins).tolist(), len(begins)]
    return list(pairwise(edges))


def _two_highest(known: Top, rising: NDArray[np.float32]) -> Top:
    """Return the two highest energies and how often they came, those of before among them."""
    counts = dict(known)
    below = len(rising)
    for _ in range(2):
        if not below:
            break
        level = rising[below - 1]
        start = int(np.searchsorted(rising, level))
        counts[float(level)] = counts.get(float(level), 0) + below - start
        below = start
    return tuple(sorted(counts.items(), reverse=True)[:2])

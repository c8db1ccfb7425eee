"""Events of many positions, one position after the other, cut into shards."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pulsefront.errors import ConfigError
from pulsefront.simulate.run.shards import shard_sizes

__all__ = ["Sharing", "share_events"]


@dataclass(frozen=True)
class Sharing:
    """Which position the events of a shard belong to.

    Attributes
    ----------
    ends
        (position,) running sum of the events.
    at_most
        Events of every shard but the last.
    """

    ends: NDArray[np.int64]
    at_most: int

    @property
    def events(self) -> int:
        """Return the number of all events."""
        return int(self.ends[-1])

    @property
    def sizes(self) -> tuple[int, ...]:
        """Return the events of each shard."""
        return shard_sizes(self.events, self.at_most)

    def positions(self, shard: int) -> NDArray[np.intp]:
        """Return the index of the position of each event of a shard."""
        start = shard * self.at_most
        stop = min(start + self.at_most, self.events)
        return np.searchsorted(self.ends, np.arange(start, stop), side="right")


def share_events(counts: NDArray[np.int64], events: int | None, *, at_most: int) -> Sharing:
    """Return *counts* (position,) as they are, or *events* in all in their proportions.

    Raises
    ------
    ConfigError
        There is to be no event.
    """
    ends = np.cumsum(counts)
    if events is not None:
        if events < 1:
            raise ConfigError("must be at least 1", field="events", value=events)
        ends = (ends * events) // ends[-1]
    return Sharing(ends, at_most)

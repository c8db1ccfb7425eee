"""Trigger time tags that wrap around, made into times that do not."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsefront.events.readers.base import DataWarning

__all__ = ["TagClock", "TagUnwrapper"]

NARROWEST = 30
"""Bits of the narrowest tag that CAEN boards write; others have 31 or 32."""

FIRST_EVENTS = 1024
"""An event counter that falls below this has begun anew."""

COUNTER_PERIOD = 1 << 24
"""Narrowest event counter; where it is wider, a step across this period looks the same."""


@dataclass(frozen=True)
class TagClock:
    """What is known of the tags of a file: their width as said, as seen, and where they are."""

    bits: int | None
    seen_bits: int
    where: str

    def unwrapper(self) -> TagUnwrapper:
        """Return what unwraps the tags from the first event on."""
        return TagUnwrapper(self.bits, seen_bits=self.seen_bits, where=self.where)


class TagUnwrapper:
    """Counts the wraps of a trigger time tag through consecutive chunks.

    Where the event counter runs on, time did too: a lower tag has wrapped, by however little it is
    lower. Without a counter, or where it falls out of line, a tag that is lower by more than half
    its range has wrapped, and one that is lower by less is out of order and stays where it is.

    Whole further periods between two events leave no trace. They are possible where a step takes
    more than half a period; `tell` warns of that.

    Parameters
    ----------
    bits
        Width of the tag. If None, it is the width of the highest tag seen, at least 30.
    seen_bits
        Width of the highest tag of the file, where it is known beforehand.
    where
        The file, for the warning.
    """

    def __init__(self, bits: int | None = None, *, seen_bits: int = 0, where: str = "") -> None:
        self.bits = bits
        self.where = where
        self.long_steps = 0
        self.longest_step = 0.0
        self._seen = max(NARROWEST, seen_bits)
        self._wraps = 0
        self._last: int | None = None
        self._last_counter: int | None = None

    def __call__(
        self, tags: NDArray[Any], counters: NDArray[Any] | None = None
    ) -> NDArray[np.int64]:
        """Return the tags of the next chunk, in ticks since tag 0 before the first wrap."""
        tags = np.asarray(tags, np.int64)
        if len(tags) == 0:
            return tags
        if self.bits is None:
            self._seen = max(self._seen, int(tags.max()).bit_length())
        period = 1 << (self.bits or self._seen)
        steps = np.diff(tags, prepend=tags[0] if self._last is None else self._last)
        wrapped = steps < -period // 2
        if counters is not None:
            numbers = np.asarray(counters, np.int64)
            before = numbers[0] if self._last_counter is None else self._last_counter
            counted = np.diff(numbers, prepend=before)
            wrapped |= _runs_on(counted) & (steps < 0)
            # A counter that begins anew is a board that was reset, and its clock with it.
            wrapped &= ~((counted < 0) & ~_runs_on(counted) & (numbers < FIRST_EVENTS))
            self._last_counter = int(numbers[-1])
        wraps = np.cumsum(wrapped)
        total = self._wraps + wraps
        share = (steps + wrapped * period) / period
        self.long_steps += int(np.count_nonzero(share > 0.5))
        self.longest_step = max(self.longest_step, float(share.max()))
        self._wraps = int(total[-1])
        self._last = int(tags[-1])
        return np.asarray(tags + total * period)

    def tell(self) -> None:
        """Warn, once all events are read, where wraps may have gone unseen."""
        if self.long_steps:
            period = 1 << (self.bits or self._seen)
            warnings.warn(
                f"{self.where}: {self.long_steps} steps of the trigger tag take up to "
                f"{self.longest_step:.2f} of its period of {period} ticks: whole periods between "
                "events may be missing from the times",
                DataWarning,
                stacklevel=2,
            )


def _runs_on(steps: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return where an event counter goes on, over its wrap too, by less than half its period."""
    ahead = steps % COUNTER_PERIOD
    return np.asarray((ahead > 0) & (ahead < COUNTER_PERIOD // 2))

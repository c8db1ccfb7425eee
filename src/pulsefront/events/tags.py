"""Trigger time tags that wrap around, made into times that do not."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsefront.events.readers.base import DataWarning

__all__ = ["FIRST_EVENTS", "TagClock", "TagUnwrapper"]

NARROWEST = 30
"""Bits of the narrowest tag that CAEN boards write; others have 31 or 32."""

FLAG_BIT = 31
"""Bit that CAEN's manuals call the roll-over flag of a counter of 31 bits (UM3148, UM3247)."""

LEAST_FALLS = 2
"""So often a tag falls with that bit set before it is taken for a flag that stays."""

FIRST_EVENTS = 1024
"""An event counter that falls below this has begun anew."""

COUNTER_PERIOD = 1 << 24
"""Narrowest event counter; where it is wider, a step across this period looks the same."""


@dataclass(frozen=True)
class TagClock:
    """What is known of the tags of a file: their width as said, as seen, and where they are.

    `flagged` says that their highest bit is a flag.
    """

    bits: int | None
    seen_bits: int
    where: str
    flagged: bool = False

    @classmethod
    def of_tags(cls, parts: Iterable[NDArray[Any]], where: str) -> TagClock:
        """Return what all tags of a file, part by part, tell of their width.

        A counter of 32 bits clears the highest one when it wraps. Where it stays set from some
        event on though the tags fall, again and again, it is the roll-over flag of a counter of 31.
        """
        highest, stays, falls, last = 0, True, 0, 0
        for part in parts:
            if not len(part):
                continue
            tags = np.concatenate([[last], np.asarray(part, np.int64)])
            highest, last = max(highest, int(tags.max())), int(tags[-1])
            set_ = tags >> FLAG_BIT > 0
            stays &= bool((set_[1:] >= set_[:-1]).all())
            falls += int(np.count_nonzero((np.diff(tags) < 0) & set_[:-1]))
        flagged = stays and falls >= LEAST_FALLS
        return cls(FLAG_BIT if flagged else None, highest.bit_length(), where, flagged)

    def unwrapper(self) -> TagUnwrapper:
        """Return what unwraps the tags from the first event on."""
        return TagUnwrapper(
            self.bits, seen_bits=self.seen_bits, where=self.where, flagged=self.flagged
        )


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
    flagged
        The bit above *bits* is a flag and no part of the tag.
    """

    def __init__(
        self,
        bits: int | None = None,
        *,
        seen_bits: int = 0,
        where: str = "",
        flagged: bool = False,
    ) -> None:
        self.bits = bits
        self.where = where
        self.flagged = flagged
        self.still = 0
        self.steps_back = 0
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
        if self.flagged and self.bits is not None:
            tags = tags & ((1 << self.bits) - 1)
        if self.bits is None:
            self._seen = max(self._seen, int(tags.max()).bit_length())
        period = 1 << (self.bits or self._seen)
        steps = np.diff(tags, prepend=tags[0] if self._last is None else self._last)
        wrapped = steps < -period // 2
        anew = np.zeros(len(tags), np.bool_)
        if counters is not None:
            numbers = np.asarray(counters, np.int64)
            before = numbers[0] if self._last_counter is None else self._last_counter
            counted = np.diff(numbers, prepend=before)
            wrapped |= _runs_on(counted) & (steps < 0)
            # A counter that begins anew is a board that was reset, and its clock with it.
            anew = (counted < 0) & ~_runs_on(counted) & (numbers < FIRST_EVENTS)
            wrapped &= ~anew
            self.still += int(np.count_nonzero(_runs_on(counted) & (steps == 0)))
            self._last_counter = int(numbers[-1])
        self.steps_back += int(np.count_nonzero((steps < 0) & ~wrapped & ~anew))
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
        period = f"its period of {1 << (self.bits or self._seen)} ticks"
        told = []
        if self.flagged:
            told.append(
                f"bit {self.bits} of the trigger tag stays set though the tag falls: it is taken "
                f"for the roll-over flag of a counter of {self.bits} bits"
            )
        if self.long_steps:
            told.append(
                f"{self.long_steps} steps of the trigger tag take up to {self.longest_step:.2f} of "
                f"{period}: whole periods between events may be missing from the times"
            )
        if self.still:
            told.append(
                f"{self.still} events have the trigger tag of the one before: it stands still, or "
                f"whole periods are missing from the times"
            )
        if self.steps_back:
            told.append(
                f"the trigger tag goes back {self.steps_back} times by less than half of {period}, "
                "and no event counter runs on: events are out of order, or wraps are missing from "
                "the times"
            )
        for line in told:
            warnings.warn(f"{self.where}: {line}", DataWarning, stacklevel=2)


def _runs_on(steps: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return where an event counter goes on, over its wrap too, by less than half its period."""
    ahead = steps % COUNTER_PERIOD
    return np.asarray((ahead > 0) & (ahead < COUNTER_PERIOD // 2))

"""Trigger time tags that wrap around, made into times that do not."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["TagUnwrapper"]


class TagUnwrapper:
    """Counts the wraps of a trigger time tag through consecutive chunks.

    A tag lower than the one before by more than half its range has wrapped once. A tag that is
    lower by less is out of order, not a wrap, and stays where it is. A pause in the data of more
    than half the range across a wrap cannot be told from that, and loses the wrap.

    Parameters
    ----------
    bits
        Width of the tag. If None, it is 30 until a tag of 2³⁰ or more is seen, then 31 (or 32):
        CAEN boards write either.
    """

    def __init__(self, bits: int | None = None) -> None:
        self.bits = bits
        self._seen = 30
        self._wraps = 0
        self._last: int | None = None

    def __call__(self, tags: NDArray[Any]) -> NDArray[np.int64]:
        """Return the tags of the next chunk, in ticks since tag 0 before the first wrap."""
        tags = np.asarray(tags, np.int64)
        if len(tags) == 0:
            return tags
        if self.bits is None:
            self._seen = max(self._seen, int(tags.max()).bit_length())
        period = 1 << (self.bits or self._seen)
        before = tags[0] if self._last is None else self._last
        steps = np.diff(tags, prepend=before)
        wraps = np.cumsum(steps < -period // 2)
        total = self._wraps + wraps
        self._wraps = int(total[-1])
        self._last = int(tags[-1])
        return np.asarray(tags + total * period)

"""Inputs, and tensors with their proven intervals.

A tensor without its event axis has the shape ``(channel,)`` or ``(position, channel)``, channels
last.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pulsefront.errors import PrecisionError
from pulsefront.fixed_point.format import FixedPointFormat, Integers

__all__ = ["Input", "Tensor"]


@dataclass(frozen=True)
class Input:
    """A named input: *shape* without the event axis, raw integers of *format*."""

    name: str
    shape: tuple[int, ...]
    format: FixedPointFormat

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", tuple(int(length) for length in self.shape))
        if len(self.shape) not in (1, 2) or min(self.shape) < 1:
            raise PrecisionError(
                "an input has the shape (channel,) or (position, channel)",
                field=self.name,
                value=self.shape,
            )


@dataclass(frozen=True, eq=False)
class Tensor:
    """A tensor's *shape* without the event axis, *format*, and interval per element.

    ``channels`` are the formats that its channels (the last axis) were assigned to one by one,
    which *format* holds; None where all have *format*.
    """

    name: str
    shape: tuple[int, ...]
    format: FixedPointFormat
    low: Integers
    high: Integers
    channels: tuple[FixedPointFormat, ...] | None = None

    @property
    def widths(self) -> Integers:
        """Bits that each element is stored in and multiplied with, of the tensor's shape."""
        own = (self.format,) if self.channels is None else self.channels
        return np.broadcast_to(np.array([one.width for one in own], np.int64), self.shape)

    @property
    def interval(self) -> tuple[int, int]:
        """Smallest and largest raw integer of any element."""
        return int(self.low.min()), int(self.high.max())

    @property
    def magnitude(self) -> int:
        """Bound of the absolute value of every element."""
        return max(map(abs, self.interval))

    @property
    def size(self) -> int:
        """Number of elements per event."""
        return int(np.prod(self.shape))

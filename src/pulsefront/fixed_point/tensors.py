"""Tensors with their proven intervals, and the steps between them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pulsefront.fixed_point.format import FixedPointFormat, Integers
from pulsefront.fixed_point.layers import Layer

__all__ = ["Step", "Tensor"]


@dataclass(frozen=True, eq=False)
class Tensor:
    """A tensor's *shape* without the event axis, *format*, and interval per element."""

    name: str
    shape: tuple[int, ...]
    format: FixedPointFormat
    low: Integers
    high: Integers

    @property
    def interval(self) -> tuple[int, int]:
        """Smallest and largest raw integer of any element."""
        return int(self.low.min()), int(self.high.max())

    @property
    def size(self) -> int:
        """Number of elements per event."""
        return int(np.prod(self.shape))


@dataclass(frozen=True, eq=False)
class Step:
    """One layer with what goes in and what comes out.

    ``exact`` is the result before the assignment, with every bit; ``result`` the tensor after it.
    ``magnitude`` bounds the absolute value of every partial sum on the way to ``exact``, in any
    order of summation: below 2^24 a float32 matrix product is exact, below 2^53 a float64 one.
    """

    layer: Layer
    sources: tuple[Tensor, ...]
    exact: Tensor
    result: Tensor
    magnitude: int

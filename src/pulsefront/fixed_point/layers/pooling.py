"""Sum, mean and maximum over windows of positions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from pulsefront.errors import UnsupportedLayer
from pulsefront.fixed_point.circuits import Build, Circuit
from pulsefront.fixed_point.format import Assignment
from pulsefront.fixed_point.layers.base import (
    Array,
    Bounds,
    Layer,
    LayerStep,
    Operation,
    register_layer,
)
from pulsefront.fixed_point.layers.checks import check_positive
from pulsefront.fixed_point.layers.windows import check_windows, windows
from pulsefront.fixed_point.tensors import Tensor

__all__ = ["AveragePool", "MaxPool", "WindowLayer", "WindowSum"]


@dataclass(frozen=True, eq=False)
class WindowLayer(Layer):
    """A reduction over windows of *size* positions, *stride* apart; input (position, channel)."""

    size: int
    stride: int

    luts_per_bit: ClassVar[int] = 1
    """LUTs that take one bit more into the reduction."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_positive(self.name, "size", self.size)
        check_positive(self.name, "stride", self.stride)

    @property
    def mean_bits(self) -> int:
        """Fraction bits that the result has beyond its source's."""
        return 0

    @staticmethod
    def reduced(array: Array, axis: int) -> Array:
        """Return *array* reduced along an axis: the sum, unless a layer says otherwise."""
        total: Array = array.astype(np.int64, copy=False).sum(axis=axis)
        return total

    def bounds(self, sources: tuple[Tensor, ...]) -> Bounds:
        """Return the reduced intervals."""
        (source,) = sources
        check_windows(self.name, source, self.size)
        index = windows(source.shape[0], self.size, self.stride)
        low, high = (self.reduced(end[index], 1) for end in (source.low, source.high))
        return Bounds(low, high, source.format.fraction + self.mean_bits, self._reach(source))

    def _reach(self, source: Tensor) -> int:
        return source.magnitude * self.size

    def operation(self, step: LayerStep) -> Operation:
        """Return the reduction of the windows of (event, position, channel)."""
        index = windows(step.sources[0].shape[0], self.size, self.stride)
        return lambda source: self.reduced(source[:, index], 2)

    def circuit(self, step: LayerStep, build: Build) -> Circuit | None:  # noqa: ARG002
        """Return a balanced tree for every element of the result."""
        if self.size == 1:
            return None
        bits = step.exact.size * step.exact.format.width
        lut = self.luts_per_bit * (self.size - 1) * bits
        return Circuit(lut, depth=int(np.ceil(np.log2(self.size))))


@register_layer
@dataclass(frozen=True, eq=False)
class WindowSum(WindowLayer):
    """Sum over windows of *size* positions, *stride* apart; input (position, channel)."""

    to: Assignment | None = None
    kind: ClassVar[str] = "window_sum"


@register_layer
@dataclass(frozen=True, eq=False)
class AveragePool(WindowLayer):
    """Mean over windows of *size* positions; *size* is a power of two, so that it is exact.

    The mean over 2^k is the integer of the sum with k more fraction bits.
    """

    to: Assignment | None = None
    kind: ClassVar[str] = "average_pool"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.size & (self.size - 1):
            raise UnsupportedLayer(
                self.name,
                problem=f"an average over {self.size} positions is not exact in binary fractions",
                remedy="average over a power of two, or use WindowSum and scale the next weights",
            )

    @property
    def mean_bits(self) -> int:
        """The binary logarithm of the size."""
        return self.size.bit_length() - 1


@register_layer
@dataclass(frozen=True, eq=False)
class MaxPool(WindowLayer):
    """Largest value over windows of *size* positions, *stride* apart."""

    kind: ClassVar[str] = "max_pool"
    luts_per_bit: ClassVar[int] = 2  # a comparison and a choice

    @staticmethod
    def reduced(array: Array, axis: int) -> Array:
        """Return the largest values of *array* along an axis."""
        largest: Array = array.max(axis=axis)
        return largest

    def _reach(self, source: Tensor) -> int:
        return source.magnitude

"""Layers that limit each value: ReLU, clip, hard-tanh."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from pulsefront.errors import PrecisionError
from pulsefront.fixed_point.circuits import Build, Circuit
from pulsefront.fixed_point.format import Assignment, FixedPointFormat
from pulsefront.fixed_point.layers.base import (
    Bounds,
    Fusion,
    Layer,
    LayerStep,
    Operation,
    register_layer,
)
from pulsefront.fixed_point.tensors import Tensor

__all__ = ["Clip", "HardTanh", "LimitLayer", "Relu"]


@register_layer
@dataclass(frozen=True, eq=False)
class Relu(Layer):
    """max(x, 0), then assigned to a format."""

    to: Assignment | None = None
    kind: ClassVar[str] = "relu"
    fusion: ClassVar[Fusion | None] = Fusion(lowest=0)

    def bounds(self, sources: tuple[Tensor, ...]) -> Bounds:
        """Return the interval above zero."""
        (source,) = sources
        low, high = np.maximum(source.low, 0), np.maximum(source.high, 0)
        return Bounds(low, high, source.format.fraction, source.magnitude)

    def operation(self, step: LayerStep) -> Operation:  # noqa: ARG002
        """Return max(x, 0)."""
        return lambda source: np.maximum(source, 0)

    def circuit(self, step: LayerStep, build: Build) -> Circuit | None:  # noqa: ARG002
        """Return one choice for each bit."""
        return Circuit(step.exact.size * step.exact.format.width, depth=1)


@dataclass(frozen=True, eq=False)
class LimitLayer(Layer):
    """x limited to an interval."""

    @abstractmethod
    def limits(self, source: FixedPointFormat) -> tuple[int, int]:
        """Return the interval's ends as raw integers at the fraction of *source*."""

    def bounds(self, sources: tuple[Tensor, ...]) -> Bounds:
        """Return the limited interval."""
        (source,) = sources
        low, high = self.limits(source.format)
        ends = np.clip(source.low, low, high), np.clip(source.high, low, high)
        reach = max(source.magnitude, abs(low), abs(high))
        return Bounds(*ends, source.format.fraction, reach)

    def operation(self, step: LayerStep) -> Operation:
        """Return x limited to the interval."""
        low, high = self.limits(step.sources[0].format)
        return lambda source: np.clip(source.astype(np.int64, copy=False), low, high)

    def circuit(self, step: LayerStep, build: Build) -> Circuit | None:  # noqa: ARG002
        """Return two choices for each bit."""
        return Circuit(2 * step.exact.size * step.exact.format.width, depth=1)


@register_layer
@dataclass(frozen=True, eq=False)
class Clip(LimitLayer):
    """x limited to *low* … *high*, raw integers at the input's fraction, then assigned."""

    low: int
    high: int
    to: Assignment | None = None
    kind: ClassVar[str] = "clip"

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.low <= self.high:
            raise PrecisionError(
                f"layer {self.name!r}: low is above high", value=(self.low, self.high)
            )

    def limits(self, source: FixedPointFormat) -> tuple[int, int]:  # noqa: ARG002
        """Return the layer's own ends."""
        return int(self.low), int(self.high)


@register_layer
@dataclass(frozen=True, eq=False)
class HardTanh(LimitLayer):
    """x limited to the values −1 … 1, then assigned to a format."""

    to: Assignment | None = None
    kind: ClassVar[str] = "hard_tanh"

    def limits(self, source: FixedPointFormat) -> tuple[int, int]:
        """Return −1 and 1.

        Raises
        ------
        PrecisionError
            They lie between two steps of the format.
        """
        if source.fraction < 0:
            raise PrecisionError(
                f"layer {self.name!r}: the values −1 and 1 lie between two steps of {source}",
                remedy="give the tensor before it a format with fraction bits",
            )
        one = 1 << source.fraction
        return -one, one

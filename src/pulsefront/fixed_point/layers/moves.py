"""Layers that move or cast numbers and compute nothing: quantize, flatten, concatenate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from pulsefront.errors import PrecisionError
from pulsefront.fixed_point.format import Assignment
from pulsefront.fixed_point.intervals import rounded
from pulsefront.fixed_point.layers.base import (
    Array,
    Bounds,
    Fusion,
    Layer,
    LayerStep,
    Operation,
    register_layer,
)
from pulsefront.fixed_point.tensors import Tensor

__all__ = ["Concatenate", "Flatten", "Quantize"]


@register_layer
@dataclass(frozen=True, eq=False)
class Quantize(Layer):
    """Assign a tensor to a format."""

    to: Assignment
    kind: ClassVar[str] = "quantize"
    fusion: ClassVar[Fusion | None] = Fusion()

    def bounds(self, sources: tuple[Tensor, ...]) -> Bounds:
        """Return the source's own interval."""
        (source,) = sources
        return Bounds(source.low, source.high, source.format.fraction, source.magnitude)

    def operation(self, step: LayerStep) -> Operation:  # noqa: ARG002
        """Return the source as it is."""
        return lambda source: source


@register_layer
@dataclass(frozen=True, eq=False)
class Flatten(Layer):
    """(position, channel) to (position · channel,), the channel running fastest."""

    kind: ClassVar[str] = "flatten"

    def bounds(self, sources: tuple[Tensor, ...]) -> Bounds:
        """Return the source's interval as one axis."""
        (source,) = sources
        ends = source.low.reshape(-1), source.high.reshape(-1)
        return Bounds(*ends, source.format.fraction, source.magnitude)

    def operation(self, step: LayerStep) -> Operation:  # noqa: ARG002
        """Return the source as one axis beside that of events."""
        return lambda source: source.reshape(len(source), -1)


@register_layer
@dataclass(frozen=True, eq=False)
class Concatenate(Layer):
    """Tensors one after the other along the last axis, at the largest fraction among them."""

    kind: ClassVar[str] = "concatenate"
    reads: ClassVar[int | None] = None

    def bounds(self, sources: tuple[Tensor, ...]) -> Bounds:
        """Return the intervals one after the other."""
        if len({one.shape[:-1] for one in sources}) != 1:
            shapes = ", ".join(f"{one.name!r} {one.shape}" for one in sources)
            raise PrecisionError(f"layer {self.name!r}: only the last axis may differ: {shapes}")
        fraction = max(one.format.fraction for one in sources)
        lows = [rounded(one.low, one.format.fraction, fraction) for one in sources]
        highs = [rounded(one.high, one.format.fraction, fraction) for one in sources]
        low, high = np.concatenate(lows, axis=-1), np.concatenate(highs, axis=-1)
        reach = max(int(np.abs(low).max()), int(np.abs(high).max()))
        return Bounds(low, high, fraction, reach)

    def operation(self, step: LayerStep) -> Operation:
        """Return the sources at one fraction, one after the other."""
        whole = step.exact.format.fraction
        shifts = [whole - one.format.fraction for one in step.sources]

        def concatenate(*sources: Array) -> Array:
            parts = [
                one.astype(np.int64, copy=False) << shift
                for one, shift in zip(sources, shifts, strict=True)
            ]
            return np.concatenate(parts, axis=-1)

        return concatenate

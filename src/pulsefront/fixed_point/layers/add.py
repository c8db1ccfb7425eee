"""The sum of tensors of one shape, such as a residual connection."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from pulsefront.errors import PrecisionError
from pulsefront.fixed_point.circuits import Build, Circuit
from pulsefront.fixed_point.format import MAX_WIDTH, Assignment
from pulsefront.fixed_point.intervals import rounded
from pulsefront.fixed_point.layers.base import (
    Array,
    Bounds,
    Layer,
    LayerStep,
    Operation,
    register_layer,
)
from pulsefront.fixed_point.tensors import Tensor

__all__ = ["Add"]


@register_layer
@dataclass(frozen=True, eq=False)
class Add(Layer):
    """Element by element the sum of tensors, at the largest fraction among them, then assigned."""

    to: Assignment | None = None
    kind: ClassVar[str] = "add"
    reads: ClassVar[int | None] = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.inputs) < 2:
            raise PrecisionError(
                f"layer {self.name!r}: add reads two tensors or more", value=self.inputs
            )

    def bounds(self, sources: tuple[Tensor, ...]) -> Bounds:
        """Return the sums of the ends: the interval is reached where the sources are independent.

        Raises
        ------
        PrecisionError
            The shapes differ.
        """
        if len({one.shape for one in sources}) != 1:
            shapes = ", ".join(f"{one.name!r} {one.shape}" for one in sources)
            raise PrecisionError(
                f"layer {self.name!r} adds tensors of one shape, and nothing is repeated: {shapes}",
                remedy="bring them to one shape with a layer of weights; a constant is a bias",
            )
        fraction = max(one.format.fraction for one in sources)
        lows = [rounded(one.low, one.format.fraction, fraction) for one in sources]
        highs = [rounded(one.high, one.format.fraction, fraction) for one in sources]
        # Python's integers: those of 64 bits could overflow.
        magnitude = sum(one.magnitude << (fraction - one.format.fraction) for one in sources)
        if magnitude >= 1 << MAX_WIDTH:
            raise PrecisionError(
                f"layer {self.name!r}: a sum can need {magnitude.bit_length() + 1} bits "
                "and 64-bit integers do not suffice",
                remedy="use formats with fewer bits before this layer",
            )
        return Bounds(np.sum(lows, axis=0), np.sum(highs, axis=0), fraction, magnitude)

    def operation(self, step: LayerStep) -> Operation:
        """Return the sum of the sources at one fraction."""
        whole = step.exact.format.fraction
        shifts = [whole - one.format.fraction for one in step.sources]

        def add(*sources: Array) -> Array:
            total = sources[0].astype(np.int64) << shifts[0]
            for source, shift in zip(sources[1:], shifts[1:], strict=True):
                total += source.astype(np.int64, copy=False) << shift
            return total

        return add

    def circuit(self, step: LayerStep, build: Build) -> Circuit | None:  # noqa: ARG002
        """Return a balanced tree of adders for every element."""
        terms = len(step.sources)
        lut = (terms - 1) * step.exact.size * step.exact.format.width
        return Circuit(lut, depth=int(np.ceil(np.log2(terms))))

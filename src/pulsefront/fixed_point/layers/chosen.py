"""Which of some scores is largest, and a dense layer that takes its weights by that number.

Together they are a network of regions: scores say in which region an event lies, and one dense
layer after the other is computed with the weights of that region, in the same multipliers.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from pulsefront.errors import PrecisionError
from pulsefront.fixed_point.circuits import (
    Build,
    Circuit,
    bit_lengths,
    bit_operations,
    reused_multipliers,
)
from pulsefront.fixed_point.format import (
    Assignment,
    Formats,
    Integers,
    by_channel,
    container,
)
from pulsefront.fixed_point.layers.base import (
    Arithmetic,
    Array,
    Bounds,
    Layer,
    LayerStep,
    Operation,
    register_layer,
)
from pulsefront.fixed_point.layers.checks import raw_array
from pulsefront.fixed_point.layers.dense import Dense
from pulsefront.fixed_point.tensors import Tensor

__all__ = ["ChosenDense", "LargestIndex"]


@register_layer
@dataclass(frozen=True, eq=False)
class LargestIndex(Layer):
    """The number of the largest element of a vector, from 0 on: the first among equals."""

    kind: ClassVar[str] = "largest_index"

    def bounds(self, sources: tuple[Tensor, ...]) -> Bounds:
        """Return 0 … elements − 1; of elements that can never be largest, too.

        Raises
        ------
        PrecisionError
            The source is no vector.
        """
        (source,) = sources
        if len(source.shape) != 1:
            raise PrecisionError(
                f"layer {self.name!r}: the largest of a vector is looked for, and "
                f"{source.name!r} has the shape {source.shape}",
                remedy="put a Flatten before it",
            )
        last = source.size - 1
        return Bounds(np.zeros(1, np.int64), np.full(1, last, np.int64), 0, source.magnitude)

    def operation(self, step: LayerStep) -> Operation:  # noqa: ARG002
        """Return the number of the largest element."""
        return lambda source: source.argmax(axis=1)[:, None].astype(np.int64)

    def circuit(self, step: LayerStep, build: Build) -> Circuit | None:  # noqa: ARG002
        """Return a tree of comparisons: a bit of both in a look-up table, and one to choose."""
        (source,) = step.sources
        bits = source.format.width + step.result.format.width
        pairs = source.size - 1
        levels = int(np.ceil(np.log2(max(source.size, 1))))
        return Circuit(pairs * (source.format.width + bits), depth=2 * levels)


@register_layer
@dataclass(frozen=True, eq=False)
class ChosenDense(Layer):
    """y = x · weights[n] + bias[n] of a vector x and a number n from 0 on, its second input.

    Parameters
    ----------
    weights
        Raw integers of *weight_format*, shape (set, n_in, n_out); with one format per output
        each column has its own fraction, the same in every set.
    bias
        Raw integers of *bias_format*, shape (set, n_out); None for no bias.
    to
        Assignment of the result; None keeps every bit.
    """

    weights: Integers
    weight_format: Formats
    bias: Integers | None = None
    bias_format: Formats | None = None
    to: Assignment | None = None
    kind: ClassVar[str] = "chosen_dense"
    reads: ClassVar[int | None] = 2

    def __post_init__(self) -> None:
        super().__post_init__()
        weights = raw_array(self.name, "weights", self.weights, self.weight_format)
        if weights.ndim != 3 or not weights.size:
            raise PrecisionError(
                f"layer {self.name!r}: weights have the shape (set, n_in, n_out)",
                value=weights.shape,
            )
        object.__setattr__(self, "weights", weights)
        if self.bias is None:
            return
        if self.bias_format is None:
            raise PrecisionError(f"layer {self.name!r}: a bias needs a bias_format")
        bias = raw_array(self.name, "bias", self.bias, self.bias_format)
        if bias.shape != (len(weights), self.n_out):
            raise PrecisionError(
                f"layer {self.name!r}: the bias has the shape {(len(weights), self.n_out)}",
                value=bias.shape,
            )
        object.__setattr__(self, "bias", bias)

    @property
    def sets(self) -> int:
        """Sets of weights."""
        return int(self.weights.shape[0])

    @property
    def n_out(self) -> int:
        """Elements of the result."""
        return int(self.weights.shape[-1])

    @cached_property
    def parts(self) -> tuple[Dense, ...]:
        """The dense layer of each set, up to its exact result."""
        biases = [None] * self.sets if self.bias is None else list(self.bias)
        return tuple(
            Dense(self.name, self.inputs[:1], weights, self.weight_format, bias, self.bias_format)
            for weights, bias in zip(self.weights, biases, strict=True)
        )

    def constants(self, step: LayerStep) -> tuple[Integers, Integers]:
        """Return weights (set, n_in, n_out) and bias (set, n_out) at the result's fractions."""
        fraction = step.exact.format.fraction
        own = fraction - step.sources[0].format.fraction
        weights = np.stack([part.matrix_at(own) for part in self.parts])
        return weights, np.stack([part.bias_at(fraction) for part in self.parts])

    def bounds(self, sources: tuple[Tensor, ...]) -> Bounds:
        """Return the interval of each sum, whichever set is taken.

        Raises
        ------
        PrecisionError
            The number is no whole one of a set, or the source has another shape.
        """
        source, number = sources
        low, high = number.interval
        if number.size != 1 or number.format.fraction or low < 0 or high >= self.sets:
            raise PrecisionError(
                f"layer {self.name!r}: {number.name!r} is to be one whole number from 0 to "
                f"{self.sets - 1}, and is {number.size} from {low} to {high} of {number.format}",
                remedy="take the largest of as many scores as there are sets of weights",
            )
        found = [part.bounds((source,)) for part in self.parts]
        return Bounds(
            np.min([one.low for one in found], axis=0),
            np.max([one.high for one in found], axis=0),
            found[0].fraction,
            max(one.magnitude for one in found),
        )

    def operation(self, step: LayerStep) -> Operation:
        """Return the product of the events of each set with its weights, one set at a time."""
        source = step.sources[0]
        # Whatever a set alone could do in a smaller type, all sets give the same one.
        whole = LayerStep(self.parts[0], (source,), step.exact, step.exact, step.magnitude)
        products = [part.operation(whole) for part in self.parts]

        def choose(given: Array, number: Array) -> Array:
            chosen = number.reshape(-1)
            result = np.empty((len(given), self.n_out), np.int64)
            for index, product in enumerate(products):
                rows = np.flatnonzero(chosen == index)
                if rows.size:
                    result[rows] = product(given[rows])
            return result

        return choose

    def arithmetic(self, step: LayerStep) -> Arithmetic:
        """Return the bits of all sets, and the products of the one that an event takes.

        A multiplier whose weights come from a memory needs every bit that any set has there.
        """
        source = step.sources[0]
        _, n_in, n_out = self.weights.shape
        widths = np.array([one.width for one in by_channel(self.weight_format, n_out)], np.int64)
        weight_bits = int(widths.sum()) * n_in
        if self.bias is not None and self.bias_format is not None:
            weight_bits += sum(one.width for one in by_channel(self.bias_format, n_out))
        together = np.bitwise_or.reduce(np.abs(self.weights), axis=0)
        per_mac = bit_operations(widths, source.format.width, n_in)
        return Arithmetic(
            weight_bits * self.sets,
            macs=n_in * n_out,
            bops=float(per_mac.sum()) * n_in,
            ebops=int(bit_lengths(together).sum(axis=1) @ source.widths),
        )

    def circuit(self, step: LayerStep, build: Build) -> Circuit | None:
        """Return multipliers of general kind, with the weights of all sets in memories."""
        _, n_in, n_out = self.weights.shape
        bits, sum_bits = step.sources[0].format.width, step.exact.format.width
        weight_bits = container(self.weight_format).width
        return reused_multipliers((n_in, n_out), bits, weight_bits, sum_bits, build, sets=self.sets)

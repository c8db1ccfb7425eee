"""Layers that multiply rows of numbers by a matrix of constants and add a bias."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from pulsefront.errors import PrecisionError
from pulsefront.fixed_point import kernels
from pulsefront.fixed_point.circuits import (
    Build,
    Circuit,
    bit_lengths,
    bit_operations,
    reused_multipliers,
    unrolled_constants,
)
from pulsefront.fixed_point.format import (
    MAX_WIDTH,
    Assignment,
    Formats,
    Integers,
    aligned,
    assign,
    by_channel,
    container,
)
from pulsefront.fixed_point.intervals import number_type, rounded
from pulsefront.fixed_point.layers.accumulator import accumulated_sums
from pulsefront.fixed_point.layers.base import (
    Arithmetic,
    Array,
    Bounds,
    InnerAssignment,
    Layer,
    LayerStep,
    Operation,
)
from pulsefront.fixed_point.layers.checks import raw_array
from pulsefront.fixed_point.tensors import Tensor

__all__ = ["MatrixLayer"]

Rows = Callable[[Array], Array]


@dataclass(frozen=True, eq=False)
class MatrixLayer(Layer):
    """y = rows of the source · weights + bias.

    Parameters
    ----------
    weights
        Raw integers, shape (…, n_out), of *weight_format*; with one format per output channel
        each column has its own fraction. As a matrix their shape is (n_in, n_out).
    bias
        Raw integers, shape (n_out,), of *bias_format*; None for no bias.
    to
        Assignment of the result; None keeps every bit.
    accumulator
        None: exact. Otherwise every product and the bias are assigned to this one format before
        they are added, and each sum stays in it, as hls4ml's latency strategy does.
    """

    weights: Integers
    weight_format: Formats
    bias: Integers | None = None
    bias_format: Formats | None = None
    to: Assignment | None = None
    accumulator: Assignment | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        weights = raw_array(self.name, "weights", self.weights, self.weight_format)
        self.check_shape(weights)
        object.__setattr__(self, "weights", weights)
        if self.accumulator is not None and self.accumulator.per_channel:
            raise PrecisionError(f"layer {self.name!r}: the accumulator has one format")
        if self.bias is None:
            return
        if self.bias_format is None:
            raise PrecisionError(f"layer {self.name!r}: a bias needs a bias_format")
        bias = raw_array(self.name, "bias", self.bias, self.bias_format)
        if bias.shape != (self.n_out,):
            raise PrecisionError(
                f"layer {self.name!r}: the bias has the shape ({self.n_out},)", value=bias.shape
            )
        object.__setattr__(self, "bias", bias)

    @abstractmethod
    def check_shape(self, weights: Integers) -> None:
        """Refuse weights of another number of axes than the layer's, or none at all."""

    @abstractmethod
    def rows(self, source: Tensor) -> Rows:
        """Return the function from (event, …) to the rows (row, n_in) that meet the weights.

        Raises
        ------
        PrecisionError
            The shape of *source* does not fit.
        """

    @abstractmethod
    def result_shape(self, rows: int) -> tuple[int, ...]:
        """Return the shape of the result, given the number of rows of an event."""

    @property
    def n_out(self) -> int:
        """Output channels."""
        return int(self.weights.shape[-1])

    @property
    def weight_fraction(self) -> int:
        """Fraction bits at which all weights are whole."""
        return container(self.weight_format).fraction

    def matrix_at(self, fraction: int) -> Integers:
        """Return the weights (n_in, n_out) at *fraction*, which is at least their own."""
        matrix = aligned(self.weights, self.weight_format).reshape(-1, self.n_out)
        return matrix << (fraction - self.weight_fraction)

    def bias_at(self, fraction: int) -> Integers:
        """Return the bias at *fraction*, which is at least its own; zeros for no bias."""
        if self.bias is None or self.bias_format is None:
            return np.zeros(self.n_out, dtype=np.int64)
        own = container(self.bias_format).fraction
        return rounded(aligned(self.bias, self.bias_format), own, fraction)

    def product_fraction(self, source: Tensor) -> int:
        """Return the fraction bits of a product."""
        return source.format.fraction + self.weight_fraction

    def sum_fraction(self, source: Tensor) -> int:
        """Return the fraction bits at which product and bias are exact."""
        product = self.product_fraction(source)
        if self.bias is None or self.bias_format is None:
            return product
        return max(product, container(self.bias_format).fraction)

    def constants(self, step: LayerStep) -> tuple[Integers, Integers]:
        """Return weights (n_in, n_out) and bias at the fractions of the exact result."""
        fraction = step.exact.format.fraction
        own = fraction - step.sources[0].format.fraction
        return self.matrix_at(own), self.bias_at(fraction)

    def bounds(self, sources: tuple[Tensor, ...]) -> Bounds:
        """Return the interval of each sum, whatever the inputs within theirs."""
        (source,) = sources
        low, high = self._row_bounds(source)
        reach = np.maximum(np.abs(low), np.abs(high))
        self._refuse_wide_sums(source, reach)
        fraction = self.sum_fraction(source)
        weights = self.matrix_at(fraction - source.format.fraction)
        bias = self.bias_at(fraction)
        shape = self.result_shape(len(low))
        magnitude = int((reach @ np.abs(weights) + np.abs(bias)).max())
        if self.accumulator is not None:
            sums = accumulated_sums((low, high), weights, bias, fraction, self.accumulator)
            target = self.accumulator.container
            magnitude = max(magnitude, *map(abs, sums.reach), 1 << target.width)
            ends = sums.low.reshape(shape), sums.high.reshape(shape)
            return Bounds(*ends, target.fraction, magnitude)
        up, down = np.maximum(weights, 0), np.minimum(weights, 0)
        lowest, highest = low @ up + high @ down + bias, high @ up + low @ down + bias
        return Bounds(lowest.reshape(shape), highest.reshape(shape), fraction, magnitude)

    def _row_bounds(self, source: Tensor) -> tuple[Integers, Integers]:
        rows = self.rows(source)
        return rows(source.low[None]), rows(source.high[None])

    def _refuse_wide_sums(self, source: Tensor, reach: Integers) -> None:
        """Refuse sums of rows up to *reach* that 64 bits do not hold.

        Judged in float64: the integers themselves could overflow.
        """
        fraction = self.sum_fraction(source)
        weights = np.abs(self.matrix_at(self.weight_fraction)).astype(float)
        scale = 2.0 ** (fraction - self.product_fraction(source))
        bound = np.max(reach.astype(float) @ weights) * scale
        if self.bias is not None and self.bias_format is not None:
            own = container(self.bias_format).fraction
            bias = np.abs(aligned(self.bias, self.bias_format)).max()
            bound += float(bias) * 2.0 ** (fraction - own)
        if bound >= 2.0**MAX_WIDTH:
            bits = int(np.ceil(np.log2(bound))) + 1
            raise PrecisionError(
                f"layer {self.name!r}: a sum can need {bits} bits "
                "and 64-bit integers do not suffice",
                remedy="use formats with fewer bits before this layer",
            )

    def inner_assignments(self, sources: tuple[Tensor, ...]) -> tuple[InnerAssignment, ...]:
        """Return the assignment of every product to the accumulator, where it is not exact."""
        if self.accumulator is None:
            return ()
        (source,) = sources
        fraction = self.sum_fraction(source)
        weights = self.matrix_at(fraction - source.format.fraction)
        bias = self.bias_at(fraction)
        rows = self._row_bounds(source)
        reach = accumulated_sums(rows, weights, bias, fraction, self.accumulator).reach
        product = self.product_fraction(source)
        return (InnerAssignment("accumulator", self.accumulator, product, reach),)

    def operation(self, step: LayerStep) -> Operation:
        """Return the matrix product in the fastest type that is exact, or in the accumulator."""
        rows, shape = self.rows(step.sources[0]), step.exact.shape
        product = self._exact_product(step)
        if self.accumulator is not None:
            product = self._accumulated_product(step.sources[0], self.accumulator)
        return lambda source: product(rows(source)).reshape(-1, *shape)

    def _exact_product(self, step: LayerStep) -> Rows:
        weights, bias = self.constants(step)
        kind = number_type(step.magnitude)
        if kind is np.int64:

            def integers(rows: Array) -> Array:
                target = np.empty((len(rows), len(bias)), dtype=np.int64)
                kernels.dense_integers(np.ascontiguousarray(rows), weights, bias, target)
                return target

            return integers
        matrix, offset = weights.astype(kind), bias.astype(kind)

        def floats(rows: Array) -> Array:
            product: Array = np.matmul(rows.astype(kind, copy=False), matrix)
            product += offset
            return product

        return floats

    def _accumulated_product(self, source: Tensor, to: Assignment) -> Rows:
        weights = np.ascontiguousarray(self.matrix_at(self.weight_fraction))
        fraction = self.sum_fraction(source)
        bias = assign(self.bias_at(fraction), fraction, to)
        target_format = to.container
        shift = min(self.product_fraction(source) - target_format.fraction, 63)
        limits = (
            target_format.minimum,
            target_format.maximum,
            target_format.symmetric_minimum,
            kernels.ROUNDING_CODE[to.rounding],
            kernels.OVERFLOW_CODE[to.overflow],
        )

        def product(rows: Array) -> Array:
            target = np.empty((len(rows), len(bias)), dtype=np.int64)
            source = np.ascontiguousarray(rows)
            kernels.dense_accumulated(source, weights, bias, target, shift, *limits)
            return target

        return product

    def arithmetic(self, step: LayerStep) -> Arithmetic:
        """Return the bits of all constants, and the products of every row."""
        widths = _widths(self.weight_format, self.n_out)
        fan_in = self.weights.size // self.n_out
        weight_bits = int(widths.sum()) * fan_in
        if self.bias is not None and self.bias_format is not None:
            weight_bits += int(_widths(self.bias_format, self.n_out).sum())
        rows = step.exact.size // self.n_out
        source = step.sources[0]
        per_mac = bit_operations(widths, source.format.width, fan_in)
        return Arithmetic(
            weight_bits,
            macs=self.weights.size * rows,
            bops=float(per_mac.sum()) * fan_in * rows,
            ebops=self._effective_operations(step, rows),
        )

    def _effective_operations(self, step: LayerStep, rows: int) -> int:
        (source,) = step.sources
        lengths = bit_lengths(self.weights).reshape(-1, self.n_out).sum(axis=1)
        if source.channels is None:
            return int(lengths.sum()) * source.format.width * rows
        return int((self.rows(source)(source.widths[None]) @ lengths).sum())

    def circuit(self, step: LayerStep, build: Build) -> Circuit | None:
        """Return adder trees or multipliers for one row, through which all rows go in turn."""
        matrix = self.matrix_at(self.weight_fraction)
        source = step.sources[0]
        if build.reuse == 1:
            biased = np.zeros(self.n_out, dtype=np.int64)
            if self.bias is not None:
                biased = np.sign(self.bias) ** 2
            bits = self.rows(source)(source.widths[None]).max(axis=0)
            found = unrolled_constants(matrix, biased, bits, build)
        else:
            weight_bits, sum_bits = container(self.weight_format).width, step.exact.format.width
            n_in, n_out = matrix.shape
            bits = source.format.width
            found = reused_multipliers((n_in, n_out), bits, weight_bits, sum_bits, build)
        rows = step.exact.size // self.n_out
        # Under the Resource strategy every two rows are two cycles apart at least.
        turns = max(build.reuse, 2 if build.strategy == "Resource" else 1)
        return replace(found, turns=rows * turns, outputs=self.n_out)


def _widths(formats: Formats, channels: int) -> Integers:
    return np.array([one.width for one in by_channel(formats, channels)], dtype=np.int64)

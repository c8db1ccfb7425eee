"""Interval arithmetic, layer by layer, over the actual weights.

For each element of a layer's result: the smallest and largest raw integer that inputs within their
intervals can lead to, and a bound of every partial sum on the way.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from pulsefront.errors import PrecisionError
from pulsefront.fixed_point.format import (
    MAX_WIDTH,
    Assignment,
    FixedPointFormat,
    Integers,
    Overflow,
    Rounding,
    assign,
    container,
)
from pulsefront.fixed_point.layers import (
    AveragePool,
    Clip,
    Concatenate,
    Conv1d,
    Dense,
    Flatten,
    HardTanh,
    Layer,
    MaxPool,
    Quantize,
    Relu,
    WindowSum,
    aligned,
)
from pulsefront.fixed_point.tensors import Tensor

__all__ = [
    "BOUNDS",
    "Bounds",
    "accumulator_reach",
    "assigned_interval",
    "bias_at",
    "product_fraction",
    "weights_at",
    "windows",
]

Bounds = tuple[Integers, Integers, int, int]
"""Low and high per element, their fraction bits, and the bound of every partial sum."""


def assigned_interval(
    low: Integers, high: Integers, fraction: int, to: Assignment
) -> tuple[Integers, Integers]:
    """Return the interval after an assignment; every rounding is monotonic."""
    if to.overflow in (Overflow.SAT, Overflow.SAT_SYM):
        return assign(low, fraction, to), assign(high, fraction, to)
    formats = to.format
    if isinstance(formats, FixedPointFormat):
        return _assigned_one(low, high, fraction, formats, to)
    new_low, new_high = np.empty_like(low), np.empty_like(high)
    if len(formats) != low.shape[-1]:
        assign(low, fraction, to)  # raises the error that names both lengths
    for channel, one in enumerate(formats):
        shift = to.container.fraction - one.fraction
        parts = _assigned_one(low[..., channel], high[..., channel], fraction, one, to)
        new_low[..., channel], new_high[..., channel] = (part << shift for part in parts)
    return new_low, new_high


def _assigned_one(
    low: Integers, high: Integers, fraction: int, target: FixedPointFormat, to: Assignment
) -> tuple[Integers, Integers]:
    # Assigned to a format too wide to overflow, what is left is the rounding.
    wide = FixedPointFormat(MAX_WIDTH, MAX_WIDTH - target.fraction)
    rounded = Assignment(wide, to.rounding, Overflow.SAT)
    low, high = assign(low, fraction, rounded), assign(high, fraction, rounded)
    outside = (low < target.minimum) | (high > target.maximum)
    if to.overflow == Overflow.SAT_ZERO:
        # What overflows becomes zero; what does not stays within the clipped interval.
        zero_low = np.minimum(np.clip(low, target.minimum, target.maximum), 0)
        zero_high = np.maximum(np.clip(high, target.minimum, target.maximum), 0)
        return np.where(outside, zero_low, low), np.where(outside, zero_high, high)
    return np.where(outside, target.minimum, low), np.where(outside, target.maximum, high)


def _same(_: Layer, source: Tensor) -> Bounds:
    return source.low, source.high, source.format.fraction, _magnitude(source)


def _magnitude(*tensors: Tensor) -> int:
    return max(max(abs(low), abs(high)) for low, high in (one.interval for one in tensors))


def weights_at(layer: Dense | Conv1d) -> tuple[Integers, int]:
    """Return the weights at one fraction, and that fraction."""
    return aligned(layer.weights, layer.weight_format), container(layer.weight_format).fraction


def bias_at(layer: Dense | Conv1d, fraction: int) -> Integers:
    """Return the bias at *fraction*, which is at least its own; zeros for no bias."""
    if layer.bias is None or layer.bias_format is None:
        return np.zeros(layer.weights.shape[-1], dtype=np.int64)
    own = container(layer.bias_format)
    wide = FixedPointFormat(MAX_WIDTH, MAX_WIDTH - fraction)
    return assign(aligned(layer.bias, layer.bias_format), own.fraction, Assignment(wide))


def product_fraction(layer: Dense | Conv1d, source: Tensor) -> tuple[int, int]:
    """Return the fraction of a product, and the fraction at which product and bias are exact."""
    product = source.format.fraction + container(layer.weight_format).fraction
    if layer.bias is None or layer.bias_format is None:
        return product, product
    return product, max(product, container(layer.bias_format).fraction)


def _matrix_layer(layer: Layer, source: Tensor) -> Bounds:
    assert isinstance(layer, (Dense, Conv1d))
    return _matrix(layer, source, *_row_bounds(layer, source))


def _row_bounds(layer: Dense | Conv1d, source: Tensor) -> tuple[Integers, Integers]:
    """Return the intervals of the rows that meet the weights, shape (row, n_in) each."""
    if isinstance(layer, Conv1d):
        kernel, channels, _ = layer.weights.shape
        _check_windows(layer, source, kernel, sum(layer.padding), channels)
        padding = (layer.padding, (0, 0))
        low, high = np.pad(source.low, padding), np.pad(source.high, padding)
        index = windows(len(low), kernel, layer.stride)
        flat = (len(index), kernel * channels)
        return low[index].reshape(flat), high[index].reshape(flat)
    if source.shape != layer.weights.shape[:1]:
        raise PrecisionError(
            f"layer {layer.name!r}: its weights take {layer.weights.shape[0]} inputs and "
            f"{source.name!r} has the shape {source.shape}",
            remedy="put a Flatten before it" if len(source.shape) == 2 else "check the shapes",
        )
    return source.low[None, :], source.high[None, :]


def windows(length: int, size: int, stride: int) -> Integers:
    """Return the positions of each window, shape (window, size)."""
    starts = np.arange(0, length - size + 1, stride)
    return starts[:, None] + np.arange(size)[None, :]


def _check_windows(
    layer: Layer, source: Tensor, size: int, padding: int = 0, channels: int | None = None
) -> None:
    if len(source.shape) != 2 or (channels is not None and source.shape[1] != channels):
        wanted = "(position, channel)" if channels is None else f"(position, {channels})"
        raise PrecisionError(
            f"layer {layer.name!r} needs the shape {wanted}; {source.name!r} has {source.shape}"
        )
    if source.shape[0] + padding < size:
        raise PrecisionError(
            f"layer {layer.name!r}: a window of {size} positions does not fit "
            f"{source.shape[0] + padding}"
        )


def _matrix(layer: Dense | Conv1d, source: Tensor, low: Integers, high: Integers) -> Bounds:
    """Return bounds of rows · weights + bias, rows within low … high, shape (row, n_in)."""
    product, fraction = product_fraction(layer, source)
    weights, _ = weights_at(layer)
    weights = weights.reshape(-1, weights.shape[-1])
    # Judge the size in float64 first: the integers themselves could overflow.
    largest = np.maximum(np.abs(low), np.abs(high)).astype(float)
    bound = np.max(largest @ np.abs(weights).astype(float)) * 2.0 ** (fraction - product)
    own = fraction if layer.bias_format is None else container(layer.bias_format).fraction
    if layer.bias is not None:
        bias_bound = np.abs(aligned(layer.bias, layer.bias_format or source.format)).max(initial=0)
        bound += float(bias_bound) * 2.0 ** (fraction - own)
    if bound >= 2.0**MAX_WIDTH:
        bits = int(np.ceil(np.log2(bound))) + 1
        raise PrecisionError(
            f"layer {layer.name!r}: a sum can need {bits} bits and 64-bit integers do not suffice",
            remedy="use formats with fewer bits before this layer",
        )
    weights = weights << (fraction - product)
    up, down = np.maximum(weights, 0), np.minimum(weights, 0)
    bias = bias_at(layer, fraction)
    total = np.maximum(np.abs(low), np.abs(high)) @ np.abs(weights) + np.abs(bias)
    shape = (layer.weights.shape[-1],) if isinstance(layer, Dense) else (len(low), len(bias))
    if layer.accumulator is not None:
        sums = _accumulator_sums(layer, low, high, weights, fraction)
        lowest, highest = sums.low.reshape(shape), sums.high.reshape(shape)
        target = layer.accumulator.container
        magnitude = max(int(total.max()), *map(abs, sums.reach), 1 << target.width)
        return lowest, highest, target.fraction, magnitude
    lowest, highest = low @ up + high @ down + bias, high @ up + low @ down + bias
    return lowest.reshape(shape), highest.reshape(shape), fraction, int(total.max())


@dataclass(frozen=True, eq=False)
class _Sums:
    """Interval of sums in a narrow accumulator, and the *reach* of any partial sum."""

    low: Integers
    high: Integers
    reach: tuple[int, int]


def accumulator_reach(layer: Dense | Conv1d, source: Tensor) -> tuple[int, int]:
    """Return the interval of any partial sum in the layer's accumulator, before it overflows."""
    product, fraction = product_fraction(layer, source)
    weights, _ = weights_at(layer)
    weights = weights.reshape(-1, weights.shape[-1]) << (fraction - product)
    return _accumulator_sums(layer, *_row_bounds(layer, source), weights, fraction).reach


def _accumulator_sums(
    layer: Dense | Conv1d, low: Integers, high: Integers, weights: Integers, fraction: int
) -> _Sums:
    """Each product and the bias are assigned to the accumulator's format, then added there."""
    to = layer.accumulator
    assert to is not None
    target = to.container
    ends = np.stack([low[:, :, None] * weights, high[:, :, None] * weights])
    products = assigned_interval(ends.min(axis=0), ends.max(axis=0), fraction, to)
    bias = assign(bias_at(layer, fraction), fraction, to)
    # In any order of summation no partial sum leaves the sums of each sign alone.
    reach_low = np.minimum(products[0], 0).sum(axis=1) + np.minimum(bias, 0)
    reach_high = np.maximum(products[1], 0).sum(axis=1) + np.maximum(bias, 0)
    outside = (reach_low < target.minimum) | (reach_high > target.maximum)
    lowest = np.where(outside, target.minimum, products[0].sum(axis=1) + bias)
    highest = np.where(outside, target.maximum, products[1].sum(axis=1) + bias)
    return _Sums(lowest, highest, (int(reach_low.min()), int(reach_high.max())))


def _pooled(layer: Layer, source: Tensor) -> tuple[Integers, Integers]:
    assert isinstance(layer, (WindowSum, AveragePool, MaxPool))
    _check_windows(layer, source, layer.size)
    index = windows(source.shape[0], layer.size, layer.stride)
    return source.low[index], source.high[index]


def _sum(layer: Layer, source: Tensor) -> Bounds:
    low, high = (part.sum(axis=1) for part in _pooled(layer, source))
    size = layer.size if isinstance(layer, (WindowSum, AveragePool)) else 1
    # A mean over 2^k is the same integer with k more fraction bits.
    fraction = source.format.fraction
    if isinstance(layer, AveragePool):
        fraction += size.bit_length() - 1
    return low, high, fraction, _magnitude(source) * size


def _max(layer: Layer, source: Tensor) -> Bounds:
    low, high = (part.max(axis=1) for part in _pooled(layer, source))
    return low, high, source.format.fraction, _magnitude(source)


def _relu(_: Layer, source: Tensor) -> Bounds:
    low, high = np.maximum(source.low, 0), np.maximum(source.high, 0)
    return low, high, source.format.fraction, _magnitude(source)


def _limits(layer: Layer, source: Tensor) -> tuple[int, int]:
    if isinstance(layer, Clip):
        return int(layer.low), int(layer.high)
    if source.format.fraction < 0:
        raise PrecisionError(
            f"layer {layer.name!r}: the values −1 and 1 lie between two steps of {source.format}",
            remedy="give the tensor before it a format with fraction bits",
        )
    one = 1 << source.format.fraction
    return -one, one


def _clip(layer: Layer, source: Tensor) -> Bounds:
    low, high = _limits(layer, source)
    magnitude = max(_magnitude(source), abs(low), abs(high))
    ends = np.clip(source.low, low, high), np.clip(source.high, low, high)
    return *ends, source.format.fraction, magnitude


def _flatten(_: Layer, source: Tensor) -> Bounds:
    ends = source.low.reshape(-1), source.high.reshape(-1)
    return *ends, source.format.fraction, _magnitude(source)


def _concatenate(layer: Layer, *sources: Tensor) -> Bounds:
    if len({one.shape[:-1] for one in sources}) != 1:
        shapes = ", ".join(f"{one.name!r} {one.shape}" for one in sources)
        raise PrecisionError(f"layer {layer.name!r}: only the last axis may differ: {shapes}")
    fraction = max(one.format.fraction for one in sources)
    wide = Assignment(FixedPointFormat(MAX_WIDTH, MAX_WIDTH - fraction), Rounding.TRN, Overflow.SAT)
    low = [assign(one.low, one.format.fraction, wide) for one in sources]
    high = [assign(one.high, one.format.fraction, wide) for one in sources]
    ends = np.concatenate(low, axis=-1), np.concatenate(high, axis=-1)
    return *ends, fraction, int(max(np.abs(end).max() for end in ends))


BOUNDS: dict[type[Layer], Callable[..., Bounds]] = {
    Quantize: _same,
    Dense: _matrix_layer,
    Conv1d: _matrix_layer,
    WindowSum: _sum,
    AveragePool: _sum,
    MaxPool: _max,
    Relu: _relu,
    Clip: _clip,
    HardTanh: _clip,
    Flatten: _flatten,
    Concatenate: _concatenate,
}

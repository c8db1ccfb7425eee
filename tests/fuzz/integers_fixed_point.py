"""A second reference: Python's own integers in object arrays, for a million vectors.

Slower than anything in the package and faster than `reference_fixed_point`, it carries each tensor
as unbounded integers with their number of fraction bits, and takes no format from the model's own
analysis but the fraction in which an output is wanted.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pulsefront.fixed_point import (
    Add,
    Assignment,
    AveragePool,
    ChosenDense,
    Clip,
    Concatenate,
    Conv1d,
    Dense,
    FixedPointFormat,
    FixedPointModel,
    Flatten,
    FunctionTable,
    HardTanh,
    ImageWindows,
    InputTables,
    LargestIndex,
    MaxPool,
    Quantize,
    Relu,
    WindowSum,
)

Value = tuple[np.ndarray, int]
"""Integers and fraction bits: the value is integer · 2^−fraction."""


def objects(array: Any) -> np.ndarray:
    """Return an array of Python integers."""
    return np.asarray(array).astype(object)


def at(value: Value, fraction: int) -> np.ndarray:
    """Return a value's integers at a fraction that is at least its own."""
    integers, own = value
    return integers * (1 << (fraction - own))


def common(values: list[Value]) -> tuple[list[np.ndarray], int]:
    """Return values at the largest of their fractions."""
    fraction = max(own for _, own in values)
    return [at(value, fraction) for value in values], fraction


def assign_one(value: Value, one: FixedPointFormat, to: Assignment) -> Value:
    """Return a value rounded and limited to one format."""
    integers, fraction = value
    own = one.width - one.integer
    dropped = fraction - own
    if dropped <= 0:
        rounded = integers * (1 << -dropped)
    else:
        step = 1 << dropped
        below = integers // step
        rest = 2 * (integers - below * step)
        tie = {
            "TRN": below,
            "RND": below + 1,
            "RND_MIN_INF": below,
            "RND_ZERO": np.where(integers < 0, below + 1, below),
            "RND_INF": np.where(integers < 0, below, below + 1),
            "RND_CONV": below + below % 2,
            "TRN_ZERO": below,
        }[to.rounding]
        if to.rounding == "TRN":
            rounded = below
        elif to.rounding == "TRN_ZERO":
            rounded = np.where((integers < 0) & (rest != 0), below + 1, below)
        else:
            rounded = np.where(rest > step, below + 1, np.where(rest == step, tie, below))
    low = -(1 << (one.width - 1)) if one.signed else 0
    high = (1 << (one.width - int(one.signed))) - 1
    if to.overflow == "WRAP":
        limited = (rounded - low) % (1 << one.width) + low
    elif to.overflow == "SAT_ZERO":
        limited = np.where((rounded < low) | (rounded > high), 0, rounded)
    else:
        floor = low if to.overflow == "SAT" or not one.signed else -max(high, 1)
        limited = np.minimum(np.maximum(rounded, floor), high)
    return limited, own


def assign_all(value: Value, to: Assignment | None) -> Value:
    """Return a value assigned to its format or its formats by channel."""
    if to is None:
        return value
    if isinstance(to.format, FixedPointFormat):
        return assign_one(value, to.format, to)
    integers, fraction = value
    parts = [assign_one((integers[..., c], fraction), one, to) for c, one in enumerate(to.format)]
    channels, whole = common(parts)
    return np.stack(channels, axis=-1), whole


def constants(integers: Any, formats: Any) -> Value:
    """Return weights or a bias, with a fraction for all channels."""
    array = objects(integers)
    if isinstance(formats, FixedPointFormat):
        return array, formats.width - formats.integer
    channels, whole = common(
        [(array[..., c], one.width - one.integer) for c, one in enumerate(formats)]
    )
    return np.stack(channels, axis=-1), whole


def product(rows: Value, layer: Dense | Conv1d) -> Value:
    """Return rows (event, …, n_in) times weights plus bias."""
    weights, weight_fraction = constants(layer.weights, layer.weight_format)
    weights = weights.reshape(-1, weights.shape[-1])
    integers, fraction = rows
    narrow = layer.accumulator
    total: Value = objects(np.zeros(weights.shape[1], dtype=int)), fraction + weight_fraction
    if layer.bias is not None:
        total = constants(layer.bias, layer.bias_format)
    if narrow is not None:
        total = assign_one(total, narrow.format, narrow)
    for index, row in enumerate(weights):
        term = integers[..., index, None] * row, fraction + weight_fraction
        if narrow is not None:
            term = assign_one(term, narrow.format, narrow)
        (one, other), whole = common([total, term])
        total = one + other, whole
        if narrow is not None:
            total = assign_one(total, narrow.format, narrow)
    return total


def slices(integers: np.ndarray, size: int, stride: int) -> np.ndarray:
    """Return windows along the positions, shape (event, window, size, channel)."""
    starts = range(0, integers.shape[1] - size + 1, stride)
    return np.stack([integers[:, start : start + size] for start in starts], axis=1)


def exact(layer: Any, sources: list[Value]) -> Value:
    """Return a layer's result with every bit."""
    integers, fraction = sources[0]
    match layer:
        case Dense():
            return product(sources[0], layer)
        case Conv1d():
            before, after = layer.padding
            padded = np.pad(integers, ((0, 0), (before, after), (0, 0)))
            rows = slices(padded, layer.weights.shape[0], layer.stride)
            return product((rows.reshape(*rows.shape[:2], -1), fraction), layer)
        case LargestIndex():
            return np.argmax(integers, axis=1)[:, None].astype(object), 0
        case ChosenDense():
            number = sources[1][0][:, 0].astype(int)
            parts = [product(sources[0], one) for one in layer.parts]
            both = np.stack([one for one, _ in parts])
            return both[number, np.arange(len(number))], parts[0][1]
        case WindowSum():
            return slices(integers, layer.size, layer.stride).sum(axis=2), fraction
        case AveragePool():
            sums = slices(integers, layer.size, layer.stride).sum(axis=2)
            return sums, fraction + layer.size.bit_length() - 1
        case MaxPool():
            return slices(integers, layer.size, layer.stride).max(axis=2), fraction
        case Relu():
            return np.maximum(integers, 0), fraction
        case Clip():
            return np.minimum(np.maximum(integers, layer.low), layer.high), fraction
        case HardTanh():
            return np.minimum(np.maximum(integers, -(1 << fraction)), 1 << fraction), fraction
        case Flatten():
            return integers.reshape(len(integers), -1), fraction
        case Concatenate():
            parts, whole = common(sources)
            return np.concatenate(parts, axis=-1), whole
        case ImageWindows():
            (rows, columns), (above, below, left, right) = layer.image, layer.padding
            image = integers.reshape(len(integers), rows, columns, -1)
            padded = np.pad(image, ((0, 0), (above, below), (left, right), (0, 0)))
            (down, across), (v, h) = layer.size, layer.stride
            parts = [
                padded[:, top : top + down, start : start + across].reshape(
                    len(integers), -1, image.shape[-1]
                )
                for top in range(0, padded.shape[1] - down + 1, v)
                for start in range(0, padded.shape[2] - across + 1, h)
            ]
            return np.concatenate(parts, axis=1), fraction
        case FunctionTable():
            first = layer.reads_format.minimum
            entries = objects(layer.entries)[(integers - first).astype(int)]
            return entries, layer.format.width - layer.format.integer
        case InputTables():
            raw = integers.reshape(len(integers), -1)
            found = np.empty((len(raw), *layer.chosen.shape[:2]), dtype=object)
            for place in np.ndindex(*layer.chosen.shape[:2]):
                number = np.zeros(len(raw), dtype=object)
                for order, one in enumerate(layer.chosen[place].tolist()):
                    code = raw[:, one] // (1 << int(layer.first_bit[one])) % (1 << layer.bits)
                    number = number + code * (1 << (order * layer.bits))
                found[(slice(None), *place)] = objects(layer.entries[place])[number.astype(int)]
            return found, layer.format.width - layer.format.integer
        case Add():
            parts, whole = common(sources)
            return sum(parts[1:], start=parts[0]), whole
        case Quantize():
            return integers, fraction
    raise AssertionError(layer)


def run_integers(model: FixedPointModel, inputs: dict[str, Any]) -> dict[str, np.ndarray]:
    """Run events (by input name) and return raw integers by output name."""
    values: dict[str, Value] = {
        one.name: (objects(inputs[one.name]), one.format.width - one.format.integer)
        for one in model.inputs
    }
    for layer in model.layers:
        result = exact(layer, [values[name] for name in layer.inputs])
        values[layer.name] = assign_all(result, getattr(layer, "to", None))
    found = {}
    for name in model.outputs:
        integers, own = values[name]
        wanted = model.tensors[name].format.fraction
        found[name] = at((integers, own), wanted).astype(np.int64)
    return found

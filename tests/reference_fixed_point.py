"""A slow reference of fixed-point models in exact fractions, written from the rules alone.

It shares nothing with the package but the data classes: values are `Fraction`, never raw
integers, so that a mistake in shifting cannot hide.
"""

from __future__ import annotations

import math
from fractions import Fraction
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
    Overflow,
    Quantize,
    Relu,
    Rounding,
    WindowSum,
)

HALF = Fraction(1, 2)


def rounded(value: Fraction, rounding: Rounding) -> int:
    """Round to an integer."""
    floor = math.floor(value)
    rest = value - floor
    if rounding == Rounding.TRN:
        return floor
    if rounding == Rounding.TRN_ZERO:
        return math.trunc(value)
    if rest != HALF:
        return floor + (rest > HALF)
    return {
        Rounding.RND: floor + 1,
        Rounding.RND_MIN_INF: floor,
        Rounding.RND_CONV: floor if floor % 2 == 0 else floor + 1,
        Rounding.RND_ZERO: floor if value > 0 else floor + 1,
        Rounding.RND_INF: floor + 1 if value > 0 else floor,
    }[rounding]


def limited(raw: int, one: FixedPointFormat, overflow: Overflow) -> int:
    """Bring an integer into a format's range."""
    low = -(2 ** (one.width - 1)) if one.signed else 0
    high = 2 ** (one.width - 1) - 1 if one.signed else 2**one.width - 1
    if overflow == Overflow.WRAP:
        raw %= 2**one.width
        return raw - 2**one.width if raw > high else raw
    if overflow == Overflow.SAT_SYM:
        # One bit and a sign: ap_fixed leaves −1 in the range.
        low = -max(high, 1) if one.signed else 0
    elif low <= raw <= high:
        return raw
    elif overflow == Overflow.SAT_ZERO:
        return 0
    return min(max(raw, low), high)


def assigned(value: Fraction, one: FixedPointFormat, to: Assignment) -> Fraction:
    """Assign a value to a format: round first, then overflow."""
    step = Fraction(2) ** -(one.width - one.integer)
    return limited(rounded(value / step, to.rounding), one, to.overflow) * step


def values_of(raw: Any, formats: Any) -> np.ndarray:
    """Return the fractions that raw integers stand for."""
    raw = np.asarray(raw)
    result = np.empty(raw.shape, dtype=object)
    for index in np.ndindex(*raw.shape):
        one = formats if isinstance(formats, FixedPointFormat) else formats[index[-1]]
        result[index] = int(raw[index]) * Fraction(2) ** -(one.width - one.integer)
    return result


def assign_all(values: np.ndarray, to: Assignment | None) -> np.ndarray:
    """Assign every element, by channel where there is a format per channel."""
    if to is None:
        return values
    result = np.empty(values.shape, dtype=object)
    for index in np.ndindex(*values.shape):
        one = to.format if isinstance(to.format, FixedPointFormat) else to.format[index[-1]]
        result[index] = assigned(values[index], one, to)
    return result


def product(rows: np.ndarray, layer: Dense | Conv1d) -> np.ndarray:
    """Return rows · weights + bias, in the accumulator where the layer names one."""
    weights = values_of(layer.weights, layer.weight_format).reshape(-1, layer.weights.shape[-1])
    outputs = weights.shape[1]
    bias = np.array([Fraction(0)] * outputs, dtype=object)
    if layer.bias is not None:
        bias = values_of(layer.bias, layer.bias_format)
    result = np.empty((len(rows), outputs), dtype=object)
    narrow = layer.accumulator
    for row, column in np.ndindex(*result.shape):
        total = bias[column]
        if narrow is not None:
            total = assigned(total, narrow.format, narrow)
        for index in range(len(weights)):
            term = rows[row, index] * weights[index, column]
            if narrow is not None:
                term = assigned(term, narrow.format, narrow)
            total = total + term
            if narrow is not None:
                total = assigned(total, narrow.format, narrow)
        result[row, column] = total
    return result


def windows_of(values: np.ndarray, size: int, stride: int) -> list[np.ndarray]:
    """Return the windows along the first axis."""
    return [values[k : k + size] for k in range(0, len(values) - size + 1, stride)]


def image_windows(layer: ImageWindows, x: np.ndarray) -> np.ndarray:
    """Return the windows of an image, each by its own loops over rows and columns."""
    rows, columns = layer.image
    above, below, left, right = layer.padding
    found = []
    for top in range(-above, rows + below - layer.size[0] + 1, layer.stride[0]):
        for start in range(-left, columns + right - layer.size[1] + 1, layer.stride[1]):
            for row in range(top, top + layer.size[0]):
                for column in range(start, start + layer.size[1]):
                    inside = 0 <= row < rows and 0 <= column < columns
                    zero = np.full(x.shape[1], Fraction(0), dtype=object)
                    found.append(x[row * columns + column] if inside else zero)
    return np.array(found, dtype=object)


def input_tables(layer: InputTables, raw: list[int]) -> np.ndarray:
    """Return the entries that codes number, each code read off the bits of its input one by one."""
    found = np.empty(layer.chosen.shape[:2], dtype=object)
    for place in np.ndindex(*found.shape):
        number = 0
        for order, element in enumerate(layer.chosen[place].tolist()):
            for bit in range(layer.bits):
                one = raw[element] // 2 ** (int(layer.first_bit[element]) + bit) % 2
                number += one * 2 ** (order * layer.bits + bit)
        found[place] = values_of(layer.entries[place], layer.format)[number]
    return found


def chosen_product(x: np.ndarray, number: int, layer: ChosenDense) -> np.ndarray:
    """Return the sums of products with the weights of set *number*, term by term."""
    weights = values_of(layer.weights[number], layer.weight_format)
    found = np.zeros(layer.n_out, dtype=object)
    if layer.bias is not None:
        found = found + values_of(layer.bias[number], layer.bias_format)
    for value, row in zip(x, weights, strict=True):
        found = found + value * row
    return found


def run_layer(layer: Any, sources: list[np.ndarray]) -> np.ndarray:
    """Return the exact result of one layer for one event."""
    x = sources[0]
    match layer:
        case Dense():
            return product(x[None, :], layer)[0]
        case Conv1d():
            zero = np.full((1, x.shape[1]), Fraction(0), dtype=object)
            before, after = layer.padding
            padded = np.concatenate([zero] * before + [x] + [zero] * after)
            rows = [w.reshape(-1) for w in windows_of(padded, layer.weights.shape[0], layer.stride)]
            return product(np.array(rows, dtype=object), layer)
        case LargestIndex():
            return np.array([Fraction(max(range(len(x)), key=lambda k: (x[k], -k)))], dtype=object)
        case ChosenDense():
            return chosen_product(x, int(sources[1][0]), layer)
        case WindowSum():
            return np.array([w.sum(axis=0) for w in windows_of(x, layer.size, layer.stride)])
        case AveragePool():
            sums = [w.sum(axis=0) / layer.size for w in windows_of(x, layer.size, layer.stride)]
            return np.array(sums, dtype=object)
        case MaxPool():
            return np.array([w.max(axis=0) for w in windows_of(x, layer.size, layer.stride)])
        case Relu():
            return np.maximum(x, Fraction(0))
        case HardTanh():
            return np.minimum(np.maximum(x, Fraction(-1)), Fraction(1))
        case Flatten():
            return x.reshape(-1)
        case Concatenate():
            return np.concatenate(sources, axis=-1)
        case ImageWindows():
            return image_windows(layer, x)
        case FunctionTable():
            step = Fraction(2) ** (layer.reads_format.integer - layer.reads_format.width)
            entries = values_of(layer.entries, layer.format)
            first = layer.reads_format.minimum
            places = [int(one / step) - first for one in x.reshape(-1)]
            return np.array([entries[one] for one in places], dtype=object).reshape(x.shape)
        case Add():
            return sum(sources[1:], start=sources[0])
        case Quantize():
            return x
    raise AssertionError(layer)


def run_reference(model: FixedPointModel, event: dict[str, Any]) -> dict[str, np.ndarray]:
    """Run one event (raw integers by input name) and return raw integers by output name."""
    tensors: dict[str, np.ndarray] = {}
    fractions: dict[str, int] = {}
    for one in model.inputs:
        tensors[one.name] = values_of(event[one.name], one.format)
        fractions[one.name] = one.format.width - one.format.integer
    for layer in model.layers:
        sources = [tensors[name] for name in layer.inputs]
        if isinstance(layer, Clip):
            step = Fraction(2) ** -model.tensors[layer.inputs[0]].format.fraction
            exact = np.minimum(np.maximum(sources[0], layer.low * step), layer.high * step)
        elif isinstance(layer, InputTables):
            step = Fraction(2) ** -model.tensors[layer.inputs[0]].format.fraction
            exact = input_tables(layer, [int(one / step) for one in sources[0].reshape(-1)])
        else:
            exact = run_layer(layer, sources)
        tensors[layer.name] = assign_all(exact, getattr(layer, "to", None))
    results = {}
    for name in model.outputs:
        scaled = tensors[name] * Fraction(2) ** model.tensors[name].format.fraction
        assert all(Fraction(one).denominator == 1 for one in scaled.flat)
        results[name] = scaled.astype(np.int64)
    return results

"""A fixed-point model as alkaid's traced logic: real values, every format named.

alkaid (PyPI, LGPL-3.0-or-later) shares partial sums among the constants of a layer and cuts the
result into pipeline stages. It knows the roundings TRN and RND and the overflows WRAP, SAT and
SAT_SYM; other models are refused.
"""

from __future__ import annotations

from functools import singledispatch
from math import prod
from typing import Any

import numpy as np

from pulsefront.errors import UnsupportedLayer
from pulsefront.fixed_point.format import Assignment, Overflow, Rounding, by_channel
from pulsefront.fixed_point.layers import (
    Concatenate,
    Flatten,
    Layer,
    LayerStep,
    LimitLayer,
    MaxPool,
    Quantize,
    Relu,
    WindowLayer,
)
from pulsefront.fixed_point.layers.matrix import MatrixLayer
from pulsefront.fixed_point.layers.unsupported import not_written
from pulsefront.fixed_point.layers.windows import windows
from pulsefront.fixed_point.specification import Specification

__all__ = ["traced"]

REMEDY = "export it time-shared, with --target rtl"


def traced(model: Specification) -> Any:
    """Return alkaid's logic of *model*: all elements of all inputs to those of all outputs.

    Raises
    ------
    UnsupportedLayer
        A layer, a rounding or an overflow that alkaid does not compute to the bit.
    """
    from alkaid.trace import FVArrayInput, trace

    values: dict[str, Any] = {}
    sizes = [prod(one.shape) for one in model.inputs]
    whole, start = FVArrayInput((sum(sizes),)), 0
    for one, size in zip(model.inputs, sizes, strict=True):
        given = whole[start : start + size].reshape(one.shape)
        values[one.name] = _in_format(given, one.shape[-1], Assignment(one.format))
        start += size
    for step in model.steps:
        _refuse(step)
        sources = tuple(values[one.name] for one in step.sources)
        exact = _value(step.layer, step, *sources)
        to = step.layer.assignment
        values[step.layer.name] = exact if to is None else _in_format(exact, exact.shape[-1], to)
    outputs = np.concatenate([values[name].reshape(-1) for name in model.outputs])
    return trace(whole, outputs, keep_dead_inputs=True)


def _refuse(step: LayerStep) -> None:
    layer, to = step.layer, step.layer.assignment
    if isinstance(layer, MatrixLayer) and layer.accumulator is not None:
        raise UnsupportedLayer(
            layer.name, problem="a narrow accumulator cannot be unrolled", remedy=REMEDY
        )
    if to is None:
        return
    lossless = (Rounding.TRN, Rounding.RND)
    limits = (Overflow.WRAP, Overflow.SAT, Overflow.SAT_SYM)
    if to.rounding not in lossless or to.overflow not in limits:
        raise UnsupportedLayer(
            layer.name,
            problem=f"{to.rounding} {to.overflow} is not among what alkaid computes",
            remedy=REMEDY,
        )


def _in_format(value: Any, channels: int, to: Assignment) -> Any:
    formats = by_channel(to.format, channels)
    signed = np.array([int(one.signed) for one in formats])
    integer = np.array([one.integer - int(one.signed) for one in formats])
    fraction = np.array([one.fraction for one in formats])
    return value.quantize(signed, integer, fraction, str(to.overflow), str(to.rounding))


@singledispatch
def _value(layer: Layer, step: LayerStep, *sources: Any) -> Any:  # noqa: ARG001
    raise not_written(layer.name, layer.kind, "alkaid")


@_value.register
def _quantize(layer: Quantize, step: LayerStep, source: Any) -> Any:  # noqa: ARG001
    return source


@_value.register
def _flatten(layer: Flatten, step: LayerStep, source: Any) -> Any:  # noqa: ARG001
    return source.reshape(-1)


@_value.register
def _concatenate(layer: Concatenate, step: LayerStep, *sources: Any) -> Any:  # noqa: ARG001
    return np.concatenate(sources, axis=-1)


@_value.register
def _relu(layer: Relu, step: LayerStep, source: Any) -> Any:  # noqa: ARG001
    return np.maximum(source, 0)


@_value.register
def _limit(layer: LimitLayer, step: LayerStep, source: Any) -> Any:
    one = step.sources[0].format
    low, high = (float(one.values(end)) for end in layer.limits(one))
    return np.minimum(np.maximum(source, low), high)


@_value.register
def _matrix(layer: MatrixLayer, step: LayerStep, source: Any) -> Any:
    (tensor,) = step.sources
    weights = np.ldexp(layer.matrix_at(layer.weight_fraction).astype(float), -layer.weight_fraction)
    fraction = layer.sum_fraction(tensor)
    bias = np.ldexp(layer.bias_at(fraction).astype(float), -fraction)
    if len(tensor.shape) == 1:
        return source @ weights + bias
    # The rows of the matrix product, of the places of the elements: zero is the padding.
    places = np.arange(1, tensor.size + 1).reshape(1, *tensor.shape)
    flat = source.reshape(-1)
    rows = []
    for row in layer.rows(tensor)(places):
        inside = row > 0
        rows.append(flat[row[inside] - 1] @ weights[inside] + bias if inside.any() else None)
    filled = [
        one if one is not None else flat[:1] @ np.zeros((1, len(bias))) + bias for one in rows
    ]
    return np.stack(filled).reshape(step.exact.shape)


@_value.register
def _window(layer: WindowLayer, step: LayerStep, source: Any) -> Any:
    index = windows(step.sources[0].shape[0], layer.size, layer.stride)
    total = source[index[:, 0]]
    for column in index.T[1:]:
        more = source[column]
        total = np.maximum(total, more) if isinstance(layer, MaxPool) else total + more
    return total * 2.0**-layer.mean_bits if layer.mean_bits else total

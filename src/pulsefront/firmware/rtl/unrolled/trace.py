"""One layer's exact sums as alkaid's traced logic.

alkaid (PyPI, LGPL-3.0-or-later) shares partial sums among the constants of a layer and cuts the
result into pipeline stages. What follows the sums, limits, rounding and overflow, is not its
part: see pipeline.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import singledispatch
from typing import Any

import numpy as np

from pulsefront.errors import UnsupportedLayer
from pulsefront.fixed_point.format import Integers, format_holding
from pulsefront.fixed_point.layers import (
    Add,
    ChosenDense,
    LargestIndex,
    Layer,
    LayerStep,
    MaxPool,
    WindowLayer,
)
from pulsefront.fixed_point.layers.matrix import MatrixLayer
from pulsefront.fixed_point.layers.unsupported import not_written
from pulsefront.fixed_point.layers.windows import windows
from pulsefront.fixed_point.specification import Specification
from pulsefront.fixed_point.tensors import Tensor

__all__ = ["refuse_untraceable", "traced"]

REMEDY = "export it time-shared, with --target rtl"

MORE_LEVELS = 2
"""Adders, one after the other, that a sum may have more than it needs; with no limit, alkaid saves
1 % of the look-up tables of the shipped timing network and takes two stages more."""


def traced(step: LayerStep, more: Integers | None = None) -> Any:
    """Return alkaid's logic of a layer, from all elements of its sources to its exact result.

    *more*, shape (channel,), is added to the sums, at their fraction.

    Raises
    ------
    UnsupportedLayer
        alkaid gives up on it.
    """
    from alkaid.trace import FVArrayInput, trace

    # Its tables for sums of single bits are wrong where the bit is a sign.
    options = {"binary_lut": False, "hard_dc": MORE_LEVELS}
    whole = FVArrayInput((sum(one.size for one in step.sources),), solver_options=options)
    given, start = [], 0
    for one in step.sources:
        part = whole[start : start + one.size].quantize(*_widths(step, one))
        given.append(part.reshape(one.shape))
        start += one.size
    try:
        exact = _value(step.layer, step, given, more)
        return trace(whole, exact.reshape(-1), keep_dead_inputs=True)
    except AssertionError as error:  # how alkaid says that it cannot
        reason = str(error).splitlines()[0] if str(error) else "no reason given"
        raise UnsupportedLayer(
            step.layer.name, problem=f"alkaid cannot trace it: {reason}", remedy=REMEDY
        ) from error


def _widths(step: LayerStep, one: Tensor) -> tuple[Any, Any, int]:
    """Return sign bits, integer bits without them, and fraction bits of a source's elements.

    Of tables that are added each has its own width, which its entries prove.
    """
    signed, fraction = int(one.format.signed), one.format.fraction
    if not isinstance(step.layer, WindowLayer):
        return signed, one.format.integer - signed, fraction
    ends = zip(one.low.reshape(-1).tolist(), one.high.reshape(-1).tolist(), strict=True)
    own = [format_holding(low, high, fraction) for low, high in ends]
    signs = np.array([int(form.signed) for form in own])
    return signs, np.array([form.integer for form in own]) - signs, fraction


def refuse_untraceable(model: Specification) -> None:
    """Refuse a model that cannot be unrolled.

    Raises
    ------
    UnsupportedLayer
        A layer adds in a narrow accumulator, or takes its weights by a number.
    """
    for step in model.steps:
        layer = step.layer
        if isinstance(layer, LargestIndex | ChosenDense):
            raise not_written(layer.name, layer.kind, "unrolled Verilog or VHDL")
        if isinstance(layer, MatrixLayer) and layer.accumulator is not None:
            raise UnsupportedLayer(
                layer.name, problem="a narrow accumulator cannot be unrolled", remedy=REMEDY
            )


@singledispatch
def _value(layer: Layer, step: LayerStep, sources: Sequence[Any], more: Integers | None) -> Any:  # noqa: ARG001
    raise not_written(layer.name, layer.kind, "alkaid")


@_value.register
def _matrix(
    layer: MatrixLayer, step: LayerStep, sources: Sequence[Any], more: Integers | None
) -> Any:
    (source,), (tensor,) = sources, step.sources
    weights = np.ldexp(layer.matrix_at(layer.weight_fraction).astype(float), -layer.weight_fraction)
    fraction = layer.sum_fraction(tensor)
    constants = layer.bias_at(fraction)
    if more is not None:
        constants = constants + more
    bias = np.ldexp(constants.astype(float), -fraction)
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
def _add(layer: Add, step: LayerStep, sources: Sequence[Any], more: None) -> Any:  # noqa: ARG001
    return sum(sources[1:], start=sources[0])


@_value.register
def _window(layer: WindowLayer, step: LayerStep, sources: Sequence[Any], more: None) -> Any:  # noqa: ARG001
    (source,) = sources
    index = windows(step.sources[0].shape[0], layer.size, layer.stride)
    total = source[index[:, 0]]
    for column in index.T[1:]:
        other = source[column]
        total = np.maximum(total, other) if isinstance(layer, MaxPool) else total + other
    return total * 2.0**-layer.mean_bits if layer.mean_bits else total

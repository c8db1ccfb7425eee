"""The layers of a model as functions over a chunk of events, each in the type that is exact."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from pulsefront.fixed_point import kernels
from pulsefront.fixed_point.bounds import bias_at, weights_at, windows
from pulsefront.fixed_point.chain import Link, matrix_of
from pulsefront.fixed_point.format import Assignment, FixedPointFormat, assign, container
from pulsefront.fixed_point.layers import (
    AveragePool,
    Clip,
    Concatenate,
    Conv1d,
    Dense,
    Flatten,
    HardTanh,
    MaxPool,
    Relu,
    WindowSum,
    assignment_of,
)
from pulsefront.fixed_point.ranges import number_type
from pulsefront.fixed_point.tensors import Step, Tensor

__all__ = [
    "Array",
    "Stage",
    "Values",
    "assignment_stage",
    "exact_stage",
    "link_stage",
    "step_stage",
]

Array = npt.NDArray[Any]
Values = dict[str, Array]
"""Tensors of a chunk of events by name, shape (event, …)."""
Stage = Callable[[Values], None]


def link_stage(link: Link, step: Step, result: Tensor) -> Stage:
    """Return a matrix product, bias, rounding and limits as one float stage."""
    kind = number_type(link.magnitude)
    matrix = link.weights.astype(kind)
    columns = matrix.shape[1]
    scale, low, high = (
        np.full(columns, value, dtype=kind) for value in (link.scale, link.low, link.high)
    )
    offset = link.offset.astype(kind)
    rows = _rows(step)
    source, shape = step.layer.inputs[0], result.shape

    def stage(values: Values) -> None:
        product = np.matmul(rows(values[source]).astype(kind, copy=False), matrix)
        kernels.assign_floats(product, scale, offset, low, high)
        values[result.name] = product.reshape(-1, *shape)

    return stage


def _rows(step: Step) -> Callable[[Array], Array]:
    """Return the function from the source tensor to the rows of the matrix product."""
    layer = step.layer
    if not isinstance(layer, Conv1d):
        return lambda source: source
    before, after = layer.padding
    kernel, channels, _ = layer.weights.shape
    length = step.sources[0].shape[0]
    index = windows(length + before + after, kernel, layer.stride)

    def rows(source: Array) -> Array:
        padded = np.pad(source, ((0, 0), (before, after), (0, 0))) if before or after else source
        return padded[:, index].reshape(-1, kernel * channels)

    return rows


def step_stage(step: Step) -> Stage:
    """Return the stage of one layer in its general form."""
    layer = step.layer
    to = assignment_of(layer)
    exact = exact_stage(step)
    if to is None:
        return exact
    finish = assignment_stage(step.exact.format.fraction, step.result.shape[-1], to)
    name = layer.name

    def stage(values: Values) -> None:
        exact(values)
        values[name] = finish(values[name])

    return stage


def exact_stage(step: Step) -> Stage:
    """Return the stage of one layer up to its exact result, without the assignment."""
    layer = step.layer
    if not isinstance(layer, (Dense, Conv1d)):
        return _elementwise(step)
    return _accumulated(step) if layer.accumulator is not None else _exact_matrix(step)


def _exact_matrix(step: Step) -> Stage:
    layer = step.layer
    assert isinstance(layer, (Dense, Conv1d))
    weights, bias = matrix_of(step)
    rows = _rows(step)
    shape = step.exact.shape
    kind = number_type(step.magnitude)
    name = layer.name
    if kind is np.int64:

        def stage(values: Values) -> None:
            source = rows(values[layer.inputs[0]])
            target = np.empty((len(source), len(bias)), dtype=np.int64)
            kernels.dense_integers(np.ascontiguousarray(source), weights, bias, target)
            values[name] = target.reshape(-1, *shape)

        return stage

    matrix, offset = weights.astype(kind), bias.astype(kind)

    def float_stage(values: Values) -> None:
        product = np.matmul(rows(values[layer.inputs[0]]).astype(kind, copy=False), matrix)
        product += offset
        values[name] = product.reshape(-1, *shape)

    return float_stage


def _accumulated(step: Step) -> Stage:
    layer = step.layer
    assert isinstance(layer, (Dense, Conv1d))
    accumulator = layer.accumulator
    assert accumulator is not None
    weights, own = weights_at(layer)
    weights = np.ascontiguousarray(weights.reshape(-1, weights.shape[-1]))
    target_format = accumulator.container
    bias_fraction = own + step.sources[0].format.fraction
    shift = bias_fraction - target_format.fraction
    if layer.bias is not None:
        assert layer.bias_format is not None
        bias_fraction = max(bias_fraction, container(layer.bias_format).fraction)
    bias = assign(bias_at(layer, bias_fraction), bias_fraction, accumulator)
    limits = (
        target_format.minimum,
        target_format.maximum,
        target_format.symmetric_minimum,
        kernels.ROUNDING_CODE[accumulator.rounding],
        kernels.OVERFLOW_CODE[accumulator.overflow],
    )
    rows = _rows(step)
    shape = step.exact.shape
    name = layer.name

    def stage(values: Values) -> None:
        source = np.ascontiguousarray(rows(values[layer.inputs[0]]))
        target = np.empty((len(source), len(bias)), dtype=np.int64)
        kernels.dense_accumulated(source, weights, bias, target, min(shift, 63), *limits)
        values[name] = target.reshape(-1, *shape)

    return stage


def assignment_stage(fraction: int, channels: int, to: Assignment) -> Callable[[Array], Array]:
    """Return the function that assigns a tensor (event, …, channel) to its format."""
    formats = (to.format,) * channels if isinstance(to.format, FixedPointFormat) else to.format
    whole = to.container.fraction
    shift = np.array([min(fraction - one.fraction, 63) for one in formats])
    low = np.array([one.minimum for one in formats])
    high = np.array([one.maximum for one in formats])
    symmetric_low = np.array([one.symmetric_minimum for one in formats])
    up = np.array([whole - one.fraction for one in formats])
    rounding = kernels.ROUNDING_CODE[to.rounding]
    overflow = kernels.OVERFLOW_CODE[to.overflow]

    def finish(source: Array) -> Array:
        rows = np.ascontiguousarray(source.reshape(-1, channels))
        target = np.empty(rows.shape, dtype=np.int64)
        kernels.assign_integers(
            rows, target, shift, low, high, symmetric_low, up, rounding, overflow
        )
        return target.reshape(source.shape)

    return finish


def _elementwise(step: Step) -> Stage:
    """Return the stage of a layer without weights: its exact result, before the assignment."""
    layer = step.layer
    name, source = layer.name, layer.inputs[0]
    operation = _operation(step)

    def stage(values: Values) -> None:
        values[name] = operation(values[source])

    if not isinstance(layer, Concatenate):
        return stage
    whole = step.exact.format.fraction
    shifts = [whole - one.format.fraction for one in step.sources]

    def concatenate(values: Values) -> None:
        parts = [
            values[one].astype(np.int64, copy=False) << shift
            for one, shift in zip(layer.inputs, shifts, strict=True)
        ]
        values[name] = np.concatenate(parts, axis=-1)

    return concatenate


def _operation(step: Step) -> Callable[[Array], Array]:
    layer = step.layer
    if isinstance(layer, (WindowSum, AveragePool, MaxPool)):
        index = windows(step.sources[0].shape[0], layer.size, layer.stride)
        if isinstance(layer, MaxPool):
            return lambda source: source[:, index].max(axis=2)
        return lambda source: source[:, index].astype(np.int64, copy=False).sum(axis=2)
    if isinstance(layer, (Clip, HardTanh)):
        if isinstance(layer, Clip):
            low, high = int(layer.low), int(layer.high)
        else:
            high = 1 << step.sources[0].format.fraction
            low = -high
        return lambda source: np.clip(source.astype(np.int64, copy=False), low, high)
    if isinstance(layer, Relu):
        return lambda source: np.maximum(source, 0)
    if isinstance(layer, Flatten):
        return lambda source: source.reshape(len(source), -1)
    return lambda source: source

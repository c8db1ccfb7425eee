"""The layers of a model as functions over a chunk of events, each in the type that is exact."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from pulsefront.fixed_point import kernels
from pulsefront.fixed_point.emulator.links import Link
from pulsefront.fixed_point.format import Assignment, by_channel
from pulsefront.fixed_point.intervals import number_type
from pulsefront.fixed_point.layers import LayerStep
from pulsefront.fixed_point.layers.base import Array

__all__ = [
    "CHUNK",
    "Array",
    "Stage",
    "Values",
    "assignment_stage",
    "exact_stage",
    "link_stage",
    "step_stage",
]

CHUNK = 1024
"""Events per pass: activations of small networks then stay in the second-level cache."""

Values = dict[str, Array]
"""Tensors of a chunk of events by name, shape (event, …)."""
Stage = Callable[[Values], None]


def link_stage(link: Link) -> Stage:
    """Return a matrix product, bias, rounding and limits as one float stage."""
    kind = number_type(link.magnitude)
    matrix = link.weights.astype(kind)
    columns = matrix.shape[1]
    scale, low, high = (
        np.full(columns, value, dtype=kind) for value in (link.scale, link.low, link.high)
    )
    offset = link.offset.astype(kind)
    rows = link.layer.rows(link.source)
    source, result, shape = link.source.name, link.result.name, link.result.shape

    def stage(values: Values) -> None:
        product = np.matmul(rows(values[source]).astype(kind, copy=False), matrix)
        kernels.assign_floats(product, scale, offset, low, high)
        values[result] = product.reshape(-1, *shape)

    return stage


def step_stage(step: LayerStep) -> Stage:
    """Return the stage of one layer in its general form."""
    to = step.layer.assignment
    exact = exact_stage(step)
    if to is None:
        return exact
    finish = assignment_stage(step.exact.format.fraction, step.result.shape[-1], to)
    name = step.layer.name

    def stage(values: Values) -> None:
        exact(values)
        values[name] = finish(values[name])

    return stage


def exact_stage(step: LayerStep) -> Stage:
    """Return the stage of one layer up to its exact result, without the assignment."""
    operation = step.layer.operation(step)
    name, sources = step.layer.name, step.layer.inputs

    def stage(values: Values) -> None:
        values[name] = operation(*(values[source] for source in sources))

    return stage


def assignment_stage(fraction: int, channels: int, to: Assignment) -> Callable[[Array], Array]:
    """Return the function that assigns a tensor (event, …, channel) to its format."""
    formats = by_channel(to.format, channels)
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

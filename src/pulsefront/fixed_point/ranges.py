"""What every tensor of a model can hold: shapes, formats, and proven intervals.

From the intervals (see `Layer.bounds`) everything else follows: exact formats, accumulator widths,
the number type in which a matrix product is exact, whether a WRAP can happen.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from pulsefront.errors import PrecisionError
from pulsefront.fixed_point.format import MAX_WIDTH, Assignment, Overflow, format_holding
from pulsefront.fixed_point.intervals import assigned_interval
from pulsefront.fixed_point.layers.base import Layer, LayerStep
from pulsefront.fixed_point.tensors import Input, Tensor

__all__ = ["step_of", "trace", "working_magnitude"]


def trace(inputs: tuple[Input, ...], layers: tuple[Layer, ...]) -> dict[str, Tensor | LayerStep]:
    """Return the tensor of every input and the step of every layer, by name, in order.

    Raises
    ------
    PrecisionError
        A name is used twice or unknown, a shape does not fit, or 64 bits do not suffice; the
        message names the layer.
    """
    known: dict[str, Tensor | LayerStep] = {}
    for source in inputs:
        if source.name in known:
            raise PrecisionError(f"the name {source.name!r} is used twice")
        low = np.full(source.shape, source.format.minimum, dtype=np.int64)
        high = np.full(source.shape, source.format.maximum, dtype=np.int64)
        known[source.name] = Tensor(source.name, source.shape, source.format, low, high)
    for layer in layers:
        if layer.name in known:
            raise PrecisionError(f"the name {layer.name!r} is used twice")
        known[layer.name] = step_of(layer, known)
    return known


def step_of(layer: Layer, known: Mapping[str, Tensor | LayerStep]) -> LayerStep:
    """Return the step of *layer*, given the steps before it."""
    sources = []
    for name in layer.inputs:
        if name not in known:
            raise PrecisionError(
                f"layer {layer.name!r} reads {name!r}, which is no input and no earlier layer",
                remedy=f"known so far: {', '.join(known)}",
            )
        source = known[name]
        sources.append(source.result if isinstance(source, LayerStep) else source)
    return _step(layer, tuple(sources))


def _step(layer: Layer, sources: tuple[Tensor, ...]) -> LayerStep:
    bounds = layer.bounds(sources)
    if bounds.magnitude >= 1 << MAX_WIDTH:
        raise PrecisionError(
            f"layer {layer.name!r}: a sum can need {bounds.magnitude.bit_length() + 1} bits "
            "and 64-bit integers do not suffice",
            remedy="use formats with fewer bits before this layer",
        )
    low, high = bounds.low, bounds.high
    whole = format_holding(int(low.min()), int(high.max()), bounds.fraction)
    exact = Tensor(layer.name, low.shape, whole, low, high)
    to = layer.assignment
    if to is None:
        return LayerStep(layer, sources, exact, exact, bounds.magnitude)
    try:
        low, high = assigned_interval(low, high, bounds.fraction, to)
    except PrecisionError as error:
        raise PrecisionError(
            f"layer {layer.name!r}: {error.problem}", value=error.value, remedy=error.remedy
        ) from None
    channels = to.formats if to.per_channel else None
    result = Tensor(layer.name, low.shape, to.container, low, high, channels)
    return LayerStep(layer, sources, exact, result, bounds.magnitude)


def working_magnitude(step: LayerStep) -> int:
    """Return a bound of every number on the way to the step's result, its assignment included.

    Counted in least significant bits of the finest intermediate: a float type that holds integers
    of this size computes the step exactly by scaling with powers of two, floor and comparison.
    """
    inner = step.layer.inner_assignments(step.sources)
    assignments = [(one.fraction, one.to) for one in inner]
    if step.layer.assignment is not None:
        assignments.append((step.exact.format.fraction, step.layer.assignment))
    found = (_assigned_magnitude(step.magnitude, fraction, to) for fraction, to in assignments)
    return max([step.magnitude, *found])


def _assigned_magnitude(magnitude: int, fraction: int, to: Assignment) -> int:
    """Return a bound of the numbers that the assignment of numbers up to *magnitude* meets."""
    found = 1 << to.container.width
    for one in to.formats:
        dropped = fraction - one.fraction
        # Half a step is added for rounding; one turn of the format for wrapping.
        half = (1 << dropped) if dropped > 0 else 0
        turn = (1 << (one.width + 1)) << max(dropped, 0)
        scaled = (magnitude << max(-dropped, 0)) + half
        found = max(found, scaled + (turn if to.overflow is Overflow.WRAP else 0))
    return found

"""What every tensor of a model can hold: shapes, formats, and proven intervals.

From the intervals (see bounds.py) everything else follows: exact formats, accumulator widths, the
number type in which a matrix product is exact, whether a WRAP can happen.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from pulsefront.errors import PrecisionError
from pulsefront.fixed_point.bounds import BOUNDS, assigned_interval, product_fraction
from pulsefront.fixed_point.format import MAX_WIDTH, FixedPointFormat, Overflow, format_holding
from pulsefront.fixed_point.layers import Conv1d, Dense, Input, Layer, assignment_of
from pulsefront.fixed_point.tensors import Step, Tensor

__all__ = ["number_type", "step_of", "trace", "working_magnitude"]


def trace(inputs: tuple[Input, ...], layers: tuple[Layer, ...]) -> dict[str, Tensor | Step]:
    """Return the tensor of every input and the step of every layer, by name, in order.

    Raises
    ------
    PrecisionError
        A name is used twice or unknown, a shape does not fit, or 64 bits do not suffice; the
        message names the layer.
    """
    known: dict[str, Tensor | Step] = {}
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


def step_of(layer: Layer, known: Mapping[str, Tensor | Step]) -> Step:
    """Return the step of *layer*, given the steps before it."""
    sources = []
    for name in layer.inputs:
        if name not in known:
            raise PrecisionError(
                f"layer {layer.name!r} reads {name!r}, which is no input and no earlier layer",
                remedy=f"known so far: {', '.join(known)}",
            )
        source = known[name]
        sources.append(source.result if isinstance(source, Step) else source)
    return _step(layer, tuple(sources))


def _step(layer: Layer, sources: tuple[Tensor, ...]) -> Step:
    bounds = BOUNDS.get(type(layer))
    if bounds is None:
        raise PrecisionError(f"layer {layer.name!r}: unknown kind {type(layer).__name__}")
    low, high, fraction, magnitude = bounds(layer, *sources)
    if magnitude >= 1 << MAX_WIDTH:
        raise PrecisionError(
            f"layer {layer.name!r}: a sum can need {magnitude.bit_length() + 1} bits "
            "and 64-bit integers do not suffice",
            remedy="use formats with fewer bits before this layer",
        )
    whole = format_holding(int(low.min()), int(high.max()), fraction)
    exact = Tensor(layer.name, low.shape, whole, low, high)
    to = assignment_of(layer)
    if to is None:
        return Step(layer, sources, exact, exact, magnitude)
    try:
        low, high = assigned_interval(low, high, fraction, to)
    except PrecisionError as error:
        raise PrecisionError(
            f"layer {layer.name!r}: {error.problem}", value=error.value, remedy=error.remedy
        ) from None
    result = Tensor(layer.name, low.shape, to.container, low, high)
    return Step(layer, sources, exact, result, magnitude)


def number_type(magnitude: int) -> type[np.float32 | np.float64 | np.int64]:
    """Return the fastest number type in which integers up to *magnitude* are exact."""
    if magnitude <= 1 << 24:
        return np.float32
    return np.float64 if magnitude <= 1 << 53 else np.int64


def working_magnitude(step: Step) -> int:
    """Return a bound of every number on the way to the step's result, its assignment included.

    Counted in least significant bits of the finest intermediate: a float type that holds integers
    of this size computes the step exactly by scaling with powers of two, floor and comparison.
    """
    magnitude = step.magnitude
    assignments = [assignment_of(step.layer)]
    if isinstance(step.layer, (Dense, Conv1d)):
        assignments.append(step.layer.accumulator)
    for to in assignments:
        if to is None:
            continue
        formats = (to.format,) if isinstance(to.format, FixedPointFormat) else to.format
        fractions = {step.exact.format.fraction}
        if isinstance(step.layer, (Dense, Conv1d)):
            fractions.add(product_fraction(step.layer, step.sources[0])[0])
        for one in formats:
            for fraction in fractions:
                dropped = fraction - one.fraction
                # Half a step is added for rounding; one turn of the format for wrapping.
                half = (1 << dropped) if dropped > 0 else 0
                scaled = (step.magnitude << max(-dropped, 0)) + half
                turn = (1 << (one.width + 1)) << max(dropped, 0)
                wraps = to.overflow is Overflow.WRAP
                magnitude = max(magnitude, scaled + (turn if wraps else 0))
        magnitude = max(magnitude, 1 << to.container.width)
    return magnitude

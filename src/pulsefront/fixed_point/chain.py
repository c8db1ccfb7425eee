"""Dense layers with their rounding as floor(x · weights · scale + offset), and chains of them.

A link is a dense layer (or a convolution's matrix) with what follows it, where that is exact in a
float type: TRN or RND rounding, and saturation or no possible overflow. A chain is a network of
nothing else; it runs in one compiled call, for one event as for a million.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from pulsefront.fixed_point import tiles
from pulsefront.fixed_point.bounds import bias_at, weights_at
from pulsefront.fixed_point.format import (
    Assignment,
    FixedPointFormat,
    Integers,
    Overflow,
    Rounding,
    assign,
)
from pulsefront.fixed_point.layers import Conv1d, Dense, Quantize, Relu, assignment_of
from pulsefront.fixed_point.ranges import number_type
from pulsefront.fixed_point.tensors import Step

__all__ = ["Chain", "Link", "build_chain", "links_of", "matrix_of"]

Array = npt.NDArray[Any]
Real = type[np.float32 | np.float64]


@dataclass(frozen=True, eq=False)
class Link:
    """One matrix product: floor(x · weights · scale + offset), limited to low … high.

    ``magnitude`` bounds every number on the way; ``result`` names the tensor that it gives.
    """

    weights: Integers
    scale: float
    offset: npt.NDArray[np.float64]
    low: float
    high: float
    magnitude: int
    result: str


def matrix_of(step: Step) -> tuple[Integers, Integers]:
    """Return the weights (n_in, n_out) and the bias at the fractions of the exact result."""
    layer = step.layer
    assert isinstance(layer, (Dense, Conv1d))
    fraction = step.exact.format.fraction
    weights, own = weights_at(layer)
    weights = weights.reshape(-1, weights.shape[-1])
    return weights << (fraction - own - step.sources[0].format.fraction), bias_at(layer, fraction)


def link_of(step: Step, after: Step | None = None) -> Link | None:
    """Return *step* with the ReLU or quantization *after* it as a link; None where not exact."""
    layer = step.layer
    assert isinstance(layer, (Dense, Conv1d))
    if layer.accumulator is not None or (after is not None and layer.to is not None):
        return None
    last = after or step
    relu = isinstance(last.layer, Relu)
    to = assignment_of(last.layer)
    weights, bias = matrix_of(step)
    if to is None:
        low, high = (0 if relu else -step.magnitude), step.magnitude
        return _checked(weights, bias, 0, 0, (low, high), step.magnitude, last.layer.name)
    if to.rounding not in (Rounding.TRN, Rounding.RND):
        return None
    if not isinstance(to.format, FixedPointFormat):
        return None
    saturates = to.overflow in (Overflow.SAT, Overflow.SAT_SYM)
    if not saturates and not _fits(step, to, relu=relu):
        return None
    shift = step.exact.format.fraction - to.format.fraction
    half = (1 << (shift - 1)) if shift > 0 and to.rounding is Rounding.RND else 0
    symmetric = to.overflow is Overflow.SAT_SYM
    low = to.format.symmetric_minimum if symmetric else to.format.minimum
    if relu or not to.format.signed:
        low = max(low, 0)
    # A left shift scales the sum: what must be exact is then the scaled one.
    magnitude = (step.magnitude + half) << max(-shift, 0)
    limits = (low, to.format.maximum)
    return _checked(weights, bias, half, shift, limits, magnitude, last.layer.name)


def _checked(
    weights: Integers,
    bias: Integers,
    half: int,
    shift: int,
    limits: tuple[int, int],
    magnitude: int,
    result: str,
) -> Link | None:
    magnitude = max(magnitude, abs(limits[0]), limits[1])
    if shift > 60 or number_type(magnitude) is np.int64:
        return None
    scale = 2.0**-shift
    offset = (bias + half).astype(np.float64) * scale
    return Link(weights, scale, offset, limits[0], limits[1], magnitude, result)


def _fits(step: Step, to: Assignment, *, relu: bool) -> bool:
    """Whether the exact result, rounded, is within the format: then overflow never happens."""
    low, high = step.exact.low, step.exact.high
    if relu:
        low, high = np.maximum(low, 0), np.maximum(high, 0)
    target = to.container
    if target.width > 60:
        return False
    wider = Assignment(
        FixedPointFormat(target.width + 2, target.integer + 2), to.rounding, Overflow.SAT
    )
    fraction = step.exact.format.fraction
    ends = assign(low, fraction, wider), assign(high, fraction, wider)
    return target.holds(int(ends[0].min()), int(ends[1].max()))


def links_of(steps: tuple[Step, ...], outputs: tuple[str, ...]) -> list[Link | Step]:
    """Return the steps in order, each matrix with what may be fused to it as a link."""
    readers: dict[str, int] = dict.fromkeys(outputs, 1)
    for step in steps:
        for name in step.layer.inputs:
            readers[name] = readers.get(name, 0) + 1
    found: list[Link | Step] = []
    rest = list(steps)
    while rest:
        step = rest.pop(0)
        if not isinstance(step.layer, (Dense, Conv1d)):
            found.append(step)
            continue
        after = rest[0] if rest else None
        link = None
        if (
            after is not None
            and isinstance(after.layer, (Relu, Quantize))
            and after.layer.inputs == (step.layer.name,)
            and readers[step.layer.name] == 1
        ):
            link = link_of(step, after)
        if link is not None:
            rest.pop(0)
        else:
            link = link_of(step)
        found.append(link or step)
    return found


@dataclass(frozen=True, eq=False)
class Chain:
    """A compiled chain; safe to use from several threads at once."""

    table: Integers
    constants: Array
    buffer_size: int
    outputs: int
    _local: threading.local = field(default_factory=threading.local)

    def run(self, source: Array, result: Integers) -> bool:
        """Run events (event, n_in) into *result* (event, n_out); false if an input is outside."""
        try:
            buffer = self._local.buffer
        except AttributeError:
            buffer = self._local.buffer = np.zeros(self.buffer_size, self.constants.dtype)
        inside: bool = tiles.run_chain(source, self.table, self.constants, buffer, result)
        return inside


def build_chain(links: list[Link], source: FixedPointFormat, kind: Real) -> Chain:
    """Return the compiled chain of *links* on inputs of the format *source*.

    ``table`` holds one row per link, (n_in, n_out, n_out padded to whole vectors, place in
    ``constants``), after a first row with the input's range and the width of a buffer row.
    """
    lanes = tiles.VECTOR_BYTES // np.dtype(kind).itemsize
    constants: list[Array] = []
    rows: list[list[int]] = []
    position = 0
    for link in links:
        n_in, n_out = link.weights.shape
        padded = -(-n_out // lanes) * lanes
        parts = np.zeros((n_in + 4, padded))
        parts[:n_in, :n_out] = link.weights
        for row, values in enumerate((link.scale, link.offset, link.low, link.high), n_in):
            parts[row, :n_out] = values
        rows.append([n_in, n_out, padded, position])
        constants.append(parts.astype(kind).reshape(-1))
        position += parts.size
    widest = max(max(row[0], row[2]) for row in rows)
    width = -(-widest // lanes) * lanes
    table = np.array([[source.minimum, source.maximum, width, 0], *rows], dtype=np.int64)
    buffer_size = 2 * (tiles.BLOCK + tiles.ROWS) * width
    return Chain(table, np.concatenate(constants), buffer_size, links[-1].weights.shape[1])

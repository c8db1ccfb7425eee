"""Dense layers with their rounding as (x · weights + bias) >> shift, and chains of them.

A link is a dense layer (or a convolution's matrix) with what follows it, where that is exact in a
float type: TRN or RND rounding, and saturation or no possible overflow. A chain is a network of
nothing else; it runs in one compiled call, for one event as for a million.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from pulsefront.fixed_point import narrow_tiles, tiles
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
from pulsefront.fixed_point.narrow_tiles import NARROW_IS_FASTER
from pulsefront.fixed_point.ranges import number_type
from pulsefront.fixed_point.tensors import Step

__all__ = ["Chain", "Link", "build_chain", "fits_narrow", "links_of", "matrix_of"]

Array = npt.NDArray[Any]
Real = type[np.float32 | np.float64]


@dataclass(frozen=True, eq=False)
class Link:
    """One matrix product: (x · weights + bias) >> shift, limited to low … high.

    *bias* holds the half of RND rounding too. In a float type the same is
    floor(x · weights · scale + offset). ``magnitude`` bounds every number on the way; ``result``
    names the tensor that it gives.
    """

    weights: Integers
    bias: Integers
    shift: int
    low: int
    high: int
    magnitude: int
    result: str

    @property
    def scale(self) -> float:
        """The shift as a factor."""
        return 2.0**-self.shift

    @property
    def offset(self) -> npt.NDArray[np.float64]:
        """The bias after the shift, with its fraction."""
        return self.bias.astype(np.float64) * self.scale

    @property
    def narrow(self) -> bool:
        """Whether inputs and weights of 16 bits and sums of 32 carry it."""
        fits = bool(np.all(np.abs(self.weights) < 1 << 15))
        return fits and self.shift < 32 and self.magnitude < 1 << 31


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
    if shift < 0:
        # To the left is a factor of the weights; what no input reaches may be too large for it.
        if int(np.abs(weights).max()).bit_length() - shift > 62:
            return None
        weights, bias, shift = weights << -shift, bias << -shift, 0
    return Link(weights, bias + half, shift, limits[0], limits[1], magnitude, result)


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

    kernel: Callable[..., bool]
    table: Integers
    constants: Array
    buffer_type: type
    buffer_size: int
    outputs: int
    _local: threading.local = field(default_factory=threading.local)

    def run(self, source: Array, result: Integers) -> bool:
        """Run events (event, n_in) into *result* (event, n_out); false if an input is outside."""
        try:
            buffer = self._local.buffer
        except AttributeError:
            buffer = self._local.buffer = np.zeros(self.buffer_size, self.buffer_type)
        return self.kernel(source, self.table, self.constants, buffer, result)


def build_chain(links: list[Link], source: FixedPointFormat) -> Chain:
    """Return the compiled chain of *links* on inputs of the format *source*.

    The proof chooses the kernel: 16-bit integers where the processor is faster with them and all
    fits, else float32 while every number is exact in it, else float64; no link has sums beyond.
    """
    if NARROW_IS_FASTER and fits_narrow(links, source):
        return _narrow_chain(links, source)
    exact = max(one.magnitude for one in links) <= 1 << 24
    return _float_chain(links, source, np.float32 if exact else np.float64)


def fits_narrow(links: list[Link], source: FixedPointFormat) -> bool:
    """Whether 16-bit inputs, weights and activations, and 32-bit sums, carry the whole chain."""
    word = FixedPointFormat(16, 16)
    between = all(word.holds(one.low, one.high) for one in links[:-1])
    return between and all(one.narrow for one in links) and word.holds(*_ends(source))


def _ends(source: FixedPointFormat) -> tuple[int, int]:
    return source.minimum, source.maximum


def _float_chain(links: list[Link], source: FixedPointFormat, kind: Real) -> Chain:
    """Return the chain for the kernel of tiles.py.

    ``table`` holds one row per link, (n_in, n_out, n_out padded to whole vectors, place in
    ``constants``), after a first row with the input's range and the width of a buffer row.
    """
    lanes = tiles.VECTOR_BYTES // np.dtype(kind).itemsize
    parts = []
    for link in links:
        n_in, n_out = link.weights.shape
        block = np.zeros((n_in + 4, -(-n_out // lanes) * lanes))
        block[:n_in, :n_out] = link.weights
        for row, values in enumerate((link.scale, link.offset, link.low, link.high), n_in):
            block[row, :n_out] = values
        parts.append(block.astype(kind))
    table = _table(links, source, parts, lanes)
    size = 2 * (tiles.BLOCK + tiles.ROWS) * int(table[0, 2])
    constants = np.concatenate([part.reshape(-1) for part in parts])
    return Chain(tiles.run_chain, table, constants, kind, size, links[-1].weights.shape[1])


def _narrow_chain(links: list[Link], source: FixedPointFormat) -> Chain:
    """Return the chain for the kernel of narrow_tiles.py.

    Each number of 32 bits among the weights holds those of two inputs; the table's first column
    counts such pairs.
    """
    lanes = narrow_tiles.LANES
    parts = []
    for link in links:
        n_in, n_out = link.weights.shape
        pairs, padded = -(-n_in // 2), -(-n_out // lanes) * lanes
        weights = np.zeros((2 * pairs, padded), dtype=np.int16)
        weights[:n_in, :n_out] = link.weights
        block = np.zeros((pairs + 4, padded), dtype=np.int32)
        block[:pairs] = np.stack((weights[::2], weights[1::2]), axis=-1).view(np.int32)[..., 0]
        for row, values in enumerate((link.bias, link.shift, link.low, link.high), pairs):
            block[row, :n_out] = values
        parts.append(block)
    table = _table(links, source, parts, 2 * lanes)
    # Two halves of activations, and the last results at twice the width of an activation.
    size = 4 * (tiles.BLOCK + tiles.ROWS) * int(table[0, 2])
    constants = np.concatenate([part.reshape(-1) for part in parts])
    kernel = narrow_tiles.run_narrow_chain
    return Chain(kernel, table, constants, np.int16, size, links[-1].weights.shape[1])


def _table(links: list[Link], source: FixedPointFormat, parts: list[Array], lanes: int) -> Integers:
    """Return the table of a chain whose constants are *parts*, four rows after the weights."""
    places = np.cumsum([0, *(part.size for part in parts)])
    rows = [
        [len(part) - 4, link.weights.shape[1], part.shape[1], int(place)]
        for link, part, place in zip(links, parts, places[:-1], strict=True)
    ]
    widest = max(
        max(*link.weights.shape, part.shape[1]) for link, part in zip(links, parts, strict=True)
    )
    width = -(-widest // lanes) * lanes
    return np.array([[*_ends(source), width, 0], *rows], dtype=np.int64)

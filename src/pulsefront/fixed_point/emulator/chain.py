"""Chains: networks of links alone, in one compiled call for one event as for a million."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from pulsefront.fixed_point.emulator.links import Link, links_of
from pulsefront.fixed_point.emulator.tile_code import (
    BLOCK,
    NARROW_IS_FASTER,
    ROWS,
    VECTOR_BYTES,
)
from pulsefront.fixed_point.emulator.tiles import WIDTH, run_chain
from pulsefront.fixed_point.format import FixedPointFormat, Integers
from pulsefront.fixed_point.layers import LayerStep
from pulsefront.fixed_point.layers.base import Array
from pulsefront.fixed_point.specification import Specification

__all__ = ["Chain", "chain_of", "fits_narrow"]


@dataclass(frozen=True, eq=False)
class Chain:
    """A compiled chain; safe to use from several threads at once.

    ``table`` holds one row per link after a first one of the whole; tiles.py names its columns.
    ``constants`` holds per link the weights and four rows after them (see tile_code.py).
    """

    table: Integers
    constants: Array
    buffer_type: type
    outputs: int
    _local: threading.local = field(default_factory=threading.local)

    def run(self, source: Array, result: Integers) -> bool:
        """Run events (event, n_in) into *result* (event, n_out); false if an input is outside."""
        try:
            buffer = self._local.buffer
        except AttributeError:
            # Two halves of activations, and the last results at the width of a constant.
            rows = 2 * (BLOCK + ROWS) * int(self.table[0, WIDTH])
            ratio = self.constants.itemsize // np.dtype(self.buffer_type).itemsize
            buffer = self._local.buffer = np.zeros(rows * ratio, self.buffer_type)
        return run_chain(source, self.table, self.constants, buffer, result)


def chain_of(model: Specification) -> Chain | None:
    """Return *model* as one compiled chain; None where it is none."""
    if len(model.inputs) != 1 or len(model.inputs[0].shape) != 1 or len(model.outputs) != 1:
        return None
    links: list[Link] = []
    previous = model.inputs[0].name
    for one in links_of(model.steps, model.outputs):
        # The rows of a vector are the vector itself, so that links follow each other.
        if isinstance(one, LayerStep) or one.source.name != previous or len(one.source.shape) != 1:
            return None
        links.append(one)
        previous = one.result.name
    return _build(links, model.inputs[0].format) if previous == model.outputs[0] else None


def _build(links: Sequence[Link], source: FixedPointFormat) -> Chain:
    """Return the compiled chain of *links* on inputs of the format *source*.

    The proof chooses the type: 16-bit integers where the processor is faster with them and all
    fits, else float32 while every number is exact in it, else float64; no link has sums beyond.
    """
    kind: type = np.float64
    if NARROW_IS_FASTER and fits_narrow(links, source):
        kind, blocks = np.int16, [_narrow_block(link) for link in links]
    else:
        if max(one.magnitude for one in links) <= 1 << 24:
            kind = np.float32
        blocks = [_float_block(link, kind) for link in links]
    table = _table(links, source, blocks, VECTOR_BYTES // np.dtype(kind).itemsize)
    constants = np.concatenate([block.reshape(-1) for block in blocks])
    return Chain(table, constants, kind, links[-1].weights.shape[1])


def fits_narrow(links: Sequence[Link], source: FixedPointFormat) -> bool:
    """Whether 16-bit inputs, weights and activations, and 32-bit sums, carry the whole chain."""
    word = FixedPointFormat(16, 16)
    between = all(word.holds(one.low, one.high) for one in links[:-1])
    whole = word.holds(source.minimum, source.maximum)
    return between and all(one.narrow for one in links) and whole


def _float_block(link: Link, kind: type) -> Array:
    """Return the constants of a link: weights, scale, offset and limits in the float type."""
    n_in, n_out = link.weights.shape
    lanes = VECTOR_BYTES // np.dtype(kind).itemsize
    block = np.zeros((n_in + 4, -(-n_out // lanes) * lanes))
    block[:n_in, :n_out] = link.weights
    for row, values in enumerate((link.scale, link.offset, link.low, link.high), n_in):
        block[row, :n_out] = values
    return block.astype(kind)


def _narrow_block(link: Link) -> Array:
    """Return the constants of a link: weights, bias, shift and limits in 32-bit integers.

    Each number among the weights holds those of two inputs in 16 bits each.
    """
    n_in, n_out = link.weights.shape
    lanes = VECTOR_BYTES // 4
    pairs, padded = -(-n_in // 2), -(-n_out // lanes) * lanes
    weights = np.zeros((2 * pairs, padded), dtype=np.int16)
    weights[:n_in, :n_out] = link.weights
    block = np.zeros((pairs + 4, padded), dtype=np.int32)
    block[:pairs] = np.stack((weights[::2], weights[1::2]), axis=-1).view(np.int32)[..., 0]
    for row, values in enumerate((link.shift, link.bias, link.low, link.high), pairs):
        block[row, :n_out] = values
    return block


def _table(
    links: Sequence[Link], source: FixedPointFormat, blocks: Sequence[Array], lanes: int
) -> Integers:
    """Return the table of a chain whose constants are *blocks*; *lanes* of activations align."""
    starts = np.cumsum([0, *(block.size for block in blocks)])
    rows = [
        [len(block) - 4, block.shape[1], int(start)]
        for block, start in zip(blocks, starts[:-1], strict=True)
    ]
    widest = max(
        max(*link.weights.shape, block.shape[1]) for link, block in zip(links, blocks, strict=True)
    )
    width = -(-widest // lanes) * lanes
    return np.array([[source.minimum, source.maximum, width], *rows], dtype=np.int64)

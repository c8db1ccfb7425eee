"""Chains of dense layers, tile by tile; tile_code.py writes the tiles."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from pulsefront.fixed_point.emulator.tile_code import BLOCK, ROWS, VECTOR_BYTES, VECTORS, tile
from pulsefront.fixed_point.layers.base import Array

__all__ = ["WIDTH", "run_chain"]

# Columns of a chain's table: of its first row, then of one row per layer. A structured array in
# its place cost 80 ns per call more (of 1.45 µs for one event), a named tuple 390 ns.
LOWEST, HIGHEST, WIDTH = range(3)
"""Smallest and largest input, and elements in a row of the buffer."""
COUNT, PADDED, START = range(3)
"""Products per sum (pairs of them in 16 bits), outputs in whole vectors, start in constants."""

_FULL, _FULL_LAST = tile(ROWS, VECTORS), tile(ROWS, 1)
_SINGLE, _SINGLE_LAST = tile(1, VECTORS), tile(1, 1)


@njit(nogil=True, cache=True)
def _run_layer(
    like: Any,
    source: int,
    target: int,
    source_stride: int,
    target_stride: int,
    result_size: int,
    events: int,
    row: Array,
    start: int,
    size: int,
) -> None:
    """Run one layer of a chain; *like* chooses the tile and is a number of the results' type.

    All addresses and strides are in bytes: constants start at *start* and have *size* each,
    results *result_size*. *row* is the layer's of the table.
    """
    count, padded = row[COUNT], row[PADDED]
    lanes = VECTOR_BYTES // size
    step = size * padded
    scale = start + step * count
    event = 0
    while event < events:
        # One or two events left over are done alone; more fill a tile with stale rows.
        many = events - event > 2
        x, y = source + event * source_stride, target + event * target_stride
        column = 0
        while column < padded:
            at = size * column
            w, s, o = start + at, scale + at, scale + step + at
            low, high = scale + 2 * step + at, scale + 3 * step + at
            t = y + result_size * column
            if padded - column >= VECTORS * lanes:
                if many:
                    _FULL(like, x, w, s, o, low, high, t, count, source_stride, step, target_stride)
                else:
                    _SINGLE(
                        like, x, w, s, o, low, high, t, count, source_stride, step, target_stride
                    )
                column += VECTORS * lanes
            else:
                if many:
                    _FULL_LAST(
                        like, x, w, s, o, low, high, t, count, source_stride, step, target_stride
                    )
                else:
                    _SINGLE_LAST(
                        like, x, w, s, o, low, high, t, count, source_stride, step, target_stride
                    )
                column += lanes
        event += ROWS if many else 1


@njit(nogil=True, cache=True)
def run_chain(source: Array, table: Array, constants: Array, buffer: Array, result: Array) -> bool:
    """Run a chain of dense layers on integers (event, n_in); see `chain.Chain` for its tables.

    *buffer* holds two halves of activations. Where constants are wider than activations, the last
    results are as wide as they, and the buffer is as much longer. Returns whether every input was
    within its format.
    """
    if source.shape[0] == 0:
        return True
    width = table[0, WIDTH]
    size, own = constants.itemsize, buffer.itemsize
    half = (BLOCK + ROWS) * width
    results = buffer.view(constants.dtype)
    last = table.shape[0] - 1
    lowest = highest = source[0, 0]
    for first in range(0, source.shape[0], BLOCK):
        events = min(BLOCK, source.shape[0] - first)
        for event in range(events):
            # Plain slices of one type each: so the loop becomes vector instructions.
            given = source[first + event]
            values = buffer[event * width : event * width + given.size]
            for channel in range(given.size):
                value = given[channel]
                lowest, highest = min(lowest, value), max(highest, value)
                values[channel] = value
        base, weights = buffer.ctypes.data, constants.ctypes.data
        stride = own * width
        here, there = 0, half
        for index in range(1, last):
            x, y = base + own * here, base + own * there
            row, start = table[index], weights + size * table[index, START]
            _run_layer(buffer[0], x, y, stride, stride, own, events, row, start, size)
            here, there = there, here
        if size > own:
            there = 2 * half
        x, y = base + own * here, base + own * there
        row, start = table[last], weights + size * table[last, START]
        _run_layer(constants[0], x, y, stride, size * width, size, events, row, start, size)
        there = there * own // size
        for event in range(events):
            found = results[there + event * width : there + event * width + result.shape[1]]
            for channel in range(found.size):
                result[first + event, channel] = np.int64(found[channel])
    low, high = table[0, LOWEST], table[0, HIGHEST]
    inside: bool = np.int64(lowest) >= low and np.int64(highest) <= high
    return inside

"""Chains of dense layers, tile by tile; tile_code.py writes the tiles."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from pulsefront.fixed_point.emulator.tile_code import BLOCK, ROWS, VECTOR_BYTES, VECTORS, tile
from pulsefront.fixed_point.layers.base import Array

__all__ = ["run_chain"]

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
    results *result_size*. *row* is (products per sum, n_out, n_out padded, …).
    """
    count, padded = row[0], row[2]
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
    width = table[0, 2]
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
        base, place = buffer.ctypes.data, constants.ctypes.data
        stride = own * width
        here, there = 0, half
        for index in range(1, last):
            x, y = base + own * here, base + own * there
            row, start = table[index], place + size * table[index, 3]
            _run_layer(buffer[0], x, y, stride, stride, own, events, row, start, size)
            here, there = there, here
        if size > own:
            there = 2 * half
        x, y = base + own * here, base + own * there
        row, start = table[last], place + size * table[last, 3]
        _run_layer(constants[0], x, y, stride, size * width, size, events, row, start, size)
        there = there * own // size
        for event in range(events):
            found = results[there + event * width : there + event * width + result.shape[1]]
            for channel in range(found.size):
                result[first + event, channel] = np.int64(found[channel])
    inside: bool = np.int64(lowest) >= table[0, 0] and np.int64(highest) <= table[0, 1]
    return inside

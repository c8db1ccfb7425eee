"""The time blocks of a binary PETSIRD file, walked as bytes.

petsird makes an object of every event, which takes microseconds and tells neither where a block
lies nor which are whole; so blocks are walked here, after the encoding of yardl. A block is one of
six kinds; that of events holds lists of hits or coincidences for each type of modules, or each pair
of them. Its own order of bytes is that of the schema of petsird 0.12.

`walk` goes over whole blocks and notes where their lists of events are;
`pulsefront.events.readers.petsird.rows` decodes the lists.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from pulsefront.events.readers.petsird.bytes import (
    BAD,
    CUT,
    Bytes,
    number,
    one_of_two,
    skip_bytes,
    skip_numbers,
)

__all__ = [
    "BROKEN",
    "CLOSED",
    "COUNT",
    "DELAYED",
    "ENDED",
    "FIRST",
    "FULL",
    "KIND",
    "LEFT_OUT",
    "OFFSET",
    "PROMPT",
    "SECOND",
    "SINGLE",
    "START",
    "STOP",
    "walk",
]

Ints = NDArray[np.int64]

FULL, CLOSED, ENDED, BROKEN = 0, 1, 2, 3
"""How a walk stopped: at the room for lists, at the mark of the end, at the end of the file, at
bytes that are no block."""

SINGLE, PROMPT, DELAYED = 0, 1, 2
"""Kinds of lists of events."""

OFFSET, COUNT, KIND, FIRST, SECOND, START, STOP = range(7)
"""What is noted of a list: offset, events, kind, types of modules, start and stop in ms."""

LEFT_OUT = (
    "triple coincidences",
    "quadruple coincidences",
    "coincidences of types of modules that the header does not have",
    "blocks of external signals",
    "blocks of bed movement",
    "blocks of gantry movement",
    "blocks of dead time",
    "blocks of histograms of singles",
)
TRIPLES, QUADRUPLES, UNKNOWN, SIGNALS = 0, 1, 2, 3

_MOST_DIMENSIONS = 8


@njit(nogil=True, cache=True)
def _singles(
    data: Bytes, at: int, types: int, span: tuple[int, int], lists: Ints, found: int
) -> tuple[int, int]:
    count, at = one_of_two(data, at, types, 0)
    for i in range(count):
        events, at = number(data, at, 5)
        if at >= 0 and events > 0:
            lists[found] = (at, events, SINGLE, i, 0, span[0], span[1])
            found += 1
        at = skip_numbers(data, at, 2 * events, 5)
        if at < 0:
            break
    return at, found


@njit(nogil=True, cache=True)
def _pairs(
    data: Bytes,
    at: int,
    types: int,
    kind: int,
    span: tuple[int, int],
    lists: Ints,
    found: int,
    left_out: Ints,
) -> tuple[int, int]:
    """Go over lists of coincidences of pairs of types, second ≤ first.

    The generator of examples of petsird 0.12 writes a row of pairs once for each pair: what lies
    beyond the types is passed over and counted.
    """
    rows, at = number(data, at, 5)
    repeated = rows == types * (types + 1) // 2 and rows != types
    if at >= 0 and rows not in (0, types) and not repeated:
        return BAD, found
    for i in range(rows):
        row, at = number(data, at, 5)
        if at >= 0 and row != i + 1 and not (repeated and row <= types):
            return BAD, found
        for j in range(row):
            events, at = number(data, at, 5)
            known = i < types and j <= i
            if at >= 0 and events > 0:
                if known:
                    lists[found] = (at, events, kind, i, j, span[0], span[1])
                    found += 1
                else:
                    left_out[UNKNOWN] += events
            at = skip_numbers(data, at, 3 * events, 5)
            if at < 0:
                return at, found
    return at, found


@njit(nogil=True, cache=True)
def _lists_of_triples(data: Bytes, at: int, count: int) -> tuple[int, int]:
    """Return where *count* lists of triple events end, and how many events they hold.

    Such an event is three detection bins and two bins of time.
    """
    _, at = one_of_two(data, at, count, count)
    total = 0
    for _ in range(count):
        events, at = number(data, at, 5)
        at = skip_numbers(data, at, 5 * events, 5)
        if at < 0:
            break
        total += events
    return at, total


@njit(nogil=True, cache=True)
def _triples(data: Bytes, at: int, types: int, left_out: Ints) -> int:
    rows, at = one_of_two(data, at, types, 0)
    for i in range(rows):
        _, at = one_of_two(data, at, i + 1, i + 1)
        for j in range(i + 1):
            at, events = _lists_of_triples(data, at, j + 1)
            if at < 0:
                return at
            left_out[TRIPLES] += events
    return at


@njit(nogil=True, cache=True)
def _quadruples(data: Bytes, at: int, types: int, left_out: Ints) -> int:
    """Go over quadruple coincidences, whose lists hold triple events in the schema of 0.12."""
    rows, at = one_of_two(data, at, types, 0)
    for i in range(rows):
        _, at = one_of_two(data, at, i + 1, i + 1)
        for j in range(i + 1):
            _, at = one_of_two(data, at, j + 1, j + 1)
            for k in range(j + 1):
                at, events = _lists_of_triples(data, at, k + 1)
                if at < 0:
                    return at
                left_out[QUADRUPLES] += events
    return at


@njit(nogil=True, cache=True)
def _floats_of_floats(data: Bytes, at: int) -> int:
    rows, at = number(data, at, 5)
    for _ in range(rows):
        length, at = number(data, at, 5)
        at = skip_bytes(data, at, 4 * length)
        if at < 0:
            break
    return at


@njit(nogil=True, cache=True)
def _dead_time(data: Bytes, at: int) -> int:
    rows, at = number(data, at, 5)
    for _ in range(rows):
        length, at = number(data, at, 5)
        at = skip_bytes(data, at, 4 * length)
        if at < 0:
            return at
    rows, at = number(data, at, 5)
    for _ in range(rows):
        row, at = number(data, at, 5)
        for _ in range(row):
            dimensions, at = number(data, at, 5)
            if dimensions > _MOST_DIMENSIONS:
                return BAD
            cells = 1
            for _ in range(dimensions):
                length, at = number(data, at, 5)
                cells *= length
                # An item takes a byte at least.
                if cells > len(data):
                    return CUT
            for _ in range(cells):
                at = _floats_of_floats(data, at)
                if at < 0:
                    return at
        if at < 0:
            return at
    return at


@njit(nogil=True, cache=True)
def _histograms(data: Bytes, at: int) -> int:
    for _ in range(2):
        rows, at = number(data, at, 5)
        for _ in range(rows):
            length, at = number(data, at, 5)
            at = skip_numbers(data, at, length, 10)
            if at < 0:
                return at
    return at


@njit(nogil=True, cache=True)
def _other(data: Bytes, at: int, kind: int) -> int:
    """Return where a block ends that holds no events."""
    if kind == 1:
        _, at = number(data, at, 5)
        count, at = number(data, at, 5)
        return skip_bytes(data, at, 4 * count)
    if kind == 2:
        return skip_bytes(data, at, 48)
    if kind == 3:
        count, at = number(data, at, 5)
        return skip_bytes(data, at, 48 * count)
    return _dead_time(data, at) if kind == 4 else _histograms(data, at)


@njit(nogil=True, cache=True)
def walk(
    data: Bytes, at: int, batch: int, types: int, lists: Ints, left_out: Ints
) -> tuple[int, int, int, int]:
    """Go over whole blocks from *at* on.

    Parameters
    ----------
    batch
        Blocks left of those that stand under one count.
    lists
        (list, 7) filled with where lists of events are, in the columns `OFFSET` to `STOP`. It has
        room for the lists of one block at least.
    left_out
        (kind,) counts what is passed over, as `LEFT_OUT` names it.

    Returns
    -------
    tuple
        Where the first block lies that was not gone over, the blocks left under its count, the
        number of lists, and why the walk stopped.
    """
    found, room = 0, types * (types + 2)
    passed = np.zeros(len(left_out), np.int64)
    while found + room <= len(lists):
        begin = at
        if batch == 0:
            batch, after = number(data, at, 10)
            if after < 0:
                return begin, 0, found, ENDED if after == CUT else BROKEN
            if batch == 0:
                return after, 0, found, CLOSED
            at = after
        if at >= len(data):
            return begin, 0, found, ENDED
        kind = int(data[at])
        start, next_at = number(data, at + 1, 5)
        stop, next_at = number(data, next_at, 5)
        before = found
        passed[:] = 0
        if kind > 5 or (next_at >= 0 and stop < start):
            next_at = BAD
        elif kind == 0:
            span = (start, stop)
            next_at, found = _singles(data, next_at, types, span, lists, found)
            for one in (PROMPT, DELAYED):
                if next_at >= 0:
                    next_at, found = _pairs(data, next_at, types, one, span, lists, found, passed)
            next_at = _triples(data, next_at, types, passed)
            next_at = _quadruples(data, next_at, types, passed)
        else:
            next_at = _other(data, next_at, kind)
            passed[SIGNALS + kind - 1] += 1
        if next_at < 0:
            return begin, 0, before, ENDED if next_at == CUT else BROKEN
        left_out += passed
        at = next_at
        batch -= 1
    return at, batch, found, FULL

"""The time blocks of a binary PETSIRD file, walked and decoded as bytes.

petsird makes an object of every event, which takes microseconds and tells neither where a block
lies nor which are whole; so blocks are decoded here, after the encoding of yardl: an integer is
written seven bits a byte, the lowest first, and a list begins with its length. A block is one of
six kinds; that of events holds lists of hits or coincidences for each type of modules, or each pair
of them. Its own order of bytes is that of the schema of petsird 0.12.

`walk` goes over whole blocks and notes where their lists of events are; `decode` reads the lists.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = [
    "BROKEN",
    "CLOSED",
    "DELAYED",
    "ENDED",
    "FULL",
    "LEFT_OUT",
    "PROMPT",
    "SINGLE",
    "Meaning",
    "Rows",
    "decode",
    "room_for_rows",
    "walk",
]

Bytes = NDArray[np.uint8]
Ints = NDArray[np.int64]

FULL, CLOSED, ENDED, BROKEN = 0, 1, 2, 3
"""How a walk stopped: at the room for lists, at the mark of the end, at the end of the file, at
bytes that are no block."""

SINGLE, PROMPT, DELAYED = 0, 1, 2
OFFSET, COUNT, KIND, FIRST, SECOND, START, STOP = range(7)

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

_END, _BAD = -1, -2
_MOST_DIMENSIONS = 8


class Meaning(NamedTuple):
    """What the bins of a scanner stand for.

    Attributes
    ----------
    bins, energy_bins
        (type,) detection bins of a type of modules, and energy bins of an element.
    first_element, first_energy
        (type,) number of its first element, and where its energies begin.
    tof_bins, first_tof
        (type, type) bins of time of flight, and where their times begin.
    energy_kev, difference_ps
        Centres of the bins of energy and of time of flight, type after type.
    """

    bins: Ints
    energy_bins: Ints
    first_element: Ints
    first_energy: Ints
    tof_bins: Ints
    first_tof: Ints
    energy_kev: NDArray[np.float32]
    difference_ps: NDArray[np.float64]


class Rows(NamedTuple):
    """Events, with the side as second axis; ``bad`` says impossible.

    Of single hits the second side is empty, and ``tof`` the time in ps from the start of the block.
    """

    bins: NDArray[np.uint32]
    types: NDArray[np.uint8]
    element: NDArray[np.int32]
    energy_kev: NDArray[np.float32]
    tof: NDArray[np.uint32]
    difference_ps: NDArray[np.float64]
    start_ms: NDArray[np.uint32]
    stop_ms: NDArray[np.uint32]
    delayed: NDArray[np.bool_]
    bad: NDArray[np.bool_]


def room_for_rows(count: int) -> Rows:
    """Return room for *count* events."""
    return Rows(
        np.zeros((count, 2), np.uint32),
        np.zeros((count, 2), np.uint8),
        np.zeros((count, 2), np.int32),
        np.full((count, 2), np.nan, np.float32),
        np.zeros(count, np.uint32),
        np.full(count, np.nan),
        np.zeros(count, np.uint32),
        np.zeros(count, np.uint32),
        np.zeros(count, np.bool_),
        np.zeros(count, np.bool_),
    )


@njit(nogil=True, cache=True)
def _number(data: Bytes, at: int, most: int) -> tuple[int, int]:
    """Return an integer of at most *most* bytes, and where it ends; a negative place is passed on.

    Lengths and indices have 32 bits, which take five bytes.
    """
    value, shift = 0, 0
    if at < 0:
        return 0, at
    for i in range(most):
        if at + i >= len(data):
            return 0, _END
        byte = int(np.int64(data[at + i]))
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, at + i + 1
    return 0, _BAD


@njit(nogil=True, cache=True)
def _skip_numbers(data: Bytes, at: int, count: int, most: int) -> int:
    """Return where *count* integers end."""
    if at < 0:
        return at
    if count > len(data) - at:
        return _END
    length = 0
    while count > 0:
        if at >= len(data):
            return _END
        length += 1
        if data[at] < 0x80:
            count -= 1
            length = 0
        elif length >= most:
            return _BAD
        at += 1
    return at


@njit(nogil=True, cache=True)
def _skip_bytes(data: Bytes, at: int, count: int) -> int:
    if at < 0:
        return at
    return at + count if count <= len(data) - at else _END


@njit(nogil=True, cache=True)
def _length(data: Bytes, at: int, expected: int, other: int) -> tuple[int, int]:
    """Return a length that must be one of two."""
    count, at = _number(data, at, 5)
    if at >= 0 and count not in (expected, other):
        return 0, _BAD
    return count, at


@njit(nogil=True, cache=True)
def _singles(
    data: Bytes, at: int, types: int, span: tuple[int, int], lists: Ints, found: int
) -> tuple[int, int]:
    count, at = _length(data, at, types, 0)
    for i in range(count):
        events, at = _number(data, at, 5)
        if at >= 0 and events > 0:
            lists[found] = (at, events, SINGLE, i, 0, span[0], span[1])
            found += 1
        at = _skip_numbers(data, at, 2 * events, 5)
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
    rows, at = _number(data, at, 5)
    repeated = rows == types * (types + 1) // 2 and rows != types
    if at >= 0 and rows not in (0, types) and not repeated:
        return _BAD, found
    for i in range(rows):
        row, at = _number(data, at, 5)
        if at >= 0 and row != i + 1 and not (repeated and row <= types):
            return _BAD, found
        for j in range(row):
            events, at = _number(data, at, 5)
            known = i < types and j <= i
            if at >= 0 and events > 0:
                if known:
                    lists[found] = (at, events, kind, i, j, span[0], span[1])
                    found += 1
                else:
                    left_out[UNKNOWN] += events
            at = _skip_numbers(data, at, 3 * events, 5)
            if at < 0:
                return at, found
    return at, found


@njit(nogil=True, cache=True)
def _triples(data: Bytes, at: int, types: int, left_out: Ints) -> int:
    rows, at = _length(data, at, types, 0)
    for i in range(rows):
        row, at = _length(data, at, i + 1, i + 1)
        for j in range(row):
            cells, at = _length(data, at, j + 1, j + 1)
            for _ in range(cells):
                events, at = _number(data, at, 5)
                at = _skip_numbers(data, at, 5 * events, 5)
                left_out[TRIPLES] += events
                if at < 0:
                    return at
    return at


@njit(nogil=True, cache=True)
def _quadruples(data: Bytes, at: int, types: int, left_out: Ints) -> int:
    rows, at = _length(data, at, types, 0)
    for i in range(rows):
        row, at = _length(data, at, i + 1, i + 1)
        for j in range(row):
            cells, at = _length(data, at, j + 1, j + 1)
            for k in range(cells):
                last, at = _length(data, at, k + 1, k + 1)
                for _ in range(last):
                    events, at = _number(data, at, 5)
                    at = _skip_numbers(data, at, 5 * events, 5)
                    left_out[QUADRUPLES] += events
                    if at < 0:
                        return at
    return at


@njit(nogil=True, cache=True)
def _floats_of_floats(data: Bytes, at: int) -> int:
    rows, at = _number(data, at, 5)
    for _ in range(rows):
        length, at = _number(data, at, 5)
        at = _skip_bytes(data, at, 4 * length)
        if at < 0:
            break
    return at


@njit(nogil=True, cache=True)
def _dead_time(data: Bytes, at: int) -> int:
    rows, at = _number(data, at, 5)
    for _ in range(rows):
        length, at = _number(data, at, 5)
        at = _skip_bytes(data, at, 4 * length)
        if at < 0:
            return at
    rows, at = _number(data, at, 5)
    for _ in range(rows):
        row, at = _number(data, at, 5)
        for _ in range(row):
            dimensions, at = _number(data, at, 5)
            if dimensions > _MOST_DIMENSIONS:
                return _BAD
            cells = 1
            for _ in range(dimensions):
                length, at = _number(data, at, 5)
                cells *= length
                # An item takes a byte at least.
                if cells > len(data):
                    return _END
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
        rows, at = _number(data, at, 5)
        for _ in range(rows):
            length, at = _number(data, at, 5)
            at = _skip_numbers(data, at, length, 10)
            if at < 0:
                return at
    return at


@njit(nogil=True, cache=True)
def _other(data: Bytes, at: int, kind: int) -> int:
    """Return where a block ends that holds no events."""
    if kind == 1:
        _, at = _number(data, at, 5)
        count, at = _number(data, at, 5)
        return _skip_bytes(data, at, 4 * count)
    if kind == 2:
        return _skip_bytes(data, at, 48)
    if kind == 3:
        count, at = _number(data, at, 5)
        return _skip_bytes(data, at, 48 * count)
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
        (list, 7) filled with where lists of events are: offset, events, kind, types of modules,
        start and stop in ms. It has room for the lists of one block at least.
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
            batch, after = _number(data, at, 10)
            if after < 0:
                return begin, 0, found, ENDED if after == _END else BROKEN
            if batch == 0:
                return after, 0, found, CLOSED
            at = after
        if at >= len(data):
            return begin, 0, found, ENDED
        kind = int(data[at])
        start, next_at = _number(data, at + 1, 5)
        stop, next_at = _number(data, next_at, 5)
        before = found
        passed[:] = 0
        if kind > 5 or (next_at >= 0 and stop < start):
            next_at = _BAD
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
            return begin, 0, before, ENDED if next_at == _END else BROKEN
        left_out += passed
        at = next_at
        batch -= 1
    return at, batch, found, FULL


@njit(nogil=True, cache=True)
def _tell(row: int, side: int, kind: int, bin_: int, meaning: Meaning, rows: Rows) -> None:
    """Write down the element and the energy that a bin of a type of modules stands for."""
    element = bin_ // meaning.energy_bins[kind]
    energy = bin_ - element * meaning.energy_bins[kind]
    rows.element[row, side] = meaning.first_element[kind] + element
    rows.energy_kev[row, side] = meaning.energy_kev[meaning.first_energy[kind] + energy]


@njit(nogil=True, cache=True)
def decode(data: Bytes, lists: Ints, which: int, meaning: Meaning, rows: Rows) -> tuple[int, int]:
    """Fill *rows* with events from list *which* on; return the list to go on with, and how many.

    A list that is left in the middle becomes what is left of it. A bin that the scanner does not
    have is bad, and so is a pair of one type of modules whose smaller bin stands first.
    """
    count, room = 0, len(rows.tof)
    while which < len(lists) and count < room:
        at, kind = lists[which, OFFSET], lists[which, KIND]
        first, second = lists[which, FIRST], lists[which, SECOND]
        taken = min(lists[which, COUNT], room - count)
        for _ in range(taken):
            one, at = _number(data, at, 5)
            other, tof = 0, 0
            bad = one >= meaning.bins[first]
            if kind == SINGLE:
                tof, at = _number(data, at, 5)
            else:
                other, at = _number(data, at, 5)
                tof, at = _number(data, at, 5)
                bad |= other >= meaning.bins[second] or tof >= meaning.tof_bins[first, second]
                bad |= first == second and one < other
            rows.bins[count, 0], rows.bins[count, 1] = one, other
            rows.types[count, 0], rows.types[count, 1] = first, second
            rows.tof[count], rows.bad[count] = tof, bad
            rows.start_ms[count], rows.stop_ms[count] = lists[which, START], lists[which, STOP]
            rows.delayed[count] = kind == DELAYED
            if not bad:
                _tell(count, 0, first, one, meaning, rows)
                if kind != SINGLE:
                    _tell(count, 1, second, other, meaning, rows)
                    begin = meaning.first_tof[first, second]
                    rows.difference_ps[count] = meaning.difference_ps[begin + tof]
            count += 1
        lists[which, OFFSET] = at
        lists[which, COUNT] -= taken
        if lists[which, COUNT] == 0:
            which += 1
    return which, count

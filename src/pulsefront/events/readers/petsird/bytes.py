"""Integers, lengths and bytes as yardl writes them: the pieces of a binary PETSIRD file.

An integer is written seven bits a byte, the lowest first, and a list begins with its length.
Every function takes the place where it reads and returns where that ends; a negative place, `CUT`
or `BAD`, is passed on.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["BAD", "CUT", "Bytes", "number", "one_of_two", "skip_bytes", "skip_numbers"]

Bytes = NDArray[np.uint8]

CUT, BAD = -1, -2
"""In place of where something ends: the file ends before it; it cannot be what it should be."""


@njit(nogil=True, cache=True)
def number(data: Bytes, at: int, most: int) -> tuple[int, int]:
    """Return an integer of at most *most* bytes, and where it ends.

    Lengths and indices have 32 bits, which take five bytes.
    """
    value, shift = 0, 0
    if at < 0:
        return 0, at
    for i in range(most):
        if at + i >= len(data):
            return 0, CUT
        byte = int(np.int64(data[at + i]))
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, at + i + 1
    return 0, BAD


@njit(nogil=True, cache=True)
def skip_numbers(data: Bytes, at: int, count: int, most: int) -> int:
    """Return where *count* integers of at most *most* bytes each end."""
    if at < 0:
        return at
    if count > len(data) - at:
        return CUT
    length = 0
    while count > 0:
        if at >= len(data):
            return CUT
        length += 1
        if data[at] < 0x80:
            count -= 1
            length = 0
        elif length >= most:
            return BAD
        at += 1
    return at


@njit(nogil=True, cache=True)
def skip_bytes(data: Bytes, at: int, count: int) -> int:
    """Return where *count* bytes end."""
    if at < 0:
        return at
    return at + count if count <= len(data) - at else CUT


@njit(nogil=True, cache=True)
def one_of_two(data: Bytes, at: int, expected: int, other: int) -> tuple[int, int]:
    """Return a length that must be one of two, and where it ends."""
    count, at = number(data, at, 5)
    if at >= 0 and count not in (expected, other):
        return 0, BAD
    return count, at

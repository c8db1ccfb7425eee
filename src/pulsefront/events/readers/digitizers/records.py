"""Records of one length in a file: mapped, checked, cut at damage."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsefront.events.readers.base import ReadOptions, incomplete

__all__ = ["HALF_WRITTEN", "chunked", "content_end", "map_records", "whole_records"]

# Headers are looked at in steps, so that checking a long file takes no memory.
STEP = 1 << 15
BLOCK = 1 << 20
HALF_WRITTEN = 16
"""A last record that ends in more zero bytes than these, before an end of zeros, is not whole."""


def map_records(
    path: Path,
    dtype: np.dtype[Any],
    offset: int,
    options: ReadOptions,
    sane: Callable[[NDArray[Any]], NDArray[np.bool_]],
) -> tuple[NDArray[Any], int]:
    """Map the records of *dtype* from *offset* to the end of a file; return them and how many hold.

    *sane* says which of some records could be records. A single one that could not is a bad event
    and is left in. Two in a row, or the last, mean that bytes are missing or too many somewhere
    before: in the record before the first of them, most likely, so that one is not kept either.
    An end filled with zeros holds no records, and costs none before it. A file without a single
    byte behind *offset* is whole, and empty.

    Raises
    ------
    TruncatedFile
        Not one whole record; or an incomplete or damaged end, if reading is strict.
    """
    size = path.stat().st_size
    count, rest = divmod(max(size - offset, 0), dtype.itemsize)
    problem = "ends inside the record" if rest else None
    records: NDArray[Any] = np.empty(0, dtype)
    whole = 0
    if count:
        records = np.memmap(path, dtype, mode="r", offset=offset, shape=(count,))
        filled = _filled(path, size, offset, dtype.itemsize)
        if filled < count:
            count, problem = filled, "is filled with zeros"
        whole = whole_records(records[:count], sane)
        if whole < count:
            problem = "is damaged (no record header)"
    if problem is not None:
        incomplete(
            path,
            options,
            byte_offset=offset + whole * dtype.itemsize,
            events_kept=whole,
            problem=problem,
        )
    return records, whole


def whole_records(records: NDArray[Any], sane: Callable[[NDArray[Any]], NDArray[np.bool_]]) -> int:
    """Return how many records can be trusted to lie where they should."""
    bad_before = False
    for start in range(0, len(records), STEP):
        bad = ~sane(records[start : start + STEP])
        pairs = bad & np.concatenate([[bad_before], bad[:-1]])
        if pairs.any():
            return max(start + int(np.argmax(pairs)) - 2, 0)
        bad_before = bool(bad[-1])
    return max(len(records) - 2, 0) if bad_before else len(records)


def _filled(path: Path, size: int, offset: int, record: int) -> int:
    """Return how many records lie before the zeros at the end of a file, if there are any."""
    end = content_end(path, size) - offset
    whole, begun = divmod(max(end, 0), record)
    if begun and (whole + 1) * record < size - offset and record - begun > HALF_WRITTEN:
        return whole
    return whole + bool(begun)


def content_end(path: Path, size: int) -> int:
    """Return where the last byte that is not zero ends: beyond lies what was never written."""
    end = size
    with open(path, "rb") as file:
        while end > 0:
            start = max(end - BLOCK, 0)
            file.seek(start)
            block = file.read(end - start).rstrip(b"\x00")
            if block:
                return start + len(block)
            end = start
    return 0


def chunked(records: NDArray[Any], whole: int, events: int) -> Iterator[NDArray[Any]]:
    """Yield the first *whole* records, at most *events* at a time; one empty part of none."""
    for start in range(0, whole, events):
        yield records[start : min(start + events, whole)]
    if whole == 0:
        yield records[:0]

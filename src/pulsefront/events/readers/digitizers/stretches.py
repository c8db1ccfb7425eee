"""Stretches of records of one length in a WaveDump file: the length may change inside a run.

A board that is set up anew while its file is open, or whose first record was cut by the trigger,
leaves records of several lengths in one file. Each header says its own length, so every stretch is
found; the events of a store have one length, so the one with most events is kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pulsefront.errors import UnsupportedFormat
from pulsefront.events.readers.digitizers.records import content_end, whole_records

__all__ = [
    "HEADER_BYTES",
    "Stretch",
    "could_head",
    "find_stretches",
    "header_at",
    "headers_of",
    "records_of",
]

HEADER_BYTES = 24
LONGEST_RECORD = 32 << 20  # bytes; boards hold at most 10.24 MS per channel
HIGHEST_BOARD = 31
HIGHEST_CHANNEL = 63
MOST_STRETCHES = 20_000


@dataclass(frozen=True)
class Stretch:
    """Records of one length that lie side by side: the first one's offset, their length, number."""

    offset: int
    record: int
    count: int

    @property
    def end(self) -> int:
        """Offset of the byte after the last record."""
        return self.offset + self.record * self.count


class Found(NamedTuple):
    """Stretches, where they end, what is wrong there (empty: nothing), and the holes between."""

    stretches: list[Stretch]
    end: int
    problem: str
    holes: list[tuple[int, int]]
    """First byte of each, and the first behind it."""


def could_head(headers: NDArray[Any], record: int) -> NDArray[np.bool_]:
    """Return, for headers (event, 6), which could head a record of *record* bytes."""
    return np.asarray(
        (headers[:, 0] == record)
        & (HEADER_BYTES < record <= LONGEST_RECORD)
        & (headers[:, 1] <= HIGHEST_BOARD)
        & (headers[:, 3] <= HIGHEST_CHANNEL)
    )


def headers_of(path: Path, stretch: Stretch) -> NDArray[Any]:
    """Map the headers of a stretch, (event, 6), without its samples."""
    padded = np.dtype({"names": ["header"], "formats": [("<u4", (6,))], "itemsize": stretch.record})
    mapped = np.memmap(path, padded, mode="r", offset=stretch.offset, shape=(stretch.count,))
    headers: NDArray[Any] = mapped["header"]
    return headers


def find_stretches(path: Path, size: int) -> Found:
    """Return the stretches of a file and what lies between and behind them.

    A single header that disagrees within a stretch is one bad event, and left in.

    Raises
    ------
    UnsupportedFormat
        The length changes all the time.
    """
    content = content_end(path, size)
    stretches: list[Stretch] = []
    holes: list[tuple[int, int]] = []
    offset = 0
    with open(path, "rb") as file:
        first = header_at(file, 0)
        while offset < size:
            header = header_at(file, offset)
            if header is None or len(stretches) == MOST_STRETCHES:
                break
            stretch, problem = _stretch(path, size, offset, int(header[0]))
            follows = stretch.end + (stretch.record if problem else 0)
            changes = follows < size and _begins_another(file, follows, stretch, first, size)
            if changes:
                # What looked damaged was the next length: the record before it is whole.
                stretch = Stretch(offset, stretch.record, (follows - offset) // stretch.record)
                problem = ""
            stretches.append(stretch)
            offset = stretch.end
            if problem and not changes:
                behind = _behind_hole(path, size, stretch)
                if behind is not None:
                    stretches[-1], offset = behind
                    holes.append((stretches[-1].end, offset))
                    continue
                return Found(*_before_zeros(stretches, content, size, offset, problem), holes)
            if not changes and offset < size:
                problem = "ends inside the record"
                return Found(*_before_zeros(stretches, content, size, offset, problem), holes)
    if len(stretches) == MOST_STRETCHES:
        raise UnsupportedFormat(
            f"changes its record length more than {MOST_STRETCHES:,} times",
            file=path,
            remedy="records of many lengths cannot become one table",
        )
    return Found(stretches, offset, "", holes)


def _behind_hole(path: Path, size: int, stretch: Stretch) -> tuple[Stretch, int] | None:
    """Return a stretch up to a hole, and where two headers in a row say that records go on.

    A block that was never written leaves the records behind it where they belong. The record
    before it is whole if what follows is zeros and its own end is not.
    """
    number = stretch.count
    headers = headers_of(
        path, Stretch(stretch.offset, stretch.record, (size - stretch.offset) // stretch.record)
    )
    good = could_head(headers, stretch.record)
    good &= (headers[:, [1, 3]] == headers[0, [1, 3]]).all(axis=1)
    follows = np.append(good[1:], True)
    found = np.flatnonzero((good & follows)[number + 2 :])
    if not number or not len(found):
        return None
    start = stretch.end + (2 + int(found[0])) * stretch.record
    with open(path, "rb") as file:
        file.seek(stretch.end + stretch.record - 4)
        written = file.read(4)
    if any(written) and not headers[number + 1].any():
        number += 1
    return Stretch(stretch.offset, stretch.record, number), start


def _stretch(path: Path, size: int, offset: int, record: int) -> tuple[Stretch, str]:
    count = (size - offset) // record
    if count == 0:
        return Stretch(offset, record, 0), ""
    headers = headers_of(path, Stretch(offset, record, count))
    whole = whole_records(headers, lambda part: part[:, 0] == record)
    problem = "is damaged (no record header)" if whole < count else ""
    return Stretch(offset, record, whole), problem


def header_at(file: BinaryIO, offset: int) -> NDArray[Any] | None:
    """Return the six words of the header at *offset*; None where the file ends within it."""
    file.seek(offset)
    found = file.read(HEADER_BYTES)
    return np.frombuffer(found, "<u4", 6) if len(found) == HEADER_BYTES else None


def _begins_another(
    file: Any, offset: int, before: Stretch, first: NDArray[Any] | None, size: int
) -> bool:
    """Return whether records of another length begin at *offset*: the next header must agree."""
    header = header_at(file, offset)
    if header is None or first is None:
        return False
    record = int(header[0])
    if record == before.record or not could_head(header[None], record)[0]:
        return False
    if header[1] != first[1] or header[3] != first[3] or offset + record > size:
        return False
    if offset + record == size:
        return True
    follower = header_at(file, offset + record)
    return follower is not None and (
        bool(could_head(follower[None], int(follower[0]))[0])
        and bool((follower[[1, 3]] == first[[1, 3]]).all())
    )


def _before_zeros(
    stretches: list[Stretch], content: int, size: int, offset: int, problem: str
) -> tuple[list[Stretch], int, str]:
    """Say of an end that was never written that it is filled with zeros, and keep what is whole."""
    last = stretches[-1]
    written = -(-(content - last.offset) // last.record) if content > last.offset else 0
    end = last.offset + written * last.record
    # The header after the last record is the first that is not there; one more was not trusted.
    if last.count <= written <= last.count + 1 and content <= end < size:
        half = end - content > HEADER_BYTES and last.count < written and written > 1
        kept = Stretch(last.offset, last.record, written - 1 if half else written)
        return [*stretches[:-1], kept], kept.end, "is filled with zeros"
    return stretches, offset, problem


def records_of(
    path: Path, stretches: list[Stretch], dtype: np.dtype[Any], events: int
) -> Iterator[NDArray[Any]]:
    """Yield the records of stretches of one length, at most *events* at a time."""
    for stretch in stretches:
        if stretch.count:
            records = np.memmap(
                path, dtype, mode="r", offset=stretch.offset, shape=(stretch.count,)
            )
            for start in range(0, stretch.count, events):
                yield records[start : start + events]

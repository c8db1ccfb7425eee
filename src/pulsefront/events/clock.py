"""Stretches of one clock: where the time of a stream of hits runs backward or starts anew.

Times compare only within a stretch. A new one begins where the time of a channel falls by more than
hits are out of order, and stays there: a board was reset, or another run follows. It begins with a
file, too, that goes back in time and has a channel in common with those before it. (Files without
a common channel that overlap are the channels of one run, as CoMPASS writes them.) A single hit
that falls out of line among those of its channel changes nothing.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from pulsefront.events.container import EventTable, Quantity, Status
from pulsefront.events.readers.base import DataWarning, EventFile

__all__ = ["CLOCK_STRETCH", "STRETCH", "ClockStretches", "time_column", "with_stretches"]

CLOCK_STRETCH = "clock_stretch"
STRETCH = Quantity("1", "number of the stretch in which the clock ran on: times compare within it")

SECONDS = {
    "time_ps": 1e-12,
    "time_ns": 1e-9,
    "trigger_time_s": 1.0,
    "epoch_s": 1.0,
    "block_start_ms": 1e-3,
}
"""Columns that hold the time of a hit, the finest first, and what one of each is in seconds."""

DISORDER_S = 0.01
"""Hits of one channel further back than this are not merely out of order."""

CHANNEL_PERIOD = 1 << 32


def time_column(names: Mapping[str, Any]) -> str | None:
    """Return the finest column of times among *names*."""
    return next((name for name in SECONDS if name in names), None)


class ClockStretches:
    """Numbers the stretches of a stream of hits, chunk by chunk.

    Parameters
    ----------
    time
        The column of times.
    where
        The file, for the warning.
    """

    def __init__(self, time: str, where: str | Path = "") -> None:
        self.time = time
        self.where = str(where)
        self.stretch = 0
        self.events = 0
        self._first_break: tuple[int, float, float] | None = None
        self._told_before = 0
        self._last: dict[int, float] = {}
        self._own: int | None = None
        self._begins: str | None = None
        self._file = self.where

    @property
    def tolerance(self) -> float:
        """How far hits of one channel may be out of order, in ticks of the column."""
        return DISORDER_S / SECONDS[self.time]

    def begin_file(self, name: str | Path) -> None:
        """Say that what comes next is of another file."""
        self._begins, self._own = str(name), None

    def __call__(self, table: EventTable) -> NDArray[np.uint32]:
        """Return the number of the stretch of every event of the next chunk."""
        count = len(table)
        if count == 0:
            return np.zeros(0, np.uint32)
        times = _one_per_event(table[self.time])
        keys, index = np.unique(_channel_keys(table), return_inverse=True)
        usable = np.isfinite(times) & ((table.status & np.uint16(Status.BAD_HEADER)) == 0)
        breaks = self._given_breaks(table)
        if self._begins is not None:
            breaks[0] |= self._goes_back(keys, times[usable])
        last = np.array([self._last.get(int(key), -np.inf) for key in keys])
        others = max(self._last.values(), default=-np.inf)
        told, at, before = _number(times, index, usable, breaks, last, self.tolerance)
        if told[-1] and self._first_break is None:
            known = before if np.isfinite(before) else others
            self._first_break = (self.events + at, known, float(times[at]))
        if told[-1]:
            self._last = {}
        self._last |= {
            int(key): float(time) for key, time in zip(keys, last, strict=True) if time > -np.inf
        }
        result = (self.stretch + told).astype(np.uint32)
        self.stretch += int(told[-1])
        self.events += count
        return np.asarray(result)

    def forget_breaks(self) -> None:
        """Take what was seen so far as known: `tell` speaks of what comes."""
        self._first_break, self._told_before = None, self.stretch

    def tell(self) -> None:
        """Warn, once all events are read, of a clock that started anew."""
        if self._first_break is None:
            return
        event, before, after = self._first_break
        scale = SECONDS[self.time]
        fall = ""
        if np.isfinite(before):
            fall = f", from {before * scale:.6g} s to {after * scale:.6g} s"
        warnings.warn(
            f"{self.where}: the clock starts anew {self.stretch - self._told_before} time(s), "
            f"first at event {event}{fall}; times compare only within a {CLOCK_STRETCH}",
            DataWarning,
            stacklevel=2,
        )

    def _given_breaks(self, table: EventTable) -> NDArray[np.bool_]:
        """Return where the events say themselves that a stretch begins."""
        breaks = np.zeros(len(table), np.bool_)
        own = table.columns.get(CLOCK_STRETCH)
        if own is not None:
            numbers = own.astype(np.int64)
            before = numbers[0] if self._own is None else self._own
            breaks = np.diff(numbers, prepend=before) != 0
            self._own = int(numbers[-1])
        return breaks

    def _goes_back(self, keys: NDArray[np.int64], times: NDArray[np.float64]) -> bool:
        """Return whether the file that begins belongs to another stretch than the one before."""
        name, self._begins = self._begins, None
        before, self._file = self._file, name or ""
        latest = max(self._last.values(), default=-np.inf)
        overlaps = len(times) > 0 and bool(times.min() < latest - self.tolerance)
        if not overlaps:
            return False
        if any(int(key) in self._last for key in keys):
            return True
        warnings.warn(
            f"{name} and {Path(before).name} overlap in time and share no channel: they are taken "
            "for channels of one run; put other runs into a store of their own",
            DataWarning,
            stacklevel=3,
        )
        return False


def with_stretches(files: Sequence[EventFile], whole: EventFile) -> EventFile:
    """Return *whole*, which gives *files* one after the other, with a column of stretches.

    A source without times stays as it is.
    """
    time = time_column(whole.quantities)
    if time is None:
        return whole

    def stream(events: int) -> Iterator[EventTable]:
        clock = ClockStretches(time, whole.path)
        for number, file in enumerate(files):
            if number:
                clock.begin_file(file.path)
            for table in file.stream(events):
                told = {CLOCK_STRETCH: clock(table)}
                yield table.with_columns(told, {CLOCK_STRETCH: STRETCH})
        clock.tell()

    quantities = {**whole.quantities, CLOCK_STRETCH: STRETCH}
    return EventFile(
        whole.path, whole.format, quantities, whole.provenance, whole.event_bytes + 4, stream
    )


def _one_per_event(times: NDArray[Any]) -> NDArray[np.float64]:
    """Return one time per event, the first channel's; exact enough for what is 10 ms apart."""
    flat = times.reshape(len(times), -1)[:, 0]
    return flat.astype(np.float64)


def _channel_keys(table: EventTable) -> NDArray[np.int64]:
    """Return one number per event for its board and channel; 0 where it has several or none."""
    channel = table.columns.get("channel")
    if channel is None or channel.ndim != 1:
        return np.zeros(len(table), np.int64)
    board = table.columns.get("board", channel * 0)
    boards = board.astype(np.int64) if board.ndim == 1 else np.zeros(len(table), np.int64)
    return np.asarray(boards * CHANNEL_PERIOD + channel.astype(np.int64))


@njit(nogil=True, cache=True)
def _number(
    times: NDArray[np.float64],
    index: NDArray[np.int64],
    usable: NDArray[np.bool_],
    breaks: NDArray[np.bool_],
    last: NDArray[np.float64],
    tolerance: float,
) -> tuple[NDArray[np.int64], int, float]:
    """Return the number of breaks up to each event, and event and time before the first.

    *last* holds the latest time of each channel in the stretch, and is brought up to date.
    """
    count = len(times)
    # The next hit of the same channel tells a hit out of line from a clock that was reset.
    following = np.full(count, -1, np.int64)
    next_of = np.full(len(last), -1, np.int64)
    for i in range(count - 1, -1, -1):
        if usable[i]:
            following[i] = next_of[index[i]]
            next_of[index[i]] = i
    told = np.zeros(count, np.int64)
    number, first, before = 0, -1, -np.inf
    for i in range(count):
        c = index[i]
        new = breaks[i]
        if usable[i]:
            t, j = times[i], following[i]
            back = t < last[c] - tolerance
            if back:
                # Followed by one in line again, or by none that says so.
                new |= j < 0 or times[j] < last[c] - tolerance
            elif j >= 0 and times[j] < t - tolerance and last[c] > -np.inf:
                # Far ahead, and the next one back in line.
                back = times[j] >= last[c] - tolerance
        if new:
            number += 1
            if first < 0:
                first, before = i, last[c]
            last[:] = -np.inf
        if usable[i] and (new or not back):
            last[c] = max(last[c], times[i])
        told[i] = number
    return told, first, before

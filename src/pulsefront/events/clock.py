"""Stretches of one clock: where the time of a stream of hits runs backward or starts anew.

Times compare only within a stretch. A new one begins where the time of a channel falls by more than
hits are out of order, and stays there: a board was reset, or another run follows. It begins with a
file, too, that goes back in time and has a channel in common with those before it, by however
little: runs may be short. (Files without a common channel that overlap are the channels of one run,
as CoMPASS writes them.) A single hit that falls out of line among those of its channel changes
nothing.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsefront.events.clock_steps import disorder_of, number_stretches
from pulsefront.events.container import EventTable, Quantity, Status
from pulsefront.events.readers.base import DataWarning, EventFile
from pulsefront.events.tags import FIRST_EVENTS

__all__ = [
    "CHANNEL_PERIOD",
    "CLOCK_STRETCH",
    "SECONDS",
    "STRETCH",
    "ClockStretches",
    "channel_keys",
    "time_column",
    "with_stretches",
]

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
"""Hits of one channel further back than this are not merely out of order, if nothing else is said.
"""

MOST_DISORDER = 0.25
"""Steps back by a smaller share of all the time, made good each time, look like disorder."""

CHANNEL_PERIOD = 1 << 32
"""A board's number times this, and the channel's: one number for both."""


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
    disorder_s
        How far hits of one channel may be out of order; less than 10 ms is taken for 10 ms.
    """

    def __init__(self, time: str, where: str | Path = "", disorder_s: float = DISORDER_S) -> None:
        self.time = time
        self.where = str(where)
        self.disorder_s = max(disorder_s, DISORDER_S)
        self.stretch = 0
        self.events = 0
        self._first_break: tuple[int, float, float] | None = None
        self._told_before = 0
        self._last: dict[int, float] = {}
        self._seen = _Seen()
        self._own: int | None = None
        self._counted: tuple[int, int, float] | None = None
        self._begins: str | None = None
        self._file = self.where

    @property
    def tolerance(self) -> float:
        """How far hits of one channel may be out of order, in ticks of the column."""
        return self.disorder_s / SECONDS[self.time]

    @property
    def advice(self) -> str:
        """What to do where the steps back look like hits out of order; empty where they do not.

        Out of order, the clock steps back by little, and later times make it good; a clock that
        starts anew goes back to its beginning.
        """
        ever = max(self._seen.latest.values(), default=-np.inf)
        back, span = self._seen.furthest_back, ever - self._seen.origin
        made_good = max(self._last.values(), default=-np.inf) >= ever - back
        if self._seen.files_anew or not (made_good and 0 < back < MOST_DISORDER * span):
            return ""
        ms = 1e3 * SECONDS[self.time] * back
        enough = float(f"{1.2 * ms:.1e}")
        return (
            f"; it goes back by up to {ms:.3g} ms only and makes that good each time: if hits are "
            f"merely out of order, give ingest and coincidences --disorder-ms {enough:g}"
        )

    def begin_file(self, name: str | Path) -> None:
        """Say that what comes next is of another file."""
        self._begins, self._own, self._counted = str(name), None, None

    def __call__(self, table: EventTable) -> NDArray[np.uint32]:
        """Return the number of the stretch of every event of the next chunk."""
        count = len(table)
        if count == 0:
            return np.zeros(0, np.uint32)
        times = _one_per_event(table[self.time])
        keys, index = np.unique(channel_keys(table), return_inverse=True)
        usable = np.isfinite(times) & ((table.status & np.uint16(Status.BAD_HEADER)) == 0)
        breaks = self._given_breaks(table) | self._counted_anew(table, times, keys[index])
        last = np.array([self._last.get(int(key), -np.inf) for key in keys])
        if self._begins is not None:
            breaks[0] |= self._goes_back(last, times[usable], index[usable])
        others = max(self._last.values(), default=-np.inf)
        latest = np.array([self._seen.latest.get(int(key), -np.inf) for key in keys])
        disorder = np.array([self._seen.disorder, self._seen.furthest_back])
        told, at, before = number_stretches(
            times, index, usable, breaks, last, latest, disorder, self.tolerance
        )
        self._seen.disorder, self._seen.furthest_back = map(float, disorder)
        self._seen.latest |= dict(zip(keys.tolist(), latest.tolist(), strict=True))
        if usable.any():
            self._seen.origin = min(self._seen.origin, float(times[usable].min()))
        if told[-1] and self._first_break is None:
            known = before if np.isfinite(before) else others
            self._first_break = (self.events + at, known, float(times[at]))
        if told[-1]:
            self._last = {}
            since = times[usable & (told == told[-1])]
            self._seen.begins = float(since.min()) if len(since) else np.inf
        elif usable.any():
            self._seen.begins = min(self._seen.begins, float(times[usable].min()))
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
            f"first at event {event}{fall}; times compare only within a {CLOCK_STRETCH}"
            f"{self.advice}",
            DataWarning,
            stacklevel=2,
        )

    def _given_breaks(self, table: EventTable) -> NDArray[np.bool_]:
        """Return where the events say themselves that a stretch begins."""
        breaks = np.zeros(len(table), np.bool_)
        own = table.columns.get(CLOCK_STRETCH)
        if own is not None:
            # Both sides of a pair lie in the same stretch.
            numbers = own.reshape(len(own), -1)[:, 0].astype(np.int64)
            before = numbers[0] if self._own is None else self._own
            breaks = np.diff(numbers, prepend=before) != 0
            self._own = int(numbers[-1])
        return breaks

    def _counted_anew(
        self, table: EventTable, times: NDArray[np.float64], keys: NDArray[np.int64]
    ) -> NDArray[np.bool_]:
        """Return where a channel's event counter begins anew and the time falls, by however little.

        Such is a run behind another one in one file.
        """
        numbers = table.columns.get("event_counter")
        if numbers is None or numbers.ndim != 1 or CLOCK_STRETCH in table.columns:
            return np.zeros(len(table), np.bool_)
        counted = numbers.astype(np.int64)
        key, number, time = self._counted or (int(keys[0]), int(counted[0]), float(times[0]))
        self._counted = int(keys[-1]), int(counted[-1]), float(times[-1])
        return np.asarray(
            (np.diff(keys, prepend=key) == 0)
            & (np.diff(counted, prepend=number) < 0)
            & (counted < FIRST_EVENTS)
            & (np.diff(times, prepend=time) < 0)
        )

    def _goes_back(
        self, last: NDArray[np.float64], times: NDArray[np.float64], index: NDArray[np.int64]
    ) -> bool:
        """Return whether the file that begins belongs to another stretch than the one before.

        The hits of a channel are in order within the files of most boards. What falls back from
        one file to the next by more than twice as much as within them, or by half the length of the
        longer one, is no disorder.
        """
        name, self._begins = self._begins, None
        before, self._file = self._file, name or ""
        if len(times) == 0:
            return False
        latest = max(self._last.values(), default=-np.inf)
        falls = max(0.0, float((last[index] - times).max()))
        overlap = latest - float(times.min())
        lengths = latest - self._seen.begins, float(times.max() - times.min())
        common = bool((last[np.unique(index)] > -np.inf).any())
        if common:
            within = max(self._seen.disorder, disorder_of(times, index, len(last), self.tolerance))
            anew = (
                overlap > self.tolerance
                or falls > 2 * within
                or (falls > 0 and falls > max(lengths) / 2)
            )
            self._seen.files_anew += anew
            return anew
        if overlap > min(self.tolerance, *(length / 2 for length in lengths)):
            warnings.warn(
                f"{name} and {Path(before).name} overlap in time and share no channel: they are "
                "taken for channels of one run; put other runs into a store of their own",
                DataWarning,
                stacklevel=3,
            )
        return False


@dataclass
class _Seen:
    """What the times were like so far, in ticks.

    Attributes
    ----------
    latest
        Latest time of each channel, in whichever stretch.
    origin, begins
        Earliest time of all, and of this stretch.
    disorder
        How far hits lay behind others of their channel in their stretch.
    furthest_back
        How far they lay behind those of any stretch before, where the clock started anew.
    files_anew
        Files that began a stretch.
    """

    latest: dict[int, float] = field(default_factory=dict)
    origin: float = np.inf
    begins: float = np.inf
    disorder: float = 0.0
    furthest_back: float = 0.0
    files_anew: int = 0


def with_stretches(
    files: Sequence[EventFile], whole: EventFile, disorder_s: float = DISORDER_S
) -> EventFile:
    """Return *whole*, which gives *files* one after the other, with a column of stretches.

    *disorder_s* is how far hits of a channel may be out of order. A source without times stays as
    it is.
    """
    time = time_column(whole.quantities)
    if time is None:
        return whole

    def stream(events: int) -> Iterator[EventTable]:
        clock = ClockStretches(time, whole.path, disorder_s)
        for number, file in enumerate(files):
            if number:
                clock.begin_file(file.path)
            for table in file.stream(events):
                told = {CLOCK_STRETCH: clock(table)}
                yield table.with_columns(told, {CLOCK_STRETCH: STRETCH})
        clock.tell()

    quantities = {**whole.quantities, CLOCK_STRETCH: STRETCH}
    return replace(whole, quantities=quantities, event_bytes=whole.event_bytes + 4, stream=stream)


def _one_per_event(times: NDArray[Any]) -> NDArray[np.float64]:
    """Return one time per event, the first channel's; exact enough for what is 10 ms apart."""
    flat = times.reshape(len(times), -1)[:, 0]
    return flat.astype(np.float64)


def channel_keys(table: EventTable) -> NDArray[np.int64]:
    """Return one number per event for its board and channel; 0 where it has several or none."""
    channel = table.columns.get("channel")
    if channel is None or channel.ndim != 1:
        return np.zeros(len(table), np.int64)
    board = table.columns.get("board", channel * 0)
    boards = board.astype(np.int64) if board.ndim == 1 else np.zeros(len(table), np.int64)
    return np.asarray(boards * CHANNEL_PERIOD + channel.astype(np.int64))

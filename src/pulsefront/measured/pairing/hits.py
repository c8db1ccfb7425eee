"""Hits of one side of a pair of detectors, read chunk by chunk and sorted by time.

Times compare within one stretch of the clock (`pulsefront.events.clock`), so hits are read stretch
by stretch: those of the store's column, or as they are seen in a file that has none.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsefront.errors import ConfigError, DataError
from pulsefront.events.channels import HitChannel
from pulsefront.events.clock import CHANNEL_PERIOD, ClockStretches, channel_keys
from pulsefront.events.container import EventTable, Status
from pulsefront.events.readers.base import EventFile

__all__ = ["HitBuffer", "PairingSettings", "Side"]


@dataclass(frozen=True)
class Side:
    """Hits of one side of a pair of detectors: a file, and which of its channels (all if None)."""

    file: EventFile
    channels: frozenset[HitChannel] | None = None


@dataclass(frozen=True)
class PairingSettings:
    """How hits are paired.

    Attributes
    ----------
    window_ns
        Half width of the window: ``|t₀ − t₁ − offset_ns| ≤ window_ns``.
    offset_ns
        Expected t₀ − t₁.
    disorder_ns
        How far a hit may lie behind the latest one before it in its file. What comes later still
        is left out, counted and warned of; but where hits of a channel fall back further, and by
        more than 10 ms, and stay there, the clock is taken to start anew.
    without_flagged
        Leave hits with status flags out before pairing.
    """

    window_ns: float
    offset_ns: float = 0.0
    disorder_ns: float = 1e7
    without_flagged: bool = False

    def __post_init__(self) -> None:
        if not (np.isfinite(self.window_ns) and self.window_ns >= 0):
            raise ConfigError(
                "must be finite and not negative", field="window_ns", value=self.window_ns
            )
        if not (np.isfinite(self.offset_ns) and self.disorder_ns >= 0):
            raise ConfigError("must be finite", field="offset_ns, disorder_ns")


class HitBuffer:
    """Hits of one side that are read and may still take part, sorted by time.

    They are those of one stretch of the clock; `begin` goes on to the next. ``held`` are the boards
    and channels of all hits of the file that were read.
    """

    def __init__(self, side: Side, time: str, disorder: float, settings: PairingSettings) -> None:
        self.side = side
        self.time = time
        self.settings = settings
        self.disorder = disorder
        self.ended = False
        self.latest: float | int = -np.inf
        self.count = 0
        self.too_late = 0
        self.stretch = 0
        self.clock = ClockStretches(time, side.file.path, 1e-9 * settings.disorder_ns)
        self.held: set[HitChannel] = set()
        self._chunks = self._in_stretches()
        self._waiting: tuple[int, EventTable] | None = None
        self.table: EventTable = EventTable({}, {})
        self.times: NDArray[Any] = np.zeros(0, np.int64)

    @property
    def next_stretch(self) -> int | None:
        """Number of the stretch of the next hits that are not read; None at the end."""
        if self._waiting is None:
            self._waiting = next(self._chunks, None)
        return None if self._waiting is None else self._waiting[0]

    def begin(self, stretch: int) -> None:
        """Go on to a stretch, of which there may be no hits; those before it are let go."""
        self.stretch = stretch
        self.ended = self.next_stretch != stretch
        self.latest = -np.inf
        self.table, self.times = self.table.select(slice(0)), self.times[:0]

    @property
    def settled(self) -> float | int:
        """Time before which no more hits come."""
        if self.ended:
            return np.inf
        return self.latest if np.isinf(self.latest) else self.latest - int(np.ceil(self.disorder))

    def fill(self, done: float | int) -> None:
        """Read the next chunk; hits before *done* come too late."""
        if self.next_stretch != self.stretch or self._waiting is None:
            self.ended = True
            return
        (_, table), self._waiting = self._waiting, None
        hits = self._usable(table)
        times = hits[self.time]
        times = times.astype(np.int64 if times.dtype.kind in "iu" else np.float64)
        if len(times):
            newest = times.max()
            self.latest = max(self.latest, int(newest) if times.dtype.kind == "i" else newest)
        late = times < done
        self.too_late += int(late.sum())
        self.count += len(times) - int(late.sum())
        hits, times = hits.select(~late), times[~late]
        if len(self.times):
            hits = EventTable.concatenate([self.table, hits])
            times = np.concatenate([self.times, times])
        order = np.argsort(times, kind="stable")
        self.table, self.times = hits.select(order), times[order]

    def forget(self, before: float | int) -> None:
        """Let hits before a time go."""
        start = int(np.searchsorted(self.times, before))
        self.table = self.table.select(slice(start, None))
        self.times = self.times[start:]

    def _usable(self, table: EventTable) -> EventTable:
        keep = np.ones(len(table), np.bool_)
        if table[self.time].ndim != 1:
            raise DataError(
                "holds events of several hits; coincidences are looked for in single hits",
                file=self.side.file.path,
                field=self.time,
            )
        if self.side.channels is not None:
            channel = table.columns.get("channel")
            if channel is None:
                raise DataError(
                    "does not say the channels of its hits",
                    file=self.side.file.path,
                    field="channel",
                    remedy="leave the choice of channels out",
                )
            if channel.ndim != 1:
                raise DataError(
                    "holds events of several channels; coincidences are looked for in single hits",
                    file=self.side.file.path,
                    field="channel",
                )
            plain = [one for one in self.side.channels if isinstance(one, int)]
            keys = [
                CHANNEL_PERIOD * one[0] + one[1]
                for one in self.side.channels
                if not isinstance(one, int)
            ]
            if keys and "board" not in table.columns:
                raise DataError(
                    "does not say the boards of its hits",
                    file=self.side.file.path,
                    field="board",
                    remedy="choose by channels alone",
                )
            keep &= np.isin(channel, plain) | np.isin(channel_keys(table), keys)
        if table[self.time].dtype.kind == "f":
            keep &= np.isfinite(table[self.time])
        # A damaged header is no time to go by.
        keep &= (table.status & np.uint16(Status.BAD_HEADER)) == 0
        if self.settings.without_flagged:
            keep &= table.status == 0
        return table.select(keep)

    def _in_stretches(self) -> Iterator[tuple[int, EventTable]]:
        """Yield the events of the file in tables of one stretch each, with its number."""
        for table in self.side.file.chunks():
            if len(table) == 0:
                continue
            channel = table.columns.get("channel")
            if channel is not None and channel.ndim == 1:
                pairs = (divmod(int(key), CHANNEL_PERIOD) for key in np.unique(channel_keys(table)))
                self.held |= set(pairs)
            stretches = self.clock(table)
            edges = np.flatnonzero(np.diff(stretches)) + 1
            for start, stop in zip([0, *edges], [*edges, len(table)], strict=True):
                yield int(stretches[start]), table.select(slice(int(start), int(stop)))

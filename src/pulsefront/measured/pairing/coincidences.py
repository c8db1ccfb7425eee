"""Coincidences of whole files, or of channels of one file, in memory that does not grow with them.

Both sides are read side by side, one stretch of the clock after the other: hits of two runs, or
before and after a reset, are no pairs. Pairs are given out up to a time before which nothing can
come any more; what lies within the window of that time waits for the next chunk.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsefront.errors import ConfigError, DataError
from pulsefront.estimators.pulses.settings import PICKOFFS
from pulsefront.events.channels import HitChannel
from pulsefront.events.container import EventTable, Quantity
from pulsefront.events.readers.base import DataWarning
from pulsefront.measured.pairing.hits import HitBuffer, PairingSettings, Side
from pulsefront.measured.pairing.partners import partners
from pulsefront.measured.time_spread import TimeSpread, time_spread
from pulsefront.progress import Report, silent

__all__ = ["Coincidences"]

TICKS_PER_NS = {"time_ps": 1000.0, "time_ns": 1.0, "trigger_time_s": 1e-9, "epoch_s": 1e-9}
"""Columns that hold the time of a hit, the finest first."""

MOST_TOLD = 8
"""Channels that a line names."""

MOST_DIFFERENCES = 1_000_000


@dataclass
class Coincidences:
    """Pairs of hits of two sides; reading `tables` fills the counts.

    Attributes
    ----------
    hits
        Hits of either side that could be paired.
    pairs
        Pairs found: each hit is the other's only partner within the window.
    alone, multiple
        Hits without a partner; hits with several, or whose partner has several: there is no
        telling which is the true one.
    too_late
        Hits out of order by more than ``disorder_ns``, left out.
    clock_stretches
        Stretches in which the clock ran on; a pair lies within one.
    """

    first: Side
    second: Side
    settings: PairingSettings
    time: str = ""
    hits: list[int] = field(default_factory=lambda: [0, 0])
    pairs: int = 0
    alone: int = 0
    multiple: int = 0
    too_late: int = 0
    clock_stretches: int = 0
    _differences: list[NDArray[np.float64]] = field(default_factory=list, repr=False)

    def __post_init__(self) -> None:
        quantities = self.first.file.quantities
        for side in (self.first, self.second):
            if not set(TICKS_PER_NS) & set(side.file.quantities):
                raise DataError(
                    "holds no times of hits",
                    file=side.file.path,
                    field="time",
                    remedy="give --tag-interval-ns where it holds trigger tags",
                )
        both = [t for t in TICKS_PER_NS if t in quantities and t in self.second.file.quantities]
        if not both:
            raise DataError(
                f"has its times in another unit than {self.first.file.path.name}",
                file=self.second.file.path,
                field="time",
            )
        self.time = self.time or both[0]
        if self.time not in both:
            raise ConfigError("no such time", field="time", value=self.time)
        if self._of_one_file and self._share_channels:
            raise ConfigError(
                "the two sides of one file must be different channels",
                file=self.first.file.path,
                field="channels",
                value=self._channels(),
                remedy="name them, for instance --channels 0 1, or with their boards 0:0 1:0",
            )

    @property
    def _of_one_file(self) -> bool:
        return self.first.file.path == self.second.file.path

    @property
    def _share_channels(self) -> bool:
        """Whether a channel was chosen for both sides; all are where none was chosen."""
        if self.first.channels is None or self.second.channels is None:
            return True
        return any(_same(a, b) for a in self.first.channels for b in self.second.channels)

    def _channels(self) -> list[list[int | str] | None]:
        """Return the channels of both sides as they are written."""
        return [
            None if side.channels is None else _written(side.channels)
            for side in (self.first, self.second)
        ]

    @property
    def spread_ns(self) -> TimeSpread | None:
        """How far t₀ and t₁ lie apart, in ns; None without pairs."""
        return time_spread(np.concatenate([*self._differences, np.zeros(0)]))

    def tables(self, report: Report = silent) -> Iterator[EventTable]:
        """Yield the coincidences in order of time.

        Every column that both sides have gets an axis of two after the event axis; there is the
        difference t₀ − t₁ beside them; the flags of both hits are joined.

        Raises
        ------
        DataError
            A file is damaged, its hits are no single hits, or there is not one pair.
        """
        ticks = TICKS_PER_NS[self.time]
        window, offset = self.settings.window_ns * ticks, self.settings.offset_ns * ticks
        # So far from a time that is settled, a hit may still take part in what is not.
        reach = 2 * int(np.ceil(window)) + 2
        sides = [
            HitBuffer(side, self.time, self.settings.disorder_ns * ticks, self.settings)
            for side in (self.first, self.second)
        ]
        if all(side.next_stretch is not None for side in sides):
            self._refuse_runs(sides)
        shift = round(offset)
        total = sum(side.side.file.count for side in sides)
        stretch: int | None = 0
        while stretch is not None:
            for side in sides:
                side.begin(stretch)
            done: float | int = -np.inf
            while any(not side.ended for side in sides):
                waiting = [side for side in sides if not side.ended]
                behind = min(waiting, key=lambda side: side.settled)
                behind.fill(done if behind is sides[0] else done - shift)
                settled = min(sides[0].settled, sides[1].settled + shift)
                cut = settled - reach if np.isfinite(settled) else settled
                if cut <= done:
                    continue
                table = self._pair(sides, window, offset, shift, (done, cut))
                done = cut
                sides[0].forget(done - reach)
                sides[1].forget(done - reach - shift)
                read = sum(side.count for side in sides)
                report(read, max(total, read + 1))
                if len(table):
                    yield table
            self.clock_stretches += 1
            ahead = [side.next_stretch for side in sides if side.next_stretch is not None]
            stretch = min(ahead, default=None)
        self._refuse_runs(sides)
        read = sum(side.count for side in sides)
        report(read, read)
        self.hits = [side.count for side in sides]
        self.too_late = sum(side.too_late for side in sides)
        if not self.pairs:
            raise DataError(
                f"no pairs among {self.hits[0]:,} and {self.hits[1]:,} hits",
                file=self.first.file.path,
                field="window_ns",
                value=self.settings.window_ns,
                remedy=f"check window, offset, channels{_held(sides)} and time column"
                + self._told_of_stretches(sides),
            )
        if self.clock_stretches > 1:
            warnings.warn(
                f"{self.first.file.path}: the clock starts anew {self.clock_stretches - 1} "
                f"time(s); pairs are formed within a stretch only{_advice(sides)}",
                DataWarning,
                stacklevel=2,
            )
        if self.too_late:
            warnings.warn(
                f"{self.too_late} hits come more than {self.settings.disorder_ns:g} ns after their "
                "turn and are left out; allow for more disorder (--disorder-ms)",
                DataWarning,
                stacklevel=2,
            )

    def _refuse_runs(self, sides: Sequence[HitBuffer]) -> None:
        """Raise `DataError` where the files are two runs of one detector, as far as they are read.

        Then no hit of one belongs to a hit of the other. Who chooses a channel for both sides says
        that two detectors number theirs alike.
        """
        common = sides[0].held & sides[1].held
        given = self.first.channels is not None and self.second.channels is not None
        chosen = given and self._share_channels
        if self._of_one_file or not common or chosen:
            return
        raise DataError(
            f"holds channel{'s' * (len(common) > 1)} {_listed(common)} of the same board as "
            f"{self.first.file.path.name} does: hits of two runs are no pairs",
            file=self.second.file.path,
            field="channel",
            remedy="ingest both into one store and pair its channels; or, if they are two "
            "detectors that number their channels alike, name those of both: --channels 0 0",
        )

    def _told_of_stretches(self, sides: Sequence[HitBuffer]) -> str:
        if self.clock_stretches < 2:
            return ""
        anew = f"; the clock starts anew {self.clock_stretches - 1} time(s), and none is across"
        return anew + _advice(sides)

    def provenance(self) -> dict[str, Any]:
        """Return where the pairs come from and what was counted; complete after `tables`."""
        return {
            **self.first.file.origin,
            "file": [side.file.provenance.get("file", "") for side in (self.first, self.second)],
            "coincidence_channels": self._channels(),
            "coincidence_window_ns": self.settings.window_ns,
            "coincidence_offset_ns": self.settings.offset_ns,
            "hits": self.hits,
            "hits_alone": self.alone,
            "hits_with_several_partners": self.multiple,
            "hits_too_late": self.too_late,
            "clock_stretches": self.clock_stretches,
        }

    def _pair(
        self,
        sides: Sequence[HitBuffer],
        window: float,
        offset: float,
        shift: int,
        span: tuple[float | int, float | int],
    ) -> EventTable:
        """Return the pairs whose first hit lies in *span*, and count the hits in it."""
        left, right = sides
        if not (left.table.columns and right.table.columns):
            left.table = left.table if left.table.columns else right.table.select(slice(0))
            right.table = right.table if right.table.columns else left.table.select(slice(0))
        found = partners(left.times, right.times, window, offset)
        first, second = found.pairs()
        inside = [
            (times >= span[0]) & (times < span[1]) for times in (left.times, right.times + shift)
        ]
        chosen = inside[0][first]
        paired = [np.zeros(len(side.times), np.bool_) for side in sides]
        paired[0][first] = True
        paired[1][second] = True
        for counts, here, used in zip((found.of_left, found.of_right), inside, paired, strict=True):
            self.alone += int(np.count_nonzero(here & (counts == 0)))
            self.multiple += int(np.count_nonzero(here & (counts > 0) & ~used))
        self.pairs += int(chosen.sum())
        return self._table(sides, first[chosen], second[chosen])

    def _table(
        self, sides: Sequence[HitBuffer], first: NDArray[np.int64], second: NDArray[np.int64]
    ) -> EventTable:
        rows = [
            side.table.select(index) for side, index in zip(sides, (first, second), strict=True)
        ]
        quantities: dict[str, Quantity] = {}
        columns: dict[str, NDArray[Any]] = {}
        for name, values in rows[0].columns.items():
            other = rows[1].columns.get(name)
            if other is not None and other.shape == values.shape and other.dtype == values.dtype:
                columns[name] = np.stack([values, other], axis=1)
                quantities[name] = rows[0].quantities[name]
        unit = self.time.rsplit("_", 1)[1]
        times = sides[0].times[first], sides[1].times[second]
        columns[f"time_difference_{unit}"] = times[0] - times[1]
        quantities[f"time_difference_{unit}"] = Quantity(unit, "time of side 0 minus side 1")
        for name in PICKOFFS:
            # A pickoff counts from the start of its waveform, and that from the trigger's time.
            inner = columns.get(f"{name}_ns")
            if inner is not None and inner.ndim == 2:
                hit = (times[0] - times[1]) / TICKS_PER_NS[self.time] + inner[:, 0] - inner[:, 1]
                columns[f"{name}_difference_ns"] = hit
                quantities[f"{name}_difference_ns"] = Quantity(
                    "ns", f"time of side 0 minus side 1, {name.replace('_', ' ')} within waveforms"
                )
        if sum(map(len, self._differences)) < MOST_DIFFERENCES and len(first):
            self._differences.append((times[0] - times[1]) / TICKS_PER_NS[self.time])
        status = np.asarray(rows[0].status | rows[1].status)
        return EventTable(columns, quantities, status, self.provenance())


def _advice(sides: Sequence[HitBuffer]) -> str:
    """Return what to do where a clock that starts anew looks like hits out of order."""
    return next((side.clock.advice for side in sides if side.clock.advice), "")


def _held(sides: Sequence[HitBuffer]) -> str:
    """Return which channels a file holds, where a side has no hits of those that were chosen."""
    empty = [side for side in sides if side.count == 0 and side.side.channels and side.held]
    if not empty:
        return ""
    return f" ({empty[0].side.file.path.name} holds {_listed(empty[0].held)})"


def _listed(held: Iterable[HitChannel]) -> str:
    """Return channels of hits as a text: with their boards where there are several."""
    pairs = [one for one in held if not isinstance(one, int)]
    several = len({board for board, _ in pairs}) > 1
    names = _written(pairs if several else [number for _, number in pairs])
    return ", ".join(map(str, names[:MOST_TOLD])) + ", …" * (len(names) > MOST_TOLD)


def _same(a: HitChannel, b: HitChannel) -> bool:
    """Return whether hits of *a* may be hits of *b*: a number alone is that of every board."""
    if isinstance(a, int) == isinstance(b, int):
        return a == b
    return (a if isinstance(a, int) else a[1]) == (b if isinstance(b, int) else b[1])


def _written(channels: Iterable[HitChannel]) -> list[int | str]:
    """Return channels as ``--channels`` takes them: numbers alone first."""
    numbers = sorted(one for one in channels if isinstance(one, int))
    pairs = sorted(one for one in channels if not isinstance(one, int))
    return [*numbers, *(f"{board}:{number}" for board, number in pairs)]

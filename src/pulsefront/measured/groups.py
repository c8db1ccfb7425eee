"""Groups of PETsys hits to events with a charge per channel, as position studies take them.

The hits of a group stand one after the other in the file, numbered from 0 up. A channel below its
threshold writes no hit, so that a group seldom holds all channels of a detector: what is absent has
no charge, and `hit_delay_ps` says that it is absent.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import pulsefront
from pulsefront.errors import ConfigError, DataError
from pulsefront.events import store
from pulsefront.events.channels import channel_index
from pulsefront.events.clock import CLOCK_STRETCH
from pulsefront.events.container import EventTable, Quantity, Status, mark
from pulsefront.events.readers.base import DataWarning, EventFile
from pulsefront.events.readers.digitizers.petsys_form import WINDOW_PS
from pulsefront.events.scans import LABELS
from pulsefront.measured.group_channels import ChannelsSeen, look_through
from pulsefront.measured.pickoff import status_counts
from pulsefront.progress import Report, silent

__all__ = ["GroupSummary", "holds_groups", "write_group_charges"]

OF_HITS = ("time_ps", "energy", "channel", "hit", "hits")
OF_RUNS = (*LABELS, CLOCK_STRETCH)
"""Columns that are the same in all hits of a group."""

NO_HIT = -1
MOST_FOUND = 1024
"""More channels than these belong to several detectors, and those of one have to be named."""

ROOM_BYTES = 64 << 20
LEAST_ROWS = 1024


@dataclass
class GroupSummary:
    """What was found.

    Attributes
    ----------
    channels
        Numbers of the channels, in the order of the columns.
    events
        Groups with a hit in one of them, each an event.
    groups_elsewhere
        Groups without one, left out.
    hits_elsewhere
        Hits in other channels, left out: of those groups and of the events.
    damaged
        Records that could not be hits, left out.
    saturation
        Channel → energy at which its hits pile up.
    status
        Name of each flag → events.
    hits
        Hits that went into the events.
    """

    channels: tuple[int, ...] = ()
    events: int = 0
    groups_elsewhere: int = 0
    hits_elsewhere: int = 0
    damaged: int = 0
    saturation: dict[int, float] = field(default_factory=dict)
    status: Counter[str] = field(default_factory=Counter)
    hits: int = 0


def holds_groups(source: EventFile) -> bool:
    """Return whether the events of *source* are hits of groups."""
    return set(OF_HITS) <= set(source.quantities)


def write_group_charges(
    source: EventFile,
    out: str | Path,
    channels: Sequence[int] = (),
    *,
    saturation: float | None = None,
    least_channels: int = 1,
    report: Report = silent,
) -> GroupSummary:
    """Write one event per group with ``charge_adc``, (event, channel), to the store *out*.

    ``time_ps`` is that of the earliest hit, ``hit_delay_ps`` how much later each channel fired, −1
    where it did not; ``hits`` how many hits the group has by its own count. The labels of a scan
    and ``clock_stretch`` go along. The charge is the energy as it is written.

    An event is flagged PILE_UP where a channel fired twice (its charge is the sum), SATURATED where
    an energy lies at its channel's highest level, MISSING_CHANNEL where records of the group are
    missing or fewer than *least_channels* fired, TRUNCATED where hits of it lie in channels that
    were not chosen, NOT_FINITE where an energy is no number.

    Parameters
    ----------
    channels
        Numbers of the channels in the order of the photosensors; all that are found, rising, where
        there are none.
    saturation
        Energy at or above which a hit is saturated; looked for in the data if not given.

    Raises
    ------
    ConfigError
        *channels* names one twice.
    DataError
        The source holds no groups, more channels than one detector has, or none of *channels*; or
        it is damaged.
    PulsefrontError
        The store cannot be written.
    """
    if not holds_groups(source):
        raise DataError("holds no hits of groups", file=source.path, field="hits")
    seen = look_through(source)
    summary = GroupSummary(channels=_chosen(source, seen, channels), damaged=seen.damaged)
    if saturation is None:
        summary.saturation = {c: seen.piles_up[c] for c in summary.channels if c in seen.piles_up}
    else:
        summary.saturation = dict.fromkeys(summary.channels, saturation)
    row = _Row(summary, least_channels)

    def tables() -> Iterator[EventTable]:
        rows = max(LEAST_ROWS, ROOM_BYTES // (16 * len(summary.channels)))
        for hits in _whole_groups(source, rows, report):
            yield row.of(hits)

    def provenance() -> dict[str, Any]:
        return {
            **source.origin,
            "channels": list(summary.channels),
            "saturation": {str(channel): level for channel, level in summary.saturation.items()},
            "least_channels": least_channels,
            "groups_elsewhere": summary.groups_elsewhere,
            "hits_elsewhere": summary.hits_elsewhere,
            "pulsefront_version": pulsefront.__version__,
        }

    store.write_stream(tables(), out, provenance=provenance)
    return summary


def _chosen(source: EventFile, seen: ChannelsSeen, channels: Sequence[int]) -> tuple[int, ...]:
    """Return the channels of the columns."""
    if not seen.hits:
        raise DataError("holds no hits", file=source.path)
    if not channels:
        if len(seen.hits) > MOST_FOUND:
            raise DataError(
                f"holds hits of {len(seen.hits):,} channels, more than one detector has",
                file=source.path,
                field="channel",
                value=f"{min(seen.hits)} to {max(seen.hits)}",
                remedy="name those of one with --channels, in the order of its photosensors",
            )
        return tuple(sorted(seen.hits))
    if len(set(channels)) < len(channels):
        raise ConfigError("names a channel twice", field="--channels", value=list(channels))
    silent_ones = [channel for channel in channels if channel not in seen.hits]
    if len(silent_ones) == len(channels):
        raise DataError(
            "holds no hit in any of the channels",
            file=source.path,
            field="--channels",
            value=f"{channels[0]} to {channels[-1]}",
            remedy=f"it holds {_span(sorted(seen.hits))}",
        )
    if silent_ones:
        warnings.warn(
            f"{source.path}: no hit at all in {len(silent_ones)} of {len(channels)} channels: "
            f"{', '.join(map(str, silent_ones[:8]))}{'…' if len(silent_ones) > 8 else ''}",
            DataWarning,
            stacklevel=3,
        )
    return tuple(channels)


def _span(channels: Sequence[int]) -> str:
    return f"{len(channels)} channels from {channels[0]} to {channels[-1]}"


def _whole_groups(source: EventFile, rows: int, report: Report) -> Iterator[EventTable]:
    """Yield hits that could be hits in tables that end with a group."""
    waiting: EventTable | None = None
    done = 0
    for table in source.chunks(rows):
        good = table.select((table.status & np.uint16(Status.BAD_HEADER)) == 0)
        done += len(table)
        hits = good if waiting is None else EventTable.concatenate([waiting, good])
        begins = np.flatnonzero(_begins(hits))
        cut = int(begins[-1]) if len(begins) else 0
        waiting = hits.select(slice(cut, None))
        if cut:
            yield hits.select(slice(cut))
        report(done, max(source.count, done))
    if waiting is not None:
        yield waiting


def _begins(hits: EventTable) -> NDArray[np.bool_]:
    """Return which hits begin a group.

    A record that is missing leaves a gap in the numbers, and one group all the same.
    """
    begins = np.ones(len(hits), np.bool_)
    if len(hits) < 2:
        return begins
    number, count = hits["hit"].astype(np.int64), hits["hits"]
    begins[1:] = (number[1:] <= number[:-1]) | (count[1:] != count[:-1])
    begins[1:] |= np.abs(np.diff(hits["time_ps"])) >= WINDOW_PS
    for name in OF_RUNS:
        if name in hits.columns:
            values = hits[name].reshape(len(hits), -1)
            begins[1:] |= (values[1:] != values[:-1]).any(axis=1)
    return begins


class _Row:
    """Makes rows of hits, and counts into a summary."""

    def __init__(self, summary: GroupSummary, least_channels: int) -> None:
        self.summary = summary
        self.least_channels = least_channels
        self.limits = np.array([summary.saturation.get(c, np.inf) for c in summary.channels])

    def of(self, hits: EventTable) -> EventTable:
        """Return one event per group that has a hit in the channels."""
        begins = _begins(hits)
        first, group = np.flatnonzero(begins), np.cumsum(begins) - 1
        columns = channel_index(hits["channel"], self.summary.channels)
        inside = columns >= 0
        used = np.bincount(group[inside], minlength=len(first)) > 0
        whole = np.diff(first, append=len(hits)) == hits["hits"][first]
        outside = np.bincount(group[~inside], minlength=len(first)) > 0
        self.summary.groups_elsewhere += int(np.count_nonzero(~used))
        self.summary.hits_elsewhere += int(np.count_nonzero(~inside))
        row_of = np.cumsum(used) - 1
        mine = hits.select(inside)
        table = self._rows(hits.select(first[used]), mine, row_of[group[inside]], columns[inside])
        mark(table.status, ~whole[used], Status.MISSING_CHANNEL)
        mark(table.status, outside[used], Status.TRUNCATED)
        self.summary.events += len(table)
        self.summary.hits += len(mine)
        self.summary.status.update(status_counts(table.status))
        return table

    def _rows(
        self,
        events: EventTable,
        hits: EventTable,
        rows: NDArray[np.int64],
        columns: NDArray[np.int64],
    ) -> EventTable:
        """Return the events, given their first hits, and row and column of every hit."""
        shape = (len(events), len(self.summary.channels))
        at = rows * shape[1] + columns
        energy = hits["energy"].astype(np.float64)
        fired = np.bincount(at, minlength=shape[0] * shape[1]).reshape(shape)
        charge = np.bincount(at, energy, minlength=shape[0] * shape[1]).reshape(shape)
        time = np.full(shape[0], np.iinfo(np.int64).max)
        np.minimum.at(time, rows, hits["time_ps"])
        delay = np.full(shape[0] * shape[1], WINDOW_PS * 256, np.int64)
        np.minimum.at(delay, at, hits["time_ps"] - time[rows])
        delay = np.where(fired > 0, delay.reshape(shape), NO_HIT)
        status = np.zeros(shape[0], np.uint16)
        np.bitwise_or.at(status, rows, hits.status)
        mark(status, np.asarray((fired > 1).any(axis=1)), Status.PILE_UP)
        mark(status, rows[energy >= self.limits[columns]], Status.SATURATED)
        mark(status, rows[~np.isfinite(energy)], Status.NOT_FINITE)
        number = np.count_nonzero(fired, axis=1)
        mark(status, np.asarray(number < self.least_channels), Status.MISSING_CHANNEL)
        kept = [name for name in OF_RUNS if name in events.columns]
        made = {
            "charge_adc": charge.astype(np.float32),
            "time_ps": time,
            "hit_delay_ps": delay.astype(np.int32),
            "hits": events["hits"],
        }
        quantities = {**QUANTITIES, **{name: events.quantities[name] for name in kept}}
        return EventTable(
            {**made, **{name: events[name] for name in kept}}, quantities, status, events.provenance
        )


QUANTITIES: Mapping[str, Quantity] = {
    "charge_adc": Quantity("1", "energy of each channel as written, 0 where it did not fire"),
    "time_ps": Quantity("ps", "time of the group's earliest hit since the start"),
    "hit_delay_ps": Quantity("ps", "how much later each channel fired; -1 where it did not"),
    "hits": Quantity("1", "hits of the group, in whatever channels"),
}

"""Some channels of a measured file in the place of all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsefront.errors import ConfigError, DataError
from pulsefront.events.container import EventTable
from pulsefront.events.readers.base import EventFile

__all__ = [
    "HitChannel",
    "channel_count",
    "channel_index",
    "channel_names",
    "parse_channels",
    "parse_hit_channels",
    "with_channels",
]

HitChannel = int | tuple[int, int]
"""A channel of hits: its number, on whichever board; or board and number."""

OF_CHANNELS = (
    "waveform_adc",
    "charge_adc",
    "charge_adc_samples",
    "energy_adc",
    "energy",
    "channel",
)
"""Columns whose second axis is the channel where they have one; the first that is there says how
many channels there are."""

OF_EVENTS = ("stage_position_mm", "grid_index", "position_mm", "time_difference_ps")
"""Columns whose second axis is another, however long it is."""


OF_BOARDS = ("trigger_cell",)
"""Columns whose second axis may be the board."""


def parse_channels(text: str, names: Sequence[str] = ()) -> tuple[int, ...]:
    """Return the channels that a text like ``0-3,8`` names, in its order.

    A word that is one of *names*, as ``CH2``, stands for the index of that name.

    Raises
    ------
    ConfigError
        It names none, or one twice.

    Examples
    --------
    >>> parse_channels("0-3,8")
    (0, 1, 2, 3, 8)
    >>> parse_channels("CH2 CH1", names=["CH1", "CH2"])
    (1, 0)
    """
    found: list[int] = []
    try:
        for word in text.replace(",", " ").split():
            if word in names:
                found.append(list(names).index(word))
                continue
            first, dash, last = word.partition("-")
            found += range(int(first), int(last if dash else first) + 1)
    except ValueError:
        found = []
    if not found:
        written = f"write 0 or 0-3,8{' or ' + ','.join(names) if names else ''}"
        raise ConfigError("names no channels", field="--channels", value=text, remedy=written)
    if len(set(found)) < len(found):
        raise ConfigError("names a channel twice", field="--channels", value=text)
    return tuple(found)


def channel_count(table: EventTable) -> int:
    """Return how many channels an event has; 0 where that is one, or not said."""
    there = next((name for name in OF_CHANNELS if name in table.columns), None)
    return 0 if there is None else _width(there, table[there])


def parse_hit_channels(text: str) -> frozenset[HitChannel]:
    """Return the channels of hits that a text names: ``0-3,8``, or with boards ``0:0-3,1:8``.

    Raises
    ------
    ConfigError
        It names none, or one twice.
    """
    found: list[HitChannel] = []
    for word in text.replace(",", " ").split() or [""]:
        board, colon, rest = word.rpartition(":")
        if colon and not board.isdecimal():
            raise ConfigError(
                "names no board", field="--channels", value=word, remedy="write 0:3, or 0:0-3,1:8"
            )
        numbers = parse_channels(rest)
        found += [(int(board), number) for number in numbers] if colon else numbers
    if len(set(found)) < len(found):
        raise ConfigError("names a channel twice", field="--channels", value=text)
    return frozenset(found)


def channel_index(numbers: NDArray[Any], channels: Sequence[int]) -> NDArray[np.int64]:
    """Return, (hit,), which of *channels*, all different, each of *numbers* is; −1 for none."""
    import pandas as pd

    return np.asarray(pd.Index(channels).get_indexer(pd.Index(numbers)), np.int64)


def channel_names(source: EventFile) -> tuple[str, ...]:
    """Return what the file calls its channels; nothing where it gives no names."""
    listed = [name for names in source.provenance.get("channels", ()) for name in _listed(names)]
    return tuple(name for name in listed if isinstance(name, str))


def with_channels(source: EventFile, channels: Sequence[int]) -> EventFile:
    """Return *source* with these channels alone, in this order.

    Events of several channels keep those whose numbers stand in the column ``channel``, or, where
    there is none, those at these indices; their status stays that of the whole event. Of single
    hits those of the channels are kept. No channels mean all.

    Raises
    ------
    DataError
        The events hold no such channel, or no channels at all (raised when they are read).
    """
    if not channels:
        return source

    def stream(events: int) -> Iterator[EventTable]:
        seen: NDArray[Any] | None = None
        for table in source.stream(events):
            numbers = table.columns.get("channel")
            if numbers is not None and numbers.ndim == 2 and len(numbers):
                # A channel that an event lacks is zero there, and may be in all of a chunk.
                there = numbers.max(axis=0)
                seen = there if seen is None else np.maximum(seen, there)
            yield _selected(table, channels, source, seen)

    origin = source.origin
    count = {} if "channel" in source.quantities else {"events": source.provenance.get("events")}
    provenance = {**origin, **{k: v for k, v in count.items() if v}}
    provenance["channels_selected"] = list(channels)
    return replace(source, provenance=provenance, stream=stream)


def _selected(
    table: EventTable, channels: Sequence[int], source: EventFile, seen: NDArray[Any] | None
) -> EventTable:
    numbers = table.columns.get("channel")
    if numbers is not None and numbers.ndim == 1:
        return table.select(np.isin(numbers, channels))
    width = channel_count(table)
    if width == 0:
        raise DataError(
            "holds events of one channel, whose number it does not say",
            file=source.path,
            field="--channels",
            value=list(channels),
            remedy="leave the choice of channels out",
        )
    if numbers is not None and seen is not None:
        index = _index_of(numbers, seen, channels, source)
    else:
        index = _checked(np.asarray(channels, np.int64), width, source)
    columns = {
        name: column[:, index] if _of_channels(name, column, width) else column
        for name, column in table.columns.items()
    }
    boards = _board_of(table.provenance, width)
    for name in OF_BOARDS:
        cells = table.columns.get(name)
        if boards is not None and cells is not None and cells.ndim == 2:
            # From here on one for each channel: the boards of a choice have no order.
            columns[name] = cells[:, boards[index]] if cells.shape[1] < width else columns[name]
    provenance = _provenance(table.provenance, index, width)
    return EventTable(columns, table.quantities, table.status, provenance)


def _width(name: str, column: NDArray[Any]) -> int:
    """Return the number of channels of a column; 0 where it has no such axis."""
    least = 3 if name == "waveform_adc" else 2
    return column.shape[1] if column.ndim >= least else 0


def _of_channels(name: str, column: NDArray[Any], width: int) -> bool:
    return name not in OF_EVENTS and column.ndim >= 2 and column.shape[1] == width


def _index_of(
    numbers: NDArray[Any], there: NDArray[Any], channels: Sequence[int], source: EventFile
) -> NDArray[np.int64]:
    """Return where the channels stand; the same in every event that has them all."""
    index = []
    for channel in channels:
        found = np.flatnonzero(there == channel)
        if not len(found):
            raise DataError(
                "holds no such channel",
                file=source.path,
                field="--channels",
                value=channel,
                remedy=f"it holds {', '.join(map(str, there.tolist()))}",
            )
        index.append(int(found[0]))
    usual = ((numbers == there) | (numbers == 0)).all()
    if not usual:
        raise DataError(
            "its events are of other channels from event to event",
            file=source.path,
            field="channel",
            remedy="choose them when the hits are paired",
        )
    return np.array(index, np.int64)


def _checked(index: NDArray[np.int64], width: int, source: EventFile) -> NDArray[np.int64]:
    beyond = index[(index < 0) | (index >= width)]
    if len(beyond):
        raise DataError(
            "holds no such channel",
            file=source.path,
            field="--channels",
            value=int(beyond[0]),
            remedy=f"it holds 0 to {width - 1}",
        )
    return index


def _provenance(told: Mapping[str, Any], index: NDArray[np.int64], width: int) -> dict[str, Any]:
    """Return *told* with its list of channels cut to those that are kept."""
    changed = {**told, "channels_selected": index.tolist()}
    flat = [name for names in told.get("channels", ()) for name in _listed(names)]
    if len(flat) == width:
        changed["channels"] = [flat[i] for i in index.tolist()]
    return changed


def _board_of(told: Mapping[str, Any], width: int) -> NDArray[np.int64] | None:
    """Return the board of each channel, where channels are listed by board."""
    boards = told.get("channels", ())
    found = [board for board, names in enumerate(boards) for _ in _listed(names)]
    return np.array(found, np.int64) if len(found) == width else None


def _listed(names: Any) -> Sequence[Any]:
    return names if isinstance(names, list | tuple) else (names,)

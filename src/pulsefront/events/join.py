"""Join files that each hold one channel of the same triggers into events of several channels.

The files are walked side by side, so that memory holds a few chunks however long the run is. What
joins is a key that rises through each file: the event counter or the trigger time tag (both with
their wraps counted), or just the order of the records.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from pulsefront.errors import ConfigError, DataError
from pulsefront.events.container import EventTable, Quantity, Status, mark
from pulsefront.events.readers.base import EventFile, check_same_quantities

__all__ = ["JoinKey", "join_channels"]

JoinKey = Literal["event_counter", "trigger_tag", "order"]

KEY_BITS = {"event_counter": 24, "trigger_tag": 30}
"""Narrowest width that CAEN boards write; wider fields wrap later and are none the worse for it."""

PER_EVENT = ("event_counter", "trigger_tag", "time_ns")
"""Quantities of the trigger, not of the channel."""


def join_channels(files: Sequence[EventFile], key: JoinKey = "event_counter") -> EventFile:
    """Return *files* as one file whose events have a channel axis after the event axis.

    ``waveform_adc`` becomes (event, channel, sample), the columns of the channel (event, channel),
    in the order of *files*; counter, tag and time stay (event,) from the first channel that has
    the event. An event that a file lacks has zeros there and `Status.MISSING_CHANNEL`; one whose
    key falls out of line, or whose trigger tags disagree between channels, `Status.BAD_HEADER`.

    Raises
    ------
    ConfigError
        Fewer than two files, or *key* is a quantity they do not have.
    DataError
        The channels differ in columns or in record length (raised when the events are read).
    """
    if len(files) < 2:
        raise ConfigError("joining channels takes at least two files", field="files")
    first = files[0]
    for file in files:
        if key != "order" and key not in file.quantities:
            raise ConfigError(
                f"has no {key} to join by",
                file=file.path,
                field="join key",
                value=key,
                remedy="join by order",
            )
    check_same_quantities(files, remedy="join files of the same kind of board only")

    def stream(events: int) -> Iterator[EventTable]:
        channels = [_Channel(file, key, max(1, events // len(files))) for file in files]
        while True:
            for channel in channels:
                channel.fill()
            waiting = [c for c in channels if len(c.keys)]
            if not waiting:
                return
            # Beyond the last key at hand of an open file, its next chunk may hold more.
            limit = min((c.keys[-1] for c in waiting if not c.ended), default=np.inf)
            yield _merge([c.take(limit) for c in channels], quantities, provenance, files)

    quantities: Mapping[str, Quantity] = dict(first.quantities)
    provenance = {
        **first.origin,
        "file": [file.path.name for file in files],
        "joined_by": key,
    }
    return EventFile(
        first.path,
        first.format,
        quantities,
        provenance,
        sum(file.event_bytes for file in files),
        stream,
    )


class _Channel:
    """Events of one file that are read but not yet given out, with their keys."""

    def __init__(self, file: EventFile, key: JoinKey, events: int) -> None:
        self.key = key
        self.ended = False
        self.tables: list[EventTable] = []
        self.keys: NDArray[np.float64] = np.zeros(0)
        self._chunks = file.chunks(events)
        self._period = 0 if key == "order" else 1 << KEY_BITS[key]
        self._last_raw: int | None = None
        self._last = -1.0

    def fill(self) -> None:
        """Read the next chunk if nothing is left."""
        while len(self.keys) == 0 and not self.ended:
            table = next(self._chunks, None)
            if table is None:
                self.ended = True
                return
            table, keys = self._keyed(table)
            self.tables, self.keys = [table], keys

    def take(self, limit: float) -> tuple[EventTable | None, NDArray[np.float64]]:
        """Give out the events whose key is at most *limit*."""
        if len(self.keys) == 0:
            return None, self.keys
        count = int(np.searchsorted(self.keys, limit, side="right"))
        table, keys = self.tables[0], self.keys
        self.tables, self.keys = [table.select(slice(count, None))], keys[count:]
        return table.select(slice(count)), keys[:count]

    def _keyed(self, table: EventTable) -> tuple[EventTable, NDArray[np.float64]]:
        if self.key == "order":
            order: NDArray[np.float64] = self._last + 1.0 + np.arange(float(len(table)))
            self._last += len(table)
            return table, order
        raw = table[self.key].astype(np.int64)
        if self.key == "trigger_tag" and len(raw) and raw.max() >= self._period:
            self._period = 1 << int(raw.max()).bit_length()
        stray = self._strays(raw)
        keys: NDArray[np.float64] = np.empty(len(raw))
        good = raw[~stray]
        if len(good):
            before = good[0] - 1 if self._last_raw is None else self._last_raw
            base = float(before) if self._last_raw is None else self._last
            steps = np.diff(good, prepend=before) % self._period
            keys[~stray] = base + np.cumsum(steps)
            self._last_raw, self._last = int(good[-1]), float(base + steps.sum())
        # A stray belongs to no other channel's event: put it between its neighbours.
        strays = np.flatnonzero(stray)
        whole: NDArray[np.float64] = np.concatenate(
            [[self._last if not len(good) else keys[~stray][0] - 1], keys]
        )
        for i in strays:
            whole[i + 1] = np.floor(whole[i]) + 0.5
        status = table.status.copy()
        mark(status, stray, Status.BAD_HEADER)
        flagged = EventTable(table.columns, table.quantities, status, table.provenance)
        return flagged, whole[1:]

    def _strays(self, raw: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return which keys lie out of line while their two neighbours are in line."""
        stray = np.zeros(len(raw), np.bool_)
        before = raw[:-2]
        ahead = _centred(raw[1:-1] - before, self._period)
        beyond = _centred(raw[2:] - before, self._period)
        stray[1:-1] = (beyond > 0) & ((ahead <= 0) | (ahead >= beyond))
        return stray


def _centred(step: NDArray[np.int64], period: int) -> NDArray[np.int64]:
    return np.asarray((step + period // 2) % period - period // 2)


def _merge(
    parts: Sequence[tuple[EventTable | None, NDArray[np.float64]]],
    quantities: Mapping[str, Quantity],
    provenance: Mapping[str, Any],
    files: Sequence[EventFile],
) -> EventTable:
    keys = np.unique(np.concatenate([key for _, key in parts]))
    rows = [np.searchsorted(keys, key) for _, key in parts]
    model = next(table for table, _ in parts if table is not None)
    status = np.zeros(len(keys), np.uint16)
    present = np.zeros((len(keys), len(parts)), np.bool_)
    for c, ((table, _), row) in enumerate(zip(parts, rows, strict=True)):
        if table is not None:
            status[row] |= table.status
            present[row, c] = True
    mark(status, np.asarray(~present.all(axis=1)), Status.MISSING_CHANNEL)

    columns: dict[str, NDArray[Any]] = {}
    for name in quantities:
        sample = model[name]
        joined = np.zeros((len(keys), len(parts), *sample.shape[1:]), sample.dtype)
        for c, ((table, _), row) in enumerate(zip(parts, rows, strict=True)):
            if table is None:
                continue
            column = table[name]
            if column.shape[1:] != sample.shape[1:] or column.dtype != sample.dtype:
                raise DataError(
                    f"holds {column.dtype}{list(column.shape[1:])} per event where "
                    f"{files[0].path.name} holds {sample.dtype}{list(sample.shape[1:])}",
                    file=files[c].path,
                    field=name,
                    remedy="join files of the same run only",
                )
            joined[row, c] = column
        if name in PER_EVENT:
            source = np.argmax(present, axis=1)
            taken = joined[np.arange(len(keys)), source]
            if name == "trigger_tag":
                differs = present & (joined != taken[:, None])
                mark(status, np.asarray(differs.any(axis=1)), Status.BAD_HEADER)
            columns[name] = taken
        else:
            columns[name] = joined
    return EventTable(columns, quantities, status, provenance)

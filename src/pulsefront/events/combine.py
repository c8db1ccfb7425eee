"""Several measured files as one stream of events: channels side by side, or file after file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

from pulsefront.errors import ConfigError
from pulsefront.events.clock import with_stretches
from pulsefront.events.container import EventTable
from pulsefront.events.join import JoinKey, join_channels
from pulsefront.events.readers.base import EventFile, ReadOptions, check_same_quantities
from pulsefront.events.readers.open import open_events

__all__ = ["Join", "combine", "open_files"]

Join = Literal["auto", "none"] | JoinKey


def open_files(
    paths: Sequence[str | Path],
    options: ReadOptions | None = None,
    *,
    format_name: str | None = None,
    join: Join = "auto",
) -> EventFile:
    """Open one or several files, stores among them, as one stream of events.

    Raises
    ------
    ConfigError
        No files, an unknown format, or files that cannot be joined as asked.
    DataError
        A file is missing, empty, damaged or of no known format.
    """
    if not paths:
        raise ConfigError("no files given", field="files")
    files = [open_events(path, options, format_name=format_name) for path in paths]
    whole = combine(files, join)
    # Channels side by side are one file to the clock; files one after the other are several.
    joined = whole.provenance.get("joined_by") != files[0].provenance.get("joined_by")
    disorder_s = 1e-3 * (options or ReadOptions()).disorder_ms
    return with_stretches([whole] if joined else files, whole, disorder_s)


def combine(files: Sequence[EventFile], join: Join = "auto") -> EventFile:
    """Return several files as one: side by side as channels, or one after the other.

    ``"auto"`` joins by event counter where every file starts with another channel of a board, as
    WaveDump writes them, and puts them one after the other elsewhere, as ``"none"`` always does.

    Raises
    ------
    ConfigError
        The files do not have the key to join by.
    DataError
        The files hold different quantities.
    """
    if len(files) == 1:
        return files[0]
    if join == "auto":
        channels = [_first_channel(file) for file in files]
        known = None not in channels
        join = "event_counter" if known and len(set(channels)) == len(files) else "none"
    if join != "none":
        return join_channels(files, join)
    check_same_quantities(files, remedy="ingest it into a store of its own")
    first = files[0]

    def stream(events: int) -> Iterator[EventTable]:
        for file in files:
            yield from file.stream(events)

    counts = [file.count for file in files]
    provenance = {
        **first.origin,
        "file": [file.path.name for file in files],
        **({"events": sum(counts)} if all(counts) else {}),
    }
    return replace(first, provenance=provenance, stream=stream)


def _first_channel(file: EventFile) -> tuple[int, int] | None:
    """Return board and channel of the first event, where the format is one channel a file."""
    if not {"board", "channel", "event_counter"} <= set(file.quantities):
        return None
    table = next(file.stream(1), None)
    if table is None or len(table) == 0 or table["channel"].ndim != 1:
        return None
    return int(table["board"][0]), int(table["channel"][0])

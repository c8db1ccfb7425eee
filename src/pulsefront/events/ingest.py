"""From measured files to one stream of events, and from there into the store."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import pulsefront
from pulsefront.errors import ConfigError, DataError
from pulsefront.events import store
from pulsefront.events.container import EventTable
from pulsefront.events.join import JoinKey, join_channels
from pulsefront.events.readers.base import EventFile, ReadOptions
from pulsefront.events.readers.open import open_events
from pulsefront.files import hash_file
from pulsefront.progress import Report, silent

__all__ = ["Join", "combine", "ingest", "is_manifest", "open_sources"]

Join = Literal["auto", "none"] | JoinKey


def open_sources(
    paths: Sequence[str | Path],
    options: ReadOptions | None = None,
    *,
    format_name: str | None = None,
    join: Join = "auto",
) -> EventFile:
    """Open one or several files (stores among them), or a manifest, as one stream of events.

    Raises
    ------
    ConfigError
        No files, an unknown format, or files that cannot be joined as asked.
    DataError
        A file is missing, empty, damaged or of no known format.
    """
    if not paths:
        raise ConfigError("no files given", field="files")
    manifests = [path for path in paths if is_manifest(path)]
    if manifests:
        from pulsefront.events.scans import open_scan_set  # which opens its files through here

        if len(paths) > 1:
            raise ConfigError("a manifest is opened alone: list the files in it", file=manifests[0])
        return open_scan_set(manifests[0], options=options, format_name=format_name)
    files = [open_events(path, options, format_name=format_name) for path in paths]
    return combine(files, join)


def is_manifest(path: str | Path) -> bool:
    """Return whether a file is a manifest of scans: TOML, or CSV with the columns of one."""
    path = Path(path)
    if path.suffix.lower() != ".csv":
        return path.suffix.lower() == ".toml"
    try:
        with open(path, encoding="utf-8") as file:
            names = {word.strip() for word in file.readline(4096).split(",")}
    except (OSError, UnicodeDecodeError):
        return False
    return {"file", "run", "detector_id"} <= names


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

    first = files[0]
    for file in files[1:]:
        if set(file.quantities) != set(first.quantities):
            raise DataError(
                f"holds other quantities than {first.path.name}",
                file=file.path,
                field=", ".join(sorted(set(file.quantities) ^ set(first.quantities))),
                remedy="ingest it into a store of its own",
            )

    def stream(events: int) -> Iterator[EventTable]:
        for file in files:
            yield from file.stream(events)

    provenance = {
        **{name: value for name, value in first.provenance.items() if name != "events"},
        "file": [file.path.name for file in files],
    }
    return EventFile(
        first.path, first.format, first.quantities, provenance, first.event_bytes, stream
    )


def ingest(
    paths: Sequence[str | Path],
    out: str | Path,
    options: ReadOptions | None = None,
    *,
    format_name: str | None = None,
    join: Join = "auto",
    append: bool = False,
    report: Report = silent,
) -> int:
    """Write the events of measured files to a store; return how many.

    Without *append* the store appears whole or not at all. With it the events are added chunk by
    chunk, and each chunk is safe once it is written.

    Raises
    ------
    ConfigError, DataError
        As for `open_sources`.
    PulsefrontError
        The store cannot be written.
    """
    source = open_sources(paths, options, format_name=format_name, join=join)
    provenance: dict[str, Any] = {
        **source.provenance,
        "sources": [
            {"file": Path(p).name, "bytes": Path(p).stat().st_size, "sha256": hash_file(p)}
            for p in paths
        ],
        "pulsefront_version": pulsefront.__version__,
    }
    total = source.provenance.get("events") or 0
    count = 0

    def counted() -> Iterator[EventTable]:
        nonlocal count
        for table in source.chunks():
            yield table
            count += len(table)
            report(count, max(total, count))

    if not append:
        return store.write_stream(counted(), out, provenance=provenance)
    with store.append(out) as appender:
        for table in counted():
            appender.add(EventTable(table.columns, table.quantities, table.status, provenance))
    return count


def _first_channel(file: EventFile) -> tuple[int, int] | None:
    """Return board and channel of the first event, where the format is one channel a file."""
    if not {"board", "channel", "event_counter"} <= set(file.quantities):
        return None
    table = next(file.stream(1), None)
    if table is None or len(table) == 0 or table["channel"].ndim != 1:
        return None
    return int(table["board"][0]), int(table["channel"][0])

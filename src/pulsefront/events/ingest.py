"""From measured files, or the scans of a manifest, into the store."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pulsefront
from pulsefront.errors import ConfigError
from pulsefront.events import store
from pulsefront.events.clock import CLOCK_STRETCH, STRETCH, ClockStretches, time_column
from pulsefront.events.combine import Join, open_files
from pulsefront.events.container import EventTable
from pulsefront.events.manifest import is_manifest, load_manifest
from pulsefront.events.readers.base import EventFile, ReadOptions
from pulsefront.events.scans import open_scan_set
from pulsefront.events.sources import StoredSource, refuse_twice, sources_of
from pulsefront.files import refuse_inputs
from pulsefront.progress import Report, silent

__all__ = ["ingest", "open_sources"]

ROWS = 1 << 20
"""Events of a store whose times are read at once."""


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
        No files, an unknown format, files that cannot be joined as asked, or a manifest that
        cannot be used.
    DataError
        A file is missing, empty, damaged or of no known format.
    """
    manifests = [path for path in paths if is_manifest(path)]
    if not manifests:
        return open_files(paths, options, format_name=format_name, join=join)
    if len(paths) > 1:
        raise ConfigError("a manifest is opened alone: list the files in it", file=manifests[0])
    return open_scan_set(manifests[0], options=options, format_name=format_name)


def ingest(
    paths: Sequence[str | Path],
    out: str | Path,
    options: ReadOptions | None = None,
    *,
    format_name: str | None = None,
    join: Join = "auto",
    append: bool = False,
    again: bool = False,
    report: Report = silent,
) -> int:
    """Write the events of measured files to a store; return how many.

    Without *append* the store appears whole or not at all. With it the events are added chunk by
    chunk, and each chunk is safe once it is written. Where the events have times, the column
    ``clock_stretch`` says which of them compare: it goes on through what is appended.

    Parameters
    ----------
    again
        Take a file that is given twice, or that the store holds already, once more.

    Raises
    ------
    ConfigError
        As for `open_sources`; or *out* is one of the files that are read, or another's.
    DataError
        As for `open_sources`; or a file comes twice.
    PulsefrontError
        The store cannot be written.
    """
    refuse_inputs(out, paths)
    source = open_sources(paths, options, format_name=format_name, join=join)
    refuse_inputs(out, _files_behind(paths))
    sources = sources_of(_files_behind(paths))
    adds = append and Path(out).exists()
    if not again:
        refuse_twice(sources, _known_sources(out) if adds else (), out)
    provenance: dict[str, Any] = {
        **source.provenance,
        "sources": [{"file": s.file, "bytes": s.length, "sha256": s.sha256} for s in sources],
        "pulsefront_version": pulsefront.__version__,
    }
    tables = source.reported(report)
    if not append:
        return store.write_stream(tables, out, provenance=provenance, sources=sources)
    if adds:
        disorder_s = 1e-3 * (options or ReadOptions()).disorder_ms
        tables = _going_on(tables, Path(out), source, disorder_s)
    count = 0
    with store.append(out, sources=sources) as appender:
        for table in tables:
            appender.add(EventTable(table.columns, table.quantities, table.status, provenance))
            count += len(table)
    return count


def _files_behind(paths: Sequence[str | Path]) -> list[Path]:
    """Return the files given, and beside a manifest those that it lists."""
    found = []
    for path in map(Path, paths):
        found.append(path)
        if is_manifest(path):
            found += [path.parent / f for scan in load_manifest(path).scan for f in scan.files]
    return found


def _known_sources(out: str | Path) -> list[StoredSource]:
    with store.open_store(out) as stored:
        return stored.sources


def _going_on(
    tables: Iterator[EventTable], out: Path, source: EventFile, disorder_s: float
) -> Iterator[EventTable]:
    """Yield *tables* with the clock's stretches numbered on from those of the store *out*."""
    time = time_column(source.quantities)
    with store.open_store(out) as stored:
        names = {time, "channel", "board", CLOCK_STRETCH} & set(stored.quantities)
        goes_on = time in names and CLOCK_STRETCH in names and len(stored) > 0
        clock = ClockStretches(time or "", source.path, disorder_s)
        for start in range(0, len(stored) if goes_on else 0, ROWS):
            stop = start + ROWS
            columns = {name: stored.column(name, start, stop) for name in names if name}
            told = {name: stored.quantities[name] for name in columns}
            clock(EventTable(columns, told, stored.column("status", start, stop)))
        without = CLOCK_STRETCH not in stored.quantities
    if goes_on:
        clock.forget_breaks()
        clock.begin_file(source.path)
    for table in tables:
        if without:
            yield table.without(CLOCK_STRETCH)
        elif goes_on:
            yield table.with_columns({CLOCK_STRETCH: clock(table)}, {CLOCK_STRETCH: STRETCH})
        else:
            yield table
    if goes_on:
        clock.tell()

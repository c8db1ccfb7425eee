"""From measured files, or the scans of a manifest, into the store."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pulsefront
from pulsefront.errors import ConfigError
from pulsefront.events import store
from pulsefront.events.combine import Join, open_files
from pulsefront.events.container import EventTable
from pulsefront.events.manifest import is_manifest
from pulsefront.events.readers.base import EventFile, ReadOptions
from pulsefront.events.scans import open_scan_set
from pulsefront.files import hash_file
from pulsefront.progress import Report, silent

__all__ = ["ingest", "open_sources"]


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
    tables = source.reported(report)
    if not append:
        return store.write_stream(tables, out, provenance=provenance)
    count = 0
    with store.append(out) as appender:
        for table in tables:
            appender.add(EventTable(table.columns, table.quantities, table.status, provenance))
            count += len(table)
    return count

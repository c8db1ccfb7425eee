"""The project's own event store, read like any measured file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from pulsefront.events import store
from pulsefront.events.container import EventTable
from pulsefront.events.readers.base import EventFile, ReadOptions

__all__ = ["FORMAT", "open_file", "recognises"]

FORMAT = "store"


def recognises(head: bytes, path: Path) -> bool:
    """Return whether the file is an HDF5 file that says it is an event store."""
    return head.startswith(b"\x89HDF\r\n\x1a\n") and store.is_store(path)


def open_file(path: Path, options: ReadOptions) -> EventFile:  # noqa: ARG001
    """Open an event store; it says everything itself, so no option is used.

    Raises
    ------
    UnsupportedFormat
        The file is no event store.
    DataError
        The file is missing or damaged.
    """
    with store.open_store(path) as stored:
        quantities, count = stored.quantities, len(stored)
        provenance = {**stored.provenance, "events": count}
        event_bytes = sum(
            stored.file["events"][name].dtype.itemsize * int(np.prod(stored.shape(name)[1:]))
            for name in quantities
        )

    def stream(events: int) -> Iterator[EventTable]:
        with store.open_store(path) as stored:
            yield from stored.chunks(events)

    return EventFile(path, FORMAT, quantities, provenance, event_bytes, stream)

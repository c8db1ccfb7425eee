"""The event store: one HDF5 file with a dataset per quantity, its dictionary and its history.

Layout, also readable with any HDF5 viewer::

    /                attributes: format, format_version
    /provenance      bytes of a JSON text
    /events/<name>   (event, …) chunked along the event axis, shuffled, gzip, with checksums;
                     attributes: unit, description
    /events/status   (event,) uint16 of `Status` flags; attribute: flags (JSON name → value)
    /committed       one integer: the events that are wholly written
    /sources         one line per file that was ingested: sha256, bytes, name, its first event

Everything has checksums: columns, provenance and count by HDF5's Fletcher32 filter, attributes,
which have a fixed length, by that of the block they stand in. (Text of variable length stands in a
heap that has none, and in which HDF5 can search for ever if it is damaged.)

`write` makes a file appear whole or not at all. `append` adds to a file event by event chunk in
HDF5's single-writer mode, which orders its writes so that the file opens at any moment:
``committed`` is raised only after every column of a chunk is on disk, so that a kill loses at most
the chunk in flight.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from pulsefront.errors import ConfigError, DataError
from pulsefront.events.container import EventTable, Quantity, Status
from pulsefront.events.left_open import is_left_open
from pulsefront.events.sources import SOURCE, StoredSource
from pulsefront.events.store_read import (
    FORMAT,
    FORMAT_VERSION,
    StoredEvents,
    check_format,
    is_store,
    open_store,
    read,
)
from pulsefront.files import refuse_target
from pulsefront.hdf5 import atomic_hdf5, hdf5_disk_errors, let_go

__all__ = [
    "StoredEvents",
    "append",
    "is_store",
    "open_store",
    "read",
    "refuse_other",
    "write",
    "write_stream",
]

CHUNK_BYTES = 1 << 20
SOURCES_PER_CHUNK = 16
STATUS = Quantity("1", "flags of what is wrong with the event; 0 means nothing is")


def write(table: EventTable, path: str | Path) -> None:
    """Write *table* to *path*, atomically.

    Raises
    ------
    DataError
        A column has a type that the store does not hold (only numbers and booleans).
    PulsefrontError
        The file cannot be written.
    """
    write_stream([table], path)


def write_stream(
    tables: Iterable[EventTable],
    path: str | Path,
    *,
    provenance: Mapping[str, Any] | Callable[[], Mapping[str, Any]] | None = None,
    sources: Sequence[StoredSource] = (),
) -> int:
    """Write *tables* one after the other to one new store, atomically; return the event count.

    Memory holds one table at a time. *sources* are the files they come from. The provenance is that
    of the first table unless given; a function is called for it at the end, when what was counted
    on the way is known.

    Raises
    ------
    DataError
        There is no table, the tables differ in columns or shapes, or a column cannot be stored.
    ConfigError
        *path* is a file that is no store.
    PulsefrontError
        The file cannot be written.
    """
    refuse_other(path)
    count = 0
    with atomic_hdf5(path, libver=("v110", "v110")) as file:
        for table in tables:
            if "events" not in file:
                if provenance is None or callable(provenance):
                    _create(file, table, table.provenance)
                else:
                    _create(file, table, provenance)
                _note_sources(file, sources, 0)
            _extend(file, table, count, path)
            count += len(table)
        if "events" not in file:
            raise DataError("there is nothing to store", file=path)
        if callable(provenance):
            del file["provenance"]
            _store_provenance(file, provenance())
        file["committed"][0] = count
    return count


def refuse_other(path: str | Path) -> None:
    """Check that a store at *path* would replace an earlier store, or an empty file, or nothing.

    Raises
    ------
    ConfigError
        There is a file of another kind.
    """
    path = Path(path)
    refuse_target(path)
    if path.exists() and path.stat().st_size and not is_store(path):
        raise ConfigError(
            "exists and is no event store",
            file=path,
            remedy="choose another name, or remove the file",
        )


@contextmanager
def append(path: str | Path, *, sources: Sequence[StoredSource] = ()) -> Iterator[Appender]:
    """Yield an `Appender` whose ``add(table)`` commits one chunk of events to the store.

    The store is made if it is not there; every committed chunk survives a kill. A store that an
    earlier writer left behind when it was killed is first rewritten from its whole chunks.
    *sources*, the files that the events come from, are noted with the first chunk.

    Raises
    ------
    DataError
        A table does not have the columns of the store.
    UnsupportedFormat
        *path* is no event store.
    PulsefrontError
        The file cannot be written.
    """
    path = Path(path)
    if path.exists() and is_left_open(path):
        with open_store(path) as stored:
            known = stored.sources
            write_stream(stored.chunks(), path, provenance=stored.provenance, sources=known)
    appender = Appender(path, sources)
    with hdf5_disk_errors(path):
        try:
            yield appender
        finally:
            appender.close()


class Appender:
    """Adds chunks of events to one store; made by `append`."""

    def __init__(self, path: Path, sources: Sequence[StoredSource] = ()) -> None:
        self.path = path
        self.sources = sources
        self._file: h5py.File | None = None
        self.count = 0

    def add(self, table: EventTable) -> None:
        """Write the events of *table* and commit them."""
        if self._file is None:
            self._file = self._open(table)
        try:
            _extend(self._file, table, self.count, self.path)
            self.count += len(table)
            self._file["committed"][0] = self.count
            self._file.flush()
        except (OSError, RuntimeError):
            let_go(self._file)
            raise

    def close(self) -> None:
        """Close the file; what was added stays."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _open(self, table: EventTable) -> h5py.File:
        if not self.path.exists():
            write(table.select(np.zeros(0, np.int64)), self.path)
        else:
            check_format(self.path)
        file = h5py.File(self.path, "r+", libver=("v110", "v110"))
        self.count = int(np.ravel(file["committed"][()])[0])
        file.swmr_mode = True
        _note_sources(file, self.sources, self.count)
        return file


# --- inside ---


def _create(file: h5py.File, table: EventTable, provenance: Mapping[str, Any]) -> None:
    file.attrs["format"] = _fixed(FORMAT)
    file.attrs["format_version"] = FORMAT_VERSION
    _store_provenance(file, provenance)
    file.create_dataset("committed", data=np.zeros(1, np.int64), chunks=(1,), fletcher32=True)
    file.create_dataset(
        "sources", (0,), SOURCE, maxshape=(None,), chunks=(SOURCES_PER_CHUNK,), fletcher32=True
    )
    group = file.create_group("events", track_order=True)
    for name, column in (*table.columns.items(), ("status", table.status)):
        if column.dtype.kind not in "biuf":
            raise DataError(
                "only numbers and booleans can be stored",
                field=name,
                value=str(column.dtype),
                remedy="turn the column into numbers first",
            )
        event_bytes = max(1, column.dtype.itemsize * int(np.prod(column.shape[1:])))
        dataset = group.create_dataset(
            name,
            shape=(0, *column.shape[1:]),
            # Of a run without events not even the length of its waveforms may be known.
            maxshape=(None, *(length or None for length in column.shape[1:])),
            chunks=(
                max(1, min(CHUNK_BYTES // event_bytes, 65536)),
                *(length or 1 for length in column.shape[1:]),
            ),
            dtype=column.dtype,
            compression="gzip",
            compression_opts=1,
            shuffle=True,
            fletcher32=True,
        )
        quantity = STATUS if name == "status" else table.quantities[name]
        dataset.attrs["unit"] = _fixed(quantity.unit)
        dataset.attrs["description"] = _fixed(quantity.description)
    flags = {flag.name: flag.value for flag in Status}
    group["status"].attrs["flags"] = _fixed(json.dumps(flags))


def _note_sources(file: h5py.File, sources: Sequence[StoredSource], first_event: int) -> None:
    """Add *sources*; a store of an earlier version has no room for them."""
    if not sources or "sources" not in file:
        return
    dataset = file["sources"]
    count = dataset.shape[0]
    dataset.resize(count + len(sources), axis=0)
    dataset[count:] = np.array([source.record(first_event) for source in sources], SOURCE)
    dataset.flush()


def _store_provenance(file: h5py.File, provenance: Mapping[str, Any]) -> None:
    text = json.dumps(dict(provenance), ensure_ascii=False).encode()
    file.create_dataset(
        "provenance", data=np.frombuffer(text, np.uint8), chunks=True, fletcher32=True
    )


def _fixed(text: str) -> Any:
    """Return text as HDF5 stores it where it has a fixed length."""
    content = text.encode()
    return np.array(content, h5py.string_dtype("utf-8", max(len(content), 1)))


def _extend(file: h5py.File, table: EventTable, count: int, path: str | Path) -> None:
    columns = {**table.columns, "status": table.status}
    # Kept until the flush: a dataset that is closed while it cannot be written reports on stderr.
    datasets = dict(file["events"].items())
    if set(columns) != set(datasets):
        raise DataError(
            "the events have other columns than the store",
            file=path,
            field=", ".join(sorted(set(columns) ^ set(datasets))),
        )
    for name, column in columns.items():
        dataset = datasets[name]
        if dataset.shape[1:] != column.shape[1:] or dataset.dtype != column.dtype:
            raise DataError(
                f"is {column.dtype}{list(column.shape[1:])} per event, and "
                f"{dataset.dtype}{list(dataset.shape[1:])} in the store",
                file=path,
                field=name,
                remedy="write it to a store of its own",
            )
    for name, column in columns.items():
        # An earlier writer may have been killed after extending only some of the columns.
        datasets[name].resize(count + len(column), axis=0)
        datasets[name][count:] = column
    # All columns before the count: a reader trusts the count alone.
    file.flush()

"""Reading the event store: what is asked for, and nothing else; see `pulsefront.events.store`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from pulsefront.errors import DataError, PulsefrontError, UnsupportedFormat
from pulsefront.events.container import EventTable, Quantity

__all__ = [
    "FORMAT",
    "FORMAT_VERSION",
    "StoredEvents",
    "check_format",
    "is_store",
    "left_open",
    "open_store",
    "read",
]

FORMAT = "pulsefront-events"
FORMAT_VERSION = 1
# What h5py raises on a damaged file depends on where the damage is.
_HDF5_ERRORS = (OSError, RuntimeError, KeyError, ValueError, TypeError, AttributeError)


@dataclass(frozen=True)
class StoredEvents:
    """An open store: reads what is asked for and nothing else.

    Attributes
    ----------
    count
        Number of committed events.
    quantities
        The data dictionary.
    provenance
        Where the events come from.
    """

    path: Path
    count: int
    quantities: Mapping[str, Quantity]
    provenance: Mapping[str, Any]
    file: h5py.File

    def __len__(self) -> int:
        return self.count

    def column(self, name: str, start: int = 0, stop: int | None = None) -> NDArray[Any]:
        """Return events *start* to *stop* of a column, or of ``"status"``.

        Raises
        ------
        DataError
            There is no such column, or its data cannot be read back.
        """
        if name != "status" and name not in self.quantities:
            raise DataError(
                "no such quantity",
                file=self.path,
                field=name,
                remedy=f"there are: {', '.join(self.quantities)}",
            )
        stop = self.count if stop is None else min(stop, self.count)
        try:
            values: NDArray[Any] = self.file["events"][name][start:stop]
        except _HDF5_ERRORS as error:
            raise DataError(
                f"cannot be read back: {_reason(error)}", file=self.path, field=name
            ) from None
        return values

    def shape(self, name: str) -> tuple[int, ...]:
        """Return the shape of a column over the committed events."""
        return (self.count, *self.file["events"][name].shape[1:])

    def table(self, start: int = 0, stop: int | None = None) -> EventTable:
        """Return events *start* to *stop* with all their columns."""
        return EventTable(
            {name: self.column(name, start, stop) for name in self.quantities},
            self.quantities,
            self.column("status", start, stop),
            self.provenance,
        )

    def chunks(self, events: int | None = None) -> Iterator[EventTable]:
        """Yield all events in tables of at most *events* (default: about 16 MB a table)."""
        if events is None:
            events = max(1, (16 << 20) // max(self._event_bytes(), 1))
        for start in range(0, self.count, events):
            yield self.table(start, start + events)
        if self.count == 0:
            yield self.table()

    def _event_bytes(self) -> int:
        datasets = self.file["events"].values()
        return sum(d.dtype.itemsize * int(np.prod(d.shape[1:])) for d in datasets)


@contextmanager
def open_store(path: str | Path) -> Iterator[StoredEvents]:
    """Open a store for reading; costs the same for every size.

    Raises
    ------
    UnsupportedFormat
        The file is no event store, or of a newer version.
    DataError
        The file is missing or damaged.
    """
    path = Path(path)
    check_format(path)
    file = _open_for_reading(path)
    try:
        yield _stored_events(path, file)
    finally:
        file.close()


def read(path: str | Path) -> EventTable:
    """Return all committed events of a store.

    Raises
    ------
    UnsupportedFormat
        The file is no event store, or of a newer version.
    DataError
        The file is missing or damaged.
    """
    with open_store(path) as stored:
        return stored.table()


def is_store(path: str | Path) -> bool:
    """Return whether *path* is an HDF5 file that says it is an event store."""
    try:
        check_format(Path(path))
    except PulsefrontError:
        return False
    return True


# --- inside ---


def check_format(path: Path) -> None:
    """Raise `DataError` or `UnsupportedFormat` where *path* is no store of this version."""
    try:
        with open(path, "rb") as raw:
            signature = raw.read(8)
    except FileNotFoundError:
        raise DataError("no such file", file=path, remedy="check the path") from None
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror}", file=path) from None
    if not signature:
        raise DataError("the file is empty", file=path)
    remedy = "use pulsefront ingest to make one"
    if signature != b"\x89HDF\r\n\x1a\n":
        raise UnsupportedFormat("is not an event store (not HDF5)", file=path, remedy=remedy)
    with _open_for_reading(path) as file:
        try:
            name = _text(file.attrs.get("format"))
            version = int(file.attrs.get("format_version", -1))
        except _HDF5_ERRORS as error:
            raise DataError(f"is damaged: {_reason(error)}", file=path) from None
    if name != FORMAT:
        raise UnsupportedFormat("is HDF5, but not an event store", file=path, remedy=remedy)
    if version != FORMAT_VERSION:
        raise UnsupportedFormat(
            "is an event store of another version",
            file=path,
            field="format_version",
            value=version,
            remedy="read it with the pulsefront that wrote it",
        )


def _open_for_reading(path: Path) -> h5py.File:
    try:
        return h5py.File(path, "r")
    except _HDF5_ERRORS as first:
        # Single-writer mode reads beside a writer, and after one that was killed. It also waits
        # for data to settle, for ever on a damaged file, so nothing else is tried with it.
        if not _being_written(path, first):
            raise DataError(f"is damaged: {_reason(first)}", file=path) from None
    try:
        return h5py.File(path, "r", libver="latest", swmr=True)
    except _HDF5_ERRORS as error:
        raise DataError(f"is damaged: {_reason(error)}", file=path) from None


def left_open(path: Path) -> bool:
    """Return whether an earlier writer did not close the store."""
    try:
        with h5py.File(path, "r"):
            return False
    except _HDF5_ERRORS as error:
        return _being_written(path, error)


def _being_written(path: Path, error: Exception) -> bool:
    """Return whether a file cannot be opened only because its writer has not closed it."""
    if "already open for write" in str(error):
        return True
    # A writer that met a full disk leaves a file shorter than it says. HDF5 finds that out after
    # it has checked the superblock, so the flags in its byte 11 can be trusted.
    with open(path, "rb") as raw:
        superblock = raw.read(12)
    return "truncated file" in str(error) and len(superblock) == 12 and superblock[11] & 5 != 0


def _stored_events(path: Path, file: h5py.File) -> StoredEvents:
    try:
        group = file["events"]
        count = int(file["committed"][()])
        quantities = {
            name: Quantity(_text(data.attrs["unit"]), _text(data.attrs["description"]))
            for name, data in group.items()
            if name != "status"
        }
        provenance = json.loads(_text(file.attrs["provenance"]))
        shortest = min(data.shape[0] for data in group.values())
    except (*_HDF5_ERRORS, IndexError) as error:
        raise DataError(f"is damaged: {_reason(error)}", file=path) from None
    if shortest < count:
        raise DataError(
            f"is damaged: a column holds {shortest} of the {count} committed events", file=path
        )
    return StoredEvents(path, count, quantities, provenance, file)


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _reason(error: BaseException) -> str:
    text = str(error).strip("'\"")
    return text.split("(", 1)[-1].rstrip(")") if "(" in text else text

"""Reading the event store: what is asked for, and nothing else; see `pulsefront.events.store`."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from pulsefront.errors import DataError, PulsefrontError, UnsupportedFormat
from pulsefront.events.container import EventTable, Quantity
from pulsefront.events.left_open import is_left_open, open_left_open
from pulsefront.events.sources import StoredSource

__all__ = [
    "FORMAT",
    "FORMAT_VERSION",
    "StoredEvents",
    "check_format",
    "is_store",
    "open_store",
    "read",
]

FORMAT = "pulsefront-events"
FORMAT_VERSION = 2
# What h5py raises on a damaged file depends on where the damage is.
ATTEMPTS, PAUSE_S = 4, 0.05
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

    @property
    def sources(self) -> list[StoredSource]:
        """The files that were ingested; none in a store of an earlier version."""
        if "sources" not in self.file:
            return []
        try:
            lines = self.file["sources"][()]
        except _HDF5_ERRORS as error:
            raise DataError(
                f"cannot be read back: {_reason(error)}", file=self.path, field="sources"
            ) from None
        return [
            StoredSource(
                line["file"].decode(errors="replace"),
                int(line["bytes"]),
                line["sha256"].decode(),
                int(line["first_event"]),
            )
            for line in lines
        ]

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
            name = _attribute(file, "format")
            old = not name and "format_version" in file.attrs and "committed" in file
            version = int(file.attrs["format_version"]) if name or old else -1
        except _HDF5_ERRORS as error:
            raise DataError(f"is damaged: {_reason(error)}", file=path) from None
    if name != FORMAT and not old:
        raise UnsupportedFormat("is HDF5, but not an event store", file=path, remedy=remedy)
    if version != FORMAT_VERSION:
        raise UnsupportedFormat(
            "is an event store of another version",
            file=path,
            field="format_version",
            value=version,
            remedy="make it again, or read it with the pulsefront that wrote it",
        )


def _open_for_reading(path: Path) -> h5py.File:
    try:
        if not is_left_open(path):
            # Without a lock: where the file system has none, a reader needs none either.
            return h5py.File(path, "r", locking=False)
        # Beside a writer at work a block may be caught half written; a little later it is whole.
        for _ in range(ATTEMPTS - 1):
            with suppress(*_HDF5_ERRORS):
                return open_left_open(path)
            time.sleep(PAUSE_S)
        return open_left_open(path)
    except _HDF5_ERRORS as error:
        raise DataError(f"is damaged: {_reason(error)}", file=path) from None


def _stored_events(path: Path, file: h5py.File) -> StoredEvents:
    try:
        group = file["events"]
        count = int(file["committed"][0])
        quantities = {
            name: Quantity(_attribute(data, "unit"), _attribute(data, "description"))
            for name, data in group.items()
            if name != "status"
        }
        provenance = json.loads(file["provenance"][()].tobytes())
        shortest = min(data.shape[0] for data in group.values())
    except (*_HDF5_ERRORS, IndexError) as error:
        raise DataError(f"is damaged: {_reason(error)}", file=path) from None
    if shortest < count:
        raise DataError(
            f"is damaged: a column holds {shortest} of the {count} committed events", file=path
        )
    return StoredEvents(path, count, quantities, provenance, file)


def _attribute(item: h5py.HLObject, name: str) -> str:
    """Return an attribute that is a text of fixed length; others are not read, and empty.

    HDF5 can search for ever for a text of variable length in a damaged file.
    """
    if name not in item.attrs:
        return ""
    kind = item.attrs.get_id(name).dtype
    return item.attrs[name].decode() if kind.kind == "S" else ""


def _reason(error: BaseException) -> str:
    text = str(error).strip("'\"")
    return text.split("(", 1)[-1].rstrip(")") if "(" in text else text

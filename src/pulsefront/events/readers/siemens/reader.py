"""Siemens list mode of 32-bit words: coincidences by address, and a time tag every millisecond.

A word with its highest bit 0 is a coincidence: bit 30 is 1 of a prompt and 0 of a delayed one, the
others are the address of its bin (`pulsefront.events.readers.siemens.header`). With the highest
bit 1, and the two below it 0, it is the time since the begin in ms; else a tag of dead time, of the
gantry or of a gate, which is passed over and counted.

The description is STIR's (``CListRecordECAT8_32bit``); no file of a scanner was at hand to hold it
against. In particular the signs of x, y and z are those of STIR.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsefront.errors import DataError
from pulsefront.events.container import EventTable, Quantity, Status, mark
from pulsefront.events.readers.base import EventFile, ReadOptions, incomplete, read_head
from pulsefront.events.readers.siemens.header import SiemensListHeader, is_header, read_header

__all__ = ["FORMAT", "crystals_of", "header_of", "open_file", "recognises"]

FORMAT = "siemens-list-mode"

QUANTITIES = {
    "time_ms": Quantity("ms", "time of the last tag before the coincidence"),
    "channel": Quantity("1", "the two crystals: ring · crystals on a ring + crystal"),
    "delayed": Quantity("1", "whether it is of the delayed window"),
}

TAG, KIND_OF_TAG, PROMPT = np.uint32(1 << 31), np.uint32(3 << 29), np.uint32(1 << 30)
ADDRESS, TIME = np.uint32((1 << 30) - 1), np.uint32((1 << 29) - 1)

WORDS_AT_ONCE = 1 << 22


def recognises(head: bytes, path: Path) -> bool:
    """Return whether a file is a header of such list mode, or has one beside it."""
    return is_header(head) or _beside(path) is not None


def header_of(path: Path) -> Path:
    """Return the header of a file of words, or the file itself where it is one."""
    return _beside(path) or path


def _beside(path: Path) -> Path | None:
    """Return ``NAME.hdr`` beside a file of words, if it is a header of list mode."""
    header = path.with_name(path.name + ".hdr")
    if not header.is_file():
        return None
    with open(header, "rb") as file:
        return header if is_header(file.read(1 << 16)) else None


def open_file(path: Path, options: ReadOptions) -> EventFile:
    """Open list mode by its header or by its words, beside which the header lies.

    Raises
    ------
    DataError
        The words are missing, or the header does not fit.
    TruncatedFile
        Not one whole word, or, if reading is strict, a cut last one.
    """
    header = read_header(header_of(path))
    read_head(header.data)  # says what is missing, empty or unreadable
    size = header.data.stat().st_size - header.offset
    whole, rest = divmod(max(size, 0), 4)
    if rest or not whole:
        incomplete(
            header.data,
            options,
            byte_offset=header.offset + 4 * whole,
            events_kept=whole,
            problem="ends inside a word",
        )
    words = np.memmap(header.data, "<u4", mode="r", offset=header.offset, shape=(whole,))
    provenance: dict[str, Any] = {
        "format": FORMAT,
        "file": header.data.name,
        "header": header.path.name,
        "originating_system": header.system,
        "rings": header.rings,
        "crystals_per_ring": header.crystals,
        "described_by": "STIR; not held against a file of a scanner",
    }

    def stream(events: int) -> Iterator[EventTable]:
        last = np.nan
        step = min(max(events, 1), WORDS_AT_ONCE)
        for begin in range(0, whole, step):
            table, last = _table(np.asarray(words[begin : begin + step]), header, last, provenance)
            yield table

    return EventFile(header.path, FORMAT, QUANTITIES, provenance, 32, stream)


def _table(
    words: NDArray[np.uint32], header: SiemensListHeader, last_ms: float, provenance: dict[str, Any]
) -> tuple[EventTable, float]:
    """Return the coincidences of some words, and the time of the last tag of them."""
    tag = (words & TAG) != 0
    timed = tag & ((words & KIND_OF_TAG) == 0)
    ticks = np.flatnonzero(timed)
    times = (words[ticks] & TIME).astype(np.float64)
    event = np.flatnonzero(~tag)
    before = np.searchsorted(ticks, event)
    # Coincidences before the first tag are less than its interval older than it.
    first = times[0] - 1 if len(times) and np.isnan(last_ms) else last_ms
    time_ms = np.concatenate([[first], times])[before]
    address = (words[event] & ADDRESS).astype(np.int64)
    status = np.zeros(len(event), np.uint16)
    known = address < header.addresses
    mark(status, ~known | ~np.isfinite(time_ms), Status.BAD_HEADER)
    columns = {
        "time_ms": time_ms,
        "channel": crystals_of(np.where(known, address, 0), header),
        "delayed": (words[event] & PROMPT) == 0,
    }
    return EventTable(columns, QUANTITIES, status, provenance), (
        float(times[-1]) if len(times) else last_ms
    )


def crystals_of(address: NDArray[np.int64], header: SiemensListHeader) -> NDArray[np.int32]:
    """Return (event, 2) the crystals of addresses, as ``channel`` numbers them.

    Raises
    ------
    DataError
        An address is beyond the last bin.
    """
    if len(address) and int(address.max()) >= header.addresses:
        raise DataError("is beyond the last bin", field="address", value=int(address.max()))
    rest, tangential = np.divmod(address, header.bins)
    rest, view = np.divmod(rest, header.views)
    sinogram = rest % header.sinograms
    bin_number = tangential - header.bins // 2
    count = header.crystals
    first = (view + (bin_number >> 1)) % count
    second = (view - ((bin_number + 1) >> 1) + count // 2) % count
    segment = np.searchsorted(header.segments[:, 1], sinogram, side="right") - 1
    difference = header.segments[segment, 0]
    axial = sinogram - header.segments[segment, 1]
    ring = axial + np.maximum(-difference, 0)
    return np.stack([ring * count + first, (ring + difference) * count + second], axis=1).astype(
        np.int32
    )

"""PETsys list-mode files: times in ps, energies and channels, without waveforms and signatures.

single: i64 time, f32 energy, i32 channel (16 bytes) · group: u8 hits in the group, u8 number of
this hit, then a single (18 bytes) · coincidence: two hits of two groups side by side (36 bytes).

Which form a file has follows from what every record of it implies, looked at in its head and some
later blocks (`pulsefront.events.readers.digitizers.petsys_form`).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from pulsefront.errors import UnsupportedFormat
from pulsefront.events.container import EventTable, Quantity, Status, mark
from pulsefront.events.readers.base import EventFile, ReadOptions, left_out, read_head
from pulsefront.events.readers.digitizers.petsys_form import (
    FORMATS,
    choose_form,
    missing_hits,
    sane,
)
from pulsefront.events.readers.digitizers.records import chunked, map_records

__all__ = ["FORMATS", "open_coincidence", "open_group", "open_single", "recogniser"]

GROUP = "petsys-group"
LARGEST_GROUP = 255
"""Their number is one byte."""

_HIT_QUANTITIES = {
    "time_ps": Quantity("ps", "time of the hit since the start of the acquisition"),
    "energy": Quantity("1", "energy as written: charge, or keV if it was calibrated"),
    "channel": Quantity("1", "absolute channel number"),
}
_GROUP_QUANTITIES = {
    "hits": Quantity("1", "hits in the group"),
    "hit": Quantity("1", "number of this hit in its group"),
}


def recogniser(name: str) -> Any:
    """Return the function that says whether a file is of this form.

    It raises `UnsupportedFormat` where two forms fit equally well.
    """

    def recognises(head: bytes, path: Path) -> bool:  # noqa: ARG001
        choice = choose_form(path)
        return choice is not None and choice.form == name

    return recognises


def open_single(path: Path, options: ReadOptions) -> EventFile:
    """Open a file of single hits; errors as for the other readers."""
    return _open("petsys-single", path, options)


def open_group(path: Path, options: ReadOptions) -> EventFile:
    """Open a file of grouped hits; errors as for the other readers."""
    return _open("petsys-group", path, options)


def open_coincidence(path: Path, options: ReadOptions) -> EventFile:
    """Open a file of coincidences; columns have an axis for the two sides."""
    return _open("petsys-coincidence", path, options)


def _open(name: str, path: Path, options: ReadOptions) -> EventFile:
    dtype = FORMATS[name]
    head = read_head(path, dtype.itemsize)
    if len(head) == dtype.itemsize and not sane(np.frombuffer(head, dtype))[0]:
        raise UnsupportedFormat(
            f"does not start with a record of {name}",
            file=path,
            remedy="name the right one with --format",
        )
    records, whole = map_records(path, dtype, 0, options, sane)
    missing = missing_hits(records[: min(whole, LARGEST_GROUP + 1)]) if name == GROUP else 0
    if missing:
        left_out(
            path,
            options,
            byte_offset=0,
            events_kept=whole,
            problem=f"begins within a group: the first {missing} hit(s) of "
            f"{int(records[0]['hit']['hits'][0])} are not there; those that are, are kept",
        )
    quantities = dict(_HIT_QUANTITIES)
    if "hits" in (dtype["hit"].base.names or ()):
        quantities |= _GROUP_QUANTITIES

    def stream(events: int) -> Iterator[EventTable]:
        for part in chunked(records, whole, events):
            status = np.zeros(len(part), np.uint16)
            mark(status, ~sane(part), Status.BAD_HEADER)
            hits = part["hit"] if name == "petsys-coincidence" else part["hit"][:, 0]
            names = {"time_ps": "time"}
            columns = {q: np.array(hits[names.get(q, q)]) for q in quantities}
            yield EventTable(columns, quantities, status, provenance)

    provenance: dict[str, Any] = {"format": name, "file": path.name, "events": whole}
    choice = choose_form(path, told=name)
    if choice is not None:
        provenance["form_because"] = choice.reason
    return EventFile(path, name, quantities, provenance, dtype.itemsize, stream)

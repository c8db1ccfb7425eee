"""PETsys list-mode files: times in ps, energies and channels, without waveforms and signatures.

single: i64 time, f32 energy, i32 channel (16 bytes) · group: u8 hits, u8 hit before that
(18 bytes) · coincidence: two groups side by side (36 bytes).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsefront.errors import UnsupportedFormat
from pulsefront.events.container import EventTable, Quantity, Status, mark
from pulsefront.events.readers.base import EventFile, ReadOptions, read_head
from pulsefront.events.readers.records import chunked, map_records

__all__ = ["FORMATS", "open_coincidence", "open_group", "open_single", "recogniser"]

HIT: list[tuple[str, str]] = [("time", "<i8"), ("energy", "<f4"), ("channel", "<i4")]
GROUP_HIT: list[tuple[str, str]] = [("hits", "u1"), ("hit", "u1"), *HIT]
FORMATS = {
    "petsys-single": np.dtype([("hit", HIT, (1,))]),
    "petsys-group": np.dtype([("hit", GROUP_HIT, (1,))]),
    "petsys-coincidence": np.dtype([("hit", GROUP_HIT, (2,))]),
}
LOOKED_AT = 200
LEAST_RECORDS = 8
MOST_CHANNELS = 1 << 22
WINDOW_PS = 1_000_000  # hits of one coincidence lie this close

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
    """Return the function that says whether a file is of this form; it looks at 200 records.

    There is no signature: a file is taken for one when nine in ten of its records, and there are at
    least eight, are possible.
    """

    def recognises(head: bytes, path: Path) -> bool:  # noqa: ARG001
        dtype = FORMATS[name]
        count = min(len(head) // dtype.itemsize, LOOKED_AT)
        if count < LEAST_RECORDS:
            return False
        records = np.frombuffer(head, dtype, count)
        times = records["hit"]["time"][:, 0]
        # Times that jump about by hours belong to something else.
        steps = np.abs(np.diff(times.astype(np.float64)))
        varied = np.ptp(times) > 0 and np.count_nonzero(records["hit"]["energy"]) >= count // 2
        return bool(_sane(records).mean() >= 0.9 and varied and (steps < 1e16).all())

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
    if len(head) == dtype.itemsize and not _sane(np.frombuffer(head, dtype))[0]:
        raise UnsupportedFormat(
            f"does not start with a record of {name}",
            file=path,
            remedy="name the right one with --format",
        )
    records, whole = map_records(path, dtype, 0, options, _sane)
    quantities = dict(_HIT_QUANTITIES)
    if "hits" in (dtype["hit"].base.names or ()):
        quantities |= _GROUP_QUANTITIES

    def stream(events: int) -> Iterator[EventTable]:
        for part in chunked(records, whole, events):
            status = np.zeros(len(part), np.uint16)
            mark(status, ~_sane(part), Status.BAD_HEADER)
            hits = part["hit"] if name == "petsys-coincidence" else part["hit"][:, 0]
            names = {"time_ps": "time"}
            columns = {q: np.array(hits[names.get(q, q)]) for q in quantities}
            yield EventTable(columns, quantities, status, provenance)

    provenance: dict[str, Any] = {"format": name, "file": path.name, "events": whole}
    return EventFile(path, name, quantities, provenance, dtype.itemsize, stream)


def _sane(records: NDArray[Any]) -> NDArray[np.bool_]:
    hits = records["hit"]
    with np.errstate(invalid="ignore"):
        good = (
            (hits["time"] >= 0)
            & np.isfinite(hits["energy"])
            & (np.abs(hits["energy"]) < 1e7)
            & (hits["channel"] >= 0)
            & (hits["channel"] < MOST_CHANNELS)
        )
        if "hits" in (hits.dtype.names or ()):
            good &= (hits["hits"] >= 1) & (hits["hit"] < hits["hits"])
        good = good.all(axis=1)
        if hits.shape[1] == 2:
            apart = hits["time"][:, 0].astype(np.float64) - hits["time"][:, 1]
            good &= np.abs(apart) < WINDOW_PS
    return np.asarray(good)

"""CAEN CoMPASS binary files: one record per channel and trigger, energies and perhaps a waveform.

A u16 ``0xCAEx`` heads the first file of a run and says what the records hold: bit 0 energy in ADC
counts, bit 1 calibrated energy, bit 2 short-gate energy, bit 3 waveform. A record is u16 board,
u16 channel, u64 time in ps, [u16 energy], [f64 calibrated energy], [u16 short energy], u32 flags,
[u8 waveform code, u32 samples, samples × u16]. Later files of a split run may lack the header;
named with ``--format``, what they hold is found by trying.

What the board's own flags say of saturation and pile-up becomes the status of the event.

Waveforms get the length that most of the first ones have: a shorter one is filled up with zeros, a
longer one cut, and both are marked `Status.TRUNCATED`, with their own length in ``sample_count``.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from statistics import mode
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsefront.errors import UnsupportedFormat
from pulsefront.events.container import EventTable, Quantity, Status, mark
from pulsefront.events.readers.base import (
    ADC_COUNTS,
    EventFile,
    ReadOptions,
    incomplete,
    read_head,
)
from pulsefront.events.readers.digitizers.records import HALF_WRITTEN, content_end

__all__ = ["FORMAT", "open_file", "recognises"]

FORMAT = "compass"
ENERGY, CALIBRATED, SHORT, WAVEFORM = 1, 2, 4, 8
HIGHEST_BOARD, HIGHEST_CHANNEL, HIGHEST_CODE = 255, 127, 31
LONGEST = 1 << 24
FIRST_WAVEFORMS = 50
LATEST_PS = 1 << 62
DAMAGED = "is damaged (no record header)"

QUANTITIES = {
    "board": Quantity("1", "board number"),
    "channel": Quantity("1", "channel number"),
    "time_ps": Quantity("ps", "time of the trigger"),
    "energy_adc": Quantity(ADC_COUNTS, "energy from the long gate"),
    "energy_calibrated": Quantity("keV", "calibrated energy, in the unit chosen in CoMPASS"),
    "energy_short_adc": Quantity(ADC_COUNTS, "energy from the short gate"),
    "flags": Quantity(
        "1",
        "flags of the board, as written: 0x80 or 0x400 saturation, 0x8000 pile-up, 0x8 an entry "
        "without a pulse, 0x1 dead time before, 0x20 or 0x40 lost triggers before",
    ),
    "waveform_code": Quantity("1", "which waveform was recorded"),
    "sample_count": Quantity("samples", "length of the waveform in the file"),
    "waveform_adc": Quantity(ADC_COUNTS, "samples of the acquisition window"),
}
FLAGS = {
    0x0008: Status.NO_PULSE,
    0x0080: Status.SATURATED,
    0x0400: Status.SATURATED,
    0x8000: Status.PILE_UP,
}
"""What of the board's flags is wrong with an event (CoMPASS user manual, table of flags)."""

_FIELDS = {
    "board": "<u2",
    "channel": "<u2",
    "time_ps": "<u8",
    "energy_adc": "<u2",
    "energy_calibrated": "<f8",
    "energy_short_adc": "<u2",
    "flags": "<u4",
    "waveform_code": "u1",
    "sample_count": "<u4",
}
_OPTIONAL = {
    "energy_adc": ENERGY,
    "energy_calibrated": CALIBRATED,
    "energy_short_adc": SHORT,
    "waveform_code": WAVEFORM,
    "sample_count": WAVEFORM,
}


def recognises(head: bytes, path: Path) -> bool:
    """Return whether the file has the header and a possible first record."""
    if len(head) < 2 or head[1] != 0xCA or head[0] >> 4 != 0xE:
        return False
    dtype = _header_dtype(head[0] & 0xF)
    if path.stat().st_size < 2 + dtype.itemsize:
        return True
    return len(head) >= 2 + dtype.itemsize and bool(_sane(np.frombuffer(head, dtype, 1, 2))[0])


def open_file(path: Path, options: ReadOptions) -> EventFile:
    """Open a CoMPASS file; errors of damage are raised, or warned of, when its events are read.

    Raises
    ------
    UnsupportedFormat
        The file has no header and no content could be meant.
    """
    head = read_head(path, 1 << 16)
    size = path.stat().st_size
    if len(head) >= 2 and head[1] == 0xCA and head[0] >> 4 == 0xE:
        content, offset = head[0] & 0xF, 2
    else:
        content, offset = _guess_content(path, head, size), 0
    dtype = _header_dtype(content)
    # A run without a hit is its header alone: empty, and whole.
    empty = size == offset
    if size < offset + dtype.itemsize and not empty:
        incomplete(path, options, byte_offset=0, events_kept=0, problem="ends inside the record")
    if not empty and not _sane(np.frombuffer(head, dtype, 1, offset))[0]:
        raise UnsupportedFormat("does not start with a CoMPASS record", file=path)
    samples = _usual_samples(path, dtype, offset) if content & WAVEFORM and not empty else 0
    if offset + dtype.itemsize + 2 * _first_samples(head, dtype, offset) > size and not empty:
        incomplete(path, options, byte_offset=0, events_kept=0, problem="ends inside the record")

    quantities = {
        name: quantity
        for name, quantity in QUANTITIES.items()
        if name in (dtype.names or ()) or (name == "waveform_adc" and content & WAVEFORM)
    }
    provenance: dict[str, Any] = {"format": FORMAT, "file": path.name, "samples": samples}
    if options.sample_interval_ns is not None:
        provenance["sample_interval_ns"] = options.sample_interval_ns

    def stream(events: int) -> Iterator[EventTable]:
        if empty:
            nothing = np.zeros(0, [("header", dtype), ("samples", "<u2", (0,))])
            yield _table(nothing, False, 0, quantities, provenance)  # noqa: FBT003
            return
        raw = np.memmap(path, np.uint8, mode="r")
        waiting: list[EventTable] = []
        kept = 0
        for run, bad in _runs(raw, offset, dtype, samples, path, options, events):
            table = _table(run, bad, samples, quantities, provenance)
            kept += len(table)
            waiting.append(table)
            while sum(map(len, waiting)) >= events:
                joined = EventTable.concatenate(waiting)
                yield joined.select(slice(events))
                waiting = [joined.select(slice(events, None))]
        if sum(map(len, waiting)):
            yield EventTable.concatenate(waiting)

    return EventFile(path, FORMAT, quantities, provenance, dtype.itemsize + 2 * samples, stream)


def _first_samples(head: bytes, dtype: np.dtype[Any], offset: int) -> int:
    """Return the length of the first waveform; 0 without waveforms."""
    if "sample_count" not in (dtype.names or ()) or len(head) < offset + dtype.itemsize:
        return 0
    return int(np.frombuffer(head, dtype, 1, offset)["sample_count"][0])


def _usual_samples(path: Path, dtype: np.dtype[Any], offset: int) -> int:
    """Return the length that most of the first waveforms have; the first of equals."""
    size = path.stat().st_size
    lengths: list[int] = []
    with open(path, "rb") as file:
        for _ in range(FIRST_WAVEFORMS):
            file.seek(offset)
            header = file.read(dtype.itemsize)
            if len(header) < dtype.itemsize or not _sane(np.frombuffer(header, dtype))[0]:
                break
            samples = int(np.frombuffer(header, dtype)["sample_count"][0])
            offset += dtype.itemsize + 2 * samples
            if offset > size:
                break
            lengths.append(samples)
    return mode(lengths) if lengths else 0


def _header_dtype(content: int) -> np.dtype[Any]:
    return np.dtype(
        [
            (name, kind)
            for name, kind in _FIELDS.items()
            if name not in _OPTIONAL or content & _OPTIONAL[name]
        ]
    )


def _sane(headers: NDArray[Any]) -> NDArray[np.bool_]:
    """Return which of some record headers are possible."""
    good = (
        (headers["board"] <= HIGHEST_BOARD)
        & (headers["channel"] <= HIGHEST_CHANNEL)
        & (headers["time_ps"] < LATEST_PS)
    )
    names = headers.dtype.names or ()
    if "sample_count" in names:
        good &= (headers["waveform_code"] <= HIGHEST_CODE) & (headers["sample_count"] <= LONGEST)
    if "energy_calibrated" in names:
        with np.errstate(invalid="ignore"):
            good &= np.abs(headers["energy_calibrated"]) < 1e9
    return np.asarray(good)


def _runs(
    raw: NDArray[np.uint8],
    offset: int,
    dtype: np.dtype[Any],
    samples: int,
    path: Path,
    options: ReadOptions,
    events: int,
) -> Iterator[tuple[NDArray[Any], bool]]:
    """Yield runs of records of the first one's length; others, and bad ones, one at a time.

    The flag says that the header is bad and the length was taken from the first record.
    """
    usual = np.dtype([("header", dtype), ("samples", "<u2", (samples,))])
    position, kept, size = offset, 0, len(raw)
    written = content_end(path, size)
    if size - written < 2 * dtype.itemsize:
        written = size  # zeros that a last record may well end in
    while position < size:
        # One more than is given out: a record is whole if another follows it, or the end.
        room = written + usual.itemsize - 1 if written < size else size
        count = min((min(room, size) - position) // usual.itemsize, events + 1)
        run = raw[position : position + count * usual.itemsize].view(usual)
        good = _sane(run["header"])
        if "sample_count" in (dtype.names or ()):
            good &= run["header"]["sample_count"] == samples
        length = count if good.all() else int(np.argmin(good))
        if length > events:
            yield run[:events], False
            kept += events
            position += events * usual.itemsize
            continue
        odd_at = position + length * usual.itemsize
        if written < size and odd_at >= written:
            half = odd_at - written > HALF_WRITTEN and length > 0
            yield run[: length - half], False
            incomplete(
                path,
                options,
                byte_offset=odd_at - half * usual.itemsize,
                events_kept=kept + length - half,
                problem="is filled with zeros",
            )
            return
        record, bad, problem = _odd_record(raw, odd_at, dtype, samples)
        if problem == DAMAGED:
            # Bytes are missing or too many before this, most likely in the record just before.
            length = max(length - 1, 0)
            odd_at = position + length * usual.itemsize
        if length:
            yield run[:length], False
            kept += length
        if record is None:
            if problem:
                incomplete(path, options, byte_offset=odd_at, events_kept=kept, problem=problem)
            return
        yield record, bad
        kept += 1
        position = odd_at + record.dtype.itemsize


def _odd_record(
    raw: NDArray[np.uint8], position: int, dtype: np.dtype[Any], samples: int
) -> tuple[NDArray[Any] | None, bool, str]:
    """Return the one record at *position* if its length, or the usual one, leads to another.

    At the end of the file there is none, and no problem.
    """
    size = len(raw)
    if position == size:
        return None, False, ""
    if position + dtype.itemsize > size:
        return None, False, "ends inside the record"
    header = raw[position : position + dtype.itemsize].view(dtype)
    possible = bool(_sane(header)[0])
    told = int(header["sample_count"][0]) if "sample_count" in (dtype.names or ()) else 0
    for length, bad in ((told, False), (samples, True)):
        if not bad and not possible:
            continue
        record = np.dtype([("header", dtype), ("samples", "<u2", (length,))])
        end = position + record.itemsize
        follower = raw[end : end + dtype.itemsize]
        whole = end == size or (
            len(follower) == dtype.itemsize and bool(_sane(follower.view(dtype))[0])
        )
        if end <= size and whole:
            return raw[position:end].view(record), bad, ""
    if possible and position + dtype.itemsize + 2 * told > size:
        return None, False, "ends inside the record"
    return None, False, DAMAGED


def _table(
    run: NDArray[Any],
    bad: bool,  # noqa: FBT001
    samples: int,
    quantities: dict[str, Quantity],
    provenance: dict[str, Any],
) -> EventTable:
    headers = run["header"]
    columns = {name: np.array(headers[name]) for name in headers.dtype.names or ()}
    status = np.zeros(len(run), np.uint16)
    for bits, flag in FLAGS.items():
        mark(status, (headers["flags"] & np.uint32(bits)) != 0, flag)
    if bad:
        mark(status, slice(None), Status.BAD_HEADER)
    if "waveform_adc" in quantities:
        waveforms = np.zeros((len(run), samples), np.uint16)
        length = min(samples, run["samples"].shape[1])
        waveforms[:, :length] = run["samples"][:, :length]
        if run["samples"].shape[1] != samples:
            mark(status, slice(None), Status.TRUNCATED)
        columns["waveform_adc"] = waveforms
    return EventTable(columns, quantities, status, provenance)


def _guess_content(path: Path, head: bytes, size: int) -> int:
    """Return what the records of a file without header hold: what makes most of them possible."""
    best, most = 0, 0
    for content in range(1, 16):
        dtype = _header_dtype(content)
        position, found = 0, 0
        last: tuple[int, int] | None = None
        while position + dtype.itemsize <= min(len(head), size) and found < 50:
            header = np.frombuffer(head, dtype, 1, position)
            told = int(header["sample_count"][0]) if content & WAVEFORM else 0
            shape = (int(header["board"][0]), told)
            # Across a few records, board and length stay what they are.
            if not _sane(header)[0] or (last is not None and shape != last):
                found = 0
                break
            last = shape
            position += dtype.itemsize + 2 * told
            found += 1
        if found > most:
            best, most = content, found
    if most < 2:
        raise UnsupportedFormat(
            "has no CoMPASS header, and no content of its records could be found by trying",
            file=path,
        )
    return best

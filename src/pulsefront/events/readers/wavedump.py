"""CAEN WaveDump binary files: one channel a file, records of one length.

A record is six little-endian u32 — its bytes with this header, board, pattern, channel, event
counter, trigger time tag — and then the samples: u16, f32 (x742 boards) or u8 (8-bit boards). The
header can be switched off, and then nothing in the file says where a record ends.

Records have one length, so the file is mapped, and reading the end of a run touches nothing else.
A record whose header disagrees with the others, but which sits where it should, is one bad event
(`Status.BAD_HEADER`); when the following header is not where it should be either, the file is
taken to be damaged from there on.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsefront.errors import ConfigError, UnsupportedFormat
from pulsefront.events.container import EventTable, Quantity, Status, mark
from pulsefront.events.readers.base import (
    ADC_COUNTS,
    EventFile,
    ReadOptions,
    incomplete,
    read_head,
)
from pulsefront.events.readers.records import chunked, map_records
from pulsefront.events.tags import TagUnwrapper

__all__ = ["FORMAT", "HEADERLESS", "open_file", "open_headerless", "recognises", "recognises_cut"]

FORMAT = "wavedump"
HEADERLESS = "wavedump-headerless"
HEADER_BYTES = 24
LONGEST_RECORD = 32 << 20  # bytes; boards hold at most 10.24 MS per channel
HIGHEST_BOARD = 31
HIGHEST_CHANNEL = 63
SAMPLE_DTYPES = {"u16": "<u2", "f32": "<f4", "u8": "u1"}

QUANTITIES = {
    "board": Quantity("1", "board number"),
    "channel": Quantity("1", "channel number on the board"),
    "pattern": Quantity("1", "pattern of the front panel inputs, as written"),
    "event_counter": Quantity("1", "event counter of the board, as written"),
    "trigger_tag": Quantity("ticks", "trigger time tag, as written; wraps"),
}
WAVEFORM = Quantity(ADC_COUNTS, "samples of the acquisition window")
TIME = Quantity("ns", "trigger time since tag 0, wraps counted")


def recognises(head: bytes, path: Path) -> bool:
    """Return whether the file at *path*, which starts with *head*, is one of these.

    One bad header does not make another format of it, two in a row do.
    """
    record, size = int.from_bytes(head[:4], "little"), path.stat().st_size
    if not _starts(head) or record > size:
        return False
    headers = []
    with open(path, "rb") as file:
        for number in (1, 2):
            file.seek(number * record)
            found = file.read(HEADER_BYTES)
            if len(found) == HEADER_BYTES:
                headers.append(np.frombuffer(found, "<u4", 6))
    return not headers or bool(_sane(np.stack(headers), record).any())


def recognises_cut(head: bytes, path: Path) -> bool:
    """Return whether the file might be one that ends within its first record.

    Hardly anything speaks for it but that it could be: to be asked when no other format fits.
    """
    return _starts(head) and int.from_bytes(head[:4], "little") > path.stat().st_size


def _starts(head: bytes) -> bool:
    record = int.from_bytes(head[:4], "little")
    enough = len(head) >= HEADER_BYTES
    return enough and bool(_sane(np.frombuffer(head, "<u4", 6)[None], record)[0])


def open_file(path: Path, options: ReadOptions) -> EventFile:
    """Open a file with record headers.

    Raises
    ------
    UnsupportedFormat
        The first record is no WaveDump record.
    TruncatedFile
        The file ends within its first record; or anywhere within a record, if reading is strict.
    """
    head = read_head(path, HEADER_BYTES)
    size = path.stat().st_size
    record = int.from_bytes(head[:4], "little")
    if len(head) < HEADER_BYTES:
        incomplete(path, options, byte_offset=0, events_kept=0, problem="ends inside a record")
    header = np.frombuffer(head, "<u4", 6)
    if not _sane(header[None], record)[0]:
        raise UnsupportedFormat(
            "does not start with a WaveDump record header",
            file=path,
            value=[int(word) for word in header],
            remedy="name the right one with --format (wavedump-headerless if it has no headers)",
        )
    if record > size:
        incomplete(path, options, byte_offset=0, events_kept=0, problem="ends inside the record")

    sample_type = _sample_type(path, record, size, options)
    dtype = _record_dtype(record - HEADER_BYTES, sample_type, path)
    records, whole = map_records(
        path, dtype, 0, options, lambda part: part["header"][:, 0] == record
    )

    def stream(events: int) -> Iterator[EventTable]:
        unwrap = TagUnwrapper(options.tag_bits)
        for part in chunked(records, whole, events):
            yield _table(part, record, header, unwrap, quantities, provenance, options)

    quantities = {**QUANTITIES, "waveform_adc": WAVEFORM}
    if options.tag_interval_ns is not None:
        quantities["time_ns"] = TIME
    provenance: dict[str, Any] = {
        "format": FORMAT,
        "file": path.name,
        "sample_type": sample_type,
        "events": whole,
    }
    if options.sample_interval_ns is not None:
        provenance["sample_interval_ns"] = options.sample_interval_ns
    return EventFile(path, FORMAT, quantities, provenance, record, stream)


def open_headerless(path: Path, options: ReadOptions) -> EventFile:
    """Open a file that holds nothing but samples.

    Raises
    ------
    ConfigError
        ``record_samples`` is not given.
    TruncatedFile
        The file is shorter than one record; or not a whole number of them, if reading is strict.
    """
    read_head(path, 1)
    if options.record_samples is None or options.record_samples < 1:
        raise ConfigError(
            "a file without headers does not say how long its records are",
            file=path,
            field="record_samples",
            value=options.record_samples,
            remedy="give --record-samples",
        )
    sample_type = "u16" if options.sample_type == "auto" else options.sample_type
    dtype = np.dtype((SAMPLE_DTYPES[sample_type], (options.record_samples,)))
    size = path.stat().st_size
    whole, rest = divmod(size, dtype.itemsize)
    if rest:
        incomplete(
            path,
            options,
            byte_offset=whole * dtype.itemsize,
            events_kept=whole,
            problem="ends inside the record",
        )
    samples = np.memmap(
        path, SAMPLE_DTYPES[sample_type], mode="r", shape=(whole, options.record_samples)
    )

    def stream(events: int) -> Iterator[EventTable]:
        for part in chunked(samples, whole, events):
            waveforms = np.array(part)
            yield EventTable(
                {"waveform_adc": waveforms}, quantities, _finite_status(waveforms), provenance
            )

    quantities = {"waveform_adc": WAVEFORM}
    provenance: dict[str, Any] = {
        "format": HEADERLESS,
        "file": path.name,
        "sample_type": sample_type,
        "events": whole,
    }
    if options.sample_interval_ns is not None:
        provenance["sample_interval_ns"] = options.sample_interval_ns
    return EventFile(path, HEADERLESS, quantities, provenance, dtype.itemsize, stream)


def _sane(headers: NDArray[Any], record: int) -> NDArray[np.bool_]:
    """Return, for headers (event, 6), which could head a record of *record* bytes."""
    return np.asarray(
        (headers[:, 0] == record)
        & (HEADER_BYTES < record <= LONGEST_RECORD)
        & (headers[:, 1] <= HIGHEST_BOARD)
        & (headers[:, 3] <= HIGHEST_CHANNEL)
    )


def _record_dtype(payload: int, sample_type: str, path: Path) -> np.dtype[Any]:
    sample = np.dtype(SAMPLE_DTYPES[sample_type])
    if payload % sample.itemsize:
        raise UnsupportedFormat(
            f"has {payload} bytes of samples per record, not a whole number of {sample_type}",
            file=path,
            remedy="choose another --sample-type",
        )
    return np.dtype([("header", "<u4", (6,)), ("samples", sample, (payload // sample.itemsize,))])


def _sample_type(path: Path, record: int, size: int, options: ReadOptions) -> str:
    """Return how the samples are written, from the first record unless it was said.

    ADC counts of up to 14 bits never have their top two bits set, which two 8-bit counts side by
    side near or above half range do, and a f32 of more than 2 does in its upper half. Most samples
    decide, so that a damaged one does not. 8-bit data below a quarter of the range must be named.
    """
    if options.sample_type != "auto":
        return options.sample_type
    payload = min(record, size) - HEADER_BYTES
    raw = np.fromfile(path, np.uint8, count=payload, offset=HEADER_BYTES)
    if payload % 4 == 0:
        with np.errstate(invalid="ignore"):
            floats = np.abs(raw.view("<f4").astype(np.float64))
        usable = floats[np.isfinite(floats) & (floats < 1e5)]
        if len(usable) > 0.9 * len(floats) and np.median(usable) > 2:
            return "f32"
    if payload % 2 or np.median(raw.view("<u2")) > 0x3FFF:
        return "u8"
    return "u16"


def _table(
    part: NDArray[Any],
    record: int,
    first: NDArray[Any],
    unwrap: TagUnwrapper,
    quantities: dict[str, Quantity],
    provenance: dict[str, Any],
    options: ReadOptions,
) -> EventTable:
    headers = np.array(part["header"])
    waveforms = np.array(part["samples"])
    columns: dict[str, NDArray[Any]] = {
        "board": headers[:, 1],
        "channel": headers[:, 3],
        "pattern": headers[:, 2],
        "event_counter": headers[:, 4],
        "trigger_tag": headers[:, 5],
        "waveform_adc": waveforms,
    }
    if options.tag_interval_ns is not None:
        columns["time_ns"] = unwrap(headers[:, 5]) * float(options.tag_interval_ns)
    status = _finite_status(waveforms)
    same = _sane(headers, record) & (headers[:, 1] == first[1]) & (headers[:, 3] == first[3])
    mark(status, ~same, Status.BAD_HEADER)
    return EventTable(columns, quantities, status, provenance)


def _finite_status(waveforms: NDArray[Any]) -> NDArray[np.uint16]:
    status = np.zeros(len(waveforms), np.uint16)
    if waveforms.dtype.kind == "f":
        mark(status, ~np.isfinite(waveforms).all(axis=1), Status.NOT_FINITE)
    return status

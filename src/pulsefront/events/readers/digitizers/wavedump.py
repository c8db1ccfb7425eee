"""CAEN WaveDump binary files: one channel a file, records of one length.

A record is six little-endian u32 — its bytes with this header, board, pattern, channel, event
counter, trigger time tag — and then the samples: u16, f32 (x742 boards) or u8 (8-bit boards). The
header can be switched off (`pulsefront.events.readers.digitizers.wavedump_headerless`).

Records have one length, so the file is mapped, and reading the end of a run touches nothing else.
A record whose header disagrees with the others, but which sits where it should, is one bad event
(`Status.BAD_HEADER`); when the following header is not where it should be either, another length
may begin there; otherwise the file is taken to be damaged from there on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from pulsefront.errors import UnsupportedFormat
from pulsefront.events.container import EventTable, Quantity, Status, mark
from pulsefront.events.readers.base import (
    ADC_COUNTS,
    EventFile,
    ReadOptions,
    first_named,
    incomplete,
    left_out,
    read_head,
)
from pulsefront.events.readers.digitizers.sample_width import (
    SAMPLE_DTYPES,
    WidthChoice,
    choose_width,
)
from pulsefront.events.readers.digitizers.stretches import (
    HEADER_BYTES,
    Stretch,
    could_head,
    find_stretches,
    header_at,
    headers_of,
    records_of,
)
from pulsefront.events.tags import TagClock, TagUnwrapper

__all__ = ["FORMAT", "WAVEFORM", "finite_status", "open_file", "recognises", "recognises_cut"]

FORMAT = "wavedump"
LOOKED_AT = 24
LONGEST_LOOK = 1 << 16
CHAINED = 3
"""Headers in a row, each where the one before says, make records of changing lengths."""

QUANTITIES = {
    "board": Quantity("1", "board number"),
    "channel": Quantity("1", "channel number on the board"),
    "pattern": Quantity("1", "pattern of the front panel inputs, as written"),
    "event_counter": Quantity("1", "event counter of the board, as written"),
    "trigger_tag": Quantity(
        "ticks",
        "trigger time tag, as written; wraps, maybe unseen (--tag-interval-ns makes a time)",
    ),
}
WAVEFORM = Quantity(ADC_COUNTS, "samples of the acquisition window")
TIME = Quantity("ns", "trigger time since tag 0, wraps counted")


def recognises(head: bytes, path: Path) -> bool:
    """Return whether the file at *path*, which starts with *head*, is one of these.

    One bad header does not make another format of it, two in a row do. The length may change from
    record to record, where each header lies where the one before says.
    """
    record, size = int.from_bytes(head[:4], "little"), path.stat().st_size
    if not _starts(head) or record > size:
        return False
    with open(path, "rb") as file:
        headers = [header_at(file, number * record) for number in (1, 2)]
        second = headers[0]
        if second is not None and second[0] != record and _chained(file, second, record, size):
            return True
    found = [header for header in headers if header is not None]
    return not found or bool(could_head(np.stack(found), record).any())


def _chained(file: BinaryIO, second: NDArray[Any], offset: int, size: int) -> bool:
    """Return whether the record at *offset*, of a length of its own, and two more follow in turn.

    Two are enough where they are of one length, and fewer that end where the file does.
    """
    lengths: list[int] = []
    header = second
    while len(lengths) < CHAINED:
        alike = bool((header[[1, 3]] == second[[1, 3]]).all())
        if not alike or not could_head(header[None], int(header[0]))[0]:
            return False
        lengths.append(int(header[0]))
        if lengths[:2] == [lengths[0]] * 2:
            return True
        offset += int(header[0])
        found = header_at(file, offset)
        if found is None:
            return offset == size
        header = found
    return True


def recognises_cut(head: bytes, path: Path) -> bool:
    """Return whether the file might be one that ends within its first record.

    Hardly anything speaks for it but that it could be: to be asked when no other format fits.
    """
    return _starts(head) and int.from_bytes(head[:4], "little") > path.stat().st_size


def _starts(head: bytes) -> bool:
    record = int.from_bytes(head[:4], "little")
    enough = len(head) >= HEADER_BYTES
    return enough and bool(could_head(np.frombuffer(head, "<u4", 6)[None], record)[0])


def open_file(path: Path, options: ReadOptions) -> EventFile:
    """Open a file with record headers.

    Raises
    ------
    UnsupportedFormat
        The first record is no WaveDump record, or two sample types fit equally well.
    TruncatedFile
        The file ends within its first record; or anywhere within a record, if reading is strict.
    """
    head = read_head(path, HEADER_BYTES)
    size = path.stat().st_size
    record = int.from_bytes(head[:4], "little")
    if len(head) < HEADER_BYTES:
        incomplete(path, options, byte_offset=0, events_kept=0, problem="ends inside a record")
    header = np.frombuffer(head, "<u4", 6)
    if not could_head(header[None], record)[0]:
        raise UnsupportedFormat(
            "does not start with a WaveDump record header",
            file=path,
            value=[int(word) for word in header],
            remedy="name the right one with --format (wavedump-headerless if it has no headers)",
        )
    if record > size:
        incomplete(path, options, byte_offset=0, events_kept=0, problem="ends inside the record")

    kept, choice = _kept_stretches(path, size, options)
    record, whole = kept[0].record, sum(stretch.count for stretch in kept)
    dtype = _record_dtype(record - HEADER_BYTES, choice.sample_type, path)
    tags = _tag_clock(path, kept, options)

    def stream(events: int) -> Iterator[EventTable]:
        unwrap = tags.unwrapper()
        for part in records_of(path, kept, dtype, events):
            yield _table(part, record, header, unwrap, quantities, provenance, options)
        unwrap.tell()

    quantities = {**QUANTITIES, "waveform_adc": WAVEFORM}
    if options.tag_interval_ns is not None:
        quantities["time_ns"] = TIME
    provenance: dict[str, Any] = {
        "format": FORMAT,
        "file": path.name,
        "sample_type": choice.sample_type,
        "sample_type_because": choice.reason,
        "events": whole,
    }
    if options.sample_interval_ns is not None:
        provenance["sample_interval_ns"] = options.sample_interval_ns
    return EventFile(path, FORMAT, quantities, provenance, record, stream)


def _kept_stretches(
    path: Path, size: int, options: ReadOptions
) -> tuple[list[Stretch], WidthChoice]:
    """Return the stretches of the length that most events have; say what else is there."""
    stretches, end, problem, holes = find_stretches(path, size)
    counts: Counter[int] = Counter()
    for stretch in stretches:
        counts[stretch.record] += stretch.count
    record = counts.most_common(1)[0][0]
    kept = [stretch for stretch in stretches if stretch.record == record]
    whole = counts[record]
    if problem:
        # Told before the sample type is chosen: without one whole record there is none to choose.
        incomplete(path, options, byte_offset=end, events_kept=whole, problem=problem)
    if holes:
        places = (f"{start} to {stop}" for start, stop in holes)
        told = first_named(places, len(holes), " places")
        left_out(
            path,
            options,
            byte_offset=holes[0][0],
            events_kept=whole,
            problem=f"holds no records from byte {told}; "
            f"the {whole} whole events before and behind are kept",
        )
    choice = _sample_type(path, kept, options)
    others = [stretch for stretch in stretches if stretch.record != record and stretch.count]
    if others:
        width = np.dtype(SAMPLE_DTYPES[choice.sample_type]).itemsize
        parts = (
            f"{stretch.count} of {(stretch.record - HEADER_BYTES) // width} samples "
            f"from byte {stretch.offset} on"
            for stretch in others
        )
        told = first_named(parts, len(others), " stretches")
        left_out(
            path,
            options,
            byte_offset=others[0].offset,
            events_kept=whole,
            problem=f"the record length changes: the {whole} events of "
            f"{(record - HEADER_BYTES) // width} samples are kept, left out are {told}",
        )
    return kept, choice


def _tag_clock(path: Path, kept: list[Stretch], options: ReadOptions) -> TagClock:
    """Return what is said, or what all tags of the file tell, of their width."""
    if options.tag_interval_ns is None or options.tag_bits is not None:
        return TagClock(options.tag_bits, 0, str(path))
    parts = (headers_of(path, stretch)[:, 5] for stretch in kept if stretch.count)
    return TagClock.of_tags(parts, str(path))


def _record_dtype(payload: int, sample_type: str, path: Path) -> np.dtype[Any]:
    sample = np.dtype(SAMPLE_DTYPES[sample_type])
    if payload % sample.itemsize:
        raise UnsupportedFormat(
            f"has {payload} bytes of samples per record, not a whole number of {sample_type}",
            file=path,
            remedy="choose another --sample-type",
        )
    return np.dtype([("header", "<u4", (6,)), ("samples", sample, (payload // sample.itemsize,))])


def _sample_type(path: Path, kept: list[Stretch], options: ReadOptions) -> WidthChoice:
    """Return how the samples are written: as said, by the length said, or as some records tell."""
    if options.sample_type != "auto":
        return WidthChoice(options.sample_type, "as said")
    payload = kept[0].record - HEADER_BYTES
    if options.record_samples is not None:
        width = payload / options.record_samples
        for name, dtype in SAMPLE_DTYPES.items():
            if np.dtype(dtype).itemsize == width:
                return WidthChoice(name, f"{payload} bytes for {options.record_samples} samples")
        raise UnsupportedFormat(
            f"has {payload} bytes of samples per record, no sample type for the length said",
            file=path,
            field="record_samples",
            value=options.record_samples,
            remedy="leave --record-samples away: the headers say the length",
        )
    offsets = np.concatenate([s.offset + s.record * np.arange(s.count) for s in kept])
    chosen = np.unique(np.linspace(0, max(len(offsets) - 1, 0), LOOKED_AT).astype(np.int64))
    # A whole number of every sample type, so that all of them are asked the same.
    length = payload if payload <= LONGEST_LOOK else LONGEST_LOOK
    with open(path, "rb") as file:
        payloads = []
        for offset in offsets[chosen]:
            file.seek(int(offset) + HEADER_BYTES)
            payloads.append(np.frombuffer(file.read(length), np.uint8))
    return choose_width(payloads, path)


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
        ticks = unwrap(headers[:, 5], headers[:, 4])
        columns["time_ns"] = ticks * float(options.tag_interval_ns)
    status = finite_status(waveforms)
    same = could_head(headers, record) & (headers[:, 1] == first[1]) & (headers[:, 3] == first[3])
    mark(status, ~same, Status.BAD_HEADER)
    return EventTable(columns, quantities, status, provenance)


def finite_status(waveforms: NDArray[Any]) -> NDArray[np.uint16]:
    """Return the status of waveforms of which nothing but their samples can be wrong."""
    status = np.zeros(len(waveforms), np.uint16)
    if waveforms.dtype.kind == "f":
        mark(status, ~np.isfinite(waveforms).all(axis=1), Status.NOT_FINITE)
    return status

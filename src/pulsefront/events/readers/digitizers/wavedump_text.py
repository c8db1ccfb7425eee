"""CAEN WaveDump text files: header lines (``Record Length: 1024`` …), then a sample a line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
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
    left_out,
    read_head,
)
from pulsefront.events.readers.numbers import NO_NUMBER, WHOLE, parse_lines
from pulsefront.events.readers.text_blocks import text_blocks
from pulsefront.events.tags import TagUnwrapper

__all__ = ["FORMAT", "open_file", "recognises"]

FORMAT = "wavedump-text"
START = b"Record Length:"
FOLLOWS = b"\n" + START
HEAD = 1 << 16

QUANTITIES = {
    "board": Quantity("1", "board number"),
    "channel": Quantity("1", "channel number on the board"),
    "pattern": Quantity("1", "pattern of the front panel inputs, as written"),
    "event_counter": Quantity("1", "event counter of the board, as written"),
    "trigger_tag": Quantity("ticks", "trigger time tag, as written; wraps"),
}
WAVEFORM = Quantity(ADC_COUNTS, "samples of the acquisition window")
TIME = Quantity("ns", "trigger time since tag 0, wraps counted")
KEYS = {
    b"Record Length": "length",
    b"BoardID": "board",
    b"Channel": "channel",
    b"Event Number": "event_counter",
    b"Pattern": "pattern",
    b"Trigger Time Stamp": "trigger_tag",
}
HEADER_LINES = re.compile(rb"\s*Record Length:[^\n]*(?:\n[A-Za-z][^\n]*)*\n?")


def recognises(head: bytes, path: Path) -> bool:  # noqa: ARG001 - readers share a signature
    """Return whether the file starts with the first header line."""
    return head.lstrip().startswith(START)


def open_file(path: Path, options: ReadOptions) -> EventFile:
    """Open a text file; damage is raised, or warned of, when its events are read.

    Raises
    ------
    UnsupportedFormat
        The file does not start with a WaveDump header, or states an impossible length.
    """
    head = read_head(path, HEAD)
    if not recognises(head, path):
        raise UnsupportedFormat("does not start with 'Record Length:'", file=path)
    length, size = _usual_length(head), path.stat().st_size
    first = _whole(head.lstrip().split(b"\n", 1)[0].split(b":", 1)[1])
    # Every sample takes at least a digit and a line end.
    if length is None or first is None or not 0 < max(first, length) <= size // 2:
        raise UnsupportedFormat(
            "states a record length that its size cannot hold", file=path, value=first
        )
    samples_at = _header(head[head.index(START) :])[1]
    floats = b"." in head[head.index(START) + samples_at :][: 20 * 8].partition(START)[0]
    quantities = {**QUANTITIES, "waveform_adc": WAVEFORM}
    if options.tag_interval_ns is not None:
        quantities["time_ns"] = TIME
    provenance: dict[str, Any] = {"format": FORMAT, "file": path.name}
    if options.sample_interval_ns is not None:
        provenance["sample_interval_ns"] = options.sample_interval_ns

    def stream(events: int) -> Iterator[EventTable]:
        unwrap = TagUnwrapper(options.tag_bits, where=str(path))
        headers: list[dict[str, int]] = []
        waveforms: list[NDArray[Any]] = []
        for header, waveform in _records(path, length, options, floats=floats):
            headers.append(header)
            waveforms.append(waveform)
            if len(headers) == events:
                yield _table(headers, waveforms, unwrap, quantities, provenance, options)
                headers, waveforms = [], []
        if headers:
            yield _table(headers, waveforms, unwrap, quantities, provenance, options)
        unwrap.tell()

    return EventFile(path, FORMAT, quantities, provenance, 2 * length, stream)


def _usual_length(head: bytes) -> int | None:
    """Return the length that the first records state: of the second where the first is alone."""
    stated = [part.split(b"\n", 1)[0] for part in head.split(START)[1:]]
    lengths = [_whole(words) for words in stated]
    if not lengths:
        return None
    repeated = [n for n, following in pairwise(lengths) if n == following]
    return repeated[0] if repeated else lengths[0]


def _records(
    path: Path, length: int, options: ReadOptions, *, floats: bool
) -> Iterator[tuple[dict[str, int], NDArray[Any]]]:
    """Yield header and samples of every record of *length* samples; say what is left out."""
    kept, others = 0, 0
    first_other = (0, 0)
    for start, record in _record_texts(path):
        header, samples_at = _header(record)
        stated = header.pop("length") if header is not None else 0
        waveform, used = _samples(record[samples_at:], max(stated, 0), floats=floats)
        if header is None or waveform is None:
            problem = "ends inside the record" if header else "is damaged (no record header)"
            incomplete(path, options, byte_offset=start, events_kept=kept, problem=problem)
            break
        if stated == length:
            kept += 1
            yield header, waveform
        else:
            first_other = first_other if others else (start, stated)
            others += 1
        if record[samples_at + used :].strip():
            at, problem = start + samples_at + used, "is damaged (no record header)"
            incomplete(path, options, byte_offset=at, events_kept=kept, problem=problem)
            break
    if others:
        left_out(
            path,
            options,
            byte_offset=first_other[0],
            events_kept=kept,
            problem=f"{others} records of other lengths than {length} samples are left out, the "
            f"first of {first_other[1]} samples at byte {first_other[0]}",
        )


def _record_texts(path: Path) -> Iterator[tuple[int, bytes]]:
    """Yield the text of every record, and where it starts."""
    waiting, waiting_at = b"", 0
    for offset, block in text_blocks(path):
        if not waiting:
            waiting_at = offset
        waiting += block
        # What follows the last header may go on in the next block.
        start = 0
        while (follows := waiting.find(FOLLOWS, start + 1)) >= 0:
            yield waiting_at + start, waiting[start : follows + 1]
            start = follows + 1
        waiting, waiting_at = waiting[start:], waiting_at + start
    if waiting.strip():
        yield waiting_at, waiting


def _header(record: bytes) -> tuple[dict[str, int] | None, int]:
    """Return the header of a record, and where its samples start; None if it is none."""
    found = HEADER_LINES.match(record)
    if found is None:
        return None, 0
    header = dict.fromkeys(KEYS.values(), 0)
    # WaveDump also writes "DC offset (DAC)", with or without a colon; then samples.
    for line in found[0].split(b"\n"):
        key, _, text = line.partition(b":")
        name = KEYS.get(key.strip())
        if name is not None:
            number = _whole(text)
            if number is None and name != "length":
                return None, 0
            header[name] = -1 if number is None else number
    return header, found.end()


def _samples(text: bytes, length: int, *, floats: bool) -> tuple[NDArray[Any] | None, int]:
    """Return the samples of the first *length* lines, and the bytes they take; None if there are
    fewer, or one is no sample.
    """
    fields = parse_lines(text)
    lines = len(fields.starts) - 1
    # Every line has a field at least: as many of either are one each.
    if length < 1 or lines < length or fields.starts[length] != length:
        return None, 0
    # The last line of a whole file may lack its end; one cut inside a number looks the same.
    if lines == length and not text.endswith(b"\n"):
        return None, 0
    kind, used = fields.kind[:length], int(fields.offsets[length])
    if floats:
        real = fields.real[:length].astype(np.float32)
        return (None if (kind == NO_NUMBER).any() else real), used
    numbers = fields.whole[:length]
    whole = (kind == WHOLE) & (numbers >= 0) & (numbers <= 65535)
    return (numbers.astype(np.uint16) if whole.all() else None), used


def _whole(text: bytes) -> int | None:
    word = text.strip().split(b" ")[0]
    try:
        number = int(word, 16 if word[:2].lower() == b"0x" else 10)
    except ValueError:
        return None
    return number if 0 <= number < 1 << 62 else None


def _table(
    headers: list[dict[str, int]],
    waveforms: list[NDArray[Any]],
    unwrap: TagUnwrapper,
    quantities: dict[str, Quantity],
    provenance: dict[str, Any],
    options: ReadOptions,
) -> EventTable:
    columns: dict[str, NDArray[Any]] = {
        name: np.array([header[name] for header in headers], np.int64) for name in QUANTITIES
    }
    columns["waveform_adc"] = np.stack(waveforms)
    if options.tag_interval_ns is not None:
        columns["time_ns"] = unwrap(columns["trigger_tag"], columns["event_counter"]) * float(
            options.tag_interval_ns
        )
    status = np.zeros(len(headers), np.uint16)
    if columns["waveform_adc"].dtype.kind == "f":
        bad = np.asarray(~np.isfinite(columns["waveform_adc"]).all(axis=1))
        mark(status, bad, Status.NOT_FINITE)
    return EventTable(columns, quantities, status, provenance)

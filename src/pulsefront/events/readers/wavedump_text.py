"""CAEN WaveDump text files: header lines (``Record Length: 1024`` …), then a sample a line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

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
from pulsefront.events.tags import TagUnwrapper

__all__ = ["FORMAT", "open_file", "recognises"]

FORMAT = "wavedump-text"
START = b"Record Length:"
LONGEST_LINE = 256

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
    "BoardID": "board",
    "Channel": "channel",
    "Event Number": "event_counter",
    "Pattern": "pattern",
    "Trigger Time Stamp": "trigger_tag",
}


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
    head = read_head(path, 4096)
    if not recognises(head, path):
        raise UnsupportedFormat("does not start with 'Record Length:'", file=path)
    length = _whole(head.lstrip().split(b"\n", 1)[0].split(b":", 1)[1])
    size = path.stat().st_size
    # Every sample takes at least a digit and a line end.
    if length is None or not 0 < length <= size // 2:
        raise UnsupportedFormat(
            "states a record length that its size cannot hold", file=path, value=length
        )
    floats = b"." in head.split(b"\n", 20)[-1]
    quantities = {**QUANTITIES, "waveform_adc": WAVEFORM}
    if options.tag_interval_ns is not None:
        quantities["time_ns"] = TIME
    provenance: dict[str, Any] = {"format": FORMAT, "file": path.name}
    if options.sample_interval_ns is not None:
        provenance["sample_interval_ns"] = options.sample_interval_ns

    def stream(events: int) -> Iterator[EventTable]:
        unwrap = TagUnwrapper(options.tag_bits)
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

    return EventFile(path, FORMAT, quantities, provenance, 2 * length, stream)


def _records(
    path: Path, length: int, options: ReadOptions, *, floats: bool
) -> Iterator[tuple[dict[str, int], NDArray[Any]]]:
    kept = 0
    with open(path, "rb") as file:
        while True:
            start = file.tell()
            header, problem = _header(file)
            if header is None and problem is None:
                return
            waveform = None
            if header is not None and header.pop("length") == length:
                waveform = _samples(file, length, floats=floats)
                problem = None if waveform is not None else "ends inside the record"
            elif problem is None:
                problem = "is damaged (another record length)"
            if header is None or waveform is None:
                incomplete(
                    path,
                    options,
                    byte_offset=start,
                    events_kept=kept,
                    problem=problem or "is damaged",
                )
                return
            kept += 1
            yield header, waveform


def _header(file: IO[bytes]) -> tuple[dict[str, int] | None, str | None]:
    """Return the next header; None and None at the end of the file."""
    line = file.readline(LONGEST_LINE)
    while line and not line.strip():
        line = file.readline(LONGEST_LINE)
    if not line:
        return None, None
    if not line.startswith(START):
        return None, "is damaged (no record header)"
    header = dict.fromkeys(KEYS.values(), 0)
    length = _whole(line.split(b":", 1)[1])
    header["length"] = -1 if length is None else length
    while True:
        line_start = file.tell()
        line = file.readline(LONGEST_LINE)
        key, colon, text = line.decode("latin-1").partition(":")
        if not colon:
            # WaveDump also writes "DC offset (DAC)", with or without a colon; then samples.
            if key[:1].isalpha():
                continue
            file.seek(line_start)
            return header, None
        name = KEYS.get(key.strip())
        if name is not None:
            number = _whole(text.encode("latin-1"))
            if number is None:
                return None, "is damaged (no number in a header line)"
            header[name] = number


def _samples(file: IO[bytes], length: int, *, floats: bool) -> NDArray[Any] | None:
    # At most 64 characters a sample: a file without line ends is not read as a whole.
    lines = [file.readline(64) for _ in range(length)]
    if not lines[-1].endswith(b"\n") and length:
        # The last line of a whole file may lack its end; one cut inside a number looks the same.
        return None
    try:
        values = np.array([float(line) for line in lines])
    except ValueError:
        return None
    if floats:
        return values.astype(np.float32)
    if not ((values >= 0) & (values <= 65535) & (values == np.floor(values))).all():
        return None
    return values.astype(np.uint16)


def _whole(text: bytes) -> int | None:
    word = text.strip().split(b" ")[0].decode("latin-1")
    try:
        number = int(word, 16 if word.lower().startswith("0x") else 10)
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
        columns["time_ns"] = unwrap(columns["trigger_tag"]) * float(options.tag_interval_ns)
    status = np.zeros(len(headers), np.uint16)
    if columns["waveform_adc"].dtype.kind == "f":
        bad = np.asarray(~np.isfinite(columns["waveform_adc"]).all(axis=1))
        mark(status, bad, Status.NOT_FINITE)
    return EventTable(columns, quantities, status, provenance)

"""WaveCatcher binary files (LAL/IJCLab, software V2.10): all channels of an event together.

Four lines of text, then per event ``<i d 7I Q i>`` (event, epoch time, date in seven words, TDC,
channels), and per channel 3 × i32 (channel, event in the sampling block, first cell), 6 × f32 of
the board's own measurements where they are on, and i16 samples of 2.5 V / 40,960.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pulsefront.errors import UnsupportedFormat
from pulsefront.events.container import EventTable, Quantity, Status, mark
from pulsefront.events.readers.base import ADC_COUNTS, EventFile, ReadOptions, read_head
from pulsefront.events.readers.digitizers.records import chunked, map_records

__all__ = ["FORMAT", "open_file", "recognises"]

FORMAT = "wavecatcher"
MILLIVOLTS_PER_COUNT = 2500.0 / 40960.0
START = b"=== DATA FILE SAVED WITH SOFTWARE VERSION"
MOST_CHANNELS = 64
MOST_SAMPLES = 1024

QUANTITIES = {
    "event_number": Quantity("1", "event number"),
    "epoch_s": Quantity("s", "time of the event since 1970"),
    "tdc": Quantity("ticks", "time counter of the controller, as written"),
    "channel": Quantity("1", "channel number"),
    "first_cell": Quantity("1", "first cell of the sampling array"),
    "waveform_adc": Quantity(ADC_COUNTS, "samples; 2.5 V / 40,960 a count"),
}
MEASUREMENTS = Quantity(
    "1",
    "the board's own, as written: baseline, amplitude, charge, rise and fall time, trigger rate",
)


class _Header(NamedTuple):
    """What the four lines of text say; ``events_at`` is in bytes from the start of the file."""

    events_at: int
    channels: int
    samples: int
    interval_ns: float
    measured: bool
    software: str


def recognises(head: bytes, path: Path) -> bool:  # noqa: ARG001 - readers share a signature
    """Return whether the file starts as WaveCatcher files do."""
    return head.startswith(START)


def open_file(path: Path, options: ReadOptions) -> EventFile:
    """Open a WaveCatcher file.

    Raises
    ------
    UnsupportedFormat
        The four lines are not there, or say something that this reader does not know.
    TruncatedFile
        Not one whole event; or the end is damaged, if reading is strict.
    """
    told = _header(read_head(path, 8192), path)
    dtype = _event_dtype(told)

    def sane(events: NDArray[Any]) -> NDArray[np.bool_]:
        return np.asarray(
            (events["channels"] == told.channels)
            & (events["date"][:, 1] <= 12)
            & (events["date"][:, 2] <= 31)
            & (events["per_channel"]["channel"] < MOST_CHANNELS).all(axis=1)
            & (events["per_channel"]["channel"] >= 0).all(axis=1)
        )

    records, whole = map_records(path, dtype, told.events_at, options, sane)
    quantities = {**QUANTITIES, "measurements": MEASUREMENTS} if told.measured else QUANTITIES
    # Of a run without events there is no first one, and none to compare with it.
    first_channels = np.array(records["per_channel"]["channel"][:1])

    def stream(events: int) -> Iterator[EventTable]:
        for part in chunked(records, whole, events):
            columns = _columns(part, measured=told.measured)
            status = np.zeros(len(part), np.uint16)
            same = (columns["channel"] == first_channels).all(axis=1)
            mark(status, ~(sane(part) & same), Status.BAD_HEADER)
            yield EventTable(columns, quantities, status, provenance)

    provenance: dict[str, Any] = {
        "format": FORMAT,
        "file": path.name,
        "software": told.software,
        "sample_interval_ns": told.interval_ns,
        "millivolts_per_count": MILLIVOLTS_PER_COUNT,
        "events": whole,
    }
    return EventFile(path, FORMAT, quantities, provenance, dtype.itemsize, stream)


def _columns(part: NDArray[Any], *, measured: bool) -> dict[str, NDArray[Any]]:
    per_channel = part["per_channel"]
    columns = {
        "event_number": np.array(part["event"]),
        "epoch_s": np.array(part["epoch"]),
        "tdc": np.array(part["tdc"]),
        "channel": np.array(per_channel["channel"]),
        "first_cell": np.array(per_channel["first_cell"]),
        "waveform_adc": np.array(per_channel["samples"]),
    }
    if measured:
        columns["measurements"] = np.array(per_channel["measurements"])
    return columns


def _header(head: bytes, path: Path) -> _Header:
    """Return what the four lines say.

    Raises
    ------
    UnsupportedFormat
        They are not there, or say something that this reader does not know.
    """
    events_at = _header_length(head)
    if not head.startswith(START) or events_at is None:
        raise UnsupportedFormat("does not start with the four lines of a WaveCatcher", file=path)
    text = head[:events_at].decode("latin-1")
    channels = _number(text, r"NB OF CHANNELS ACQUIRED:\s*(\d+)", path)
    samples = _number(text, r"DATA SAMPLES \[(\d+)\]", path)
    interval_ns = _number(text, r"Sampling Period:\s*([\d.]+)\s*ps", path) / 1000.0
    measured = _number(text, r"MEASUREMENTS:\s*(\d+)", path) != 0
    if not 1 <= channels <= MOST_CHANNELS or not 1 <= samples <= MOST_SAMPLES:
        raise UnsupportedFormat(
            "has an impossible number of channels or samples", file=path, value=(channels, samples)
        )
    version = re.search(r"VERSION:\s*(V[\d.]+)", text)
    software = version[1] if version else "unknown"
    return _Header(events_at, int(channels), int(samples), interval_ns, measured, software)


def _header_length(head: bytes) -> int | None:
    position = 0
    for _ in range(4):
        position = head.find(b"\n", position) + 1
        if position == 0:
            return None
    return position


def _number(text: str, pattern: str, path: Path) -> float:
    match = re.search(pattern, text)
    try:
        return float(match[1]) if match else _missing(pattern, path)
    except ValueError:
        return _missing(pattern, path)


def _missing(pattern: str, path: Path) -> float:
    raise UnsupportedFormat(
        "lacks something in its four lines", file=path, field=re.split(r"[:\\]", pattern)[0]
    )


def _event_dtype(told: _Header) -> np.dtype[Any]:
    channel: list[tuple[Any, ...]] = [
        ("channel", "<i4"),
        ("block_event", "<i4"),
        ("first_cell", "<i4"),
    ]
    if told.measured:
        channel.append(("measurements", "<f4", (6,)))
    channel.append(("samples", "<i2", (told.samples,)))
    return np.dtype(
        [
            ("event", "<i4"),
            ("epoch", "<f8"),
            ("date", "<u4", (7,)),
            ("tdc", "<u8"),
            ("channels", "<i4"),
            ("per_channel", channel, (told.channels,)),
        ]
    )

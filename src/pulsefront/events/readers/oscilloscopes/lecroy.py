"""LeCroy oscilloscope traces (.trc, template LECROY_2_3): one sweep or a sequence of segments.

A wave descriptor of 346 bytes says how long the blocks are that follow it: user text, trigger
times of a sequence (per segment two f64, the trigger since the first one's and the first sample
since the trigger, in s) and the samples, one or two bytes each. The samples are mapped, not read,
so that a long sequence streams. Checked against the ``lecroyscope`` package.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

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

__all__ = ["FORMAT", "open_file", "recognises"]

FORMAT = "lecroy"
MARK = b"WAVEDESC"
LARGEST = 1e12
"""No time in s, gain or offset in V of a trace is as large: 30,000 years, a million megavolts."""
BLOCKS = ("descriptor", "user_text", "res_desc", "trigger_times", "ris_times", "res_array")
DESCRIPTOR_BYTES = 346
TRIGGER_BYTES = 16

QUANTITIES = {
    "segment": Quantity("1", "number of the segment in the sequence"),
    "trigger_time_s": Quantity("s", "trigger of the segment since that of the first one"),
    "first_sample_ns": Quantity("ns", "time of the first sample since the trigger"),
    "waveform_adc": Quantity(ADC_COUNTS, "samples, in steps of the vertical gain"),
}


class _Descriptor(NamedTuple):
    """What the wave descriptor says; ``…_at`` are offsets in bytes from the start of the file."""

    order: str
    triggers_at: int
    trigger_bytes: int
    samples_at: int
    sample_bytes: int
    points: int
    bytes_after: int
    segments: int
    gain_v: float
    offset_v: float
    interval_s: float
    first_sample_s: float
    instrument: str

    @property
    def samples(self) -> int:
        """Samples of a segment."""
        return self.points // self.segments

    @property
    def stated_end(self) -> int:
        """Where the file ends by what it says."""
        return self.samples_at + self.points * self.sample_bytes + self.bytes_after


def recognises(head: bytes, path: Path) -> bool:  # noqa: ARG001 - readers share a signature
    """Return whether a wave descriptor starts within the first bytes."""
    return MARK in head[:64]


def open_file(path: Path, options: ReadOptions) -> EventFile:
    """Open a trace file.

    Raises
    ------
    UnsupportedFormat
        There is no wave descriptor, or it states impossible lengths or scales.
    TruncatedFile
        Not one whole segment; or a segment is missing, if reading is strict.
    """
    told = _descriptor(read_head(path, 64 + DESCRIPTOR_BYTES), path)
    whole = _whole_segments(told, path, options)
    dtype = np.dtype(f"{told.order}i{told.sample_bytes}")
    shape = (whole, told.samples)

    def stream(events: int) -> Iterator[EventTable]:
        words = np.memmap(path, dtype, mode="r", offset=told.samples_at, shape=shape)
        for start in range(0, whole, events):
            stop = min(start + events, whole)
            times = _triggers(path, told, start, stop)
            impossible = np.logical_not(np.all(np.abs(times) < LARGEST, axis=1))
            times[impossible] = np.nan
            status = np.zeros(stop - start, np.uint16)
            mark(status, impossible, Status.BAD_HEADER)
            yield EventTable(
                {
                    "segment": np.arange(start, stop, dtype=np.int32),
                    "trigger_time_s": times[:, 0],
                    "first_sample_ns": times[:, 1] * 1e9,
                    "waveform_adc": words[start:stop].astype(np.int16),
                },
                QUANTITIES,
                status,
                provenance=provenance,
            )

    provenance: dict[str, Any] = {
        "format": FORMAT,
        "file": path.name,
        "instrument": told.instrument,
        "sample_interval_ns": told.interval_s * 1e9,
        "millivolts_per_count": told.gain_v * 1000.0,
        "vertical_offset_mv": told.offset_v * 1000.0,
        "millivolts_at_zero": -told.offset_v * 1000.0,
        "events": whole,
    }
    return EventFile(path, FORMAT, QUANTITIES, provenance, 2 * told.samples, stream)


def _whole_segments(told: _Descriptor, path: Path, options: ReadOptions) -> int:
    """Return how many segments are there; `incomplete` where one is missing or something is left.

    Raises
    ------
    TruncatedFile
        Not one whole segment; or a segment is missing, if reading is strict.
    """
    size = path.stat().st_size
    segment_bytes = told.samples * told.sample_bytes
    whole = min(max(size - told.samples_at, 0) // segment_bytes, told.segments)
    if whole < told.segments:
        offset, problem = told.samples_at + whole * segment_bytes, "ends inside the segment"
    elif size > told.stated_end:
        offset, problem = told.stated_end, "goes on behind the end that it states"
    else:
        return whole
    incomplete(path, options, byte_offset=offset, events_kept=whole, problem=problem)
    return whole


def _triggers(path: Path, told: _Descriptor, start: int, stop: int) -> NDArray[np.float64]:
    """Return, per segment, the trigger and the first sample since it, in s."""
    if not told.trigger_bytes:
        return np.tile([0.0, told.first_sample_s], (stop - start, 1))
    pairs = np.memmap(
        path, f"{told.order}f8", mode="r", offset=told.triggers_at, shape=(told.segments, 2)
    )
    return np.array(pairs[start:stop], np.float64)


def _descriptor(head: bytes, path: Path) -> _Descriptor:
    start = head[:64].find(MARK)
    if start < 0 or len(head) < start + DESCRIPTOR_BYTES:
        raise UnsupportedFormat("holds no LeCroy wave descriptor", file=path)
    content = head[start:]
    order = "<" if content[34] == 1 else ">"

    def number(kind: str, at: int) -> Any:
        return struct.unpack_from(order + kind, content, at)[0]

    comm_type = number("h", 32)
    blocks = struct.unpack_from(f"{order}6i", content, 36)
    array_bytes, points = number("i", 60), number("i", 116)
    segments = max(number("i", 144), 1)
    sample_bytes = 2 if comm_type == 1 else 1
    lengths = dict(zip(BLOCKS, blocks, strict=True))
    sensible = (
        comm_type in (0, 1)
        and lengths["descriptor"] == DESCRIPTOR_BYTES
        and all(0 <= length < 1 << 30 for length in blocks)
        and 0 < points < 1 << 31
        and points * sample_bytes == array_bytes
        and points % segments == 0
        and (
            lengths["trigger_times"] == TRIGGER_BYTES * segments
            or (segments == 1 and lengths["trigger_times"] == 0)
        )
    )
    if not sensible:
        raise UnsupportedFormat(
            "has a LeCroy wave descriptor with impossible lengths",
            file=path,
            value={**lengths, "samples": points, "bytes": array_bytes, "segments": segments},
        )
    found = _Descriptor(
        order=order,
        triggers_at=start + sum(blocks[:3]),
        trigger_bytes=lengths["trigger_times"],
        samples_at=start + sum(blocks),
        sample_bytes=sample_bytes,
        points=points,
        bytes_after=max(number("i", 64), 0) + max(number("i", 68), 0) + max(number("i", 72), 0),
        segments=segments,
        gain_v=number("f", 156),
        offset_v=number("f", 160),
        interval_s=number("f", 176),
        first_sample_s=number("d", 180),
        instrument=content[76:92].split(b"\x00")[0].decode("latin-1").strip(),
    )
    scales = (found.gain_v, found.offset_v, found.interval_s, found.first_sample_s)
    possible = all(math.isfinite(scale) and abs(scale) < LARGEST for scale in scales)
    possible = possible and found.gain_v != 0 and found.interval_s > 0
    if not possible:
        raise UnsupportedFormat(
            "has a LeCroy wave descriptor with impossible scales", file=path, value=scales
        )
    return found

"""LeCroy oscilloscope traces (.trc, template LECROY_2_3): one sweep or a sequence of segments.

The ``lecroyscope`` package decodes them. The lengths that a trace states are checked against the
file first, so that a damaged one is refused, and the whole segments of a truncated sequence kept.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from pulsefront.errors import ToolMissing, UnsupportedFormat
from pulsefront.events.container import EventTable, Quantity
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
BLOCKS = ("descriptor", "user_text", "res_desc", "trigger_times", "ris_times", "res_array")
DESCRIPTOR_BYTES = 346

QUANTITIES = {
    "segment": Quantity("1", "number of the segment in the sequence"),
    "trigger_time_s": Quantity("s", "trigger of the segment since that of the first one"),
    "waveform_adc": Quantity(ADC_COUNTS, "samples, in steps of the vertical gain"),
}


class _Lengths(NamedTuple):
    """Where the samples lie, from the descriptor alone."""

    start: int
    samples_at: int
    sample_bytes: int
    points: int
    segments: int


def recognises(head: bytes, path: Path) -> bool:  # noqa: ARG001 - readers share a signature
    """Return whether a wave descriptor starts within the first bytes."""
    return MARK in head[:64]


def open_file(path: Path, options: ReadOptions) -> EventFile:
    """Open a trace file.

    Raises
    ------
    UnsupportedFormat
        There is no wave descriptor, or it states impossible lengths.
    TruncatedFile
        Not one whole segment; or a segment is missing, if reading is strict.
    ToolMissing
        The ``lecroyscope`` package is not installed.
    """
    lengths = _lengths(read_head(path, 64 + DESCRIPTOR_BYTES), path)
    size = path.stat().st_size
    segment_bytes = lengths.points // lengths.segments * lengths.sample_bytes
    whole = min(max(size - lengths.samples_at, 0) // segment_bytes, lengths.segments)
    if whole < lengths.segments:
        incomplete(
            path,
            options,
            byte_offset=lengths.samples_at + whole * segment_bytes,
            events_kept=whole,
            problem="ends inside the segment",
        )
    try:
        from lecroyscope import Trace
    except ImportError:
        raise ToolMissing(
            "lecroyscope", needed_for="LeCroy traces", install="pip install 'pulsefront[lecroy]'"
        ) from None
    missing = max(lengths.samples_at + lengths.points * lengths.sample_bytes - size, 0)
    content = path.read_bytes()[lengths.start :] + bytes(missing)
    try:
        trace = Trace(content)
        gain, offset = float(trace.header["vertical_gain"]), float(trace.header["vertical_offset"])
        volts = np.atleast_2d(trace.voltage)
        if not (np.isfinite(gain) and gain != 0 and np.isfinite(offset)):
            raise ValueError(f"vertical gain {gain}, offset {offset}")
        interval_ns = float(trace.header["horiz_interval"]) * 1e9
        if not 0 < interval_ns < 1e12:
            raise ValueError(f"sampling interval {interval_ns} ns")
        # The package gives volts; the counts behind them are whole numbers again.
        counts = np.rint((volts + offset) / gain).astype(np.int32).astype(np.int16)
        times = np.zeros(len(counts))
        if lengths.segments > 1:
            # Two rows: trigger times, and offsets of the first sample from them.
            times = np.array(trace.trigger_times[0], np.float64)
        if len(times) != len(counts):
            raise ValueError(f"{len(times)} trigger times for {len(counts)} segments")
    except (ValueError, KeyError, IndexError, struct.error, AssertionError, TypeError) as error:
        raise UnsupportedFormat(f"cannot be decoded: {error}", file=path) from None
    table = EventTable(
        {
            "segment": np.arange(whole, dtype=np.int32),
            "trigger_time_s": times[:whole],
            "waveform_adc": counts[:whole],
        },
        QUANTITIES,
        provenance=(
            provenance := {
                "format": FORMAT,
                "file": path.name,
                "instrument": _text(trace.header["instrument_name"]),
                "sample_interval_ns": interval_ns,
                "millivolts_per_count": gain * 1000.0,
                "vertical_offset_mv": offset * 1000.0,
                "events": whole,
            }
        ),
    )

    def stream(events: int) -> Iterator[EventTable]:
        for start in range(0, whole, events):
            yield table.select(slice(start, start + events))

    event_bytes = 2 * counts.shape[1]
    return EventFile(path, FORMAT, QUANTITIES, provenance, event_bytes, stream)


def _lengths(head: bytes, path: Path) -> _Lengths:
    start = head[:64].find(MARK)
    if start < 0 or len(head) < start + DESCRIPTOR_BYTES:
        raise UnsupportedFormat("holds no LeCroy wave descriptor", file=path)
    descriptor = head[start:]
    order = "<" if descriptor[34] == 1 else ">"
    comm_type = struct.unpack_from(f"{order}h", descriptor, 32)[0]
    blocks = struct.unpack_from(f"{order}6i", descriptor, 36)
    array_bytes, points = (struct.unpack_from(f"{order}i", descriptor, at)[0] for at in (60, 116))
    segments = max(struct.unpack_from(f"{order}i", descriptor, 144)[0], 1)
    sample_bytes = 2 if comm_type == 1 else 1
    told = dict(zip(BLOCKS, blocks, strict=True))
    sensible = (
        comm_type in (0, 1)
        and told["descriptor"] == DESCRIPTOR_BYTES
        and all(0 <= length < 1 << 30 for length in blocks)
        and 0 < points < 1 << 31
        and points * sample_bytes == array_bytes
        and points % segments == 0
    )
    if not sensible:
        raise UnsupportedFormat(
            "has a LeCroy wave descriptor with impossible lengths",
            file=path,
            value={**told, "samples": points, "bytes": array_bytes, "segments": segments},
        )
    samples_at = start + sum(blocks[:6])
    return _Lengths(start, samples_at, sample_bytes, points, segments)


def _text(value: object) -> str:
    raw = value.decode("latin-1") if isinstance(value, bytes) else str(value)
    return raw.split("\x00")[0].strip()

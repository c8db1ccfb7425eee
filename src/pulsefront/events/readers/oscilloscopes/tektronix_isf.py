"""Tektronix .isf: a preamble of named settings, then the samples of a trace; several in a row.

It is what an oscilloscope answers to WAVFrm?: ``:WFMPRE:BYT_NR 2;…;YMULT 1.5E-4;…;:CURVE #``, one
digit, so many digits of a length, so many bytes (Tektronix, "What is the format of an ISF file?").
An envelope is no trace. Curves of one source are events; those of several are their channels.
"""

from __future__ import annotations

import mmap
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsefront.errors import DataError, UnsupportedFormat
from pulsefront.events.container import EventTable, Quantity
from pulsefront.events.readers.base import (
    ADC_COUNTS,
    DataWarning,
    EventFile,
    ReadOptions,
    first_named,
    incomplete,
    left_out,
    read_head,
)
from pulsefront.events.readers.numbers import parse_lines
from pulsefront.events.readers.oscilloscopes.tektronix_preamble import (
    BEGINS,
    LONGEST_PREAMBLE,
    MARK,
    TEXT,
    SavedCurve,
    curve_at,
)

__all__ = ["FORMAT", "open_file", "recognises"]

FORMAT = "tektronix-isf"
BETWEEN = b"\r\n ;"
"""What may stand between two curves, and after the last."""

KEPT = {"i": np.int16, "u": np.uint16}

QUANTITIES = {
    "first_sample_ns": Quantity("ns", "time of the first sample since the trigger"),
    "waveform_adc": Quantity(ADC_COUNTS, "samples, in steps of the vertical scale"),
}


def recognises(head: bytes, path: Path) -> bool:  # noqa: ARG001 - readers share a signature
    """Return whether a preamble begins the file."""
    return BEGINS.match(head.lstrip(BETWEEN)) is not None


def open_file(path: Path, options: ReadOptions) -> EventFile:
    """Open the traces of a file.

    Raises
    ------
    UnsupportedFormat
        There is no preamble, one lacks a setting, or all curves are envelopes.
    DataError
        Several sources have different numbers of traces, or different units.
    TruncatedFile
        Not one whole trace; or one is missing or left out, if reading is strict.
    """
    events = _events(_usual(_curves(path, options), path, options), path)
    first = events[0]
    scales = {curve.scale for curves in events for curve in curves}
    in_counts = len(scales) == 1
    if len({scale.unit for scale in scales}) > 1:
        units = sorted({scale.unit for scale in scales})
        raise DataError("mixes units", file=path, value=units, remedy="save one source a file")
    scale, samples = first[0].scale, first[0].samples
    quantities = QUANTITIES | ({} if in_counts else {"waveform_adc": scale.quantity})
    kept = np.dtype(KEPT.get(first[0].kind[1], np.int64) if in_counts else np.float64)
    provenance: dict[str, Any] = {
        "format": FORMAT,
        "file": path.name,
        "channels": [curve.source for curve in first],
        "sample_interval_ns": first[0].interval_s * 1e9,
        **(scale.told if in_counts else {}),
        "events": len(events),
    }

    def stream(count: int) -> Iterator[EventTable]:
        content = np.memmap(path, np.uint8, mode="r")
        for start in range(0, len(events), count):
            part = events[start : start + count]
            waves = np.empty((len(part), len(first), samples), kept)
            for row, curves in enumerate(part):
                for channel, curve in enumerate(curves):
                    codes = _codes(content, curve)
                    waves[row, channel] = codes if in_counts else curve.scale.applied(codes)
            first_ns = np.array([curves[0].first_sample_s * 1e9 for curves in part])
            columns = {
                "first_sample_ns": first_ns,
                "waveform_adc": waves[:, 0] if len(first) == 1 else waves,
            }
            yield EventTable(columns, quantities, np.zeros(len(part), np.uint16), provenance)

    event_bytes = len(first) * samples * kept.itemsize
    return EventFile(path, FORMAT, quantities, provenance, event_bytes, stream)


def _codes(content: NDArray[np.uint8], curve: SavedCurve) -> NDArray[Any]:
    raw = content[curve.samples_at : curve.end]
    return parse_lines(raw.tobytes(), ",").whole if curve.kind == TEXT else raw.view(curve.kind)


def _events(curves: list[SavedCurve], path: Path) -> list[tuple[SavedCurve, ...]]:
    """Return the curves of every event, one of each source.

    Raises
    ------
    DataError
        A source has more curves than another.
    """
    by_source: dict[str, list[SavedCurve]] = {}
    for curve in curves:
        by_source.setdefault(curve.source, []).append(curve)
    counted = {source: len(group) for source, group in by_source.items()}
    if len(set(counted.values())) > 1:
        raise DataError(
            "has different numbers of traces of its sources",
            file=path,
            value=counted,
            remedy="save one source a file",
        )
    return list(zip(*by_source.values(), strict=True))


def _usual(curves: Sequence[SavedCurve], path: Path, options: ReadOptions) -> list[SavedCurve]:
    """Return the traces of the length, interval and form that most have; name the others.

    Raises
    ------
    UnsupportedFormat
        There is no trace, only envelopes.
    TruncatedFile
        One is left out, if reading is strict.
    """
    kinds = [(c.samples, c.interval_s, c.kind) for c in curves if not c.envelope]
    if not kinds:
        raise UnsupportedFormat(
            "holds an envelope (PT_FMT ENV) and no trace",
            file=path,
            remedy="acquire in sample mode, and save it again",
        )
    most = Counter(kinds).most_common(1)[0][0]
    usual = [c for c in curves if not c.envelope and (c.samples, c.interval_s, c.kind) == most]
    odd = [c for c in curves if c.envelope or (c.samples, c.interval_s, c.kind) != most]
    if odd:
        what = {True: "an envelope", False: "another length, interval or form"}
        named = first_named((f"byte {c.begins_at} ({what[c.envelope]})" for c in odd), len(odd))
        problem = f"{len(odd)} of {len(curves)} curves are left out: {named}"
        at = odd[0].begins_at
        left_out(path, options, byte_offset=at, events_kept=len(usual), problem=problem)
    if any(curve.moved_twice for curve in usual):
        text = "states PT_OFF and XZERO: first_sample_ns is XZERO - PT_OFF · XINCR"
        warnings.warn(f"{path}: {text}", DataWarning, stacklevel=3)
    return usual


def _curves(path: Path, options: ReadOptions) -> list[SavedCurve]:
    """Return all curves of a file; `incomplete` where it ends in one, or goes on as none.

    Raises
    ------
    UnsupportedFormat
        The first preamble is none, or lacks a setting.
    TruncatedFile
        Not one whole curve.
    """
    if not recognises(read_head(path), path):
        raise UnsupportedFormat("does not begin with a preamble (:WFMPRE:…)", file=path)
    curves: list[SavedCurve] = []
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        at = _next(content, 0)
        while at < len(content):
            problem, curve = "ends inside the curve", None
            try:
                curve = curve_at(content, at)
            except UnsupportedFormat as error:
                marked = MARK.search(content, at, at + LONGEST_PREAMBLE) is not None
                if marked and not curves:
                    error.file = path
                    raise
                begins = _begins(content, at)
                if marked or not begins:
                    problem = "holds a damaged curve"
                if curves and not begins:
                    # Where no preamble follows, bytes are missing or too many in the curve before.
                    at = curves.pop().begins_at
            if curve is None or curve.end > len(content):
                kept = len(curves)
                incomplete(path, options, byte_offset=at, events_kept=kept, problem=problem)
                break
            curves.append(curve)
            at = _next(content, curve.end)
    return curves


def _next(content: mmap.mmap, at: int) -> int:
    while at < len(content) and content[at] in BETWEEN:
        at += 1
    return at


def _begins(content: mmap.mmap, at: int) -> bool:
    """Return whether what is left begins like a preamble, cut or not."""
    rest = content[at : at + 16]
    return BEGINS.match(rest) is not None or b":WFMPRE:".startswith(rest[:8].upper())

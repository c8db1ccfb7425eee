"""Tektronix .wfm, versions WFM#001 to WFM#003, either byte order: one trace, or FastFrame.

Layout from Tektronix, "Performance Oscilloscope Reference Waveform File Format" (077-0220), and
from Tektronix's own example of a reader. A header of 820, 822 or 838 bytes; of FastFrame, 24 bytes
of times and 30 of offsets for every frame but the first; then the curve buffer, frame after frame,
each with some samples before and after those that the user sees, for interpolation; a checksum; and
in some instruments a list of settings. Where a summary frame was on, it is the last of the frames
(TDS5000B Programmer Guide, HORizontal:FASTframe:SUMFrame), and no event.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pulsefront.errors import UnsupportedFormat
from pulsefront.events.container import EventTable, Quantity, Status, mark
from pulsefront.events.readers.base import (
    ADC_COUNTS,
    DataWarning,
    EventFile,
    ReadOptions,
    incomplete,
    read_head,
)
from pulsefront.events.readers.oscilloscopes.vertical import VerticalScale

__all__ = ["FORMAT", "open_file", "recognises"]

FORMAT = "tektronix-wfm"
ORDERS = {b"\x0f\x0f": "<", b"\xf0\xf0": ">"}
VERSIONS = {b":WFM#001": 1, b":WFM#002": 2, b":WFM#003": 3}
SAMPLE_TYPES = {0: "i2", 1: "i4", 2: "u4", 3: "u8", 4: "f4", 5: "f8", 6: "u1", 7: "i1"}
VECTOR, SAMPLE, TIME = 2, 0, 0
"""Data of one value a time; one sample a point, no envelope; a base of time, no spectrum."""

COUNTED_FROM = 15
"""The length of the file is told from this byte on, up to the checksum's end."""

CHECKSUM_BYTES = 8
LARGEST = 1e12
SUMMARIES = {1: "average", 2: "envelope"}
UPDATE = [("point", "u4"), ("fraction", "f8"), ("second_fraction", "f8"), ("second", "i4")]
CURVE = [("flags", "u4"), ("sum_type", "i4"), ("sum", "i2"), ("buffer", "u4", 5)]
CURVE_BYTES = 30

QUANTITIES = {
    "segment": Quantity("1", "number of the frame in the acquisition"),
    "trigger_time_s": Quantity("s", "trigger of the frame since that of the first one"),
    "first_sample_ns": Quantity("ns", "time of the first sample since the trigger"),
    "waveform_adc": Quantity(ADC_COUNTS, "samples, in steps of the vertical scale"),
}


class _Trace(NamedTuple):
    """What a header tells; ``…_at`` and ``frame_bytes`` are in bytes."""

    version: int
    frames: int
    events: int
    samples_at: int
    frame_bytes: int
    first_at: int
    samples: int
    kind: np.dtype[Any]
    scale: VerticalScale
    interval_s: float
    first_sample_s: float
    updates: NDArray[Any]
    label: str
    summary: str


def recognises(head: bytes, path: Path) -> bool:  # noqa: ARG001 - readers share a signature
    """Return whether byte order and version stand at the beginning."""
    return head[:2] in ORDERS and head[2:10] in VERSIONS


def open_file(path: Path, options: ReadOptions) -> EventFile:
    """Open a trace: one event, or one of each frame.

    Raises
    ------
    UnsupportedFormat
        It is no trace of one channel in time, or its header contradicts itself.
    TruncatedFile
        Not one whole frame; or a frame is missing, if reading is strict.
    """
    trace = _trace(path, options)
    whole = _whole_frames(trace, path, options)
    scaled = trace.kind.kind == "f" and (trace.scale.per_count, trace.scale.at_zero) != (1.0, 0.0)
    in_units = trace.kind.kind == "f"
    quantities = QUANTITIES | ({"waveform_adc": trace.scale.quantity} if in_units else {})
    frames = np.dtype(
        {
            "names": ["wave"],
            "formats": [(trace.kind, (trace.samples,))],
            "offsets": [trace.first_at],
            "itemsize": trace.frame_bytes,
        }
    )
    kept = np.int16 if trace.kind.itemsize == 1 else trace.kind.newbyteorder("=")
    provenance: dict[str, Any] = {
        "format": FORMAT,
        "file": path.name,
        "version": trace.version,
        "label": trace.label,
        "sample_interval_ns": trace.interval_s * 1e9,
        **({} if in_units else trace.scale.told),
        "first_trigger_utc_s": int(trace.updates["second"][0]),
        **({"summary_frame": f"left out: {trace.summary} of the others"} if trace.summary else {}),
        "events": whole,
    }

    def stream(events: int) -> Iterator[EventTable]:
        mapped = np.memmap(path, frames, mode="r", offset=trace.samples_at, shape=(whole,))
        for start in range(0, whole, events):
            stop = min(start + events, whole)
            since_s, first_ns, status = _times(trace, start, stop)
            waves = mapped["wave"][start:stop]
            columns: dict[str, NDArray[Any]] = {
                "segment": np.arange(start, stop, dtype=np.int32),
                "trigger_time_s": since_s,
                "first_sample_ns": first_ns,
                "waveform_adc": trace.scale.applied(waves) if scaled else waves.astype(kept),
            }
            if in_units:
                finite = np.isfinite(columns["waveform_adc"]).all(axis=1)
                mark(status, np.asarray(~finite), Status.NOT_FINITE)
            yield EventTable(columns, quantities, status, provenance)

    event_bytes = trace.samples * (8 if scaled else np.dtype(kept).itemsize)
    return EventFile(path, FORMAT, quantities, provenance, event_bytes, stream)


def _header_type(version: int, order: str) -> np.dtype[Any]:
    """Return the header of a version, field by field as the manual lists them."""
    user = [
        ("user_scale", "f8"),
        ("user_unit", "S20"),
        ("user_offset", "f8"),
        ("density", "f8" if version == 3 else "u4"),
        ("reference", "f8"),
        ("delay", "f8"),
    ]
    axis = [
        ("scale", "f8"),
        ("offset", "f8"),
        ("size", "u4"),
        ("unit", "S20"),
        ("extent", "f8", 2),
        ("resolution", "f8"),
        ("reference_point", "f8"),
    ]
    explicit = [*axis, ("format", "i4"), ("storage", "i4"), ("ranges", "u4", 5), *user]
    implicit = [*axis, ("spacing", "u4"), *user]
    base = [("spacing", "u4"), ("sweep", "i4"), ("type", "i4")]
    summary = [("summary", "u2")] if version > 1 else []
    fields: list[Any] = [
        ("byte_order", "S2"),
        ("version", "S8"),
        ("digits", "u1"),
        ("bytes_left", "u4"),
        ("sample_bytes", "u1"),
        ("curve_at", "i4"),
        ("zoom", "V20"),
        ("label", "S32"),
        ("more_frames", "u4"),
        ("header_bytes", "u2"),
        ("set_type", "i4"),
        ("waveforms", "u4"),
        ("counters", "V24"),
        ("updates", "u4"),
        ("implicit_axes", "u4"),
        ("explicit_axes", "u4"),
        ("data_type", "i4"),
        ("more_counters", "V16"),
        ("curves", "u4"),
        ("frames_asked", "u4"),
        ("frames_taken", "u4"),
        *summary,
        ("pixel_format", "i4"),
        ("pixel_most", "u8"),
        ("explicit", np.dtype(explicit), 2),
        ("implicit", np.dtype(implicit), 2),
        ("base", np.dtype(base), 2),
        ("update", np.dtype(UPDATE)),
        ("curve", np.dtype(CURVE)),
    ]
    return np.dtype(fields).newbyteorder("<" if order == "<" else ">")


def _trace(path: Path, options: ReadOptions) -> _Trace:
    head = read_head(path, 1024)
    if not recognises(head, path):
        raise UnsupportedFormat("does not begin as a Tektronix .wfm file", file=path)
    version, order = VERSIONS[head[2:10]], ORDERS[head[:2]]
    layout = _header_type(version, order)
    if len(head) < layout.itemsize:
        problem = "ends inside the header"
        incomplete(path, options, byte_offset=len(head), events_kept=0, problem=problem)
    told = np.frombuffer(head, layout, 1)[0]
    _check_kind(told, path)
    voltage, time = told["explicit"][0], told["implicit"][0]
    first, end, frame_bytes = (int(at) for at in told["curve"]["buffer"][1:4])
    kind = np.dtype(order + SAMPLE_TYPES.get(int(voltage["format"]), "V1"))
    frames = int(told["more_frames"]) + 1
    samples_at = int(told["curve_at"])
    lies = layout.itemsize + (frames - 1) * (np.dtype(UPDATE).itemsize + CURVE_BYTES) <= samples_at
    size = kind.itemsize
    orderly = first < end <= frame_bytes and first % size == end % size == 0
    if not (lies and orderly and size == told["sample_bytes"] and kind.kind in "iuf"):
        raise UnsupportedFormat(
            "has a header with impossible lengths",
            file=path,
            value={
                "samples at": samples_at,
                "frames": frames,
                "bytes a frame": [first, end, frame_bytes],
                "bytes a sample": int(told["sample_bytes"]),
                "type of samples": int(voltage["format"]),
            },
        )
    summary = SUMMARIES.get(int(told["summary"]), "") if version > 1 and frames > 1 else ""
    scale = VerticalScale(float(voltage["scale"]), float(voltage["offset"]), _text(voltage["unit"]))
    trace = _Trace(
        version, frames, frames - bool(summary), samples_at, frame_bytes,
        first, (end - first) // size, kind, scale, float(time["scale"]), float(time["offset"]),
        _updates(path, layout, told, samples_at), _text(told["label"]), summary,
    )  # fmt: skip
    numbers = (scale.per_count, scale.at_zero, trace.interval_s, trace.first_sample_s)
    possible = all(math.isfinite(number) and abs(number) < LARGEST for number in numbers)
    if not (possible and scale.finite and trace.interval_s > 0):
        raise UnsupportedFormat("has a header with impossible scales", file=path, value=numbers)
    _check_end(told, trace, path)
    return trace


def _check_kind(told: Any, path: Path) -> None:
    """Raise where the file holds something else than traces of one channel in time."""
    asked = {
        "kind of data": (told["data_type"], VECTOR),
        "explicit axes": (told["explicit_axes"], 1),
        "implicit axes": (told["implicit_axes"], 1),
        "curves": (told["curves"], 1),
        "storage": (told["explicit"][0]["storage"], SAMPLE),
        "base": (told["base"][0]["type"], TIME),
    }
    other = {name: int(found) for name, (found, wanted) in asked.items() if found != wanted}
    if other:
        raise UnsupportedFormat(
            "holds no samples of one channel in time, but an envelope, XY data, a spectrum, a "
            "digital channel or an image",
            file=path,
            value=other,
            remedy="save the channel itself as a waveform",
        )


def _updates(path: Path, layout: np.dtype[Any], told: Any, samples_at: int) -> NDArray[Any]:
    """Return the times of all frames; of those that the file does not reach, none."""
    kind = told["update"].dtype
    with open(path, "rb") as file:
        file.seek(layout.itemsize)
        content = file.read(min(int(told["more_frames"]) * kind.itemsize, samples_at))
    more = np.frombuffer(content[: len(content) // kind.itemsize * kind.itemsize], kind)
    return np.concatenate([np.atleast_1d(told["update"]), more])


def _check_end(told: Any, trace: _Trace, path: Path) -> None:
    """Raise, or warn of a single trace, where header and frames end in different places."""
    end = trace.samples_at + trace.frames * trace.frame_bytes
    stated = (COUNTED_FROM + int(told["bytes_left"])) % (1 << 32)
    if stated in {(end + more) % (1 << 32) for more in (0, CHECKSUM_BYTES)}:
        return
    problem = f"its header says that it ends at byte {stated}, and its frames end at byte {end}"
    if trace.frames > 1:
        raise UnsupportedFormat(problem, file=path, remedy="save it again, or as CSV")
    warnings.warn(f"{path}: {problem}; the trace is kept", DataWarning, stacklevel=4)


def _whole_frames(trace: _Trace, path: Path, options: ReadOptions) -> int:
    """Return how many events are there; `incomplete` where one or the checksum is missing."""
    size = path.stat().st_size
    whole = min(max(size - trace.samples_at, 0) // trace.frame_bytes, trace.frames)
    kept = min(whole, trace.events)
    end = trace.samples_at + whole * trace.frame_bytes
    if whole < trace.frames or size < end + CHECKSUM_BYTES:
        missing = whole == trace.frames
        problem = "ends before its checksum" if missing else "ends inside the frame"
        incomplete(path, options, byte_offset=end, events_kept=kept, problem=problem)
    if trace.summary and whole == trace.frames:
        text = f"its last frame, the {trace.summary} of the others, is left out"
        warnings.warn(f"{path}: {text}", DataWarning, stacklevel=3)
    return kept


def _times(
    trace: _Trace, start: int, stop: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.uint16]]:
    """Return trigger times in s, times of the first samples in ns, and the status, of frames."""
    update, first = trace.updates[start:stop], trace.updates[0]
    # Seconds and fractions apart: an epoch in s keeps no nanoseconds in a float64.
    whole_s = update["second"].astype(np.int64) - int(first["second"])
    with np.errstate(invalid="ignore", over="ignore"):
        since_s = whole_s + (update["second_fraction"] - first["second_fraction"])
        first_ns = (trace.first_sample_s + update["fraction"] * trace.interval_s) * 1e9
        possible = (np.abs(since_s) < LARGEST) & (np.abs(first_ns) < LARGEST * 1e9)
    status = np.zeros(stop - start, np.uint16)
    mark(status, ~possible, Status.BAD_HEADER)
    return np.where(possible, since_s, np.nan), np.where(possible, first_ns, np.nan), status


def _text(content: bytes) -> str:
    return content.split(b"\x00")[0].decode("latin-1").strip()

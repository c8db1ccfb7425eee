"""Oscilloscope traces as text: settings, then a line per sample with its time and its voltages.

Tektronix, Rigol, LeCroy, Keysight and others differ in the lines before the samples alone. So what
is looked for is where lines of equally many numbers begin; the first column that rises evenly is
the time, those behind it are the channels. Where the time is given as a running number (Rigol), its
increment stands in the settings. One file is one trace, and one event; LeCroy's files of several
segments begin the time anew in each. Old Tektronix files carry the settings in columns before
the time.

Vendors round their times, so the sampling interval is that of the settings where they hold it, and
else the whole span over its steps.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsefront.errors import DataError, UnsupportedFormat
from pulsefront.events.container import EventTable, Quantity, Status, mark
from pulsefront.events.readers.base import EventFile, ReadOptions, incomplete, read_head
from pulsefront.events.readers.numbers import EMPTY, NO_NUMBER, Fields, parse_lines
from pulsefront.events.readers.text_blocks import tell_of_open_end

__all__ = ["FORMAT", "open_file", "recognises"]

FORMAT = "oscilloscope-text"
HEAD = 1 << 15
MOST_SETTINGS = 60
LEAST_ROWS = 8
ROWS_SEEN = 200
LARGEST_FILE = 4 << 30
LAYOUTS = ((",", "."), (";", ","), (";", "."), ("\t", "."), ("\t", ","))
TIMES = re.compile(
    r"^\s*\"?(time|second|x-axis|x|in s|zeit|sequence|source)\b|\btime\s*[(\[]|\(s\)", re.IGNORECASE
)
INTERVALS = ("sample interval", "xinc", "xincrement", "x increment", "horizontal interval")
UNEVEN = 0.5
"""How far a time may lie beside its turn, in sampling intervals."""

QUANTITIES = {
    "first_sample_ns": Quantity("ns", "time of the first sample since the trigger"),
    "waveform_adc": Quantity("V", "samples of the trace in the unit of the oscilloscope"),
}


@dataclass(frozen=True)
class _Layout:
    """Delimiter and decimal sign, where the samples begin, column of the time, of the channels."""

    delimiter: str
    decimal: str
    rows_at: int
    fields: int
    time: int
    channels: tuple[int, ...]
    names: tuple[str, ...]
    increment_s: float | None
    counts_up: bool
    segment_samples: int | None


def recognises(head: bytes, path: Path) -> bool:  # noqa: ARG001 - readers share a signature
    """Return whether lines of a time and voltages follow settings or names that speak of time."""
    return _layout(head[:HEAD]) is not None


def open_file(path: Path, options: ReadOptions) -> EventFile:
    """Open a trace: one event, or one of each segment.

    Raises
    ------
    UnsupportedFormat
        There are no lines of a time and voltages.
    DataError
        A line is no sample, or the times are not even and no sampling interval is said.
    """
    layout = _layout(read_head(path, HEAD))
    if layout is None:
        raise UnsupportedFormat("holds no lines of a time and voltages", file=path)
    times, volts, cut = _samples(path, layout)
    starts, length = _segments(times, layout, path, options, cut=cut)
    interval_s, even = _interval(times[:length], layout, options, path)
    waves = volts[: len(starts) * length].reshape(len(starts), length, -1).transpose(0, 2, 1)
    if waves.shape[1] == 1:
        waves = waves[:, 0]
    first_s = times[starts] * (layout.increment_s or 1.0) if layout.counts_up else times[starts]
    provenance: dict[str, Any] = {
        "format": FORMAT,
        "file": path.name,
        "channels": list(layout.names),
        "sample_interval_ns": interval_s * 1e9,
        "sample_interval_because": even,
        "events": len(starts),
    }

    def stream(events: int) -> Iterator[EventTable]:
        for start in range(0, len(starts), events):
            part = slice(start, start + events)
            columns = {"first_sample_ns": first_s[part] * 1e9, "waveform_adc": waves[part]}
            status = np.zeros(len(columns["first_sample_ns"]), np.uint16)
            axes = tuple(range(1, waves.ndim))
            mark(status, np.asarray(~np.isfinite(waves[part]).all(axis=axes)), Status.NOT_FINITE)
            yield EventTable(columns, QUANTITIES, status, provenance)

    event_bytes = waves[:1].nbytes + 8
    return EventFile(path, FORMAT, QUANTITIES, provenance, event_bytes, stream)


def _layout(head: bytes) -> _Layout | None:
    """Return how the samples are laid out; None where there are none."""
    if b"\x00" in head or head.startswith(b"Record Length:"):
        return None
    lines = head.split(b"\n")
    for delimiter, decimal in LAYOUTS:
        for start in range(min(MOST_SETTINGS, len(lines) - LEAST_ROWS)):
            rows = b"\n".join(lines[start : start + LEAST_ROWS])
            fields = parse_lines(rows, delimiter, decimal)
            if len(fields.counts) != LEAST_ROWS or len(set(fields.counts.tolist())) > 1:
                continue
            found = _columns(fields)
            if found is None or not _even_in_head(lines[start:-1], delimiter, decimal, found[0]):
                continue
            # Old Tektronix files carry a setting in front of each of the first samples.
            beside = found[0] > 0
            before = lines[: MOST_SETTINGS if beside else start]
            settings = [line.decode("latin-1").strip() for line in before]
            rows_at = 0 if beside else sum(len(line) + 1 for line in lines[:start])
            return _named(settings, delimiter, decimal, fields, found, rows_at)
    return None


def _even_in_head(lines: list[bytes], delimiter: str, decimal: str, time: int) -> bool:
    """Return whether the first times rise evenly, as samples do and hits do not."""
    fields = parse_lines(b"\n".join(lines[:ROWS_SEEN]), delimiter, decimal)
    same = np.flatnonzero(fields.counts == fields.counts[0])
    times = fields.real[fields.starts[same] + time]
    steps = np.diff(times[np.isfinite(times)])
    steps = steps[steps >= 0]
    return bool(steps.max() <= 3 * np.median(steps) or np.median(steps) == 0)


def _columns(fields: Fields) -> tuple[int, tuple[int, ...]] | None:
    """Return the columns of time and channels: the numbers at the end of every line."""
    width = int(fields.counts[0])
    kinds = fields.kind.reshape(LEAST_ROWS, width)
    while width and (kinds[:, width - 1] == EMPTY).all():
        width -= 1
    numbers = [not np.isin(kinds[:, c], (EMPTY, NO_NUMBER)).any() for c in range(width)]
    first = width
    while first > 0 and numbers[first - 1]:
        first -= 1
    if width - first < 2:
        return None
    times = fields.real.reshape(LEAST_ROWS, -1)[:, first]
    if not (np.diff(times) >= 0).all():
        return None
    return first, tuple(range(first + 1, width))


def _named(
    settings: list[str],
    delimiter: str,
    decimal: str,
    fields: Fields,
    found: tuple[int, tuple[int, ...]],
    rows_at: int,
) -> _Layout | None:
    """Return the layout where the settings, or the names of the columns, speak of a time."""
    time, channels = found
    # Settings beside the samples are old Tektronix's alone, and begin with the record length.
    beside = settings[:1] and settings[0].lower().startswith("record length")
    if not (beside if time else any(TIMES.search(line) for line in settings)):
        return None
    last = settings[-1].split(delimiter) if settings else []
    named = next((line.split(delimiter) for line in reversed(settings) if TIMES.search(line)), last)
    names = [named[c].strip().strip('"') if c < len(named) else f"{c}" for c in channels]
    counts_up = any(line.lower().startswith("sequence") for line in settings)
    increment = _setting(settings, delimiter, decimal)
    if counts_up and increment is None:
        increment = _number(last[-1] if last and last[-1] else "".join(last[-2:-1]), decimal)
    return _Layout(
        delimiter, decimal, rows_at, int(fields.counts[0]), time, channels, tuple(names),
        increment, counts_up, _segment_samples(settings, delimiter),
    )  # fmt: skip


def _setting(settings: list[str], delimiter: str, decimal: str) -> float | None:
    """Return the sampling interval that the settings state, in s."""
    for line in settings:
        key, *values = (word.strip().strip('":') for word in re.split(f"{delimiter}|:", line))
        if key.lower() in INTERVALS:
            for value in values:
                number = _number(value, decimal)
                if number is not None:
                    return number
    return None


def _segment_samples(settings: list[str], delimiter: str) -> int | None:
    """Return how many samples a segment has, where the settings (LeCroy's) state it."""
    for line in settings:
        words = [word.strip().strip('"') for word in line.split(delimiter)]
        if "SegmentSize" in words[:-1]:
            told = words[words.index("SegmentSize") + 1]
            return int(told) if told.isdigit() and int(told) > 0 else None
    return None


def _number(word: str, decimal: str) -> float | None:
    try:
        number = float(word.strip().removesuffix("s").replace(decimal, "."))
    except ValueError:
        return None
    return number if np.isfinite(number) and number > 0 else None


def _samples(path: Path, layout: _Layout) -> tuple[NDArray[np.float64], NDArray[np.float64], bool]:
    """Return (sample,) times, (sample, channel) voltages of the file, and whether a line is cut."""
    if path.stat().st_size > LARGEST_FILE:
        raise UnsupportedFormat("is too long for one trace", file=path)
    with open(path, "rb") as file:
        file.seek(layout.rows_at)
        content = file.read()
    fields = parse_lines(content, layout.delimiter, layout.decimal)
    chosen = np.array([layout.time, *layout.channels])
    cut = not content.endswith(b"\n") and len(fields.counts) > 1 and _is_cut(fields, chosen)
    count = len(fields.counts) - cut
    odd = np.flatnonzero(fields.counts[:count] != layout.fields)
    index = fields.starts[:count][:, None] + chosen
    if not len(odd):
        odd = np.flatnonzero(np.isin(fields.kind[index], (EMPTY, NO_NUMBER)).any(axis=1))
    if len(odd):
        raise DataError(
            f"sample {int(odd[0])} is no line of a time and {len(layout.channels)} voltages",
            file=path,
            field=f"byte {layout.rows_at + int(fields.offsets[odd[0]])}",
            remedy="a trace that was cut cannot be compared with others: save it again",
        )
    if not cut:
        tell_of_open_end(path, content)
    values = fields.real[index]
    return values[:, 0], values[:, 1:], cut


def _is_cut(fields: Fields, chosen: NDArray[np.int64]) -> bool:
    """Return whether the last line lacks a number."""
    kinds = fields.kind[fields.starts[-2] :]
    return len(kinds) <= chosen[-1] or bool(np.isin(kinds[chosen], (EMPTY, NO_NUMBER)).any())


def _segments(
    times: NDArray[np.float64], layout: _Layout, path: Path, options: ReadOptions, *, cut: bool
) -> tuple[NDArray[np.int64], int]:
    """Return where the whole segments begin, and their length; `incomplete` where the last is cut.

    Raises
    ------
    DataError
        They differ in length.
    TruncatedFile
        Not one is whole; or one is cut, if reading is strict.
    """
    starts = np.concatenate([[0], np.flatnonzero(np.diff(times) < 0) + 1])
    length = int(starts[1]) if len(starts) > 1 else len(times)
    if layout.segment_samples is not None:
        length = layout.segment_samples
    elif len(starts) == 1 and cut:
        length = len(times) + 1
    ends = np.append(starts[1:], len(times))
    odd = np.flatnonzero(ends - starts != length)
    if len(odd) and (odd[0] < len(starts) - 1 or ends[-1] - starts[-1] > length):
        raise DataError(
            "its segments differ in length",
            file=path,
            field="time",
            value=f"{int((ends - starts)[odd[0]])} and {length} samples",
        )
    if len(odd) or cut:
        whole = len(starts) - bool(len(odd))
        at = path.stat().st_size
        incomplete(path, options, byte_offset=at, events_kept=whole, problem="ends in a trace")
        starts = starts[:whole]
    return starts, length


def _interval(
    times: NDArray[np.float64], layout: _Layout, options: ReadOptions, path: Path
) -> tuple[float, str]:
    """Return the sampling interval in s, and where it is from."""
    said = options.sample_interval_ns
    span = float(times[-1] - times[0]) / max(len(times) - 1, 1)
    if layout.counts_up:
        span = span * (layout.increment_s or 0.0)
    if layout.increment_s is not None and not layout.counts_up:
        return layout.increment_s, "as the lines above the samples say"
    if span > 0 and len(times) > 1:
        turns = (times - times[0]) / ((times[-1] - times[0]) / (len(times) - 1))
        if np.abs(turns - np.arange(len(times))).max() < UNEVEN:
            if said is not None and abs(said * 1e-9 / span - 1) > 0.01:
                raise DataError(
                    f"its times are {span * 1e9:.6g} ns apart",
                    file=path,
                    field="--sample-interval-ns",
                    value=said,
                    remedy="leave it away: the file says it",
                )
            return span, "from the times"
    if said is None:
        raise DataError(
            "its times are rounded or not even, and no setting says the sampling interval",
            file=path,
            field="time",
            remedy="say it with --sample-interval-ns",
        )
    return said * 1e-9, "as said"

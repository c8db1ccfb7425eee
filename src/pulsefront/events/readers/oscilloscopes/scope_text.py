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

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsefront.errors import DataError, UnsupportedFormat
from pulsefront.events.container import EventTable, Quantity, Status, mark
from pulsefront.events.readers.base import EventFile, ReadOptions, incomplete, read_head
from pulsefront.events.readers.numbers import EMPTY, NO_NUMBER, Fields, parse_lines
from pulsefront.events.readers.oscilloscopes.scope_layout import (
    NO_TIME,
    TraceLayout,
    trace_layout,
    without_quotes,
)
from pulsefront.events.readers.oscilloscopes.scope_words import VOLTS
from pulsefront.events.readers.text_blocks import decoded, tell_of_open_end

__all__ = ["FORMAT", "open_file", "recognises"]

FORMAT = "oscilloscope-text"
HEAD = 1 << 15
LARGEST_FILE = 4 << 30
UNEVEN = 0.5
"""How far a time may lie beside its turn, in sampling intervals."""

QUANTITIES = {
    "first_sample_ns": Quantity("ns", "time of the first sample since the trigger"),
    "waveform_adc": Quantity("V", "samples of the trace in the unit of the oscilloscope"),
}


def recognises(head: bytes, path: Path) -> bool:  # noqa: ARG001 - readers share a signature
    """Return whether lines of a time and voltages follow settings or names that speak of time."""
    return trace_layout(head[:HEAD]) is not None


def open_file(path: Path, options: ReadOptions) -> EventFile:
    """Open a trace: one event, or one of each segment.

    Raises
    ------
    UnsupportedFormat
        There are no lines of a time and voltages.
    DataError
        A line is no sample, or the times are not even and no sampling interval is said.
    """
    layout = trace_layout(read_head(path, HEAD))
    if layout is not None and not layout.channels:
        raise UnsupportedFormat("holds times and no voltages", file=path)
    if layout is None:
        raise UnsupportedFormat("holds no lines of a time and voltages", file=path)
    if layout.odd_unit:
        raise UnsupportedFormat(
            "its times have a unit that is not known",
            file=path,
            value=layout.odd_unit,
            remedy="write ps, ns, us, ms or s behind the name, as in Time (ns)",
        )
    times, volts, cut = _samples(path, layout)
    starts, length = _segments(times, layout, path, options, cut=cut)
    interval_s, even = _interval(times[:length], layout, options, path)
    waves = volts[: len(starts) * length].reshape(len(starts), length, -1).transpose(0, 2, 1)
    if waves.shape[1] == 1:
        waves = waves[:, 0]
    first_s = times[starts]
    if layout.counts_up:
        first_s = layout.first_s + first_s * (layout.increment_s or 1.0)
    unit = _unit(layout)
    samples = replace(QUANTITIES["waveform_adc"], unit=unit)
    quantities = {**QUANTITIES, "waveform_adc": samples}
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
            yield EventTable(columns, quantities, status, provenance)

    event_bytes = waves[:1].nbytes + 8
    return EventFile(path, FORMAT, quantities, provenance, event_bytes, stream)


def _samples(
    path: Path, layout: TraceLayout
) -> tuple[NDArray[np.float64], NDArray[np.float64], bool]:
    """Return (sample,) times, (sample, channel) voltages of the file, and whether a line is cut."""
    if path.stat().st_size > LARGEST_FILE:
        raise UnsupportedFormat("is too long for one trace", file=path)
    content = path.read_bytes()
    content = (without_quotes(content) if layout.quoted else content)[layout.rows_at :]
    fields = parse_lines(content, layout.delimiter, layout.decimal)
    timed = layout.time != NO_TIME
    chosen = np.array([layout.time] * timed + [*layout.channels, *layout.further_times])
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
            value=_line(content, fields, int(odd[0])),
            remedy="a trace that was cut cannot be compared with others: save it again",
        )
    if not cut:
        tell_of_open_end(path, content)
    values = fields.real[index]
    times = values[:, 0] if timed else np.arange(count, dtype=np.float64)
    volts = values[:, timed : timed + len(layout.channels)]
    if (values[:, timed + len(layout.channels) :] != times[:, None]).any():
        raise DataError(
            "its channels have times of their own that differ",
            file=path,
            field="time",
            remedy="save each channel to a file of its own",
        )
    if len(set(layout.units)) > 1 and _unit(layout) == "V":
        volts = volts * [VOLTS[unit] for unit in layout.units]
    return times * layout.second, volts, cut


def _unit(layout: TraceLayout) -> str:
    """Return the unit of the samples: that of all channels, V of several, or all that differ."""
    if len(set(layout.units)) == 1:
        return layout.units[0]
    return "V" if set(layout.units) <= set(VOLTS) else ", ".join(layout.units)


def _line(content: bytes, fields: Fields, row: int) -> str:
    """Return a row as it stands in the file."""
    return decoded(content[fields.offsets[row] : fields.offsets[row + 1]]).strip()[:60]


def _is_cut(fields: Fields, chosen: NDArray[np.int64]) -> bool:
    """Return whether the last line lacks a number."""
    kinds = fields.kind[fields.starts[-2] :]
    return len(kinds) <= chosen[-1] or bool(np.isin(kinds[chosen], (EMPTY, NO_NUMBER)).any())


def _segments(
    times: NDArray[np.float64], layout: TraceLayout, path: Path, options: ReadOptions, *, cut: bool
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
    times: NDArray[np.float64], layout: TraceLayout, options: ReadOptions, path: Path
) -> tuple[float, str]:
    """Return the sampling interval in s, and where it is from."""
    said = options.sample_interval_ns
    span = float(times[-1] - times[0]) / max(len(times) - 1, 1)
    if layout.counts_up:
        span = span * (layout.increment_s or 0.0)
    if layout.increment_s is not None and not layout.counts_up:
        if span > 0 and not 0.5 < span / layout.increment_s < 2:
            raise DataError(
                f"its settings say {layout.increment_s:.6g} s from sample to sample, its times "
                f"{span:.6g} s",
                file=path,
                field="sampling interval",
                remedy="put the unit of the time behind its name, as in Time (ns)",
            )
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

"""CAEN CoMPASS text files: a line per hit, its fields named in the first line.

``BOARD;CHANNEL;TIMETAG;ENERGY;ENERGYSHORT;FLAGS[;PROBE_CODE;SAMPLES]``, times in ps, flags in
hexadecimal, the samples as further fields of the line. Fields that were switched off are absent.
Samples of other probes (CFD, trapezoid) may be negative: then all are 32-bit integers with a sign.
A line with another number of samples than most is filled up with zeros or cut, and marked
`Status.TRUNCATED`, as in the binary form.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from statistics import mode
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsefront.errors import DataError, UnsupportedFormat
from pulsefront.events.container import EventTable, Quantity, Status, mark
from pulsefront.events.readers.base import EventFile, ReadOptions, incomplete, read_head
from pulsefront.events.readers.digitizers.compass import FLAGS, QUANTITIES
from pulsefront.events.readers.numbers import EMPTY, NO_NUMBER, WHOLE, Fields, parse_lines
from pulsefront.events.readers.text_blocks import BOM, text_blocks

__all__ = ["FORMAT", "open_file", "recognises"]

FORMAT = "compass-text"
HEAD = 1 << 20
FIRST_LINES = 50
COLUMNS: dict[str, tuple[str, type]] = {
    "BOARD": ("board", np.uint16),
    "CHANNEL": ("channel", np.uint16),
    "TIMETAG": ("time_ps", np.int64),
    "ENERGY": ("energy_adc", np.uint16),
    "CALIB_ENERGY": ("energy_calibrated", np.float64),
    "ENERGYSHORT": ("energy_short_adc", np.uint16),
    "FLAGS": ("flags", np.uint32),
    "PROBE_CODE": ("waveform_code", np.uint8),
}
"""Field of the first line → column, and the type that the binary form has."""

SAMPLES = "SAMPLES"
NEEDED = {"BOARD", "CHANNEL", "TIMETAG"}


def recognises(head: bytes, path: Path) -> bool:  # noqa: ARG001 - readers share a signature
    """Return whether the first line names the fields of CoMPASS."""
    return _names(head) is not None


def _names(head: bytes) -> tuple[str, list[str]] | None:
    """Return delimiter and names of the fields; None where the first line is another."""
    line = head.removeprefix(BOM).split(b"\n", 1)[0].decode("latin-1").strip()
    for delimiter in (";", ",", "\t"):
        names = [word.strip().upper() for word in line.split(delimiter)]
        if set(names) >= NEEDED and set(names) <= {*COLUMNS, SAMPLES}:
            return delimiter, names
    return None


def open_file(path: Path, options: ReadOptions) -> EventFile:
    """Open a CoMPASS text file; damage is raised, or warned of, when its events are read.

    Raises
    ------
    UnsupportedFormat
        The first line names no fields of CoMPASS.
    """
    head = read_head(path, HEAD)
    named = _names(head)
    if named is None:
        raise UnsupportedFormat("does not start with BOARD;CHANNEL;TIMETAG;…", file=path)
    delimiter, names = named
    rows_at = head.find(b"\n") + 1 or len(head)
    fixed = [name for name in names if name != SAMPLES]
    rows = head[rows_at:].rpartition(b"\n")[0]
    samples = _usual_samples(head[rows_at:], delimiter, len(fixed)) if SAMPLES in names else 0
    sample_type: type = np.int32 if re.search(rb"[;,\t]\s*-\d", rows) else np.uint16
    decimal = "," if delimiter != "," and re.search(rb"\d,\d", rows) else "."
    columns = [COLUMNS[name][0] for name in fixed]
    quantities = {name: QUANTITIES[name] for name in columns}
    if SAMPLES in names:
        quantities |= {name: QUANTITIES[name] for name in ("sample_count", "waveform_adc")}
    provenance: dict[str, Any] = {"format": FORMAT, "file": path.name, "samples": samples}
    if options.sample_interval_ns is not None:
        provenance["sample_interval_ns"] = options.sample_interval_ns

    def stream(events: int) -> Iterator[EventTable]:
        kept = 0
        for offset, content in text_blocks(path, rows_at):
            fields = parse_lines(content, delimiter, decimal)
            whole = _whole_lines(path, fields, len(fixed), kept, content, waves=SAMPLES in names)
            _check_times(path, fields, whole, fixed.index("TIMETAG"), kept)
            table = _table(fields, whole, fixed, samples, sample_type, quantities, provenance)
            for start in range(0, whole, events):
                yield table.select(slice(start, start + events))
            kept += whole
            if whole < len(fields.counts):
                at = offset + int(fields.offsets[whole])
                problem = "ends inside the line"
                incomplete(path, options, byte_offset=at, events_kept=kept, problem=problem)
        if kept == 0:
            nothing = parse_lines(b"", delimiter)
            yield _table(nothing, 0, fixed, samples, sample_type, quantities, provenance)

    return EventFile(path, FORMAT, quantities, provenance, 8 * len(fixed) + 2 * samples, stream)


def _usual_samples(content: bytes, delimiter: str, fixed: int) -> int:
    """Return how many samples most of the first lines have; of equals, as many as the first."""
    lines = [line for line in content.split(b"\n")[:FIRST_LINES] if line.strip()]
    counts = [line.rstrip(b"\r;,\t ").count(delimiter.encode()) + 1 - fixed for line in lines]
    return max(mode(counts), 0) if counts else 0


def _whole_lines(
    path: Path, fields: Fields, fixed: int, before: int, content: bytes, *, waves: bool
) -> int:
    """Return how many lines are whole: all, or all but a last one that was cut.

    Raises
    ------
    DataError
        A line has too few fields, or one that is no number.
    """
    count = len(fields.counts)
    counts = _counts(fields)
    bad = counts < fixed if waves else counts != fixed
    no_number = np.flatnonzero(fields.kind == NO_NUMBER)
    bad[np.searchsorted(fields.starts, no_number, side="right") - 1] = True
    open_end = bool(count) and not content.endswith(b"\n")
    # A waveform cut between two samples looks like a shorter one.
    if open_end and (waves or bad[-1]):
        count -= 1
    odd = np.flatnonzero(bad[:count])
    if len(odd):
        raise DataError(
            f"line {before + int(odd[0]) + 2} is no hit of {fixed} fields",
            file=path,
            remedy="mend or take out the line",
        )
    return count


def _counts(fields: Fields) -> NDArray[np.int64]:
    """Return the number of fields of each line, without an empty one behind a last delimiter."""
    return np.asarray(fields.counts - (fields.kind[fields.starts[1:] - 1] == EMPTY))


def _check_times(path: Path, fields: Fields, count: int, column: int, before: int) -> None:
    """Raise `DataError` where a time tag is no whole number of ps."""
    odd = np.flatnonzero(fields.kind[fields.starts[:count] + column] != WHOLE)
    if len(odd):
        raise DataError(
            f"line {before + int(odd[0]) + 2} has a time that is no whole number of ps",
            file=path,
            field="TIMETAG",
            value=float(fields.real[fields.starts[odd[0]] + column]),
            remedy="write the times in ps, as CoMPASS does; or mend the line",
        )


def _table(
    fields: Fields,
    count: int,
    fixed: list[str],
    samples: int,
    sample_type: type,
    quantities: dict[str, Quantity],
    provenance: dict[str, Any],
) -> EventTable:
    starts = fields.starts[:count]
    columns: dict[str, NDArray[Any]] = {}
    status = np.zeros(count, np.uint16)
    for number, name in enumerate(fixed):
        column, dtype = COLUMNS[name]
        index = starts + number
        if dtype is np.float64:
            columns[column] = fields.real[index]
            continue
        whole = fields.whole[index]
        limits = np.iinfo(dtype)
        fits = (fields.kind[index] == WHOLE) & (whole >= limits.min) & (whole <= limits.max)
        columns[column] = np.where(fits, whole, 0).astype(dtype)
        mark(status, ~fits, Status.BAD_HEADER)
    if "flags" in columns:
        for bits, flag in FLAGS.items():
            mark(status, (columns["flags"] & np.uint32(bits)) != 0, flag)
    if "waveform_adc" in quantities:
        lengths = _counts(fields)[:count] - len(fixed)
        waves: NDArray[Any] = np.zeros((count, samples), sample_type)
        ends = np.minimum(lengths, samples)
        usual = lengths == samples
        picked = (starts[usual] + len(fixed))[:, None] + np.arange(samples)
        limits = np.iinfo(sample_type)
        fits = (fields.kind == WHOLE) & (fields.whole >= limits.min) & (fields.whole <= limits.max)
        waves[usual] = np.where(fits[picked], fields.whole[picked], 0).astype(sample_type)
        odd = np.zeros(count, np.bool_)
        odd[usual] = ~fits[picked].all(axis=1)
        for row in np.flatnonzero(~usual):
            first = int(starts[row]) + len(fixed)
            part = slice(first, first + int(ends[row]))
            waves[row, : ends[row]] = np.where(fits[part], fields.whole[part], 0)
            odd[row] = not fits[part].all()
        mark(status, odd, Status.BAD_HEADER)
        mark(status, ~usual, Status.TRUNCATED)
        columns |= {"sample_count": lengths.astype(np.uint32), "waveform_adc": waves}
    return EventTable({name: columns[name] for name in quantities}, quantities, status, provenance)

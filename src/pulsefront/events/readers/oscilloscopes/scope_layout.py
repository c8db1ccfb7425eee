"""How the text of an oscilloscope is laid out: what stands above the samples, and in which units.

Units stand behind the names of columns (``Time (ns),CH3 (mV)``), in a line of their own (Keysight's
``second,Volt``, PicoScope's ``(ns),(mV)``) or among Tektronix's settings; a time without one is in
seconds. Vendors whose decimal sign is the delimiter put numbers into quotes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from pulsefront.events.readers.numbers import EMPTY, NO_NUMBER, Fields, parse_lines
from pulsefront.events.readers.oscilloscopes.scope_words import (
    BRACKETS,
    SECONDS,
    at,
    cells_of,
    counted_times,
    other_unit,
    second_of,
    segment_samples,
    stated_interval_s,
    stated_start_s,
    volt_unit,
)
from pulsefront.events.readers.text_blocks import decoded

__all__ = ["NO_TIME", "TraceLayout", "trace_layout", "without_quotes"]

MOST_SETTINGS = 60
LEAST_ROWS = 8
ROWS_SEEN = 200
LINES_OF_NAMES = 4
"""So many lines above the samples may hold names and units."""
LAYOUTS = ((",", "."), (";", ","), (";", "."), ("\t", "."), ("\t", ","), (" ", "."), (" ", ","))
TIMES = re.compile(
    r"^\s*\"?(time|second|x-axis|x|zeit|temps|tiempo|tempo|tijd|时间|時間|sequence|source"
    r"|in [pnuµμm]?s)\b|^\s*\"?[(\[][pnuµμm]?s[)\]]|\btime\s*[(\[]|\(s\)",
    re.IGNORECASE,
)
# A unit behind an underscore names a column of any table: such is a trace where the other columns
# are named as voltages and channels are.
TIME_BESIDE = re.compile(
    r"^(time|zeit|temps|tiempo|tempo|tijd|t)\s*(_(ps|ns|[uµμ]s|ms|s|sec|seconds?)|[(\[][^)\]]*[)\]])?$",
    re.IGNORECASE,
)
VOLTAGE_BESIDE = re.compile(
    r"^((ch|chan|channel|kanal|trace)[\s_]*(\d{1,2}|[a-d])|(signal|waveform|voltage|volts?|[vu])\d{0,2})"
    r"([\s_(\[]+([nuµμmk]?V|volts?)[)\]]?)?$",
    re.IGNORECASE,
)
NO_TIME = -1
"""Column of the time where there is none."""


@dataclass(frozen=True)
class TraceLayout:
    """Delimiter and decimal sign, where the samples begin, columns of the time and the channels.

    `second` is the unit of the times in s, `first_s` the time of the sample that is counted 0,
    `quoted` says that the text is to be read `without_quotes`, and `odd_unit` is what stands in
    brackets behind the time and is no unit of time. `time` is `NO_TIME` where the samples stand
    alone below settings that state their interval; `further_times` are columns that are named as
    the time is.
    """

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
    first_s: float = 0.0
    second: float = 1.0
    units: tuple[str, ...] = ()
    quoted: bool = False
    odd_unit: str = ""
    further_times: tuple[int, ...] = ()


def without_quotes(content: bytes) -> bytes:
    """Return ``"1,5","2,5"`` as bare numbers between semicolons, other lines as they are."""
    return content.replace(b'","', b";").replace(b'"', b"") if b'","' in content else content


def trace_layout(head: bytes) -> TraceLayout | None:
    """Return how the samples are laid out; None where there are none."""
    if b"\x00" in head or head.startswith(b"Record Length:"):
        return None
    bare = without_quotes(head)
    found = _layout(bare.split(b"\n"), quoted=True) if bare is not head else None
    lines = head.split(b"\n")
    return found or _layout(lines, quoted=False) or _untimed(lines)


def _layout(lines: list[bytes], *, quoted: bool) -> TraceLayout | None:
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
            settings = [decoded(line).strip(" \t\r\ufeff") for line in before]
            rows_at = 0 if beside else sum(len(line) + 1 for line in lines[:start])
            width = int(fields.counts[0])
            return _named(settings, delimiter, decimal, width, found, rows_at, quoted=quoted)
    return None


def _untimed(lines: list[bytes]) -> TraceLayout | None:
    """Return the layout of samples without times, below settings that state their interval."""
    settings = [decoded(line).strip(" \t\r\ufeff") for line in lines[:MOST_SETTINGS]]
    for delimiter, decimal in LAYOUTS:
        cells = [cells_of(line, delimiter, 0) for line in settings]
        if stated_interval_s(cells, decimal) is None:
            continue
        for start in range(1, min(MOST_SETTINGS, len(lines) - LEAST_ROWS)):
            fields = parse_lines(b"\n".join(lines[start : start + LEAST_ROWS]), delimiter, decimal)
            if len(fields.counts) != LEAST_ROWS or len(set(fields.counts.tolist())) > 1:
                continue
            channels = _filled(fields)
            interval_s = stated_interval_s(cells[:start], decimal)
            if not channels or interval_s is None:
                continue
            above = [row[1:] for row in cells[:start] if row[0].lower() == "source"]
            named = above[0] if above else cells[start - 1]
            told = [row[1:] for row in cells[:start] if row[0].lower() == "vertical units"]
            units = [volt_unit(at(row, c)) for row in (*told, named) for c in channels]
            return TraceLayout(
                delimiter, decimal, sum(len(line) + 1 for line in lines[:start]),
                int(fields.counts[0]), NO_TIME, channels,
                tuple(_name(at(named, c)).removesuffix("V") or f"{c}" for c in channels),
                interval_s, counts_up=True, segment_samples=None,
                first_s=stated_start_s(cells[:start], decimal),
                units=(next(filter(None, units), "V"),) * len(channels),
            )  # fmt: skip
    return None


def _filled(fields: Fields) -> tuple[int, ...]:
    """Return the columns of a row, from the first on, where every row holds nothing but numbers."""
    kinds = fields.kind.reshape(LEAST_ROWS, -1)
    width = int((~(kinds == EMPTY).all(axis=0)).sum())
    numbers = not np.isin(kinds[:, :width], (EMPTY, NO_NUMBER)).any()
    return tuple(range(width)) if numbers else ()


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
    width: int,
    found: tuple[int, tuple[int, ...]],
    rows_at: int,
    *,
    quoted: bool,
) -> TraceLayout | None:
    """Return the layout where the settings, or the names of the columns, speak of a time."""
    time, channels = found
    # Settings beside the samples are old Tektronix's alone, and begin with the record length.
    beside = bool(settings[:1]) and settings[0].lower().startswith("record length")
    cells = [cells_of(line, delimiter, width) for line in settings]
    named = [
        row
        for row, line in zip(cells, settings, strict=True)
        if TIMES.search(line) or _names_trace(row, found, width)
    ]
    if not (beside if time else named):
        return None
    # A line of units names nothing, unless it is all there is.
    told = [row for row in named if not all(volt_unit(at(row, c)) for c in channels)] or named
    if beside:
        sources = [row[1:] for row in cells if row[0].lower() == "source"]
        told = [[""] * channels[0] + row for row in sources]
    further = tuple(c for c in channels if told and TIMES.search(at(told[-1], c)))
    channels = tuple(c for c in channels if c not in further)
    names = tuple(_name(at(told[-1], c) if told else "") or f"{c}" for c in channels)
    counts_up = any(line.lower().startswith("sequence") for line in settings)
    increment, first_s = stated_interval_s(cells, decimal), 0.0
    if counts_up and cells:
        start, step = counted_times(cells, decimal)
        increment, first_s = increment or step, start
    near = cells[:LINES_OF_NAMES] if beside else cells[-LINES_OF_NAMES:]
    stated = [row[1:2] for row in cells if row[0].lower() == "horizontal units"]
    seconds = [SECONDS[unit] for row in near if (unit := second_of(at(row, time)))]
    seconds += [SECONDS[unit] for row in stated if row and (unit := second_of(row[0]))]
    volts = [row[1:] for row in cells if row[0].lower() == "vertical units"]
    units = tuple(
        next(
            (unit for row in near if (unit := volt_unit(at(row, c)) or other_unit(at(row, c)))), ""
        )
        or next((unit for row in volts if (unit := volt_unit(at(row, i) or at(row, 0)))), "V")
        for i, c in enumerate(channels)
    )
    second = 1.0 if counts_up else next(iter(seconds), 1.0)
    stated_units = [odd[1] for row in near if (odd := BRACKETS.search(at(row, time)))]
    odd_unit = "" if counts_up or seconds else next(iter(filter(str.strip, stated_units)), "")
    return TraceLayout(
        delimiter, decimal, rows_at, width, time, channels, names, increment, counts_up,
        segment_samples(cells), first_s, second, units, quoted,
        odd_unit, further,
    )  # fmt: skip


def _names_trace(row: list[str], found: tuple[int, tuple[int, ...]], width: int) -> bool:
    """Return whether a line names a time, and of all other columns voltages or channels."""
    time, channels = found
    return (
        len(row) >= width
        and TIME_BESIDE.match(at(row, time)) is not None
        and all(VOLTAGE_BESIDE.match(at(row, channel)) for channel in channels)
    )


def _name(cell: str) -> str:
    """Return the name of a column without its unit."""
    return re.sub(r"\s*[(\[][^()\[\]]*[)\]]$", "", cell) or cell

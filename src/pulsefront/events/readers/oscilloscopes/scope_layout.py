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
from pulsefront.events.readers.text_blocks import decoded

__all__ = ["TraceLayout", "trace_layout", "without_quotes"]

MOST_SETTINGS = 60
LEAST_ROWS = 8
ROWS_SEEN = 200
LINES_OF_NAMES = 4
"""So many lines above the samples may hold names and units."""
LAYOUTS = ((",", "."), (";", ","), (";", "."), ("\t", "."), ("\t", ","))
TIMES = re.compile(
    r"^\s*\"?(time|second|x-axis|x|in s|zeit|sequence|source)\b|\btime\s*[(\[]|\(s\)", re.IGNORECASE
)
# A unit behind an underscore names a column of any table: such is a trace where the other columns
# are named as voltages and channels are.
TIME_BESIDE = re.compile(
    r"^(time|zeit|t)\s*(_(ps|ns|[uµμ]s|ms|s|sec|seconds?)|[(\[][^)\]]*[)\]])?$", re.IGNORECASE
)
VOLTAGE_BESIDE = re.compile(
    r"^((ch|chan|channel|kanal|trace)[\s_]*(\d{1,2}|[a-d])|(signal|waveform|voltage|volts?|[vu])\d{0,2})"
    r"([\s_(\[]+([nuµμmk]?V|volts?)[)\]]?)?$",
    re.IGNORECASE,
)
INTERVALS = ("sample interval", "xinc", "xincrement", "x increment", "horizontal interval")
TIME_UNIT = re.compile(
    r"(?:^|[\s(\[_])(?:(ps|ns|[uµμ]s|ms|s)|([pnuµμm]|pico|nano|micro|milli)?sec(?:onds?)?)[)\]]?$",
    re.IGNORECASE,
)
BRACKETS = re.compile(r"[(\[]([^()\[\]]*)[)\]]$")
SECONDS = {"ps": 1e-12, "ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0}
"""Units of time, in s."""
VOLTAGE_UNIT = re.compile(r"(?:^|[\s(\[_])([nuµμmk]?[Vv]|[Vv]olts?)[)\]]?$")
VOLTS = {"nV": 1e-9, "uV": 1e-6, "mV": 1e-3, "V": 1.0, "kV": 1e3}
"""Units of voltage, in V."""


@dataclass(frozen=True)
class TraceLayout:
    """Delimiter and decimal sign, where the samples begin, columns of the time and the channels.

    `second` is the unit of the times in s, `first_s` the time of the sample that is counted 0,
    `quoted` says that the text is to be read `without_quotes`, and `odd_unit` is what stands in
    brackets behind the time and is no unit of time.
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


def without_quotes(content: bytes) -> bytes:
    """Return ``"1,5","2,5"`` as bare numbers between semicolons, other lines as they are."""
    return content.replace(b'","', b";").replace(b'"', b"") if b'","' in content else content


def trace_layout(head: bytes) -> TraceLayout | None:
    """Return how the samples are laid out; None where there are none."""
    if b"\x00" in head or head.startswith(b"Record Length:"):
        return None
    bare = without_quotes(head)
    found = _layout(bare.split(b"\n"), quoted=True) if bare is not head else None
    return found or _layout(head.split(b"\n"), quoted=False)


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
    cells = [[cell.strip().strip('"') for cell in line.split(delimiter)] for line in settings]
    named = [
        row
        for row, line in zip(cells, settings, strict=True)
        if TIMES.search(line) or _names_trace(row, found, width)
    ]
    if not (beside if time else named):
        return None
    # A line of units names nothing, unless it is all there is.
    told = [row for row in named if not all(_unit(_at(row, c)) for c in channels)] or named
    names = tuple(_name(_at(told[-1], c) if told else "") or f"{c}" for c in channels)
    counts_up = any(line.lower().startswith("sequence") for line in settings)
    increment, first_s = _setting(cells, decimal), 0.0
    if counts_up and cells:
        start, step = _counted(cells, decimal)
        increment, first_s = increment or step, start
    near = cells[:LINES_OF_NAMES] if beside else cells[-LINES_OF_NAMES:]
    stated = [row[1:2] for row in cells if row[0].lower() == "horizontal units"]
    seconds = [SECONDS[unit] for row in near if (unit := _second(_at(row, time)))]
    seconds += [SECONDS[unit] for row in stated if row and (unit := _second(row[0]))]
    volts = [row[1:] for row in cells if row[0].lower() == "vertical units"]
    units = tuple(
        next((unit for row in near if (unit := _unit(_at(row, c)))), "")
        or next((unit for row in volts if (unit := _unit(_at(row, i) or _at(row, 0)))), "V")
        for i, c in enumerate(channels)
    )
    second = 1.0 if counts_up else next(iter(seconds), 1.0)
    stated_units = [odd[1] for row in near if (odd := BRACKETS.search(_at(row, time)))]
    odd_unit = "" if counts_up or seconds else next(iter(filter(str.strip, stated_units)), "")
    return TraceLayout(
        delimiter, decimal, rows_at, width, time, channels, names, increment, counts_up,
        _segment_samples(cells), first_s, second, units, quoted,
        odd_unit,
    )  # fmt: skip


def _names_trace(row: list[str], found: tuple[int, tuple[int, ...]], width: int) -> bool:
    """Return whether a line names a time, and of all other columns voltages or channels."""
    time, channels = found
    return (
        len(row) >= width
        and TIME_BESIDE.match(_at(row, time)) is not None
        and all(VOLTAGE_BESIDE.match(_at(row, channel)) for channel in channels)
    )


def _name(cell: str) -> str:
    """Return the name of a column without its unit."""
    return re.sub(r"\s*[(\[][^()\[\]]*[)\]]$", "", cell) or cell


def _at(row: list[str], column: int) -> str:
    return row[column] if column < len(row) else ""


def _second(cell: str) -> str:
    """Return the unit of time that a cell ends in, as `SECONDS` has it; nothing without one."""
    found = TIME_UNIT.search(cell)
    if found is None:
        return ""
    if found[1]:
        return re.sub("[µμ]", "u", found[1].lower())
    prefix = (found[2] or "").lower()
    return {"micro": "u", "µ": "u", "μ": "u"}.get(prefix, prefix[:1]) + "s"


def _unit(cell: str) -> str:
    """Return the unit of voltage that a cell ends in, as `VOLTS` has it; nothing without one."""
    found = VOLTAGE_UNIT.search(cell)
    if found is None:
        return ""
    if found[1].lower().startswith("volt"):
        return "V"
    return re.sub("[µμ]", "u", found[1][:-1]) + "V"


def _counted(cells: list[list[str]], decimal: str) -> tuple[float, float | None]:
    """Return start and increment in s of times that are counted (Rigol), from the last settings."""
    names, values = [cell.lower() for cell in cells[-2]] if len(cells) > 1 else [], cells[-1]
    start = _number(_at(values, names.index("start")), decimal) if "start" in names else None
    if "increment" in names:
        return start or 0.0, _positive(_at(values, names.index("increment")), decimal)
    last = values[-1] if values[-1] else "".join(values[-2:-1])
    return start or 0.0, _positive(last, decimal)


def _setting(cells: list[list[str]], decimal: str) -> float | None:
    """Return the sampling interval that the settings state, in s."""
    for row in cells:
        key, *values = (word.strip().strip('":') for cell in row for word in cell.split(":"))
        if key.lower() in INTERVALS:
            for value in values:
                number = _positive(value, decimal)
                if number is not None:
                    return number
    return None


def _segment_samples(cells: list[list[str]]) -> int | None:
    """Return how many samples a segment has, where the settings (LeCroy's) state it."""
    for words in cells:
        if "SegmentSize" in words[:-1]:
            told = words[words.index("SegmentSize") + 1]
            return int(told) if told.isdigit() and int(told) > 0 else None
    return None


def _number(word: str, decimal: str) -> float | None:
    try:
        number = float(word.strip().removesuffix("s").replace(decimal, "."))
    except ValueError:
        return None
    return number if np.isfinite(number) else None


def _positive(word: str, decimal: str) -> float | None:
    number = _number(word, decimal)
    return number if number is not None and number > 0 else None

"""Words above the samples of an oscilloscope's text: names, units and settings."""

from __future__ import annotations

import re

import numpy as np

__all__ = [
    "BRACKETS",
    "SECONDS",
    "VOLTS",
    "at",
    "cells_of",
    "counted_times",
    "other_unit",
    "second_of",
    "segment_samples",
    "stated_interval_s",
    "stated_start_s",
    "volt_unit",
]

INTERVALS = (
    "sample interval", "sampling interval", "sampling period", "xinc", "xincrement", "x increment",
    "horizontal interval",
)  # fmt: skip
INCREMENT = re.compile(r"^t\s?inc(?:rement)?\s*=\s*(\S+)$", re.IGNORECASE)
START = re.compile(r"^t0\s*=\s*(\S+)$", re.IGNORECASE)
"""Rigol's ``t0 =-5.0e-08, tInc = 1.0e-09`` behind the names."""
TIME_UNIT = re.compile(
    r"(?:^|[\s(\[_])(?:(ps|ns|[uµμ]s|ms|s)|([pnuµμm]|pico|nano|micro|milli)?sec(?:onds?)?)[)\]]?$",
    re.IGNORECASE,
)
BRACKETS = re.compile(r"[(\[]([^()\[\]]*)[)\]]$")
SECONDS = {"ps": 1e-12, "ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0}
"""Units of time, in s."""
VOLTAGE_UNIT = re.compile(r"(?:^|[\s(\[_])([nuµμmk]?[Vv]|[Vv]olts?)[)\]]?$")
LETTERS = re.compile(r"[^\W\d_]{1,8}")
"""A unit of what is no voltage."""
VOLTS = {"nV": 1e-9, "uV": 1e-6, "mV": 1e-3, "V": 1.0, "kV": 1e3}
"""Units of voltage, in V."""


def cells_of(line: str, delimiter: str, width: int) -> list[str]:
    """Return what stands between delimiters; names with blanks between several blanks."""
    if delimiter == " ":
        apart = re.split(r"\s{2,}|\t", line)
        return apart if len(apart) == width else line.split() or [""]
    return [cell.strip().strip('"') for cell in line.split(delimiter)]


def at(row: list[str], column: int) -> str:
    """Return a cell of a row; nothing behind its end."""
    return row[column] if column < len(row) else ""


def second_of(cell: str) -> str:
    """Return the unit of time that a cell ends in, as `SECONDS` has it; nothing without one."""
    found = TIME_UNIT.search(cell)
    if found is None:
        return ""
    if found[1]:
        return re.sub("[µμ]", "u", found[1].lower())
    prefix = (found[2] or "").lower()
    return {"micro": "u", "µ": "u", "μ": "u"}.get(prefix, prefix[:1]) + "s"


def volt_unit(cell: str) -> str:
    """Return the unit of voltage that a cell ends in, as `VOLTS` has it; nothing without one."""
    found = VOLTAGE_UNIT.search(cell)
    if found is None:
        return ""
    if found[1].lower().startswith("volt"):
        return "V"
    return re.sub("[µμ]", "u", found[1][:-1]) + "V"


def other_unit(cell: str) -> str:
    """Return the unit in brackets that is none of voltage or time; nothing without one."""
    found = BRACKETS.search(cell)
    return found[1] if found and LETTERS.fullmatch(found[1]) and not second_of(cell) else ""


def counted_times(cells: list[list[str]], decimal: str) -> tuple[float, float | None]:
    """Return start and increment in s of times that are counted (Rigol), from the last settings."""
    names, values = [cell.lower() for cell in cells[-2]] if len(cells) > 1 else [], cells[-1]
    start = _number(at(values, names.index("start")), decimal) if "start" in names else None
    if "increment" in names:
        return start or 0.0, _positive(at(values, names.index("increment")), decimal)
    last = values[-1] if values[-1] else "".join(values[-2:-1])
    return start or 0.0, _positive(last, decimal)


def stated_interval_s(cells: list[list[str]], decimal: str) -> float | None:
    """Return the sampling interval that the settings state, in s."""
    for row in cells:
        key, *values = (word.strip().strip('":') for cell in row for word in cell.split(":"))
        if key.lower() in INTERVALS:
            for value in values:
                number = _positive(value, decimal)
                if number is not None:
                    return number
        if told := next(filter(None, map(INCREMENT.match, row)), None):
            return _positive(told[1], decimal)
    return None


def stated_start_s(cells: list[list[str]], decimal: str) -> float:
    """Return the time of the first sample that the settings state, in s; 0 where they do not."""
    told = (found[1] for row in cells for cell in row if (found := START.match(cell)))
    return _number(next(told, ""), decimal) or 0.0


def segment_samples(cells: list[list[str]]) -> int | None:
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

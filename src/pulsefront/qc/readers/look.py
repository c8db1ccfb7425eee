"""A look at a table that nobody has described: where it begins, and what its columns seem to be."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Literal

from pulsefront.errors import UnsupportedFormat
from pulsefront.qc.readers.text.columns import numbered_names
from pulsefront.qc.readers.text.delimited import has_decimal_comma, open_text, separator_line
from pulsefront.qc.readers.text.numbers import parse_numbers
from pulsefront.qc.readers.text.words import kind_of_service
from pulsefront.qc.times import DateOrder, parse_times

__all__ = ["Look", "SeenColumn", "look_at"]

_LINES = 2_000
_BEYOND = re.compile(r"\s*[<>≤≥]=?\s*[-+]?\d*[.,]?\d+\s*")
_CLOCK = re.compile(r"\s*\d{1,2}[:.h]\d{2}(:\d{2})?\s*([AaPp][Mm])?\s*")

ColumnKind = Literal["date", "clock", "number", "mixed", "kind", "word", "empty"]
"""What most cells of a column are; *mixed* are numbers beside words."""


@dataclass(frozen=True)
class SeenColumn:
    """One column: its name, what its cells are, and some of them."""

    name: str
    kind: ColumnKind
    cells: tuple[str, ...]
    words: tuple[str, ...] = ()
    """Those of the cells that are no numbers."""

    @property
    def distinct(self) -> int:
        """How many different cells there are."""
        return len(set(self.cells))


@dataclass(frozen=True)
class Look:
    """What a table seems to be."""

    delimiter: str
    skip_lines: int
    decimal_comma: bool
    rows: int
    columns: tuple[SeenColumn, ...]

    def of_kind(self, kind: ColumnKind) -> list[SeenColumn]:
        """Return the columns of one kind."""
        return [column for column in self.columns if column.kind == kind]


def look_at(path: Path) -> Look:
    """Return what a text file seems to hold.

    Raises
    ------
    UnsupportedFormat
        It is no table of at least two columns and one row.
    """
    with open_text(path) as lines:
        text = list(islice(lines, _LINES))
    announced = separator_line(text[0]) if text else ""
    skip = 1 if announced else 0
    delimiters = announced or ",;\t|"
    shapes = [_shape(text[skip:], sign) for sign in delimiters]
    delimiter, size, _ = max(shapes, key=lambda shape: shape[1])
    width, begin = _table(text[skip:], delimiter)
    if size == 0 or width < 2:
        raise UnsupportedFormat(
            "does not look like a table with a header and rows",
            file=path,
            remedy="export it as CSV, or ignore it in site.toml",
        )
    rows = [row for row in _rows(text[skip + begin :], delimiter) if len(row) == width]
    header = numbered_names(cell.strip().strip('"') for cell in rows[0])
    body = rows[1:]
    comma = delimiter != "," and has_decimal_comma(body)
    columns = tuple(
        _column(name, tuple(row[k].strip() for row in body), decimal_comma=comma)
        for k, name in enumerate(header)
    )
    return Look(delimiter, skip + begin if begin else 0, comma, len(body), columns)


def _rows(lines: Sequence[str], delimiter: str) -> list[list[str]]:
    try:
        return list(csv.reader(lines, delimiter=delimiter, skipinitialspace=True))
    except csv.Error:
        return []


def _shape(lines: Sequence[str], delimiter: str) -> tuple[str, int, int]:
    """Return a delimiter, how many cells its most frequent width makes, and that width."""
    widths = Counter(len(row) for row in _rows(lines, delimiter) if len(row) > 1)
    if not widths:
        return delimiter, 0, 0
    width, count = max(widths.items(), key=lambda item: item[0] * item[1])
    return delimiter, width * count, width


def _table(lines: Sequence[str], delimiter: str) -> tuple[int, int]:
    """Return the width of a table and the lines before its header."""
    _, _, width = _shape(lines, delimiter)
    reader = csv.reader(lines, delimiter=delimiter, skipinitialspace=True)
    before = 0
    for row in reader:
        if len(row) == width and sum(bool(cell.strip()) for cell in row) > 1:
            return width, before
        before = reader.line_num
    return 0, 0


def _column(name: str, cells: tuple[str, ...], *, decimal_comma: bool) -> SeenColumn:
    some = [cell for cell in cells if cell]
    if not some:
        return SeenColumn(name, "empty", ())
    _, numbers = parse_numbers(some, decimal_comma=decimal_comma)
    words = tuple(cell for cell, good in zip(some, numbers.tolist(), strict=True) if not good)
    return SeenColumn(name, _kind(some, len(some) - len(words)), tuple(some), words)


def _kind(cells: Sequence[str], numbers: int) -> ColumnKind:
    many = 0.8 * len(cells)
    if numbers >= many:
        compact = sum(len(cell) == 8 and cell.startswith(("19", "20")) for cell in cells)
        return "date" if compact >= many else "number"
    orders: tuple[DateOrder, ...] = ("dmy", "mdy")
    if any((parse_times(cells, order=order)[1] == "").sum() >= many for order in orders):
        return "date"
    if sum(_CLOCK.fullmatch(cell) is not None for cell in cells) >= many:
        return "clock"
    if sum(bool(kind_of_service(cell, {})) for cell in cells) >= many:
        return "kind"
    # Below or above what can be measured: no number that is stored, and no name either.
    beyond = sum(_BEYOND.fullmatch(cell) is not None for cell in cells)
    return "mixed" if numbers + beyond >= 0.2 * len(cells) else "word"

"""How a table of text is laid out: delimiter, decimal sign, names of the columns, where rows begin.

All layouts that are possible are scored on the lines of the head; the one that makes numbers of
most fields wins, and a draw is an error that names the options.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pulsefront.errors import UnsupportedFormat
from pulsefront.events.readers.numbers import REAL, UNSIGNED, WHOLE, parse_lines
from pulsefront.events.readers.text_blocks import BOM

__all__ = ["DECIMALS", "DELIMITERS", "TextLayout", "broken_row", "find_layout", "lone_column"]

DELIMITERS = (",", ";", "\t")
DECIMALS = (".", ",")
LINES = 200
NAMES = {",": "comma", ";": "semicolon", "\t": "tab", " ": "blank", ".": "point"}


@dataclass(frozen=True)
class TextLayout:
    """Delimiter, decimal sign, names of the columns, and the byte where the first row begins."""

    delimiter: str
    decimal: str
    names: tuple[str, ...]
    rows_at: int

    @property
    def told(self) -> str:
        """It in words."""
        return f"delimiter {NAMES[self.delimiter]}, decimal {NAMES[self.decimal]}"


def find_layout(
    head: bytes,
    path: Path,
    *,
    whole: bool,
    delimiter: str | None = None,
    decimal: str | None = None,
) -> TextLayout | None:
    """Return the layout of a table whose first line names its columns; None where it is none.

    Parameters
    ----------
    head
        The beginning of the file; all of it if *whole*.
    delimiter, decimal
        As said, instead of found.

    Raises
    ------
    UnsupportedFormat
        Two layouts fit equally well, or the first line holds numbers instead of names.
    """
    if b"\x00" in head:
        return None
    start = len(BOM) if head.startswith(BOM) else 0
    while head.startswith(b"#", start) and b"\n" in head[start:]:
        start = head.index(b"\n", start) + 1
    lines = head[start:].split(b"\n")
    if not whole or len(lines) > 2:
        # A last line without its end may be cut: it does not say how the others are laid out.
        lines = lines[:-1]
    if not lines:
        return None
    try:
        first = lines[0].decode("utf-8").strip("\r")
    except UnicodeDecodeError:
        return None
    rows = [line for line in lines[1 : LINES + 1] if line.strip()]
    rows_at = min(start + len(lines[0]) + 1, start + len(head))
    scores = {}
    for layout in _possible(first, rows_at, delimiter, decimal):
        score = _numbers(layout, rows)
        if score is not None:
            scores[layout] = score
    if not scores:
        return None
    best = max(scores.values())
    likely = [layout for layout, score in scores.items() if score == best]
    delimiters = {layout.delimiter for layout in likely}
    if len(delimiters) > 1 or (len(likely) > 1 and best[1]):
        raise UnsupportedFormat(
            "its numbers read equally well in several ways",
            file=path,
            value="; ".join(layout.told for layout in likely),
            remedy="say delimiter and decimal in the mapping file",
        )
    if all(_is_number(name) for name in likely[0].names):
        raise UnsupportedFormat(
            "is a table without a line of names: its first line holds numbers",
            file=path,
            value=first[:60],
            remedy="write the names of the columns above it",
        )
    return likely[0]


def broken_row(head: bytes) -> str | None:
    """Return what is wrong with the first odd row of a table; None where most rows do not fit.

    For files that `find_layout` takes for no table: names in the first line, and rows of which
    more than half have as many fields.
    """
    lines = head.removeprefix(BOM).split(b"\n")[: LINES + 1]
    try:
        first = lines[0].decode("utf-8").strip("\r")
    except UnicodeDecodeError:
        return None
    rows = [line for line in lines[1:-1] if line.strip()]
    for layout in _possible(first, 0, None, None):
        if not rows or b"\x00" in head or any(_is_number(name) for name in layout.names):
            continue
        counts = parse_lines(b"\n".join(rows), layout.delimiter, layout.decimal).counts
        odd = [row for row, count in enumerate(counts) if count != len(layout.names)]
        if 0 < len(odd) < len(rows) / 2:
            return (
                f"its row {odd[0] + 1} has {counts[odd[0]]} fields where its first line names "
                f"{len(layout.names)} ({first[:60]})"
            )
    return None


def lone_column(head: bytes) -> str | None:
    """Return the name above a single column of numbers; None where there is none."""
    first, *lines = head.removeprefix(BOM).split(b"\n")[: LINES + 1]
    words = [line.decode("latin-1").strip().strip('"') for line in lines[:-1]]
    rows = [word for word in words if word]
    name = first.decode("utf-8", "replace").strip().strip('"')
    return name if rows and all(map(_is_number, rows)) and not _is_number(name) else None


def _possible(
    first: str, rows_at: int, delimiter: str | None, decimal: str | None
) -> Iterator[TextLayout]:
    for sign in (delimiter,) if delimiter else DELIMITERS:
        words = first.split() if sign == " " else first.split(sign)
        names = tuple(word.strip().strip('"') for word in words)
        if len(names) < 2 and not delimiter:
            continue
        for point in (decimal,) if decimal else DECIMALS:
            if point != sign:
                yield TextLayout(sign, point, names, rows_at)


def _numbers(layout: TextLayout, rows: list[bytes]) -> tuple[int, int] | None:
    """Return how many fields are numbers and how many have the decimal sign; None if none fits.

    Without rows a first line fits where all its words are names.
    """
    if not rows:
        named = all(name and not _is_number(name) for name in layout.names)
        return (0, 0) if named and len(set(layout.names)) == len(layout.names) else None
    fields = parse_lines(b"\n".join(rows), layout.delimiter, layout.decimal)
    if (fields.counts != len(layout.names)).any():
        return None
    numbers = int(np.isin(fields.kind, (WHOLE, REAL, UNSIGNED)).sum())
    signs = sum(row.count(layout.decimal.encode()) for row in rows)
    return (numbers, signs) if numbers else None


def _is_number(word: str) -> bool:
    try:
        float(word.replace(",", "."))
    except ValueError:
        return False
    return True

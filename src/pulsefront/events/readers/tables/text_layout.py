"""How a table of text is laid out: delimiter, decimal sign, names of the columns, where rows begin.

All layouts that are possible are scored on the lines of the head; the one that makes numbers of
most fields wins, and a draw is an error that names the options. Blanks are the delimiter where
nothing else is. Lines about the table may stand above its names, as long as none holds numbers.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pulsefront.errors import UnsupportedFormat
from pulsefront.events.readers.numbers import REAL, UNSIGNED, WHOLE, Fields, parse_lines
from pulsefront.events.readers.text_blocks import BOM, decoded

__all__ = ["DECIMALS", "DELIMITERS", "TextLayout", "find_layout", "is_number", "possible_layouts"]

DELIMITERS = (",", ";", "\t", "|")
DECIMALS = (".", ",")
LINES = 200
LINES_ABOVE = 30
"""So many lines about a table may stand above the names of its columns."""
NAMES = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar", " ": "blank", ".": "point"}
COMMA, QUOTE, BLANK = ord(","), ord('"'), ord(" ")


@dataclass(frozen=True)
class TextLayout:
    """Delimiter, decimal sign, names of the columns, and the byte where the first row begins.

    `quoted` says that numbers with a decimal comma stand in quotes between commas.
    """

    delimiter: str
    decimal: str
    names: tuple[str, ...]
    rows_at: int
    quoted: bool = False

    @property
    def told(self) -> str:
        """It in words."""
        told = f"delimiter {NAMES.get(self.delimiter, self.delimiter)}"
        quoted = ", numbers in quotes" if self.quoted else ""
        return f"{told}, decimal {NAMES[self.decimal]}{quoted}"

    def bare(self, content: bytes) -> bytes:
        """Return rows as `parse_lines` takes them, byte by byte where they were.

        Of numbers in quotes, the commas between them become semicolons.
        """
        if not self.quoted:
            return content
        raw = np.frombuffer(content, np.uint8).copy()
        quotes = raw == QUOTE
        raw[(raw == COMMA) & (np.cumsum(quotes) % 2 == 0)] = ord(";")
        raw[quotes] = BLANK
        return raw.tobytes()

    def fields(self, content: bytes) -> Fields:
        """Return the numbers of whole rows."""
        return parse_lines(self.bare(content), self.sign, self.decimal)

    @property
    def sign(self) -> str:
        """What stands between the fields of `bare` rows."""
        return ";" if self.quoted else self.delimiter


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
    scores = _scores(lines, start, delimiter, decimal)
    above = 0
    while not scores and above < min(LINES_ABOVE, len(lines) - 2) and not _numbers_in(lines[above]):
        start += len(lines[above]) + 1
        above += 1
        found = _scores(lines[above:], start, delimiter, decimal)
        scores = {layout: score for layout, score in found.items() if _only_names(layout.names)}
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
    if likely[0].quoted and not decimal and _may_be_thousands(likely[0], lines[1 : LINES + 1]):
        raise UnsupportedFormat(
            'its commas may be decimal signs or stand between thousands, as in "1,234"',
            file=path,
            remedy='say decimal = "," in the mapping file, or write it without thousands',
        )
    if all(is_number(name) for name in likely[0].names):
        raise UnsupportedFormat(
            "is a table without a line of names: its first line holds numbers",
            file=path,
            value=decoded(lines[0]).strip()[:60],
            remedy="write the names of the columns above it",
        )
    return likely[0]


def _scores(
    lines: list[bytes], start: int, delimiter: str | None, decimal: str | None
) -> dict[TextLayout, tuple[int, int]]:
    """Return the layouts that fit lines of which the first names the columns, and their scores."""
    first = decoded(lines[0]).strip("\r")
    rows = [line for line in lines[1 : LINES + 1] if line.strip()]
    rows_at = start + len(lines[0]) + 1
    scores: dict[TextLayout, tuple[int, int]] = {}
    for signs in (DELIMITERS, (" ",)):
        for layout in possible_layouts(first, rows_at, delimiter, decimal, signs):
            score = _numbers(layout, rows)
            if score is not None:
                scores[layout] = score
        if scores or not rows:
            return scores
    return scores


def possible_layouts(
    first: str,
    rows_at: int = 0,
    delimiter: str | None = None,
    decimal: str | None = None,
    signs: tuple[str, ...] = DELIMITERS,
) -> Iterator[TextLayout]:
    """Yield the layouts that a table could have by its *first* line, of *signs* or as said."""
    for sign in (delimiter,) if delimiter else signs:
        names = tuple(word.strip().strip('"') for word in _words(first, sign))
        if len(names) < 2 and not delimiter:
            continue
        for point in (decimal,) if decimal else DECIMALS:
            if point != sign:
                yield TextLayout(sign, point, names, rows_at)
        if sign == "," and decimal != ".":
            yield TextLayout(",", ",", names, rows_at, quoted=True)


def _words(line: str, sign: str) -> list[str]:
    """Return what stands between signs, in quotes or not; nothing where that is no line."""
    if sign == " ":
        return line.split()
    try:
        return next(csv.reader([line], delimiter=sign), [])
    except csv.Error:  # a carriage return within, or a field without end
        return []


def _numbers(layout: TextLayout, rows: list[bytes]) -> tuple[int, int] | None:
    """Return how many fields are numbers and how many have the decimal sign; None if none fits.

    Without rows a first line fits where all its words are names.
    """
    if not rows:
        return (0, 0) if _only_names(layout.names) else None
    content = b"\n".join(rows)
    if layout.quoted and b'"' not in content:
        return None
    fields = layout.fields(content)
    if (fields.counts != len(layout.names)).any():
        return None
    numbers = int(np.isin(fields.kind, (WHOLE, REAL, UNSIGNED)).sum())
    signs = layout.bare(content).count(layout.decimal.encode())
    return (numbers, signs) if numbers else None


def _may_be_thousands(layout: TextLayout, rows: list[bytes]) -> bool:
    """Return whether every number with a comma has three digits behind it."""
    cells = b"\n".join(map(layout.bare, rows)).replace(b"\n", b";").split(b";")
    return all(re.fullmatch(rb"\s*[-+]?\d{1,3}(,\d{3})+\s*", c) for c in cells if b"," in c)


def _only_names(names: tuple[str, ...]) -> bool:
    """Return whether no word is missing, a number, no text, or there twice."""
    named = all(name and name.isprintable() and not is_number(name) for name in names)
    return named and len(set(names)) == len(names)


def _numbers_in(line: bytes) -> bool:
    """Return whether a line is a row of numbers alone."""
    rows = (parse_lines(line, sign) for sign in (*DELIMITERS, " "))
    numbers = (np.isin(row.kind, (WHOLE, REAL, UNSIGNED)) for row in rows)
    return any(len(each) > 1 and bool(each.all()) for each in numbers)


def is_number(word: str) -> bool:
    """Return whether a word is a number, with a point or a comma, or a hexadecimal one."""
    try:
        float(word.replace(",", "."))
    except ValueError:
        return _is_hexadecimal(word)
    return True


def _is_hexadecimal(word: str) -> bool:
    try:
        int(word, 16)
    except ValueError:
        return False
    return word.lower().startswith("0x")

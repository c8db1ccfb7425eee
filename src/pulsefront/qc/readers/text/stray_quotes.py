"""Quotes that open a cell and close it lines later: a comment of several lines, or a slip."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence

__all__ = ["PhysicalLines", "cells_of_line", "holds_rows"]

_NUMBER = re.compile(r"[+-]?\d+(?:[.,]\d+)?(?:[eE][+-]?\d+)?")
_DATE = re.compile(
    r"(?:\d{1,4}[-./]\d{1,2}[-./]\d{1,4}|\d{1,2}[ .-]+[^\W\d]{3,}[ .-]+\d{2,4})"
    r"(?:[ T]+\d{1,2}\D.*)?"
)


class PhysicalLines:
    """Lines of a file that can be handed back, with what was seen of them.

    Attributes
    ----------
    done
        Characters of the lines that were read and not handed back.
    taken
        Number of the line that was read last, from 1.
    broken
        Whether any line held what is no text: rare, and slow to look for in every cell.
    row
        Lines read since :meth:`begin_row`.
    """

    def __init__(self, lines: io.TextIOWrapper, before: int) -> None:
        self.done, self.taken, self.broken = 0, before, False
        self.row: list[str] = []
        self.ended = False
        self._lines = lines
        self._waiting: list[str] = []  # the next one last

    def __iter__(self) -> Iterator[str]:
        while line := self._waiting.pop() if self._waiting else next(self._lines, ""):
            self.done += len(line)
            self.taken += 1
            self.broken = self.broken or "\ufffd" in line or "\x00" in line
            self.row.append(line)
            yield line
        self.ended = True

    def begin_row(self) -> int:
        """Forget the lines of the row before; return the number of the next line."""
        self.row.clear()
        return self.taken + 1

    def hand_back(self) -> str:
        """Hand back all lines of the row but its first; return that one."""
        first, *others = self.row
        self._waiting.extend(reversed(others))
        self.done -= sum(map(len, others))
        self.taken -= len(others)
        self.ended = False
        del self.row[1:]
        return first

    @property
    def unclosed(self) -> bool:
        """Whether the file ended inside a quoted cell of several lines."""
        quotes = sum(line.count('"') for line in self.row)
        return self.ended and len(self.row) > 1 and quotes % 2 == 1


def cells_of_line(line: str, delimiter: str) -> list[str]:
    """Return the cells of one line in which a quote means nothing, but around a whole cell."""
    cells = [cell.strip() for cell in line.rstrip("\r\n").split(delimiter)]
    return [
        cell[1:-1].replace('""', '"') if len(cell) > 1 and cell[0] == cell[-1] == '"' else cell
        for cell in cells
    ]


def holds_rows(
    lines: Sequence[str], *, delimiter: str, width: int, neighbour: Sequence[str] = ()
) -> bool:
    """Return whether the lines of one quoted cell are rows of their own: its quote is a stray one.

    A line is a row where it has about the right number of cells, and cells such as the good row
    before it has in the same columns: the same text, or a date. Of the first line only what
    follows the opening quote can show that, of the last only what precedes the closing one: the
    rest belongs to the row in either case. In doubt it is rows: a comment that is taken for rows
    is refused by its line and its reason, a row that is taken for a comment would be lost.
    """
    first, *inner, last = [_unquoted(line, delimiter) for line in lines]
    opening = next((k for k, cell in enumerate(first) if _opens(cell)), 0)
    closing = next((k for k, cell in enumerate(last) if '"' in cell), 0)
    known = list(neighbour) or first[:opening]
    if _fits(first, width) and _alike(first, neighbour or last, range(opening + 1, width)):
        return True
    if len(last) >= min(3, width - 1) and _alike(last, known, range(closing)):
        return True
    return any(_is_row(cells, known, width) for cells in inner)


def _unquoted(line: str, delimiter: str) -> list[str]:
    return next(csv.reader([line], delimiter=delimiter, quoting=csv.QUOTE_NONE), [])


def _opens(cell: str) -> bool:
    text = cell.strip()
    return text.startswith('"') and (len(text) == 1 or not text.endswith('"'))


def _fits(cells: Sequence[str], width: int) -> bool:
    """Return whether there are *width* cells, not counting empty ones beyond."""
    return len(cells) >= width and not any(cell.strip() for cell in cells[width:])


def _is_row(cells: Sequence[str], known: Sequence[str], width: int) -> bool:
    if not any(cell.strip() for cell in cells):
        return False
    if _fits(cells, width) and any(map(_is_number_or_date, cells)):
        return True
    return len(cells) >= min(3, width - 1) and _alike(cells, known, range(len(cells)))


def _alike(cells: Sequence[str], known: Sequence[str], columns: range) -> bool:
    """Return whether cells equal the known ones in any of the columns, or are dates as they are."""
    pairs = [
        (cells[k].strip(), known[k].strip()) for k in columns if k < min(len(cells), len(known))
    ]
    return any(
        bool(cell) and (cell == other or (_is_date(cell) and _is_date(other)))
        for cell, other in pairs
    )


def _is_date(cell: str) -> bool:
    return _DATE.fullmatch(cell.strip()) is not None


def _is_number_or_date(cell: str) -> bool:
    return _is_date(cell) or _NUMBER.fullmatch(cell.strip()) is not None

"""What is wrong with text that is nearly a table: for the line that refuses it."""

from __future__ import annotations

import re

from pulsefront.events.readers.numbers import NO_NUMBER
from pulsefront.events.readers.tables.text_layout import LINES, is_number, possible_layouts
from pulsefront.events.readers.text_blocks import BOM, decoded

__all__ = ["THOUSANDS", "broken_row", "lone_column", "lone_line", "unread_cell"]

THOUSANDS = re.compile(r"[-+]?\d{1,3}(?:([.,' \u00a0\u202f])\d{3})(?:\1\d{3})*(?:[.,]\d+)?")
"""A number with signs between its thousands."""
LONGEST_NAME = 80


def broken_row(head: bytes) -> str | None:
    """Return what is wrong with the first odd row of a table; None where most rows do not fit.

    For files that `find_layout` takes for no table: names in the first line, and rows of which
    more than half have as many fields.
    """
    first, rows = _lines(head)
    for layout in possible_layouts(first):
        if not rows or b"\x00" in head or any(is_number(name) for name in layout.names):
            continue
        counts = layout.fields(b"\n".join(rows)).counts
        odd = [row for row, count in enumerate(counts) if count != len(layout.names)]
        if 0 < len(odd) < len(rows) / 2:
            return (
                f"its row {odd[0] + 1} has {counts[odd[0]]} fields where its first line names "
                f"{len(layout.names)} ({first[:60]})"
            )
    return None


def unread_cell(head: bytes) -> str | None:
    """Return the first cell of a table of which no cell is a number, though it holds digits.

    For files that `find_layout` takes for no table: every row has a field for every name.
    """
    first, rows = _lines(head)
    for layout in possible_layouts(first):
        if not rows or b"\x00" in head:
            continue
        fields = layout.fields(b"\n".join(rows))
        fit = (fields.counts == len(layout.names)).all()
        if fit and (fields.kind == NO_NUMBER).all() and re.search(rb"\d", rows[0]):
            cells = decoded(layout.bare(rows[0])).split(layout.sign)
            return next(cell.strip() for cell in cells if any(map(str.isdigit, cell)))
    return None


def lone_column(head: bytes) -> str | None:
    """Return the name above a single column of numbers; None where there is none."""
    first, *lines = head.removeprefix(BOM).split(b"\n")[: LINES + 1]
    words = [line.decode("latin-1").strip().strip('"') for line in lines[:-1]]
    rows = [word for word in words if word]
    name = decoded(first).strip().strip('"')
    return name if rows and all(map(is_number, rows)) and not is_number(name) else None


def lone_line(head: bytes) -> str | None:
    """Return the only line of a short text; None where there are several, or it has no end."""
    if not head.endswith(b"\n"):
        return None
    words = decoded(head.removeprefix(BOM)).strip()
    return words if 0 < len(words) < LONGEST_NAME and words.isprintable() else None


def _lines(head: bytes) -> tuple[str, list[bytes]]:
    """Return the first line, and the first rows below it that are whole."""
    first, *rows = head.removeprefix(BOM).split(b"\n")[: LINES + 1]
    return decoded(first).strip("\r"), [line for line in rows[:-1] if line.strip()]

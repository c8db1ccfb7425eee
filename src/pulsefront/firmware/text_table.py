"""Rows of text in aligned columns, for the terminal and for text files."""

from __future__ import annotations

import io
from collections.abc import Sequence

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table

__all__ = ["text_table"]


def text_table(
    head: Sequence[str], rows: Sequence[Sequence[str]], right: frozenset[int] = frozenset()
) -> str:
    """Return *head* and *rows* with aligned columns, those numbered in *right* to the right.

    Plain text of whatever width it takes: the same on a terminal as in a file.
    """
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for column, name in enumerate(head):
        table.add_column(name, justify="right" if column in right else "left", no_wrap=True)
    for row in rows:
        table.add_row(*row)
    width = sum(max(map(cell_len, column)) + 2 for column in zip(head, *rows, strict=True))
    console = Console(
        file=io.StringIO(),
        width=width,
        color_system=None,
        markup=False,
        emoji=False,
        highlight=False,
    )
    with console.capture() as captured:
        console.print(table)
    return "\n".join(line.rstrip() for line in captured.get().splitlines())

"""Lines of names in the middle of a table, where exports were put one behind the other."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

__all__ = ["OTHER_REMEDY", "HeaderWatch"]

_NUMBER = re.compile(r"[-+]?\d+([.,]\d+)?")

LEAST_NAMES = 2
"""So many names of the header, half of them at least, and no number make a line of names."""

OTHER_REMEDY = "put tables with other columns into files of their own"


class HeaderWatch:
    """Tells the rows of a table from its header, from another one, and from what is below that."""

    def __init__(self, header: Sequence[str]) -> None:
        self._names = [name.strip() for name in header]
        self._known = {name for name in self._names if any(map(str.isalpha, name))}
        self._least = max(LEAST_NAMES, len(self._known) / 2)
        self._other = 0

    @property
    def reason(self) -> str:
        """Why a row is refused that `kind_of` calls other."""
        return f"stands in or below line {self._other}, which names other columns than the header"

    def kind_of(self, row: Sequence[str], number: int) -> Literal["row", "again", "other"]:
        """Return what the next row is, which begins at line *number*."""
        if not self._known.isdisjoint(row) or self._other:
            cells = [cell.strip() for cell in row]
            if cells == self._names:
                self._other = 0
                return "again"
            named = sum(cell in self._known for cell in cells)
            if named >= self._least and not any(map(_NUMBER.fullmatch, cells)):
                self._other = number
        return "other" if self._other and any(row) else "row"

"""The columns of a table by their names, also where a header gives one name to several."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from pulsefront.errors import ConfigError, QCDataError
from pulsefront.qc.readers.text.delimited import distinct_names
from pulsefront.qc.site import Mapping

__all__ = ["ColumnIndex", "numbered_names"]


def numbered_names(names: Iterable[str]) -> list[str]:
    """Return names that are all different: of two ``Value``, ``Value (1)`` and ``Value (2)``."""
    given = list(names)
    return [
        f"{name} (1)" if distinct == name and given.count(name) > 1 else distinct
        for name, distinct in zip(given, distinct_names(given), strict=True)
    ]


class ColumnIndex:
    """Where the columns stand that a mapping names.

    A name that the header gives once means that column. Where it gives ``Value`` twice, a mapping
    says ``Value (1)`` or ``Value (2)``; ``Value`` alone could be either. Where a mapping names
    ``Value (2)`` too, it has told them apart, and ``Value`` is the first.
    """

    def __init__(self, header: Sequence[str], mapping: Mapping) -> None:
        self.names = [name.strip() for name in header]
        self._numbered = numbered_names(self.names)
        self._wanted = {name for _, names in mapping.columns.given() for name in names}
        self._wanted |= set(mapping.tests)

    @property
    def has_all(self) -> bool:
        """Whether every column that the mapping names is there."""
        return all(self._found(name) for name in self._wanted)

    def index(self, column: str, quantity: str, *, file: Path) -> int:
        """Return where a column stands, from 0.

        Raises
        ------
        ConfigError
            There is no such column.
        QCDataError
            There are several of that name.
        """
        found = self._found(column)
        if not found:
            raise ConfigError(
                f"has no column {column!r} for {quantity}",
                file=file,
                remedy=f"it has: {', '.join(self._shown())}; correct the mapping",
            )
        if len(found) > 1:
            columns = " and ".join(str(k + 1) for k in found)
            choice = " or ".join(repr(self._numbered[k]) for k in found)
            raise QCDataError(
                f"has {column!r} for {quantity} twice, as columns {columns}"
                if len(found) == 2
                else f"has {column!r} for {quantity} {len(found)} times, as columns {columns}",
                file=file,
                remedy=f"say {choice} in the mapping, or rename one of them where the file is made",
            )
        return found[0]

    def first(self, column: str) -> int | None:
        """Return where a column stands, None where there is none: the first one of several."""
        return next(iter(self._found(column)), None)

    def _found(self, column: str) -> list[int]:
        exact = [k for k, name in enumerate(self.names) if name == column]
        if len(exact) > 1 and any(self._numbered[k] in self._wanted for k in exact):
            return exact[:1]  # the mapping tells the others by their numbers
        numbered = [k for k, name in enumerate(self._numbered) if name == column]
        return sorted({*exact, *numbered})

    def _shown(self) -> list[str]:
        return list(dict.fromkeys(self._numbered))

"""The files that a store was made from, so that none of them is taken twice without a word."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pulsefront.errors import DataError
from pulsefront.files import hash_file

__all__ = ["SOURCE", "StoredSource", "refuse_twice", "sources_of"]

NAME_BYTES = 200
SOURCE = np.dtype(
    [("sha256", "S64"), ("bytes", "<i8"), ("file", f"S{NAME_BYTES}"), ("first_event", "<i8")]
)
"""A line of the store's list of sources."""


@dataclass(frozen=True)
class StoredSource:
    """A file by name, length in bytes and SHA-256, and the row of the store where it begins."""

    file: str
    length: int
    sha256: str
    first_event: int = 0

    def record(self, first_event: int) -> tuple[bytes, int, bytes, int]:
        """Return it as a line of the store's list; its own first event counts from *first_event*.

        A name that is too long keeps its end, which tells files of one run apart.
        """
        name = self.file.encode()[-NAME_BYTES:]
        return self.sha256.encode(), self.length, name, first_event + self.first_event


def sources_of(paths: Iterable[str | Path]) -> list[StoredSource]:
    """Return the files by what is in them; a folder is the files in it."""
    found = []
    for path in map(Path, paths):
        inside = sorted(p for p in path.iterdir() if p.is_file()) if path.is_dir() else [path]
        found += [StoredSource(p.name, p.stat().st_size, hash_file(p)) for p in inside]
    return found


def refuse_twice(
    sources: Sequence[StoredSource], known: Sequence[StoredSource], store: str | Path
) -> None:
    """Check that no content comes twice, among *sources* or with those a store has already.

    Raises
    ------
    DataError
        One does.
    """
    remedy = "leave it out, or say --again if its events shall count once more"
    stored = {source.sha256: source for source in known}
    seen: dict[str, StoredSource] = {}
    for source in sources:
        before = stored.get(source.sha256)
        if before is not None:
            raise DataError(
                f"holds the events of {source.file} already, from event {before.first_event} on"
                + (f", as {before.file}" if before.file != source.file else ""),
                file=store,
                remedy=remedy,
            )
        twin = seen.setdefault(source.sha256, source)
        if twin is not source and source.length:
            raise DataError(
                "is given twice"
                if twin.file == source.file
                else f"has the same content as {twin.file}",
                file=source.file,
                remedy=remedy,
            )

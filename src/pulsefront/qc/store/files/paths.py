"""Files by their paths: which there are, and what content each has without reading it anew."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import sqlalchemy as sa

from pulsefront.errors import QCDataError
from pulsefront.files import hash_file
from pulsefront.qc.store.rows.writing import PER_QUERY, pieces
from pulsefront.qc.store.tables import schema

__all__ = ["Content", "PathMemory", "find_files", "path_text", "why_no_file"]

_TOO_FRESH_NS = 2_000_000_000
"""A file that changed less than this before it was looked at may change again within the same tick
of its clock: its content is looked at again the next time."""


def find_files(paths: Iterable[Path]) -> list[Path]:
    """Return the files named and all files in the folders named, sorted, hidden ones left out.

    Links to folders are followed, each folder once. What is no file is among them, so that somebody
    is told: a link to nothing, a named pipe, a folder that cannot be read (see `why_no_file`).

    Raises
    ------
    QCDataError
        A path does not exist.
    """
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            found += _inside(path)
        elif path.exists():
            found.append(path)
        else:
            raise QCDataError("no such file or folder", file=path, remedy="check the path")
    return sorted(dict.fromkeys(found))


def _inside(folder: Path) -> Iterator[Path]:
    """Yield the files of a folder and of those in it, and the folders that cannot be read."""
    been: set[tuple[int, int]] = set()
    closed: list[Path] = []

    def note(error: OSError) -> None:
        closed.append(Path(error.filename))

    for place, folders, names in os.walk(folder, followlinks=True, onerror=note):
        here = Path(place).stat()
        if (here.st_dev, here.st_ino) in been:
            folders.clear()
            continue
        been.add((here.st_dev, here.st_ino))
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(place, name) for name in names if not name.startswith("."))
    yield from closed


def why_no_file(path: Path) -> str:
    """Return why there is no file to open at a path that `find_files` found, empty where there is.

    Nothing is opened for it: a named pipe would wait for its other end.
    """
    try:
        mode = path.stat().st_mode
    except OSError as error:
        if not path.is_symlink():
            return f"cannot be read: {_words(error)}"
        return f"is a link to {path.readlink()}, which cannot be followed: {_words(error)}"
    if stat.S_ISREG(mode):
        return ""
    if stat.S_ISDIR(mode):
        try:
            os.scandir(path).close()
        except OSError as error:
            return f"is a folder that cannot be read: {_words(error)}"
        return "is a folder"
    kinds = {stat.S_IFIFO: "a named pipe", stat.S_IFSOCK: "a socket"}
    return f"is {kinds.get(stat.S_IFMT(mode), 'a device')}, no file"


def _words(error: OSError) -> str:
    return (error.strerror or str(error)).lower()


def path_text(path: Path, *, name_only: bool = False) -> str:
    """Return a path as text that every database and page can hold, whatever its bytes."""
    text = path.name if name_only else os.path.realpath(path)  # a link to itself is none of ours
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


class Content(NamedTuple):
    """The hash of a file's content; ``before`` is that of its path when it was last looked at."""

    content_hash: str
    before: str


class _Seen(NamedTuple):
    content_hash: str
    size: int
    modified_ns: int
    changed_ns: int


class PathMemory:
    """Contents by path. A file whose size and times are those of the last time has its content."""

    def __init__(self, connection: sa.Connection, paths: Sequence[Path]) -> None:
        t = schema.seen_path
        self._seen: dict[str, _Seen] = {}
        for some in pieces([path_text(path) for path in paths], PER_QUERY):
            for row in connection.execute(sa.select(t).where(t.c.path.in_(some))):
                self._seen[row[0]] = _Seen(*row[1:])
        self._fresh: dict[str, _Seen] = {}

    def content(self, path: Path) -> Content:
        """Return the content of a file.

        Raises
        ------
        OSError
            It cannot be read.
        """
        text = path_text(path)
        known = self._seen.get(text)
        now_ns = time.time_ns()
        now = path.stat()
        same = known is not None and known[1:] == (
            now.st_size, now.st_mtime_ns, now.st_ctime_ns,
        )  # fmt: skip
        if known is not None and same:
            return Content(known.content_hash, known.content_hash)
        found = hash_file(path)
        # A clock that was set back makes files of the future: their times tell nothing.
        settled = now.st_ctime_ns + _TOO_FRESH_NS < now_ns
        changed_ns = now.st_ctime_ns if settled else 0
        self._fresh[text] = _Seen(found, now.st_size, now.st_mtime_ns, changed_ns)
        return Content(found, known.content_hash if known else "")

    def remember(self, connection: sa.Connection, path: Path) -> None:
        """Note the content of a file that has been dealt with."""
        text = path_text(path)
        fresh = self._fresh.pop(text, None)
        if fresh is None:
            return
        t = schema.seen_path
        connection.execute(sa.delete(t).where(t.c.path == text))
        connection.execute(sa.insert(t).values(path=text, **fresh._asdict()))

"""What databases answer when they cannot, in one line with a remedy and its exit code."""

from __future__ import annotations

import errno
import shutil
from pathlib import Path

import sqlalchemy as sa

from pulsefront.errors import QCDataError

__all__ = ["DiskFull", "StoreLocked", "StoreProblem", "explained"]


class StoreProblem(QCDataError):
    """The store cannot be used now, whatever is read into it."""


class StoreLocked(StoreProblem):
    """Another job or program works on the store."""

    exit_code = 5


class DiskFull(StoreProblem):
    """There is no room for what is to be stored."""


_LOCKED = ("database is locked", "database table is locked", "lock timeout", "locknotavailable")
_FULL = ("database or disk is full", "no space left on device", "diskfull", "disk quota exceeded")
_NO_PAGE = ("disk i/o error", "unable to open database file")
_PAGE_BYTES = 65536  # what SQLite asks for at once, for its index in memory and its log
_GONE = (
    "unable to open database file", "could not connect", "connection refused",
    "connection failed", "server closed the connection", "no such file or directory",
    "consuming input failed", "connection is closed", "could not translate host name",
    "connection timeout", "terminating connection",
)  # fmt: skip
_DAMAGED = ("file is not a database", "malformed", "disk i/o error")
_READ_ONLY = ("readonly database", "permission denied", "read-only")


def explained(error: BaseException, file: Path | None) -> StoreProblem | None:
    """Return the error of a database as one of ours, or None where it is a fault of the program."""
    if isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}:
        text, kind = "no space left on device", type(error).__name__
    else:
        text, kind = str(error).lower(), type(error).__name__.lower()
    first = next(iter(str(error).splitlines()), kind)

    def says(words: tuple[str, ...]) -> bool:
        return any(word in text or word in kind for word in words)

    if says(_LOCKED):
        return StoreLocked(
            "another program holds the database",
            file=file,
            remedy="wait until it has ended; the next run goes on from here",
        )
    if says(_FULL) or (says(_NO_PAGE) and _is_full(file)):
        return DiskFull(
            "the disk is full",
            file=file,
            remedy="free some space; the next run goes on from here",
        )
    if says(_READ_ONLY):
        return StoreProblem(
            f"the store cannot be written: {first}",
            file=file,
            remedy="give this user the right to write the file and its folder",
        )
    if says(_DAMAGED):
        return StoreProblem(
            f"the store cannot be opened: {first}",
            file=file,
            remedy="check that it is a pulsefront QC store, and the disk; restore a backup",
        )
    if says(_GONE) or isinstance(error, sa.exc.OperationalError):
        return StoreProblem(
            f"the store cannot be opened: {first}",
            file=file,
            remedy="check the URL, and that the database is there; the next run goes on from here",
        )
    return None


def _is_full(file: Path | None) -> bool:
    """Return whether a disk has no room for a page: SQLite calls that an I/O error."""
    try:
        return file is not None and shutil.disk_usage(file.parent).free < _PAGE_BYTES
    except OSError:
        return False

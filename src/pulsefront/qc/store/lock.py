"""One job at a time on a store: a file lock beside SQLite, an advisory lock in PostgreSQL.

Both kinds vanish with the process that holds them, also when it is killed.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Literal

import sqlalchemy as sa
from filelock import FileLock, Timeout

from pulsefront.errors import QCDataError
from pulsefront.qc.store.engine import make_engine, sqlite_file, store_url
from pulsefront.qc.store.problems import StoreLocked, explained

__all__ = ["Purpose", "StoreLocked", "locked"]

Purpose = Literal["", "messages"]

_ADVISORY_KEYS: dict[Purpose, int] = {"": 0x9015EF07, "messages": 0x9015EF08}
_PAUSE_S = 0.2


@contextmanager
def locked(location: str | Path, *, purpose: Purpose = "", wait_s: float = 0.0) -> Iterator[None]:
    """Hold the store's lock.

    Parameters
    ----------
    purpose
        Another lock of the same store, which does not keep jobs from working.
    wait_s
        How long to wait for another holder.

    Raises
    ------
    StoreLocked
        Another job still holds it.
    """
    deadline = time.monotonic() + wait_s
    with ExitStack() as stack:
        while True:
            try:
                stack.enter_context(_locked(store_url(location), purpose))
                break
            except StoreLocked:
                if time.monotonic() >= deadline:
                    raise
                time.sleep(_PAUSE_S)
        yield


@contextmanager
def _locked(url: str, purpose: Purpose) -> Iterator[None]:
    file = sqlite_file(url)
    if file is not None:
        with _file_lock(file.with_name(f"{file.name}{purpose and '.'}{purpose}.lock")):
            yield
    elif url.startswith("postgresql"):
        with _advisory_lock(url, _ADVISORY_KEYS[purpose]):
            yield
    else:
        yield  # a database in memory belongs to one process


@contextmanager
def _file_lock(path: Path) -> Iterator[None]:
    lock = FileLock(path, timeout=0, mode=0o640)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout:
        raise _refusal(path) from None
    except OSError as error:
        ours = explained(error, path)
        raise ours or QCDataError(
            f"the lock cannot be taken: {error.strerror}",
            file=path,
            remedy="give this user the right to write the folder of the database",
        ) from None
    try:
        yield
    finally:
        lock.release()


@contextmanager
def _advisory_lock(url: str, key: int) -> Iterator[None]:
    engine = make_engine(url, poolclass=sa.NullPool)
    with engine.connect() as connection:
        query = sa.select(sa.func.pg_try_advisory_lock(key))
        if not connection.execute(query).scalar_one():
            raise _refusal(None)
        connection.commit()
        yield


def _refusal(path: Path | None) -> StoreLocked:
    return StoreLocked(
        "another QC job works on this store", file=path, remedy="wait until it has ended"
    )

"""One job at a time on a store: a file lock beside SQLite, an advisory lock in PostgreSQL.

Both kinds vanish with the process that holds them, also when it is killed.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa
from filelock import FileLock, Timeout

from pulsefront.errors import QCDataError
from pulsefront.qc.store.engine import make_engine, sqlite_file, store_url
from pulsefront.qc.store.problems import StoreLocked, explained

__all__ = ["StoreLocked", "locked"]

_ADVISORY_KEY = 0x9015EF07


@contextmanager
def locked(location: str | Path) -> Iterator[None]:
    """Hold the store's lock.

    Raises
    ------
    StoreLocked
        Another job holds it; nothing was waited for.
    """
    url = store_url(location)
    file = sqlite_file(url)
    if file is not None:
        with _file_lock(file.with_name(file.name + ".lock")):
            yield
    elif url.startswith("postgresql"):
        with _advisory_lock(url):
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
def _advisory_lock(url: str) -> Iterator[None]:
    engine = make_engine(url, poolclass=sa.NullPool)
    with engine.connect() as connection:
        query = sa.select(sa.func.pg_try_advisory_lock(_ADVISORY_KEY))
        if not connection.execute(query).scalar_one():
            raise _refusal(None)
        connection.commit()
        yield


def _refusal(path: Path | None) -> StoreLocked:
    return StoreLocked(
        "another QC job works on this store", file=path, remedy="wait until it has ended"
    )

"""The QC store: a SQLite file by default, PostgreSQL by URL, both through SQLAlchemy Core.

Writing is idempotent. A source is named by the hash of its bytes; a measurement by its series and
the time it was measured. The first record of a name stands for ever: an equal one later is a
duplicate, a different one contradicts it and goes to quarantine. Each batch is one transaction,
so a kill leaves whole batches, and reading the source again adds just what is missing.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import pandas as pd
import sqlalchemy as sa

from pulsefront.errors import QCDataError, ToolMissing
from pulsefront.qc.records import Batch
from pulsefront.qc.store import schema
from pulsefront.qc.store.migrations import create_or_migrate, is_current
from pulsefront.qc.store.rows import Counts, RowWriter

__all__ = ["Counts", "Store", "sqlite_file", "store_url"]


def store_url(location: str | Path) -> str:
    """Return a database URL; a plain path names a SQLite file."""
    text = str(location)
    if "://" not in text:
        return f"sqlite:///{text}"
    # psycopg 3 is the driver that the postgresql extra installs.
    for scheme in ("postgresql://", "postgres://"):
        if text.startswith(scheme):
            return "postgresql+psycopg://" + text.removeprefix(scheme)
    return text


class Store:
    """An open QC store; use it as a context manager, or call `close`."""

    def __init__(self, location: str | Path, *, must_exist: bool = False) -> None:
        self.url = store_url(location)
        self._file = sqlite_file(self.url)
        self._rows = RowWriter()
        if self._file is not None and must_exist and not self._file.is_file():
            raise QCDataError(
                "no such QC store", file=self._file, remedy="run pulsefront qc ingest first"
            )
        try:
            self.engine = sa.create_engine(self.url)
            if self._file is not None:
                self._file.parent.mkdir(parents=True, exist_ok=True)
            if self.engine.dialect.name == "sqlite":
                sa.event.listen(self.engine, "connect", _tune_sqlite)
                sa.event.listen(self.engine, "begin", _begin_sqlite)
            try:
                with self.engine.connect() as connection:
                    current = is_current(connection)
                if not current:
                    with self.writing() as connection:
                        create_or_migrate(connection)
            except BaseException:
                self.engine.dispose()
                raise
        except sa.exc.NoSuchModuleError as error:
            raise QCDataError(
                f"unknown kind of database: {error}", remedy="use sqlite:/// or postgresql://"
            ) from None
        except ModuleNotFoundError as error:
            raise ToolMissing(
                error.name or "the database driver",
                needed_for="this database URL",
                install="pip install 'pulsefront[postgresql]'",
            ) from None
        except (sa.exc.ArgumentError, sa.exc.OperationalError, sa.exc.DatabaseError) as error:
            raise QCDataError(
                f"the store cannot be opened: {str(error).splitlines()[0]}",
                file=self._file,
                remedy="check the URL and that it is a pulsefront QC store",
            ) from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the connections back."""
        self.engine.dispose()

    @contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """Yield the connection of one transaction; names cached in it are forgotten on an error."""
        try:
            engine = self.engine.execution_options(writing=True)
            with engine.begin() as connection:
                yield connection
        except BaseException:
            self._rows.forget()
            raise

    # -- sources -------------------------------------------------------------------------------

    def source(self, connection: sa.Connection, source_hash: str) -> tuple[int, bool] | None:
        """Return (source_id, complete) of a source, or None where it is new."""
        found = connection.execute(
            sa.select(schema.source.c.source_id, schema.source.c.complete).where(
                schema.source.c.source_hash == source_hash
            )
        ).first()
        return None if found is None else (int(found[0]), bool(found[1]))

    def begin_source(
        self, connection: sa.Connection, source_hash: str, *, name: str, format_name: str
    ) -> int:
        """Note that a source is being read; return its number."""
        known = self.source(connection, source_hash)
        if known is not None:
            return known[0]
        row = {"source_hash": source_hash, "name": name, "format": format_name, "complete": False}
        made = sa.insert(schema.source).values(row).returning(schema.source.c.source_id)
        return int(connection.execute(made).scalar_one())

    def finish_source(self, connection: sa.Connection, source_id: int) -> None:
        """Note that every row of a source is in the store or in quarantine."""
        table = schema.source
        connection.execute(
            sa.update(table).where(table.c.source_id == source_id).values(complete=True)
        )

    # -- writing -------------------------------------------------------------------------------

    def add(self, connection: sa.Connection, batch: Batch, source_id: int) -> Counts:
        """Add a batch within a transaction; return what became of its records."""
        return self._rows.add(connection, batch, source_id)

    # -- reading -------------------------------------------------------------------------------

    def frame(self, table: sa.Table | sa.Select[Any]) -> pd.DataFrame:
        """Return a table or a query as a frame, in the order of its primary key."""
        query = table
        if isinstance(table, sa.Table):
            query = sa.select(table).order_by(*table.primary_key.columns)
        with self.engine.connect() as connection:
            result = connection.execute(query)  # type: ignore[arg-type]
            return pd.DataFrame(result.fetchall(), columns=list(result.keys()))

    def units(self) -> pd.DataFrame:
        """Return the units, in the order of their names."""
        return self.frame(schema.unit)

    def count(self, table: sa.Table) -> int:
        """Return the number of rows of a table."""
        with self.engine.connect() as connection:
            query = sa.select(sa.func.count()).select_from(table)
            return int(connection.execute(query).scalar_one())


def sqlite_file(url: str) -> Path | None:
    """Return the file behind a SQLite URL, or None for another database or one in memory."""
    if not url.startswith("sqlite"):
        return None
    name = sa.make_url(url).database
    return Path(name) if name and name != ":memory:" else None


def _begin_sqlite(connection: sa.Connection) -> None:
    # The driver alone would begin a transaction only where rows change: tables would be made and
    # altered outside of it. One that will write takes its turn at once, and waits for it.
    kind = " IMMEDIATE" if connection.get_execution_options().get("writing") else ""
    connection.exec_driver_sql(f"BEGIN{kind}")


def _tune_sqlite(connection: Any, _: object) -> None:
    connection.isolation_level = None  # transactions are begun by `_begin_sqlite`
    # Write-ahead logging survives a kill at any moment and lets readers go on meanwhile.
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=NORMAL")
    cursor.execute("PRAGMA cache_size=-200000")
    cursor.execute("PRAGMA busy_timeout=30000")
    cursor.close()

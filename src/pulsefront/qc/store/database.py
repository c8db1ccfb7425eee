"""The QC store: a SQLite file by default, PostgreSQL by URL, both through SQLAlchemy Core.

Writing is idempotent. A source is named by the pattern that fits its path, by what the path tells,
and by the hash of its bytes; a measurement by its series and the time it was measured. Each batch
is one transaction, so a kill leaves whole batches, and reading the source again adds just what is
missing.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import pandas as pd
import sqlalchemy as sa

from pulsefront.errors import QCDataError
from pulsefront.qc.records import Batch, Reject
from pulsefront.qc.store.engine import make_engine, sqlite_file, store_name, store_url
from pulsefront.qc.store.problems import explained
from pulsefront.qc.store.rows.batch import RowWriter, add_rejects
from pulsefront.qc.store.rows.counts import Counts
from pulsefront.qc.store.rows.writing import Writing
from pulsefront.qc.store.tables import schema
from pulsefront.qc.store.tables.migrations import create_or_migrate, is_current

__all__ = ["Counts", "Store", "sqlite_file", "store_url"]


class Store:
    """An open QC store; use it as a context manager, or call `close`.

    ``made`` tells whether it was made by opening it, ``name`` how it was named, without a password.
    """

    def __init__(self, location: str | Path, *, must_exist: bool = False) -> None:
        self.url = store_url(location)
        self.name = store_name(location)
        self._file = sqlite_file(self.url)
        self._rows = RowWriter()
        self.made = self._file is not None and not self._file.is_file()
        if self.made and must_exist:
            raise QCDataError(
                "no such QC store",
                file=self._file,
                remedy="run pulsefront qc ingest first, or bring back the file",
            )
        self.engine = make_engine(self.url)
        try:
            self._open()
        except BaseException:
            self.engine.dispose()
            raise

    def _open(self) -> None:
        """Make or migrate the tables where they are not there or older."""
        try:
            if self._file is not None and self.made:
                self._file.parent.mkdir(parents=True, exist_ok=True)
                # Its log and its index in memory get the rights of the file.
                os.close(os.open(self._file, os.O_CREAT | os.O_RDWR, 0o640))
            with self.engine.connect() as connection:
                current = is_current(connection)
            if not current:
                with self.writing() as connection:
                    create_or_migrate(connection)
        except (sa.exc.SQLAlchemyError, OSError) as error:
            ours = explained(error, self._file)
            first = str(error).splitlines()[0]
            raise ours or QCDataError(
                f"the store cannot be opened: {first}",
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

    def forget_names(self) -> None:
        """Forget numbers of units and series: their names have changed."""
        self._rows.forget()

    # -- writing -------------------------------------------------------------------------------

    def add(self, connection: sa.Connection, batch: Batch, writing: Writing) -> Counts:
        """Add a batch within a transaction; return what became of its records."""
        return self._rows.add(connection, batch, writing)

    def quarantine(
        self, connection: sa.Connection, rejects: Sequence[Reject], writing: Writing
    ) -> None:
        """Put rows, or a file as a whole, into quarantine."""
        add_rejects(connection, rejects, writing)

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

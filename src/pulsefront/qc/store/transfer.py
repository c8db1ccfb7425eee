"""A whole store into another, empty one: SQLite to PostgreSQL, or back.

Everything moves or nothing does: the target is one transaction, read again before it is committed.
Rows are compared by a sum of their hashes, since two databases order texts differently.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import sqlalchemy as sa

from pulsefront.errors import QCDataError
from pulsefront.progress import Report, silent
from pulsefront.qc.store.database import Store
from pulsefront.qc.store.lock import locked
from pulsefront.qc.store.tables import schema

__all__ = ["Transferred", "copy_store"]

_ROWS = 20_000
_NUL, _INSTEAD = "\0", "\N{REPLACEMENT CHARACTER}"

Row = tuple[Any, ...]


@dataclass(frozen=True)
class Transferred:
    """Rows of each table that were copied and compared."""

    rows: dict[str, int]

    @property
    def total(self) -> int:
        """Rows of all tables."""
        return sum(self.rows.values())


def copy_store(source: Store, target: Store, *, report: Report = silent) -> Transferred:
    """Copy all tables of a store into an empty one; both are held locked meanwhile.

    PostgreSQL has no texts with a NUL in them: one that a log brought in becomes U+FFFD.

    Raises
    ------
    StoreLocked
        Another job works on one of them.
    QCDataError
        The target holds something already, or does not hold in the end what was copied.
    """
    tables = [t for t in schema.metadata.sorted_tables if t is not schema.schema_version]
    with locked(source.url), locked(target.url):
        for table in tables:
            if target.count(table):
                raise QCDataError(
                    "the target holds records already",
                    field=table.name,
                    value=target.count(table),
                    remedy="give an empty database",
                )
        total = max(2 * sum(source.count(table) for table in tables), 1)
        done = 0

        def advance(rows: int) -> None:
            nonlocal done
            done += rows
            report(min(done, total), total)

        rows: dict[str, int] = {}
        with source.engine.connect() as reading, target.engine.begin() as writing:
            for table in tables:
                sent = _Digest()
                write = _copied if writing.dialect.name == "postgresql" else _inserted
                for batch in _batches(reading, table):
                    write(writing, table, sent.add(batch))
                    advance(len(batch))
                found = _Digest()
                for batch in _batches(writing, table):
                    found.add(batch)
                    advance(len(batch))
                if (found.rows, found.total) != (sent.rows, sent.total):
                    raise QCDataError(
                        "the copy differs from the original",
                        field=table.name,
                        value=f"{found.rows} of {sent.rows} rows",
                        remedy="nothing was kept; try it again and report it",
                    )
                _set_counter(writing, table)
                rows[table.name] = sent.rows
    return Transferred(rows)


class _Digest:
    """The number of rows and the sum of their hashes, in any order."""

    def __init__(self) -> None:
        self.rows = 0
        self.total = 0

    def add(self, batch: Sequence[Row]) -> list[Row]:
        """Take rows in; return them as they are written."""
        clean = [tuple(_without_nul(value) for value in row) for row in batch]
        for row in clean:
            digest = blake2b(repr(row).encode("utf-8", "surrogatepass"), digest_size=8).digest()
            self.total = (self.total + int.from_bytes(digest)) % 2**64
        self.rows += len(clean)
        return clean


def _without_nul(value: Any) -> Any:
    return value.replace(_NUL, _INSTEAD) if isinstance(value, str) else value


def _batches(connection: sa.Connection, table: sa.Table) -> Iterator[list[Row]]:
    """Yield all rows, some at a time; the server keeps the rest."""
    with connection.execute(sa.select(table).execution_options(yield_per=_ROWS)) as result:
        for partition in result.partitions():
            yield [tuple(row) for row in partition]


def _inserted(connection: sa.Connection, table: sa.Table, rows: list[Row]) -> None:
    keys = [column.key for column in table.columns]
    connection.execute(sa.insert(table), [dict(zip(keys, row, strict=True)) for row in rows])


def _copied(connection: sa.Connection, table: sa.Table, rows: list[Row]) -> None:
    """Write rows by PostgreSQL's COPY, which is several times as fast as INSERT."""
    quote: Callable[[str], str] = connection.dialect.identifier_preparer.quote
    names = ", ".join(quote(column.name) for column in table.columns)
    cursor = connection.connection.driver_connection.cursor()  # type: ignore[union-attr]
    with cursor, cursor.copy(f"COPY {quote(table.name)} ({names}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)


def _set_counter(connection: sa.Connection, table: sa.Table) -> None:
    """Let the server's running numbers go on after the last one copied."""
    column = table.autoincrement_column
    if column is None or connection.dialect.name != "postgresql":
        return
    last = connection.execute(sa.select(sa.func.max(column))).scalar_one()
    if last is not None:
        sequence = sa.func.pg_get_serial_sequence(table.name, column.name)
        connection.execute(sa.select(sa.func.setval(sequence, last)))

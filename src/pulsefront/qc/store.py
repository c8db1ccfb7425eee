"""The QC store: a SQLite file by default, PostgreSQL by URL, both through SQLAlchemy Core.

Writing is idempotent. A source is named by the hash of its bytes; a measurement by its series and
the time it was measured. The first record of a name stands for ever: an equal one later is a
duplicate, a different one contradicts it and goes to quarantine. Each batch is one transaction,
so a kill leaves whole batches, and reading the source again adds just what is missing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from pulsefront.errors import QCDataError, ToolMissing
from pulsefront.qc import schema
from pulsefront.qc.records import LIMIT_COLUMNS, UNIT_COLUMNS, Batch, Reject

__all__ = ["Counts", "Store", "group_rows", "sqlite_file", "store_url"]

LATE_S = 86_400
"""A record that became known more than a day after it was measured counts as late."""

_ROWS_PER_QUERY = 400  # keys in one IN (...): SQLite allows 32,766 variables, older ones 999


@dataclass(frozen=True)
class Counts:
    """What became of the records of a batch or a source."""

    new: int = 0
    duplicate: int = 0
    late: int = 0
    quarantined: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            self.new + other.new,
            self.duplicate + other.duplicate,
            self.late + other.late,
            self.quarantined + other.quarantined,
        )


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
        if self._file is not None and must_exist and not self._file.is_file():
            raise QCDataError(
                "no such QC store", file=self._file, remedy="run pulsefront qc ingest first"
            )
        try:
            self.engine = sa.create_engine(self.url)
            if self._file is not None:
                self._file.parent.mkdir(parents=True, exist_ok=True)
                sa.event.listen(self.engine, "connect", _tune_sqlite)
            with self.engine.begin() as connection:
                schema.create_or_migrate(connection)
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
        self._series: dict[tuple[str, str, str, str], int] = {}
        self._contexts: dict[str, int] = {}
        self._units: set[str] = set()

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
            with self.engine.begin() as connection:
                yield connection
        except BaseException:
            self._series.clear()
            self._contexts.clear()
            self._units.clear()
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
        result = connection.execute(sa.insert(schema.source).values(row))
        assert result.inserted_primary_key is not None
        return int(result.inserted_primary_key[0])

    def finish_source(self, connection: sa.Connection, source_id: int) -> None:
        """Note that every row of a source is in the store or in quarantine."""
        table = schema.source
        connection.execute(
            sa.update(table).where(table.c.source_id == source_id).values(complete=True)
        )

    # -- writing -------------------------------------------------------------------------------

    def add(self, connection: sa.Connection, batch: Batch, source_id: int) -> Counts:
        """Add a batch within a transaction; return what became of its records."""
        self._add_units(connection, batch)
        counts, contradictions = self._add_measurements(connection, batch.measurements, source_id)
        for table, frame in ((schema.event, batch.events), (schema.service, batch.services)):
            counts += self._add_rows(connection, table, frame, source_id)
        rejects = [*batch.rejects, *contradictions]
        self._add_rejects(connection, rejects, source_id)
        return counts + Counts(quarantined=len(rejects))

    def insert_new(self, table: sa.Table) -> Any:
        """Return an INSERT that leaves rows whose key is there as they are."""
        dialect = postgresql if self.engine.dialect.name == "postgresql" else sqlite
        return dialect.insert(table).on_conflict_do_nothing()

    def _add_units(self, connection: sa.Connection, batch: Batch) -> None:
        rows: dict[str, dict[str, Any]] = {r["unit_id"]: r for r in _rows_of(batch.units)}
        plain = {n: "" if kind == "text" else 0 for n, kind in UNIT_COLUMNS.items()}
        for frame in (batch.measurements, batch.events, batch.services):
            for name in frame["unit_id"].unique():
                rows.setdefault(name, {**plain, "unit_id": name, "timezone": "UTC"})
        fresh = [row for name, row in rows.items() if name not in self._units]
        if fresh:
            connection.execute(self.insert_new(schema.unit), fresh)
            self._units.update(row["unit_id"] for row in fresh)
        # A unit that was first met in a log is described better once its own record comes.
        for row in _rows_of(batch.units):
            table = schema.unit
            connection.execute(
                sa.update(table).where(table.c.unit_id == row["unit_id"]).values(row)
            )

    def _add_measurements(
        self, connection: sa.Connection, frame: pd.DataFrame, source_id: int
    ) -> tuple[Counts, list[Reject]]:
        if frame.empty:
            return Counts(), []
        table = pd.DataFrame(
            {
                "series_id": self._series_ids(connection, frame),
                "measured_at": frame["measured_at"].to_numpy(),
                "available_at": frame["available_at"].to_numpy(),
                "value": frame["value"].to_numpy(),
                "context_id": self._context_ids(connection, frame),
                "row": frame["row"].to_numpy(),
            }
        )
        key = ["series_id", "measured_at"]
        # The key order is the order on disk, which makes the insertion several times faster; a
        # stable sort keeps the first of equal keys first.
        table = table.sort_values(key, kind="stable", ignore_index=True)
        first = table.drop_duplicates(key)
        new = self._insert_measurements(connection, first, source_id)
        if new == len(table):
            late = int(((table["available_at"] - table["measured_at"]) > LATE_S).sum())
            return Counts(new=new, late=late), []
        stored = self._stored_values(connection, first)
        merged = table.merge(stored, on=key, how="left", suffixes=("", "_stored"))
        same = _equal(merged["value"], merged["value_stored"])
        rejects = [
            Reject(
                int(row),
                "contradicts the record of the same unit, component, test and time",
                f"value {value!r}, known {known!r}",
            )
            for row, value, known in zip(
                merged["row"][~same],
                merged["value"][~same],
                merged["value_stored"][~same],
                strict=True,
            )
        ]
        duplicate = len(table) - new - len(rejects)
        is_late = (merged["available_at"] - merged["measured_at"]) > LATE_S
        fresh = same & (merged["source_id"] == source_id) & ~merged.duplicated(key)
        late = int((is_late & fresh).sum())
        return Counts(new=new, duplicate=duplicate, late=late), rejects

    def _insert_measurements(
        self, connection: sa.Connection, rows: pd.DataFrame, source_id: int
    ) -> int:
        names = ("series_id", "measured_at", "available_at", "value", "context_id")
        columns: list[list[Any]] = [rows[name].tolist() for name in names]
        columns[3] = [None if value != value else value for value in columns[3]]  # noqa: PLR0124
        columns.append([source_id] * len(rows))
        if self.engine.dialect.name == "sqlite":
            # The same statement with bare tuples, which saves a dictionary per record.
            text = str(self.insert_new(schema.measurement).compile(dialect=self.engine.dialect))
            return int(connection.exec_driver_sql(text, list(zip(*columns, strict=True))).rowcount)
        keys = (*names, "source_id")
        content = [dict(zip(keys, row, strict=True)) for row in zip(*columns, strict=True)]
        return self._insert_counted(connection, schema.measurement, content)

    def _insert_counted(
        self, connection: sa.Connection, table: sa.Table, rows: list[dict[str, Any]]
    ) -> int:
        """Insert what is not there yet; return how many rows were new."""
        statement = self.insert_new(table)
        if self.engine.dialect.name == "postgresql":
            # psycopg does not count over many statements: let the server say what it took.
            statement = statement.returning(next(iter(table.primary_key.columns)))
            return len(connection.execute(statement, rows).fetchall())
        return int(connection.execute(statement, rows).rowcount)

    def _stored_values(self, connection: sa.Connection, keys: pd.DataFrame) -> pd.DataFrame:
        """Return what is stored of the given series in the span of time that *keys* covers."""
        table = schema.measurement
        names = ["series_id", "measured_at", "value", "source_id"]
        span = (int(keys["measured_at"].min()), int(keys["measured_at"].max()))
        wanted = np.unique(keys["series_id"].to_numpy()).tolist()
        rows: list[tuple[Any, ...]] = []
        for some in _pieces(wanted, _ROWS_PER_QUERY):
            query = sa.select(*(table.c[name] for name in names)).where(
                table.c.series_id.in_(some), table.c.measured_at.between(*span)
            )
            rows += [tuple(row) for row in connection.execute(query)]
        types = {"series_id": "int64", "measured_at": "int64", "value": "float64"}
        return pd.DataFrame(rows, columns=names).astype(types)

    def _series_ids(self, connection: sa.Connection, frame: pd.DataFrame) -> np.ndarray:
        names = ["unit_id", "component_id", "test", "unit"]
        codes, keys = group_rows(frame, names)
        missing = [key for key in keys if key not in self._series]
        if missing:
            table = schema.series
            connection.execute(
                self.insert_new(table), [dict(zip(names, key, strict=True)) for key in missing]
            )
            units = sorted({key[0] for key in missing})
            for some in _pieces(units, _ROWS_PER_QUERY):
                query = sa.select(table).where(table.c.unit_id.in_(some))
                for row in connection.execute(query):
                    self._series[row.unit_id, row.component_id, row.test, row.unit] = row.series_id
        ids = np.array([self._series[key] for key in keys], dtype=np.int64)
        return np.asarray(ids[codes])

    def _context_ids(self, connection: sa.Connection, frame: pd.DataFrame) -> np.ndarray:
        names = [*LIMIT_COLUMNS, "status", "baseline_id", "software_version"]
        codes, keys = group_rows(frame, names)
        texts = [repr(key) for key in keys]
        missing = [
            (text, key) for text, key in zip(texts, keys, strict=True) if text not in self._contexts
        ]
        if missing:
            table = schema.context
            rows = [
                {"content": text, **{n: _none(v) for n, v in zip(names, key, strict=True)}}
                for text, key in missing
            ]
            connection.execute(self.insert_new(table), rows)
            for some in _pieces([text for text, _ in missing], _ROWS_PER_QUERY):
                query = sa.select(table.c.content, table.c.context_id).where(
                    table.c.content.in_(some)
                )
                self._contexts.update(
                    {row.content: row.context_id for row in connection.execute(query)}
                )
        ids = np.array([self._contexts[text] for text in texts], dtype=np.int64)
        return np.asarray(ids[codes])

    def _add_rows(
        self, connection: sa.Connection, table: sa.Table, frame: pd.DataFrame, source_id: int
    ) -> Counts:
        if frame.empty:
            return Counts()
        rows = [
            {n: _none(v) for n, v in row.items() if n != "row"} | {"source_id": source_id}
            for row in _rows_of(frame)
        ]
        new = self._insert_counted(connection, table, rows)
        return Counts(new=new, duplicate=len(rows) - new)

    def _add_rejects(
        self, connection: sa.Connection, rejects: Sequence[Reject], source_id: int
    ) -> None:
        if rejects:
            rows = [
                {
                    "source_id": source_id,
                    "row": r.row,
                    "reason": r.reason,
                    "content": r.content[:500],
                }
                for r in rejects
            ]
            connection.execute(self.insert_new(schema.quarantine), rows)

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

    def measurements(self, unit_id: str) -> pd.DataFrame:
        """Return all measurements of a unit with every column, in series and time order."""
        m, s, c, o = schema.measurement, schema.series, schema.context, schema.source
        query = (
            sa.select(
                s.c.unit_id, s.c.component_id, s.c.test, m.c.value, s.c.unit,
                *(c.c[name] for name in LIMIT_COLUMNS),
                c.c.status, m.c.measured_at, m.c.available_at, o.c.source_hash,
                c.c.baseline_id, c.c.software_version,
            )
            .join_from(m, s, m.c.series_id == s.c.series_id)
            .join(c, m.c.context_id == c.c.context_id)
            .join(o, m.c.source_id == o.c.source_id)
            .where(s.c.unit_id == unit_id)
            .order_by(s.c.component_id, s.c.test, s.c.unit, m.c.measured_at)
        )  # fmt: skip
        return self.frame(query)

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


def _tune_sqlite(connection: Any, _: object) -> None:
    # Write-ahead logging survives a kill at any moment and lets readers go on meanwhile.
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=NORMAL")
    cursor.execute("PRAGMA cache_size=-200000")
    cursor.execute("PRAGMA busy_timeout=30000")
    cursor.close()


def _rows_of(frame: pd.DataFrame) -> list[dict[str, Any]]:
    names = list(frame.columns)
    columns = [frame[name].tolist() for name in names]
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


def group_rows(
    frame: pd.DataFrame, names: Sequence[str]
) -> tuple[np.ndarray, list[tuple[Any, ...]]]:
    """Return a code per row and the distinct tuples of *names* that the codes point to."""
    codes = np.zeros(len(frame), dtype=np.int64)
    for name in names:
        part, uniques = pd.factorize(frame[name], use_na_sentinel=False)
        codes = codes * (len(uniques) or 1) + part
        codes, _ = pd.factorize(codes)  # keeps the product of the sizes from overflowing
    _, where = np.unique(codes, return_index=True)
    columns = [frame[name].to_numpy()[where].tolist() for name in names]
    return codes, list(zip(*columns, strict=True))


def _equal(left: pd.Series, right: pd.Series) -> np.ndarray:
    a, b = left.to_numpy(dtype=float), right.to_numpy(dtype=float)
    return np.asarray((a == b) | (np.isnan(a) & np.isnan(b)))


def _none(value: Any) -> Any:
    return None if isinstance(value, float) and np.isnan(value) else value


def _pieces(items: Sequence[Any], size: int) -> Iterable[Sequence[Any]]:
    return (items[k : k + size] for k in range(0, len(items), size))

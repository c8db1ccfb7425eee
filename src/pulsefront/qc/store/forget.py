"""Withdraw files and rows by hand: they count no longer, and stay in the ledger.

A file stands for what it holds now: what only earlier contents of its path held stays. A content
that is withdrawn is not read again, whatever changes, but a new content of the path is; what it had
brought and another file says too is taken from that file at the next ingest. Rows that are
withdrawn do not come back with a later export that holds them unchanged; a corrected value does.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

import sqlalchemy as sa

from pulsefront.errors import QCDataError
from pulsefront.files import hash_file
from pulsefront.qc.readers.open import open_source, plans_of
from pulsefront.qc.records import Batch
from pulsefront.qc.site import Site
from pulsefront.qc.store.clock import arrival_time
from pulsefront.qc.store.database import Store
from pulsefront.qc.store.files.paths import path_text
from pulsefront.qc.store.lock import locked
from pulsefront.qc.store.rows.known import counts_from
from pulsefront.qc.store.rows.measurements import end_measurements
from pulsefront.qc.store.rows.occasions import EVENTS, SERVICES, OccasionKind, end_occasions
from pulsefront.qc.store.rows.versions import FileReading, Held, split_versions, what_it_holds
from pulsefront.qc.store.rows.withdraw import brings_nothing, withdraw_held, withdraw_source
from pulsefront.qc.store.tables import schema

__all__ = ["Forgotten", "RowFilter", "forget_file", "forget_lines", "forget_rows", "sources_of"]


@dataclass(frozen=True)
class Forgotten:
    """What was withdrawn."""

    files: int = 0
    records: int = 0
    held: int = 0
    """Rows in quarantine that are asked about no longer."""

    def __add__(self, other: Forgotten) -> Forgotten:
        """Return what was withdrawn in two steps."""
        return Forgotten(
            self.files + other.files, self.records + other.records, self.held + other.held
        )


@dataclass(frozen=True)
class RowFilter:
    """Which stored records are meant; what is empty or 0 tells nothing apart.

    ``upto_s`` is the first instant after the last that is meant.
    """

    unit_id: str = ""
    component_id: str | None = None
    test: str = ""
    from_s: int = 0
    upto_s: int = 0

    @property
    def says_something(self) -> bool:
        """Whether it is more than everything."""
        return bool(self.unit_id or self.test)


def sources_of(connection: sa.Connection, target: str) -> list[FileReading]:
    """Return the readings of the files that a path, a name or a pattern of either means."""
    s = schema.source
    rows = connection.execute(sa.select(*(s.c[name] for name in FileReading._fields)))
    wanted = {target, path_text(Path(target))}
    return [
        FileReading(*row)
        for row in rows
        if wanted & {row[1], row[2]} or fnmatch(row[1], target) or fnmatch(row[2], target)
    ]


def forget_file(
    store: Store,
    target: str,
    *,
    why: str,
    again: bool = False,
    site: Site | None = None,
    all_versions: bool = False,
) -> Forgotten:
    """Withdraw what some files hold now.

    Of a file that grew, was mended or replaced, those are the records of its present content,
    whichever version of it brought them first; what only earlier contents held stays.

    Parameters
    ----------
    target
        Path, name, or pattern of either.
    again
        Whether the files are to be read anew at the next ingest, instead of never.
    site
        By which a file with earlier contents is read once more, to know what it holds.
    all_versions
        Withdraw whatever any content of the files brought instead.

    Raises
    ------
    QCDataError
        No such file was read, or nothing tells what it holds now.
    """
    with locked(store.url), store.writing() as connection:
        until = _from_now(connection)
        total = Forgotten()
        for readings in _by_path(sources_of(connection, target)):
            now, before = split_versions(connection, readings)
            if all_versions:
                now, before = readings, []
            now = [reading for reading in now if again or reading.state != "withdrawn"]
            if not now:
                continue
            total += _forget_contents(connection, now, until, why, again=again)
            before = [one for one in before if not brings_nothing(connection, one.source_id)]
            held = what_it_holds(now, site or Site()) if before else Held()
            for one in before:
                records = withdraw_held(connection, one.source_id, held, until=until, why=why)
                total += Forgotten(records=records)
        if not total.files:
            raise QCDataError(
                "no such file in the ledger",
                file=target,
                remedy="give its path, its name, or a pattern such as '*_daily.csv'",
            )
        return total


def _by_path(readings: Iterable[FileReading]) -> list[list[FileReading]]:
    """Return the readings of each path; of older stores, which knew no paths, each by itself."""
    found: dict[str | int, list[FileReading]] = {}
    for reading in readings:
        found.setdefault(reading.path or reading.source_id, []).append(reading)
    return list(found.values())


def _forget_contents(
    connection: sa.Connection, readings: Sequence[FileReading], until: int, why: str, *, again: bool
) -> Forgotten:
    """Withdraw all that some readings brought, and let them be read never, or again."""
    s, q = schema.source, schema.quarantine
    records = held = 0
    for reading in readings:
        records += withdraw_source(connection, reading.source_id, until=until, why=why)
        mine = q.c.source_id == reading.source_id
        held += int(connection.execute(sa.delete(q).where(mine)).rowcount)
        values = {"state": "again" if again else "withdrawn", "reason": why}
        connection.execute(sa.update(s).where(s.c.source_id == reading.source_id).values(values))
    if not again:
        _ask_others(connection, [reading.source_id for reading in readings])
    return Forgotten(len(readings), records, held)


def _from_now(connection: sa.Connection) -> int:
    """Return the instant from which on a withdrawal counts: no scored night changes."""
    arrived_at, _ = arrival_time(connection, int(time.time()))
    return counts_from(connection, arrived_at) or arrived_at


def _ask_others(connection: sa.Connection, source_ids: Sequence[int]) -> None:
    """Let files that said the same be read again: they may vouch for what was withdrawn."""
    s, a = schema.source, schema.arrival
    units = sa.select(a.c.unit_id).where(a.c.source_id.in_(source_ids)).distinct()
    theirs = sa.select(a.c.source_id).where(a.c.unit_id.in_(units)).distinct()
    connection.execute(
        sa.update(s)
        .where(
            s.c.known > 0,
            s.c.source_id.not_in(source_ids),
            s.c.state.in_(["done", "open"]),
            sa.or_(s.c.source_id.in_(theirs), s.c.stored == 0),
        )
        .values(state="again")
    )


def forget_rows(store: Store, wanted: RowFilter, *, why: str) -> Forgotten:
    """Withdraw stored measurements, events and services for good.

    Raises
    ------
    QCDataError
        Nothing says which rows are meant, or there are none.
    """
    if not wanted.says_something:
        raise QCDataError(
            "nothing says which rows are meant", remedy="give --unit or --test, or a file"
        )
    m, s = schema.measurement, schema.series
    of_series = sa.select(s.c.series_id).where(*_named(s, wanted, with_test=True))
    where = sa.and_(m.c.series_id.in_(of_series), *_within(m.c.measured_at, wanted))
    with locked(store.url), store.writing() as connection:
        until = _from_now(connection)
        records = end_measurements(connection, where, until=until, why=why, barred=True)
        if not wanted.test:
            for kind in (EVENTS, SERVICES):
                some = sa.and_(
                    *_named(kind.table, wanted), *_within(kind.table.c[kind.happened], wanted)
                )
                records += end_occasions(connection, kind, some, until=until, why=why, barred=True)
    if not records:
        raise QCDataError("there are no such rows", remedy="check unit, component, test and dates")
    return Forgotten(records=records)


def _named(
    table: sa.Table, wanted: RowFilter, *, with_test: bool = False
) -> list[sa.ColumnElement[bool]]:
    found: list[sa.ColumnElement[bool]] = [sa.true()]
    if wanted.unit_id:
        found.append(table.c.unit_id == wanted.unit_id)
    if wanted.component_id is not None:
        found.append(table.c.component_id == wanted.component_id)
    if with_test and wanted.test:
        found.append(table.c.test == wanted.test)
    return found


def _within(column: sa.Column[int], wanted: RowFilter) -> list[sa.ColumnElement[bool]]:
    found = [column >= wanted.from_s] if wanted.from_s else []
    return [*found, column < wanted.upto_s] if wanted.upto_s else found


def forget_lines(
    store: Store, path: Path, lines: Iterable[int], site: Site, *, why: str
) -> Forgotten:
    """Withdraw the records that some lines of a file hold, for good.

    The file is read once more to know which they are.

    Raises
    ------
    QCDataError
        The file is not what was read, or its lines hold no stored record.
    """
    wanted = set(lines)
    s, q = schema.source, schema.quarantine
    with locked(store.url), store.writing() as connection:
        content = _content_of(path)
        rows = connection.execute(
            sa.select(s.c.source_id).where(s.c.content_hash == content)
        ).scalars()
        ids = list(rows)
        if not ids:
            raise QCDataError(
                "is not as it was when it was read", file=path, remedy="give the rows by --unit, "
                "--test, --from and --to instead",
            )  # fmt: skip
        until = _from_now(connection)
        records = 0
        for plan in plans_of(path, site):
            source = open_source(path, site, now_s=int(time.time()), plan=plan)
            for batch in source.batches():
                records += _end_lines(connection, batch, wanted, until, why)
        held = connection.execute(sa.delete(q).where(q.c.source_id.in_(ids), q.c.row.in_(wanted)))
        dropped = int(held.rowcount)
    if not records and not dropped:
        raise QCDataError("those lines hold no record", file=path, remedy="check their numbers")
    return Forgotten(records=records, held=dropped)


def _content_of(path: Path) -> str:
    try:
        return hash_file(path)
    except OSError as error:
        raise QCDataError(
            f"cannot be read: {(error.strerror or str(error)).lower()}",
            file=path,
            remedy="give the rows by --unit, --test, --from and --to instead",
        ) from None


def _end_lines(
    connection: sa.Connection, batch: Batch, lines: set[int], until: int, why: str
) -> int:
    """Withdraw the records of a batch that come from some lines; return how many."""
    s, m = schema.series, schema.measurement
    ended = 0
    frame = batch.measurements
    for row in frame[frame["row"].isin(lines)].to_dict("records"):
        names = ("unit_id", "component_id", "test", "measurement_unit")
        of_series = sa.select(s.c.series_id).where(*(s.c[name] == row[name] for name in names))
        where = sa.and_(
            m.c.series_id.in_(of_series),
            # A repetition in the file moved on by some seconds.
            m.c.measured_at.between(row["measured_at"], row["measured_at"] + 60),
            m.c.value == row["value"],
        )
        ended += end_measurements(connection, where, until=until, why=why, barred=True)
    kinds: tuple[tuple[OccasionKind, str], ...] = ((EVENTS, "events"), (SERVICES, "services"))
    for kind, name in kinds:
        some = getattr(batch, name)
        for row in some[some["row"].isin(lines)].to_dict("records"):
            where = sa.and_(*(kind.table.c[key] == row[key] for key in kind.key))
            ended += end_occasions(connection, kind, where, until=until, why=why, barred=True)
    return ended

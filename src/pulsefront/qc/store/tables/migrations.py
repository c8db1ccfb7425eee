"""The steps that make the tables of the QC store and bring an older store up to date.

Each step runs in the transaction that also notes its version: a kill leaves a store of one version
or of the next, never of something between.
"""

from __future__ import annotations

from collections.abc import Iterable

import sqlalchemy as sa
from sqlalchemy.schema import CreateColumn

from pulsefront.errors import QCDataError
from pulsefront.qc.store.tables import schema
from pulsefront.qc.store.tables.alert_tables import ALERT_TABLES, fill_score_runs

__all__ = ["create_or_migrate", "is_current"]


def _to_version_2(connection: sa.Connection) -> None:
    """Give every score its interval; scores of version 1 stay without one."""
    for name in ("probability_low", "probability_high"):
        connection.execute(sa.text(f"ALTER TABLE score ADD COLUMN {name} DOUBLE PRECISION"))


def _to_version_3(connection: sa.Connection) -> None:
    """Make room for what the nightly job remembers; it remembers nothing yet."""
    tables = [schema.arrival, schema.checkpoint]
    schema.metadata.create_all(connection, tables=tables)


def _to_version_4(connection: sa.Connection) -> None:
    """Begin the ledger.

    What was refused or quarantined was read by an unknown mapping: it is tried again. A unit is
    taken to have been known as it is from the beginning.
    """
    _add_columns(connection, schema.source, _LEDGER_OF_SOURCES)
    _add_columns(connection, schema.quarantine, ("remedy", "since_at", "retry_at"))
    of_arrival = (
        "source_id", "last_measured_at", "arrived_at", "not_before", "first_hidden_at",
    )  # fmt: skip
    _add_columns(connection, schema.arrival, of_arrival)
    made = (
        schema.seen_path, schema.ingest_run, schema.unit_version, schema.former_measurement,
        schema.former_event, schema.former_service,
    )  # fmt: skip
    schema.metadata.create_all(connection, tables=list(made))
    s, q, u, v = schema.source, schema.quarantine, schema.unit, schema.unit_version
    held = sa.select(sa.func.count()).where(q.c.source_id == s.c.source_id).scalar_subquery()
    state = sa.case((s.c.format == "refused", "refused"), (held > 0, "open"), else_="done")
    connection.execute(
        sa.update(s).values(
            content_hash=s.c.source_hash, turn=s.c.source_id, quarantined=held, state=state
        )
    )
    names = [column.name for column in u.columns]
    connection.execute(sa.insert(v).from_select(names, sa.select(u)))


_LEDGER_OF_SOURCES = (
    "path", "pattern", "content_hash", "state", "reason", "remedy", "mapping_hash", "site_hash",
    "version", "first_seen_at", "read_at", "retry_at", "turn", "rows_in", "stored", "known",
    "replaced", "passed", "withdrawn", "quarantined", "passed_reasons",
)  # fmt: skip


def _add_columns(connection: sa.Connection, table: sa.Table, names: Iterable[str]) -> None:
    """Add columns of a table that an older store lacks; each of them has a default."""
    there = {column["name"] for column in sa.inspect(connection).get_columns(table.name)}
    for name in names:
        if name not in there:
            text = CreateColumn(table.c[name]).compile(dialect=connection.dialect)
            connection.execute(sa.text(f"ALTER TABLE {table.name} ADD COLUMN {text}"))


def _to_version_5(connection: sa.Connection) -> None:
    """Make room for runs, alerts, messages and models; runs so far were those of the champion."""
    schema.metadata.create_all(connection, tables=list(ALERT_TABLES))
    fill_score_runs(connection)


def _to_version_6(connection: sa.Connection) -> None:
    """Make room for the chance to fail by days ahead; scores so far stay without it."""
    _add_columns(connection, schema.score, schema.CURVE_COLUMNS)


_STEPS = {
    1: _to_version_2, 2: _to_version_3, 3: _to_version_4, 4: _to_version_5, 5: _to_version_6,
}  # fmt: skip


def is_current(connection: sa.Connection) -> bool:
    """Return whether there is nothing for `create_or_migrate` to do."""
    if not sa.inspect(connection).has_table("schema_version"):
        return False
    return _version(connection) == schema.SCHEMA_VERSION


def _version(connection: sa.Connection) -> int:
    found = connection.execute(sa.select(schema.schema_version.c.version)).scalar_one_or_none()
    if found is None:
        raise QCDataError(
            "the database has tables of that name but is no pulsefront store",
            field="schema_version",
            remedy="give another database",
        )
    return int(found)


def create_or_migrate(connection: sa.Connection) -> None:
    """Make the tables in an empty database, or bring an older store up to date.

    Raises
    ------
    QCDataError
        The store was written by a newer pulsefront, or the database holds something else.
    """
    tables = set(sa.inspect(connection).get_table_names())
    if "schema_version" not in tables:
        strangers = sorted(tables & set(schema.metadata.tables))
        if strangers:
            raise QCDataError(
                "the database has a table of that name but is no pulsefront store",
                field=strangers[0],
                remedy="give another database",
            )
        schema.metadata.create_all(connection)
        made = sa.insert(schema.schema_version).values(version=schema.SCHEMA_VERSION)
        connection.execute(made)
        return
    version = _version(connection)
    if version > schema.SCHEMA_VERSION:
        raise QCDataError(
            f"the store has schema version {version}, "
            f"this pulsefront knows up to {schema.SCHEMA_VERSION}",
            remedy="update pulsefront",
        )
    for step in range(version, schema.SCHEMA_VERSION):
        _STEPS[step](connection)
        connection.execute(sa.update(schema.schema_version).values(version=step + 1))

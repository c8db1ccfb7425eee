"""The tables of the QC store and the steps that bring an older store up to date.

A measurement row is narrow on purpose: a fleet of 1,000 scanners fills 73 million of them. What
repeats (unit, component, test; limits, baseline, software) stands once in ``series`` and
``context``. The view of one measurement with all its columns is a join, which `store` makes.
"""

from __future__ import annotations

import sqlalchemy as sa

from pulsefront.errors import QCDataError
from pulsefront.qc.records import LIMIT_COLUMNS

__all__ = [
    "SCHEMA_VERSION",
    "arrival",
    "checkpoint",
    "context",
    "create_or_migrate",
    "event",
    "measurement",
    "metadata",
    "quarantine",
    "schema_version",
    "score",
    "series",
    "service",
    "source",
    "unit",
]

SCHEMA_VERSION = 3

metadata = sa.MetaData()

_Time = sa.BigInteger
_Text = sa.Text

schema_version = sa.Table("schema_version", metadata, sa.Column("version", sa.Integer))

unit = sa.Table(
    "unit",
    metadata,
    sa.Column("unit_id", _Text, primary_key=True),
    *(
        sa.Column(n, _Text, nullable=False)
        for n in ("site", "modality", "vendor", "model", "serial")
    ),
    sa.Column("installed_on", _Time, nullable=False),
    sa.Column("timezone", _Text, nullable=False),
    sa.Column("active_from", _Time, nullable=False),
    sa.Column("active_to", _Time, nullable=False),
)

source = sa.Table(
    "source",
    metadata,
    sa.Column("source_id", sa.Integer, primary_key=True),
    sa.Column("source_hash", _Text, nullable=False, unique=True),
    sa.Column("name", _Text, nullable=False),
    sa.Column("format", _Text, nullable=False),
    # False while the rows are still coming in; a source that a kill interrupted is read again.
    sa.Column("complete", sa.Boolean, nullable=False),
)

series = sa.Table(
    "series",
    metadata,
    sa.Column("series_id", sa.Integer, primary_key=True),
    sa.Column("unit_id", _Text, nullable=False, index=True),
    sa.Column("component_id", _Text, nullable=False),
    sa.Column("test", _Text, nullable=False),
    sa.Column("unit", _Text, key="measurement_unit", nullable=False),
    sa.UniqueConstraint("unit_id", "component_id", "test", "measurement_unit"),
)

context = sa.Table(
    "context",
    metadata,
    sa.Column("context_id", sa.Integer, primary_key=True),
    # The canonical text of the other columns: NULLs are not equal in a unique constraint.
    sa.Column("content", _Text, nullable=False, unique=True),
    *(sa.Column(name, sa.Float) for name in LIMIT_COLUMNS),
    sa.Column("status", _Text, nullable=False),
    sa.Column("baseline_id", _Text, nullable=False),
    sa.Column("software_version", _Text, nullable=False),
)

measurement = sa.Table(
    "measurement",
    metadata,
    sa.Column("series_id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("measured_at", _Time, primary_key=True, autoincrement=False),
    sa.Column("available_at", _Time, nullable=False),
    sa.Column("value", sa.Float),  # NULL where the test was skipped
    sa.Column("context_id", sa.Integer, nullable=False),
    sa.Column("source_id", sa.Integer, nullable=False),
    # Rows of one series lie together on disk: history is read series by series.
    sqlite_with_rowid=False,
)

event = sa.Table(
    "event",
    metadata,
    sa.Column("unit_id", _Text, primary_key=True),
    sa.Column("component_id", _Text, primary_key=True),
    sa.Column("code", _Text, primary_key=True),
    sa.Column("occurred_at", _Time, primary_key=True),
    sa.Column("severity", _Text, nullable=False),
    sa.Column("available_at", _Time, nullable=False),
    sa.Column("source_id", sa.Integer, nullable=False),
)

service = sa.Table(
    "service",
    metadata,
    sa.Column("unit_id", _Text, primary_key=True),
    sa.Column("component_id", _Text, primary_key=True),
    sa.Column("kind", _Text, primary_key=True),
    sa.Column("reported_at", _Time, primary_key=True),
    sa.Column("started_at", _Time, nullable=False),
    sa.Column("completed_at", _Time, nullable=False),
    sa.Column("logged_at", _Time, nullable=False),
    sa.Column("downtime_hours", sa.Float),
    sa.Column("source_id", sa.Integer, nullable=False),
)

quarantine = sa.Table(
    "quarantine",
    metadata,
    sa.Column("source_id", sa.Integer, primary_key=True),
    sa.Column("row", sa.Integer, primary_key=True),
    sa.Column("reason", _Text, primary_key=True),
    sa.Column("content", _Text, nullable=False),
)

score = sa.Table(
    "score",
    metadata,
    sa.Column("run_id", _Text, primary_key=True),
    sa.Column("unit_id", _Text, primary_key=True),
    sa.Column("component_id", _Text, primary_key=True),
    sa.Column("as_of", _Time, nullable=False, index=True),
    sa.Column("lead_days", sa.Integer, nullable=False),
    sa.Column("horizon_days", sa.Integer, nullable=False),
    sa.Column("probability", sa.Float),  # NULL where there is no decision
    sa.Column("probability_low", sa.Float),
    sa.Column("probability_high", sa.Float),
    sa.Column("decision", _Text, nullable=False),
    sa.Column("reasons", _Text, nullable=False),
    sa.Column("model_hash", _Text, nullable=False),
    sa.Column("data_hash", _Text, nullable=False),
)

# What came in, batch by batch and unit by unit; its running number is the nightly job's watermark.
arrival = sa.Table(
    "arrival",
    metadata,
    sa.Column("arrival_id", sa.Integer, primary_key=True),
    sa.Column("unit_id", _Text, nullable=False),
    # How far back its new records reach, by when they were measured and when they became known.
    sa.Column("first_measured_at", _Time, nullable=False),
    sa.Column("first_available_at", _Time, nullable=False),
    sa.Column("records", sa.Integer, nullable=False),
    sa.Index("arrival_unit", "unit_id", "arrival_id"),
)

# Where the nightly job may take up a unit's history: a cache, made anew wherever it does not fit.
checkpoint = sa.Table(
    "checkpoint",
    metadata,
    sa.Column("unit_id", _Text, primary_key=True),
    sa.Column("content", sa.LargeBinary, nullable=False),
)


def _to_version_2(connection: sa.Connection) -> None:
    """Give every score its interval; scores of version 1 stay without one."""
    for name in ("probability_low", "probability_high"):
        connection.execute(sa.text(f"ALTER TABLE score ADD COLUMN {name} DOUBLE PRECISION"))


def _to_version_3(connection: sa.Connection) -> None:
    """Make room for what the nightly job remembers; it remembers nothing yet."""
    metadata.create_all(connection, tables=[arrival, checkpoint])


_STEPS = {1: _to_version_2, 2: _to_version_3}


def create_or_migrate(connection: sa.Connection) -> None:
    """Make the tables in an empty database, or bring an older store up to date.

    Raises
    ------
    QCDataError
        The store was written by a newer pulsefront, or the database holds something else.
    """
    tables = set(sa.inspect(connection).get_table_names())
    if "schema_version" not in tables:
        strangers = sorted(tables & set(metadata.tables))
        if strangers:
            raise QCDataError(
                "the database has a table of that name but is no pulsefront store",
                field=strangers[0],
                remedy="give another database",
            )
        metadata.create_all(connection)
        connection.execute(sa.insert(schema_version).values(version=SCHEMA_VERSION))
        return
    version = connection.execute(sa.select(schema_version.c.version)).scalar_one()
    if version > SCHEMA_VERSION:
        raise QCDataError(
            f"the store has schema version {version}, this pulsefront knows up to {SCHEMA_VERSION}",
            remedy="update pulsefront",
        )
    for step in range(version, SCHEMA_VERSION):
        _STEPS[step](connection)
        connection.execute(sa.update(schema_version).values(version=step + 1))

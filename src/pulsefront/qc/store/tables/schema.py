"""The tables of the QC store.

A measurement row is narrow on purpose: a fleet of 1,000 scanners fills 73 million of them. What
repeats (unit, component, test; limits, baseline, software) stands once in ``series`` and
``context``. The view of one measurement with all its columns is a join, which `store` makes.
What was read and what became of it stands in `ledger_tables`.
"""

from __future__ import annotations

import sqlalchemy as sa

from pulsefront.qc.records import LIMIT_COLUMNS
from pulsefront.qc.store.tables.ledger_tables import (
    arrival,
    former_event,
    former_measurement,
    former_service,
    ingest_run,
    quarantine,
    seen_path,
    source,
)
from pulsefront.qc.store.tables.shared import Text, Time, metadata, text, time

__all__ = [
    "CURVE_COLUMNS",
    "SCHEMA_VERSION",
    "arrival",
    "checkpoint",
    "context",
    "event",
    "former_event",
    "former_measurement",
    "former_service",
    "ingest_run",
    "measurement",
    "metadata",
    "quarantine",
    "schema_version",
    "score",
    "seen_path",
    "series",
    "service",
    "source",
    "unit",
    "unit_version",
]

SCHEMA_VERSION = 6

schema_version = sa.Table("schema_version", metadata, sa.Column("version", sa.Integer))

CURVE_COLUMNS = tuple(
    f"within_{days}_days{end}" for days in (7, 14, 28, 60) for end in ("", "_low", "_high")
)
"""Of a score: the chance to fail within so many days, from its day on, and its interval."""

_UNIT_TEXTS = ("site", "modality", "vendor", "model", "serial")

unit = sa.Table(
    "unit",
    metadata,
    sa.Column("unit_id", Text, primary_key=True),
    *(sa.Column(n, Text, nullable=False) for n in _UNIT_TEXTS),
    sa.Column("installed_on", Time, nullable=False),
    sa.Column("timezone", Text, nullable=False),
    sa.Column("active_from", Time, nullable=False),
    sa.Column("active_to", Time, nullable=False),
)

# What a unit was said to be, version by version. A score takes the last one that was known on its
# day and held then.
unit_version = sa.Table(
    "unit_version",
    metadata,
    sa.Column("version_id", sa.Integer, primary_key=True),
    sa.Column("unit_id", Text, nullable=False, index=True),
    time("known_at"),
    time("holds_from"),
    # When the scanner of this serial number came: nothing measured before is about it.
    time("life_from"),
    # When it was last put up at another site.
    time("moved_at"),
    *(text(n) for n in _UNIT_TEXTS),
    time("installed_on"),
    text("timezone"),
    time("active_from"),
    time("active_to"),
    # Days without use, as pairs of dates: 2026-08-01/2026-08-20 2026-12-24/2026-12-31.
    text("idle"),
)

series = sa.Table(
    "series",
    metadata,
    sa.Column("series_id", sa.Integer, primary_key=True),
    sa.Column("unit_id", Text, nullable=False, index=True),
    sa.Column("component_id", Text, nullable=False),
    sa.Column("test", Text, nullable=False),
    sa.Column("unit", Text, key="measurement_unit", nullable=False),
    sa.UniqueConstraint("unit_id", "component_id", "test", "measurement_unit"),
)

context = sa.Table(
    "context",
    metadata,
    sa.Column("context_id", sa.Integer, primary_key=True),
    # The canonical text of the other columns: NULLs are not equal in a unique constraint.
    sa.Column("content", Text, nullable=False, unique=True),
    *(sa.Column(name, sa.Float) for name in LIMIT_COLUMNS),
    sa.Column("status", Text, nullable=False),
    sa.Column("baseline_id", Text, nullable=False),
    sa.Column("software_version", Text, nullable=False),
)

measurement = sa.Table(
    "measurement",
    metadata,
    sa.Column("series_id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("measured_at", Time, primary_key=True, autoincrement=False),
    sa.Column("available_at", Time, nullable=False),
    sa.Column("value", sa.Float),  # NULL where the test was skipped
    sa.Column("context_id", sa.Integer, nullable=False),
    sa.Column("source_id", sa.Integer, nullable=False),
    # Rows of one series lie together on disk: history is read series by series.
    sqlite_with_rowid=False,
)

event = sa.Table(
    "event",
    metadata,
    sa.Column("unit_id", Text, primary_key=True),
    sa.Column("component_id", Text, primary_key=True),
    sa.Column("code", Text, primary_key=True),
    sa.Column("occurred_at", Time, primary_key=True),
    sa.Column("severity", Text, nullable=False),
    sa.Column("available_at", Time, nullable=False),
    sa.Column("source_id", sa.Integer, nullable=False),
)

service = sa.Table(
    "service",
    metadata,
    sa.Column("unit_id", Text, primary_key=True),
    sa.Column("component_id", Text, primary_key=True),
    sa.Column("kind", Text, primary_key=True),
    sa.Column("reported_at", Time, primary_key=True),
    sa.Column("started_at", Time, nullable=False),
    sa.Column("completed_at", Time, nullable=False),
    sa.Column("logged_at", Time, nullable=False),
    sa.Column("downtime_hours", sa.Float),
    sa.Column("source_id", sa.Integer, nullable=False),
)

score = sa.Table(
    "score",
    metadata,
    sa.Column("run_id", Text, primary_key=True),
    sa.Column("unit_id", Text, primary_key=True),
    sa.Column("component_id", Text, primary_key=True),
    sa.Column("as_of", Time, nullable=False, index=True),
    sa.Column("lead_days", sa.Integer, nullable=False),
    sa.Column("horizon_days", sa.Integer, nullable=False),
    sa.Column("probability", sa.Float),  # NULL where there is no decision
    sa.Column("probability_low", sa.Float),
    sa.Column("probability_high", sa.Float),
    sa.Column("decision", Text, nullable=False),
    sa.Column("reasons", Text, nullable=False),
    sa.Column("model_hash", Text, nullable=False),
    sa.Column("data_hash", Text, nullable=False),
    # NULL where there is no decision, and of scores and models that are older than the columns.
    *(sa.Column(name, sa.Float) for name in CURVE_COLUMNS),
)

# Where the nightly job may take up a unit's history: a cache, made anew wherever it does not fit.
checkpoint = sa.Table(
    "checkpoint",
    metadata,
    sa.Column("unit_id", Text, primary_key=True),
    sa.Column("content", sa.LargeBinary, nullable=False),
)

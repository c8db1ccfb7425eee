"""The tables of the ledger: what was read, what became of it, and what no longer counts.

Nothing in here is ever erased but the rows of ``quarantine``, which go when their file is read
again. A reading that was corrected or withdrawn moves to a table of former readings together with
the time until which it counted: a score as of an earlier day still sees it.
"""

from __future__ import annotations

import sqlalchemy as sa

from pulsefront.qc.store.tables.shared import Text, Time, metadata, number, text, time

__all__ = [
    "OUTCOMES",
    "arrival",
    "former_event",
    "former_measurement",
    "former_service",
    "ingest_run",
    "quarantine",
    "seen_path",
    "source",
]

OUTCOMES = ("stored", "known", "replaced", "passed", "withdrawn", "quarantined")
"""What can become of a row; the counts of all of them add up to the rows of the file."""

# One reading of one file by one mapping; `source_hash` names it by pattern, what its path tells,
# and content.
source = sa.Table(
    "source",
    metadata,
    sa.Column("source_id", sa.Integer, primary_key=True),
    sa.Column("source_hash", Text, nullable=False, unique=True),
    sa.Column("name", Text, nullable=False),
    sa.Column("format", Text, nullable=False),
    # False while the rows are still coming in; a source that a kill interrupted is read again.
    sa.Column("complete", sa.Boolean, nullable=False),
    text("path"),
    text("pattern"),
    text("content_hash"),
    # done, open (rows in quarantine), refused, superseded (either, and the path has another content
    # now), withdrawn, or again (to be read at the next ingest).
    text("state"),
    text("reason"),
    text("remedy"),
    # What it was read with: the mapping, the rest of the site's file, the program.
    text("mapping_hash"),
    text("site_hash"),
    text("version"),
    time("first_seen_at"),
    time("read_at"),
    # When a row that lay in the future can be read, 0 where there is none.
    time("retry_at"),
    # The later turn wins where two sources contradict each other.
    number("turn"),
    number("rows_in"),
    *(number(name) for name in OUTCOMES),
    # What was passed over and why, as JSON: counts by reason.
    text("passed_reasons"),
)

# Which content a path had when it was last seen; as long as size and times of the file stay, its
# bytes need not be read to know that.
seen_path = sa.Table(
    "seen_path",
    metadata,
    sa.Column("path", Text, primary_key=True),
    sa.Column("content_hash", Text, nullable=False),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("modified_ns", sa.BigInteger, nullable=False),
    sa.Column("changed_ns", sa.BigInteger, nullable=False),
)

quarantine = sa.Table(
    "quarantine",
    metadata,
    sa.Column("source_id", sa.Integer, primary_key=True),
    sa.Column("row", sa.Integer, primary_key=True),
    sa.Column("reason", Text, primary_key=True),
    sa.Column("content", Text, nullable=False),
    text("remedy"),
    time("since_at"),
    time("retry_at"),
)

# What came in, batch by batch and unit by unit; its running number is the nightly job's watermark.
arrival = sa.Table(
    "arrival",
    metadata,
    sa.Column("arrival_id", sa.Integer, primary_key=True),
    sa.Column("unit_id", Text, nullable=False),
    # How far back its new records reach, by when they were measured and when they became known.
    sa.Column("first_measured_at", Time, nullable=False),
    sa.Column("first_available_at", Time, nullable=False),
    sa.Column("records", sa.Integer, nullable=False),
    number("source_id"),
    time("last_measured_at"),
    # When it came in; 0 in arrivals of older stores.
    time("arrived_at"),
    # The first instant that no night scored before can have seen: what nobody says a time of is
    # known from then on.
    time("not_before"),
    # How far back, in the order of readings, those reach that count from `not_before` on only.
    time("first_hidden_at"),
    sa.Index("arrival_unit", "unit_id", "arrival_id"),
)

# Each ingest; one without an end was killed.
ingest_run = sa.Table(
    "ingest_run",
    metadata,
    sa.Column("run_id", sa.Integer, primary_key=True),
    time("began_at"),
    time("ended_at"),
    *(number(name) for name in ("files", "files_known", "files_refused", "files_passed")),
    number("rows_in"),
    *(number(name) for name in OUTCOMES),
)


def _former() -> list[sa.Column[int] | sa.Column[str] | sa.Column[bool]]:
    return [
        sa.Column("former_id", sa.Integer, primary_key=True),
        time("until_at"),
        text("why"),
        # True where the reading must not come back with a later export.
        sa.Column("barred", sa.Boolean, nullable=False, server_default=sa.false()),
    ]


former_measurement = sa.Table(
    "former_measurement",
    metadata,
    *_former(),
    sa.Column("series_id", sa.Integer, nullable=False),
    sa.Column("measured_at", Time, nullable=False),
    sa.Column("available_at", Time, nullable=False),
    sa.Column("value", sa.Float),
    sa.Column("context_id", sa.Integer, nullable=False),
    sa.Column("source_id", sa.Integer, nullable=False),
    sa.Index("former_measurement_series", "series_id", "measured_at"),
)

former_event = sa.Table(
    "former_event",
    metadata,
    *_former(),
    *(text(name) for name in ("unit_id", "component_id", "code")),
    time("occurred_at"),
    text("severity"),
    time("available_at"),
    number("source_id"),
    sa.Index("former_event_unit", "unit_id"),
)

former_service = sa.Table(
    "former_service",
    metadata,
    *_former(),
    *(text(name) for name in ("unit_id", "component_id", "kind")),
    *(time(name) for name in ("reported_at", "started_at", "completed_at", "logged_at")),
    sa.Column("downtime_hours", sa.Float),
    number("source_id"),
    sa.Index("former_service_unit", "unit_id"),
)

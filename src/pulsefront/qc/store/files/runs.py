"""The ledger of ingests: when each began and ended, and what it came to."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from pulsefront.qc.store.rows.counts import Counts
from pulsefront.qc.store.tables import schema

__all__ = ["RunTotals", "begin_run", "end_run"]


@dataclass(frozen=True)
class RunTotals:
    """What an ingest came to: files of each kind, and rows of each outcome."""

    files: int
    files_known: int
    files_refused: int
    files_passed: int
    rows: int
    counts: Counts


def begin_run(connection: sa.Connection, now_s: int) -> int:
    """Note that an ingest begins; return its number. One without an end was killed."""
    r = schema.ingest_run
    made = sa.insert(r).values(began_at=now_s).returning(r.c.run_id)
    return int(connection.execute(made).scalar_one())


def end_run(connection: sa.Connection, run_id: int, totals: RunTotals, now_s: int) -> None:
    """Note that an ingest has ended, and what it came to."""
    r, counts = schema.ingest_run, totals.counts
    values = {
        "ended_at": now_s,
        "files": totals.files,
        "files_known": totals.files_known,
        "files_refused": totals.files_refused,
        "files_passed": totals.files_passed,
        "rows_in": totals.rows,
        "stored": counts.new,
        "known": counts.duplicate,
        "replaced": counts.replaced,
        "passed": counts.passed,
        "withdrawn": counts.withdrawn,
        "quarantined": counts.quarantined,
    }
    connection.execute(sa.update(r).where(r.c.run_id == run_id).values(values))

"""Scoring runs in the store: saved once, and read again to the bit."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

import sqlalchemy as sa

from pulsefront.qc.alerts.ledger import rows_of
from pulsefront.qc.models.life.input_drift import NightDrift
from pulsefront.qc.nightly.run import SCORE_COLUMNS, ScoreRow, ScoreRun
from pulsefront.qc.store.rows.writing import insert_columns, insert_new
from pulsefront.qc.store.tables import alert_tables as tables
from pulsefront.qc.store.tables import schema

__all__ = ["last_run", "read_run", "save_drift", "save_run"]


def save_run(connection: sa.Connection, run: ScoreRun, *, made_s: int) -> ScoreRun:
    """Add a run; return it as it was saved first, when what is told beside the scores was known."""
    r = tables.score_run
    known = connection.execute(sa.select(r).where(r.c.run_id == run.run_id)).first()
    scores = {name: [getattr(row, name) for row in run.rows] for name in SCORE_COLUMNS}
    insert_columns(connection, schema.score, scores)
    if known is not None:
        failed = json.loads(known.failed_units or "{}")
        return replace(run, quarantined=known.quarantined, failed_units=failed)
    connection.execute(
        insert_new(connection, r),
        {
            "run_id": run.run_id, "as_of": run.as_of_s, "role": run.role,
            "model_hash": run.model_hash, "model_name": run.model_name,
            "data_hash": run.data_hash, "code": run.code, "threshold": run.threshold,
            "false_alerts_per_unit_year": run.false_alerts_per_unit_year,
            "confidence": run.confidence, "units": len({row.unit_id for row in run.rows}),
            "quarantined": run.quarantined, "failed_units": json.dumps(run.failed_units),
            "made_at": made_s,
        },
    )  # fmt: skip
    return run


def read_run(connection: sa.Connection, run_id: str) -> ScoreRun:
    """Return a run with its rows, sorted by unit and component."""
    r, s = tables.score_run, schema.score
    run = rows_of(connection, sa.select(r).where(r.c.run_id == run_id))[0]
    columns = [s.c[name] for name in SCORE_COLUMNS]
    query = sa.select(*columns).where(s.c.run_id == run_id)
    rows = sorted(
        (ScoreRow(*row) for row in connection.execute(query)),
        key=lambda row: (row.unit_id, row.component_id),
    )
    return ScoreRun(
        run_id=run_id,
        as_of_s=run["as_of"],
        rows=tuple(rows),
        failed_units=json.loads(run["failed_units"] or "{}"),
        quarantined=run["quarantined"],
        model_hash=run["model_hash"],
        data_hash=run["data_hash"],
        confidence=run["confidence"] or 0.95,
        records_read=0,
        units_resumed=0,
        checkpoints={},
        model_name=run["model_name"],
        code=run["code"],
        role=run["role"],
        threshold=run["threshold"],
        false_alerts_per_unit_year=run["false_alerts_per_unit_year"],
    )


def last_run(connection: sa.Connection, as_of_s: int) -> str | None:
    """Return the run of a night that is to be told of, None where it was not scored.

    It is the one that its alerts follow from; on a night without alerts the champion's last one.
    """
    n, r = tables.alert_night, tables.score_run
    found = connection.execute(sa.select(n.c.run_id).where(n.c.as_of == as_of_s)).scalar()
    if found is not None:
        return str(found)
    query = sa.select(r.c.run_id).where(r.c.as_of == as_of_s, r.c.role == "champion")
    latest = query.order_by(r.c.made_at.desc(), r.c.run_id).limit(1)
    found = connection.execute(latest).scalar()
    return None if found is None else str(found)


def save_drift(connection: sa.Connection, run: ScoreRun, inputs: Sequence[NightDrift]) -> None:
    """Add how far each input of a night lay from the training."""
    rows = [
        {"model_hash": run.model_hash, "as_of": run.as_of_s, "input": name, "index": value,
         "threshold": threshold}
        for name, value, threshold in inputs
    ]  # fmt: skip
    if rows:
        connection.execute(insert_new(connection, tables.input_drift), rows)

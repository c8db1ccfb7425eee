"""Nights of alerts without scanners: scores by hand into a store."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
import sqlalchemy as sa

from pulsefront.qc.alerts.night import NightScores, advance_alerts
from pulsefront.qc.alerts.notify.outbox import put_in
from pulsefront.qc.features.labels import Target
from pulsefront.qc.nightly.run import ScoreRow, ScoreRun
from pulsefront.qc.nightly.runs import save_run
from pulsefront.qc.records import SERVICE_COLUMNS, Batch, empty_frame, frame_of
from pulsefront.qc.store.database import Store
from pulsefront.qc.store.histories.history import services_as_of
from pulsefront.qc.store.histories.successors import successors_of
from pulsefront.qc.store.rows.batch import insert_new
from pulsefront.qc.store.tables import schema
from strategies_qc import DAY, writing_of

FIRST = 20_000
"""The first day, in days since 1970."""

TARGET = Target(lead_days=2, horizon_days=5)
DELAY_DAYS = 3
THRESHOLD = 0.5

Key = tuple[str, str]


def services(*rows: tuple[str, str, str, float, float]) -> pd.DataFrame:
    """Return services from (unit, component, kind, night reported, night completed and logged)."""
    if not rows:
        return empty_frame(SERVICE_COLUMNS)
    reported, completed = (
        np.array([round((FIRST + row[k]) * DAY) for row in rows], dtype=np.int64) for k in (3, 4)
    )
    return frame_of(
        SERVICE_COLUMNS,
        {
            "reported_at": reported, "started_at": reported, "completed_at": completed,
            "logged_at": completed,
            "unit_id": [row[0] for row in rows], "component_id": [row[1] for row in rows],
            "kind": [row[2] for row in rows],
        },
    )  # fmt: skip


def instant(night: int) -> int:
    """Return the as-of instant of a night counted from 0."""
    return (FIRST + night) * DAY


def run_of(night: int, scores: Mapping[Key, float], reasons: str = "gain drifting") -> ScoreRun:
    """Return a run; NaN is no decision, and its interval is ±0.1."""
    rows = tuple(
        ScoreRow(
            run_id=f"run {night}", unit_id=unit, component_id=component, as_of=instant(night),
            lead_days=TARGET.lead_days, horizon_days=TARGET.horizon_days,
            probability=None if np.isnan(p) else p,
            probability_low=None if np.isnan(p) else round(max(p - 0.1, 0.0), 6),
            probability_high=None if np.isnan(p) else round(min(p + 0.1, 1.0), 6),
            decision="no decision" if np.isnan(p) else "alert" if p >= THRESHOLD else "no alert",
            reasons="in service" if np.isnan(p) else reasons, model_hash="m", data_hash="d",
        )
        for (unit, component), p in sorted(scores.items())
    )  # fmt: skip
    return ScoreRun(
        run_id=f"run {night}", as_of_s=instant(night), rows=rows, failed_units={}, quarantined=0,
        model_hash="m", data_hash="d", confidence=0.95, records_read=0, units_resumed=0,
        checkpoints={}, model_name="hazard", threshold=THRESHOLD,
    )  # fmt: skip


def one_night(
    store: Store,
    night: int,
    scores: Mapping[Key, float],
    known: pd.DataFrame | None = None,
    *,
    failed: Mapping[str, str] | None = None,
    closed: Mapping[str, str] | None = None,
    notify=None,
    reasons: str = "gain drifting",
):
    """Take the alerts of a store through a night; return what changed."""
    run = run_of(night, scores, reasons)
    known = services() if known is None else known
    p = np.array([np.nan if r.probability is None else r.probability for r in run.rows])
    with store.writing() as connection:
        units = [{"unit_id": unit, "site": unit[:1], "timezone": "UTC", "modality": "",
                  "vendor": "", "model": "", "serial": "", "installed_on": 0, "active_from": 0,
                  "active_to": 0} for unit in sorted({unit for unit, _ in scores})]  # fmt: skip
        if units:
            connection.execute(insert_new(connection, schema.unit), units)
        if len(known):
            store.add(connection, Batch(services=known), writing_of(connection, "services"))
        if run.rows:
            save_run(connection, run, made_s=0)
    counted = services_as_of(store, run.as_of_s)
    with store.writing() as connection:
        changes = advance_alerts(
            connection,
            NightScores(
                run_id=run.run_id, as_of_s=run.as_of_s, model_hash="m", threshold=THRESHOLD,
                target=TARGET, embargo_days=TARGET.span_days + DELAY_DAYS,
                keys=[(row.unit_id, row.component_id) for row in run.rows],
                score=p, probability=p, low=np.maximum(p - 0.1, 0.0), high=np.minimum(p + 0.1, 1.0),
                services=counted,
                failed_units=failed or {}, closed_units=closed or {},
                successors=successors_of(connection, run.as_of_s),
            ),
            made_s=7,
        )  # fmt: skip
        if notify is not None:
            put_in(connection, notify, changes, run.as_of_s)
    return changes


def table_of(store: Store, table: sa.Table) -> list[dict[str, object]]:
    """Return the rows of a table."""
    return store.frame(table).to_dict("records")

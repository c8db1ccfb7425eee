"""The nightly job: score every component of every unit as of a day.

The same store, model and day give the same bytes. What the run is called follows from model, data
and day; scores are only ever added. Files appear whole, after the scores are in the store, so a
job killed at any moment is put right by running it again. A night reads what is not behind a
unit's checkpoint (see `checkpoints`).
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa

from pulsefront.errors import ConfigError, PulsefrontError, QCDataError
from pulsefront.files import hash_json, write_json, write_text
from pulsefront.progress import Report, silent
from pulsefront.qc.features.daily import UnitFeatures, unit_features
from pulsefront.qc.features.drift import watched_tests
from pulsefront.qc.features.peers import fill_peers, fleet_levels
from pulsefront.qc.features.samples import empty_samples, put_rows
from pulsefront.qc.models.decide import explain, no_decision_reasons
from pulsefront.qc.models.model_file import FailureModel, ModelInvalid
from pulsefront.qc.nightly.checkpoints import Checkpoint, history_as_of, save_checkpoints
from pulsefront.qc.nightly.prometheus import textfile
from pulsefront.qc.store import schema
from pulsefront.qc.store.database import Store
from pulsefront.qc.store.lock import locked
from pulsefront.qc.store.rows import insert_new
from pulsefront.qc.times import DAY_S, iso_date

__all__ = ["SCORE_COLUMNS", "ScoreRun", "score", "stored_scores"]

SCORE_COLUMNS = tuple(column.name for column in schema.score.columns)
_DIGITS = 6  # of a probability: more would pretend to know them


@dataclass(frozen=True)
class ScoreRun:
    """One run: its rows, as in the score table, and the units that could not be scored.

    ``records_read``, ``units_resumed`` and ``checkpoints`` tell how the work was saved; the scores
    are the same without.
    """

    run_id: str
    as_of_s: int
    rows: tuple[dict[str, Any], ...]
    failed_units: dict[str, str]
    quarantined: int
    model_hash: str
    data_hash: str
    records_read: int
    units_resumed: int
    checkpoints: dict[str, Checkpoint]

    @property
    def alerts(self) -> int:
        """Components with an alert."""
        return sum(row["decision"] == "alert" for row in self.rows)

    @property
    def abstained(self) -> int:
        """Components without a decision."""
        return sum(row["decision"] == "no decision" for row in self.rows)


def score(
    store: Store,
    model: FailureModel,
    as_of_s: int,
    out: Path | None,
    *,
    false_alerts_per_unit_year: float = 1.0,
    dry_run: bool = False,
    from_first: bool = False,
    report: Report = silent,
) -> ScoreRun:
    """Score all units as of an instant; write the score table, CSV, JSON and a metrics file.

    Parameters
    ----------
    out
        Folder of the files, or None for none.
    dry_run
        Compute everything and write nothing.
    from_first
        Read every unit from its first record on instead of from its checkpoint; the outcome is
        the same.

    Raises
    ------
    StoreLocked
        Another job works on the store.
    QCDataError
        Nothing was known at that time.
    ModelInvalid
        The model's tests are not those of the data.
    """
    threshold = _threshold(model, false_alerts_per_unit_year)
    with locked(store.url):
        run = _compute(store, model, as_of_s, threshold, report, from_first=from_first)
        if not dry_run:
            _store_rows(store, run)
            if out is not None:
                _write_files(run, model, out)
    return run


def _threshold(model: FailureModel, rate: float) -> float:
    key = f"{rate:g}"
    if key not in model.thresholds:
        raise ConfigError(
            "the model has no threshold for that rate of false alerts",
            field="false-alerts",
            value=rate,
            remedy=f"choose one of {', '.join(model.thresholds)}",
        )
    return model.thresholds[key]


def _compute(
    store: Store,
    model: FailureModel,
    as_of_s: int,
    threshold: float,
    report: Report,
    *,
    from_first: bool,
) -> ScoreRun:
    instants = np.array([as_of_s], dtype=np.int64)
    computed: list[UnitFeatures] = []
    hashes: dict[str, str] = {}
    failed: dict[str, str] = {}
    checkpoints: dict[str, Checkpoint] = {}
    read = resumed = 0
    names = store.units()["unit_id"].tolist()
    for done, unit_id in enumerate(names, start=1):
        try:
            tonight = history_as_of(store, unit_id, as_of_s, from_first=from_first)
            read += tonight.records_read
            resumed += tonight.resumed
            if not tonight.history.series:
                continue
            features = unit_features(tonight.history, model.schema, instants)
            hashes[unit_id] = tonight.history.content_hash()
            computed.append(features)
            if tonight.checkpoint is not None:
                checkpoints[unit_id] = tonight.checkpoint
        except PulsefrontError as error:
            failed[unit_id] = str(error)
        report(done, len(names))
    if not computed:
        raise QCDataError(
            f"no QC was known on {iso_date(as_of_s - 1)}",
            remedy="ingest logs first, or choose a later day",
        )
    levels = fleet_levels([f.levels for f in computed], [f.model for f in computed])
    components = sum(len(f.components) for f in computed)
    samples = empty_samples(components, len(model.schema.names))
    at = 0
    for k, features in enumerate(computed):
        fill_peers(features.values, features.levels, levels, features.model, model.schema)
        at = put_rows(samples, at, features, k, at, 0)
    known = samples.values[:, [model.schema.place(f"{t}:level") for t in model.schema.tests]]
    if np.isnan(known).all():
        raise ModelInvalid(
            "the model was trained on other tests than the store holds",
            field="tests",
            value=", ".join(model.schema.tests[:5]),
            remedy="train a model on this store",
        )
    no = no_decision_reasons(samples, model.guard, model.schema, model.estimator.columns)
    log_odds = model.estimator.log_odds(samples.values)
    probability = model.calibration.probability(log_odds)
    low, high = model.calibration.interval(log_odds)
    words = explain(model.estimator, samples.values, model.typical, model.schema.names)
    watched = watched_tests(samples.values, model.schema)
    data_hash = hash_json(hashes)
    run_id = hash_json([model.file_hash, data_hash, as_of_s, threshold])[:20]
    pairs = [(features.unit_id, name) for features in computed for name in features.components]
    rows = []
    for k, (unit_id, component) in enumerate(pairs):
        refused = str(no[k])
        alert = not refused and probability[k] >= threshold
        watch = not refused and not alert and bool(watched[k])
        because = [f"{test} drifting slowly" for test in watched[k]] if watch else []
        rows.append(
            {
                "run_id": run_id,
                "unit_id": unit_id,
                "component_id": component,
                "as_of": as_of_s,
                "lead_days": model.target.lead_days,
                "horizon_days": model.target.horizon_days,
                "probability": None if refused else round(float(probability[k]), _DIGITS),
                "probability_low": None if refused else round(float(low[k]), _DIGITS),
                "probability_high": None if refused else round(float(high[k]), _DIGITS),
                "decision": _decision(refused=bool(refused), alert=bool(alert), watch=watch),
                "reasons": refused or "; ".join([*because, *words[k]]) or "nothing unusual",
                "model_hash": model.file_hash,
                "data_hash": data_hash,
            }
        )
    quarantined = store.count(schema.quarantine)
    return ScoreRun(
        run_id, as_of_s, tuple(rows), failed, quarantined, model.file_hash, data_hash,
        read, resumed, checkpoints,
    )  # fmt: skip


def _decision(*, refused: bool, alert: bool, watch: bool) -> str:
    if refused:
        return "no decision"
    return "alert" if alert else "watch" if watch else "no alert"


def _store_rows(store: Store, run: ScoreRun) -> None:
    with store.writing() as connection:
        connection.execute(insert_new(connection, schema.score), list(run.rows))
        save_checkpoints(connection, run.checkpoints)


def _write_files(run: ScoreRun, model: FailureModel, out: Path) -> None:
    # An as-of instant is the end of a day: the files carry that day.
    day = iso_date(run.as_of_s - DAY_S)
    rows = [{**row, "as_of": day} for row in run.rows]
    write_text(out / f"scores_{day}.csv", _csv(rows))
    write_json(
        out / f"scores_{day}.json",
        {
            "run_id": run.run_id,
            "as_of": day,
            "model": model.name,
            "model_hash": run.model_hash,
            "data_hash": run.data_hash,
            "scored": len(run.rows) - run.abstained,
            "abstained": run.abstained,
            "alerts": run.alerts,
            "quarantined": run.quarantined,
            "failed_units": run.failed_units,
            "scores": rows,
        },
    )
    write_text(out / "pulsefront_qc.prom", textfile(run))


def _csv(rows: Sequence[dict[str, Any]]) -> str:
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, SCORE_COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return buffer.getvalue()


def stored_scores(store: Store, run_id: str) -> list[dict[str, Any]]:
    """Return the rows of a run from the store."""
    table = schema.score
    query = sa.select(table).where(table.c.run_id == run_id)
    frame = store.frame(query.order_by(table.c.unit_id, table.c.component_id))
    return [dict(zip(frame.columns, row, strict=True)) for row in frame.itertuples(index=False)]

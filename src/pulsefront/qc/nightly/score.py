"""The nightly job: score every component of every unit as of a day.

The same store, model and day give the same bytes. What the run is called follows from model, data
and day; scores are only ever added. Files appear whole, after the scores are in the store, so a
job killed at any moment is put right by running it again. A night reads what is not behind a
unit's checkpoint (see `checkpoints`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from pulsefront.errors import ConfigError, PulsefrontError, QCDataError
from pulsefront.files import hash_json
from pulsefront.progress import Report, silent
from pulsefront.qc.features.daily import UnitFeatures, unit_features
from pulsefront.qc.features.drift import watched_tests
from pulsefront.qc.features.peers import fill_peers, fleet_levels
from pulsefront.qc.features.samples import Samples, empty_samples, put_rows
from pulsefront.qc.models.decide import explain, no_decision_reasons
from pulsefront.qc.models.model_file import FailureModel, ModelInvalid
from pulsefront.qc.nightly.checkpoints import UnitCheckpoint, history_as_of, save_checkpoints
from pulsefront.qc.nightly.outputs import write_outputs
from pulsefront.qc.nightly.run import Decision, ScoreRow, ScoreRun
from pulsefront.qc.store import schema
from pulsefront.qc.store.database import Store
from pulsefront.qc.store.lock import locked
from pulsefront.qc.store.rows import insert_new
from pulsefront.qc.times import iso_date

__all__ = ["score"]

_DIGITS = 6  # of a probability: more would pretend to know them


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
        night = _read_night(store, model, as_of_s, report, from_first=from_first)
        run = _score_night(night, model, threshold, store.count(schema.quarantine))
        if not dry_run:
            _store_run(store, run)
            if out is not None:
                write_outputs(run, model.name, out)
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


@dataclass
class _Night:
    """What was read of the units for one night."""

    as_of_s: int
    features: list[UnitFeatures] = field(default_factory=list)
    hashes: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    checkpoints: dict[str, UnitCheckpoint] = field(default_factory=dict)
    records_read: int = 0
    units_resumed: int = 0


def _read_night(
    store: Store, model: FailureModel, as_of_s: int, report: Report, *, from_first: bool
) -> _Night:
    """Return the features of all units; one that fails leaves its reason and the others go on."""
    night = _Night(as_of_s)
    instants = np.array([as_of_s], dtype=np.int64)
    names = store.units()["unit_id"].tolist()
    for done, unit_id in enumerate(names, start=1):
        try:
            tonight = history_as_of(store, unit_id, as_of_s, from_first=from_first)
            night.records_read += tonight.records_read
            night.units_resumed += tonight.resumed
            if not tonight.history.series:
                continue
            features = unit_features(tonight.history, model.schema, instants)
            night.hashes[unit_id] = tonight.history.content_hash()
            night.features.append(features)
            if tonight.checkpoint is not None:
                night.checkpoints[unit_id] = tonight.checkpoint
        except PulsefrontError as error:
            night.failed[unit_id] = str(error)
        report(done, len(names))
    if not night.features:
        raise QCDataError(
            f"no QC was known on {iso_date(as_of_s - 1)}",
            remedy="ingest logs first, or choose a later day",
        )
    return night


def _samples_of(night: _Night, model: FailureModel) -> Samples:
    """Return a row per component, with how far each unit is from the fleet."""
    fleet = fleet_levels([f.levels for f in night.features], [f.model for f in night.features])
    samples = empty_samples(sum(len(f.components) for f in night.features), len(model.schema.names))
    row = 0
    for k, features in enumerate(night.features):
        fill_peers(features.values, features.levels, fleet, features.model, model.schema)
        row = put_rows(samples, row, features, k, row, 0)
    known = samples.values[:, [model.schema.column(f"{t}:level") for t in model.schema.tests]]
    if np.isnan(known).all():
        raise ModelInvalid(
            "the model was trained on other tests than the store holds",
            field="tests",
            value=", ".join(model.schema.tests[:5]),
            remedy="train a model on this store",
        )
    return samples


def _score_night(
    night: _Night, model: FailureModel, threshold: float, quarantined: int
) -> ScoreRun:
    samples = _samples_of(night, model)
    columns, confidence = model.estimator.columns, model.training.confidence
    no = no_decision_reasons(samples, model.guard, model.schema, columns)
    log_odds = model.estimator.log_odds(samples.values)
    probability = model.calibration.probability(log_odds)
    low, high = model.calibration.interval(log_odds, confidence)
    words = explain(model.estimator, samples.values, model.typical, model.schema.names)
    watched = watched_tests(samples.values, model.schema)
    data_hash = hash_json(night.hashes)
    run_id = hash_json([model.file_hash, data_hash, night.as_of_s, threshold])[:20]
    pairs = [(f.unit_id, component) for f in night.features for component in f.components]
    rows = []
    for k, (unit_id, component) in enumerate(pairs):
        refused = str(no[k])
        alert = bool(probability[k] >= threshold)
        decision = _decision(refused=bool(refused), alert=alert, watch=bool(watched[k]))
        drifting = [f"{test} drifting slowly" for test in watched[k]]
        because = [*(drifting if decision == "watch" else []), *words[k]]
        three = (probability[k], low[k], high[k])
        probabilities = [None if refused else round(float(p), _DIGITS) for p in three]
        rows.append(
            ScoreRow(
                run_id=run_id,
                unit_id=unit_id,
                component_id=component,
                as_of=night.as_of_s,
                lead_days=model.target.lead_days,
                horizon_days=model.target.horizon_days,
                probability=probabilities[0],
                probability_low=probabilities[1],
                probability_high=probabilities[2],
                decision=decision,
                reasons=refused or "; ".join(because) or "nothing unusual",
                model_hash=model.file_hash,
                data_hash=data_hash,
            )
        )
    return ScoreRun(
        run_id=run_id,
        as_of_s=night.as_of_s,
        rows=tuple(rows),
        failed_units=night.failed,
        quarantined=quarantined,
        model_hash=model.file_hash,
        data_hash=data_hash,
        confidence=confidence,
        records_read=night.records_read,
        units_resumed=night.units_resumed,
        checkpoints=night.checkpoints,
    )


def _decision(*, refused: bool, alert: bool, watch: bool) -> Decision:
    if refused:
        return "no decision"
    return "alert" if alert else "watch" if watch else "no alert"


def _store_run(store: Store, run: ScoreRun) -> None:
    with store.writing() as connection:
        rows = [row.as_dict() for row in run.rows]
        connection.execute(insert_new(connection, schema.score), rows)
        save_checkpoints(connection, run.checkpoints)

"""One night: score every component of every unit as of a day, and take the alerts on.

The same store, model and day give the same bytes. What a run is called follows from model, code,
data and day; scores are only ever added. Scores, alerts, messages and what is remembered for
tomorrow are one transaction; files appear whole after it, made of what is in the store. So a job
killed at any moment is put right by running it again. A night reads what is not behind a unit's
checkpoint (see `resume`).
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import sqlalchemy as sa

from pulsefront.errors import PulsefrontError
from pulsefront.progress import Report, silent
from pulsefront.qc.alerts.ledger import newest_night
from pulsefront.qc.alerts.night import NightScores, advance_alerts
from pulsefront.qc.alerts.notify.outbox import put_in
from pulsefront.qc.alerts.notify.settings import NotifySettings
from pulsefront.qc.features.samples import Samples
from pulsefront.qc.features.schema import FeatureSchema
from pulsefront.qc.models.files.model_file import FailureModel
from pulsefront.qc.models.life.input_drift import night_drift
from pulsefront.qc.models.life.score_outcomes import judge_scores
from pulsefront.qc.nightly.checkpoints import save_checkpoints
from pulsefront.qc.nightly.night import NightReport, night_report
from pulsefront.qc.nightly.outputs import write_outputs
from pulsefront.qc.nightly.reading import Night, read_night, samples_of
from pulsefront.qc.nightly.run import ScoreRun
from pulsefront.qc.nightly.runs import save_drift, save_run
from pulsefront.qc.nightly.scoring import score_samples, threshold_of
from pulsefront.qc.store.database import Store
from pulsefront.qc.store.files.held import count_held
from pulsefront.qc.store.histories.history import services_as_of
from pulsefront.qc.store.histories.successors import successors_of
from pulsefront.qc.store.lock import locked
from pulsefront.qc.store.tables import schema

__all__ = ["score", "score_night"]


def score(
    store: Store,
    model: FailureModel,
    as_of_s: int,
    out: Path | None,
    *,
    challenger: FailureModel | None = None,
    false_alerts_per_unit_year: float = 1.0,
    notify: NotifySettings | None = None,
    dry_run: bool = False,
    from_first: bool = False,
    report: Report = silent,
) -> ScoreRun:
    """Score all units as of an instant; write scores and alerts, CSV, JSON and a metrics file.

    Parameters
    ----------
    out
        Folder of the files, or None for none.
    challenger
        A model that is scored beside it and opens no alerts.
    notify
        Who is told of what; nobody if left out.
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
    if dry_run:
        models = [model] if challenger is None else [model, challenger]
        with locked(store.url):
            found = _scored(
                store, models, as_of_s, false_alerts_per_unit_year, report, from_first=from_first
            )
        return found.runs[0].run
    night = score_night(
        store, model, as_of_s, out,
        challenger=challenger,
        false_alerts_per_unit_year=false_alerts_per_unit_year,
        notify=notify, from_first=from_first, report=report,
    )  # fmt: skip
    return night.run


def score_night(
    store: Store,
    model: FailureModel,
    as_of_s: int,
    out: Path | None,
    *,
    challenger: FailureModel | None = None,
    false_alerts_per_unit_year: float = 1.0,
    notify: NotifySettings | None = None,
    from_first: bool = False,
    report: Report = silent,
) -> NightReport:
    """Score as `score` does; return all that there is to tell of the night."""
    models = [model] if challenger is None else [model, challenger]
    with locked(store.url):
        found = _scored(
            store, models, as_of_s, false_alerts_per_unit_year, report, from_first=from_first
        )
        run = _save(store, found, notify)
        told = night_report(store, run.as_of_s, run.run_id)
        told = replace(told, run=run, notes=found.notes)
        if out is not None:
            write_outputs(told, out)
    return told


@dataclass(frozen=True)
class _Scored:
    """A model's scores of a night, and what they were made of."""

    model: FailureModel
    samples: Samples
    run: ScoreRun


@dataclass(frozen=True)
class _Found:
    """What was read of a night, and the scores of each model, the champion first."""

    night: Night
    runs: tuple[_Scored, ...]
    notes: tuple[str, ...]


def _scored(
    store: Store, models: Sequence[FailureModel], as_of_s: int, rate: float, report: Report,
    *, from_first: bool,
) -> _Found:  # fmt: skip
    threshold_of(models[0], rate)  # before the work
    schemas = list(dict.fromkeys(model.schema for model in models))
    night = read_night(store, schemas, as_of_s, report, from_first=from_first)
    quarantined = count_held(store)
    runs, notes = list[_Scored](), list[str]()
    samples: dict[FeatureSchema, Samples] = {}
    for model, role in zip(models, ("champion", "challenger"), strict=False):
        try:
            if model.schema not in samples:
                samples[model.schema] = samples_of(night, model)
            mine = samples[model.schema]
            run = score_samples(night, mine, model, rate, quarantined=quarantined, role=role)
        except PulsefrontError as error:
            if not runs:
                raise
            notes.append(f"the challenger could not be scored: {error}")
        else:
            runs.append(_Scored(model, mine, run))
    return _Found(night, tuple(runs), tuple(notes))


def _save(store: Store, found: _Found, notify: NotifySettings | None) -> ScoreRun:
    """Write the night in one transaction; return the champion's run as it was saved first."""
    now_s = int(time.time())
    night, scored, champion = found.night, found.runs, found.runs[0]
    services = services_as_of(store, night.as_of_s)
    with store.writing() as connection:
        saved = [save_run(connection, one.run, made_s=now_s) for one in scored]
        for one in scored:
            if one.model.inputs is not None:
                inputs = night_drift(one.model.inputs, one.samples.values, one.model.schema.names)
                save_drift(connection, one.run, inputs)
        scores = _for_alerts(connection, champion, services)
        changes = advance_alerts(connection, scores, made_s=now_s)
        delay = champion.model.training.embargo_days - champion.model.target.span_days
        judge_scores(connection, services, night.as_of_s, delay)
        if notify is not None:
            newest = newest_night(connection)
            last = newest is not None and newest.as_of_s == night.as_of_s
            put_in(connection, notify, changes, night.as_of_s, digests=last)
        save_checkpoints(connection, night.checkpoints)
    return saved[0]


def _for_alerts(connection: sa.Connection, one: _Scored, services: pd.DataFrame) -> NightScores:
    run, model = one.run, one.model
    told = [
        np.array([np.nan if p is None else p for p in column], dtype=np.float64)
        for column in zip(
            *((r.probability, r.probability_low, r.probability_high) for r in run.rows), strict=True
        )
    ]
    assert run.exact is not None
    return NightScores(
        run_id=run.run_id,
        as_of_s=run.as_of_s,
        model_hash=run.model_hash,
        threshold=threshold_of(model, run.false_alerts_per_unit_year or 0.0),
        target=model.target,
        embargo_days=model.training.embargo_days,
        keys=[(row.unit_id, row.component_id) for row in run.rows],
        score=run.exact,
        probability=told[0],
        low=told[1],
        high=told[2],
        services=services,
        failed_units=run.failed_units,
        closed_units=_closed_units(connection, run.as_of_s),
        successors=successors_of(connection, run.as_of_s),
    )


def _closed_units(connection: sa.Connection, as_of_s: int) -> dict[str, str]:
    u = schema.unit
    query = sa.select(u.c.unit_id).where(u.c.active_to > 0, u.c.active_to < as_of_s)
    return {row.unit_id: "the unit is no longer in use" for row in connection.execute(query)}

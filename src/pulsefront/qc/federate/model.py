"""The federated model as a model file of one site, ready for the nightly job."""

from __future__ import annotations

import numpy as np

from pulsefront.errors import QCDataError
from pulsefront.qc.features.samples import Fleet, split_time
from pulsefront.qc.federate.calibration import local_calibration
from pulsefront.qc.federate.documents import FederationPlan
from pulsefront.qc.federate.rows import linear_model, site_parts
from pulsefront.qc.federate.site import federated_log_odds
from pulsefront.qc.models.choice.folds import Scores
from pulsefront.qc.models.choice.judged_alerts import alert_table, calibrated_thresholds
from pulsefront.qc.models.choice.protocol import BacktestSettings, failures_in
from pulsefront.qc.models.decide import fit_guard, no_decision_reasons
from pulsefront.qc.models.files.model_file import FailureModel
from pulsefront.qc.models.learners.training import choose_features
from pulsefront.qc.models.life.input_drift import fit_profile
from pulsefront.qc.models.record import TrainingRecord
from pulsefront.qc.times import iso_date

__all__ = ["site_model"]


def site_model(fleet: Fleet, plan: FederationPlan) -> FailureModel:
    """Return the model of all sites, with base rate, thresholds and guard of this one.

    Raises
    ------
    QCDataError
        The plan is not settled yet.
    """
    if plan.stage not in {"judge", "done"}:
        raise QCDataError(
            "the model is not settled yet",
            field="stage",
            value=plan.stage,
            remedy="combine the answers of all sites until the plan asks for judgements",
        )
    settings, samples = plan.settings, fleet.samples
    parts = site_parts(fleet, settings)
    estimator = linear_model(plan, plan.models[-1].point)
    after = (parts.time.middle | parts.time.between | parts.time.late) & parts.labelled
    rows = np.flatnonzero(after)
    # Every scanner's share in rate and thresholds comes from the model that has not seen it.
    held_out = federated_log_odds(fleet, plan, parts)
    calibration = local_calibration(
        held_out[rows], samples.label[rows] == 1, samples.unit[rows], seed=settings.seed
    )
    guard = fit_guard(samples, fleet.schema)
    trained = np.flatnonzero(parts.time.early & parts.labelled)
    early = samples.values[trained]
    features = choose_features(early)
    scores = Scores(
        log_odds={"hazard": held_out},
        probability={"hazard": calibration.probability(held_out)},
        no_decision=no_decision_reasons(samples, guard, fleet.schema, estimator.columns),
        selection=after,
        between=parts.time.between,
        test=parts.time.late,
        early=np.zeros(len(samples), dtype=np.bool_),
        features=features,
        train_failures=failures_in(fleet, fleet.first_s, split_time(fleet, settings.train_until)),
        calibration_failures=0,
    )
    table = alert_table(fleet, scores, "hazard", parts.time.middle | parts.time.late)
    thresholds = calibrated_thresholds(table, BacktestSettings(), calibration)
    label = samples.label
    return FailureModel(
        name="hazard",
        schema=fleet.schema,
        target=fleet.target,
        estimator=estimator,
        calibration=calibration,
        guard=guard,
        typical=np.nanmedian(np.where(np.isnan(early).all(axis=0), 0.0, early), axis=0).astype(
            np.float32
        ),
        thresholds=thresholds,
        training=TrainingRecord(
            first_day=iso_date(fleet.first_s),
            last_day=iso_date(fleet.last_s),
            trained_until=iso_date(split_time(fleet, settings.train_until)),
            embargo_days=fleet.embargo_days,
            units=len(fleet.units),
            components=len(fleet.components),
            sites=plan.sites,
            models=tuple(sorted(set(fleet.models))),
            failures=int(sum(len(t) for t in fleet.failures_s)),
            rows_train=len(trained),
            rows_calibrate=len(rows),
            rows_without_label=int((label < 0).sum()),
            base_rate=float((label[label >= 0] == 1).mean()),
            chosen="hazard",
            comparison=(),
            candidates=("hazard",),
            folds=settings.folds,
            seed=settings.seed,
            confidence=settings.confidence,
            **features.fields(fleet.schema.names),
        ),
        # What is far from usual is told by this site's own days: its tests are not another's.
        inputs=fit_profile(samples, trained, rows, estimator.columns),
    )

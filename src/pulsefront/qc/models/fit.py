"""The model that goes into use: chosen, trained on the past, calibrated on the later part of it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pulsefront.errors import ConfigError, QCDataError
from pulsefront.progress import Report, silent
from pulsefront.qc.features.samples import Fleet, split_time
from pulsefront.qc.features.schema import FeatureSchema
from pulsefront.qc.models.choice.choose import choose
from pulsefront.qc.models.choice.folds import (
    FoldRows,
    calibrate_candidate,
    score_folds,
    train_all,
)
from pulsefront.qc.models.choice.judged_alerts import alert_table, calibrated_thresholds
from pulsefront.qc.models.choice.protocol import BacktestSettings
from pulsefront.qc.models.decide import fit_guard
from pulsefront.qc.models.files.model_file import FailureModel
from pulsefront.qc.models.horizons.held_out import held_out_horizons
from pulsefront.qc.models.learners.classic import ClassicResult
from pulsefront.qc.models.learners.training import FeatureChoice, choose_features, train
from pulsefront.qc.models.life.input_drift import fit_profile
from pulsefront.qc.models.record import (
    ClassicRecord,
    Comparison,
    SelectionRecord,
    TrainingRecord,
)
from pulsefront.qc.times import DAY_S, iso_date

__all__ = ["fit_model"]

# In use nothing is held back for a test: the whole history serves, the last part to calibrate.
_TRAIN_UNTIL = 0.7
_SELECTION_UNTIL = 0.999


def fit_model(
    fleet: Fleet,
    settings: BacktestSettings | None = None,
    *,
    name: str = "",
    report: Report = silent,
) -> FailureModel:
    """Return a model for use.

    Which candidate, and which thresholds give which rate of false alerts, is found on units held
    out in folds; then the candidate is trained on all units up to 70 % of the time and calibrated
    on the rest.

    Parameters
    ----------
    name
        The candidate to use, instead of the one that the comparison chooses.

    Raises
    ------
    ConfigError
        There is no candidate of that name.
    QCDataError
        The history holds too few failures, or its rows are hours.
    """
    if fleet.schema.hourly:
        raise QCDataError(
            "a model of rows by the hour cannot score a store, whose rows are days",
            remedy="back-test the tables, or ingest them and train on the store",
        )
    settings = _settings_in_use(settings or BacktestSettings(), name)
    scores = score_folds(fleet, settings, need_test=False, report=report)
    if name and name not in scores.candidates:
        raise QCDataError(
            f"there are too few failures to train the {name} model",
            field="model",
            value=name,
            remedy="use the blend, which is the model that ships as long as the site has too few",
        )
    chosen, comparison = choose(fleet, scores, settings)
    samples, rows = fleet.samples, _rows_in_use(fleet)
    values = samples.values[rows.train]
    features = choose_features(values)
    classic = None
    shares: dict[str, float] = {}
    if chosen == "network":
        trained = train(
            chosen, values, samples.label[rows.train], fleet.schema,
            columns=features.kept, seed=settings.seed,
        )  # fmt: skip
        estimator, classic = trained.estimator, trained.classic
    else:
        made = train_all(
            fleet, FoldRows(rows.train, rows.calibrate), (chosen,), features.kept, settings,
            seed=settings.seed,
        )  # fmt: skip
        estimator, shares = made.models[chosen], made.shares
    calibration = calibrate_candidate(
        chosen, estimator, samples, rows.calibrate, seed=settings.seed
    )
    return FailureModel(
        name=chosen,
        schema=fleet.schema,
        target=fleet.target,
        estimator=estimator,
        calibration=calibration,
        guard=fit_guard(samples, fleet.schema),
        typical=_lower_median(values).astype(np.float32),
        thresholds=calibrated_thresholds(
            alert_table(fleet, scores, chosen, scores.selection), settings, calibration
        ),
        training=_record(fleet, settings, chosen, comparison, rows, features, classic).model_copy(
            update={"blend_shares": shares, "left_out": scores.left_out}
        ),
        horizons=held_out_horizons(fleet, scores, chosen, settings, until_s=fleet.last_s),
        inputs=fit_profile(samples, rows.train, rows.calibrate, estimator.columns),
    )


class _Rows(NamedTuple):
    """The rows that train and those that calibrate, and the instant between them."""

    train: npt.NDArray[np.int64]
    calibrate: npt.NDArray[np.int64]
    cut_s: int


def _rows_in_use(fleet: Fleet) -> _Rows:
    cut_s = split_time(fleet, _TRAIN_UNTIL)
    when, labelled = fleet.samples.as_of_s, fleet.samples.label >= 0
    return _Rows(
        np.flatnonzero(labelled & (when <= cut_s - fleet.embargo_days * DAY_S)),
        np.flatnonzero(labelled & (when >= cut_s)),
        cut_s,
    )


def _record(
    fleet: Fleet,
    settings: BacktestSettings,
    chosen: str,
    comparison: tuple[Comparison, ...],
    rows: _Rows,
    features: FeatureChoice,
    classic: ClassicResult | None,
) -> TrainingRecord:
    label = fleet.samples.label
    record = TrainingRecord(
        first_day=iso_date(fleet.first_s),
        last_day=iso_date(fleet.last_s),
        trained_until=iso_date(rows.cut_s),
        embargo_days=fleet.embargo_days,
        units=len(fleet.units),
        components=len(fleet.components),
        sites=tuple(sorted(set(fleet.sites))),
        models=tuple(sorted(set(fleet.models))),
        failures=int(sum(len(t) for t in fleet.failures_s)),
        rows_train=len(rows.train),
        rows_calibrate=len(rows.calibrate),
        rows_without_label=int((label < 0).sum()),
        base_rate=float((label[label >= 0] == 1).mean()),
        chosen=chosen,
        comparison=comparison,
        candidates=settings.candidates,
        folds=settings.folds,
        seed=settings.seed,
        confidence=settings.confidence,
        **features.fields(fleet.schema.names),
    )
    if classic is None:
        return record
    return record.model_copy(update={"classic": _classic_record(classic, fleet.schema)})


def _settings_in_use(settings: BacktestSettings, name: str) -> BacktestSettings:
    """Return the settings without a test part, and with one candidate where it is named."""
    if name and name not in settings.candidates:
        raise ConfigError(
            "there is no such candidate",
            field="model",
            value=name,
            remedy=f"choose one of {', '.join(settings.candidates)}",
        )
    update: dict[str, object] = {
        "train_until": _TRAIN_UNTIL,
        "calibrate_until": _SELECTION_UNTIL,
    }
    if name:  # nothing to choose: the folds serve for the thresholds alone
        update["candidates"] = (name,)
    return settings.model_copy(update=update)


def _classic_record(result: ClassicResult, schema: FeatureSchema) -> ClassicRecord:
    return ClassicRecord(
        steps=tuple(
            SelectionRecord(
                action=step.action,
                inputs=tuple(schema.names[c] for c in step.columns),
                loss=step.loss,
            )
            for step in result.path
        ),
        hidden_nodes=result.hidden,
        roc_auc=result.test_auc,
        sensitivity=result.sensitivity,
        specificity=result.specificity,
        accuracy=result.accuracy,
    )


def _lower_median(values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return a known value in the middle of each column, NaN where nothing is known."""
    ordered = np.sort(values, axis=0)  # NaNs go last
    count = (~np.isnan(values)).sum(axis=0)
    return np.asarray(ordered[np.maximum(count - 1, 0) // 2, np.arange(values.shape[1])])

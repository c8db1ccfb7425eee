"""A site's part: it answers a plan with sums over its own component-days."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from pulsefront.errors import DataError, QCDataError
from pulsefront.evaluate.classification import pr_auc_statistic
from pulsefront.evaluate.intervals import Statistic, bootstrap_replicates, mean_statistic
from pulsefront.qc.documents import Range
from pulsefront.qc.features.samples import Fleet, split_time
from pulsefront.qc.federate.calibration import local_calibration
from pulsefront.qc.federate.coordinate import packed
from pulsefront.qc.federate.documents import Contribution, FederationPlan, SiteJudgement, Summary
from pulsefront.qc.federate.likelihood import maximum, sums_at
from pulsefront.qc.federate.rows import (
    SiteParts,
    describe,
    linear_model,
    site_parts,
    training_rows,
)
from pulsefront.qc.models.choice.protocol import failures_in, thinned
from pulsefront.qc.models.learners.training import choose_features, train

__all__ = ["answer", "federated_log_odds", "interval_over_units", "judged_rows", "log_loss"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_REPLICATES = 400


def answer(fleet: Fleet, plan: FederationPlan, site: str) -> Contribution:
    """Return what a site sends for a plan.

    Raises
    ------
    QCDataError
        The plan is done, or the site's history is too short for it.
    """
    if plan.stage == "done":
        raise QCDataError(
            "this plan is done", remedy="take its model with qc federate model, or make a new plan"
        )
    if plan.stage == "describe":
        return describe(fleet, plan, site)
    parts = site_parts(fleet, plan.settings)
    if plan.stage == "fit":
        return _summary(fleet, plan, site, parts)
    return _judgement(fleet, plan, site, parts)


def _summary(fleet: Fleet, plan: FederationPlan, site: str, parts: SiteParts) -> Summary:
    models = []
    for model, rows in zip(plan.models, training_rows(fleet, plan, parts), strict=True):
        point = np.array(model.point) if model.point else maximum(rows, plan.settings.ridge)
        models.append(packed(sums_at(point, rows)))
    return Summary(plan=plan.hash, site=site, models=tuple(models))


def judged_rows(fleet: Fleet, parts: SiteParts) -> Ints:
    """Return the labelled rows of the last part of time, one day in seven."""
    return np.flatnonzero(parts.time.late & parts.labelled & thinned(fleet.samples.as_of_s))


def federated_log_odds(
    fleet: Fleet, plan: FederationPlan, parts: SiteParts, points: Sequence[Floats] | None = None
) -> Floats:
    """Return the log-odds of every row by the model that has not seen its scanner.

    *points* are other models than those of the plan, in the same order.
    """
    points = points or [np.array(model.point) for model in plan.models]
    found = np.empty(len(fleet.samples))
    for k in range(plan.settings.folds):
        rows = np.flatnonzero(parts.fold == k)
        found[rows] = linear_model(plan, points[k]).log_odds(fleet.samples.values[rows])
    return found


def _own_log_odds(fleet: Fleet, plan: FederationPlan, parts: SiteParts) -> tuple[Floats, bool]:
    """Return the log-odds by a model of the site alone, fold by fold, and whether there is one."""
    samples, schema = fleet.samples, fleet.schema
    training = parts.time.early & parts.labelled
    rate = (samples.label[training] == 1).mean() if training.any() else 0.0
    share = np.clip(rate, 0.5 / max(int(training.sum()), 1), 0.5)
    found = np.full(len(samples), np.log(share / (1.0 - share)))
    some = False
    for k in range(plan.settings.folds):
        rows = np.flatnonzero(training & (parts.fold != k))
        if not (samples.label[rows] == 1).any():
            continue
        values = samples.values[rows]
        columns = choose_features(values).kept
        model = train("hazard", values, samples.label[rows], schema, columns=columns,
                      seed=plan.settings.seed + k)  # fmt: skip
        held_out = np.flatnonzero(parts.fold == k)
        found[held_out] = model.estimator.log_odds(samples.values[held_out])
        some = True
    return found, some


def log_loss(fleet: Fleet, parts: SiteParts, log_odds: Floats, seed: int) -> tuple[Floats, Floats]:
    """Return the log loss and the probability of each judged row.

    The site's own base rate is found on the middle part of time, the same way for every model.
    """
    samples = fleet.samples
    middle = np.flatnonzero(parts.time.middle & parts.labelled)
    judged = judged_rows(fleet, parts)
    calibration = local_calibration(
        log_odds[middle], samples.label[middle] == 1, samples.unit[middle], seed=seed, replicates=1
    )
    p = np.clip(calibration.probability(log_odds[judged]), 1e-9, 1.0 - 1e-9)
    failed = samples.label[judged] == 1
    return np.asarray(-np.where(failed, np.log(p), np.log1p(-p))), p


def _judgement(fleet: Fleet, plan: FederationPlan, site: str, parts: SiteParts) -> SiteJudgement:
    samples, settings = fleet.samples, plan.settings
    judged = judged_rows(fleet, parts)
    if not len(judged):
        raise QCDataError(
            "no labelled day falls into the part of the history that judges",
            remedy="give a longer history, or a plan with an earlier calibrate_until",
        )
    own, own_model = _own_log_odds(fleet, plan, parts)
    own_loss, own_p = log_loss(fleet, parts, own, settings.seed)
    shared_loss, shared_p = log_loss(
        fleet, parts, federated_log_odds(fleet, plan, parts), settings.seed
    )
    failed, unit = samples.label[judged] == 1, samples.unit[judged]
    gain, error = interval_over_units(mean_statistic(own_loss - shared_loss), unit, plan)
    precise: list[float | None] = [None, None]
    gain_precise = Range(value=None, low=None, high=None)
    if failed.any():
        statistics = [pr_auc_statistic(p, failed.astype(int)) for p in (own_p, shared_p)]
        every = np.ones(len(judged))
        precise = [float(statistic(every)) for statistic in statistics]
        gain_precise, _ = interval_over_units(
            lambda weight: statistics[1](weight) - statistics[0](weight), unit, plan
        )
    first, second = (
        split_time(fleet, share) for share in (settings.train_until, settings.calibrate_until)
    )
    return SiteJudgement(
        plan=plan.hash,
        site=site,
        units=len(fleet.units),
        rows=len(judged),
        rows_before_failure=int(failed.sum()),
        failures_trained_on=failures_in(fleet, fleet.first_s, first),
        failures_judged=failures_in(fleet, second, fleet.last_s),
        own_model=own_model,
        log_loss_own=float(own_loss.mean()),
        log_loss_federated=float(shared_loss.mean()),
        gain=gain,
        standard_error=error,
        average_precision_own=precise[0],
        average_precision_federated=precise[1],
        gain_average_precision=gain_precise,
    )


def interval_over_units(
    statistic: Statistic, unit: npt.NDArray[np.integer[Any]], plan: FederationPlan
) -> tuple[Range, float | None]:
    """Return a statistic of judged rows with its interval over scanners, and its standard error.

    Neither is there where a site has a single scanner.
    """
    value = float(statistic(np.ones(len(unit))))
    try:
        found = bootstrap_replicates(
            statistic, len(unit), groups=unit, replicates=_REPLICATES, seed=plan.settings.seed
        )
    except DataError:
        return Range(value=value, low=None, high=None), None
    tail = 50.0 * (1.0 - plan.settings.confidence)
    low, high = np.nanpercentile(found, [tail, 100.0 - tail])
    return Range(value=value, low=float(low), high=float(high)), float(np.nanstd(found))

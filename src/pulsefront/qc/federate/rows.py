"""The component-days of one site, cut and scaled as the plan says."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from pulsefront.errors import QCDataError
from pulsefront.progress import Report, silent
from pulsefront.qc.features.labels import Target
from pulsefront.qc.features.samples import Fleet, build_fleet
from pulsefront.qc.features.schema import FeatureSchema
from pulsefront.qc.features.sources import load_histories, outline
from pulsefront.qc.federate.documents import (
    Description,
    FeatureMoments,
    FederationPlan,
    PlanSettings,
)
from pulsefront.qc.federate.likelihood import ScaledRows
from pulsefront.qc.models.choice.protocol import BacktestSettings, TimeParts, parts_of_time
from pulsefront.qc.models.learners.estimators import Linear, Scaler
from pulsefront.qc.store.database import Store

__all__ = [
    "SiteParts",
    "describe",
    "linear_model",
    "plan_schema",
    "plan_target",
    "site_fleet",
    "site_parts",
    "training_rows",
]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_NEGATIVES_PER_POSITIVE = 60
_LEAST_NEGATIVES = 8_000


def plan_target(plan: FederationPlan) -> Target:
    """Return what the plan foresees."""
    return Target(plan.settings.lead_days, plan.settings.horizon_days)


def plan_schema(plan: FederationPlan) -> FeatureSchema:
    """Return the features of all sites together."""
    return FeatureSchema(plan.tests, plan.unit_tests, plan.codes)


def site_fleet(store: Store, plan: FederationPlan, *, report: Report = silent) -> Fleet:
    """Return the samples of a site's store, with the features of the plan once it has some.

    Federations keep to the features of version 1: sites need not update on the same day.
    """
    found = outline(store)
    described = plan.stage == "describe"
    schema = found.schema.of_version_1() if described else plan_schema(plan)
    found = replace(found, schema=schema)
    return build_fleet(
        load_histories(store), plan_target(plan), daily_from=plan.settings.train_until,
        outline=found, report=report,
    )  # fmt: skip


@dataclass(frozen=True)
class SiteParts:
    """Parts of a site's time, and the fold of each sample's scanner."""

    time: TimeParts
    fold: Ints
    labelled: npt.NDArray[np.bool_]


def site_parts(fleet: Fleet, settings: PlanSettings) -> SiteParts:
    """Return the parts; scanners with many and few failures are spread over the folds."""
    counts = np.zeros(len(fleet.units))
    for (unit, _), times in zip(fleet.components, fleet.failures_s, strict=True):
        counts[unit] += len(times)
    shuffle = np.random.default_rng(settings.seed).random(len(fleet.units))
    fold = np.empty(len(fleet.units), dtype=np.int64)
    fold[np.lexsort((shuffle, -counts))] = np.arange(len(fleet.units)) % settings.folds
    time = parts_of_time(
        fleet,
        BacktestSettings(
            train_until=settings.train_until, calibrate_until=settings.calibrate_until
        ),
    )
    return SiteParts(time, fold[fleet.samples.unit], fleet.samples.label >= 0)


def describe(fleet: Fleet, plan: FederationPlan, site: str) -> Description:
    """Return what a site tells before the first fit: tests, counts, and moments of its features.

    Raises
    ------
    QCDataError
        The site has no labelled component-day in the part that trains.
    """
    parts = site_parts(fleet, plan.settings)
    rows = np.flatnonzero(parts.time.early & parts.labelled)
    if not len(rows):
        raise QCDataError(
            "no labelled day falls into the part of the history that trains",
            remedy="give a longer history",
        )
    values = fleet.samples.values[rows].astype(np.float64)
    logs = np.log1p(np.maximum(values, 0.0))
    moments = {}
    for name in fleet.schema.of_version_1().names:
        column = fleet.schema.column(name)
        known = logs[:, column][~np.isnan(logs[:, column])]
        if len(known):
            moments[name] = FeatureMoments(
                known=len(known),
                total=float(known.sum()),
                total_squares=float(known @ known),
                median=float(np.median(known)),
            )
    return Description(
        plan=plan.hash,
        site=site,
        tests=fleet.schema.tests,
        unit_tests=fleet.schema.unit_tests,
        codes=fleet.schema.codes,
        units=len(fleet.units),
        rows=len(rows),
        rows_before_failure=int((fleet.samples.label[rows] == 1).sum()),
        moments=moments,
    )


def linear_model(plan: FederationPlan, point: Floats | tuple[float, ...]) -> Linear:
    """Return the hazard model at a point, on the features of the plan."""
    schema = plan_schema(plan)
    columns = np.array([schema.column(name) for name in plan.features], dtype=np.int64)
    scaler = Scaler(np.array(plan.median), np.array(plan.mean), np.array(plan.deviation))
    weights = np.array(point, dtype=np.float64)
    return Linear(columns, scaler, weights[:-1], float(weights[-1]))


def training_rows(fleet: Fleet, plan: FederationPlan, parts: SiteParts) -> list[ScaledRows]:
    """Return the rows of each model of the plan: without each fold in turn, and of all scanners.

    All rows before a failure are there and a sample of the others, always the same one.
    """
    settings, label = plan.settings, fleet.samples.label
    training = parts.time.early & parts.labelled
    positive = np.flatnonzero(training & (label == 1))
    negative = np.flatnonzero(training & (label == 0))
    wanted = max(_NEGATIVES_PER_POSITIVE * len(positive), _LEAST_NEGATIVES)
    offset = 0.0
    if wanted < len(negative):
        offset = -float(np.log(wanted / len(negative)))
        negative = np.random.default_rng(settings.seed).choice(negative, wanted, replace=False)
    rows = np.sort(np.concatenate([positive, negative]))
    model = linear_model(plan, (0.0,) * (len(plan.features) + 1))
    scaled = model.scaler.scale(fleet.samples.values[rows][:, model.columns])
    failed = (label[rows] == 1).astype(np.float64)
    fold = parts.fold[rows]
    return [
        ScaledRows(scaled[keep], failed[keep], offset)
        for keep in (*(fold != k for k in range(settings.folds)), fold >= 0)
    ]

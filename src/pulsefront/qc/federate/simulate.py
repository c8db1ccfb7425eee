"""A federation of simulated sites, with what no real one has: the pooled fit beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from pulsefront.evaluate.intervals import mean_statistic
from pulsefront.progress import Report, silent
from pulsefront.qc.features.history import UnitHistory, history_from_frames
from pulsefront.qc.features.samples import Fleet, build_fleet, outline_of
from pulsefront.qc.federate.coordinate import combine, result_of
from pulsefront.qc.federate.documents import (
    Contribution,
    FederatedResult,
    FederationPlan,
    SiteJudgement,
)
from pulsefront.qc.federate.likelihood import ScaledRows, maximum
from pulsefront.qc.federate.rows import (
    plan_schema,
    plan_target,
    site_parts,
    training_rows,
)
from pulsefront.qc.federate.site import (
    answer,
    federated_log_odds,
    interval_over_units,
    judged_rows,
    log_loss,
)
from pulsefront.qc.simulate.fleet import simulate_units
from pulsefront.qc.simulate.settings import FleetSettings

__all__ = ["Federation", "federate", "pooled_points", "simulated_sites"]

Floats = npt.NDArray[np.float64]

_MOST_ROUNDS = 40


@dataclass(frozen=True)
class Federation:
    """A federation from its first plan to its result, and every contribution that was sent."""

    plan: FederationPlan
    result: FederatedResult
    sent: tuple[Contribution, ...]


def simulated_sites(settings: FleetSettings) -> dict[str, list[UnitHistory]]:
    """Return the histories of a simulated fleet, site by site."""
    found: dict[str, list[UnitHistory]] = {}
    for unit in simulate_units(settings):
        history = history_from_frames(unit.units, unit.measurements, unit.events, unit.services)
        found.setdefault(str(history.unit["site"]), []).append(history)
    return found


def federate(
    sites: Mapping[str, Sequence[UnitHistory]], plan: FederationPlan, *, report: Report = silent
) -> Federation:
    """Run a federation to its end within one process; sites see nothing but plans."""
    fleets = {name: _fleet(histories, plan) for name, histories in sites.items()}
    sent: list[Contribution] = []
    for step in range(_MOST_ROUNDS):
        answers = [answer(fleet, plan, name) for name, fleet in fleets.items()]
        sent += answers
        before, plan = plan, combine(plan, answers)
        report(step + 1, max(step + 2, 8))
        if before.stage == "describe":
            fleets = {name: _fleet(histories, plan) for name, histories in sites.items()}
        if plan.stage == "done":
            break
    judgements = [each for each in sent if isinstance(each, SiteJudgement)]
    judged = _beside_pooled(fleets, plan, judgements)
    return Federation(plan, result_of(plan, judged), tuple(sent))


def _fleet(histories: Sequence[UnitHistory], plan: FederationPlan) -> Fleet:
    outline = outline_of(histories)
    described = plan.stage == "describe"
    schema = outline.schema.of_version_1() if described else plan_schema(plan)
    outline = replace(outline, schema=schema)
    return build_fleet(
        histories, plan_target(plan), daily_from=plan.settings.train_until, outline=outline
    )


def pooled_points(fleets: Mapping[str, Fleet], plan: FederationPlan) -> list[Floats]:
    """Return what each model of the plan is where the rows of all sites lie in one place.

    Every site keeps its own sampling of rows, whose offset then belongs to its rows.
    """
    by_site = [
        training_rows(fleet, plan, site_parts(fleet, plan.settings)) for fleet in fleets.values()
    ]
    points = []
    for k in range(plan.settings.folds + 1):
        some = [rows[k] for rows in by_site]
        joined = ScaledRows(
            np.concatenate([rows.scaled for rows in some]),
            np.concatenate([rows.failed for rows in some]),
            np.concatenate([np.broadcast_to(rows.offset, len(rows)) for rows in some]),
        )
        points.append(maximum(joined, plan.settings.ridge))
    return points


def _beside_pooled(
    fleets: Mapping[str, Fleet], plan: FederationPlan, judgements: Sequence[SiteJudgement]
) -> list[SiteJudgement]:
    """Return the judgements with what the pooled fit is worth at each site."""
    points = pooled_points(fleets, plan)
    found = []
    for judgement in judgements:
        fleet = fleets[judgement.site]
        parts = site_parts(fleet, plan.settings)
        losses = [
            log_loss(fleet, parts, log_odds, plan.settings.seed)[0]
            for log_odds in (
                federated_log_odds(fleet, plan, parts, points),
                federated_log_odds(fleet, plan, parts),
            )
        ]
        unit = fleet.samples.unit[judged_rows(fleet, parts)]
        gain, _ = interval_over_units(mean_statistic(losses[0] - losses[1]), unit, plan)
        update = {"log_loss_pooled": float(losses[0].mean()), "gain_over_pooled": gain}
        found.append(judgement.model_copy(update=update))
    return found

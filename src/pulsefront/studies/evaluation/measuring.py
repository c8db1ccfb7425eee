"""Testing the claim of an evaluation on every set, with the parts that can be told apart."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from pulsefront.evaluate.intervals import mean_statistic
from pulsefront.evaluate.record import Intervals
from pulsefront.evaluate.subgroups import subgroup_table
from pulsefront.events import store
from pulsefront.events.container import EventTable
from pulsefront.files import write_json
from pulsefront.studies.evaluation.claim import (
    FROZEN,
    Pilot,
    judge,
    measure_claim,
    power_for,
    refuse_too_few,
)
from pulsefront.studies.evaluation.frozen import FrozenNetwork
from pulsefront.studies.evaluation.records import EvaluationPlan, SetResult, SubgroupFound
from pulsefront.studies.evaluation.settings import EvaluationStudy
from pulsefront.studies.parts_of_events import known_parts
from pulsefront.studies.steps import StepContext

__all__ = ["measure_sets"]


def measure_sets(
    study: EvaluationStudy,
    frozen: FrozenNetwork,
    plan: EvaluationPlan,
    pilot: Pilot,
    context: StepContext,
) -> None:
    """Write what every set says to the claim into ``measured.json``."""
    folder = context.steps / "data"
    rows = json.loads((folder / "sets.json").read_bytes())
    found = [
        _measured(study, frozen, plan, pilot, number, about, store.read(folder / f"{number}.h5"))
        for number, about in enumerate(rows)
    ]
    write_json(context.folder / "measured.json", [row.to_json() for row in found])


def _measured(
    study: EvaluationStudy,
    frozen: FrozenNetwork,
    plan: EvaluationPlan,
    pilot: Pilot,
    number: int,
    about: dict[str, Any],
    events: EventTable,
) -> SetResult:
    chosen, claim = study.external[number], study.claim
    place = events["grid_index"] if "grid_index" in events.columns else events["offset_index"]
    positions = len(np.unique(place, axis=0))
    # How many there are is known now, and no estimate has been made.
    power = power_for(pilot, claim, chosen, len(events), positions)
    refuse_too_few(power, claim, number)
    tested, measures = measure_claim(frozen, events, claim, plan.metric)
    return SetResult(
        name=chosen.name,
        origin=about["origin"],
        path=about.get("path"),
        detector=about.get("detector"),
        perturb=tuple(about["perturb"]) if "perturb" in about else None,
        files_sha256=about.get("files_sha256"),
        selection=about["selection"],
        channel_delays=about["delays"] or None,
        events_seen_in_development=about["events_seen"],
        input_shift_sigmas=_shift(frozen, events),
        power=power,
        usable_events=measures.test_events,
        positions=positions,
        found=judge(tested, claim),
        estimators=_named(measures.estimators, frozen.baseline),
        loss=frozen.kind.loss_words,
        subgroups=_subgroups(study, frozen, events),
    )


def _named(estimators: dict[str, Intervals], baseline: str) -> dict[str, Intervals]:
    return {(baseline if name.endswith(FROZEN) else name): row for name, row in estimators.items()}


def _shift(frozen: FrozenNetwork, events: EventTable) -> float:
    profile = frozen.profile
    inputs = frozen.inputs(events)
    if profile is None or len(profile.mean) != inputs.shape[1]:
        return 0.0
    spread = np.maximum(profile.standard_deviation, 1e-9)
    return float(np.max(np.abs(inputs.mean(axis=0) - profile.mean) / spread))


def _subgroups(
    study: EvaluationStudy, frozen: FrozenNetwork, events: EventTable
) -> tuple[SubgroupFound, ...]:
    """Return the mean loss of network and baseline in every part that can be told apart."""
    kind = frozen.kind
    network = kind.losses(events, kind.estimates_of(events, frozen.outputs(events)))
    baseline = kind.losses(events, frozen.baseline_estimates(events))
    both = np.isfinite(network) & np.isfinite(baseline)
    masks = {name: mask[both] for name, mask in known_parts(events).items()}
    groups = events["grid_index"][both] if "grid_index" in events.columns else None
    options: dict[str, Any] = {
        "groups": groups,
        "replicates": 400,
        "confidence": 1 - 2 * study.claim.alpha,
        "seed": study.seed,
    }
    tables = [
        subgroup_table(values[both], masks, mean_statistic, **options)
        for values in (network, baseline)
    ]
    return tuple(
        SubgroupFound(
            subgroup=ours.name,
            events=ours.events,
            network=ours.interval,
            baseline=theirs.interval,
            note=ours.note or theirs.note or None,
        )
        for ours, theirs in zip(*tables, strict=True)
    )

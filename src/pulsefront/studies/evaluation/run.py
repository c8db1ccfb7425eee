"""From the file of an evaluation study to its report: the plan first, then the data."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import TypeAdapter

from pulsefront.detector import load_detector
from pulsefront.errors import ConfigError, DataError, PulsefrontError
from pulsefront.evaluate.intervals import mean_statistic
from pulsefront.evaluate.record import Intervals
from pulsefront.evaluate.subgroups import subgroup_table
from pulsefront.events import store
from pulsefront.events.container import EventTable
from pulsefront.events.external import open_external
from pulsefront.events.manifest import load_manifest
from pulsefront.files import hash_file, hash_json, write_json, write_text
from pulsefront.studies.evaluation.claim import (
    FROZEN,
    Pilot,
    claim_in_words,
    judge,
    measure_claim,
    pilot_of,
    power_for,
    refuse_too_few,
)
from pulsefront.studies.evaluation.frozen import FrozenNetwork, load_frozen, seen_in_development
from pulsefront.studies.evaluation.page import write_evaluation_report
from pulsefront.studies.evaluation.records import (
    EvaluationPlan,
    EvaluationResults,
    Opened,
    SetResult,
    SubgroupFound,
    Verdict,
)
from pulsefront.studies.evaluation.settings import EvaluationSet, EvaluationStudy
from pulsefront.studies.measured_events import load_measured
from pulsefront.studies.parts_of_events import known_parts
from pulsefront.studies.results import environment_record
from pulsefront.studies.settings import ExternalSet
from pulsefront.studies.steps import Step, StepContext, StepRecord, locked, run_steps

__all__ = ["evaluation_problems", "run_evaluation"]

LEAST_EVENTS = 50
"""Fewer have no resolution worth a number."""

MOST_SEEN = 0.01
"""Share of a set that may equal events of the development study number for number, by chance."""

LARGEST_RATIO = 2.0
"""Of photopeaks: beyond it the units or the gain are others, not the light."""

SETS = TypeAdapter(tuple[SetResult, ...])
OPENED = "opened.json"


def run_evaluation(
    study: EvaluationStudy, file: Path, out: str | Path | None, say: Callable[[str], None]
) -> Path:
    """Evaluate, and return the run directory.

    Raises
    ------
    ConfigError
        The plan differs from that under which the data were opened, or the data are too few.
    PulsefrontError
        Something frozen has changed, a set cannot be used, or another run holds the directory.
    """
    directory = Path(out) if out is not None else Path("out") / study.name
    with locked(directory):
        frozen = load_frozen(study, file)
        plan, pilot = _plan(study, frozen)
        _refuse_changed_plan(directory, plan)
        for number, row in enumerate(plan.power):
            refuse_too_few(row, study.claim, number)
        steps = _steps(study, file, frozen, plan, pilot, directory)
        records = run_steps(steps, directory, say)
        write_text(directory / "study.toml", file.read_text())
        results = _results(study, frozen, directory, records)
        results.write(directory / "results.json")
        write_evaluation_report(study, frozen, results, directory)
    return directory


def evaluation_problems(study: EvaluationStudy, file: Path) -> list[PulsefrontError]:
    """Return all that would stop the evaluation before the data are opened."""
    try:
        frozen = load_frozen(study, file)
        plan, _ = _plan(study, frozen)
    except PulsefrontError as error:
        return [error]
    found: list[PulsefrontError] = []

    def attempt(check: Callable[[], Any]) -> None:
        try:
            check()
        except PulsefrontError as error:
            found.append(error)

    for number, (chosen, row) in enumerate(zip(study.external, plan.power, strict=True)):
        attempt(partial(refuse_too_few, row, study.claim, number))
        if chosen.measured is not None:
            attempt(partial(open_external, file.parent / chosen.measured.path))
        elif chosen.detector is not None:
            attempt(partial(load_detector, chosen.detector))
    return found


def _plan(study: EvaluationStudy, frozen: FrozenNetwork) -> tuple[EvaluationPlan, Pilot]:
    """Return the plan; its hash is of what was decided, not of what was computed from it."""
    metric = frozen.metric(study.claim.metric)
    decided = {
        "study": study.model_dump(mode="json"),
        "claim": claim_in_words(study.claim, metric, frozen.baseline),
        "metric": metric.key,
        "model_sha256": frozen.model_sha256,
        "model_of_development": frozen.model_of_development,
        "baseline_sha256": frozen.baseline_sha256,
        "development_study_sha256": frozen.development_sha256,
    }
    pilot = pilot_of(frozen, study.claim, metric)
    power = tuple(
        power_for(pilot, study.claim, chosen, *_planned_events(frozen, chosen))
        for chosen in study.external
    )
    found = {**decided, "sha256": hash_json(decided), "power": power}
    return EvaluationPlan.model_validate(found), pilot


def _planned_events(frozen: FrozenNetwork, chosen: EvaluationSet) -> tuple[int | None, int | None]:
    """Return usable events and positions as far as they are known before the set is opened."""
    if chosen.measured is not None:
        return chosen.usable_events, None
    split = frozen.split
    left_out = sum(split.exclusions.values()) - sum(split.excluded_by_split.values())
    expected = max(1, round(chosen.events * (1 - left_out / split.events_recorded)))
    # A simulated set lies at all positions between those of training.
    return chosen.usable_events or expected, split.positions_selection + split.positions_test


def _refuse_changed_plan(directory: Path, plan: EvaluationPlan) -> None:
    path = directory / OPENED
    if not path.is_file():
        return
    opened = Opened.read(path)
    if opened.plan_sha256 != plan.sha256:
        raise ConfigError(
            f"the plan has changed since the data were opened under plan "
            f"{opened.plan_sha256[:12]} at {opened.opened_at}",
            file=path,
            field="plan_sha256",
            value=plan.sha256[:12],
            remedy="restore the study file and what it freezes; another plan is another study, on "
            "data that nobody has looked at, in another --out",
        )


def _steps(
    study: EvaluationStudy,
    file: Path,
    frozen: FrozenNetwork,
    plan: EvaluationPlan,
    pilot: Pilot,
    directory: Path,
) -> list[Step]:
    return [
        Step(
            "plan",
            "Writing down the plan",
            lambda c: plan.write(c.folder / "plan.json"),
            plan.sha256,
        ),
        Step(
            "data",
            "Opening the data",
            lambda c: _open_data(study, file, frozen, plan, directory, c),
            plan.sha256,
            after=("plan",),
        ),
        Step(
            "measure",
            "Testing the claim",
            lambda c: _measure_sets(study, frozen, plan, pilot, c),
            plan.sha256,
            after=("data",),
        ),
    ]


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _open_data(
    study: EvaluationStudy,
    file: Path,
    frozen: FrozenNetwork,
    plan: EvaluationPlan,
    directory: Path,
    context: StepContext,
) -> None:
    """Read or simulate every set, select its events and write them; first say that it is done."""
    if not (directory / OPENED).is_file():
        written = (context.steps / "plan" / "plan.json").stat().st_mtime
        at = datetime.fromtimestamp(written, UTC).isoformat(timespec="seconds")
        Opened(plan_sha256=plan.sha256, plan_written_at=at, opened_at=_now()).write(
            directory / OPENED
        )
    # Light maps are of a detector, whoever traces them.
    shutil.copytree(frozen.folders.cache, context.cache, dirs_exist_ok=True)
    rows = []
    for number, chosen in enumerate(study.external):
        events, about = _events_of(chosen, file, frozen, context.cache)
        try:
            found = frozen.kind.select_external(events)
            _refuse_other_units(frozen, events, found.selection)
        except DataError as error:
            error.problem = f"external set {chosen.name!r}: {error.problem}"
            raise
        if len(found.events) < LEAST_EVENTS:
            raise DataError(
                f"{len(found.events)} events pass the selection, too few to measure on",
                field=chosen.name,
                remedy="give more events; the selection's counts are "
                + ", ".join(f"{name} {count:g}" for name, count in found.selection.items()),
            )
        seen = seen_in_development(frozen, found.events)
        if seen > MOST_SEEN * len(found.events):
            raise DataError(
                f"{seen:,} of {len(found.events):,} events of external set {chosen.name!r} are "
                "among those of the development study: the set is not external",
                field=f"external.{number}",
                value=chosen.name,
                remedy="give data that no part of the development has seen",
            )
        store.write(found.events, context.folder / f"{number}.h5")
        delays = {name: one.model_dump(mode="json") for name, one in found.delays.items()}
        rows.append({**about, "selection": found.selection, "delays": delays, "events_seen": seen})
    write_json(context.folder / "sets.json", rows)


def _events_of(
    chosen: EvaluationSet, file: Path, frozen: FrozenNetwork, cache: Path
) -> tuple[EventTable, dict[str, Any]]:
    kind = frozen.kind
    if chosen.measured is None:
        detector = chosen.detector or kind.study.detector
        simulated = ExternalSet(
            name=chosen.name, detector=detector, perturb=chosen.perturb, events=chosen.events
        )
        about = {"origin": "simulated", "detector": detector, "perturb": list(chosen.perturb)}
        return kind.generate_external(simulated, cache), about
    path = file.parent / chosen.measured.path
    channels = None
    if kind.measured_kind == "position":
        channels = load_detector(kind.study.detector).sensors.count
    files = [path]
    if path.suffix.lower() == ".toml":
        files += [path.parent / name for scan in load_manifest(path).scan for name in scan.files]
    events = load_measured(
        chosen.measured, kind.measured_kind, relative_to=file.parent, channels=channels
    )
    hashes = {one.name: hash_file(one) for one in files if one.is_file()}
    return events, {"origin": "measured", "path": path.name, "files_sha256": hashes}


def _refuse_other_units(
    frozen: FrozenNetwork, events: EventTable, selection: dict[str, float]
) -> None:
    """Refuse a set whose numbers are not in the units that the network reads.

    Raises
    ------
    DataError
        Its photopeak lies elsewhere by more than any change of light, or its samples are at other
        intervals.
    """
    split = frozen.split
    for key, peak in selection.items():
        own = getattr(split, key, None)
        if not key.startswith("photopeak") or not key.endswith("_adc") or "sigma" in key:
            continue
        if own and not 1 / LARGEST_RATIO < peak / own < LARGEST_RATIO:
            raise DataError(
                f"its photopeak lies at {peak:.4g}, that of the development study at {own:.4g}: "
                "units or gain differ",
                field=key,
                remedy="give charges in the ADC counts that the front end gives the network",
            )
    interval = events.provenance.get("sample_interval_ns")
    digitizer = load_detector(frozen.kind.study.detector).digitizer
    if frozen.kind.measured_kind == "timing" and interval is not None and digitizer is not None:
        own_ns = digitizer.sample_interval_ns
        if abs(float(interval) / own_ns - 1) > 0.01:
            raise DataError(
                f"its samples are {float(interval):g} ns apart, the network reads some "
                f"{own_ns:g} ns apart",
                field="sample_interval_ns",
                value=interval,
                remedy="give records of the digitizer that the network was made for",
            )


def _measure_sets(
    study: EvaluationStudy,
    frozen: FrozenNetwork,
    plan: EvaluationPlan,
    pilot: Pilot,
    context: StepContext,
) -> None:
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


def _results(
    study: EvaluationStudy,
    frozen: FrozenNetwork,
    directory: Path,
    steps: Sequence[StepRecord],
) -> EvaluationResults:
    from pulsefront.studies.evaluation.checklist import evaluation_checklist

    folder = directory / "steps"
    plan = EvaluationPlan.read(folder / "plan" / "plan.json")
    sets = SETS.validate_json((folder / "measure" / "measured.json").read_bytes())
    verdicts = {row.found.verdict for row in sets}
    verdict: Verdict = "not confirmed"
    if verdicts == {"confirmed"}:
        verdict = "confirmed"
    elif "contradicted" in verdicts:
        verdict = "contradicted"
    return EvaluationResults(
        schema_version=1,
        study=study.name,
        kind=frozen.kind.study.kind,
        study_type="evaluation",
        seed=study.seed,
        plan=plan,
        verdict=verdict,
        sets=sets,
        checklist=evaluation_checklist(study, frozen, plan, sets),
        opened=Opened.read(directory / OPENED),
        environment=environment_record(),
        seconds={step.step: step.seconds for step in steps},
    )

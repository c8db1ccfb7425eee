"""From the file of an evaluation study to its report: the plan first, then the data."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from pulsefront.detector import load_detector
from pulsefront.errors import ConfigError, PulsefrontError
from pulsefront.events.external import open_external
from pulsefront.files import hash_json, write_text
from pulsefront.studies.evaluation.claim import (
    Pilot,
    claim_in_words,
    pilot_of,
    power_for,
    refuse_too_few,
)
from pulsefront.studies.evaluation.frozen import FrozenNetwork, load_frozen
from pulsefront.studies.evaluation.measuring import measure_sets
from pulsefront.studies.evaluation.opening import OPENED, open_data
from pulsefront.studies.evaluation.page import write_evaluation_report
from pulsefront.studies.evaluation.records import (
    EvaluationPlan,
    EvaluationResults,
    Opened,
    SetResult,
    Verdict,
)
from pulsefront.studies.evaluation.settings import EvaluationSet, EvaluationStudy
from pulsefront.studies.results import environment_record
from pulsefront.studies.steps import Step, StepRecord, locked, run_steps

__all__ = ["evaluation_problems", "run_evaluation"]

SETS = TypeAdapter(tuple[SetResult, ...])


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
            lambda c: open_data(study, file, frozen, plan, directory, c),
            plan.sha256,
            after=("plan",),
        ),
        Step(
            "measure",
            "Testing the claim",
            lambda c: measure_sets(study, frozen, plan, pilot, c),
            plan.sha256,
            after=("data",),
        ),
    ]


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

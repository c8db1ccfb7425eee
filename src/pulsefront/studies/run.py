"""The main job: from a study file to a report, step by step."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from pulsefront.detector import detector_hash, load_detector
from pulsefront.files import write_text
from pulsefront.firmware import load_board
from pulsefront.search.workers import Workers
from pulsefront.studies.augmented import compare_augment
from pulsefront.studies.external import (
    fingerprint,
    make_sets,
    stamps,
)
from pulsefront.studies.files.early import early_problems
from pulsefront.studies.folders import RunFolders
from pulsefront.studies.kinds import AnyStudy, StudyKind, kind_of
from pulsefront.studies.kinds.timing.others import make_others
from pulsefront.studies.kinds.timing.settings import TimingStudy
from pulsefront.studies.load import load_study
from pulsefront.studies.monitor import profile_step
from pulsefront.studies.part import part_step
from pulsefront.studies.proof import export_step, verify_step
from pulsefront.studies.regions.step import regions_step, regions_test_step
from pulsefront.studies.settings import ExternalSet, StudyBase
from pulsefront.studies.steps import Step, locked, run_steps
from pulsefront.studies.tables.step import tables_step, tables_test_step
from pulsefront.studies.work import (
    diagnose_task,
    evaluate_estimators,
    head_of_errors,
    held_out_inputs,
    make_events,
    search_network,
    split_events,
    tune_baselines,
    write_plan,
)

__all__ = ["run_study"]

HERE = Workers()
"""Threads of this process."""


def run_study(
    path: str | Path,
    out: str | Path | None,
    say: Callable[[str], None],
    *,
    external: Sequence[ExternalSet] = (),
    workers: Workers = HERE,
    device: str | None = None,
) -> Path:
    """Run the study of a TOML file and return its run directory.

    Parameters
    ----------
    path
        Study file, or the name of one that ships.
    out
        Run directory; ``out/NAME`` where left out.
    say
        Called with one line of text per step.
    external
        Test sets beside those of the study file.
    workers
        Where the search trains its networks; the result is the same everywhere.
    device
        ``cpu`` or ``cuda``, in the place of the study's own.

    Raises
    ------
    ConfigError
        The study file does not fit.
    ToolMissing
        The extras train and firmware are not installed, or g++ is absent and the study asks for
        hls4ml.
    PulsefrontError
        A step failed, or another run holds the directory.
    """
    study, file = load_study(path)
    study = study.model_copy(update={"external": (*study.external, *external)})
    if device is not None:
        search = study.search.model_copy(update={"device": device})
        study = study.model_copy(update={"search": search})
    _check(study, file)
    kind = kind_of(study)
    directory = Path(out) if out is not None else Path("out") / study.name
    with locked(directory):
        if study.uncertainty is None:
            # What another study file left here would else be taken for this network's.
            shutil.rmtree(directory / "steps" / "uncertainty", ignore_errors=True)
        steps = run_steps(_steps(kind, file.parent, workers), directory, say)
        folders = RunFolders(directory / "steps")
        write_text(directory / "study.toml", file.read_text())
        from pulsefront.studies.pages.report import write_report

        write_report(kind, directory, folders, steps)
    return directory


def _check(study: AnyStudy, file: Path) -> None:
    """Find now what would otherwise stop the run after minutes of work."""
    problems = early_problems(study, file)
    if not problems:
        return
    first, *others = problems
    if others:
        found = f"{len(others)} more: pulsefront check {file.name} lists them"
        first.remedy = f"{first.remedy}; {found}" if first.remedy else found
    raise first


def _steps(kind: StudyKind, folder: Path, workers: Workers) -> list[Step]:
    """Return the steps of a run, each with the settings that its result depends on."""
    study = kind.study
    settings: dict[str, Any] = study.model_dump(mode="json")
    common = {key: settings[key] for key in ("kind", "seed", "name")}
    sources = ("scan", "coincidences", "measured", "simulated", "recorded", "trace")
    data = {key: settings[key] for key in sources if key in settings}
    if study.measured is not None:
        data["files"] = fingerprint(study.measured, folder)
    data["own_files"] = stamps(study.own_files(folder))
    if study.detector is not None:
        data["detector"] = detector_hash(load_detector(study.detector))

    def pick(*names: str) -> dict[str, Any]:
        return {**common, **{name: settings.get(name) for name in names}}

    first = [
        Step("plan", "Writing down the plan", lambda c: write_plan(settings, c), settings),
        Step(
            "data",
            f"{_verb(study)} {kind.words.events}",
            lambda c: make_events(kind, folder, c),
            {**common, **data},
        ),
        Step(
            "split",
            f"Selecting and splitting {kind.words.events}",
            lambda c: split_events(kind, c),
            pick("events", "measured"),
            after=("data",),
        ),
    ]
    external = _external_steps(kind, folder, {**pick("events", "external"), **data})
    others = _other_steps(kind, pick("events", "augment"))
    trained = ("data", "split", *(step.name for step in others))
    learn = [
        Step(
            "baselines",
            "Tuning classical estimators",
            lambda c: tune_baselines(kind, c),
            pick("events", "baselines"),
            after=("data", "split", *(step.name for step in external)),
        ),
        Step(
            "search",
            "Training and ablating networks",
            lambda c: search_network(kind, workers, c),
            {
                **pick("events", "loss", "search", "budget", "augment"),
                **_board(study),
                **({"keeps_selection": True} if study.keeps_selection else {}),
            },
            after=trained,
        ),
    ]
    tables = _table_steps(
        kind, pick("events", "loss", "search", "tables", "export", "augment"), trained
    )
    regions = _region_steps(
        kind, pick("events", "loss", "search", "regions", "export", "augment"), trained
    )
    head = _head_steps(kind, pick("events", "uncertainty", "budget"))
    searched = ("search", *(step.name for step in head))
    part = _part_steps(kind, pick("budget"), searched)
    diagnosis = _diagnosis_steps(
        kind,
        pick("events", "loss", "search", "budget", "augment", "diagnosis", "statistics"),
        trained,
    )
    both = _augment_steps(
        kind, pick("events", "loss", "search", "augment", "statistics"), [*external]
    )
    prove = [
        Step(
            "evaluate",
            "Measuring on the test set",
            lambda c: evaluate_estimators(kind, c),
            pick("events", "statistics", "limit", "uncertainty"),
            after=("split", "baselines", *searched),
        ),
        Step(
            "export",
            "Exporting firmware",
            lambda c: export_step(kind, held_out_inputs(c), c),
            {**pick("export"), **_board(study)},
            after=("plan", *searched, *(step.name for step in part)),
        ),
        Step(
            "profile",
            "Keeping a reference for monitoring",
            lambda c: profile_step(kind, c),
            pick("events"),
            after=("data", *searched),
        ),
        Step(
            "verify",
            "Proving every bit",
            lambda c: verify_step(study, held_out_inputs(c), c),
            pick("verification"),
            after=(*searched, "export"),
        ),
    ]
    beside = [*tables, *regions]
    return [*first, *external, *others, *learn, *beside, *head, *part, *both, *diagnosis, *prove]


def _verb(study: StudyBase) -> str:
    return "Reading" if study.from_files else "Simulating"


def _external_steps(kind: StudyKind, folder: Path, settings: dict[str, Any]) -> list[Step]:
    sets = kind.study.external
    if not sets:
        return []
    measured = [chosen.measured for chosen in sets if chosen.measured is not None]
    others = [fingerprint(chosen, folder) for chosen in measured]
    return [
        Step(
            "external",
            "Reading and simulating external test sets",
            lambda c: make_sets(kind, folder, c.cache, c.folder),
            {**settings, "others": others},
        )
    ]


def _other_steps(kind: StudyKind, settings: dict[str, Any]) -> list[Step]:
    study = kind.study
    if not isinstance(study, TimingStudy) or study.augment is None:
        return []
    return [
        Step(
            "others",
            "Simulating other detectors to train on",
            lambda c: make_others(study, c),
            settings,
            after=("data", "split"),
        )
    ]


def _board(study: StudyBase) -> dict[str, Any]:
    """Return what the board of the budget says, where it names one: its file may change."""
    if study.budget.board is None:
        return {}
    return {"board": load_board(study.budget.board).model_dump(mode="json")}


def _head_steps(kind: StudyKind, settings: dict[str, Any]) -> list[Step]:
    if kind.study.uncertainty is None:
        return []
    return [
        Step(
            "uncertainty",
            "Training a head for the error of every event"
            if kind.study.has_head
            else "Calibrating the margin of the classes",
            lambda c: head_of_errors(kind, c),
            settings,
            after=("data", "split", "search"),
        )
    ]


def _table_steps(kind: StudyKind, settings: dict[str, Any], trained: tuple[str, ...]) -> list[Step]:
    chosen = kind.study.tables
    if chosen is None:
        return []
    return [
        Step(
            "tables",
            "Training networks of tables",
            lambda c: tables_step(kind, chosen, c),
            settings,
            after=(*trained, "search"),
        ),
        Step(
            "tables_test",
            "Proving and measuring the network of tables",
            lambda c: tables_test_step(kind, chosen, c),
            {**settings, **_verification(kind.study)},
            after=("plan", "data", "split", "search", "tables"),
        ),
    ]


def _region_steps(
    kind: StudyKind, settings: dict[str, Any], trained: tuple[str, ...]
) -> list[Step]:
    chosen = kind.study.region_settings
    if chosen is None:
        return []
    return [
        Step(
            "regions",
            "Training networks of regions",
            lambda c: regions_step(kind, chosen, c),
            settings,
            after=(*trained, "search"),
        ),
        Step(
            "regions_test",
            "Proving and measuring the network of regions",
            lambda c: regions_test_step(kind, chosen, c),
            {**settings, **_verification(kind.study)},
            after=("plan", "data", "split", "search", "regions"),
        ),
    ]


def _verification(study: StudyBase) -> dict[str, Any]:
    return {"verification": study.verification.model_dump(mode="json")}


def _part_steps(kind: StudyKind, settings: dict[str, Any], searched: tuple[str, ...]) -> list[Step]:
    if kind.study.budget.board is None:
        return []
    return [
        Step(
            "part",
            "Fitting the network to the part",
            lambda c: part_step(kind.study, c),
            {**settings, **_board(kind.study)},
            after=searched,
        )
    ]


def _augment_steps(
    kind: StudyKind, settings: dict[str, Any], external: Sequence[Step]
) -> list[Step]:
    if not kind.study.augments:
        return []
    return [
        Step(
            "augment",
            "Training without other detectors",
            lambda c: compare_augment(kind, c),
            settings,
            after=("data", "split", "search", *(step.name for step in external)),
        )
    ]


def _diagnosis_steps(
    kind: StudyKind, settings: dict[str, Any], trained: tuple[str, ...]
) -> list[Step]:
    chosen = kind.study.diagnosis
    if chosen is None:
        return []
    return [
        Step(
            "diagnosis",
            "Learning curve, cross validation, sham data",
            lambda c: diagnose_task(kind, chosen, c),
            settings,
            after=(*trained, "search"),
        )
    ]

"""The main job: from a study file to a report, step by step."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter

from pulsefront.detector import detector_hash, load_detector
from pulsefront.errors import ToolMissing
from pulsefront.events import store
from pulsefront.files import hash_json, write_json, write_text
from pulsefront.firmware import load_board
from pulsefront.fixed_point import FixedPointModel
from pulsefront.progress import progress
from pulsefront.search.result import SearchSummary
from pulsefront.search.workers import Workers
from pulsefront.studies.external import (
    estimate_sets,
    evaluate_sets,
    fingerprint,
    input_profile,
    make_sets,
)
from pulsefront.studies.folders import RunFolders, read_split, save_arrays, write_split
from pulsefront.studies.kinds import StudyKind, kind_of
from pulsefront.studies.kinds.base import BaselineEstimator, Outputs
from pulsefront.studies.load import load_study
from pulsefront.studies.proof import export_step, verify_step
from pulsefront.studies.records import AuditRecord, BaselineRecord, Plan
from pulsefront.studies.settings import DiagnosisSettings, ExternalSet, StudyBase
from pulsefront.studies.steps import Context, Step, locked, run_steps

__all__ = ["run_study"]

HERE = Workers()
"""Threads of this process."""

BASELINES = TypeAdapter(tuple[BaselineRecord, ...])


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
        g++ is absent and the study asks for hls4ml.
    PulsefrontError
        A step failed, or another run holds the directory.
    """
    study, file = load_study(path)
    study = study.model_copy(update={"external": (*study.external, *external)})
    if device is not None:
        search = study.search.model_copy(update={"device": device})
        study = study.model_copy(update={"search": search})
    _check(study)
    kind = kind_of(study)
    directory = Path(out) if out is not None else Path("out") / study.name
    with locked(directory):
        steps = run_steps(_steps(kind, file.parent, workers), directory, say)
        folders = RunFolders(directory / "steps")
        write_text(directory / "study.toml", file.read_text())
        from pulsefront.studies.pages.report import write_report

        write_report(kind, directory, folders, steps)
    return directory


def _check(study: StudyBase) -> None:
    """Find now what would otherwise stop the run after minutes of work."""
    study.search.network.check()
    if study.search.device != "cpu":
        from pulsefront.networks.device import require_device

        require_device(study.search.device)
    load_detector(study.detector)
    load_board(study.export.board)
    if "hls4ml" in study.export.targets and shutil.which("g++") is None:
        raise ToolMissing(
            "g++",
            needed_for="hls4ml's C simulation",
            install="apt-get install g++ (Debian), or leave hls4ml out of export.targets",
        )


def _steps(kind: StudyKind, folder: Path, workers: Workers) -> list[Step]:
    """Return the steps of a run, each with the settings that its result depends on."""
    study = kind.study
    settings: dict[str, Any] = study.model_dump(mode="json")
    common = {key: settings[key] for key in ("kind", "seed", "name")}
    data = {key: settings.get(key) for key in ("scan", "coincidences", "measured")}
    if study.measured is not None:
        data["files"] = fingerprint(study.measured, folder)
    data["detector"] = detector_hash(load_detector(study.detector))

    def pick(*names: str) -> dict[str, Any]:
        return {**common, **{name: settings.get(name) for name in names}}

    first = [
        Step("plan", "Writing down the plan", lambda c: _plan(settings, c), settings),
        Step(
            "data",
            "Reading events" if study.measured is not None else "Simulating events",
            lambda c: _data(kind, folder, c),
            {**common, **data},
        ),
        Step(
            "split",
            "Selecting and splitting events",
            lambda c: _split(kind, c),
            pick("events", "measured"),
            after=("data",),
        ),
    ]
    external = _external_steps(kind, folder, {**pick("events", "external"), **data})
    learn = [
        Step(
            "baselines",
            "Tuning classical estimators",
            lambda c: _baselines(kind, c),
            pick("events", "baselines"),
            after=("data", "split", *(step.name for step in external)),
        ),
        Step(
            "search",
            "Training and ablating networks",
            lambda c: _search(kind, workers, c),
            pick("events", "loss", "search", "budget"),
            after=("data", "split"),
        ),
    ]
    diagnosis = _diagnosis_steps(kind, pick("events", "loss", "search", "diagnosis", "statistics"))
    prove = [
        Step(
            "evaluate",
            "Measuring on the test set",
            lambda c: _evaluate(kind, c),
            pick("events", "statistics", "limit"),
            after=("split", "baselines", "search"),
        ),
        Step(
            "export",
            "Exporting firmware",
            lambda c: export_step(kind, _held_out_inputs(c), c),
            pick("export"),
            after=("plan", "search"),
        ),
        Step(
            "verify",
            "Proving every bit",
            lambda c: verify_step(study, _held_out_inputs(c), c),
            pick("verification"),
            after=("search", "export"),
        ),
    ]
    return [*first, *external, *learn, *diagnosis, *prove]


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


def _diagnosis_steps(kind: StudyKind, settings: dict[str, Any]) -> list[Step]:
    chosen = kind.study.diagnosis
    if chosen is None:
        return []
    return [
        Step(
            "diagnosis",
            "Learning curve, cross validation, sham data",
            lambda c: _diagnosis(kind, chosen, c),
            settings,
            after=("data", "split", "search"),
        )
    ]


def _plan(settings: dict[str, Any], context: Context) -> None:
    """Fix metrics, margins, seeds and budgets before any event exists."""
    Plan(study=settings, sha256=hash_json(settings)).write(context.folder / "plan.json")


def _data(kind: StudyKind, study_folder: Path, context: Context) -> None:
    events = kind.generate(context.cache, study_folder)
    store.write(events, context.folder / "events.h5")


def _split(kind: StudyKind, context: Context) -> None:
    found = kind.split(store.read(RunFolders(context.steps).events))
    write_split(context.folder, found.selected, found.parts.split, found.record)


def _baselines(kind: StudyKind, context: Context) -> None:
    folders = RunFolders(context.steps)
    fitted = kind.baselines(read_split(folders))
    save_arrays(
        context.folder / folders.estimates.name,
        {str(k): baseline.estimates for k, baseline in enumerate(fitted)},
    )
    rows = [_tuning(baseline).to_json() for baseline in fitted]
    write_json(context.folder / folders.baselines.name, rows)
    if kind.study.external:
        estimate_sets(fitted, folders.external, context.folder)


def _tuning(baseline: BaselineEstimator) -> BaselineRecord:
    return BaselineRecord(
        name=baseline.name,
        parameters=dict(baseline.parameters),
        candidates_tried=len(baseline.table),
        table=tuple(dict(row) for row in baseline.table),
    )


def _search(kind: StudyKind, workers: Workers, context: Context) -> None:
    from pulsefront.search import run_ablation

    folders, study = RunFolders(context.steps), kind.study
    parts = read_split(folders)
    task = kind.learning_task(parts)
    with progress("Ablation", "stages") as report:
        result = run_ablation(
            task,
            study.search,
            study.budget,
            context.checkpoint,
            report,
            executor=workers.executor,
            share=workers.share,
        )
    result.final_model.save(context.folder / folders.model.name)
    for number, model in enumerate(result.final_models):
        model.save(context.folder / folders.initializations.name / f"{number}.json")
    # The choice is made: from here on the networks only answer, and see inputs without labels.
    inputs = task.inputs[parts.split.test].reshape(-1, task.inputs.shape[-1])
    save_arrays(
        context.folder / folders.test_arrays.name,
        {
            "inputs": inputs,
            "kept_inputs": result.kept_inputs,
            "full": result.predict_full(task, inputs),
        },
    )
    result.summary().write(context.folder / folders.search.name)


def _diagnosis(kind: StudyKind, settings: DiagnosisSettings, context: Context) -> None:
    from pulsefront.studies.diagnosis import diagnose

    folders, study = RunFolders(context.steps), kind.study
    task = kind.learning_task(read_split(folders))
    full = SearchSummary.read(folders.search).full
    with progress("Diagnosis", "trainings") as report:
        found = diagnose(
            task,
            study.search,
            settings,
            full,
            confidence=study.statistics.confidence,
            report=report,
        )
    found.write(context.folder / folders.diagnosis.name)


def _held_out_inputs(context: Context) -> NDArray[np.int64]:
    """Return test inputs (vector, kept input) that no training, tuning or choice has seen."""
    with np.load(RunFolders(context.steps).test_arrays) as arrays:
        kept = arrays["inputs"][:, arrays["kept_inputs"]]
    return np.asarray(kept, np.int64)


def _outputs(model: FixedPointModel, inputs: NDArray[np.int64]) -> NDArray[np.float64]:
    (output,) = model.output_formats.values()
    return output.values(model.run(inputs))


def _evaluate(kind: StudyKind, context: Context) -> None:
    folders = RunFolders(context.steps)
    parts = read_split(folders)
    inputs = _held_out_inputs(context)
    model = FixedPointModel.load(folders.model)
    final = [
        _outputs(FixedPointModel.load(file), inputs)
        for file in sorted(folders.initializations.iterdir())
    ]
    with np.load(folders.test_arrays) as arrays:
        full, kept = arrays["full"], arrays["kept_inputs"]
    names = [row.name for row in BASELINES.validate_json(folders.baselines.read_bytes())]
    with np.load(folders.estimates) as arrays:
        estimates = {name: arrays[str(k)] for k, name in enumerate(names)}
    outputs = Outputs(_outputs(model, inputs), np.stack(final), full)
    found = kind.evaluate(parts, outputs, estimates, context.cache)
    trained = kind.network_inputs(parts.events.select(parts.split.train))
    profile = input_profile(trained.reshape(-1, trained.shape[-1])[:, kept])
    record = found.record.completed(
        profile,
        evaluate_sets(kind, model, profile, kept, names, folders) if kind.study.external else None,
        _audit(model, inputs),
    )
    record.write(context.folder / folders.evaluation.name)
    save_arrays(context.folder / folders.evaluation_arrays.name, found.arrays)


def _audit(model: FixedPointModel, inputs: NDArray[np.int64]) -> tuple[AuditRecord, ...]:
    """Return what each layer can reach, and what the test events reached."""
    return tuple(
        AuditRecord(
            layer=row.layer,
            kind=row.kind,
            format=str(row.format),
            format_low=row.format.minimum,
            format_high=row.format.maximum,
            rounding=row.rounding,
            overflow=row.overflow,
            proven_low=row.proven[0],
            proven_high=row.proven[1],
            seen_low=None if row.seen is None else row.seen[0],
            seen_high=None if row.seen is None else row.seen[1],
            headroom_bits=row.headroom_bits,
        )
        for row in model.audit(inputs).rows
    )

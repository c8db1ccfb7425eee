"""The main job: from a study file to a report, step by step."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsefront.detector import detector_hash, load_detector
from pulsefront.errors import ToolMissing
from pulsefront.events import store
from pulsefront.files import hash_json, write_json, write_text
from pulsefront.firmware import load_board
from pulsefront.fixed_point import FixedPointModel
from pulsefront.progress import progress
from pulsefront.search.workers import Workers
from pulsefront.studies.config import AnyStudy, ExternalSet, load_study
from pulsefront.studies.external import (
    estimate_sets,
    evaluate_sets,
    fingerprint,
    input_profile,
    make_sets,
)
from pulsefront.studies.kinds.crystal import data as crystal
from pulsefront.studies.kinds.crystal import measure as measure_crystal
from pulsefront.studies.kinds.position import data as position
from pulsefront.studies.kinds.position import measure as measure_position
from pulsefront.studies.kinds.timing import data as timing
from pulsefront.studies.kinds.timing import measure as measure_timing
from pulsefront.studies.measure import Answers
from pulsefront.studies.parts import (
    Baseline,
    Evaluation,
    SplitEvents,
    read_json,
    read_rows,
    read_split,
    save_arrays,
    write_split,
)
from pulsefront.studies.proof import export_step, verify_step
from pulsefront.studies.steps import Context, Step, locked, run_steps

__all__ = ["run_study"]

HERE = Workers()
"""Threads of this process."""

# What is particular to a kind of study: the module of its data and tasks, that of its measures.
KINDS: dict[str, tuple[Any, Any]] = {
    "crystal": (crystal, measure_crystal),
    "position": (position, measure_position),
    "timing": (timing, measure_timing),
}


def _room(study: AnyStudy) -> Any:
    return KINDS[study.kind][0]


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
    directory = Path(out) if out is not None else Path("out") / study.name
    with locked(directory):
        folders = run_steps(_steps(study, file.parent, workers), directory, say)
        write_text(directory / "study.toml", file.read_text())
        from pulsefront.studies.pages.report import write_report

        write_report(study, directory, folders)
    return directory


def _check(study: AnyStudy) -> None:
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


def _steps(study: AnyStudy, folder: Path, workers: Workers) -> list[Step]:
    settings: dict[str, Any] = study.model_dump(mode="json")
    common = {key: settings[key] for key in ("kind", "seed", "name")}
    data = {key: settings.get(key) for key in ("scan", "coincidences", "measured")}
    if study.measured is not None:
        data["files"] = fingerprint(study.measured, folder)
    detector = detector_hash(load_detector(study.detector))

    def pick(*names: str) -> dict[str, Any]:
        return {**common, **{name: settings.get(name) for name in names}}

    external: list[Step] = []
    if study.external:
        measured = [chosen.measured for chosen in study.external if chosen.measured is not None]
        external = [
            Step(
                "external",
                "Reading and simulating external test sets",
                lambda c: _external(study, folder, c),
                {
                    **pick("events", "external"),
                    "detector": detector,
                    **data,
                    "others": [fingerprint(chosen, folder) for chosen in measured],
                },
            )
        ]

    diagnosis: list[Step] = []
    if study.diagnosis is not None:
        diagnosis = [
            Step(
                "diagnosis",
                "Learning curve, cross validation, sham data",
                lambda c: _diagnosis(study, c),
                pick("events", "loss", "search", "diagnosis"),
                after=("data", "split", "search"),
            )
        ]
    return [
        Step("plan", "Writing down the plan", lambda c: _plan(settings, c), settings),
        Step(
            "data",
            "Reading events" if study.measured is not None else "Simulating events",
            lambda c: _data(study, folder, c),
            {**common, "detector": detector, **data},
        ),
        Step(
            "split",
            "Selecting and splitting events",
            lambda c: _split(study, c),
            pick("events", "measured"),
            after=("data",),
        ),
        *external,
        Step(
            "baselines",
            "Tuning classical estimators",
            lambda c: _baselines(study, c),
            pick("events", "baselines"),
            after=("data", "split", *(step.name for step in external)),
        ),
        Step(
            "search",
            "Training and ablating networks",
            lambda c: _search(study, workers, c),
            pick("events", "loss", "search", "budget"),
            after=("data", "split"),
        ),
        *diagnosis,
        Step(
            "evaluate",
            "Measuring on the test set",
            lambda c: _evaluate(study, c),
            pick("events", "statistics", "limit"),
            after=("split", "baselines", "search"),
        ),
        Step(
            "export",
            "Exporting firmware",
            lambda c: export_step(study, _held_out_inputs(c), c),
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


def _plan(settings: dict[str, Any], context: Context) -> None:
    """Fix metrics, margins, seeds and budgets before any event exists."""
    plan = {"study": settings, "sha256": hash_json(settings)}
    write_json(context.folder / "plan.json", plan)


def _data(study: AnyStudy, study_folder: Path, context: Context) -> None:
    events = _room(study).generate(study, context.cache, study_folder)
    store.write(events, context.folder / "events.h5")


def _external(study: AnyStudy, study_folder: Path, context: Context) -> None:
    make_sets(study, _room(study), study_folder, context.cache, context.folder)


def _split(study: AnyStudy, context: Context) -> None:
    events = store.read(context.done["data"] / "events.h5")
    selected, parts = _room(study).split(study, events)
    write_split(context.folder, selected, parts)


def _parts(context: Context) -> SplitEvents:
    return read_split(context.done["data"], context.done["split"])


def _baselines(study: AnyStudy, context: Context) -> None:
    fitted: list[Baseline] = _room(study).baselines(study, _parts(context))
    save_arrays(
        context.folder / "estimates.npz",
        {str(k): baseline.estimate for k, baseline in enumerate(fitted)},
    )
    write_json(context.folder / "baselines.json", [_tuning(baseline) for baseline in fitted])
    if study.external:
        estimate_sets(fitted, context.done["external"], context.folder)


def _tuning(baseline: Baseline) -> dict[str, Any]:
    return {
        "name": baseline.name,
        "parameters": dict(baseline.parameters),
        "candidates_tried": len(baseline.table),
        "table": [dict(row) for row in baseline.table],
    }


def _search(study: AnyStudy, workers: Workers, context: Context) -> None:
    from pulsefront.search import run_ablation

    parts = _parts(context)
    task = _room(study).learning_task(study, parts)
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
    result.final_model.save(context.folder / "model.json")
    for number, model in enumerate(result.final_models):
        model.save(context.folder / "initializations" / f"{number}.json")
    # The choice is made: from here on the networks only answer, and see inputs without labels.
    inputs = task.inputs[parts.split.test].reshape(-1, task.inputs.shape[-1])
    save_arrays(
        context.folder / "test.npz",
        {
            "inputs": inputs,
            "kept_inputs": result.kept_inputs,
            "full": result.predict_full(task, inputs),
        },
    )
    summary = {**result.summary(), "input_names": list(task.input_names)}
    write_json(context.folder / "search.json", summary)


def _diagnosis(study: AnyStudy, context: Context) -> None:
    from pulsefront.studies.diagnosis import diagnose

    assert study.diagnosis is not None  # the step exists only then
    task = _room(study).learning_task(study, _parts(context))
    full = read_json(context.done["search"] / "search.json")["full"]
    with progress("Diagnosis", "trainings") as report:
        found = diagnose(task, study.search, study.diagnosis, full, report=report)
    write_json(context.folder / "diagnosis.json", found)


def _held_out_inputs(context: Context) -> NDArray[np.int64]:
    """Return test inputs (vector, kept input) that no training, tuning or choice has seen."""
    with np.load(context.done["search"] / "test.npz") as arrays:
        kept = arrays["inputs"][:, arrays["kept_inputs"]]
    return np.asarray(kept, np.int64)


def _answers(model: FixedPointModel, inputs: NDArray[np.int64]) -> NDArray[np.float64]:
    (output,) = model.output_formats.values()
    return output.values(model.run(inputs))


def _evaluate(study: AnyStudy, context: Context) -> None:
    parts = _parts(context)
    folder = context.done["search"]
    inputs = _held_out_inputs(context)
    model = FixedPointModel.load(folder / "model.json")
    final = [
        _answers(FixedPointModel.load(file), inputs)
        for file in sorted((folder / "initializations").iterdir())
    ]
    with np.load(folder / "test.npz") as arrays:
        full, kept = arrays["full"], arrays["kept_inputs"]
    names = [row["name"] for row in read_rows(context.done["baselines"] / "baselines.json")]
    with np.load(context.done["baselines"] / "estimates.npz") as arrays:
        estimates = {name: arrays[str(k)] for k, name in enumerate(names)}
    answers = Answers(_answers(model, inputs), np.stack(final), full)
    room, measures = KINDS[study.kind]
    found: Evaluation = measures.evaluate(study, parts, answers, estimates, context.cache)
    trained = room.network_inputs(study, parts.events.select(parts.split.train))
    profile = input_profile(trained.reshape(-1, trained.shape[-1])[:, kept])
    found.record["input_profile"] = profile
    if study.external:
        found.record["external"] = evaluate_sets(
            study, (room, measures), model, profile, kept, names, context.done
        )
    audit = model.audit(inputs)
    found.record["audit"] = [
        {
            "layer": row.layer,
            "kind": row.kind,
            "format": str(row.format),
            "format_low": row.format.minimum,
            "format_high": row.format.maximum,
            "rounding": row.rounding,
            "overflow": row.overflow,
            "proven_low": row.proven[0],
            "proven_high": row.proven[1],
            "seen_low": None if row.seen is None else row.seen[0],
            "seen_high": None if row.seen is None else row.seen[1],
            "headroom_bits": row.headroom_bits,
        }
        for row in audit.rows
    ]
    write_json(context.folder / "evaluation.json", found.record)
    save_arrays(context.folder / "arrays.npz", found.arrays)

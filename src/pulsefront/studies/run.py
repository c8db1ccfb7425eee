"""The main job: from a study file to a report, step by step."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
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
from pulsefront.studies import measure_position, measure_timing, position, timing
from pulsefront.studies.bounds import position_limit, timing_limit
from pulsefront.studies.config import PositionStudy, TimingStudy, load_study
from pulsefront.studies.parts import Baseline, SplitEvents, read_split, save_arrays, write_split
from pulsefront.studies.proof import export_step, verify_step
from pulsefront.studies.steps import Context, Step, locked, run_steps

__all__ = ["run_study"]

AnyStudy = PositionStudy | TimingStudy


def run_study(path: str | Path, out: str | Path | None, say: Callable[[str], None]) -> Path:
    """Run the study of a TOML file and return its run directory.

    Parameters
    ----------
    path
        Study file, or the name of one that ships.
    out
        Run directory; ``out/NAME`` where left out.
    say
        Called with one line of text per step.

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
    _check(study)
    directory = Path(out) if out is not None else Path("out") / study.name
    with locked(directory):
        folders = run_steps(_steps(study), directory, say)
        write_text(directory / "study.toml", file.read_text())
        from pulsefront.studies.report import write_report

        write_report(study, directory, folders)
    return directory


def _check(study: AnyStudy) -> None:
    """Find now what would otherwise stop the run after minutes of work."""
    study.search.network.check()
    load_detector(study.detector)
    load_board(study.export.board)
    if "hls4ml" in study.export.targets and shutil.which("g++") is None:
        raise ToolMissing(
            "g++",
            needed_for="hls4ml's C simulation",
            install="apt-get install g++ (Debian), or leave hls4ml out of export.targets",
        )


def _steps(study: AnyStudy) -> list[Step]:
    settings: dict[str, Any] = study.model_dump(mode="json")
    common = {key: settings[key] for key in ("kind", "seed", "name")}
    events = {key: settings.get(key) for key in ("events", "scan", "coincidences")}
    detector = detector_hash(load_detector(study.detector))

    def pick(*names: str) -> dict[str, Any]:
        return {**common, **{name: settings.get(name) for name in names}}

    return [
        Step("plan", "Writing down the plan", lambda c: _plan(settings, c), settings),
        Step(
            "data",
            "Simulating events",
            lambda c: _data(study, c),
            {**common, "detector": detector, **{k: v for k, v in events.items() if k != "events"}},
        ),
        Step(
            "split",
            "Selecting and splitting events",
            lambda c: _split(study, c),
            pick("events"),
            after=("data",),
        ),
        Step(
            "baselines",
            "Tuning classical estimators",
            lambda c: _baselines(study, c),
            pick("events", "baselines"),
            after=("data", "split"),
        ),
        Step(
            "search",
            "Training and ablating networks",
            lambda c: _search(study, c),
            pick("events", "loss", "search", "budget"),
            after=("data", "split"),
        ),
        Step(
            "evaluate",
            "Measuring on the test set",
            lambda c: _evaluate(study, c),
            pick("events", "statistics"),
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


def _data(study: AnyStudy, context: Context) -> None:
    events = (
        position.generate(study, context.cache)
        if isinstance(study, PositionStudy)
        else timing.generate(study, context.cache)
    )
    store.write(events, context.folder / "events.h5")


def _split(study: AnyStudy, context: Context) -> None:
    events = store.read(context.done["data"] / "events.h5")
    selected, parts = (
        position.split(study, events)
        if isinstance(study, PositionStudy)
        else timing.split(study, events)
    )
    write_split(context.folder, selected, parts)


def _parts(context: Context) -> SplitEvents:
    return read_split(context.done["data"], context.done["split"])


def _baselines(study: AnyStudy, context: Context) -> None:
    fitted = (
        position.baselines(study, _parts(context))
        if isinstance(study, PositionStudy)
        else timing.baselines(study, _parts(context))
    )
    save_arrays(
        context.folder / "estimates.npz",
        {str(k): baseline.estimate for k, baseline in enumerate(fitted)},
    )
    write_json(context.folder / "baselines.json", [_tuning(baseline) for baseline in fitted])


def _tuning(baseline: Baseline) -> dict[str, Any]:
    return {
        "name": baseline.name,
        "parameters": dict(baseline.parameters),
        "candidates_tried": len(baseline.table),
        "table": [dict(row) for row in baseline.table],
    }


def _task(study: AnyStudy, parts: SplitEvents) -> Any:
    return (
        position.learning_task(study, parts)
        if isinstance(study, PositionStudy)
        else timing.learning_task(study, parts)
    )


def _search(study: AnyStudy, context: Context) -> None:
    from pulsefront.search import run_ablation

    parts = _parts(context)
    task = _task(study, parts)
    with progress("Ablation", "stages") as report:
        result = run_ablation(task, study.search, study.budget, context.checkpoint, report)
    result.final_model.save(context.folder / "model.json")
    for number, model in enumerate(result.final_models):
        model.save(context.folder / "initializations" / f"{number}.json")
    # The choice is made: from here on the networks only answer, and see inputs without labels.
    inputs = task.inputs[parts.split.test].reshape(-1, task.n_in)
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
        full = arrays["full"]
    names = [row["name"] for row in _read_rows(context.done["baselines"] / "baselines.json")]
    with np.load(context.done["baselines"] / "estimates.npz") as arrays:
        estimates = {name: arrays[str(k)] for k, name in enumerate(names)}
    answers = _answers(model, inputs)
    if isinstance(study, PositionStudy):
        found = measure_position.evaluate(
            study,
            parts,
            {"network": answers, **estimates},
            {"final": np.stack(final), "full": full},
        )
        found.record["limit"] = position_limit(study, parts, answers, context.cache)
    else:
        difference = [timing.network_estimate(study, parts, o) for o in (answers, *final, *full)]
        middle = 1 + len(final)
        found = measure_timing.evaluate(
            study,
            parts,
            {"network": difference[0], **estimates},
            {"final": np.stack(difference[1:middle]), "full": np.stack(difference[middle:])},
        )
        rows = found.record["estimators"]
        found.record["limit"] = timing_limit(
            study,
            parts,
            rows["network"][measure_timing.MAIN_METRIC],
            rows[found.record["best_baseline"]][measure_timing.MAIN_METRIC],
        )
        found.record["truth_check"] = measure_timing.check_against_truth(study, parts, answers)
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


def _read_rows(path: Path) -> list[dict[str, Any]]:
    """Return the rows of a JSON file that holds a list."""
    rows: list[dict[str, Any]] = json.loads(path.read_text())
    return rows

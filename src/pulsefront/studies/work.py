"""What each step of a run does; `pulsefront.studies.run` says in which order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter

from pulsefront.events import store
from pulsefront.events.container import EventTable
from pulsefront.files import hash_json, write_json
from pulsefront.fixed_point import FixedPointModel
from pulsefront.progress import progress
from pulsefront.search.result import SearchSummary
from pulsefront.search.workers import Workers
from pulsefront.studies.augmented import keep_full_networks
from pulsefront.studies.blind import refuse_copies, tuned_blind, without_test_labels
from pulsefront.studies.external import estimate_sets, evaluate_sets, input_profile
from pulsefront.studies.failures import find_failures
from pulsefront.studies.folders import RunFolders, read_split, save_arrays, write_split
from pulsefront.studies.frozen import freeze_estimator
from pulsefront.studies.input_uses import input_uses
from pulsefront.studies.kinds import StudyKind
from pulsefront.studies.kinds.base import BaselineEstimator, Estimates, Outputs
from pulsefront.studies.records import AuditRecord, BaselineRecord, StudyPlan
from pulsefront.studies.settings import DiagnosisSettings
from pulsefront.studies.steps import StepContext
from pulsefront.studies.uncertainty.class_measure import measure_classes
from pulsefront.studies.uncertainty.class_records import ClassUncertainty
from pulsefront.studies.uncertainty.measure import measure_uncertainty
from pulsefront.studies.uncertainty.outputs import estimates_in
from pulsefront.studies.uncertainty.possible import require_selection
from pulsefront.studies.uncertainty.records import EventUncertainty

__all__ = [
    "diagnose_task",
    "evaluate_estimators",
    "head_of_errors",
    "held_out_inputs",
    "make_events",
    "outputs_of_each",
    "parameters_at_ends",
    "search_network",
    "split_events",
    "tune_baselines",
    "write_plan",
]

GROUPS = ("run", "detector", "source", "site")
"""Labels of measured events that a validation design may keep together."""

BASELINES = TypeAdapter(tuple[BaselineRecord, ...])


def write_plan(settings: dict[str, Any], context: StepContext) -> None:
    """Fix metrics, margins, seeds and budgets before any event exists."""
    StudyPlan(study=settings, sha256=hash_json(settings)).write(context.folder / "plan.json")


def make_events(kind: StudyKind, study_folder: Path, context: StepContext) -> None:
    """Simulate or read the events and store them."""
    events = kind.generate(context.cache, study_folder)
    store.write(events, context.folder / "events.h5")


def split_events(kind: StudyKind, context: StepContext) -> None:
    """Select and split the events."""
    found = kind.split(store.read(RunFolders(context.steps).events))
    refuse_copies(found.parts.events, found.parts.split)
    if kind.study.uncertainty is not None:
        # Said before the search, which a head comes after.
        require_selection(kind.study.uncertainty, len(found.parts.split.selection))
    write_split(context.folder, found.selected, found.parts.split, found.record)


def tune_baselines(kind: StudyKind, context: StepContext) -> None:
    """Tune the classical estimators and keep their estimates of test and external events."""
    folders = RunFolders(context.steps)
    fitted = tuned_blind(kind, read_split(folders), folders)
    save_arrays(
        context.folder / folders.estimates.name,
        {str(k): baseline.estimates for k, baseline in enumerate(fitted)},
    )
    rows = [_tuning(baseline).to_json() for baseline in fitted]
    write_json(context.folder / folders.baselines.name, rows)
    for number, baseline in enumerate(fitted):
        # Without this an evaluation could not meet the very estimator that was compared with.
        freeze_estimator(baseline.fitted, context.folder / folders.frozen_estimator(number).name)
    if kind.study.external:
        estimate_sets(kind, fitted, folders.external, context.folder)


def _tuning(baseline: BaselineEstimator) -> BaselineRecord:
    return BaselineRecord(
        name=baseline.name,
        parameters=dict(baseline.parameters),
        candidates_tried=len(baseline.table),
        at_ends=parameters_at_ends(baseline.parameters, baseline.table),
        table=tuple(dict(row) for row in baseline.table),
    )


def parameters_at_ends(
    chosen: Mapping[str, Any], table: Sequence[Mapping[str, Any]]
) -> tuple[str, ...]:
    """Return the parameters whose chosen value is an end of the three or more that were tried.

    A row with a None gave too few estimates to count as tried.
    """
    usable = [row for row in table if None not in row.values()]
    found = []
    for name, value in chosen.items():
        tried = {row[name] for row in usable if isinstance(row.get(name), int | float)}
        if len(tried) >= 3 and value in (min(tried), max(tried)):
            found.append(name)
    return tuple(found)


def search_network(kind: StudyKind, workers: Workers, context: StepContext) -> None:
    """Train, ablate and lower the network; keep what the test needs."""
    from pulsefront.search import run_ablation

    folders, study = RunFolders(context.steps), kind.study
    parts = without_test_labels(read_split(folders))
    task = kind.learning_task(parts, folders)
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
            **{f"kept_{number}": kept for number, kept in enumerate(result.kept_of_each)},
            "full": result.predict_full(task, inputs),
        },
    )
    if study.keeps_selection:
        chosen = task.inputs[parts.split.selection].reshape(-1, task.inputs.shape[-1])
        full = result.predict_full(task, chosen)
        save_arrays(context.folder / folders.selection_arrays.name, {"full": full})
    if study.augments:
        keep_full_networks(result.full_candidates, context)
    result.summary().write(context.folder / folders.search.name)


def diagnose_task(kind: StudyKind, settings: DiagnosisSettings, context: StepContext) -> None:
    """Train for the learning curve, cross validation and sham data."""
    from pulsefront.studies.diagnosis import diagnose

    folders, study = RunFolders(context.steps), kind.study
    parts = without_test_labels(read_split(folders))
    task = kind.learning_task(parts, folders)
    labels = _labels(parts.events)
    full = SearchSummary.read(folders.search).full
    with progress("Diagnosis", "trainings") as report:
        found = diagnose(
            task,
            study.search,
            settings,
            full,
            budget=study.budget,
            labels=labels,
            confidence=study.statistics.confidence,
            checkpoint=context.checkpoint,
            report=report,
        )
    found.write(context.folder / folders.diagnosis.name)


def _labels(events: EventTable) -> dict[str, NDArray[np.generic]]:
    """Return what the manifest says of each event, by name where the provenance has names."""
    found: dict[str, NDArray[np.generic]] = {}
    for label in GROUPS:
        if label in events.columns:
            names = events.provenance.get(label)
            numbers = events[label]
            found[label] = np.array(names)[numbers] if isinstance(names, list) else numbers
    return found


def held_out_inputs(context: StepContext) -> NDArray[np.int64]:
    """Return test inputs (vector, kept input) that no training, tuning or choice has seen."""
    with np.load(RunFolders(context.steps).test_arrays) as arrays:
        kept = arrays["inputs"][:, arrays["kept_inputs"]]
    return np.asarray(kept, np.int64)


def head_of_errors(kind: StudyKind, context: StepContext) -> None:
    """Give the finished network an output that foretells the error of an event."""
    from pulsefront.studies.uncertainty.class_step import margin_step
    from pulsefront.studies.uncertainty.step import head_step

    if kind.study.uncertainty is not None:
        step = head_step if kind.study.has_head else margin_step
        step(kind, kind.study.uncertainty, context)


def _outputs(model: FixedPointModel, inputs: NDArray[np.int64]) -> NDArray[np.float64]:
    (output,) = model.output_formats.values()
    return output.values(model.run(inputs))


def outputs_of_each(folders: RunFolders) -> NDArray[np.float64]:
    """Return what the network says of the test inputs, (initialization, vector, n_out).

    Prices leave each initialization inputs of its own.
    """
    with np.load(folders.test_arrays) as arrays:
        return np.stack(
            [
                _outputs(
                    FixedPointModel.load(folders.initializations / f"{number}.json"),
                    arrays["inputs"][:, arrays[f"kept_{number}"]].astype(np.int64),
                )
                for number in range(len(arrays["full"]))
            ]
        )


def evaluate_estimators(kind: StudyKind, context: StepContext) -> None:
    """Measure every estimator on the test set and on the external sets."""
    folders = RunFolders(context.steps)
    parts = read_split(folders)
    inputs = held_out_inputs(context)
    model = FixedPointModel.load(folders.model)
    final = outputs_of_each(folders)
    with np.load(folders.test_arrays) as arrays:
        full, kept = arrays["full"], arrays["kept_inputs"]
    names = [row.name for row in BASELINES.validate_json(folders.baselines.read_bytes())]
    with np.load(folders.estimates) as arrays:
        estimates = {name: arrays[str(k)] for k, name in enumerate(names)}
    network = estimates_in(kind.study, _outputs(model, inputs))
    outputs = Outputs(network, final, full)
    found = kind.evaluate(parts, outputs, estimates, folders, context.cache)
    trained = kind.network_inputs(parts.events.select(parts.split.train))
    profile = input_profile(trained.reshape(-1, trained.shape[-1])[:, kept])
    record, (port,) = found.record, model.inputs
    record = record.completed(
        profile,
        evaluate_sets(kind, model, profile, kept, names, folders) if kind.study.external else None,
        _audit(model, inputs),
        input_uses(
            kind,
            parts,
            folders,
            lambda some: estimates_in(kind.study, _outputs(model, some)),
            kept,
            SearchSummary.read(folders.search).input_names,
            kind.study.statistics.confidence,
            (port.format.minimum, port.format.maximum),
        ),
        find_failures(kind, folders, outputs.network, record.best_baseline, estimates),
        _uncertainty(kind, folders, inputs, outputs.final, estimates),
    )
    record.write(context.folder / folders.evaluation.name)
    save_arrays(context.folder / folders.evaluation_arrays.name, found.arrays)


def _uncertainty(
    kind: StudyKind,
    folders: RunFolders,
    inputs: NDArray[np.int64],
    final: NDArray[np.float64],
    estimates: Estimates,
) -> EventUncertainty | ClassUncertainty | None:
    settings = kind.study.uncertainty
    if settings is None:
        return None
    how = measure_uncertainty if kind.study.has_head else measure_classes
    return how(kind, folders, inputs, final, estimates, settings)


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

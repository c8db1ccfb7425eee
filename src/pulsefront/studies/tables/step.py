"""The steps of a run that train networks of look-up tables, prove them, and measure them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pulsefront.errors import ConfigError
from pulsefront.evaluate.spread import spread_over
from pulsefront.firmware import export_model, load_board, verify_export
from pulsefront.firmware.rtl.counted import counted_unrolled
from pulsefront.fixed_point import FixedPointModel
from pulsefront.progress import progress
from pulsefront.search.noninferiority import Figures, compare_figures, event_groups
from pulsefront.search.result import SearchSummary
from pulsefront.search.tables import model_residuals, search_tables, unrolled_estimate
from pulsefront.search.task import Task
from pulsefront.studies.blind import without_test_labels
from pulsefront.studies.folders import RunFolders, read_split
from pulsefront.studies.kinds import StudyKind
from pulsefront.studies.proof import board_of_export, input_unit
from pulsefront.studies.records import StudyPlan
from pulsefront.studies.steps import StepContext, read_step
from pulsefront.studies.tables.records import TablesRecord, TablesTest, UnrolledCost
from pulsefront.studies.tables.settings import TableSettings

__all__ = ["tables_step", "tables_test_step"]

Network = tuple[FixedPointModel, NDArray[np.intp]]
"""A model and the indices of the raw inputs that it reads."""


def tables_step(kind: StudyKind, settings: TableSettings, context: StepContext) -> None:
    """Train and choose networks of tables, and write the chosen one.

    Raises
    ------
    ConfigError
        More inputs are asked of a table than there are.
    PulsefrontError
        Every training diverged.
    """
    folders, study = RunFolders(context.steps), kind.study
    task = kind.learning_task(without_test_labels(read_split(folders)), folders)
    searched = _searched(folders)
    summary = SearchSummary.read(folders.search)
    kept = np.array(summary.kept_inputs, np.intp)
    _require_inputs(settings, len(kept))
    with np.load(folders.selection_arrays) as arrays:
        full = arrays["full"]
    with progress("Tables", "networks") as report:
        found = search_tables(
            task,
            settings,
            kept,
            full,
            margin=study.search.margin,
            seed=study.search.seed,
            threads=study.search.threads,
            checkpoint=context.checkpoint,
            report=report,
        )
    ours = [(model, found.inputs) for model in found.models]
    found.models[found.best].save(context.folder / folders.tables_model.name)
    for number, model in enumerate(found.models):
        model.save(context.folder / f"initialization_{number}.json")
    part = load_board(board_of_export(study)).part if settings.count_gates else None
    rows, seed = task.selection, study.search.seed
    TablesRecord(
        trials=found.trials,
        best_initialization=found.best,
        kept_inputs=tuple(found.inputs.tolist()),
        over_searched=compare_figures(
            _figures(task, ours, rows, seed), _figures(task, searched, rows, seed)
        ),
        cost=_cost(found.models, part),
        searched_cost=_cost([model for model, _ in searched], part),
    ).write(context.folder / folders.tables.name)


def tables_test_step(kind: StudyKind, settings: TableSettings, context: StepContext) -> None:
    """Export the chosen network of tables, compare every executor, and measure it on the test set.

    Raises
    ------
    VerificationFailed
        An integer differs.
    """
    folders, study = RunFolders(context.steps), kind.study
    record = TablesRecord.read(folders.tables)
    parts = read_split(folders)
    task = kind.learning_task(parts, folders)
    inputs = np.array(record.kept_inputs, np.intp)
    ours = [
        (FixedPointModel.load(folders.tables.parent / f"initialization_{number}.json"), inputs)
        for number in range(study.search.initializations)
    ]
    rows, seed = parts.split.test, study.search.seed
    raw = np.asarray(task.inputs)[rows].reshape(-1, task.inputs.shape[-1])[:, inputs]
    vectors = raw[spread_over(len(raw), study.verification.held_out_vectors)].astype(np.int64)
    folder = context.folder / folders.firmware.name
    names = SearchSummary.read(folders.search).input_names
    model = FixedPointModel.load(folders.tables_model)
    export_model(
        model,
        folder,
        targets=settings.targets,
        board=board_of_export(study),
        data_vectors=vectors,
        provenance={
            "study": study.name,
            "study_sha256": StudyPlan.read(folders.plan).sha256,
            "training_sha256": read_step(folders.of("tables")).key,
            "input_names": [names[i] for i in record.kept_inputs],
        },
        units={
            **{port.name: input_unit(kind) for port in model.inputs},
            **dict.fromkeys(model.outputs, kind.output_unit),
        },
    )
    proof = verify_export(folder, extra_inputs=vectors)
    proof.raise_on_failure()
    mine, theirs = (_figures(task, one, rows, seed) for one in (ours, _searched(folders)))
    TablesTest(
        metric=task.metric_name,
        tables=tuple(map(float, mine.whole)),
        searched=tuple(map(float, theirs.whole)),
        change=compare_figures(mine, theirs),
        integers_compared=sum(row.integers for row in proof.exact_rows),
        mismatches=sum(row.mismatches for row in proof.exact_rows),
        executors=tuple(dict.fromkeys(row.backend for row in proof.exact_rows)),
    ).write(context.folder / folders.tables_test.name)


def _require_inputs(settings: TableSettings, kept: int) -> None:
    fewest = min((kept, *settings.inputs))
    if settings.fan_in > fewest:
        raise ConfigError(
            f"a table of so many inputs cannot be: the network reads {fewest}",
            field="tables.fan_in",
            value=settings.fan_in,
            remedy="take a smaller fan_in, or more inputs",
        )


def _searched(folders: RunFolders) -> list[Network]:
    """Return the searched network of each initialization."""
    with np.load(folders.test_arrays) as arrays:
        return [
            (
                FixedPointModel.load(folders.initializations / f"{number}.json"),
                arrays[f"kept_{number}"].astype(np.intp),
            )
            for number in range(len(arrays["full"]))
        ]


def _figures(task: Task, networks: Sequence[Network], rows: NDArray[np.intp], seed: int) -> Figures:
    labels = None if task.groups is None else task.groups[rows]
    groups = event_groups(len(rows), labels, seed=seed)
    residuals = [model_residuals(task, model, inputs, rows) for model, inputs in networks]
    return Figures.of(residuals, task.metric, groups)


def _cost(models: Sequence[FixedPointModel], part: str | None) -> UnrolledCost:
    estimates = [unrolled_estimate(model) for model in models]
    counts = [] if part is None else [counted_unrolled(model, part) for model in models]
    return UnrolledCost(
        lut=max(one.lut for one in estimates),
        ff=max(one.ff for one in estimates),
        weight_bytes=max(model.cost().weight_bytes for model in models),
        counted_lut=tuple(one.lut for one in counts),
        counted_ff=tuple(one.ff for one in counts),
        counted_by=f"{counts[0].origin} for {part}" if counts else "",
    )

"""The steps of a run that train networks of look-up tables, prove them, and measure them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pulsefront.errors import ConfigError
from pulsefront.firmware import load_board
from pulsefront.firmware.rtl.counted import counted_unrolled
from pulsefront.fixed_point import FixedPointModel
from pulsefront.progress import progress
from pulsefront.search.beside import unrolled_estimate
from pulsefront.search.noninferiority import compare_figures
from pulsefront.search.result import SearchSummary
from pulsefront.search.tables import search_tables
from pulsefront.studies.beside import figures_of, proved_export, searched_networks
from pulsefront.studies.blind import without_test_labels
from pulsefront.studies.folders import RunFolders, read_split
from pulsefront.studies.kinds import StudyKind
from pulsefront.studies.proof import board_of_export
from pulsefront.studies.steps import StepContext
from pulsefront.studies.tables.records import TablesRecord, TablesTest, UnrolledCost
from pulsefront.studies.tables.settings import TableSettings

__all__ = ["tables_step", "tables_test_step"]


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
    searched = searched_networks(folders)
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
            figures_of(task, ours, rows, seed), figures_of(task, searched, rows, seed)
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
    proof = proved_export(
        kind,
        folders,
        (FixedPointModel.load(folders.tables_model), inputs),
        np.asarray(task.inputs)[rows].reshape(-1, task.inputs.shape[-1]),
        step="tables",
        targets=settings.targets,
        folder=context.folder / folders.firmware.name,
    )
    mine = figures_of(task, ours, rows, seed)
    theirs = figures_of(task, searched_networks(folders), rows, seed)
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

"""The steps of a run that train networks of regions, prove them, and measure them."""

from __future__ import annotations

import numpy as np

from pulsefront.fixed_point import FixedPointModel
from pulsefront.progress import progress
from pulsefront.search.noninferiority import compare_figures
from pulsefront.search.regions import region_cost, search_regions
from pulsefront.search.result import SearchSummary
from pulsefront.studies.beside import figures_of, proved_export, searched_networks
from pulsefront.studies.blind import without_test_labels
from pulsefront.studies.folders import RunFolders, read_split
from pulsefront.studies.kinds import StudyKind
from pulsefront.studies.regions.records import RegionsRecord, RegionsTest
from pulsefront.studies.regions.settings import RegionSettings
from pulsefront.studies.steps import StepContext

__all__ = ["regions_step", "regions_test_step"]


def regions_step(kind: StudyKind, settings: RegionSettings, context: StepContext) -> None:
    """Train and choose networks of regions, and write the chosen one.

    Raises
    ------
    ConfigError
        The depth is not known, or a region has no events.
    PulsefrontError
        Every training diverged.
    """
    folders, study = RunFolders(context.steps), kind.study
    task = kind.learning_task(without_test_labels(read_split(folders)), folders)
    searched = searched_networks(folders)
    kept = np.array(SearchSummary.read(folders.search).kept_inputs, np.intp)
    with np.load(folders.selection_arrays) as arrays:
        full = arrays["full"]
    with progress("Regions", "networks") as report:
        found = search_regions(
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
    found.models[found.best].save(context.folder / folders.regions_model.name)
    for number, model in enumerate(found.models):
        model.save(context.folder / f"initialization_{number}.json")
    rows, seed = task.selection, study.search.seed
    RegionsRecord(
        by=settings.by,
        trials=found.trials,
        best_initialization=found.best,
        kept_inputs=tuple(found.inputs.tolist()),
        over_searched=compare_figures(
            figures_of(task, ours, rows, seed), figures_of(task, searched, rows, seed)
        ),
        searched_cost=region_cost([model for model, _ in searched]),
    ).write(context.folder / folders.regions.name)


def regions_test_step(kind: StudyKind, settings: RegionSettings, context: StepContext) -> None:
    """Export the chosen network of regions, compare every executor, and measure it on the test set.

    Raises
    ------
    VerificationFailed
        An integer differs.
    """
    folders, study = RunFolders(context.steps), kind.study
    record = RegionsRecord.read(folders.regions)
    parts = read_split(folders)
    task = kind.learning_task(parts, folders)
    inputs = np.array(record.kept_inputs, np.intp)
    ours = [
        (FixedPointModel.load(folders.regions.parent / f"initialization_{number}.json"), inputs)
        for number in range(study.search.initializations)
    ]
    rows, seed = parts.split.test, study.search.seed
    proof = proved_export(
        kind,
        folders,
        (FixedPointModel.load(folders.regions_model), inputs),
        np.asarray(task.inputs)[rows],
        step="regions",
        targets=settings.targets,
        folder=context.folder / folders.firmware.name,
    )
    mine = figures_of(task, ours, rows, seed)
    theirs = figures_of(task, searched_networks(folders), rows, seed)
    RegionsTest(
        metric=task.metric_name,
        regions=tuple(map(float, mine.whole)),
        searched=tuple(map(float, theirs.whole)),
        change=compare_figures(mine, theirs),
        integers_compared=sum(row.integers for row in proof.exact_rows),
        mismatches=sum(row.mismatches for row in proof.exact_rows),
        executors=tuple(dict.fromkeys(row.backend for row in proof.exact_rows)),
    ).write(context.folder / folders.regions_test.name)

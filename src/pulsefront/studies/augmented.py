"""What training on other detectors changes: the same network trained with and without."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from pulsefront.evaluate import Interval
from pulsefront.evaluate.record import Record
from pulsefront.events.container import EventTable
from pulsefront.files import hash_json
from pulsefront.networks.candidate import Candidate
from pulsefront.search.checkpoint import SearchCheckpoint
from pulsefront.search.result import SearchSummary
from pulsefront.search.task import Task
from pulsefront.studies.blind import without_test_labels
from pulsefront.studies.external import open_sets
from pulsefront.studies.folders import RunFolders, read_split
from pulsefront.studies.kinds import AnyStudy, StudyKind, kind_of
from pulsefront.studies.metrics import MetricKey
from pulsefront.studies.steps import StepContext
from pulsefront.studies.trainings import train_full

__all__ = ["AugmentRecord", "AugmentedSet", "compare_augment", "keep_full_networks"]

OWN = "own test set"
WITHOUT = "without"
STAGE = "full"


class AugmentedSet(Record):
    """One set of events, and what the two networks reach on it."""

    name: str
    events: int
    metric: MetricKey
    without: Interval
    """of the network trained on the detector as it is described"""
    augmented: Interval
    """of the network trained on detectors drawn from the ranges of the study"""
    difference_percent: Interval
    """the second less the first, relative to the first, paired by event; negative is better"""


class AugmentRecord(Record):
    """The full float network trained with and without ``[augment]``, all else alike."""

    initializations: int
    """of each; the one that is best on selection events is compared"""
    sets: tuple[AugmentedSet, ...]


def keep_full_networks(networks: Sequence[Candidate], context: StepContext) -> None:
    """Keep the full float networks of a search for `compare_augment`."""
    folder = context.folder / RunFolders(context.steps).full_networks.name
    SearchCheckpoint(folder, STAGE).save(STAGE, networks, {})


def compare_augment(kind: StudyKind, context: StepContext) -> None:
    """Train the full float network without ``[augment]``; measure both on every set."""
    folders, search = RunFolders(context.steps), kind.study.search
    parts = without_test_labels(read_split(folders))
    plain = kind_of(cast("AnyStudy", kind.study.model_copy(update={"augment": None})))
    task = plain.learning_task(parts, folders)
    networks = _trained(task, kind, context)
    stored = SearchCheckpoint(folders.full_networks, STAGE).load(STAGE)
    assert stored is not None  # the search has kept them
    scaling = task.training_data(common_scale=search.network.convolution is not None).scaling
    first = int(
        np.argmin([task.metric(task.residuals(one, scaling, task.selection)) for one in networks])
    )
    second = int(np.argmin(SearchSummary.read(folders.search).full))
    sets: list[AugmentedSet] = []
    for name, events in [(OWN, kind.test_events(folders)), *_external(folders)]:
        inputs = kind.network_inputs(events)
        flat = inputs.reshape(-1, inputs.shape[-1])
        outputs = [
            np.asarray(task.predict(one, scaling, flat), np.float64)
            for one in (networks[first], stored[0][second])
        ]
        sets.append(_compared(kind, name, events, *outputs))
    record = AugmentRecord(initializations=len(networks), sets=tuple(sets))
    record.write(context.folder / folders.augment.name)


def _trained(task: Task, kind: StudyKind, context: StepContext) -> list[Candidate]:
    """Return the networks trained without; those of an earlier run that was killed are kept."""
    search = kind.study.search
    settings: dict[str, Any] = search.model_dump(mode="json", exclude={"threads"})
    kept = SearchCheckpoint(context.checkpoint, hash_json([task.fingerprint(), settings]))
    found = kept.load(STAGE)
    if found is not None:
        return found[0]
    seeds = [search.seed * 1000 + k for k in range(search.initializations)]
    networks = train_full(task, search, seeds).networks
    kept.save(STAGE, networks, {})
    return networks


def _external(folders: RunFolders) -> list[tuple[str, EventTable]]:
    if not folders.external.is_dir():
        return []
    return [(row.name, events) for _, row, events in open_sets(folders.external) if events]


def _compared(
    kind: StudyKind,
    name: str,
    events: EventTable,
    without: NDArray[np.float64],
    augmented: NDArray[np.float64],
) -> AugmentedSet:
    """Return what both outputs (vector, output) reach on *events*, paired."""
    before = np.asarray(kind.estimates_of(events, without), np.float64)
    found = kind.evaluate_external(events, augmented, {WITHOUT: before})
    key = found.main_metric.key
    gain = found.gain_over_baselines[key].gain_percent
    return AugmentedSet(
        name=name,
        events=found.test_events,
        metric=found.main_metric,
        without=found.estimators[WITHOUT][key],
        augmented=found.estimators["network"][key],
        difference_percent=Interval(-gain.value, -gain.high, -gain.low, gain.confidence),
    )

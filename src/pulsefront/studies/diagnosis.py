"""What a study learns about itself: learning curve, cross validation, sham data.

All of it trains the full float network of the search on training and selection events; the test
set has no part in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from pulsefront.errors import PulsefrontError
from pulsefront.evaluate import Fold
from pulsefront.evaluate.intervals import t_interval
from pulsefront.evaluate.power import training_subsets
from pulsefront.evaluate.splits import k_fold
from pulsefront.networks.candidate import initial_candidate
from pulsefront.progress import Report, silent
from pulsefront.search.settings import SearchSettings
from pulsefront.search.task import Task
from pulsefront.studies.metrics import metric_named
from pulsefront.studies.records import CrossValidation, DiagnosisRecord, LearningPoint, ShamRecord
from pulsefront.studies.settings import DiagnosisSettings

__all__ = ["diagnose"]


def diagnose(
    task: Task,
    search: SearchSettings,
    settings: DiagnosisSettings,
    full_metrics: Sequence[float],
    *,
    confidence: float = 0.95,
    report: Report = silent,
) -> DiagnosisRecord:
    """Return learning curve, cross validation and sham result.

    With a stream the points of the learning curve are trained on as much shorter streams, each
    event seen once; cross validation and sham data use the training events that lie in memory.

    Parameters
    ----------
    full_metrics
        The metric of each initialization of the full float network on all training events, which
        the search has measured already: the last point of the learning curve.
    confidence
        Of the t intervals over initializations and folds.
    report
        Called with the trainings done and their number.
    """
    trainings = len(settings.learning_curve) + settings.folds + int(settings.sham)
    done = 0

    def measured(changed: Task, seeds: Sequence[int]) -> tuple[float, ...]:
        nonlocal done
        values = _train_and_score(changed, search, seeds)
        done += 1
        report(done, trainings)
        return values

    # A fold and exchanged inputs are made of events that are there: no stream knows of them.
    still = task if task.stream is None else replace(task, stream=None)
    seeds = [search.seed * 1000 + k for k in range(search.initializations)]
    few = _part_of(task, settings.most_events, search.seed)
    full = tuple(full_metrics)

    def learning_curve() -> tuple[LearningPoint, ...]:
        sizes = [max(1, round(share * len(task.train))) for share in settings.learning_curve]
        parts = training_subsets(task.train, sizes, groups=_groups(task), seed=search.seed)
        points = [(len(part), measured(replace(task, train=part), seeds)) for part in parts]
        return tuple(
            LearningPoint(
                events=_seen(task, search, events), each=each, mean=t_interval(each, confidence)
            )
            for events, each in [*points, (len(task.train), full)]
        )

    def cross_validation() -> CrossValidation:
        values = tuple(
            measured(replace(still, train=fold.train, selection=fold.test), seeds[:1])[0]
            for fold in _folds(task, few, settings.folds, search.seed)
        )
        mean = t_interval(values, confidence)
        return CrossValidation(folds=len(values), events=len(few), each=values, mean=mean)

    def sham() -> ShamRecord:
        found = measured(_sham(replace(still, train=few), search.seed), seeds)
        constant = task.metric(
            task.goal.constant_residuals(task.labels, task.train, task.selection)
        )
        return ShamRecord(
            events=len(few),
            each=found,
            constant_answer=constant,
            network=float(np.mean(full)),
            gain_percent_over_constant=tuple(100.0 * (1.0 - v / constant) for v in found),
        )

    return DiagnosisRecord(
        metric=metric_named(task.metric_name),
        learning_curve=learning_curve() if settings.learning_curve else None,
        cross_validation=cross_validation() if settings.folds else None,
        sham=sham() if settings.sham else None,
    )


def _seen(task: Task, search: SearchSettings, events: int) -> int:
    """Return how many distinct events a network has seen whose epoch has so many."""
    if task.stream is None:
        return events
    training = search.float_training
    return training.steps(events) * min(training.batch, events)


def _train_and_score(task: Task, search: SearchSettings, seeds: Sequence[int]) -> tuple[float, ...]:
    """Return the selection metric of the full float network from each of *seeds*."""
    from pulsefront.networks.training import repeatable, train

    data = task.training_data(common_scale=search.network.convolution is not None)
    start = [initial_candidate(search.network, task.n_in, task.n_out, seed=seed) for seed in seeds]
    with repeatable():
        trained = train(start, data, search.float_training, seed=search.seed)
    if not all(candidate.finite for candidate in trained):
        raise PulsefrontError(
            "a network of the learning curve, cross validation or sham run diverged",
            field="search.float_training.learning_rate",
            value=search.float_training.learning_rate,
            remedy="lower the learning rate",
        )
    return tuple(
        float(task.metric(task.residuals(candidate, data.scaling, task.selection)))
        for candidate in trained
    )


def _groups(task: Task) -> NDArray[np.integer] | None:
    return None if task.groups is None else task.groups[task.train]


def _part_of(task: Task, most: int, seed: int) -> NDArray[np.int64]:
    """Return at most *most* training events, spread evenly over the positions."""
    size = min(most, len(task.train))
    return training_subsets(task.train, [size], groups=_groups(task), seed=seed)[0]


def _folds(task: Task, events: NDArray[np.int64], folds: int, seed: int) -> list[Fold]:
    """Return folds of whole positions, as indices into the task's events."""
    groups = events if task.groups is None else task.groups[events]
    folds = min(folds, len(np.unique(groups)))
    return [
        replace(fold, train=events[fold.train], test=events[fold.test])
        for fold in k_fold(groups, folds, seed=seed)
    ]


def _sham(task: Task, seed: int) -> Task:
    """Return the task with the inputs of training events exchanged: nothing is to be found."""
    shuffled = np.random.default_rng(seed).permutation(task.train)
    inputs = task.inputs.copy()
    inputs[task.train] = task.inputs[shuffled]
    return replace(task, inputs=inputs)

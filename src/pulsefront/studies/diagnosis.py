"""What a study learns about itself: learning curve, cross validation, sham data.

All of it trains the full float network of the search on training and selection events; the test
set has no part in it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pulsefront.evaluate import Fold
from pulsefront.evaluate.intervals import fold_interval, t_interval
from pulsefront.evaluate.power import training_subsets
from pulsefront.evaluate.splits import k_fold
from pulsefront.networks.stream import StoredStream
from pulsefront.progress import Report, silent
from pulsefront.search.budget import Budget
from pulsefront.search.settings import SearchSettings
from pulsefront.search.task import Task
from pulsefront.studies.metrics import metric_named
from pulsefront.studies.records import CrossValidation, DiagnosisRecord, LearningPoint, ShamRecord
from pulsefront.studies.settings import DiagnosisSettings
from pulsefront.studies.trainings import KeptScores, train_and_score
from pulsefront.studies.validation import trainings_of, validate_designs

__all__ = ["diagnose"]


def diagnose(
    task: Task,
    search: SearchSettings,
    settings: DiagnosisSettings,
    full_metrics: Sequence[float],
    *,
    budget: Budget | None = None,
    labels: Mapping[str, NDArray[np.generic]] | None = None,
    confidence: float = 0.95,
    checkpoint: Path | None = None,
    report: Report = silent,
) -> DiagnosisRecord:
    """Return learning curve, cross validation, validation designs and sham result.

    With a stream the points of the learning curve are trained on as much shorter streams, each
    event seen once; cross validation and sham data use the training events that lie in memory.

    Parameters
    ----------
    full_metrics
        The metric of each initialization of the full float network on all training events, which
        the search has measured already: the last point of the learning curve.
    budget
        Of searches inside a validation design.
    labels
        Group → label (event,) of all events of the task, for validation designs.
    confidence
        Of the intervals over initializations and folds.
    checkpoint
        Folder in which every finished training is kept; a diagnosis that was killed goes on there.
    report
        Called with the trainings done and their number.
    """
    known = dict(labels or {}) | ({} if task.groups is None else {"position": task.groups})
    few = _part_of(task, settings.most_events, search.seed)
    trainings = len(settings.learning_curve) + settings.folds + int(settings.sham)
    trainings += sum(trainings_of(search, one, known, few) for one in settings.validation)
    scores = KeptScores(checkpoint, trainings, report)

    def measured(name: str, changed: Task, seeds: Sequence[int]) -> tuple[float, ...]:
        return scores.of(name, lambda: train_and_score(changed, search, seeds))

    # A fold and exchanged inputs are made of events that are there: a stream of new ones knows of
    # none, and other forms of an event, or events beside them, would undo an exchange.
    still = replace(task, stream=None, others=None)
    stored = task if task.stream is None or isinstance(task.stream, StoredStream) else still
    seeds = [search.seed * 1000 + k for k in range(search.initializations)]
    full = tuple(full_metrics)

    def learning_curve() -> tuple[LearningPoint, ...]:
        sizes = [max(1, round(share * len(task.train))) for share in settings.learning_curve]
        parts = training_subsets(task.train, sizes, groups=_groups(task), seed=search.seed)
        points = [
            (len(part), measured(f"curve_{len(part)}", _trained_on(task, part), seeds))
            for part in parts
        ]
        return tuple(
            LearningPoint(
                events=_seen(task, search, events), each=each, mean=t_interval(each, confidence)
            )
            for events, each in [*points, (len(task.train), full)]
        )

    def cross_validation() -> CrossValidation:
        folds = _folds(task, few, settings.folds, search.seed)
        values = tuple(
            measured(
                f"fold_{number}",
                replace(_trained_on(stored, fold.train), selection=fold.test),
                seeds[:1],
            )[0]
            for number, fold in enumerate(folds)
        )
        share = float(np.mean([len(fold.test) / len(fold.train) for fold in folds]))
        mean = fold_interval(values, share, confidence)
        return CrossValidation(folds=len(values), events=len(few), each=values, mean=mean)

    def sham() -> ShamRecord:
        found = measured("sham", _sham(replace(still, train=few), search.seed), seeds)
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
        validation=validate_designs(
            replace(still, train=few),
            search,
            budget or Budget(),
            settings.validation,
            known,
            scores,
            confidence=confidence,
        )
        or None,
        sham=sham() if settings.sham else None,
    )


def _seen(task: Task, search: SearchSettings, events: int) -> int:
    """Return how many distinct events a network has seen whose epoch has so many."""
    if task.stream is None or isinstance(task.stream, StoredStream):
        return events
    training = search.float_training
    return training.steps(events) * min(training.batch, events)


def _trained_on(task: Task, rows: NDArray[np.intp]) -> Task:
    """Return the task trained on *rows* alone, also where their other forms are trained on."""
    stream = task.stream.among(rows) if isinstance(task.stream, StoredStream) else task.stream
    return replace(task, train=rows, stream=stream)


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

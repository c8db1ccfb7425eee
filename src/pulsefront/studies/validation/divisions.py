"""What every validation design trains, on which events, and what it measures on the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pulsefront.errors import ConfigError
from pulsefront.evaluate import Fold, Interval
from pulsefront.evaluate.intervals import bootstrap, fold_interval
from pulsefront.evaluate.splits import k_fold
from pulsefront.search.budget import Budget
from pulsefront.search.settings import SearchSettings
from pulsefront.search.task import Task
from pulsefront.studies.records import ValidationFold, ValidationRecord
from pulsefront.studies.settings import ValidationDesign
from pulsefront.studies.trainings import (
    KeptScores,
    residuals_of_search,
    residuals_of_training,
    train_and_score,
)
from pulsefront.studies.validation.designs import Hidden, choices_of, groups_of, left_over

__all__ = ["validate_designs"]

Index = NDArray[np.int64]


@dataclass(frozen=True)
class _Setting:
    task: Task
    search: SearchSettings
    budget: Budget
    confidence: float
    scores: KeptScores

    def with_hidden(self, hidden: Hidden) -> SearchSettings:
        network = self.search.network.model_copy(update={"hidden": hidden})
        return self.search.model_copy(update={"network": network})

    def folder(self, name: str) -> Path | None:
        return None if self.scores.folder is None else self.scores.folder / name


def validate_designs(
    task: Task,
    search: SearchSettings,
    budget: Budget,
    designs: Sequence[ValidationDesign],
    labels: Mapping[str, NDArray[np.generic]],
    scores: KeptScores,
    *,
    confidence: float = 0.95,
) -> tuple[ValidationRecord, ...]:
    """Return what every design finds.

    Parameters
    ----------
    task
        Without a stream: a fold is made of events that are there.
    labels
        Group → label of every event of the task, (event,).
    scores
        Where finished trainings are kept, and progress is told.

    Raises
    ------
    ConfigError
        The events lack a label, or there are too few or too many groups.
    """
    found = []
    for number, design in enumerate(designs):
        setting = _Setting(task, search, budget, confidence, scores)
        found.append(_validated(setting, design, labels, f"validation_{number}"))
    return tuple(found)


def _validated(
    setting: _Setting,
    design: ValidationDesign,
    labels: Mapping[str, NDArray[np.generic]],
    name: str,
) -> ValidationRecord:
    events = np.asarray(setting.task.train, np.int64)
    groups = groups_of(design, labels, events)
    seed = setting.search.seed
    match design.design:
        case "k_fold":
            folds = _folds(events, groups, design.folds, seed)
            rows = [_one(setting, f, f"{name}_{n}", n) for n, f in enumerate(folds)]
            return _record(setting, design, rows, "none")
        case "leave_one_group_out":
            rows = []
            for number, group in enumerate(np.unique(groups)):
                fold = Fold(events[groups != group], events[groups == group])
                label = f"{design.group} {group}"
                rows.append(
                    _outer(setting, design, fold, labels[design.group], name, number, label)
                )
            return _record(setting, design, rows, "ablation" if design.search else "none")
        case "nested":
            folds = _folds(events, groups, design.folds, seed)
            rows = [
                _outer(
                    setting, design, fold, labels[design.group], name, number, f"fold {number + 1}"
                )
                for number, fold in enumerate(folds)
            ]
            return _record(
                setting, design, rows, "ablation" if design.search else "width, in inner folds"
            )
        case "k_fold_with_holdout":
            return _with_holdout(setting, design, labels, name)


def _folds(events: Index, groups: NDArray[np.generic], folds: int, seed: int) -> list[Fold]:
    folds = min(folds, len(np.unique(groups)))
    return [
        Fold(events[fold.train], events[fold.test]) for fold in k_fold(groups, folds, seed=seed)
    ]


def _one(setting: _Setting, fold: Fold, name: str, number: int) -> ValidationFold:
    """Train the study's own network on one fold and measure it on the other events."""
    task = replace(setting.task, train=fold.train, selection=fold.test)
    (value,) = setting.scores.of(
        name, partial(train_and_score, task, setting.search, [setting.search.seed * 1000])
    )
    return ValidationFold(
        left_out=f"fold {number + 1}",
        events_train=len(fold.train),
        events_test=len(fold.test),
        value=value,
        chosen=_words(tuple(setting.search.network.hidden)),
    )


def _outer(
    setting: _Setting,
    design: ValidationDesign,
    fold: Fold,
    groups: NDArray[np.generic],
    name: str,
    number: int,
    label: str,
) -> ValidationFold:
    """Choose within the training events of *fold* alone, then measure on its test events."""
    chosen: Hidden = tuple(setting.search.network.hidden)
    name = f"{name}_{number}"
    if design.search:
        inner = _folds(fold.train, groups[fold.train], design.inner_folds, setting.search.seed)[0]
        task = replace(setting.task, train=inner.train, selection=inner.test)
        (value,) = setting.scores.of(name, partial(_searched, setting, task, fold.test, name))
    else:
        if design.design == "nested":
            chosen = _chosen(setting, design, fold.train, groups, name)
        task = replace(setting.task, train=fold.train, selection=fold.test)
        (value,) = setting.scores.of(
            name,
            partial(
                train_and_score, task, setting.with_hidden(chosen), [setting.search.seed * 1000]
            ),
        )
    return ValidationFold(
        left_out=label,
        events_train=len(fold.train),
        events_test=len(fold.test),
        value=value,
        chosen="by the ablation" if design.search else _words(chosen),
    )


def _searched(setting: _Setting, task: Task, rows: Index, name: str) -> list[float]:
    found = residuals_of_search(task, setting.search, setting.budget, rows, setting.folder(name))
    return [float(task.metric(found))]


def _chosen(
    setting: _Setting,
    design: ValidationDesign,
    events: Index,
    groups: NDArray[np.generic],
    name: str,
) -> Hidden:
    """Return the hidden layers that are best on the mean of folds within *events*."""
    inner = _folds(events, groups[events], design.inner_folds, setting.search.seed)
    means = []
    for hidden in choices_of(setting.search, design):
        search = setting.with_hidden(hidden)

        def over_folds(search: SearchSettings = search) -> list[float]:
            return [
                train_and_score(
                    replace(setting.task, train=fold.train, selection=fold.test),
                    search,
                    [search.seed * 1000],
                )[0]
                for fold in inner
            ]

        values = setting.scores.of(f"{name}_{_words(hidden)}", over_folds)
        means.append((float(np.mean(values)), hidden))
    return min(means)[1]


def _with_holdout(
    setting: _Setting,
    design: ValidationDesign,
    labels: Mapping[str, NDArray[np.generic]],
    name: str,
) -> ValidationRecord:
    """Choose by k-fold among most groups, train once on all of these, measure on the rest."""
    events = np.asarray(setting.task.train, np.int64)
    groups = labels[design.group]
    unique = np.unique(groups[events])
    order = np.random.default_rng(setting.search.seed).permutation(len(unique))
    held = unique[order[left_over(len(unique)) :]]
    outside = np.isin(groups[events], held)
    inside, test = events[~outside], events[outside]
    if len(np.unique(groups[inside])) < 2:
        raise ConfigError(
            f"a hold-out of whole groups leaves fewer than two of {len(unique)} for folds",
            field="diagnosis.validation.design",
            value=design.design,
        )
    folds = _folds(inside, groups[inside], design.folds, setting.search.seed)
    rows: dict[Hidden, list[ValidationFold]] = {}
    for hidden in choices_of(setting.search, design):
        changed = replace(setting, search=setting.with_hidden(hidden))
        rows[hidden] = [
            _one(changed, fold, f"{name}_{_words(hidden)}_{number}", number)
            for number, fold in enumerate(folds)
        ]
    chosen = min(rows, key=lambda hidden: float(np.mean([row.value for row in rows[hidden]])))
    search = setting.with_hidden(chosen)

    def measured() -> list[float]:
        if design.search:
            first = folds[0]
            task = replace(setting.task, train=first.train, selection=first.test)
            residuals = residuals_of_search(
                task, search, setting.budget, test, setting.folder(f"{name}_holdout")
            )
        else:
            task = replace(setting.task, train=inside, selection=test)
            (residuals,) = residuals_of_training(task, search, [search.seed * 1000], test)
        return _resampled(task, residuals, groups[test], setting.confidence, search.seed)

    value, low, high = setting.scores.of(f"{name}_holdout", measured)
    record = _record(
        setting, design, rows[chosen], "width, in folds" + (", then ablation" * design.search)
    )
    return record.model_copy(
        update={
            "holdout": Interval(value, low, high, setting.confidence),
            "holdout_events": len(test),
        }
    )


def _resampled(
    task: Task,
    residuals: NDArray[np.float64],
    groups: NDArray[np.generic],
    confidence: float,
    seed: int,
) -> list[float]:
    """Return the metric of residuals and its interval over whole groups, or events of a single."""

    def metric(weights: NDArray[np.float64]) -> float:
        return float(task.metric(np.repeat(residuals, weights.astype(np.int64), axis=0)))

    found = bootstrap(
        metric,
        len(residuals),
        groups=groups if len(np.unique(groups)) > 1 else None,
        replicates=400,
        confidence=confidence,
        seed=seed,
        method="expanded",
    )
    return [found.value, found.low, found.high]


def _record(
    setting: _Setting, design: ValidationDesign, rows: Sequence[ValidationFold], decides: str
) -> ValidationRecord:
    values = [row.value for row in rows]
    share = float(np.mean([row.events_test / row.events_train for row in rows]))
    return ValidationRecord(
        design=design.design,
        group=design.group,
        decides=decides,
        network="searched, in integers" if design.search else "full, float",
        folds=tuple(rows),
        mean=fold_interval(values, share, setting.confidence),
    )


def _words(hidden: Hidden) -> str:
    return "-".join(map(str, hidden)) or "none"

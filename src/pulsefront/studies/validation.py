"""Validation designs: k-fold, k-fold with hold-out, nested, leave one group out.

After Figure 5 of the SNMMI AI Task Force's report (Bradshaw et al. 2022). All of it lies within the
training events of the study; whole groups are divided, never events, and what decides (a choice of
width, an ablation) never sees the events that it is measured on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pulsefront.errors import ConfigError
from pulsefront.evaluate import Fold, Interval
from pulsefront.evaluate.intervals import fold_interval
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

__all__ = ["groups_of", "trainings_of", "validate_designs"]

Index = NDArray[np.int64]
Hidden = tuple[int, ...]


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


def choices_of(search: SearchSettings, design: ValidationDesign) -> tuple[Hidden, ...]:
    """Return the hidden layers that a design chooses among."""
    if design.hidden:
        return design.hidden
    own = tuple(search.network.hidden)
    return tuple(dict.fromkeys((own, tuple(max(1, width // 2) for width in own))))


def groups_of(
    design: ValidationDesign, labels: Mapping[str, NDArray[np.generic]], events: Index
) -> NDArray[np.generic]:
    """Return the label of each of *events* that must not be divided.

    Raises
    ------
    ConfigError
        There is no such label, fewer than two groups, or more than the design allows.
    """
    if design.group not in labels:
        raise ConfigError(
            "the events have no such label",
            field="diagnosis.validation.group",
            value=design.group,
            remedy=f"they have {', '.join(labels) or 'none'}; a manifest gives run, detector, "
            "source and site",
        )
    chosen = labels[design.group][events]
    count = len(np.unique(chosen))
    if count < 2:
        raise ConfigError(
            f"all training events have one {design.group}, and nothing could be left out",
            field="diagnosis.validation.group",
            value=design.group,
        )
    if design.design == "leave_one_group_out" and count > design.most_groups:
        raise ConfigError(
            f"would train on {count} divisions, one for each {design.group}",
            field="diagnosis.validation.most_groups",
            value=design.most_groups,
            remedy="raise it, or take k_fold, which leaves out several groups at a time",
        )
    return chosen


def trainings_of(
    search: SearchSettings,
    design: ValidationDesign,
    labels: Mapping[str, NDArray[np.generic]],
    events: Index,
) -> int:
    """Return how many scores a design takes, for progress."""
    groups = groups_of(design, labels, events)
    count = len(np.unique(groups))
    folds, choices = min(design.folds, count), len(choices_of(search, design))
    match design.design:
        case "k_fold":
            return folds
        case "leave_one_group_out":
            return count
        case "k_fold_with_holdout":
            return 1 + choices * min(design.folds, _left(count))
        case "nested":
            return folds * (1 if design.search else 1 + choices)


def _left(count: int) -> int:
    """Return the groups that are left where a fifth of *count* is held out, at least one."""
    return count - max(1, round(count / 5))


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
    held = unique[order[_left(len(unique)) :]]
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
    replicates: int = 400,
) -> list[float]:
    """Return the metric of residuals and its percentile interval over whole groups."""
    unique, of_event = np.unique(groups, return_inverse=True)
    members = [np.flatnonzero(of_event == k) for k in range(len(unique))]
    random = np.random.default_rng(seed)
    found = []
    for _ in range(replicates):
        # A single group cannot be resampled: then its events are.
        if len(members) > 1:
            drawn = random.integers(0, len(members), len(members))
            rows = np.concatenate([members[k] for k in drawn])
        else:
            rows = random.integers(0, len(residuals), len(residuals))
        found.append(float(task.metric(residuals[rows])))
    low, high = np.quantile(found, [(1 - confidence) / 2, (1 + confidence) / 2])
    return [float(task.metric(residuals)), float(low), float(high)]


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

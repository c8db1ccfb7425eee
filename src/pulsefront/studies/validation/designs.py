"""What a validation design chooses among, what it divides, and how often it trains."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from pulsefront.errors import ConfigError
from pulsefront.search.settings import SearchSettings
from pulsefront.studies.settings import ValidationDesign

__all__ = ["Hidden", "choices_of", "groups_of", "left_over", "trainings_of"]

Index = NDArray[np.int64]
Hidden = tuple[int, ...]
"""Widths of hidden layers."""


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
            return 1 + choices * min(design.folds, left_over(count))
        case "nested":
            return folds * (1 if design.search else 1 + choices)


def left_over(count: int) -> int:
    """Return the groups that are left where a fifth of *count* is held out, at least one."""
    return count - max(1, round(count / 5))

"""Studies of charges that fold their events: the mirrors, and classical estimators both ways."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsefront.detector import load_detector
from pulsefront.errors import ConfigError
from pulsefront.estimators.position.folded import FoldedEstimator, better_of
from pulsefront.estimators.position.mirrors import missing_mirrors
from pulsefront.estimators.registry import ClassicalEstimator
from pulsefront.fixed_point.fold import Mirrors
from pulsefront.studies.settings import ScanStudy

__all__ = ["both_ways", "fold_of", "input_names", "judged_rows"]

MOST_JUDGED = 10_000
"""Selection events on which a classical estimator is judged both ways."""


def fold_of(study: ScanStudy) -> Mirrors | None:
    """Return the mirrors that the events of a study are folded by; None where they are not.

    Raises
    ------
    ConfigError
        Its detector is not the same in these mirrors.
    """
    if study.events.fold == "none":
        return None
    detector, diagonal = load_detector(study.detector), study.events.fold == "square"
    missing = missing_mirrors(detector, diagonal=diagonal)
    if missing:
        ways = '"rectangle" or "none"' if missing == ["diagonal"] else '"none"'
        raise ConfigError(
            f"crystal or photosensors of {study.detector} are not the same in the mirror of "
            f"{' and '.join(missing)}",
            field="events.fold",
            value=study.events.fold,
            remedy=f"use fold = {ways}",
        )
    return Mirrors(*detector.sensors.grid, diagonal=diagonal)


def input_names(study: ScanStudy) -> tuple[str, ...]:
    """Return the names of the charges of a study, as its network reads them."""
    # Where a photosensor stands after the turns, not which it is.
    what = "sensor" if study.events.fold == "none" else "folded_sensor"
    return tuple(f"{what}_{i}" for i in range(load_detector(study.detector).sensors.count))


def both_ways(
    entries: tuple[ClassicalEstimator[Any, Any], ...],
    fold: Mirrors,
    folded: Any,
    error: Callable[[FoldedEstimator], float],
    classes: Mirrors | None = None,
) -> tuple[ClassicalEstimator[Any, Any], ...]:
    """Return classical estimators that choose between events as they are and *folded* ones.

    They are fitted to both and judged by their *error*, of selection events.
    """
    return tuple(
        replace(
            entry,
            fit=partial(better_of, fold, entry.fit, folded=folded, error=error, classes=classes),
        )
        for entry in entries
    )


def judged_rows(selection: int) -> NDArray[np.intp]:
    """Return the selection events, evenly among *selection*, on which the two ways are compared."""
    return np.unique(np.linspace(0, selection - 1, min(selection, MOST_JUDGED)).astype(np.intp))

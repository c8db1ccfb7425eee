"""Where the exported network fails: parts of the test events, and single events."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pulsefront.evaluate.weak_subgroups import crossed, find_weak_subgroups
from pulsefront.events.container import EventTable
from pulsefront.studies.folders import RunFolders
from pulsefront.studies.kinds import StudyKind
from pulsefront.studies.kinds.base import Estimates
from pulsefront.studies.parts_of_events import known_parts
from pulsefront.studies.use_records import Failures, WeakPart, WorstEvent

__all__ = ["SHOWN", "find_failures"]

FACTOR = 1.25
"""Losses a quarter above those elsewhere are worth a warning; our choice."""

SIGNIFICANCE = 0.05

SHOWN = 4
"""Events that are drawn."""

LISTED = 8

KNOWN = (
    "stage_position_mm", "first_interaction_mm", "source_offset_mm", "depth_mm",
    "energy_deposited_kev", "compton_scatters", "deposits", "element", "elements_hit",
    "avalanches", "run", "detector", "patient", "scan", "time_s", "counts_per_s",
)  # fmt: skip
"""Columns that tell what was special about an event."""


def find_failures(
    kind: StudyKind,
    folders: RunFolders,
    outputs: NDArray[np.float64],
    baseline: str,
    estimates: Estimates,
) -> Failures:
    """Return the worst parts and events of the test set.

    Parameters
    ----------
    outputs
        Of the exported network for the test events, (vector, output).
    baseline
        The best classical estimator.
    estimates
        Of the classical estimators for the test events.
    """
    events = kind.test_events(folders)
    losses = kind.losses(events, kind.estimates_of(events, outputs))
    others = kind.losses(events, estimates[baseline])
    sound = np.isfinite(losses)
    masks = crossed({name: mask[sound] for name, mask in known_parts(events).items()})
    groups = _places(events, sound)
    found = find_weak_subgroups(
        losses[sound],
        masks,
        groups=groups,
        factor=FACTOR,
        significance=SIGNIFICANCE,
        confidence=kind.study.statistics.confidence,
        seed=kind.study.seed,
    )
    order = np.argsort(np.where(sound, -losses, np.inf), kind="stable")[:LISTED]
    return Failures(
        loss=kind.loss_words,
        baseline=baseline,
        factor=FACTOR,
        parts_searched=len(masks),
        significance=SIGNIFICANCE,
        weak=tuple(
            WeakPart(
                part=row.name,
                events=row.events,
                ratio_found=row.ratio_found,
                ratio=row.ratio,
                adjusted_p=row.adjusted_p,
                confirmed=row.confirmed,
                loss=float(losses[sound][masks[row.name]].mean()),
                baseline_loss=_mean(others[sound][masks[row.name]]),
            )
            for row in found
        ),
        worst=tuple(
            WorstEvent(
                event=int(index),
                loss=float(losses[index]),
                baseline_loss=_mean(others[index : index + 1]),
                known=_known(events, int(index)),
            )
            for index in order
        ),
    )


def _places(events: EventTable, sound: NDArray[np.bool_]) -> NDArray[np.integer] | None:
    """Return what is never divided, (event, …): positions, patients, or scans of one patient."""
    for name in ("grid_index", "patient", "scan"):
        if name in events.columns and len(np.unique(events[name][sound], axis=0)) > 1:
            return events[name][sound]
    return None


def _mean(losses: NDArray[np.float64]) -> float | None:
    """Return the mean of those that there are; None where there is no estimate."""
    finite = losses[np.isfinite(losses)]
    return float(finite.mean()) if len(finite) else None


def _known(events: EventTable, index: int) -> dict[str, float]:
    found: dict[str, float] = {}
    for name in KNOWN:
        if name in events.columns:
            values = np.atleast_1d(events[name][index])
            stem, _, unit = (
                name.rpartition("_") if name.endswith(("_mm", "_kev")) else (name, "", "")
            )
            for number, value in enumerate(values):
                axis = "" if len(values) == 1 else f"_{number}"
                found[f"{stem}{axis}_{unit}" if unit else f"{stem}{axis}"] = float(value)
    return found

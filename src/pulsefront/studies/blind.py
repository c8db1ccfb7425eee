"""Labels of test events, hidden from all that tunes, trains or chooses; events that were copied."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsefront.errors import DataError
from pulsefront.evaluate import Split
from pulsefront.events.container import EventTable
from pulsefront.studies.folders import RunFolders, SplitEvents
from pulsefront.studies.kinds.base import BaselineEstimator, StudyKind

__all__ = [
    "fingerprints",
    "refuse_copies",
    "refuse_unblinded",
    "tuned_blind",
    "without_test_labels",
]

LABELS = (
    "stage_position_mm", "first_interaction_mm", "light_centroid_mm", "depth_mm",
    "source_offset_mm", "known_difference_ns", "true_arrival_ns", "energy_deposited_kev",
)  # fmt: skip
"""Columns that say what is to be estimated, or what only a simulation knows."""

CLASSES = ("element", "elements_hit", "compton_scatters", "deposits", "moved")
"""The same as whole numbers, of which -1 (or the largest without a sign) is none."""

MOST_COPIES = 0.001
"""Share of test events that may equal a training event number for number, by chance."""


def without_test_labels(parts: SplitEvents) -> SplitEvents:
    """Return the events with the labels of the test part blank: NaN, or a class that is none.

    What was tuned or trained on them could only be so by mistake, and comes out blank as well.
    """
    events, test = parts.events, parts.split.test
    if "scan" in events.columns:
        # Of a scan every interval, also those that are in no part: around a step.
        scans = np.unique(events["scan"][test])
        test = np.flatnonzero(np.isin(events["scan"], scans))
        events = events.with_provenance(_without_moves(events.provenance, scans))
    changed: dict[str, NDArray[np.generic]] = {}
    for name in (*LABELS, *CLASSES):
        if name in events.columns:
            values = events[name]
            if values.dtype.kind == "f":
                blank = values.copy()
                blank[test] = np.nan
            else:
                blank = values.copy()
                blank[test] = np.array(-1).astype(values.dtype)
            changed[name] = blank
    return SplitEvents(events.with_columns(changed, {}), parts.split)


def _without_moves(provenance: Mapping[str, Any], scans: NDArray[np.integer]) -> dict[str, Any]:
    """Return the provenance of scans of patients without the known movements of some."""
    hidden = set(scans.tolist())
    told = [
        {**one, "moves": []} if one["scan"] in hidden else one
        for one in provenance.get("scans", ())
    ]
    return {**provenance, "scans": told}


def tuned_blind(
    kind: StudyKind, parts: SplitEvents, folders: RunFolders
) -> list[BaselineEstimator]:
    """Return the classical estimators of a kind, tuned without the labels of test events.

    Raises
    ------
    DataError
        One of them was fitted or tuned on test events: names it.
    """
    try:
        fitted = kind.baselines(without_test_labels(parts), folders)
    except DataError as error:
        error.problem += " (labels of test events are hidden while estimators are tuned)"
        raise
    refuse_unblinded(fitted)
    return fitted


def refuse_unblinded(fitted: Sequence[BaselineEstimator]) -> None:
    """Refuse classical estimators that were fitted to labels that are blank.

    Raises
    ------
    DataError
        The score of every setting that was tried is not a number or all wrong, or no test event
        has an estimate: names the estimator.
    """
    for baseline in fitted:
        scores = [
            value
            for row in baseline.table
            for key, value in row.items()
            if key not in baseline.parameters and isinstance(value, float)
        ]
        blank = bool(scores) and all(np.isnan(value) or value == 1.0 for value in scores)
        if blank or not np.isfinite(baseline.estimates).any():
            raise DataError(
                "was tuned on test events, whose labels are hidden from it, or on events without "
                "labels",
                field="baselines",
                value=baseline.name,
                remedy="fit and tune on training and selection events alone",
            )


def refuse_copies(events: EventTable, split: Split) -> None:
    """Refuse parts that hold the same events under other labels, such as a file listed twice.

    Raises
    ------
    DataError
        More test or selection events equal a training event number for number than by chance.
    """
    column = "charge_adc" if "charge_adc" in events.columns else "waveform_adc"
    if column not in events.columns:
        return  # scans of patients, of which the kind refuses copies as a whole
    known = fingerprints(events[column])
    for name, rows in (("selection", split.selection), ("test", split.test)):
        copies = int(np.isin(known[rows], known[split.train]).sum())
        if copies > MOST_COPIES * len(rows):
            raise DataError(
                f"the split leaks: {copies:,} of {len(rows):,} {name} events equal training events "
                "number for number",
                field=column,
                value=copies,
                remedy="a file may be listed twice under other names; leave the copy out",
            )


def fingerprints(values: NDArray[np.generic]) -> NDArray[np.uint64]:
    """Return one number (event,) that two different events share once in 2^64 pairs."""
    rows = values.reshape(len(values), -1)
    factors = np.random.default_rng(0).integers(0, 2**63, rows.shape[1], np.uint64) * 2 + 1
    found = np.empty(len(rows), np.uint64)
    for start in range(0, len(rows), 65_536):
        some = np.rint(rows[start : start + 65_536]).astype(np.int64).astype(np.uint64)
        found[start : start + 65_536] = (some * factors).sum(axis=1, dtype=np.uint64)
    return found

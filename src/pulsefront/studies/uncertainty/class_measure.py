"""What the margin says of test events, beside what is found, and beside other rankings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsefront.estimators.position.folded import FoldedEstimator
from pulsefront.estimators.position.unmixing import CrystalUnmixing
from pulsefront.evaluate.intervals import Statistic, difference, mean_statistic
from pulsefront.evaluate.margins import margins_of, shortfalls_of
from pulsefront.events.container import EventTable
from pulsefront.fixed_point import FixedPointModel
from pulsefront.studies.folders import RunFolders, read_split
from pulsefront.studies.frozen import thaw_estimator
from pulsefront.studies.kinds import StudyKind
from pulsefront.studies.kinds.base import Estimates
from pulsefront.studies.measure import Resampling
from pulsefront.studies.parts_of_events import known_parts
from pulsefront.studies.uncertainty.class_records import (
    ChoiceCurve,
    ClassMargin,
    ClassSets,
    ClassUncertainty,
    CutFound,
    MarginBinFound,
    SetsFound,
)
from pulsefront.studies.uncertainty.inputs import measure_tests
from pulsefront.studies.uncertainty.measure import COMPARED, FEWEST, SHARES_KEPT, events_kept
from pulsefront.studies.uncertainty.records import CoverageInPart
from pulsefront.studies.uncertainty.settings import UncertaintySettings

__all__ = ["measure_classes"]

Float = NDArray[np.float64]
Mask = NDArray[np.bool_]

MARGIN = "the margin"
AGREED = "chance that all initializations give the class"
SUM = "charge sum, its distance from the median"


def measure_classes(
    kind: StudyKind,
    folders: RunFolders,
    inputs: NDArray[np.int64],
    final: Float,
    estimates: Estimates,
    settings: UncertaintySettings,
) -> ClassUncertainty:
    """Return what the margin of a network of classes is worth on its test events.

    Parameters
    ----------
    inputs
        Test inputs (event, kept input).
    final
        Scores of every initialization of the searched network, (initialization, event, class).
    estimates
        Of the classical estimators.
    """
    margin = ClassMargin.read(folders.class_margin)
    model = FixedPointModel.load(folders.model)
    events = kind.test_events(folders)
    scores = model.run(inputs)
    # Classes as the network says them: of folded events they are those of the folded array.
    parts = read_split(folders)
    truth = kind.learning_task(parts, folders).targets[parts.split.test].astype(np.int64)
    margins, shortfalls = margins_of(scores), shortfalls_of(scores, truth)
    right = scores.argmax(axis=1) == truth
    groups = events["grid_index"] if "grid_index" in events.columns else None
    resampling = Resampling.of(kind.study, len(events), groups)
    chances = _agreed(final)[np.arange(len(scores)), scores.argmax(axis=1)]
    sums = events["charge_adc"].sum(axis=1, dtype=np.float64)
    rankings = {
        MARGIN: margins.astype(np.float64),
        AGREED: chances,
        SUM: -np.abs(sums - np.median(sums)),
    }
    curves = _curves(rankings, right, resampling)
    curves += _of_unmixing(kind, events, folders, estimates, resampling)
    known = known_parts(events)
    return ClassUncertainty(
        margin=margin,
        right=resampling.interval(mean_statistic(right.astype(np.float64))),
        bins=_bins(margin, margins, right, resampling),
        sets=tuple(_sets(row, scores, shortfalls, known, resampling) for row in margin.sets),
        cuts={name: _cut(margins >= cut, right, resampling) for name, cut in margin.cuts.items()},
        shares_kept=SHARES_KEPT,
        share_compared=COMPARED,
        curves=tuple(curves),
        worse_than=tuple(
            row.by for row in curves if row.margin_more is not None and row.margin_more.high < 0
        ),
        input_tests=measure_tests(kind, folders, inputs, settings.false_rate),
    )


def _agreed(final: Float) -> Float:
    """Return the softmax of the scores, averaged over initializations, (event, class)."""
    raised = np.exp(final - final.max(axis=-1, keepdims=True))
    return np.asarray((raised / raised.sum(axis=-1, keepdims=True)).mean(axis=0))


def _share_of(values: Float, rows: NDArray[np.intp]) -> Statistic:
    """Return the weighted mean of some events; half an event keeps it defined in a replicate."""
    some = values[rows]

    def statistic(weights: Float) -> float:
        return float(weights[rows] @ some) / max(float(weights[rows].sum()), 0.5)

    return statistic


def _curves(
    rankings: Mapping[str, Float], right: Mask, resampling: Resampling
) -> list[ChoiceCurve]:
    """Return what is right of the events of the highest score, of every ranking."""
    hits = right.astype(np.float64)
    own = _share_of(hits, events_kept(-rankings[MARGIN], COMPARED))
    found = []
    for name, score in rankings.items():
        other = _share_of(hits, events_kept(-score, COMPARED))
        more = None if name == MARGIN else resampling.interval(difference(own, other))
        found.append(_curve(name, "network", hits, score, other, resampling, more))
    return found


def _curve(
    by: str,
    of: str,
    hits: Float,
    score: Float,
    kept: Statistic,
    resampling: Resampling,
    more: Any = None,
) -> ChoiceCurve:
    return ChoiceCurve(
        by=by,
        of=of,
        right=tuple(float(hits[events_kept(-score, share)].mean()) for share in SHARES_KEPT),
        right_kept=resampling.interval(kept),
        margin_more=more,
    )


def _of_unmixing(
    kind: StudyKind,
    events: EventTable,
    folders: RunFolders,
    estimates: Estimates,
    resampling: Resampling,
) -> list[ChoiceCurve]:
    """Return what unmixing has right, ranked by its own confidence, where the study tuned it."""
    for number, name in enumerate(estimates):
        file = folders.frozen_estimator(number)
        fitted = thaw_estimator(file) if file.is_file() else None
        charges = np.asarray(events["charge_adc"])
        if isinstance(fitted, FoldedEstimator):
            if fitted.folded:
                charges = fitted.fold.folded(charges, fitted.fold.turns(charges))
            fitted = fitted.estimator
        if isinstance(fitted, CrystalUnmixing):
            hits = (kind.losses(events, estimates[name]) == 0).astype(np.float64)
            score = fitted.confidence(charges)
            kept = _share_of(hits, events_kept(-score, COMPARED))
            return [_curve("its own confidence", name, hits, score, kept, resampling)]
    return []


def _bins(
    margin: ClassMargin, margins: NDArray[np.int64], right: Mask, resampling: Resampling
) -> tuple[MarginBinFound, ...]:
    number = np.searchsorted([row.above for row in margin.bins], margins, side="left") - 1
    hits, found = right.astype(np.float64), []
    for k, row in enumerate(margin.bins):
        rows = np.flatnonzero(number == k)
        told = resampling.interval(_share_of(hits, rows)) if len(rows) > 1 else None
        found.append(MarginBinFound(said=row.right / row.events, events=len(rows), found=told))
    return tuple(found)


def _sets(
    row: ClassSets,
    scores: NDArray[np.int64],
    shortfalls: NDArray[np.int64],
    known: Mapping[str, Mask],
    resampling: Resampling,
) -> SetsFound:
    inside = (shortfalls <= row.reach).astype(np.float64)
    sizes = (scores.max(axis=1, keepdims=True) - scores <= row.reach).sum(axis=1)
    parts = {name: np.flatnonzero(mask) for name, mask in known.items()}
    return SetsFound(
        share=row.share,
        inside=resampling.interval(mean_statistic(inside)),
        parts=tuple(
            CoverageInPart(
                part=name, events=len(rows), inside=resampling.interval(_share_of(inside, rows))
            )
            for name, rows in parts.items()
            if len(rows) >= FEWEST
        ),
        mean_classes=float(sizes.mean()),
        alone=float((sizes == 1).mean()),
    )


def _cut(kept: Mask, right: Mask, resampling: Resampling) -> CutFound:
    rows = np.flatnonzero(kept)
    share = resampling.interval(_share_of(right.astype(np.float64), rows))
    return CutFound(kept=float(kept.mean()), right=share)

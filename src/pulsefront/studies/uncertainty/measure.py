"""What the head says of test events, beside what is found, and beside other ways to rank them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from pulsefront.estimators.position.folded import FoldedEstimator
from pulsefront.estimators.position.light_response import LightResponse
from pulsefront.evaluate.intervals import (
    Statistic,
    difference,
    mean_statistic,
    median_statistic,
    quantile_statistic,
)
from pulsefront.events.container import EventTable
from pulsefront.fixed_point import FixedPointModel
from pulsefront.studies.folders import RunFolders
from pulsefront.studies.frozen import thaw_estimator
from pulsefront.studies.kinds import StudyKind
from pulsefront.studies.kinds.base import Estimates
from pulsefront.studies.measure import Resampling
from pulsefront.studies.parts_of_events import known_parts
from pulsefront.studies.uncertainty.inputs import measure_tests
from pulsefront.studies.uncertainty.outputs import scales_in
from pulsefront.studies.uncertainty.records import (
    CalibratedRegion,
    CoverageInPart,
    ErrorHead,
    EventUncertainty,
    RegionCoverage,
    RejectionCurve,
    SaidAndFound,
)
from pulsefront.studies.uncertainty.settings import UncertaintySettings

__all__ = ["COMPARED", "FEWEST", "SHARES_KEPT", "events_kept", "measure_uncertainty"]

Float = NDArray[np.float64]

SHARES_KEPT = tuple(round(0.3 + 0.05 * k, 2) for k in range(15))
COMPARED = 0.7
TENTHS = 10
FEWEST = 50
"""Events of a part that a coverage is told of."""

HEAD = "the head"
SPREAD = "spread of the initializations"


def measure_uncertainty(
    kind: StudyKind,
    folders: RunFolders,
    inputs: NDArray[np.int64],
    final: Float,
    estimates: Estimates,
    settings: UncertaintySettings,
) -> EventUncertainty:
    """Return what the head of a run is worth on its test events.

    Parameters
    ----------
    inputs
        Test inputs (vector, kept input).
    final
        Estimates of every initialization of the searched network, (initialization, vector,
        output).
    estimates
        Of the classical estimators.
    """
    head = ErrorHead.read(folders.head)
    integers = FixedPointModel.load(folders.model_with_head).run(inputs)
    events = kind.test_events(folders)
    vectors = len(inputs) // len(events)
    scales = scales_in(integers, vectors, head.least)
    to_unit = kind.loss_in_output_unit
    unit = to_unit and 1.0 / to_unit
    network = integers[:, :-1] * head.step
    errors = kind.losses(events, kind.estimates_of(events, network))
    sound = np.isfinite(errors)
    groups = events["grid_index"] if "grid_index" in events.columns else None
    known = {name: mask[sound] for name, mask in known_parts(events).items()}
    resampling = Resampling.of(
        kind.study, int(sound.sum()), None if groups is None else groups[sound]
    )
    scales, errors = scales[sound], errors[sound]
    rankings: dict[str, Float] = {HEAD: scales.astype(np.float64)}
    others = _others(events, folders, final, vectors, len(estimates))
    rankings |= {name: one[sound] for name, one in others.items()}
    curves = _curves(rankings, errors, resampling)
    curves += _of_likelihood(kind, events, folders, estimates, sound, resampling)
    return EventUncertainty(
        unit=kind.loss_unit,
        head=head,
        coverage=tuple(
            _coverage(
                row,
                errors * to_unit,
                scales,
                head.step,
                known,
                resampling,
            )
            for row in head.regions
        ),
        cut_kept={name: float((scales <= cut).mean()) for name, cut in head.cuts.items()},
        shares_kept=SHARES_KEPT,
        share_compared=COMPARED,
        curves=tuple(curves),
        said_and_found=_said_and_found(head, errors, scales, head.step * unit, resampling),
        input_tests=measure_tests(kind, folders, inputs, settings.false_rate),
        worse_than=tuple(
            curve.by
            for curve in curves
            if curve.head_lowers_more_percent is not None
            and curve.head_lowers_more_percent.high < 0
        ),
    )


def _others(
    events: EventTable, folders: RunFolders, final: Float, vectors: int, estimators: int
) -> dict[str, Float]:
    """Return other rankings of the events, the most doubtful highest."""
    spread = np.sqrt(final.var(axis=0).sum(axis=-1).reshape(-1, vectors).sum(axis=1))
    found: dict[str, Float] = {SPREAD: spread}
    if "charge_adc" in events.columns:
        sums = events["charge_adc"].sum(axis=1, dtype=np.float64)
        found["charge sum, its distance from the median"] = np.abs(sums - np.median(sums))
        found["charge sum, the smallest first"] = -sums
        response = _likelihood(folders, estimators)
        if response is not None:
            told = response.likelihood(events["charge_adc"])
            found["sigma of the likelihood"] = np.sqrt(np.square(told.sigma_mm).sum(axis=1))
            found["misfit of the likelihood"] = told.misfit
    if "waveform_adc" in events.columns and events["waveform_adc"].ndim == 3:
        height = np.ptp(events["waveform_adc"].astype(np.float64), axis=2).min(axis=1)
        found["smaller pulse, the smallest first"] = -height
    return found


def _likelihood(folders: RunFolders, estimators: int) -> LightResponse | None:
    """Return the likelihood that the study tuned, where it has one."""
    files = (folders.frozen_estimator(number) for number in range(estimators))
    fitted = (thaw_estimator(file) for file in files if file.is_file())
    # Of a study that folds events it may see them folded: then its sigma is that of another frame.
    whole = (
        one.estimator if isinstance(one, FoldedEstimator) and not one.folded else one
        for one in fitted
    )
    return next((one for one in whole if isinstance(one, LightResponse)), None)


def events_kept(score: Float, share: float) -> NDArray[np.intp]:
    """Return the events of the smallest scores, that share of them."""
    return np.argsort(score, kind="stable")[: max(1, round(share * len(score)))]


def _median_of(errors: Float, rows: NDArray[np.intp]) -> Statistic:
    median = median_statistic(errors[rows])
    return lambda weights: median(weights[rows])


def _lowered(errors: Float, score: Float) -> Statistic:
    """Return by how many percent the median error falls where that share is kept."""
    every, some = median_statistic(errors), _median_of(errors, events_kept(score, COMPARED))
    return lambda weights: 100.0 * (1.0 - some(weights) / every(weights))


def _curves(
    rankings: Mapping[str, Float], errors: Float, resampling: Resampling
) -> list[RejectionCurve]:
    # Some resampled set may hold none of the few events that a share keeps; not at seven tenths.
    own = _lowered(errors, rankings[HEAD])
    found = []
    for name, score in rankings.items():
        other = _lowered(errors, score)
        more = None
        if name != HEAD:
            more = resampling.interval(difference(own, other))
        found.append(
            RejectionCurve(
                by=name,
                of="network",
                median_error=tuple(
                    float(np.median(errors[events_kept(score, share)])) for share in SHARES_KEPT
                ),
                lowered_percent=resampling.interval(other),
                head_lowers_more_percent=more,
            )
        )
    perfect = tuple(float(np.median(errors[events_kept(errors, share)])) for share in SHARES_KEPT)
    found.append(
        RejectionCurve(
            by="the error itself, which nobody knows",
            of="network",
            median_error=perfect,
            lowered_percent=resampling.interval(_lowered(errors, errors)),
        )
    )
    return found


def _of_likelihood(
    kind: StudyKind,
    events: EventTable,
    folders: RunFolders,
    estimates: Estimates,
    sound: NDArray[np.bool_],
    resampling: Resampling,
) -> list[RejectionCurve]:
    """Return the likelihood's own error, ranked by its own sigma."""
    response = _likelihood(folders, len(estimates)) if "charge_adc" in events.columns else None
    if response is None:
        return []
    told = response.likelihood(events["charge_adc"])
    errors = kind.losses(events, told.position_mm)[sound]
    score = np.sqrt(np.square(told.sigma_mm).sum(axis=1))[sound]
    return [
        RejectionCurve(
            by="sigma of the likelihood",
            of="likelihood",
            median_error=tuple(
                float(np.median(errors[events_kept(score, share)])) for share in SHARES_KEPT
            ),
            lowered_percent=resampling.interval(_lowered(errors, score)),
        )
    ]


def _coverage(
    calibrated: CalibratedRegion,
    errors: Float,
    scales: NDArray[np.int64],
    step: float,
    parts: Mapping[str, NDArray[np.bool_]],
    resampling: Resampling,
) -> RegionCoverage:
    """Return the share of events inside, of all and of every part; *errors* in output units."""
    inside = calibrated.region.inside(errors, scales, step).astype(np.float64)
    fewer = replace(resampling, replicates=max(200, resampling.replicates // 5))
    return RegionCoverage(
        share=calibrated.share,
        inside=resampling.interval(mean_statistic(inside)),
        parts=tuple(
            CoverageInPart(
                part=name,
                events=len(rows),
                inside=_some(fewer, rows).interval(mean_statistic(inside[rows])),
            )
            for name, rows in ((name, np.flatnonzero(mask)) for name, mask in parts.items())
            if len(rows) >= FEWEST
        ),
    )


def _some(resampling: Resampling, rows: NDArray[np.intp]) -> Resampling:
    """Return *resampling* of the events *rows* alone."""
    groups = None if resampling.groups is None else resampling.groups[rows]
    if groups is not None and len(np.unique(groups.reshape(len(rows), -1), axis=0)) < 2:
        groups = None
    return replace(resampling, events=len(rows), groups=groups)


def _said_and_found(
    head: ErrorHead,
    errors: Float,
    scales: NDArray[np.int64],
    step: float,
    resampling: Resampling,
) -> tuple[SaidAndFound, ...]:
    """Return tenths of the events by what the head says; *step* in the unit of *errors*."""
    first = head.regions[0]
    radius = first.region.radii(scales, step)
    fewer = replace(resampling, replicates=max(200, resampling.replicates // 5))
    return tuple(
        SaidAndFound(
            said=float(np.median(radius[rows])),
            found=_some(fewer, rows).interval(quantile_statistic(errors[rows], first.share)),
        )
        for rows in np.array_split(np.argsort(scales, kind="stable"), TENTHS)
    )

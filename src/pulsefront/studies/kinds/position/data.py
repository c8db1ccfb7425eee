"""What a position study learns, and the classical estimators beside it."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsefront.detector import Detector, load_detector
from pulsefront.errors import DataError
from pulsefront.estimators.position.folded import FoldedEstimator, fold_events
from pulsefront.estimators.registry import (
    ChargeEvents,
    ClassicalEstimator,
    PositionEstimator,
    estimators_for,
    fit_all,
)
from pulsefront.events.container import EventTable
from pulsefront.fixed_point import FixedPointFormat
from pulsefront.progress import progress
from pulsefront.search.task import Task, median_distance
from pulsefront.simulate.gamma.interactions import gamma_table
from pulsefront.studies.folders import RunFolders, SplitEvents
from pulsefront.studies.kinds.base import BaselineEstimator
from pulsefront.studies.kinds.folding import both_ways, fold_of, judged_rows
from pulsefront.studies.kinds.position.inputs import (
    input_format,
    input_grid,
    input_names,
    network_inputs,
)
from pulsefront.studies.kinds.position.settings import PositionStudy
from pulsefront.studies.kinds.scan import position_groups, refuse_clipped, stage_mm
from pulsefront.studies.kinds.stream import stream_of
from pulsefront.studies.metrics import MEDIAN_ERROR_2D, MEDIAN_ERROR_3D, Metric

__all__ = [
    "OUTPUT_FORMAT",
    "baselines",
    "estimate",
    "labels_mm",
    "learning_task",
    "median_error",
    "truth_mm",
]

OUTPUT_FORMAT = FixedPointFormat(16, 7)
"""Position in mm: ±64 mm in steps of 2 µm."""


def median_error(axes: int) -> Metric:
    """Return the metric that decides: in three dimensions where depth is known, else in two."""
    return MEDIAN_ERROR_3D if axes == 3 else MEDIAN_ERROR_2D


def labels_mm(study: PositionStudy, events: EventTable) -> NDArray[np.float64]:
    """Return what is learned: x and y of the stage or the truth, and depth where it is known.

    (event, 3), or (event, 2) for measured events without depth.
    """
    first = study.events.label == "first_interaction"
    if first and "first_interaction_mm" not in events.columns:
        raise DataError(
            "measured events do not say where the first interaction was",
            field="events.label",
            value=study.events.label,
            remedy='use label = "stage"',
        )
    xy = (
        np.asarray(events["first_interaction_mm"], np.float64)[:, :2] if first else stage_mm(events)
    )
    return _with_depth(xy, events)


def truth_mm(events: EventTable) -> NDArray[np.float64]:
    """Return the first interaction as x, y, depth, (event, 3); measured: what the stage says."""
    if "first_interaction_mm" not in events.columns:
        return _with_depth(stage_mm(events), events)
    return _with_depth(np.asarray(events["first_interaction_mm"], np.float64)[:, :2], events)


def _with_depth(xy: NDArray[np.float64], events: EventTable) -> NDArray[np.float64]:
    if "depth_mm" not in events.columns:
        return xy
    return np.column_stack([xy, np.asarray(events["depth_mm"], np.float64)])


def learning_task(study: PositionStudy, parts: SplitEvents, folders: RunFolders) -> Task:
    """Return the regression of x, y and depth from the charges."""
    labels = _targets(study, parts.events)
    inputs = network_inputs(study, parts.events)
    refuse_clipped(study, inputs[parts.split.train], input_format(study))
    return Task(
        name=study.name,
        inputs=inputs,
        targets=labels,
        train=parts.split.train,
        selection=parts.split.selection,
        input_format=input_format(study),
        output_format=OUTPUT_FORMAT,
        loss=study.loss,
        metric=median_distance,
        metric_name=median_error(labels.shape[1]).key,
        input_names=input_names(study),
        output_names=("x_mm", "y_mm", "depth_mm")[: labels.shape[1]],
        groups=position_groups(parts.events),
        grid=input_grid(study),
        stream=stream_of(
            study, parts, folders, partial(network_inputs, study), partial(_targets, study)
        ),
    )


def _targets(study: PositionStudy, events: EventTable) -> NDArray[np.float64]:
    """Return the labels as the network learns them: folded where its events are."""
    labels, fold = labels_mm(study, events), fold_of(study)
    if fold is None:
        return labels
    return np.asarray(fold.forward(labels, fold.turns(np.asarray(events["charge_adc"]))))


def baselines(study: PositionStudy, parts: SplitEvents) -> list[BaselineEstimator]:
    """Fit and tune every classical estimator on training and selection events; apply to the test.

    The strongest that is known is maximum likelihood with a light response fitted to the training
    events, which iterates for every event; where no label says the depth, that comes from the
    light.
    """
    charges = parts.events["charge_adc"]
    labels = labels_mm(study, parts.events)
    train, selection, test = parts.split.train, parts.split.selection, parts.split.test
    detector = load_detector(study.detector)
    half_x, half_y, depth = (size / 2 for size in detector.crystal.size_mm)
    data = ChargeEvents(
        charges[train],
        labels[train],
        charges[selection],
        labels[selection],
        detector.sensors.centres_mm,
        ((-half_x, half_x), (-half_y, half_y), (0.0, 2 * depth)),
        _attenuation_per_mm(detector),
        study.baselines.knn_references,
        study.baselines.knn_selection,
        study.seed,
    )
    metric = median_error(labels.shape[1])
    with progress("Tuning", "estimators") as report:
        fitted = fit_all(_both_ways(study, data), data, report)
    return [
        BaselineEstimator(
            name,
            estimator.estimate(charges[test]),
            estimator.parameters,
            tuple({**row.parameters, metric.key: row.median_error_mm} for row in estimator.table),
            estimator,
        )
        for name, estimator in fitted.items()
    ]


def _both_ways(
    study: PositionStudy, data: ChargeEvents
) -> tuple[ClassicalEstimator[ChargeEvents, Any], ...]:
    """Return the classical estimators; each chooses between events as they are and folded ones."""
    entries, fold = estimators_for("position"), fold_of(study)
    if fold is None:
        return entries
    charges, position = fold_events(fold, data.charges, data.position_mm)
    selection = fold_events(fold, data.selection_charges, data.selection_position_mm)
    folded = replace(
        data,
        charges=charges,
        position_mm=position,
        selection_charges=selection[0],
        selection_position_mm=selection[1],
    )
    rows = judged_rows(len(data.selection_charges))
    some, truth = data.selection_charges[rows], data.selection_position_mm[rows]

    def error(found: FoldedEstimator) -> float:
        return float(np.median(np.linalg.norm(found.estimate(some) - truth, axis=1)))

    return both_ways(entries, fold, folded, error)


def _attenuation_per_mm(detector: Detector) -> float:
    """Return how many gamma rays of 511 keV interact per mm: the depths where none are known."""
    material = detector.material
    return sum(gamma_table(material.formula, material.density_g_cm3).at(511.0))


def estimate(estimator: PositionEstimator, events: EventTable) -> NDArray[np.float64]:
    """Return the positions of *events*, (event, axis) in mm."""
    return estimator.estimate(events["charge_adc"])

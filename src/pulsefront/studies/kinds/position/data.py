"""What a position study learns, and the classical estimators beside it."""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray

from pulsefront.detector import load_detector
from pulsefront.errors import DataError
from pulsefront.estimators.position.anger import AngerLogic, fit_anger
from pulsefront.estimators.position.light_response import LightResponse, fit_light_response
from pulsefront.estimators.position.neighbours import NearestNeighbours, fit_nearest_neighbours
from pulsefront.events.container import EventTable
from pulsefront.fixed_point import FixedPointFormat
from pulsefront.search.task import Task, median_distance
from pulsefront.studies.folders import SplitEvents
from pulsefront.studies.kinds.base import BaselineEstimator
from pulsefront.studies.kinds.position.settings import PositionStudy
from pulsefront.studies.kinds.scan import position_groups, stage_mm
from pulsefront.studies.metrics import MEDIAN_ERROR_2D, MEDIAN_ERROR_3D, Metric

__all__ = [
    "LIKELIHOOD",
    "OUTPUT_FORMAT",
    "baselines",
    "labels_mm",
    "learning_task",
    "median_error",
    "truth_mm",
]

LIKELIHOOD = "light-response likelihood"
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


def learning_task(study: PositionStudy, parts: SplitEvents) -> Task:
    """Return the regression of x, y and depth from the charges."""
    bits = load_detector(study.detector).charge_readout.adc_bits
    labels = labels_mm(study, parts.events)
    charges = np.asarray(parts.events["charge_adc"])
    return Task(
        name=study.name,
        inputs=charges,
        targets=labels,
        train=parts.split.train,
        selection=parts.split.selection,
        input_format=FixedPointFormat(bits, bits, signed=False),
        output_format=OUTPUT_FORMAT,
        loss=study.loss,
        metric=median_distance,
        metric_name=median_error(labels.shape[1]).key,
        input_names=tuple(f"sensor_{i}" for i in range(charges.shape[1])),
        output_names=("x_mm", "y_mm", "depth_mm")[: labels.shape[1]],
        groups=position_groups(parts.events),
    )


def baselines(study: PositionStudy, parts: SplitEvents) -> list[BaselineEstimator]:
    """Fit and tune the classical estimators on training and selection events; apply to the test.

    Anger logic and k-NN, and the strongest that is known: maximum likelihood with a light
    response fitted to the training events, which iterates for every event. The last needs the
    depth of the training events.
    """
    charges = parts.events["charge_adc"]
    labels = labels_mm(study, parts.events)
    train, selection, test = parts.split.train, parts.split.selection, parts.split.test
    detector = load_detector(study.detector)
    data = (charges[train], labels[train], charges[selection], labels[selection])
    half_x, half_y, depth = (size / 2 for size in detector.crystal.size_mm)
    fitted: dict[str, AngerLogic | NearestNeighbours | LightResponse] = {
        "Anger logic": fit_anger(*data, detector.sensors.centres_mm),
        "k-NN": fit_nearest_neighbours(
            *data,
            most_references=study.baselines.knn_references,
            most_selection=study.baselines.knn_selection,
            seed=study.seed,
        ),
    }
    if labels.shape[1] == 3:
        fitted[LIKELIHOOD] = fit_light_response(
            *data, extent_mm=((-half_x, half_x), (-half_y, half_y), (0.0, 2 * depth))
        )
    metric = median_error(labels.shape[1])
    return [
        BaselineEstimator(
            name,
            estimator.estimate(charges[test]),
            estimator.parameters,
            tuple({**row.parameters, metric.key: row.median_error_mm} for row in estimator.table),
            partial(_estimate, estimator),
        )
        for name, estimator in fitted.items()
    ]


def _estimate(
    estimator: AngerLogic | NearestNeighbours | LightResponse, events: EventTable
) -> NDArray[np.float64]:
    return estimator.estimate(events["charge_adc"])

"""What a crystal study learns, and the classical estimators beside it."""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray

from pulsefront.detector import load_detector
from pulsefront.errors import DataError
from pulsefront.estimators.position.flood_map import FloodMap, fit_flood_map
from pulsefront.estimators.position.neighbours import CrystalNeighbours, fit_crystal_neighbours
from pulsefront.estimators.position.unmixing import CrystalUnmixing, fit_unmixing
from pulsefront.events.container import EventTable
from pulsefront.fixed_point import FixedPointFormat
from pulsefront.search.task import Task, misclassified
from pulsefront.studies.folders import SplitEvents
from pulsefront.studies.kinds.base import BaselineEstimator
from pulsefront.studies.kinds.crystal.settings import CrystalStudy
from pulsefront.studies.kinds.scan import position_groups
from pulsefront.studies.metrics import WRONG_CRYSTAL_SHARE

__all__ = [
    "FLOOD_MAP",
    "OUTPUT_FORMAT",
    "UNMIXING",
    "baselines",
    "chosen_crystal",
    "first_crystal",
    "learning_task",
]

FLOOD_MAP = "flood map"
UNMIXING = "unmixing of pairs"
OUTPUT_FORMAT = FixedPointFormat(16, 8)
"""One score per crystal; the largest decides, the first among equals."""


def first_crystal(events: EventTable) -> NDArray[np.int64]:
    """Return the crystal of first interaction, (event,): row · columns + column.

    Raises
    ------
    DataError
        The events do not say.
    """
    if "element" not in events.columns:
        raise DataError(
            "these events do not say which crystal was hit first",
            field="element",
            remedy="simulate them: no measurement knows",
        )
    return np.asarray(events["element"], np.int64)


def chosen_crystal(scores: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the crystal of the largest score, (event,), from (event, crystal)."""
    return np.asarray(scores.argmax(axis=-1), np.int64)


def learning_task(study: CrystalStudy, parts: SplitEvents) -> Task:
    """Return the choice among all crystals from the charges."""
    detector = load_detector(study.detector)
    bits = detector.charge_readout.adc_bits
    inputs = np.asarray(parts.events["charge_adc"])
    centres = detector.crystal.element_centres_mm
    return Task(
        name=study.name,
        inputs=inputs,
        targets=first_crystal(parts.events).astype(np.float64),
        train=parts.split.train,
        selection=parts.split.selection,
        input_format=FixedPointFormat(bits, bits, signed=False),
        output_format=OUTPUT_FORMAT,
        loss=study.loss,
        metric=misclassified,
        metric_name=WRONG_CRYSTAL_SHARE.key,
        input_names=tuple(f"sensor_{i}" for i in range(inputs.shape[1])),
        output_names=tuple(f"crystal_{i}" for i in range(len(centres))),
        groups=position_groups(parts.events),
        class_positions=centres,
    )


def baselines(study: CrystalStudy, parts: SplitEvents) -> list[BaselineEstimator]:
    """Fit and tune the classical estimators on training and selection events; apply to the test.

    The flood map and k-NN, and the strongest that is known here: every pair of crystals is tried
    on every event.
    """
    charges, crystal = parts.events["charge_adc"], first_crystal(parts.events)
    train, selection, test = parts.split.train, parts.split.selection, parts.split.test
    detector = load_detector(study.detector)
    data = (charges[train], crystal[train], charges[selection], crystal[selection])
    columns, crystals = detector.crystal.elements[0], detector.crystal.element_count
    fitted: dict[str, FloodMap | CrystalNeighbours | CrystalUnmixing] = {
        FLOOD_MAP: fit_flood_map(*data, detector.sensors.centres_mm, crystals),
        "k-NN": fit_crystal_neighbours(
            *data,
            most_references=study.baselines.knn_references,
            most_selection=study.baselines.knn_selection,
            seed=study.seed,
        ),
        UNMIXING: fit_unmixing(
            *data,
            crystals,
            columns,
            most_events=study.baselines.pair_events,
            seed=study.seed,
        ),
    }
    wrong = WRONG_CRYSTAL_SHARE.key
    return [
        BaselineEstimator(
            name,
            estimator.estimate(charges[test]).astype(np.float64),
            estimator.parameters,
            tuple({**row.parameters, wrong: row.wrong} for row in estimator.table),
            partial(_estimate, estimator),
        )
        for name, estimator in fitted.items()
    ]


def _estimate(
    estimator: FloodMap | CrystalNeighbours | CrystalUnmixing, events: EventTable
) -> NDArray[np.float64]:
    return estimator.estimate(events["charge_adc"]).astype(np.float64)

"""The study of the crystal of first interaction: what is learned and compared.

Simulation, selection and split of a scan are those of a study of positions.
"""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray

from pulsefront.detector import load_detector
from pulsefront.errors import DataError
from pulsefront.estimators.position.crystals import (
    CrystalNeighbours,
    CrystalUnmixing,
    FloodMap,
    fit_crystal_neighbours,
    fit_flood_map,
    fit_unmixing,
)
from pulsefront.events.container import EventTable
from pulsefront.fixed_point import FixedPointFormat
from pulsefront.search.task import Task, misclassified
from pulsefront.studies.config import CrystalStudy
from pulsefront.studies.kinds.position.data import (
    MEASURED_KIND,
    generate,
    generate_external,
    network_inputs,
    select_external,
    split,
)
from pulsefront.studies.parts import Baseline, SplitEvents

__all__ = [
    "FLOOD_MAP",
    "MEASURED_KIND",
    "OUTPUT_FORMAT",
    "UNMIXING",
    "baselines",
    "chosen_crystal",
    "first_crystal",
    "generate",
    "generate_external",
    "learning_task",
    "network_inputs",
    "select_external",
    "split",
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
    assert detector.charge is not None  # simulate_scan has refused other detectors
    bits = detector.charge.adc_bits
    grid = parts.events["grid_index"].astype(np.int64)
    inputs = network_inputs(study, parts.events)
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
        metric_name="wrong_crystal_share",
        input_names=tuple(f"sensor_{i}" for i in range(inputs.shape[1])),
        output_names=tuple(f"crystal_{i}" for i in range(len(centres))),
        groups=(grid[:, 0] << 20) + grid[:, 1],
        class_positions=centres,
    )


def baselines(study: CrystalStudy, parts: SplitEvents) -> list[Baseline]:
    """Fit and tune the classical estimators on training and selection events; apply to the test.

    The flood map and k-NN, and the strongest that is known here: every pair of crystals is tried
    on every event.
    """
    charges, crystal = parts.events["charge_adc"], first_crystal(parts.events)
    train, selection, test = parts.split.train, parts.split.selection, parts.split.test
    detector = load_detector(study.detector)
    data = (charges[train], crystal[train], charges[selection], crystal[selection])
    columns, rows = detector.crystal.elements
    fitted: dict[str, FloodMap | CrystalNeighbours | CrystalUnmixing] = {
        FLOOD_MAP: fit_flood_map(*data, detector.sensors.centres_mm, columns * rows),
        "k-NN": fit_crystal_neighbours(
            *data,
            most_references=study.baselines.knn_references,
            most_selection=study.baselines.knn_selection,
            seed=study.seed,
        ),
        UNMIXING: fit_unmixing(
            *data,
            columns * rows,
            columns,
            most_events=study.baselines.pair_events,
            seed=study.seed,
        ),
    }
    return [
        Baseline(
            name,
            estimator.estimate(charges[test]).astype(np.float64),
            estimator.parameters,
            tuple({**row.parameters, "wrong_crystal_share": row.wrong} for row in estimator.table),
            partial(_answer, estimator),
        )
        for name, estimator in fitted.items()
    ]


def _answer(
    estimator: FloodMap | CrystalNeighbours | CrystalUnmixing, events: EventTable
) -> NDArray[np.float64]:
    return estimator.estimate(events["charge_adc"]).astype(np.float64)

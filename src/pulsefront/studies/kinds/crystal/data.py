"""What a crystal study learns, and the classical estimators beside it."""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray

from pulsefront.detector import load_detector
from pulsefront.errors import DataError
from pulsefront.estimators.registry import CrystalEstimator, CrystalEvents, estimators_for, fit_all
from pulsefront.events.container import EventTable
from pulsefront.fixed_point import FixedPointFormat
from pulsefront.fixed_point.preparation import ChargePreparation
from pulsefront.progress import progress
from pulsefront.search.task import Task, misclassified
from pulsefront.studies.folders import RunFolders, SplitEvents
from pulsefront.studies.kinds.base import BaselineEstimator
from pulsefront.studies.kinds.crystal.settings import CrystalStudy
from pulsefront.studies.kinds.scan import position_groups, refuse_clipped
from pulsefront.studies.kinds.stream import stream_of
from pulsefront.studies.metrics import WRONG_CRYSTAL_SHARE

__all__ = [
    "OUTPUT_FORMAT",
    "baselines",
    "chosen_crystal",
    "estimate",
    "first_crystal",
    "learning_task",
    "network_inputs",
    "preparation",
]

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


def charges(events: EventTable) -> NDArray[np.integer]:
    """Return the charges, (event, channel)."""
    return np.asarray(events["charge_adc"])


def network_inputs(study: CrystalStudy, events: EventTable) -> NDArray[np.integer]:
    """Return what the network reads, (event, channel): charges, at one sum if the study says so."""
    return preparation(study).apply(charges(events))


def preparation(study: CrystalStudy) -> ChargePreparation:
    """Return what happens to the charges of a study before its network."""
    bits = load_detector(study.detector).charge_readout.adc_bits
    return ChargePreparation(bits, study.events.normalised_sum)


def crystal_target(events: EventTable) -> NDArray[np.float64]:
    """Return the class of each event, (event,), as a target."""
    return first_crystal(events).astype(np.float64)


def chosen_crystal(scores: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the crystal of the largest score, (event,), from (event, crystal)."""
    return np.asarray(scores.argmax(axis=-1), np.int64)


def learning_task(study: CrystalStudy, parts: SplitEvents, folders: RunFolders) -> Task:
    """Return the choice among all crystals from the charges."""
    detector = load_detector(study.detector)
    inputs = network_inputs(study, parts.events)
    refuse_clipped(study, inputs[parts.split.train], preparation(study).format)
    centres = detector.crystal.element_centres_mm
    return Task(
        name=study.name,
        inputs=inputs,
        targets=crystal_target(parts.events),
        train=parts.split.train,
        selection=parts.split.selection,
        input_format=preparation(study).format,
        output_format=OUTPUT_FORMAT,
        loss=study.loss,
        metric=misclassified,
        metric_name=WRONG_CRYSTAL_SHARE.key,
        input_names=tuple(f"sensor_{i}" for i in range(inputs.shape[1])),
        output_names=tuple(f"crystal_{i}" for i in range(len(centres))),
        groups=position_groups(parts.events),
        class_positions=centres,
        stream=stream_of(study, parts, folders, partial(network_inputs, study), crystal_target),
    )


def baselines(study: CrystalStudy, parts: SplitEvents) -> list[BaselineEstimator]:
    """Fit and tune every classical estimator on training and selection events; apply to the test.

    The strongest that is known here tries every pair of crystals on every event.
    """
    charge_adc, crystal = charges(parts.events), first_crystal(parts.events)
    train, selection, test = parts.split.train, parts.split.selection, parts.split.test
    detector = load_detector(study.detector)
    data = CrystalEvents(
        charge_adc[train],
        crystal[train],
        charge_adc[selection],
        crystal[selection],
        detector.sensors.centres_mm,
        detector.crystal.element_count,
        detector.crystal.elements[0],
        study.baselines.knn_references,
        study.baselines.knn_selection,
        study.baselines.pair_events,
        study.seed,
    )
    wrong = WRONG_CRYSTAL_SHARE.key
    with progress("Tuning", "estimators") as report:
        fitted = fit_all(estimators_for("crystal"), data, report)
    return [
        BaselineEstimator(
            name,
            estimator.estimate(charge_adc[test]).astype(np.float64),
            estimator.parameters,
            tuple({**row.parameters, wrong: row.wrong} for row in estimator.table),
            estimator,
        )
        for name, estimator in fitted.items()
    ]


def estimate(estimator: CrystalEstimator, events: EventTable) -> NDArray[np.float64]:
    """Return the crystals of *events*, (event,)."""
    return estimator.estimate(events["charge_adc"]).astype(np.float64)

"""What a crystal study learns, and the classical estimators beside it."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsefront.detector import load_detector
from pulsefront.errors import DataError
from pulsefront.estimators.position.folded import FoldedEstimator
from pulsefront.estimators.registry import (
    ClassicalEstimator,
    CrystalEstimator,
    CrystalEvents,
    estimators_for,
    fit_all,
)
from pulsefront.events.container import EventTable
from pulsefront.fixed_point import FixedPointFormat
from pulsefront.fixed_point.fold import Mirrors
from pulsefront.fixed_point.preparation import ChargePreparation
from pulsefront.progress import progress
from pulsefront.search.task import Task, misclassified
from pulsefront.studies.folders import RunFolders, SplitEvents
from pulsefront.studies.kinds.base import BaselineEstimator
from pulsefront.studies.kinds.crystal.settings import CrystalStudy
from pulsefront.studies.kinds.folding import both_ways, fold_of, input_names, judged_rows
from pulsefront.studies.kinds.scan import position_groups, refuse_clipped
from pulsefront.studies.kinds.stream import stream_of
from pulsefront.studies.metrics import WRONG_CRYSTAL_SHARE

__all__ = [
    "OUTPUT_FORMAT",
    "baselines",
    "chosen_crystal",
    "crystal_scores",
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
    total, fold = study.events.normalised_sum, fold_of(study)
    return ChargePreparation(bits, total, fold, classes=None if fold is None else _array(study))


def _array(study: CrystalStudy) -> Mirrors:
    """Return the mirrors of the array's crystals."""
    columns, rows = load_detector(study.detector).crystal.elements
    return Mirrors(columns, rows, diagonal=study.events.fold == "square")


def crystal_target(study: CrystalStudy, events: EventTable) -> NDArray[np.float64]:
    """Return the class of each event, (event,), as a target: folded where its events are."""
    crystal, fold = first_crystal(events), fold_of(study)
    if fold is not None:
        crystal = _array(study).moved(crystal, fold.turns(charges(events)))
    return crystal.astype(np.float64)


def chosen_crystal(scores: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the crystal of the largest score, (event,), from (event, crystal)."""
    return np.asarray(scores.argmax(axis=-1), np.int64)


def crystal_scores(
    study: CrystalStudy, events: EventTable, outputs: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the scores of the array's crystals from a network's *outputs*: turned back.

    Both are (…, event, crystal).
    """
    return np.asarray(preparation(study).back(charges(events), outputs), np.float64)


def learning_task(study: CrystalStudy, parts: SplitEvents, folders: RunFolders) -> Task:
    """Return the choice among all crystals from the charges."""
    detector = load_detector(study.detector)
    inputs = network_inputs(study, parts.events)
    refuse_clipped(study, inputs[parts.split.train], preparation(study).format)
    centres = detector.crystal.element_centres_mm
    return Task(
        name=study.name,
        inputs=inputs,
        targets=crystal_target(study, parts.events),
        train=parts.split.train,
        selection=parts.split.selection,
        input_format=preparation(study).format,
        output_format=OUTPUT_FORMAT,
        loss=study.loss,
        metric=misclassified,
        metric_name=WRONG_CRYSTAL_SHARE.key,
        input_names=input_names(study),
        output_names=tuple(f"crystal_{i}" for i in range(len(centres))),
        groups=position_groups(parts.events),
        grid=detector.sensors.grid[::-1],
        class_positions=centres,
        stream=stream_of(
            study, parts, folders, partial(network_inputs, study), partial(crystal_target, study)
        ),
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
        fitted = fit_all(_entries(study, data), data, report)
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


def _entries(
    study: CrystalStudy, data: CrystalEvents
) -> tuple[ClassicalEstimator[CrystalEvents, Any], ...]:
    """Return the classical estimators; each chooses between events as they are and folded ones."""
    entries, fold = estimators_for("crystal"), fold_of(study)
    if fold is None:
        return entries
    array = _array(study)
    turns, selection_turns = (
        fold.turns(np.asarray(some, np.int64)) for some in (data.charges, data.selection_charges)
    )
    folded = replace(
        data,
        charges=fold.folded(data.charges, turns),
        crystal=array.moved(data.crystal, turns),
        selection_charges=fold.folded(data.selection_charges, selection_turns),
        selection_crystal=array.moved(data.selection_crystal, selection_turns),
    )
    rows = judged_rows(len(data.selection_charges))
    some, truth = data.selection_charges[rows], data.selection_crystal[rows]

    def error(found: FoldedEstimator) -> float:
        return float(np.mean(found.estimate(some) != truth))

    return both_ways(entries, fold, folded, error, array)


def estimate(estimator: CrystalEstimator, events: EventTable) -> NDArray[np.float64]:
    """Return the crystals of *events*, (event,)."""
    return estimator.estimate(events["charge_adc"]).astype(np.float64)

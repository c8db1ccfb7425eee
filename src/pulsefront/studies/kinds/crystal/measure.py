"""The test of a crystal study: every estimator against the crystal of first interaction."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from pulsefront.detector import load_detector
from pulsefront.estimators.registry import iterating
from pulsefront.evaluate import Interval
from pulsefront.evaluate.intervals import Statistic, mean_statistic
from pulsefront.evaluate.record import Intervals
from pulsefront.evaluate.subgroups import bins
from pulsefront.events.container import EventTable
from pulsefront.studies.folders import SplitEvents
from pulsefront.studies.kinds.base import Estimates, Evaluation, ExternalMeasures, Outputs
from pulsefront.studies.kinds.crystal.data import chosen_crystal, first_crystal
from pulsefront.studies.kinds.crystal.records import CrystalTest
from pulsefront.studies.kinds.crystal.settings import CrystalStudy
from pulsefront.studies.measure import (
    Measured,
    Resampling,
    agreement,
    compare,
    measure,
    over_initializations,
    power_of_test,
    subgroup_records,
)
from pulsefront.studies.metrics import (
    MEAN_MISPLACEMENT,
    WRONG_CRYSTAL,
    WRONG_OF_ONE_CRYSTAL,
    WRONG_OF_SCATTERED,
    Metric,
)
from pulsefront.studies.records import Initializations, SeedSpread, SubgroupRecord

__all__ = ["evaluate", "evaluate_external", "losses"]

DEPTH_BINS = 4

Crystals = NDArray[np.int64]


def evaluate(
    study: CrystalStudy, parts: SplitEvents, outputs: Outputs, estimates: Estimates
) -> Evaluation:
    """Measure every estimator on the test set.

    Parameters
    ----------
    outputs
        Scores of the networks, one per crystal.
    estimates
        Classical estimator → crystal (test event,).
    """
    test = parts.test
    truth = first_crystal(test)
    resampling = Resampling.of(study, len(truth), test["grid_index"])
    found, everyone = _measure_all(study, test, outputs.network, estimates, resampling)
    best = found.best(WRONG_CRYSTAL)
    wrong = {name: crystal != truth for name, crystal in everyone.items()}

    def of_each(outputs: NDArray[np.float64]) -> dict[str, SeedSpread]:
        chosen = [chosen_crystal(one) for one in outputs]
        return over_initializations([_statistics(study, test, c) for c in chosen], resampling)

    record = CrystalTest(
        main_metric=WRONG_CRYSTAL,
        reference_standard="crystal of the first interaction in the simulation",
        test_events=len(truth),
        test_positions=len(np.unique(test["grid_index"], axis=0)),
        share_scattered_between_crystals=float((test["elements_hit"] > 1).mean()),
        estimators=found.table,
        best_baseline=best,
        gain=compare(found, resampling),
        # Unmixing tries 2,016 pairs for every event: a reference beside the baselines.
        gain_over_baselines=compare(found, resampling, without=iterating("crystal")),
        initializations=Initializations(final=of_each(outputs.final), full=of_each(outputs.full)),
        uncertainty=agreement(
            _chances(outputs.final),
            wrong["network"][:, None].astype(np.float64),
            lambda some: float(100.0 * some.mean()),
        ),
        subgroups=_subgroups(study, test, wrong["network"], wrong[best], resampling),
        power=power_of_test(found, WRONG_CRYSTAL, resampling, study.statistics.least_gain_percent),
    )
    arrays = {
        "first_crystal": truth,
        "crystals_hit": np.asarray(test["elements_hit"]),
        **{f"crystal_{name}": crystal for name, crystal in everyone.items()},
    }
    return Evaluation(record, arrays)


def losses(events: EventTable, crystal: NDArray[np.generic]) -> NDArray[np.float64]:
    """Return 100 where *crystal* (event,) is not the one that was hit first, else 0, (event,)."""
    return np.where(crystal != first_crystal(events), 100.0, 0.0)


def evaluate_external(
    study: CrystalStudy,
    events: EventTable,
    network: NDArray[np.float64],
    estimates: Estimates,
) -> ExternalMeasures:
    """Measure every estimator on events of another set."""
    resampling = Resampling.of(study, len(events), events["grid_index"])
    found, _ = _measure_all(study, events, network, estimates, resampling)
    return ExternalMeasures(
        main_metric=WRONG_CRYSTAL,
        test_events=len(events),
        test_positions=len(np.unique(events["grid_index"], axis=0)),
        estimators=found.table,
        gain_over_baselines=compare(found, resampling, without=iterating("crystal")),
    )


def _measure_all(
    study: CrystalStudy,
    events: EventTable,
    network: NDArray[np.float64],
    estimates: Estimates,
    resampling: Resampling,
) -> tuple[Measured, dict[str, Crystals]]:
    everyone = {
        "network": chosen_crystal(network),
        **{name: estimate.astype(np.int64) for name, estimate in estimates.items()},
    }
    found = measure(
        {name: _statistics(study, events, crystal) for name, crystal in everyone.items()},
        resampling,
    )
    table = {name: _with_share_right(row) for name, row in found.table.items()}
    return replace(found, table=table), everyone


def _with_share_right(row: Intervals) -> Intervals:
    """Add the share that is right, of which the field speaks."""
    wrong = row[WRONG_CRYSTAL.key]
    right = Interval(100.0 - wrong.value, 100.0 - wrong.high, 100.0 - wrong.low, wrong.confidence)
    return Intervals(intervals={**row.intervals, "right_crystal_percent": right})


def _statistics(
    study: CrystalStudy, events: EventTable, chosen: Crystals
) -> dict[Metric, Statistic]:
    truth = first_crystal(events)
    centres = load_detector(study.detector).crystal.element_centres_mm
    wrong = 100.0 * (chosen != truth)
    one = np.asarray(events["elements_hit"]) == 1
    return {
        WRONG_CRYSTAL: mean_statistic(wrong),
        WRONG_OF_ONE_CRYSTAL: _mean_of(wrong, one),
        WRONG_OF_SCATTERED: _mean_of(wrong, ~one),
        MEAN_MISPLACEMENT: mean_statistic(np.linalg.norm(centres[chosen] - centres[truth], axis=1)),
    }


def _mean_of(values: NDArray[np.float64], inside: NDArray[np.bool_]) -> Statistic:
    """Return the weighted mean percentage of some of the events.

    Where none of them is wrong, half an event is counted, so that ratios of two estimators stay
    defined in every replicate.
    """
    index = np.flatnonzero(inside)
    some = values[index]

    def statistic(weights: NDArray[np.float64]) -> float:
        total = max(float(weights[index].sum()), 1.0)
        return max(float(weights[index] @ some), 50.0) / total

    return statistic


def _chances(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the softmax of scores (…, crystal), which makes initializations comparable."""
    raised = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=-1, keepdims=True))


def _subgroups(
    study: CrystalStudy,
    test: EventTable,
    network: NDArray[np.bool_],
    baseline: NDArray[np.bool_],
    resampling: Resampling,
) -> tuple[SubgroupRecord, ...]:
    detector = load_detector(study.detector)
    columns, rows = detector.crystal.elements
    hit, first = np.asarray(test["elements_hit"]), first_crystal(test)
    row, column = np.divmod(first, columns)
    rim = (row == 0) | (row == rows - 1) | (column == 0) | (column == columns - 1)
    edges = [float(e) for e in np.linspace(0, detector.thickness_mm, DEPTH_BINS + 1)]
    masks = {
        "one crystal hit": hit == 1,
        "two crystals hit": hit == 2,
        "more crystals hit": hit > 2,
        "first crystal at the rim": rim,
        "first crystal within": ~rim,
        **bins(np.asarray(test["depth_mm"], np.float64), edges, "depth", "mm"),
    }
    return subgroup_records(
        100.0 * network.astype(np.float64),
        100.0 * baseline.astype(np.float64),
        masks,
        WRONG_CRYSTAL,
        mean_statistic,
        resampling,
    )

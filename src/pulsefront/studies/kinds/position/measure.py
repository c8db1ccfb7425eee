"""The test of a position study: every estimator against the first interaction."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pulsefront.detector import load_detector
from pulsefront.estimators.registry import iterating
from pulsefront.evaluate.intervals import (
    Statistic,
    mean_statistic,
    median_statistic,
    point_spread_statistic,
)
from pulsefront.evaluate.metrics import euclidean_error
from pulsefront.evaluate.record import Intervals
from pulsefront.evaluate.subgroups import bins, regions
from pulsefront.events.container import EventTable
from pulsefront.studies.folders import SplitEvents
from pulsefront.studies.kinds.base import Estimates, Evaluation, ExternalMeasures, Outputs
from pulsefront.studies.kinds.position.bound import position_limit
from pulsefront.studies.kinds.position.data import labels_mm, median_error, truth_mm
from pulsefront.studies.kinds.position.records import PositionTest
from pulsefront.studies.kinds.position.settings import PositionStudy
from pulsefront.studies.measure import (
    Resampling,
    agreement,
    compare,
    measure,
    over_initializations,
    power_of_test,
    subgroup_records,
)
from pulsefront.studies.metrics import (
    FWHM_2D,
    FWTM_2D,
    MEAN_ABSOLUTE_ERRORS,
    MEAN_ERROR_2D,
    MEAN_ERROR_3D,
    Metric,
)
from pulsefront.studies.records import Initializations, SubgroupRecord

__all__ = ["evaluate", "evaluate_external", "losses"]

DEPTH_BINS = 4
EDGE_MM = 5.0


def _statistics(residual: NDArray[np.float64]) -> dict[Metric, Statistic]:
    """Return the metrics of residuals (event, 3), or (event, 2) where no depth is known."""
    error = euclidean_error(residual)
    axes = residual.shape[1]
    return {
        median_error(axes): median_statistic(error),
        MEAN_ERROR_3D if axes == 3 else MEAN_ERROR_2D: mean_statistic(error),
        FWHM_2D: point_spread_statistic(residual),
        FWTM_2D: point_spread_statistic(residual, level=0.1),
        **{
            metric: mean_statistic(np.abs(residual[:, axis]))
            for axis, metric in enumerate(MEAN_ABSOLUTE_ERRORS[:axes])
        },
    }


def evaluate(
    study: PositionStudy,
    parts: SplitEvents,
    outputs: Outputs,
    estimates: Estimates,
    cache: Path,
) -> Evaluation:
    """Measure every estimator on the test set.

    Parameters
    ----------
    outputs
        Of the networks, in mm.
    estimates
        Classical estimator → (test event, axis) in mm.
    cache
        Folder of the light map.
    """
    test = parts.test
    truth = truth_mm(test)
    main = median_error(truth.shape[1])
    resampling = Resampling.of(study, len(truth), test["grid_index"])
    everyone = {"network": outputs.network, **estimates}
    residuals = {name: estimate - truth for name, estimate in everyone.items()}
    found = measure({name: _statistics(r) for name, r in residuals.items()}, resampling)
    best = found.best(main)
    simulated = "first_interaction_mm" in test.columns
    record = PositionTest(
        main_metric=main,
        reference_standard="first interaction in the simulation"
        if simulated
        else "position of the stage",
        test_events=len(truth),
        test_positions=len(np.unique(test["grid_index"], axis=0)),
        estimators=_with_stage(found.table, everyone, labels_mm(study, test)),
        best_baseline=best,
        gain=compare(found, resampling),
        # What iterates for every event is a reference beside the baselines.
        gain_over_baselines=compare(found, resampling, without=iterating("position")),
        initializations=Initializations(
            final=over_initializations([_statistics(o - truth) for o in outputs.final], resampling),
            full=over_initializations([_statistics(o - truth) for o in outputs.full], resampling),
        ),
        uncertainty=agreement(
            outputs.final,
            residuals["network"],
            lambda some: float(np.median(euclidean_error(some))),
        ),
        subgroups=_subgroups(study, test, residuals["network"], residuals[best], resampling),
        power=power_of_test(found, main, resampling, study.statistics.least_gain_percent),
        limit=position_limit(study, study.scan, test, outputs.network, cache)
        if simulated and study.scan is not None
        else None,
    )
    arrays = {
        "truth_mm": truth,
        "stage_mm": np.asarray(test["stage_position_mm"], np.float64),
        "network_mm": outputs.network,
        **{f"residual_{name}_mm": residual for name, residual in residuals.items()},
    }
    return Evaluation(record, arrays)


def losses(events: EventTable, position_mm: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how far *position_mm* (event, axis) are from the truth, (event,), in common axes."""
    truth = truth_mm(events)
    axes = min(truth.shape[1], position_mm.shape[1])
    return euclidean_error(position_mm[:, :axes] - truth[:, :axes])


def _with_stage(
    table: dict[str, Intervals], everyone: Estimates, stage: NDArray[np.float64]
) -> dict[str, Intervals]:
    """Add how far each estimator is from the stage, which a measurement could tell."""
    return {
        name: Intervals(
            intervals=row.intervals,
            numbers={
                "median_error_2d_to_stage_mm": float(
                    np.median(euclidean_error((everyone[name] - stage)[:, :2]))
                )
            },
        )
        for name, row in table.items()
    }


def evaluate_external(
    study: PositionStudy,
    events: EventTable,
    network: NDArray[np.float64],
    estimates: Estimates,
) -> ExternalMeasures:
    """Measure every estimator on events of another set, in the axes that the set knows."""
    truth = truth_mm(events)
    axes = min(truth.shape[1], network.shape[1])
    resampling = Resampling.of(study, len(truth), events["grid_index"])
    everyone = {"network": network, **estimates}
    found = measure(
        {name: _statistics(e[:, :axes] - truth[:, :axes]) for name, e in everyone.items()},
        resampling,
    )
    return ExternalMeasures(
        main_metric=median_error(axes),
        test_events=len(truth),
        test_positions=len(np.unique(events["grid_index"], axis=0)),
        estimators=found.table,
        gain_over_baselines=compare(found, resampling, without=iterating("position")),
    )


def _subgroups(
    study: PositionStudy,
    test: EventTable,
    network: NDArray[np.float64],
    baseline: NDArray[np.float64],
    resampling: Resampling,
) -> tuple[SubgroupRecord, ...]:
    size = load_detector(study.detector).crystal.size_mm
    masks = dict(regions(truth_mm(test)[:, :2], size[0] / 2, EDGE_MM))
    if "depth_mm" in test.columns:
        edges = [float(e) for e in np.linspace(0, size[2], DEPTH_BINS + 1)]
        masks |= bins(np.asarray(test["depth_mm"], np.float64), edges, "depth", "mm")
    if "compton_scatters" in test.columns:
        scatters = np.asarray(test["compton_scatters"])
        masks["photoelectric at once"] = scatters == 0
        masks["one Compton scatter"] = scatters == 1
        masks["more Compton scatters"] = scatters > 1
    return subgroup_records(
        euclidean_error(network),
        euclidean_error(baseline),
        masks,
        median_error(network.shape[1]),
        median_statistic,
        resampling,
    )

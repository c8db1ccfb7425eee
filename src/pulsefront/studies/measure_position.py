"""The test of a position study: every estimator against the first interaction."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsefront.detector import load_detector
from pulsefront.evaluate.intervals import (
    Statistic,
    bootstrap,
    fwhm_statistic,
    mean_statistic,
    median_statistic,
)
from pulsefront.evaluate.metrics import central_width, euclidean_error
from pulsefront.evaluate.subgroups import bins, regions, subgroup_table
from pulsefront.events.container import EventTable
from pulsefront.studies.config import PositionStudy
from pulsefront.studies.measure import compare, over_initializations, rows
from pulsefront.studies.parts import Evaluation, SplitEvents
from pulsefront.studies.position import LIKELIHOOD, labels_mm, truth_mm

__all__ = ["MAIN_METRIC", "evaluate"]

MAIN_METRIC = "median_error_3d_mm"
AXES = ("x", "y", "depth")
DEPTH_BINS = 4
EDGE_MM = 5.0


def _statistics(residual: NDArray[np.float64]) -> dict[str, Statistic]:
    error = euclidean_error(residual)
    return {
        "median_error_3d_mm": median_statistic(error),
        "mean_error_3d_mm": mean_statistic(error),
        "fwhm_2d_mm": _point_spread_statistic(residual, 0.5),
        "fwtm_2d_mm": _point_spread_statistic(residual, 0.1),
        **{
            f"mean_absolute_{axis}_error_mm": mean_statistic(np.abs(residual[:, k]))
            for k, axis in enumerate(AXES)
        },
    }


def _point_spread_statistic(residual: NDArray[np.float64], level: float) -> Statistic:
    """Return the width of the 2-D point-spread function, as `metrics.point_spread` defines it.

    Band and bins are fixed from all events, so that replicates differ in counts alone.
    """
    profiles = []
    for axis, other in ((0, 1), (1, 0)):
        across = residual[:, other]
        band = np.flatnonzero(np.abs(across - np.median(across)) <= central_width(across))
        profiles.append((band, fwhm_statistic(residual[band, axis], level=level)))
    return lambda weights: 0.5 * sum(profile(weights[band]) for band, profile in profiles)


def evaluate(
    study: PositionStudy,
    parts: SplitEvents,
    estimates: Mapping[str, NDArray[np.float64]],
    initializations: Mapping[str, NDArray[np.float64]],
) -> Evaluation:
    """Measure every estimator on the test set.

    Parameters
    ----------
    estimates
        Estimator → (test event, 3) in mm; ``"network"`` is the exported network's.
    initializations
        ``"final"`` and ``"full"`` → (initialization, test event, 3): the searched and the full
        float network.
    """
    test = parts.events.select(parts.split.test)
    truth = truth_mm(test)
    places = test["grid_index"]
    options: dict[str, Any] = {
        "groups": places,
        "replicates": study.statistics.replicates,
        "confidence": study.statistics.confidence,
        "seed": study.seed,
    }
    residuals = {name: estimate - truth for name, estimate in estimates.items()}
    statistics = {name: _statistics(residual) for name, residual in residuals.items()}
    table = {
        name: rows({key: bootstrap(s, len(truth), **options) for key, s in metrics.items()})
        for name, metrics in statistics.items()
    }
    to_stage = labels_mm(study, test)
    for name, estimate in estimates.items():
        distance = euclidean_error((estimate - to_stage)[:, :2])
        table[name]["median_error_2d_to_stage_mm"] = float(np.median(distance))
    best = min(
        (name for name in estimates if name != "network"), key=lambda n: table[n][MAIN_METRIC]
    )
    record = {
        "main_metric": MAIN_METRIC,
        "reference_standard": "first interaction in the simulation",
        "test_events": len(truth),
        "test_positions": len(np.unique(places, axis=0)),
        "estimators": table,
        "best_baseline": best,
        "gain": compare(statistics, table, len(truth), options),
        # The likelihood iterates for every event: a reference beside the baselines.
        "gain_over_baselines": compare(
            {name: s for name, s in statistics.items() if name != LIKELIHOOD},
            table,
            len(truth),
            options,
        ),
        "initializations": {
            name: over_initializations(
                [
                    {k: s(np.ones(len(truth))) for k, s in _statistics(o - truth).items()}
                    for o in all_
                ]
            )
            for name, all_ in initializations.items()
        },
        "subgroups": _subgroups(study, test, residuals["network"], residuals[best], options),
    }
    arrays = {
        "truth_mm": truth,
        "stage_mm": np.asarray(test["stage_position_mm"], np.float64),
        "network_mm": estimates["network"],
        **{f"residual_{name}_mm": residual for name, residual in residuals.items()},
    }
    return Evaluation(record, arrays)


def _subgroups(
    study: PositionStudy,
    test: EventTable,
    network: NDArray[np.float64],
    baseline: NDArray[np.float64],
    options: Mapping[str, Any],
) -> list[dict[str, Any]]:
    size = load_detector(study.detector).crystal.size_mm
    depth = np.asarray(test["depth_mm"], np.float64)
    scatters = np.asarray(test["compton_scatters"])
    masks = {
        **regions(test["first_interaction_mm"], size[0] / 2, EDGE_MM),
        **bins(depth, [float(e) for e in np.linspace(0, size[2], DEPTH_BINS + 1)], "depth", "mm"),
        "photoelectric at once": scatters == 0,
        "one Compton scatter": scatters == 1,
        "more Compton scatters": scatters > 1,
    }
    options = {**options, "replicates": max(200, options["replicates"] // 5)}
    tables = [
        subgroup_table(euclidean_error(residual), masks, median_statistic, **options)
        for residual in (network, baseline)
    ]
    return [
        {
            "subgroup": ours.name,
            "events": ours.events,
            **(ours.interval.as_dict("network_median_error_3d_mm") if ours.interval else {}),
            **(theirs.interval.as_dict("baseline_median_error_3d_mm") if theirs.interval else {}),
            **({"note": ours.note} if ours.note else {}),
        }
        for ours, theirs in zip(*tables, strict=True)
    ]

"""The test of a position study: every estimator against the first interaction."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsefront.detector import load_detector
from pulsefront.evaluate.intervals import (
    Statistic,
    fwhm_statistic,
    mean_statistic,
    median_statistic,
)
from pulsefront.evaluate.metrics import central_width, euclidean_error
from pulsefront.evaluate.subgroups import bins, regions, subgroup_table
from pulsefront.events.container import EventTable
from pulsefront.studies.bounds import position_limit
from pulsefront.studies.config import PositionStudy
from pulsefront.studies.kinds.position.data import LIKELIHOOD, labels_mm, truth_mm
from pulsefront.studies.measure import Answers, agreement, compare, measure, over_initializations
from pulsefront.studies.parts import Evaluation, SplitEvents

__all__ = ["evaluate", "evaluate_external"]

AXES = ("x", "y", "depth")
DEPTH_BINS = 4
EDGE_MM = 5.0


def _statistics(residual: NDArray[np.float64]) -> dict[str, Statistic]:
    """Return the metrics of residuals (event, 3), or (event, 2) where no depth is known."""
    error = euclidean_error(residual)
    dimensions = residual.shape[1]
    return {
        f"median_error_{dimensions}d_mm": median_statistic(error),
        f"mean_error_{dimensions}d_mm": mean_statistic(error),
        "fwhm_2d_mm": _point_spread_statistic(residual, 0.5),
        "fwtm_2d_mm": _point_spread_statistic(residual, 0.1),
        **{
            f"mean_absolute_{AXES[k]}_error_mm": mean_statistic(np.abs(residual[:, k]))
            for k in range(dimensions)
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


def _options(study: PositionStudy, events: EventTable) -> dict[str, Any]:
    return {
        "groups": events["grid_index"],
        "replicates": study.statistics.replicates,
        "confidence": study.statistics.confidence,
        "seed": study.seed,
    }


def evaluate(
    study: PositionStudy,
    parts: SplitEvents,
    answers: Answers,
    estimates: Mapping[str, NDArray[np.float64]],
    cache: Path,
) -> Evaluation:
    """Measure every estimator on the test set.

    Parameters
    ----------
    answers
        Of the networks, in mm.
    estimates
        Classical estimator → (test event, axis) in mm.
    cache
        Folder of the light map.
    """
    test = parts.events.select(parts.split.test)
    truth = truth_mm(test)
    main = f"median_error_{truth.shape[1]}d_mm"
    options = _options(study, test)
    everyone = {"network": answers.network, **estimates}
    residuals = {name: estimate - truth for name, estimate in everyone.items()}
    found = measure(
        {name: _statistics(residual) for name, residual in residuals.items()}, len(truth), options
    )
    to_stage = labels_mm(study, test)
    for name, estimate in everyone.items():
        distance = euclidean_error((estimate - to_stage)[:, :2])
        found.table[name]["median_error_2d_to_stage_mm"] = float(np.median(distance))
    best = found.best(main)
    simulated = "first_interaction_mm" in test.columns
    record = {
        "main_metric": main,
        "reference_standard": "first interaction in the simulation"
        if simulated
        else "position of the stage",
        "test_events": len(truth),
        "test_positions": len(np.unique(test["grid_index"], axis=0)),
        "estimators": found.table,
        "best_baseline": best,
        "gain": compare(found, len(truth), options),
        # The likelihood iterates for every event: a reference beside the baselines.
        "gain_over_baselines": compare(found, len(truth), options, without=[LIKELIHOOD]),
        "initializations": {
            name: over_initializations([_statistics(o - truth) for o in all_], len(truth))
            for name, all_ in (("final", answers.final), ("full", answers.full))
        },
        "uncertainty": agreement(
            answers.final,
            residuals["network"],
            lambda some: float(np.median(euclidean_error(some))),
        ),
        "subgroups": _subgroups(study, test, residuals["network"], residuals[best], options),
    }
    if simulated and study.scan is not None:
        record["limit"] = position_limit(study, parts, answers.network, cache)
    arrays = {
        "truth_mm": truth,
        "stage_mm": np.asarray(test["stage_position_mm"], np.float64),
        "network_mm": answers.network,
        **{f"residual_{name}_mm": residual for name, residual in residuals.items()},
    }
    return Evaluation(record, arrays)


def evaluate_external(
    study: PositionStudy,
    events: EventTable,
    network: NDArray[np.float64],
    estimates: Mapping[str, NDArray[np.float64]],
) -> dict[str, Any]:
    """Measure every estimator on events of another set, in the axes that the set knows."""
    truth = truth_mm(events)
    axes = min(truth.shape[1], network.shape[1])
    options = _options(study, events)
    everyone = {"network": network, **estimates}
    found = measure(
        {name: _statistics(e[:, :axes] - truth[:, :axes]) for name, e in everyone.items()},
        len(truth),
        options,
    )
    return {
        "main_metric": f"median_error_{axes}d_mm",
        "test_events": len(truth),
        "test_positions": len(np.unique(events["grid_index"], axis=0)),
        "estimators": found.table,
        "gain_over_baselines": compare(found, len(truth), options, without=[LIKELIHOOD]),
    }


def _subgroups(
    study: PositionStudy,
    test: EventTable,
    network: NDArray[np.float64],
    baseline: NDArray[np.float64],
    options: Mapping[str, Any],
) -> list[dict[str, Any]]:
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
    name = f"median_error_{network.shape[1]}d_mm"
    options = {**options, "replicates": max(200, options["replicates"] // 5)}
    tables = [
        subgroup_table(euclidean_error(residual), masks, median_statistic, **options)
        for residual in (network, baseline)
    ]
    return [
        {
            "subgroup": ours.name,
            "events": ours.events,
            **(ours.interval.as_dict(f"network_{name}") if ours.interval else {}),
            **(theirs.interval.as_dict(f"baseline_{name}") if theirs.interval else {}),
            **({"note": ours.note} if ours.note else {}),
        }
        for ours, theirs in zip(*tables, strict=True)
    ]

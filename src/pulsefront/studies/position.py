"""The study of position of interaction: what is simulated, learned, compared and measured."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsefront.detector import Detector, load_detector
from pulsefront.errors import DataError
from pulsefront.estimators.photopeak import find_photopeak
from pulsefront.estimators.position import fit_anger, fit_nearest_neighbours
from pulsefront.evaluate import check_leaks, split_grid
from pulsefront.evaluate.intervals import (
    Interval,
    Statistic,
    bootstrap,
    difference,
    fwhm_statistic,
    mean_statistic,
    median_statistic,
    relative_gain,
    t_interval,
)
from pulsefront.evaluate.metrics import central_width, euclidean_error
from pulsefront.evaluate.subgroups import bins, regions, subgroup_table
from pulsefront.events.container import EventTable
from pulsefront.fixed_point import FixedPointFormat
from pulsefront.progress import progress
from pulsefront.search.task import Task, median_distance
from pulsefront.simulate.scan import simulate_scan
from pulsefront.studies.config import PositionStudy
from pulsefront.studies.parts import Baseline, Evaluation, SplitEvents

__all__ = [
    "MAIN_METRIC",
    "OUTPUT_FORMAT",
    "baselines",
    "evaluate",
    "generate",
    "learning_task",
    "split",
]

MAIN_METRIC = "median_error_3d_mm"
OUTPUT_FORMAT = FixedPointFormat(16, 7)
"""Position in mm: ±64 mm in steps of 2 µm."""

AXES = ("x", "y", "depth")
DEPTH_BINS = 4
EDGE_MM = 5.0


def generate(study: PositionStudy, cache: Path) -> EventTable:
    """Simulate the point-source scan of the study."""
    detector = load_detector(study.detector)
    with progress("Simulating the scan", "events") as report:
        return simulate_scan(detector, study.scan, study.seed, cache=cache, report=report)


def split(study: PositionStudy, events: EventTable) -> tuple[NDArray[np.int64], SplitEvents]:
    """Select photopeak events and split them by stage position.

    The photopeak is found in training events alone and its window applied to all.
    """
    usable = np.flatnonzero(events.status == 0)
    bad = len(events) - len(usable)
    charge = events["charge_adc"].sum(axis=1, dtype=np.float64)
    whole = split_grid(events["grid_index"][usable], seed=study.seed)
    peak = find_photopeak(charge[usable][whole.train])
    inside = peak.contains(charge[usable], study.events.photopeak_sigmas)
    selected = usable[inside]
    if len(selected) == 0:
        raise DataError("no event lies in the photopeak window", field="charge_adc")
    kept = events.select(selected)
    parts = split_grid(kept["grid_index"], seed=study.seed)
    leaks = check_leaks(
        parts,
        positions_mm=_nominal_mm(kept),
        groups={"stage position": kept["grid_index"]},
    )
    leaks.raise_on_leak()
    record = {
        "events_simulated": len(events),
        "events_with_status": bad,
        "events_outside_photopeak": int((~inside).sum()),
        "photopeak_adc": peak.position,
        "photopeak_sigma_adc": peak.sigma,
        "energy_resolution_fwhm_percent": 100.0 * peak.fwhm_fraction,
        "photopeak_window_sigmas": study.events.photopeak_sigmas,
        **leaks.as_record(),
    }
    return selected, SplitEvents(kept, parts, record)


def _nominal_mm(events: EventTable) -> NDArray[np.float64]:
    """Return where the stage was told to go: one place per grid index."""
    return np.asarray(events["stage_position_mm"], np.float64)


def labels_mm(study: PositionStudy, events: EventTable) -> NDArray[np.float64]:
    """Return what is learned, (event, 3): x and y of the stage or the truth, and depth."""
    truth = np.asarray(events["first_interaction_mm"], np.float64)
    xy = truth[:, :2] if study.events.label == "first_interaction" else _nominal_mm(events)
    return np.column_stack([xy, np.asarray(events["depth_mm"], np.float64)])


def truth_mm(events: EventTable) -> NDArray[np.float64]:
    """Return the first interaction as x, y, depth, (event, 3)."""
    truth = np.asarray(events["first_interaction_mm"], np.float64)
    return np.column_stack([truth[:, :2], np.asarray(events["depth_mm"], np.float64)])


def learning_task(study: PositionStudy, parts: SplitEvents) -> Task:
    """Return the regression of x, y and depth from the charges."""
    detector = load_detector(study.detector)
    assert detector.charge is not None  # simulate_scan has refused other detectors
    bits = detector.charge.adc_bits
    grid = parts.events["grid_index"].astype(np.int64)
    return Task(
        name=study.name,
        inputs=parts.events["charge_adc"],
        targets=labels_mm(study, parts.events),
        train=parts.split.train,
        selection=parts.split.selection,
        input_format=FixedPointFormat(bits, bits, signed=False),
        output_format=OUTPUT_FORMAT,
        loss=study.loss,
        metric=median_distance,
        metric_name="median_error_3d_mm",
        input_names=tuple(f"sensor_{i}" for i in range(parts.events["charge_adc"].shape[1])),
        output_names=("x_mm", "y_mm", "depth_mm"),
        groups=(grid[:, 0] << 20) + grid[:, 1],
    )


def sensor_centres_mm(detector: Detector) -> NDArray[np.float64]:
    """Return x and y of every photosensor, (sensor, 2), in the order of the charges: rows of x."""
    plane = detector.sensors
    x, y = (
        (np.arange(count) - 0.5 * (count - 1)) * pitch
        for count, pitch in zip(plane.grid, plane.pitch_mm, strict=True)
    )
    return np.column_stack([np.tile(x, plane.grid[1]), np.repeat(y, plane.grid[0])])


def baselines(study: PositionStudy, parts: SplitEvents) -> list[Baseline]:
    """Fit and tune Anger logic and k-NN on training and selection events; estimate the test set."""
    charges = parts.events["charge_adc"]
    labels = labels_mm(study, parts.events)
    train, selection, test = parts.split.train, parts.split.selection, parts.split.test
    sensors = sensor_centres_mm(load_detector(study.detector))
    data = (charges[train], labels[train], charges[selection], labels[selection])
    anger = fit_anger(*data, sensors)
    neighbours = fit_nearest_neighbours(
        *data,
        most_references=study.baselines.knn_references,
        most_selection=study.baselines.knn_selection,
        seed=study.seed,
    )
    return [
        Baseline(
            name,
            fitted.estimate(charges[test]),
            fitted.parameters,
            tuple(
                {**row.parameters, "median_error_3d_mm": row.median_error_mm}
                for row in fitted.table
            ),
        )
        for name, fitted in (("Anger logic", anger), ("k-NN", neighbours))
    ]


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
        name: _rows({key: bootstrap(s, len(truth), **options) for key, s in metrics.items()})
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
        "gain": compare(statistics["network"], statistics[best], len(truth), options),
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
        "stage_mm": _nominal_mm(test),
        "network_mm": estimates["network"],
        **{f"residual_{name}_mm": residual for name, residual in residuals.items()},
    }
    return Evaluation(record, arrays)


def compare(
    network: Mapping[str, Statistic],
    baseline: Mapping[str, Statistic],
    events: int,
    options: Mapping[str, Any],
) -> dict[str, Any]:
    """Return, per metric, baseline − network and the relative gain, paired by event."""
    record: dict[str, Any] = {}
    for key, statistic in network.items():
        found = bootstrap(difference(baseline[key], statistic), events, **options)
        gain = bootstrap(relative_gain(statistic, baseline[key]), events, **options).scaled(100.0)
        record[key] = {
            **found.as_dict("improvement"),
            **gain.as_dict("gain_percent"),
            "excludes_zero": found.low > 0.0,
        }
    return record


def over_initializations(values: list[dict[str, float]]) -> dict[str, Any]:
    """Return each metric's values over initializations with mean and t interval."""
    record: dict[str, Any] = {}
    for key in values[0]:
        series = [value[key] for value in values]
        record[key] = {"each": series, **t_interval(series).as_dict("mean")}
    return record


def _rows(intervals: Mapping[str, Interval]) -> dict[str, Any]:
    return {key: value for name, i in intervals.items() for key, value in i.as_dict(name).items()}


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

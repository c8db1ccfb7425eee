"""The study of position of interaction: what is simulated, learned, compared and measured."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pulsefront.detector import Detector, load_detector
from pulsefront.errors import DataError
from pulsefront.estimators.light_response import LightResponse, fit_light_response
from pulsefront.estimators.photopeak import find_photopeak
from pulsefront.estimators.position import (
    AngerLogic,
    NearestNeighbours,
    fit_anger,
    fit_nearest_neighbours,
)
from pulsefront.evaluate import check_leaks, split_grid
from pulsefront.events.container import EventTable
from pulsefront.fixed_point import FixedPointFormat
from pulsefront.progress import progress
from pulsefront.search.task import Task, median_distance
from pulsefront.simulate.scan import simulate_scan
from pulsefront.studies.config import PositionStudy
from pulsefront.studies.parts import Baseline, SplitEvents

__all__ = [
    "LIKELIHOOD",
    "OUTPUT_FORMAT",
    "baselines",
    "generate",
    "labels_mm",
    "learning_task",
    "sensor_centres_mm",
    "split",
    "truth_mm",
]

LIKELIHOOD = "light-response likelihood"
OUTPUT_FORMAT = FixedPointFormat(16, 7)
"""Position in mm: ±64 mm in steps of 2 µm."""


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
    """Fit and tune the classical estimators on training and selection events; apply to the test.

    Anger logic and k-NN, and the strongest that is known: maximum likelihood with a light
    response fitted to the training events, which iterates for every event.
    """
    charges = parts.events["charge_adc"]
    labels = labels_mm(study, parts.events)
    train, selection, test = parts.split.train, parts.split.selection, parts.split.test
    detector = load_detector(study.detector)
    data = (charges[train], labels[train], charges[selection], labels[selection])
    half_x, half_y, depth = (size / 2 for size in detector.crystal.size_mm)
    fitted: dict[str, AngerLogic | NearestNeighbours | LightResponse] = {
        "Anger logic": fit_anger(*data, sensor_centres_mm(detector)),
        "k-NN": fit_nearest_neighbours(
            *data,
            most_references=study.baselines.knn_references,
            most_selection=study.baselines.knn_selection,
            seed=study.seed,
        ),
        LIKELIHOOD: fit_light_response(
            *data, extent_mm=((-half_x, half_x), (-half_y, half_y), (0.0, 2 * depth))
        ),
    }
    return [
        Baseline(
            name,
            estimator.estimate(charges[test]),
            estimator.parameters,
            tuple(
                {**row.parameters, "median_error_3d_mm": row.median_error_mm}
                for row in estimator.table
            ),
        )
        for name, estimator in fitted.items()
    ]

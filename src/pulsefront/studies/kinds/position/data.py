"""The study of position of interaction: what is simulated, learned, compared and measured."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsefront.detector import load_detector
from pulsefront.errors import DataError
from pulsefront.estimators.energy.photopeak import find_photopeak
from pulsefront.estimators.position.charges import (
    AngerLogic,
    NearestNeighbours,
    fit_anger,
    fit_nearest_neighbours,
)
from pulsefront.estimators.position.light_response import LightResponse, fit_light_response
from pulsefront.evaluate import Split, check_leaks, split_grid
from pulsefront.events.container import EventTable
from pulsefront.events.external import load_external
from pulsefront.fixed_point import FixedPointFormat
from pulsefront.measured.scans import split_scan_set
from pulsefront.progress import progress
from pulsefront.search.task import Task, median_distance
from pulsefront.simulate.scan.measurement import ScanSettings, scan_plan, simulate_scan
from pulsefront.studies.config import ExternalSet, PositionStudy, ScanStudy
from pulsefront.studies.parts import Baseline, SplitEvents, external_detector, restrict

__all__ = [
    "LIKELIHOOD",
    "MEASURED_KIND",
    "OUTPUT_FORMAT",
    "baselines",
    "charge_sum_adc",
    "generate",
    "generate_external",
    "labels_mm",
    "learning_task",
    "network_inputs",
    "select_external",
    "split",
    "truth_mm",
]

LIKELIHOOD = "light-response likelihood"
MEASURED_KIND = "position"
OUTPUT_FORMAT = FixedPointFormat(16, 7)
"""Position in mm: ±64 mm in steps of 2 µm."""


def generate(study: ScanStudy, cache: Path, folder: Path) -> EventTable:
    """Simulate the point-source scan of the study, or read its measured one.

    *folder* is that of the study file, which measured files are relative to.
    """
    detector = load_detector(study.detector)
    if study.measured is not None:
        channels = detector.sensors.count
        return load_external(study.measured, "position", relative_to=folder, channels=channels)
    assert study.scan is not None  # the study file has one of both
    with progress("Simulating the scan", "events") as report:
        return simulate_scan(detector, study.scan, study.seed, cache=cache, report=report)


def generate_external(study: ScanStudy, chosen: ExternalSet, cache: Path) -> EventTable:
    """Simulate an external set at stage positions between those of training."""
    scan = (study.scan or ScanSettings()).model_copy(update={"events_even_even": 0})
    detector = external_detector(study.detector, chosen)
    plan = scan_plan(detector, scan, study.seed + 1, events=chosen.events, cache=cache)
    with progress(f"Simulating {chosen.name}", "events") as report:
        return plan.run(report=report)


def split(study: ScanStudy, events: EventTable) -> tuple[NDArray[np.int64], SplitEvents]:
    """Select photopeak events and split them by stage position.

    The photopeak is found in training events alone and its window applied to all.
    """
    usable = np.flatnonzero(events.status == 0)
    good = events.select(usable)
    charge = charge_sum_adc(good)
    whole = _split_positions(study, good)
    peak = find_photopeak(charge[whole.train])
    inside = peak.contains(charge, study.events.photopeak_sigmas)
    if not inside.any():
        raise DataError("no event lies in the photopeak window", field="charge_adc")
    kept = good.select(inside)
    parts = restrict(whole, inside)
    apart = study.measured.apart if study.measured is not None else ()
    leaks = check_leaks(
        parts,
        positions_mm=_nominal_mm(kept),
        groups={
            "stage position": kept["grid_index"],
            **{label: kept[label] for label in apart},
        },
    )
    leaks.raise_on_leak()
    record = {
        "events_recorded": len(events),
        "events_with_status": len(events) - len(usable),
        "events_outside_photopeak": int((~inside).sum()),
        "photopeak_adc": peak.position,
        "photopeak_sigma_adc": peak.sigma,
        "energy_resolution_fwhm_percent": 100.0 * peak.fwhm_fraction,
        "photopeak_window_sigmas": study.events.photopeak_sigmas,
        **leaks.as_record(),
    }
    return usable[inside], SplitEvents(kept, parts, record)


def _split_positions(study: ScanStudy, events: EventTable) -> Split:
    if study.measured is None:
        return split_grid(events["grid_index"], seed=study.seed)
    found, _ = split_scan_set(
        events,
        seed=study.seed,
        apart=study.measured.apart,
        least_distance_mm=study.measured.least_distance_mm,
    )
    return found


def select_external(study: ScanStudy, events: EventTable) -> tuple[EventTable, dict[str, Any]]:
    """Return the photopeak events of an external set, by the peak of its own spectrum.

    A detector's energy is calibrated before its positions are used; nothing else is adapted.
    """
    good = events.select(events.status == 0)
    charge = charge_sum_adc(good)
    peak = find_photopeak(charge)
    inside = peak.contains(charge, study.events.photopeak_sigmas)
    return good.select(inside), {
        "events_recorded": len(events),
        "events_with_status": len(events) - len(good),
        "events_outside_photopeak": int((~inside).sum()),
        "photopeak_adc": peak.position,
    }


def charge_sum_adc(events: EventTable) -> NDArray[np.float64]:
    """Return the sum of all charges, (event,)."""
    return np.asarray(events["charge_adc"].sum(axis=1, dtype=np.float64))


def _nominal_mm(events: EventTable) -> NDArray[np.float64]:
    """Return where the stage was told to go: one place per grid index."""
    return np.asarray(events["stage_position_mm"], np.float64)


def labels_mm(study: PositionStudy, events: EventTable) -> NDArray[np.float64]:
    """Return what is learned: x and y of the stage or the truth, and depth where it is known.

    (event, 3), or (event, 2) for measured events without depth.
    """
    first = study.events.label == "first_interaction"
    if first and "first_interaction_mm" not in events.columns:
        raise DataError(
            "measured events do not say where the first interaction was",
            field="events.label",
            value=study.events.label,
            remedy='use label = "stage"',
        )
    xy = (
        np.asarray(events["first_interaction_mm"], np.float64)[:, :2]
        if first
        else _nominal_mm(events)
    )
    if "depth_mm" not in events.columns:
        return xy
    return np.column_stack([xy, np.asarray(events["depth_mm"], np.float64)])


def truth_mm(events: EventTable) -> NDArray[np.float64]:
    """Return the first interaction as x, y, depth, (event, 3); measured: what the stage says."""
    known = "first_interaction_mm" if "first_interaction_mm" in events.columns else None
    xy = _nominal_mm(events) if known is None else np.asarray(events[known], np.float64)[:, :2]
    if "depth_mm" not in events.columns:
        return xy
    return np.column_stack([xy, np.asarray(events["depth_mm"], np.float64)])


def learning_task(study: PositionStudy, parts: SplitEvents) -> Task:
    """Return the regression of x, y and depth from the charges."""
    detector = load_detector(study.detector)
    assert detector.charge is not None  # simulate_scan has refused other detectors
    bits = detector.charge.adc_bits
    grid = parts.events["grid_index"].astype(np.int64)
    labels = labels_mm(study, parts.events)
    return Task(
        name=study.name,
        inputs=network_inputs(study, parts.events),
        targets=labels,
        train=parts.split.train,
        selection=parts.split.selection,
        input_format=FixedPointFormat(bits, bits, signed=False),
        output_format=OUTPUT_FORMAT,
        loss=study.loss,
        metric=median_distance,
        metric_name=f"median_error_{labels.shape[1]}d_mm",
        input_names=tuple(f"sensor_{i}" for i in range(parts.events["charge_adc"].shape[1])),
        output_names=("x_mm", "y_mm", "depth_mm")[: labels.shape[1]],
        groups=(grid[:, 0] << 20) + grid[:, 1],
    )


def network_inputs(
    study: ScanStudy,  # noqa: ARG001 - every kind of study is asked by the same call
    events: EventTable,
) -> NDArray[np.integer]:
    """Return what the network reads, (event, photosensor)."""
    return np.asarray(events["charge_adc"])


def baselines(study: PositionStudy, parts: SplitEvents) -> list[Baseline]:
    """Fit and tune the classical estimators on training and selection events; apply to the test.

    Anger logic and k-NN, and the strongest that is known: maximum likelihood with a light
    response fitted to the training events, which iterates for every event. The last needs the
    depth of the training events.
    """
    charges = parts.events["charge_adc"]
    labels = labels_mm(study, parts.events)
    train, selection, test = parts.split.train, parts.split.selection, parts.split.test
    detector = load_detector(study.detector)
    data = (charges[train], labels[train], charges[selection], labels[selection])
    half_x, half_y, depth = (size / 2 for size in detector.crystal.size_mm)
    fitted: dict[str, AngerLogic | NearestNeighbours | LightResponse] = {
        "Anger logic": fit_anger(*data, detector.sensors.centres_mm),
        "k-NN": fit_nearest_neighbours(
            *data,
            most_references=study.baselines.knn_references,
            most_selection=study.baselines.knn_selection,
            seed=study.seed,
        ),
    }
    if labels.shape[1] == 3:
        fitted[LIKELIHOOD] = fit_light_response(
            *data, extent_mm=((-half_x, half_x), (-half_y, half_y), (0.0, 2 * depth))
        )
    width = f"median_error_{labels.shape[1]}d_mm"
    return [
        Baseline(
            name,
            estimator.estimate(charges[test]),
            estimator.parameters,
            tuple({**row.parameters, width: row.median_error_mm} for row in estimator.table),
            partial(_answer, estimator),
        )
        for name, estimator in fitted.items()
    ]


def _answer(
    estimator: AngerLogic | NearestNeighbours | LightResponse, events: EventTable
) -> NDArray[np.float64]:
    return estimator.estimate(events["charge_adc"])

"""What studies of the charges of a point-source scan share: simulation, selection and split."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pulsefront.detector import load_detector
from pulsefront.errors import DataError
from pulsefront.estimators.energy.photopeak import find_photopeak
from pulsefront.evaluate import Split, check_leaks, split_grid
from pulsefront.events.container import EventTable
from pulsefront.events.external import load_external
from pulsefront.measured.scans import split_scan_set
from pulsefront.progress import progress
from pulsefront.simulate.scan.measurement import ScanSettings, scan_plan, simulate_scan
from pulsefront.studies.folders import SplitEvents
from pulsefront.studies.kinds.base import ExternalEvents, Selection, external_detector, restrict
from pulsefront.studies.records import SplitRecord
from pulsefront.studies.settings import ExternalSet, MeasuredData, ScanStudy

__all__ = [
    "ScanSplit",
    "charge_sum_adc",
    "generate",
    "generate_external",
    "label_uncertainty",
    "position_groups",
    "select_external",
    "split",
    "stage_mm",
    "stage_rows",
]


class ScanSplit(SplitRecord):
    """The same for the charges of a scan, whose photopeak is that of their sum."""

    photopeak_adc: float
    photopeak_sigma_adc: float
    energy_resolution_fwhm_percent: float


def generate(study: ScanStudy, cache: Path, folder: Path) -> EventTable:
    """Simulate the point-source scan of the study, or read its measured one.

    *folder* is that of the study file, which measured files are relative to.
    """
    detector = load_detector(study.detector)
    source = study.source
    if isinstance(source, MeasuredData):
        channels = detector.sensors.count
        return load_external(source, "position", relative_to=folder, channels=channels)
    with progress("Simulating the scan", "events") as report:
        return simulate_scan(detector, source, study.seed, cache=cache, report=report)


def generate_external(study: ScanStudy, chosen: ExternalSet, cache: Path) -> EventTable:
    """Simulate an external set at stage positions between those of training."""
    scan = (study.scan or ScanSettings()).model_copy(update={"events_even_even": 0})
    detector = external_detector(study.detector, chosen)
    plan = scan_plan(detector, scan, study.seed + 1, events=chosen.events, cache=cache)
    with progress(f"Simulating {chosen.name}", "events") as report:
        return plan.run(report=report)


def split(study: ScanStudy, events: EventTable) -> Selection:
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
        positions_mm=stage_mm(kept),
        groups={
            "stage position": kept["grid_index"],
            **{label: kept[label] for label in apart},
        },
    )
    leaks.raise_on_leak()
    record = ScanSplit.model_validate(
        {
            "events_recorded": len(events),
            "events_with_status": len(events) - len(usable),
            "events_outside_photopeak": int((~inside).sum()),
            "photopeak_adc": peak.position,
            "photopeak_sigma_adc": peak.sigma,
            "energy_resolution_fwhm_percent": 100.0 * peak.fwhm_fraction,
            "photopeak_window_sigmas": study.events.photopeak_sigmas,
            "excluded_by_split": dict(parts.excluded),
            **leaks.as_record(),
        }
    )
    return Selection(usable[inside], SplitEvents(kept, parts), record)


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


def select_external(study: ScanStudy, events: EventTable) -> ExternalEvents:
    """Return the photopeak events of an external set, by the peak of its own spectrum.

    A detector's energy is calibrated before its positions are used; nothing else is adapted.
    """
    good = events.select(events.status == 0)
    charge = charge_sum_adc(good)
    peak = find_photopeak(charge)
    inside = peak.contains(charge, study.events.photopeak_sigmas)
    return ExternalEvents(
        good.select(inside),
        {
            "events_recorded": len(events),
            "events_with_status": len(events) - len(good),
            "events_outside_photopeak": int((~inside).sum()),
            "photopeak_adc": peak.position,
        },
    )


def charge_sum_adc(events: EventTable) -> NDArray[np.float64]:
    """Return the sum of all charges, (event,)."""
    return np.asarray(events["charge_adc"].sum(axis=1, dtype=np.float64))


def stage_mm(events: EventTable) -> NDArray[np.float64]:
    """Return where the stage was told to go, (event, 2): one position per grid index."""
    return np.asarray(events["stage_position_mm"], np.float64)


def position_groups(events: EventTable) -> NDArray[np.int64]:
    """Return one number (event,) per stage position."""
    grid = events["grid_index"].astype(np.int64)
    return np.asarray((grid[:, 0] << 20) + grid[:, 1], np.int64)


def label_uncertainty(study: ScanStudy, truth: str) -> str:
    """Return in words how uncertain stage and beam are; *truth* comes from the simulation."""
    source = study.source
    if isinstance(source, MeasuredData):
        return "as the manifest says of the stage"
    return (
        f"stage {source.stage_error_mm} mm, beam {source.beam_fwhm_mm} mm FWHM; "
        f"{truth} from the simulation"
    )


def stage_rows(study: ScanStudy) -> list[tuple[str, str, str]]:
    """Return (quantity, value, unit) rows for a report: pitch and beam of the scan."""
    source = study.source
    if isinstance(source, MeasuredData):
        return [("data", "measured", "")]
    return [
        ("stage pitch", f"{source.pitch_mm:g}", "mm"),
        ("beam width, FWHM", f"{source.beam_fwhm_mm:g}", "mm"),
    ]

"""What studies of the charges of a point-source scan share: simulation, selection and split."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pulsefront.detector import load_detector
from pulsefront.errors import DataError
from pulsefront.estimators.energy.photopeak import Photopeak, find_photopeak
from pulsefront.estimators.position.stated_positions import PositionCheck, check_positions
from pulsefront.evaluate import Split, check_leaks, split_grid
from pulsefront.events.container import EventTable
from pulsefront.fixed_point.format import FixedPointFormat
from pulsefront.fixed_point.preparation import ChargePreparation
from pulsefront.measured.scans import split_scan_set
from pulsefront.monitor.batch import WatchedEvents
from pulsefront.progress import progress
from pulsefront.simulate.scan.measurement import scan_plan, simulate_scan
from pulsefront.simulate.scan.settings import ScanSettings
from pulsefront.studies.folders import SplitEvents
from pulsefront.studies.kinds.base import ExternalEvents, Selection, external_detector, restrict
from pulsefront.studies.measured_events import load_measured
from pulsefront.studies.records import SplitRecord
from pulsefront.studies.settings import ExternalSet, MeasuredData, ScanStudy

__all__ = [
    "ScanSplit",
    "batch",
    "charge_rows",
    "charge_sum_adc",
    "generate",
    "generate_external",
    "label_uncertainty",
    "position_groups",
    "refuse_clipped",
    "select_external",
    "split",
    "stage_mm",
    "stage_rows",
]


MOST_CLIPPED = 0.01
"""Of events, where charges are brought to one sum: more lose what tells the depth near a sensor."""


class ScanSplit(SplitRecord):
    """The same for the charges of a scan, whose photopeak is that of their sum."""

    events_outside_photopeak: int
    """events left out because their charge lies outside the photopeak window"""
    photopeak_window_sigmas: float
    """half width of the photopeak window in its standard deviations"""
    photopeak_adc: float
    photopeak_sigma_adc: float
    energy_resolution_fwhm_percent: float
    light_check: PositionCheck | None = None
    """how the light moves with the stated positions; absent where the scan covers fewer than three
    along either axis"""


def generate(study: ScanStudy, cache: Path, folder: Path) -> EventTable:
    """Simulate the point-source scan of the study, or read its measured one.

    *folder* is that of the study file, which measured files are relative to.
    """
    detector = load_detector(study.detector)
    source = study.source
    if isinstance(source, MeasuredData):
        channels = detector.sensors.count
        return load_measured(source, "position", relative_to=folder, channels=channels)
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
    check = _light_check(study, kept)
    if study.events.check_labels:
        _refuse_wrong_positions(check)
    record = ScanSplit.model_validate(
        {
            "events_recorded": len(events),
            "events_with_status": len(events) - len(usable),
            "events_outside_photopeak": int((~inside).sum()),
            "photopeak_adc": peak.position,
            "photopeak_sigma_adc": peak.sigma,
            "energy_resolution_fwhm_percent": 100.0 * peak.fwhm_fraction,
            "photopeak_window_sigmas": study.events.photopeak_sigmas,
            "light_check": check,
            "label_findings": () if check is None else check.findings,
            "excluded_by_split": dict(parts.excluded),
            **leaks.as_record(),
        }
    )
    return Selection(usable[inside], SplitEvents(kept, parts), record)


def _light_check(study: ScanStudy, events: EventTable) -> PositionCheck | None:
    """Fit the light of all events over the stage: it chooses nothing, and a wrong label of a test
    position spoils the test."""
    columns = events.columns
    return check_positions(
        events["charge_adc"],
        stage_mm(events),
        load_detector(study.detector).sensors.centres_mm,
        events["depth_mm"] if "depth_mm" in columns else None,
        uncertainty_mm=float(np.max(events["stage_uncertainty_mm"]))
        if "stage_uncertainty_mm" in columns
        else 0.0,
    )


def _refuse_wrong_positions(check: PositionCheck | None) -> None:
    if check is not None and check.findings:
        raise DataError(
            "; ".join(check.findings),
            field="stage_position_mm",
            remedy="correct the manifest, or set events.check_labels = false to go on all the same",
        )


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
    good, charge, peak = _own_peak(events)
    inside = peak.contains(charge, study.events.photopeak_sigmas)
    kept = good.select(inside)
    if "first_interaction_mm" not in events.columns and len(kept):
        _refuse_wrong_positions(_light_check(study, kept))
    return ExternalEvents(
        kept,
        {
            "events_recorded": len(events),
            "events_with_status": len(events) - len(good),
            "events_outside_photopeak": int((~inside).sum()),
            "photopeak_adc": peak.position,
        },
    )


def batch(
    study: ScanStudy,
    events: EventTable,
    network_inputs: Callable[[EventTable], NDArray[np.integer]],
) -> WatchedEvents:
    """Return what the network reads of the photopeak events, and the spectrum of all."""
    good, charge, peak = _own_peak(events)
    kept = good.select(peak.contains(charge, study.events.photopeak_sigmas))
    flagged = len(events) - len(good)
    return WatchedEvents(
        network_inputs(kept),
        {"photopeak": charge},
        {"flagged events": (flagged, len(events))},
        charges=np.asarray(kept["charge_adc"]),
    )


def _own_peak(events: EventTable) -> tuple[EventTable, NDArray[np.float64], Photopeak]:
    """Return the events without a status, their charge sums, and the peak of these."""
    good = events.select(events.status == 0)
    charge = charge_sum_adc(good)
    return good, charge, find_photopeak(charge)


def refuse_clipped(
    study: ScanStudy,
    charges: NDArray[np.integer],
    inputs: FixedPointFormat,
    *,
    by_chance: float = 0.0,
) -> None:
    """Refuse a sum that brings charges beyond the network's input in more than 1 % of the events.

    Of few events, *by_chance* is by how many standard errors the share may be larger.

    Raises
    ------
    DataError
        It does; the message has the share.
    """
    total = study.events.normalised_sum
    if total is None or not len(charges):
        return
    share = float((charges >= inputs.maximum).any(axis=1).mean())
    if share > MOST_CLIPPED + by_chance * np.sqrt(MOST_CLIPPED / len(charges)):
        raise DataError(
            f"brings a charge beyond {inputs.width} bits in {100 * share:.1f} % of the events",
            field="events.normalised_sum",
            value=total,
            remedy="lower it: a power of two near the photopeak of the charge sum keeps the bits",
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


def charge_rows(found: ChargePreparation) -> list[tuple[str, str, str]]:
    """Return a (quantity, value, unit) row for a report: what happens to charges, if anything."""
    return [("charges before the network", found.words, "")] if found.words else []


def stage_rows(study: ScanStudy) -> list[tuple[str, str, str]]:
    """Return (quantity, value, unit) rows for a report: pitch and beam of the scan."""
    source = study.source
    if isinstance(source, MeasuredData):
        return [("data", "measured", "")]
    return [
        ("stage pitch", f"{source.pitch_mm:g}", "mm"),
        ("stage while training", "moves on" if source.continuous else "stands still", ""),
        ("beam width, FWHM", f"{source.beam_fwhm_mm:g}", "mm"),
    ]

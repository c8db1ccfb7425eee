"""What a timing study simulates, selects and learns, and the classical estimators beside it."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsefront.detector import load_detector
from pulsefront.errors import DataError
from pulsefront.estimators.energy.photopeak import find_photopeak
from pulsefront.estimators.pulses.limits import is_bipolar
from pulsefront.estimators.pulses.one_pass import measure
from pulsefront.estimators.pulses.resolve import FIRST_EVENTS
from pulsefront.estimators.pulses.settings import PulseSettings
from pulsefront.estimators.pulses.windows import EdgeWindows, leading_edge_windows
from pulsefront.estimators.registry import PulseEvents, TimeEstimator, estimators_for, fit_all
from pulsefront.estimators.timing.tuning import Trial, prepare_pulses
from pulsefront.evaluate import Split, check_leaks, split_offsets
from pulsefront.evaluate.metrics import GAUSSIAN_FWHM_FRACTION, central_width
from pulsefront.events.container import EventTable
from pulsefront.fixed_point import FixedPointFormat
from pulsefront.measured.scans import split_scan_set
from pulsefront.monitor.batch import WatchedEvents
from pulsefront.progress import progress
from pulsefront.search.task import Task
from pulsefront.simulate.coincidences.measurement import CoincidenceSettings, simulate_coincidences
from pulsefront.studies.folders import SplitEvents
from pulsefront.studies.kinds.base import (
    BaselineEstimator,
    ExternalEvents,
    Selection,
    external_detector,
    restrict,
)
from pulsefront.studies.kinds.timing.labels import (
    DELAY,
    check_labels,
    check_other_labels,
    findings_of,
    refuse_wrong_labels,
    sampling_of,
    untold_of,
    with_delays,
)
from pulsefront.studies.kinds.timing.records import TimingSplit
from pulsefront.studies.kinds.timing.settings import TimingStudy
from pulsefront.studies.measured_events import load_measured
from pulsefront.studies.metrics import central_width_metric
from pulsefront.studies.settings import ExternalSet, MeasuredData

__all__ = [
    "OUTPUT_FORMAT",
    "baselines",
    "batch",
    "charges_adc",
    "coarse_ns",
    "estimate",
    "generate",
    "generate_external",
    "learning_task",
    "network_estimate",
    "network_inputs",
    "select_external",
    "split",
    "times_ns",
]

LEAST_CHECKED = 50
"""Events of another set, below which nothing is measured on it anyway."""
OUTPUT_FORMAT = FixedPointFormat(16, 6)
"""Correction in ns: ±32 ns in steps of 1 ps."""


def generate(study: TimingStudy, cache: Path, folder: Path) -> EventTable:
    """Simulate the coincidences of the study, or read its measured ones.

    *folder* is that of the study file, which measured files are relative to.
    """
    source = study.source
    if isinstance(source, MeasuredData):
        return load_measured(source, "timing", relative_to=folder)
    detector = load_detector(study.detector)
    with progress("Simulating coincidences", "events") as report:
        return simulate_coincidences(detector, source, study.seed, cache=cache, report=report)


def generate_external(study: TimingStudy, chosen: ExternalSet, cache: Path) -> EventTable:
    """Simulate an external set at source offsets between those of training."""
    settings = study.coincidences or CoincidenceSettings()
    between = settings.offsets_mm[1::2]
    settings = settings.model_copy(
        update={
            "offsets_mm": between,
            "events_per_offset": max(1, chosen.events // len(between)),
        }
    )
    detector = external_detector(study.detector, chosen)
    with progress(f"Simulating {chosen.name}", "events") as report:
        return simulate_coincidences(detector, settings, study.seed + 1, cache=cache, report=report)


def _interval_ns(events: EventTable) -> float:
    return float(events.provenance["sample_interval_ns"])


def charges_adc(study: TimingStudy, events: EventTable) -> NDArray[np.float64]:
    """Return the charge of both pulses above their baselines, (event, 2), in ADC counts.

    Of bipolar pulses, whose sum is nearly zero, that of the first lobe.
    """
    waveforms = np.ascontiguousarray(np.moveaxis(events["waveform_adc"], 1, 0))
    pulses = prepare_pulses(events["waveform_adc"], sampling_of(study, events))
    settings = PulseSettings(baseline_stop=study.events.baseline_samples)
    charges = []
    for raw, upright in zip(waveforms, pulses, strict=True):
        if is_bipolar(measure(raw[:FIRST_EVENTS], settings, 1.0)[0], 1.0):
            charges.append(measure(raw, settings, 1.0, bipolar=True)[0]["charge_adc_samples"])
        else:
            charges.append(upright.sum(axis=1, dtype=np.float64))
    return np.column_stack(charges)


def windows(study: TimingStudy, events: EventTable) -> tuple[EdgeWindows, EdgeWindows]:
    """Return the leading-edge windows of both detectors."""
    chosen = study.events
    first, second = (
        leading_edge_windows(
            events["waveform_adc"][:, side],
            baseline_samples=chosen.baseline_samples,
            threshold_adc=chosen.trigger_adc,
            before=chosen.samples_before,
            after=chosen.samples_after,
        )
        for side in (0, 1)
    )
    return first, second


def split(study: TimingStudy, events: EventTable) -> Selection:
    """Select coincidences of two photopeak events with whole windows; split by source offset."""
    usable = np.flatnonzero(events.status == 0)
    good = events.select(usable)
    whole = _split_offsets(study, good)
    selected, counted = _select(study, good, whole.train)
    if not selected.any():
        raise DataError("no coincidence passes the selection", field="charge, window")
    kept = good.select(selected)
    parts = restrict(whole, selected)
    if len(np.unique(kept["offset_index"][parts.test])) < 2:
        raise DataError(
            "the test set holds one source offset, over which no bias can be measured",
            field="coincidences.offsets_mm" if study.measured is None else "measured.path",
            remedy="give at least 7 offsets"
            if study.measured is None
            else "measure at 7 places of the source or more, or keep less apart",
        )
    apart = study.measured.apart if study.measured is not None else ()
    leaks = check_leaks(
        parts,
        positions_mm=kept["source_offset_mm"],
        groups={
            "source offset": kept["offset_index"],
            **{label: kept[label] for label in apart},
        },
    )
    leaks.raise_on_leak()
    told = check_labels(study, SplitEvents(kept, parts))
    if study.events.check_labels:
        refuse_wrong_labels(told.offsets)
    record = TimingSplit.model_validate(
        {
            "events_recorded": len(events),
            "events_with_status": len(events) - len(usable),
            "excluded_by_split": dict(parts.excluded),
            "classical_fraction": told.time.fraction,
            "offset_checks": told.offsets,
            "channel_delays": told.delays,
            "label_findings": findings_of(told.offsets) + untold_of(told.offsets),
            **counted,
            **leaks.as_record(),
        }
    )
    return Selection(usable[selected], SplitEvents(kept, parts), record)


def _split_offsets(study: TimingStudy, events: EventTable) -> Split:
    if study.measured is None:
        return split_offsets(events["offset_index"], seed=study.seed)
    found, _ = split_scan_set(
        events,
        seed=study.seed,
        apart=study.measured.apart,
        least_distance_mm=study.measured.least_distance_mm,
    )
    return found


def select_external(study: TimingStudy, events: EventTable) -> ExternalEvents:
    """Return the coincidences of an external set that pass, by the peaks of its own spectra."""
    good = events.select(events.status == 0)
    selected, counted = _select(study, good, np.arange(len(good)))
    counts = {"events_recorded": len(events), "events_with_status": len(events) - len(good)}
    kept = good.select(selected)
    if len(kept) < LEAST_CHECKED:
        return ExternalEvents(kept, {**counts, **counted})
    told = check_other_labels(study, kept)
    if "true_arrival_ns" not in events.columns:
        refuse_wrong_labels(told.offsets)
    return ExternalEvents(with_delays(kept, told.delays), {**counts, **counted}, told.delays)


def batch(study: TimingStudy, events: EventTable) -> WatchedEvents:
    """Return what the network reads of either pulse, (2 · event, sample), and both spectra."""
    good = events.select(events.status == 0)
    selected, _ = _select(study, good, np.arange(len(good)))
    inputs = network_inputs(study, good.select(selected))
    charge = charges_adc(study, good)
    return WatchedEvents(
        inputs.reshape(-1, inputs.shape[-1]),
        {f"photopeak of detector {side}": charge[:, side] for side in (0, 1)},
        {"flagged events": (len(events) - len(good), len(events))},
    )


def _select(
    study: TimingStudy, events: EventTable, calibration: NDArray[np.intp]
) -> tuple[NDArray[np.bool_], dict[str, float]]:
    """Return which events lie in both photopeaks with whole windows, and the counts.

    The peaks are those of the events *calibration*.
    """
    charge = charges_adc(study, events)
    first, second = windows(study, events)
    whole = first.usable & second.usable
    peaks = [find_photopeak(charge[calibration, side]) for side in (0, 1)]
    inside = np.all(
        [
            peak.contains(charge[:, side], study.events.photopeak_sigmas)
            for side, peak in enumerate(peaks)
        ],
        axis=0,
    )
    record: dict[str, float] = {
        "events_outside_photopeak": int((~inside).sum()),
        "events_without_whole_window": int((inside & ~whole).sum()),
        "photopeak_window_sigmas": study.events.photopeak_sigmas,
    }
    for side, peak in enumerate(peaks):
        record[f"photopeak_{side}_adc"] = peak.position
        record[f"photopeak_{side}_sigma_adc"] = peak.sigma
        record[f"energy_resolution_{side}_fwhm_percent"] = 100.0 * peak.fwhm_fraction
    return inside & whole, record


def coarse_ns(study: TimingStudy, events: EventTable) -> NDArray[np.float64]:
    """Return the time of both triggers, (event, 2), that the network corrects."""
    triggers = np.column_stack([side.trigger_sample for side in windows(study, events)])
    return np.asarray(triggers * _interval_ns(events), np.float64)


def learning_task(
    study: TimingStudy, parts: SplitEvents, delay_ns: NDArray[np.float64] | float = 0.0
) -> Task:
    """Return the regression of the correction to the coarse time, from known source offsets.

    The delay between the channels, *delay_ns* (event,), is taken out of channel 0's coarse time:
    one network corrects both channels, and could only chase a constant that is in one of them.
    """
    bits = load_detector(study.detector).waveform_digitizer.adc_bits + 1
    names = range(-study.events.samples_before, study.events.samples_after)
    coarse = coarse_ns(study, parts.events)
    coarse[:, 0] -= delay_ns
    return Task(
        name=study.name,
        inputs=network_inputs(study, parts.events),
        targets=parts.events["known_difference_ns"],
        train=parts.split.train,
        selection=parts.split.selection,
        input_format=FixedPointFormat(bits, bits, signed=True),
        output_format=OUTPUT_FORMAT,
        loss=study.loss,
        metric=partial(_width, study.events.core_fraction or GAUSSIAN_FWHM_FRACTION),
        metric_name=central_width_metric(study.events.core_fraction).key,
        input_names=tuple(f"sample_{k:+d}" for k in names),
        output_names=("correction_ns",),
        coarse=coarse,
        groups=parts.events["offset_index"].astype(np.int64),
    )


def _width(fraction: float, residuals: NDArray[np.float64]) -> float:
    return central_width(residuals[:, 0], fraction)


def network_inputs(study: TimingStudy, events: EventTable) -> NDArray[np.integer]:
    """Return what the network reads of both detectors, (event, 2, sample)."""
    return np.stack([side.samples for side in windows(study, events)], axis=1)


def baselines(
    study: TimingStudy, parts: SplitEvents, delay_ns: NDArray[np.float64]
) -> list[BaselineEstimator]:
    """Tune every classical estimator of time on training events; apply to the test.

    The delay between the channels, *delay_ns* (event,), is taken out of their times as it is out
    of the network's.
    """
    waveforms = parts.events["waveform_adc"]
    train, test = parts.split.train, parts.split.test
    training = PulseEvents(
        waveforms[train],
        parts.events["known_difference_ns"][train] + delay_ns[train],
        sampling_of(study, parts.events),
        study.seed,
    )
    with progress("Tuning", "estimators") as report:
        fitted = fit_all(estimators_for("timing"), training, report)
    return [
        BaselineEstimator(
            name,
            estimator.estimate(waveforms[test]) - delay_ns[test],
            estimator.parameters,
            tuple(_row(candidate) for candidate in estimator.table),
            estimator,
        )
        for name, estimator in fitted.items()
    ]


def estimate(estimator: TimeEstimator, events: EventTable) -> NDArray[np.float64]:
    """Return t0 − t1 of *events* without the delay beside them, (event,) in ns."""
    return np.asarray(estimator.estimate(events["waveform_adc"]) - events[DELAY])


def _row(trial: Trial) -> dict[str, Any]:
    return {
        **trial.parameters,
        "ctr_fwhm_ps": trial.ctr_fwhm_ps,
        "central_width_ps": trial.central_width_ps,
        "without_estimate": trial.without_estimate,
    }


def network_estimate(
    study: TimingStudy,
    events: EventTable,
    outputs: NDArray[np.float64],
    delay_ns: NDArray[np.float64] | float = 0.0,
) -> NDArray[np.float64]:
    """Return t0 − t1 (event,) in ns from corrections (2 · event, 1) in ns.

    *delay_ns* of the channels is taken out of it.
    """
    times = times_ns(study, events, outputs)
    return np.asarray(times[:, 0] - delay_ns - times[:, 1])


def times_ns(
    study: TimingStudy, events: EventTable, outputs: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return both arrival times (event, 2) in ns from corrections (2 · event, 1) in ns."""
    return np.asarray(outputs.reshape(-1, 2) + coarse_ns(study, events))

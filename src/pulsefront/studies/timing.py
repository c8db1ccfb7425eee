"""The study of timing pickoff: what is simulated, learned, compared and measured."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsefront.detector import load_detector
from pulsefront.errors import ConfigError, DataError
from pulsefront.estimators.photopeak import find_photopeak
from pulsefront.estimators.timing import (
    Candidate,
    ConstantFraction,
    LeadingEdge,
    PulseSettings,
    fit_constant_fraction,
    fit_leading_edge,
    prepare_pulses,
)
from pulsefront.estimators.windows import EdgeWindows, leading_edge_windows
from pulsefront.evaluate import check_leaks, split_offsets
from pulsefront.evaluate.intervals import (
    Statistic,
    bootstrap,
    central_width_statistic,
    fwhm_statistic,
    median_statistic,
)
from pulsefront.evaluate.metrics import central_width
from pulsefront.evaluate.subgroups import subgroup_table
from pulsefront.events.container import EventTable
from pulsefront.fixed_point import FixedPointFormat
from pulsefront.progress import progress
from pulsefront.search.task import Task
from pulsefront.search.task import central_width as central_width_of_residuals
from pulsefront.simulate.coincidences import simulate_coincidences
from pulsefront.studies.config import TimingStudy
from pulsefront.studies.parts import Baseline, Evaluation, SplitEvents
from pulsefront.studies.position import compare, over_initializations

__all__ = [
    "MAIN_METRIC",
    "OUTPUT_FORMAT",
    "baselines",
    "evaluate",
    "generate",
    "learning_task",
    "network_estimate",
    "split",
]

MAIN_METRIC = "ctr_fwhm_ps"
OUTPUT_FORMAT = FixedPointFormat(16, 6)
"""Correction in ns: ±32 ns in steps of 1 ps."""


def generate(study: TimingStudy, cache: Path) -> EventTable:
    """Simulate the coincidences of the study."""
    detector = load_detector(study.detector)
    with progress("Simulating coincidences", "events") as report:
        return simulate_coincidences(
            detector, study.coincidences, study.seed, cache=cache, report=report
        )


def _interval_ns(events: EventTable) -> float:
    return float(events.provenance["sample_interval_ns"])


def charges_adc(study: TimingStudy, events: EventTable) -> NDArray[np.float64]:
    """Return the charge of both pulses above their baselines, (event, 2), in ADC counts."""
    settings = PulseSettings(_interval_ns(events), study.events.baseline_samples)
    pulses = prepare_pulses(events["waveform_adc"], settings)
    return np.column_stack([side.sum(axis=1, dtype=np.float64) for side in pulses])


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


def split(study: TimingStudy, events: EventTable) -> tuple[NDArray[np.int64], SplitEvents]:
    """Select coincidences of two photopeak events with whole windows; split by source offset."""
    usable = np.flatnonzero(events.status == 0)
    charge = charges_adc(study, events)
    first, second = windows(study, events)
    whole_window = (first.usable & second.usable)[usable]
    training = split_offsets(events["offset_index"][usable], seed=study.seed).train
    peaks = [find_photopeak(charge[usable][training, side]) for side in (0, 1)]
    inside = np.all(
        [
            peak.contains(charge[usable][:, side], study.events.photopeak_sigmas)
            for side, peak in enumerate(peaks)
        ],
        axis=0,
    )
    selected = usable[inside & whole_window]
    if len(selected) == 0:
        raise DataError("no coincidence passes the selection", field="charge, window")
    kept = events.select(selected)
    parts = split_offsets(kept["offset_index"], seed=study.seed)
    leaks = check_leaks(
        parts,
        positions_mm=kept["source_offset_mm"],
        groups={"source offset": kept["offset_index"]},
    )
    leaks.raise_on_leak()
    record: dict[str, Any] = {
        "events_simulated": len(events),
        "events_with_status": len(events) - len(usable),
        "events_outside_photopeak": int((~inside).sum()),
        "events_without_whole_window": int((inside & ~whole_window).sum()),
        "photopeak_window_sigmas": study.events.photopeak_sigmas,
        **leaks.as_record(),
    }
    for side, peak in enumerate(peaks):
        record[f"photopeak_{side}_adc"] = peak.position
        record[f"photopeak_{side}_sigma_adc"] = peak.sigma
        record[f"energy_resolution_{side}_fwhm_percent"] = 100.0 * peak.fwhm_fraction
    return selected, SplitEvents(kept, parts, record)


def _coarse_ns(first: EdgeWindows, second: EdgeWindows, interval_ns: float) -> NDArray[np.float64]:
    triggers = np.column_stack([first.trigger_sample, second.trigger_sample])
    return np.asarray(triggers * interval_ns, np.float64)


def learning_task(study: TimingStudy, parts: SplitEvents) -> Task:
    """Return the regression of the correction to the coarse time, from known source offsets."""
    first, second = windows(study, parts.events)
    detector = load_detector(study.detector)
    if detector.digitizer is None:
        raise ConfigError("has no digitizer", file=study.detector, field="digitizer")
    bits = detector.digitizer.adc_bits + 1
    names = range(-study.events.samples_before, study.events.samples_after)
    return Task(
        name=study.name,
        inputs=np.stack([first.samples, second.samples], axis=1),
        targets=parts.events["known_difference_ns"],
        train=parts.split.train,
        selection=parts.split.selection,
        input_format=FixedPointFormat(bits, bits, signed=True),
        output_format=OUTPUT_FORMAT,
        loss=study.loss,
        metric=central_width_of_residuals,
        metric_name="central_width_ns",
        input_names=tuple(f"sample_{k:+d}" for k in names),
        output_names=("correction_ns",),
        coarse=_coarse_ns(first, second, _interval_ns(parts.events)),
        groups=parts.events["offset_index"].astype(np.int64),
    )


def baselines(study: TimingStudy, parts: SplitEvents) -> list[Baseline]:
    """Tune leading edge (with and without walk correction) and digital CFD on training events."""
    waveforms = parts.events["waveform_adc"]
    known = parts.events["known_difference_ns"]
    train, test = parts.split.train, parts.split.test
    settings = PulseSettings(_interval_ns(parts.events), study.events.baseline_samples)
    fitted: dict[str, LeadingEdge | ConstantFraction] = {
        "leading edge": fit_leading_edge(waveforms[train], known[train], settings),
        "leading edge, walk-corrected": fit_leading_edge(
            waveforms[train], known[train], settings, walk_correction=True
        ),
        "digital CFD": fit_constant_fraction(waveforms[train], known[train], settings),
    }
    return [
        Baseline(
            name,
            estimator.estimate(waveforms[test]),
            estimator.parameters,
            tuple(_row(candidate) for candidate in estimator.table),
        )
        for name, estimator in fitted.items()
    ]


def _row(candidate: Candidate) -> dict[str, Any]:
    return {
        **candidate.parameters,
        "ctr_fwhm_ps": candidate.ctr_fwhm_ps,
        "central_width_ps": candidate.central_width_ps,
        "without_estimate": candidate.without_estimate,
    }


def network_estimate(
    study: TimingStudy, parts: SplitEvents, outputs: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return t0 − t1 (test event,) in ns from corrections (2 · test event, 1) in ns."""
    times = _times_ns(study, parts, outputs)
    return np.asarray(times[:, 0] - times[:, 1])


def _times_ns(
    study: TimingStudy, parts: SplitEvents, outputs: NDArray[np.float64]
) -> NDArray[np.float64]:
    test = parts.events.select(parts.split.test)
    coarse = _coarse_ns(*windows(study, test), _interval_ns(test))
    return np.asarray(outputs.reshape(-1, 2) + coarse)


def _statistics(residual_ps: NDArray[np.float64]) -> dict[str, Statistic]:
    return {
        "ctr_fwhm_ps": fwhm_statistic(residual_ps),
        "ctr_fwtm_ps": fwhm_statistic(residual_ps, level=0.1),
        "central_width_ps": central_width_statistic(residual_ps),
    }


def evaluate(
    study: TimingStudy,
    parts: SplitEvents,
    estimates: Mapping[str, NDArray[np.float64]],
    initializations: Mapping[str, NDArray[np.float64]],
) -> Evaluation:
    """Measure every estimator on the test set.

    Parameters
    ----------
    estimates
        Estimator → t0 − t1 (test event,) in ns; ``"network"`` is the exported network's.
    initializations
        ``"final"`` and ``"full"`` → t0 − t1 (initialization, test event) in ns.
    """
    test = parts.events.select(parts.split.test)
    known_ns = np.asarray(test["known_difference_ns"], np.float64)
    # Compared on the same events: those for which every estimator has an answer.
    answered = np.all([np.isfinite(e) for e in estimates.values()], axis=0)
    residuals = {name: 1000.0 * (e - known_ns)[answered] for name, e in estimates.items()}
    # Nothing is centred on test events: a width does not see a constant delay, and the bias over
    # the offset is told beside it.
    offsets_ps = 1000.0 * known_ns[answered]
    events = int(answered.sum())
    options: dict[str, Any] = {
        "replicates": study.statistics.replicates,
        "confidence": study.statistics.confidence,
        "seed": study.seed,
    }
    statistics = {name: _statistics(residual) for name, residual in residuals.items()}
    table: dict[str, dict[str, Any]] = {}
    for name, metrics in statistics.items():
        rows = {key: bootstrap(s, events, **options) for key, s in metrics.items()}
        slope = bootstrap(_slope_statistic(residuals[name], offsets_ps), events, **options)
        table[name] = {
            **{k: v for key, interval in rows.items() for k, v in interval.as_dict(key).items()},
            **slope.scaled(10.0).as_dict("bias_ps_per_10_ps"),
            "largest_offset_bias_ps": _largest_bias(residuals[name], offsets_ps),
            "events_without_estimate": int((~np.isfinite(estimates[name])).sum()),
        }
    best = min((n for n in estimates if n != "network"), key=lambda n: table[n][MAIN_METRIC])
    record = {
        "main_metric": MAIN_METRIC,
        "reference_standard": "known difference from the source offset",
        "test_events": events,
        "test_events_left_out": int((~answered).sum()),
        "test_positions": len(np.unique(test["offset_index"])),
        "estimators": table,
        "best_baseline": best,
        "gain": compare(statistics["network"], statistics[best], events, options),
        "initializations": {
            name: over_initializations(
                [
                    {
                        key: s(np.ones(events))
                        for key, s in _statistics(1000.0 * (one - known_ns)[answered]).items()
                    }
                    for one in all_
                ]
            )
            for name, all_ in initializations.items()
        },
        "bias_over_offset": _bias_over_offset(residuals, offsets_ps, options),
        "subgroups": _subgroups(
            study, test.select(answered), residuals["network"], residuals[best], options
        ),
    }
    arrays = {
        "known_difference_ps": offsets_ps,
        **{f"residual_{name}_ps": residual for name, residual in residuals.items()},
    }
    return Evaluation(record, arrays)


def check_against_truth(
    study: TimingStudy, parts: SplitEvents, outputs: NDArray[np.float64]
) -> dict[str, float]:
    """Return what the simulation's truth says of each detector's pickoff; used for this alone.

    Training only saw differences. If the two corrections were to share an error that cancels in
    the difference, the single pickoffs would be worse than the difference over √2.
    """
    test = parts.events.select(parts.split.test)
    error_ps = 1000.0 * (_times_ns(study, parts, outputs) - test["true_arrival_ns"])
    return {
        "single_detector_0_central_width_ps": central_width(error_ps[:, 0]),
        "single_detector_1_central_width_ps": central_width(error_ps[:, 1]),
        "difference_over_root_2_central_width_ps": central_width(error_ps[:, 0] - error_ps[:, 1])
        / np.sqrt(2.0),
        "correlation_of_errors": float(np.corrcoef(error_ps.T)[0, 1]),
    }


def _slope_statistic(residual: NDArray[np.float64], offset: NDArray[np.float64]) -> Statistic:
    """Return the slope of the residual over the offset, by least squares within ± its width."""
    near = np.flatnonzero(np.abs(residual - np.median(residual)) <= 1.5 * central_width(residual))
    x, y = offset[near], residual[near]

    def slope(weights: NDArray[np.float64]) -> float:
        w = weights[near]
        total = w.sum()
        x_mean, y_mean = w @ x / total, w @ y / total
        return float(w @ ((x - x_mean) * (y - y_mean)) / (w @ (x - x_mean) ** 2))

    return slope


def _largest_bias(residual: NDArray[np.float64], offset: NDArray[np.float64]) -> float:
    """Return the largest distance of an offset's median residual from the overall median."""
    overall = np.median(residual)
    return max(float(abs(np.median(residual[offset == o]) - overall)) for o in np.unique(offset))


def _bias_over_offset(
    residuals: Mapping[str, NDArray[np.float64]],
    offset: NDArray[np.float64],
    options: Mapping[str, Any],
) -> list[dict[str, Any]]:
    rows = []
    for place in np.unique(offset):
        inside = offset == place
        row: dict[str, Any] = {"known_difference_ps": float(place), "events": int(inside.sum())}
        for name, residual in residuals.items():
            interval = bootstrap(
                median_statistic(residual[inside]),
                int(inside.sum()),
                **{**options, "replicates": 200},
            )
            row[name] = interval.as_dict("median_residual_ps")
        rows.append(row)
    return rows


def _subgroups(
    study: TimingStudy,
    test: EventTable,
    network: NDArray[np.float64],
    baseline: NDArray[np.float64],
    options: Mapping[str, Any],
) -> list[dict[str, Any]]:
    charge = charges_adc(study, test)
    smaller = charge.min(axis=1)
    low, high = np.quantile(smaller, [1 / 3, 2 / 3])
    offset = test["source_offset_mm"]
    depth = test["depth_mm"]
    middle = 0.5 * load_detector(study.detector).thickness_mm
    masks = {
        "smaller charge in lowest third": smaller <= low,
        "smaller charge in middle third": (smaller > low) & (smaller <= high),
        "smaller charge in highest third": smaller > high,
        "both interactions in the front half": (depth < middle).all(axis=1),
        "both interactions in the rear half": (depth >= middle).all(axis=1),
        "source nearer detector 0": offset < 0,
        "source nearer detector 1": offset > 0,
    }
    options = {**options, "replicates": max(200, options["replicates"] // 5)}
    tables = [
        subgroup_table(residual, masks, central_width_statistic, **options)
        for residual in (network, baseline)
    ]
    return [
        {
            "subgroup": ours.name,
            "events": ours.events,
            **(ours.interval.as_dict("network_central_width_ps") if ours.interval else {}),
            **(theirs.interval.as_dict("baseline_central_width_ps") if theirs.interval else {}),
            **({"note": ours.note} if ours.note else {}),
        }
        for ours, theirs in zip(*tables, strict=True)
    ]

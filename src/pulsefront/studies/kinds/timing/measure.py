"""The test of a timing study: every estimator against the known source offset."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pulsefront.detector import load_detector
from pulsefront.evaluate import Interval
from pulsefront.evaluate.intervals import (
    Statistic,
    central_width_statistic,
    fwhm_statistic,
    median_statistic,
)
from pulsefront.evaluate.metrics import central_width
from pulsefront.evaluate.record import Intervals
from pulsefront.events.container import EventTable
from pulsefront.studies.folders import SplitEvents
from pulsefront.studies.kinds.base import Estimates, Evaluation, ExternalMeasures, Outputs
from pulsefront.studies.kinds.timing.bound import timing_limit
from pulsefront.studies.kinds.timing.data import charges_adc, network_estimate, times_ns
from pulsefront.studies.kinds.timing.labels import DELAY
from pulsefront.studies.kinds.timing.records import (
    MedianResidual,
    OffsetBias,
    TimingTest,
    TruthCheck,
    TruthReference,
)
from pulsefront.studies.kinds.timing.settings import TimingStudy
from pulsefront.studies.kinds.timing.truth_reference import HIDDEN, truth_reference_ns
from pulsefront.studies.measure import (
    Measured,
    Resampling,
    agreement,
    compare,
    measure,
    over_initializations,
    power_of_test,
    subgroup_records,
)
from pulsefront.studies.metrics import BIAS, CENTRAL_WIDTH, CTR_FWHM, CTR_FWTM, Metric
from pulsefront.studies.records import Initializations, SeedSpread, SubgroupRecord

__all__ = ["check_against_truth", "evaluate", "evaluate_external", "losses"]


def _statistics(study: TimingStudy, residual_ps: NDArray[np.float64]) -> dict[Metric, Statistic]:
    bins = study.statistics.bin_ps
    return {
        CTR_FWHM: fwhm_statistic(residual_ps, bins),
        CTR_FWTM: fwhm_statistic(residual_ps, bins, level=0.1),
        CENTRAL_WIDTH: central_width_statistic(residual_ps),
    }


@dataclass(frozen=True)
class _Compared:
    """Residuals in ps by estimator of the events that every estimator has a time for."""

    answered: NDArray[np.bool_]
    residuals: dict[str, NDArray[np.float64]]
    offsets_ps: NDArray[np.float64]
    found: Measured
    resampling: Resampling


def _compare_all(study: TimingStudy, events: EventTable, estimates: Estimates) -> _Compared:
    """Measure the estimators (event,) in ns against the known difference.

    Nothing is centred on these events: a width does not see a constant delay, and the bias over
    the offset is told beside it.
    """
    known_ns = np.asarray(events["known_difference_ns"], np.float64)
    answered = np.all([np.isfinite(e) for e in estimates.values()], axis=0)
    residuals = {name: 1000.0 * (e - known_ns)[answered] for name, e in estimates.items()}
    offsets_ps = 1000.0 * known_ns[answered]
    resampling = Resampling.of(study, int(answered.sum()))
    found = measure({name: _statistics(study, r) for name, r in residuals.items()}, resampling)
    table = {
        name: _with_bias(row, residuals[name], offsets_ps, estimates[name], resampling)
        for name, row in found.table.items()
    }
    return _Compared(answered, residuals, offsets_ps, replace(found, table=table), resampling)


def _with_bias(
    row: Intervals,
    residual: NDArray[np.float64],
    offsets_ps: NDArray[np.float64],
    estimate: NDArray[np.float64],
    resampling: Resampling,
) -> Intervals:
    """Add the bias over the offset, and how many events have no estimate."""
    intervals = dict(row.intervals)
    if len(np.unique(offsets_ps)) > 1:
        slope = resampling.interval(_slope_statistic(residual, offsets_ps))
        intervals[BIAS.key] = slope.scaled(10.0)
    return Intervals(
        intervals=intervals,
        numbers={
            "largest_offset_bias_ps": _largest_bias(residual, offsets_ps),
            "events_without_estimate": int((~np.isfinite(estimate)).sum()),
        },
    )


def evaluate(
    study: TimingStudy,
    parts: SplitEvents,
    outputs: Outputs,
    estimates: Estimates,
    cache: Path,
    delay_ns: NDArray[np.float64],
) -> Evaluation:
    """Measure every estimator on the test set.

    Parameters
    ----------
    outputs
        Of the networks: corrections (2 · test event, 1) in ns.
    estimates
        Classical estimator → t0 − t1 (test event,) in ns.
    cache
        Folder of the light map.
    delay_ns
        (test event,) taken out of channel 0's times.
    """
    test = parts.test
    network = network_estimate(study, test, outputs.network, delay_ns)
    compared = _compare_all(study, test, {"network": network, **estimates})
    found, answered, residuals = compared.found, compared.answered, compared.residuals
    resampling = compared.resampling
    known_ns = np.asarray(test["known_difference_ns"], np.float64)
    best = found.best(CTR_FWHM)
    gain = compare(found, resampling)
    slope = _network_slope(found.table["network"])

    def of_each(outputs: NDArray[np.float64]) -> dict[str, SeedSpread]:
        differences = [network_estimate(study, test, one, delay_ns) for one in outputs]
        residuals = [1000.0 * (difference - known_ns)[answered] for difference in differences]
        return over_initializations([_statistics(study, r) for r in residuals], resampling)

    record = TimingTest(
        main_metric=CTR_FWHM,
        reference_standard="known difference from the source offset",
        test_events=resampling.events,
        test_events_left_out=int((~answered).sum()),
        test_positions=len(np.unique(test["offset_index"])),
        estimators=found.table,
        best_baseline=best,
        gain=gain,
        # Here no stronger reference stands beside the baselines.
        gain_over_baselines=gain,
        initializations=Initializations(final=of_each(outputs.final), full=of_each(outputs.full)),
        uncertainty=agreement(
            np.stack(
                [
                    network_estimate(study, test, one, delay_ns)[answered, None]
                    for one in outputs.final
                ]
            ),
            residuals["network"],
            lambda some: _statistics(study, some)[CTR_FWHM](np.ones(len(some))),
        ),
        bias_over_offset=_bias_over_offset(residuals, compared.offsets_ps, resampling),
        power=power_of_test(found, CTR_FWHM, resampling, study.statistics.least_gain_percent),
        network_slope=slope,
        not_judged=_not_judged(slope, study.statistics.slope_tolerance),
        subgroups=_subgroups(
            study, test.select(answered), residuals["network"], residuals[best], resampling
        ),
    )
    if "true_arrival_ns" in test.columns:
        told_ns = truth_reference_ns(study, parts)
        told_ps = 1000.0 * (told_ns - known_ns)[answered]
        limit = timing_limit(
            study,
            parts,
            network_ps=found.table["network"][CTR_FWHM.key].value,
            classical_ps=found.table[best][CTR_FWHM.key].value,
            classical_low_ps=found.table[best][CTR_FWHM.key].low,
            cache=cache,
        )
        record = record.beside_truth(
            limit,
            _truth_record(study, told_ps, resampling),
            check_against_truth(study, test, outputs.network),
        )
    arrays = {
        "known_difference_ps": compared.offsets_ps,
        **{f"residual_{name}_ps": residual for name, residual in residuals.items()},
    }
    return Evaluation(record, arrays)


def _network_slope(row: Intervals) -> Interval:
    """Return the slope of the network's times over the stated difference."""
    bias = row[BIAS.key].scaled(0.1)
    return Interval(1.0 + bias.value, 1.0 + bias.low, 1.0 + bias.high, bias.confidence)


def _not_judged(slope: Interval, tolerance: float) -> str | None:
    """Return why a width is no resolution: times that hardly move have small widths."""
    if abs(slope.value - 1.0) <= tolerance:
        return None
    return (
        f"the network's times move by {slope} of what the source's offsets say, not by 1 within "
        f"± {tolerance:g}: a width of such times is no resolution"
    )


def _truth_record(
    study: TimingStudy, residual_ps: NDArray[np.float64], resampling: Resampling
) -> TruthReference:
    statistics = _statistics(study, residual_ps)
    found = {metric: resampling.interval(s) for metric, s in statistics.items()}
    return TruthReference(
        hidden=HIDDEN,
        ctr_fwhm_ps=found[CTR_FWHM],
        ctr_fwtm_ps=found[CTR_FWTM],
        central_width_ps=found[CENTRAL_WIDTH],
    )


def losses(events: EventTable, difference_ns: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how far t0 − t1 (event,) are from their median residual, (event,) in ps.

    NaN where there is no estimate.
    """
    residual = 1000.0 * (difference_ns - np.asarray(events["known_difference_ns"], np.float64))
    return np.asarray(np.abs(residual - np.nanmedian(residual)))


def evaluate_external(
    study: TimingStudy,
    events: EventTable,
    network: NDArray[np.float64],
    estimates: Estimates,
) -> ExternalMeasures:
    """Measure every estimator on coincidences of another set, its own delays taken out."""
    difference = network_estimate(study, events, network, events[DELAY])
    compared = _compare_all(study, events, {"network": difference, **estimates})
    return ExternalMeasures(
        main_metric=CTR_FWHM,
        test_events=compared.resampling.events,
        test_events_left_out=int((~compared.answered).sum()),
        test_positions=len(np.unique(events["offset_index"])),
        estimators=compared.found.table,
        gain_over_baselines=compare(compared.found, compared.resampling),
    )


def check_against_truth(
    study: TimingStudy, test: EventTable, outputs: NDArray[np.float64]
) -> TruthCheck:
    """Return what the simulation's truth says of each detector's pickoff; used for this alone.

    Training only saw differences. If the two corrections were to share an error that cancels in
    the difference, the single pickoffs would be worse than the difference over √2.
    """
    error_ps = 1000.0 * (times_ns(study, test, outputs) - test["true_arrival_ns"])
    first, second = error_ps.T
    return TruthCheck(
        single_detector_0_central_width_ps=central_width(first),
        single_detector_1_central_width_ps=central_width(second),
        difference_over_root_2_central_width_ps=float(central_width(first - second) / np.sqrt(2.0)),
        correlation_of_errors=float(np.corrcoef(error_ps.T)[0, 1]),
    )


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
    resampling: Resampling,
) -> tuple[OffsetBias, ...]:
    table = []
    for known in np.unique(offset):
        inside = offset == known
        few = replace(resampling, events=int(inside.sum()), replicates=200)
        table.append(
            OffsetBias(
                known_difference_ps=float(known),
                events=few.events,
                estimators={
                    name: MedianResidual(
                        median_residual_ps=few.interval(median_statistic(residual[inside]))
                    )
                    for name, residual in residuals.items()
                },
            )
        )
    return tuple(table)


def _subgroups(
    study: TimingStudy,
    test: EventTable,
    network: NDArray[np.float64],
    baseline: NDArray[np.float64],
    resampling: Resampling,
) -> tuple[SubgroupRecord, ...]:
    charge = charges_adc(study, test)
    smaller = charge.min(axis=1)
    low, high = np.quantile(smaller, [1 / 3, 2 / 3])
    offset = test["source_offset_mm"]
    masks = {
        "smaller charge in lowest third": smaller <= low,
        "smaller charge in middle third": (smaller > low) & (smaller <= high),
        "smaller charge in highest third": smaller > high,
        "source nearer detector 0": offset < 0,
        "source nearer detector 1": offset > 0,
    }
    if "depth_mm" in test.columns:
        front = test["depth_mm"] < 0.5 * load_detector(study.detector).thickness_mm
        masks["both interactions in the front half"] = front.all(axis=1)
        masks["both interactions in the rear half"] = ~front.any(axis=1)
    return subgroup_records(
        network, baseline, masks, CENTRAL_WIDTH, central_width_statistic, resampling
    )

"""The test of a timing study: every estimator against the known source offset."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsefront.detector import load_detector
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
from pulsefront.studies.bounds import timing_limit
from pulsefront.studies.config import TimingStudy
from pulsefront.studies.kinds.timing.data import charges_adc, network_estimate, times_ns
from pulsefront.studies.kinds.timing.truth_reference import HIDDEN, truth_reference_ns
from pulsefront.studies.measure import (
    Answers,
    Measured,
    agreement,
    compare,
    measure,
    over_initializations,
    rows,
)
from pulsefront.studies.parts import Evaluation, SplitEvents

__all__ = ["MAIN_METRIC", "check_against_truth", "evaluate", "evaluate_external"]

MAIN_METRIC = "ctr_fwhm_ps"


def _statistics(study: TimingStudy, residual_ps: NDArray[np.float64]) -> dict[str, Statistic]:
    bins = study.statistics.bin_ps
    return {
        "ctr_fwhm_ps": fwhm_statistic(residual_ps, bins),
        "ctr_fwtm_ps": fwhm_statistic(residual_ps, bins, level=0.1),
        "central_width_ps": central_width_statistic(residual_ps),
    }


def _options(study: TimingStudy) -> dict[str, Any]:
    return {
        "replicates": study.statistics.replicates,
        "confidence": study.statistics.confidence,
        "seed": study.seed,
    }


@dataclass(frozen=True)
class _Compared:
    """Residuals in ps by estimator of the events that every estimator answers."""

    answered: NDArray[np.bool_]
    residuals: dict[str, NDArray[np.float64]]
    offsets_ps: NDArray[np.float64]
    found: Measured


def _compare_all(
    study: TimingStudy, events: EventTable, estimates: Mapping[str, NDArray[np.float64]]
) -> _Compared:
    """Measure the estimators (event,) in ns against the known difference.

    Nothing is centred on these events: a width does not see a constant delay, and the bias over
    the offset is told beside it.
    """
    known_ns = np.asarray(events["known_difference_ns"], np.float64)
    answered = np.all([np.isfinite(e) for e in estimates.values()], axis=0)
    residuals = {name: 1000.0 * (e - known_ns)[answered] for name, e in estimates.items()}
    offsets_ps = 1000.0 * known_ns[answered]
    options = _options(study)
    count = int(answered.sum())
    found = measure({name: _statistics(study, r) for name, r in residuals.items()}, count, options)
    for name, residual in residuals.items():
        row = found.table[name]
        if len(np.unique(offsets_ps)) > 1:
            slope = bootstrap(_slope_statistic(residual, offsets_ps), count, **options)
            row |= slope.scaled(10.0).as_dict("bias_ps_per_10_ps")
        row["largest_offset_bias_ps"] = _largest_bias(residual, offsets_ps)
        row["events_without_estimate"] = int((~np.isfinite(estimates[name])).sum())
    return _Compared(answered, residuals, offsets_ps, found)


def evaluate(
    study: TimingStudy,
    parts: SplitEvents,
    answers: Answers,
    estimates: Mapping[str, NDArray[np.float64]],
    cache: Path,
) -> Evaluation:
    """Measure every estimator on the test set.

    Parameters
    ----------
    answers
        Of the networks: corrections (2 · test event, 1) in ns.
    estimates
        Classical estimator → t0 − t1 (test event,) in ns.
    cache
        Folder of the light map.
    """
    test = parts.events.select(parts.split.test)
    network = network_estimate(study, test, answers.network)
    compared = _compare_all(study, test, {"network": network, **estimates})
    found, answered, residuals = compared.found, compared.answered, compared.residuals
    known_ns = np.asarray(test["known_difference_ns"], np.float64)
    count, options = int(answered.sum()), _options(study)
    best = found.best(MAIN_METRIC)
    gain = compare(found, count, options)

    def of_each(outputs: NDArray[np.float64]) -> dict[str, Any]:
        differences = [network_estimate(study, test, one) for one in outputs]
        residuals = [1000.0 * (difference - known_ns)[answered] for difference in differences]
        return over_initializations([_statistics(study, residual) for residual in residuals], count)

    record = {
        "main_metric": MAIN_METRIC,
        "reference_standard": "known difference from the source offset",
        "test_events": count,
        "test_events_left_out": int((~answered).sum()),
        "test_positions": len(np.unique(test["offset_index"])),
        "estimators": found.table,
        "best_baseline": best,
        "gain": gain,
        # Here no stronger reference stands beside the baselines.
        "gain_over_baselines": gain,
        "initializations": {"final": of_each(answers.final), "full": of_each(answers.full)},
        "uncertainty": agreement(
            np.stack([network_estimate(study, test, one)[answered, None] for one in answers.final]),
            residuals["network"],
            lambda some: _statistics(study, some)[MAIN_METRIC](np.ones(len(some))),
        ),
        "bias_over_offset": _bias_over_offset(residuals, compared.offsets_ps, options),
        "subgroups": _subgroups(
            study, test.select(answered), residuals["network"], residuals[best], options
        ),
    }
    if "true_arrival_ns" in test.columns:
        record["limit"] = timing_limit(
            study, parts, found.table["network"][MAIN_METRIC], found.table[best][MAIN_METRIC], cache
        )
        told_ns = truth_reference_ns(study, parts)
        reference = _statistics(study, 1000.0 * (told_ns - known_ns)[answered])
        record["truth_reference"] = {
            "hidden": list(HIDDEN),
            **rows({key: bootstrap(s, count, **options) for key, s in reference.items()}),
        }
        record["truth_check"] = check_against_truth(study, test, answers.network)
    arrays = {
        "known_difference_ps": compared.offsets_ps,
        **{f"residual_{name}_ps": residual for name, residual in residuals.items()},
    }
    return Evaluation(record, arrays)


def evaluate_external(
    study: TimingStudy,
    events: EventTable,
    network: NDArray[np.float64],
    estimates: Mapping[str, NDArray[np.float64]],
) -> dict[str, Any]:
    """Measure every estimator on coincidences of another set."""
    difference = network_estimate(study, events, network)
    compared = _compare_all(study, events, {"network": difference, **estimates})
    count = int(compared.answered.sum())
    return {
        "main_metric": MAIN_METRIC,
        "test_events": count,
        "test_events_left_out": int((~compared.answered).sum()),
        "test_positions": len(np.unique(events["offset_index"])),
        "estimators": compared.found.table,
        "gain_over_baselines": compare(compared.found, count, _options(study)),
    }


def check_against_truth(
    study: TimingStudy, test: EventTable, outputs: NDArray[np.float64]
) -> dict[str, float]:
    """Return what the simulation's truth says of each detector's pickoff; used for this alone.

    Training only saw differences. If the two corrections were to share an error that cancels in
    the difference, the single pickoffs would be worse than the difference over √2.
    """
    error_ps = 1000.0 * (times_ns(study, test, outputs) - test["true_arrival_ns"])
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
    table = []
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
        table.append(row)
    return table


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

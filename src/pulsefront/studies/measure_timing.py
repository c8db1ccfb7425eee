"""The test of a timing study: every estimator against the known source offset."""

from __future__ import annotations

from collections.abc import Mapping
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
from pulsefront.studies.config import TimingStudy
from pulsefront.studies.measure import compare, over_initializations
from pulsefront.studies.parts import Evaluation, SplitEvents
from pulsefront.studies.timing import charges_adc, times_ns

__all__ = ["MAIN_METRIC", "check_against_truth", "evaluate"]

MAIN_METRIC = "ctr_fwhm_ps"


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
    gain = compare(statistics, table, events, options)
    record = {
        "main_metric": MAIN_METRIC,
        "reference_standard": "known difference from the source offset",
        "test_events": events,
        "test_events_left_out": int((~answered).sum()),
        "test_positions": len(np.unique(test["offset_index"])),
        "estimators": table,
        "best_baseline": best,
        "gain": gain,
        # Here no stronger reference stands beside the baselines.
        "gain_over_baselines": gain,
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
    error_ps = 1000.0 * (times_ns(study, parts, outputs) - test["true_arrival_ns"])
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

"""The test of a motion study: every detector on scans of patients whom nothing has seen."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter
from scipy.special import log_expit

from pulsefront.evaluate.intervals import Statistic, mean_statistic
from pulsefront.events.container import EventTable
from pulsefront.fixed_point import FixedPointModel
from pulsefront.motion import MotionTrace
from pulsefront.motion.detectors.network import EvidenceNetwork
from pulsefront.motion.detectors.steps import CentreStep
from pulsefront.motion.judge.tune import CLASSICAL, LADDERS, network_at
from pulsefront.search.result import SearchSummary
from pulsefront.studies.folders import RunFolders, SplitEvents
from pulsefront.studies.kinds.base import Estimates, Evaluation, ExternalMeasures, Outputs
from pulsefront.studies.kinds.motion.data import scans_of
from pulsefront.studies.kinds.motion.detect import ScanOutcome, judge, tuned
from pulsefront.studies.kinds.motion.records import MotionTest, NetworkRung
from pulsefront.studies.kinds.motion.scans import KnownScan
from pulsefront.studies.kinds.motion.settings import MotionStudy
from pulsefront.studies.measure import (
    Resampling,
    agreement,
    compare,
    measure,
    over_initializations,
    power_of_test,
    subgroup_records,
)
from pulsefront.studies.metrics import (
    FALSE_SPLITS,
    LOG_LOSS,
    MEAN_DELAY,
    MEAN_SIZE_ERROR,
    MISSED_STEPS,
    Metric,
)
from pulsefront.studies.records import BaselineRecord, Initializations, SubgroupRecord

__all__ = ["evaluate", "evaluate_interval_losses", "log_odds_of", "losses", "network_of"]

Floats = NDArray[np.float64]
Detect = Callable[[MotionTrace], Sequence[CentreStep]]

SIZES_MM = (0.0, 0.5, 1.0, 2.0, 4.0, np.inf)
MOST_RATES = 6

BASELINES = TypeAdapter(tuple[BaselineRecord, ...])


def log_odds_of(outputs: Floats) -> Floats:
    """Return (…,) the log-odds of a step from the scores (…, still and moved)."""
    return np.asarray(outputs[..., 1] - outputs[..., 0])


def losses(events: EventTable, log_odds: NDArray[np.generic]) -> Floats:
    """Return (interval,) the log loss of *log_odds* in nats; NaN where there is no label."""
    moved = events["moved"]
    sign = np.where(moved == 1, 1.0, -1.0)
    return np.where(moved >= 0, -log_expit(sign * np.asarray(log_odds, np.float64)), np.nan)


def network_of(folders: RunFolders, model: FixedPointModel | None = None) -> EvidenceNetwork:
    """Return the exported network of a run, or another of its search, with the inputs it reads."""
    kept = SearchSummary.read(folders.search).kept_inputs
    found = FixedPointModel.load(folders.model) if model is None else model
    return EvidenceNetwork(found, tuple(int(k) for k in kept))


def evaluate(
    study: MotionStudy,
    parts: SplitEvents,
    outputs: Outputs,
    estimates: Estimates,
    folders: RunFolders,
) -> Evaluation:
    """Measure every detector on the test scans.

    The threshold of the network is tuned on the scans that those of the classical detectors were.

    Parameters
    ----------
    outputs
        Scores of the networks for the test intervals.
    estimates
        Classical detector → log-odds of a step (test interval,).
    """
    scans, test = scans_of(parts.events, "test"), parts.test
    choice = tuned(
        network_at(network_of(folders)),
        LADDERS["network"],
        scans_of(parts.events, "selection"),
        study.allowed_false_per_10_min,
    )
    at = choice.threshold
    thresholds = {"network": at, **_thresholds(folders)}
    detectors: dict[str, Detect] = {"network": _at(network_at(network_of(folders)), at)}
    detectors |= {name: _at(CLASSICAL[name], thresholds[name]) for name in estimates}
    judged = {name: [judge(scan, detect) for scan in scans] for name, detect in detectors.items()}
    words: dict[str, Floats] = {"network": log_odds_of(outputs.network), **estimates}
    loss = {name: losses(test, word) for name, word in words.items()}
    patients = np.array([one.patient for one in scans])
    resampling = Resampling.of(study, len(scans), _whole(patients))
    found = measure(
        {name: _statistics(judged[name], _per_scan(loss[name], test, scans)) for name in detectors},
        resampling,
    )
    best = found.best(MISSED_STEPS)
    of_each = []
    for file, word in zip(sorted(folders.initializations.iterdir()), outputs.final, strict=True):
        network = network_of(folders, FixedPointModel.load(file))
        each = [judge(scan, _at(network_at(network), at)) for scan in scans]
        of_each.append(_statistics(each, _per_scan(losses(test, log_odds_of(word)), test, scans)))
    full = [
        {LOG_LOSS: _ratio(*_per_scan(losses(test, log_odds_of(word)), test, scans))}
        for word in outputs.full
    ]
    steps = _steps(judged["network"])
    record = MotionTest(
        main_metric=MISSED_STEPS,
        reference_standard="known movements: of simulated scans from the simulation, of recorded "
        "ones from the study file",
        test_events=len(test),
        test_positions=len({one.patient for one in scans}),
        test_scans=len(scans),
        test_minutes=sum(one.minutes for one in scans),
        test_steps=len(steps["size_mm"]),
        steps_not_judged=sum(len(one.moves) for one in scans) - len(steps["size_mm"]),
        thresholds=thresholds,
        network_tuning=tuple(
            NetworkRung(
                threshold=rung.threshold,
                false_splits_per_10_min=rung.worst_per_10_min,
                missed_steps_percent=rung.missed_percent,
            )
            for rung in choice.tried
        ),
        estimators=found.table,
        best_baseline=best,
        gain=compare(found, resampling),
        gain_over_baselines=compare(found, resampling),
        initializations=Initializations(
            final=over_initializations(of_each, resampling),
            full=over_initializations(full, resampling),
        ),
        uncertainty=agreement(
            log_odds_of(outputs.final)[..., None],
            loss["network"][:, None],
            lambda some: float(some.mean()),
        ),
        subgroups=_subgroups(study, steps, judged["network"], judged[best]),
        power=power_of_test(
            found, MISSED_STEPS, resampling, study.statistics.least_gain_percent, "patients"
        ),
    )
    arrays: dict[str, NDArray[Any]] = {
        **steps,
        **{
            f"missed_{name}": _joined([one.missed for one in some]) for name, some in judged.items()
        },
    }
    return Evaluation(record, arrays)


def evaluate_interval_losses(
    study: MotionStudy, events: EventTable, network: Floats, estimates: Estimates
) -> ExternalMeasures:
    """Return the log loss of intervals alone: what two networks can be compared by.

    Which steps are missed depends on a threshold, and on what a network decided before.

    Parameters
    ----------
    network
        Scores (interval, still and moved).
    estimates
        Other detector → log-odds of a step (interval,).
    """
    _, first, of_scan = np.unique(events["scan"], return_index=True, return_inverse=True)
    patients = events["patient"][first].astype(np.int64)
    resampling = Resampling.of(study, len(first), _whole(patients))

    def statistic(log_odds: Floats) -> Statistic:
        loss = losses(events, log_odds)
        known = np.isfinite(loss)
        total = np.bincount(of_scan[known], loss[known], minlength=len(first))
        count = np.bincount(of_scan[known], minlength=len(first)).astype(np.float64)
        return _ratio(np.asarray(total, np.float64), count)

    found = measure(
        {
            "network": {LOG_LOSS: statistic(log_odds_of(network))},
            **{name: {LOG_LOSS: statistic(one)} for name, one in estimates.items()},
        },
        resampling,
    )
    return ExternalMeasures(
        main_metric=LOG_LOSS,
        test_events=len(events),
        test_positions=len(np.unique(patients)),
        estimators=found.table,
        gain_over_baselines=compare(found, resampling),
    )


def _whole(patients: NDArray[np.int64]) -> NDArray[np.int64] | None:
    """Return the patients to resample; None, scan by scan or step by step, where there is one."""
    return patients if len(np.unique(patients)) > 1 else None


def _thresholds(folders: RunFolders) -> dict[str, float]:
    rows = BASELINES.validate_json(folders.baselines.read_bytes())
    return {row.name: float(row.parameters["threshold"]) for row in rows}


def _at(detect: Callable[[MotionTrace, float], Sequence[CentreStep]], threshold: float) -> Detect:
    return lambda trace: detect(trace, threshold)


def _joined(some: Sequence[NDArray[Any]]) -> NDArray[Any]:
    return np.concatenate([np.zeros(0), *some])


def _steps(judged: Sequence[ScanOutcome]) -> dict[str, NDArray[Any]]:
    """Return what is known of every step that is judged, (step,)."""
    return {
        "size_mm": _joined([np.array([m.true_mm for m in one.moves]) for one in judged]),
        "counts_per_s": _joined([np.full(len(one.moves), one.scan.rate_per_s) for one in judged]),
        "patient": _joined([np.full(len(one.moves), one.scan.patient) for one in judged]).astype(
            np.int64
        ),
    }


def _per_scan(loss: Floats, test: EventTable, scans: Sequence[KnownScan]) -> tuple[Floats, Floats]:
    """Return (scan,) sums of the loss and how many intervals they are of."""
    place = {one.number: k for k, one in enumerate(scans)}
    of_row = np.array([place[int(number)] for number in test["scan"]])
    total = np.bincount(of_row, loss, minlength=len(scans)).astype(np.float64)
    return total, np.bincount(of_row, minlength=len(scans)).astype(np.float64)


def _statistics(
    judged: Sequence[ScanOutcome], loss: tuple[Floats, Floats]
) -> Mapping[Metric, Statistic]:
    steps = np.array([len(one.moves) for one in judged], np.float64)

    def sums(name: str) -> Floats:
        return np.array([float(getattr(one, name).sum()) for one in judged])

    tens = np.array([one.scan.minutes / 10 for one in judged])
    false = np.array([one.false for one in judged], np.float64)
    return {
        MISSED_STEPS: _ratio(100.0 * sums("missed"), steps, least=50.0),
        FALSE_SPLITS: _ratio(false, tens, least=0.5),
        MEAN_DELAY: _ratio(sums("delays_s"), steps),
        MEAN_SIZE_ERROR: _ratio(sums("size_errors_mm"), steps),
        LOG_LOSS: _ratio(*loss),
    }


def _ratio(above: Floats, below: Floats, *, least: float = 0.0) -> Statistic:
    """Return the weighted ratio of sums over scans.

    Where the sum is smaller than *least* (half a step, half a split) that is counted, so that gains
    over another detector stay defined in every replicate. One that drew no step at all counts as
    the scans themselves.
    """
    whole = max(float(above.sum()), least) / max(float(below.sum()), 1.0)

    def statistic(weights: Floats) -> float:
        total = float(weights @ below)
        return max(float(weights @ above), least) / total if total > 0 else whole

    return statistic


def _subgroups(
    study: MotionStudy,
    steps: Mapping[str, NDArray[Any]],
    network: Sequence[ScanOutcome],
    baseline: Sequence[ScanOutcome],
) -> tuple[SubgroupRecord, ...]:
    """Return missed steps by count rate and size, with whole patients resampled."""
    size, rate = steps["size_mm"], steps["counts_per_s"]
    rates = np.unique(rate)
    masks: dict[str, NDArray[np.bool_]] = {}
    if len(rates) <= MOST_RATES:
        masks |= {f"{one:,.0f} counts/s": rate == one for one in rates.tolist()}
    for low, high in pairwise(SIZES_MM):
        ends = f"{low:g} to {high:g} mm" if np.isfinite(high) else f"{low:g} mm or more"
        masks[f"steps of {ends}"] = (size >= low) & (size < high)
    return subgroup_records(
        100.0 * _joined([one.missed for one in network]),
        100.0 * _joined([one.missed for one in baseline]),
        {words: mask for words, mask in masks.items() if mask.any()},
        MISSED_STEPS,
        mean_statistic,
        Resampling.of(study, len(size), _whole(steps["patient"])),
    )

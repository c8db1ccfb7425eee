"""The study of detection: how often a step is found, how soon, how well measured, at what price."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta, chi2

from pulsefront.evaluate.intervals import Interval, bootstrap, mean_statistic
from pulsefront.motion.detectors.breathing import find_breathing
from pulsefront.motion.detectors.steps import CentreStep
from pulsefront.motion.judge.trials import JudgedScan, judge_scan, stepped_scans, still_scans
from pulsefront.motion.simulate.moves import Breathing, PatientMotion
from pulsefront.motion.simulate.scan import ScanPlan, simulate_scan
from pulsefront.motion.traces.trace import MotionTrace
from pulsefront.progress import Report, silent

__all__ = [
    "BreathingPoint",
    "DetectionPoint",
    "DetectionStudy",
    "DetectionTrials",
    "FalseSplits",
    "PairedGain",
    "poisson_interval",
    "proportion",
    "study_detection",
]

Floats = NDArray[np.float64]
Detect = Callable[[MotionTrace], Sequence[CentreStep]]

WITHIN_S = (10.0, 30.0, 90.0)


@dataclass(frozen=True)
class DetectionTrials:
    """What is simulated for the study.

    Attributes
    ----------
    rates_per_s, sizes_mm
        Count rates, and sizes of the patient's translation.
    scans
        Scans for each pair of them, of three steps each.
    still
        Scans without motion for each rate, of which the false splits are counted.
    seed
        First seed; every scan is a patient of his own. Those below 1000 were used to tune.
    """

    rates_per_s: tuple[float, ...] = (2_000.0, 5_000.0, 20_000.0, 50_000.0, 200_000.0)
    sizes_mm: tuple[float, ...] = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
    scans: int = 20
    still: int = 40
    seed: int = 10_000
    plan: ScanPlan = field(default_factory=ScanPlan)


@dataclass(frozen=True)
class DetectionPoint:
    """What a detector does with steps of one size at one rate.

    Attributes
    ----------
    found
        (within) share of steps found within 10, 30 and 90 s.
    delay_s
        Median time to the decision of those found; None where none was.
    error_mm, error_sd_mm
        Mean and standard deviation of size found less true size.
    """

    detector: str
    rate_per_s: float
    size_mm: float
    steps: int
    found: tuple[Interval, ...]
    delay_s: float | None
    error_mm: Interval | None
    error_sd_mm: float | None


@dataclass(frozen=True)
class FalseSplits:
    """False splits in scans without motion, per 10 minutes."""

    detector: str
    rate_per_s: float
    minutes: float
    count: int
    per_10_min: Interval


@dataclass(frozen=True)
class PairedGain:
    """Share of steps found within 30 s by one detector less that by another, on the same scans."""

    first: str
    second: str
    rate_per_s: float
    gain: Interval


@dataclass(frozen=True)
class BreathingPoint:
    """Breathing at one rate: how often it is found, and how far off its frequency is."""

    rate_per_s: float
    scans: int
    found: Interval
    error_hz: float | None
    largest_hz: float | None


@dataclass(frozen=True)
class DetectionStudy:
    """All of it."""

    trials: DetectionTrials
    points: tuple[DetectionPoint, ...]
    false: tuple[FalseSplits, ...]
    gains: tuple[PairedGain, ...]
    breathing: tuple[BreathingPoint, ...]


def proportion(found: int, of: int) -> Interval:
    """Return a share with its exact binomial interval (Clopper & Pearson, 1934)."""
    low = float(beta.ppf(0.025, found, of - found + 1)) if found else 0.0
    high = float(beta.ppf(0.975, found + 1, of - found)) if found < of else 1.0
    return Interval(found / of, low, high)


def poisson_interval(count: int, exposure: float) -> Interval:
    """Return a rate with its exact Poisson interval (Garwood, 1936)."""
    low = float(chi2.ppf(0.025, 2 * count)) / 2 if count else 0.0
    return Interval(count / exposure, low / exposure, float(chi2.ppf(0.975, 2 * count + 2)) / 2
                    / exposure)  # fmt: skip


def study_detection(
    detectors: Mapping[str, Detect], trials: DetectionTrials, *, report: Report = silent
) -> DetectionStudy:
    """Return how the *detectors* do on the same scans."""
    points: list[DetectionPoint] = []
    false: list[FalseSplits] = []
    gains: list[PairedGain] = []
    total = len(trials.rates_per_s) * (trials.still + trials.scans * len(trials.sizes_mm))
    done = 0
    for rate in trials.rates_per_s:
        plan = replace(trials.plan, rate_per_s=rate)
        splits = dict.fromkeys(detectors, 0)
        for scan in still_scans(plan, range(trials.seed, trials.seed + trials.still)):
            for name, detect in detectors.items():
                splits[name] += judge_scan(scan, detect).false
            done += 1
            report(done, total)
        minutes = trials.still * plan.duration_s / 60
        false += [
            FalseSplits(name, rate, minutes, count, poisson_interval(count, minutes / 10))
            for name, count in splits.items()
        ]
        hits: dict[str, list[list[float]]] = {name: [] for name in detectors}
        for number, size in enumerate(trials.sizes_mm):
            begin = trials.seed + 1000 * (number + 1)
            judged: dict[str, list[JudgedScan]] = {name: [] for name in detectors}
            for scan in stepped_scans(plan, size, range(begin, begin + trials.scans)):
                for name, detect in detectors.items():
                    judged[name].append(judge_scan(scan, detect))
                done += 1
                report(done, total)
            for name, scans in judged.items():
                points.append(_point(name, rate, size, scans))
                hits[name] += [[float(_within(m, 30.0)) for m in one.moves] for one in scans]
        gains += _gains(hits, rate)
    breathing = tuple(_breathing(rate, trials) for rate in trials.rates_per_s)
    return DetectionStudy(trials, tuple(points), tuple(false), tuple(gains), breathing)


def _within(move: object, seconds: float) -> bool:
    delay = getattr(move, "delay_s", None)
    return delay is not None and delay <= seconds


def _point(name: str, rate: float, size: float, scans: Sequence[JudgedScan]) -> DetectionPoint:
    moves = [move for scan in scans for move in scan.moves]
    found = [move for move in moves if move.found is not None]
    errors = np.array([move.error_mm for move in found], np.float64)
    delays = [move.delay_s for move in found if move.delay_s is not None]
    mean = None
    if len(errors) > 2:
        mean = bootstrap(mean_statistic(errors), len(errors), replicates=400, seed=1)
    return DetectionPoint(
        name,
        rate,
        size,
        len(moves),
        tuple(proportion(sum(_within(m, s) for m in moves), len(moves)) for s in WITHIN_S),
        float(np.median(delays)) if delays else None,
        mean,
        float(errors.std(ddof=1)) if len(errors) > 2 else None,
    )


def _gains(hits: Mapping[str, list[list[float]]], rate: float) -> list[PairedGain]:
    """Return every detector against the last, with whole scans resampled."""
    *others, last = hits
    found = []
    for other in others:
        differences = [
            np.array(b) - np.array(a) for a, b in zip(hits[other], hits[last], strict=True)
        ]
        groups = np.repeat(np.arange(len(differences)), [len(d) for d in differences])
        values = np.concatenate(differences)
        gain = bootstrap(
            mean_statistic(values), len(values), groups=groups, replicates=1000, seed=2
        )
        found.append(PairedGain(last, other, rate, gain))
    return found


def _breathing(rate: float, trials: DetectionTrials) -> BreathingPoint:
    """Return how well the frequency of breathing is found in scans of a torso."""
    scanner = replace(trials.plan.scanner, field_radius_mm=280.0)
    errors, found = [], 0
    scans = max(trials.scans // 2, 3)
    for seed in range(trials.seed, trials.seed + scans):
        frequency = 0.15 + 0.25 * float(np.random.default_rng([seed, 5]).random())
        plan = ScanPlan("torso", seed, 300.0, 0.5, rate_per_s=rate, scanner=scanner, samples=2,
                        motion=PatientMotion((), Breathing(frequency)))  # fmt: skip
        answer = find_breathing(simulate_scan(plan, seed).trace).frequency_hz
        if answer is not None:
            found += 1
            errors.append(answer.value - frequency)
    off = np.abs(errors)
    return BreathingPoint(
        rate,
        scans,
        proportion(found, scans),
        float(np.median(off)) if len(off) else None,
        float(off.max()) if len(off) else None,
    )

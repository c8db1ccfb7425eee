"""Thresholds of the detectors: the lowest that keep false splits rare at every rate."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from pulsefront.fixed_point import FixedPointModel
from pulsefront.motion.detectors.bayes import BayesSettings, bayes_steps
from pulsefront.motion.detectors.cusum import CusumSettings, cusum_steps
from pulsefront.motion.detectors.network import (
    EvidenceNetwork,
    NetworkSettings,
    network_steps,
)
from pulsefront.motion.detectors.steps import CentreStep
from pulsefront.motion.detectors.thresholds import ThresholdSettings, threshold_steps
from pulsefront.motion.judge.trials import judge_scan, still_scans
from pulsefront.motion.simulate.scan import ScanPlan, SimulatedScan
from pulsefront.motion.traces.trace import MotionTrace

__all__ = ["ALLOWED", "CLASSICAL", "LADDERS", "Tuned", "network_at", "tune"]

AtThreshold = Callable[[MotionTrace, float], Sequence[CentreStep]]

ALLOWED = 0.85
"""False splits per 10 minutes on the tuning scans; fresh ones allow one.

Of 40 scans of 10 minutes a rate the count is known to 0.15 (one standard deviation)."""


def _bayes(trace: MotionTrace, threshold: float) -> Sequence[CentreStep]:
    return bayes_steps(trace, BayesSettings(threshold=threshold))


def _threshold(trace: MotionTrace, threshold: float) -> Sequence[CentreStep]:
    return threshold_steps(trace, ThresholdSettings(threshold=threshold))[0]


def _cusum(trace: MotionTrace, threshold: float) -> Sequence[CentreStep]:
    return cusum_steps(trace, CusumSettings(threshold=threshold))[0]


CLASSICAL: dict[str, AtThreshold] = {"threshold": _threshold, "cusum": _cusum, "bayes": _bayes}
LADDERS = {
    "bayes": (-1.5, -1.3, -1.2, -1.1, -1.0, -0.9, -0.8, -0.7, -0.5, -0.25, 0.0, 0.5, 1.0),
    "threshold": (3.75, 4.0, 4.25, 4.5, 5.0, 6.0),
    "network": (-0.5, -0.25, 0.0, 0.2, 0.4, 0.6, 0.8, 1.0, 1.25, 1.5, 2.0, 3.0, 4.0),
    "cusum": (9.0, 10.0, 11.0, 12.0, 14.0, 18.0),
}


def network_at(model: FixedPointModel | EvidenceNetwork) -> AtThreshold:
    """Return the detector of a network, at any threshold."""

    def detect(trace: MotionTrace, threshold: float) -> Sequence[CentreStep]:
        return network_steps(trace, model, NetworkSettings(threshold))[0]

    return detect


@dataclass(frozen=True)
class Tuned:
    """A threshold, and the false splits per 10 minutes at the rate where they are most."""

    threshold: float
    worst_per_10_min: float


def tune(
    detect: AtThreshold,
    ladder: Sequence[float],
    plan: ScanPlan,
    rates_per_s: Sequence[float],
    seeds: Sequence[int],
) -> Tuned:
    """Return the lowest rung of *ladder* with at most `ALLOWED` false splits per 10 minutes.

    At every rate, on scans of these *seeds* in which nobody moves; the last rung where none does.
    """
    scans = [list(still_scans(replace(plan, rate_per_s=rate), seeds)) for rate in rates_per_s]
    for threshold in ladder:
        worst = 0.0
        for of_rate in scans:
            minutes = len(of_rate) * plan.duration_s / 60
            allowed = minutes / 10 * (ALLOWED if threshold != ladder[-1] else float("inf"))
            found = _false(detect, threshold, of_rate, allowed)
            worst = max(worst, found / minutes * 10)
            if found > allowed:
                break
        else:
            return Tuned(threshold, worst)
    raise ValueError("there is no rung to choose from")


def _false(
    detect: AtThreshold, threshold: float, scans: Sequence[SimulatedScan], allowed: float
) -> int:
    """Return the false splits; those of the rest are not counted where there are too many."""
    found = 0
    for scan in scans:
        found += judge_scan(scan, lambda trace: detect(trace, threshold)).false
        if found > allowed:
            break
    return found

"""Scans on which detectors of motion are tuned and judged: one step after the other, and none."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from pulsefront.motion.detectors.steps import CentreStep
from pulsefront.motion.frames import FoundMove, merge_steps
from pulsefront.motion.simulate.moves import PatientMotion, RigidMove
from pulsefront.motion.simulate.scan import MoveTruth, ScanPlan, SimulatedScan, simulate_scan
from pulsefront.motion.traces.trace import MotionTrace

__all__ = [
    "MATCH_S",
    "SPREAD_S",
    "JudgedMove",
    "JudgedScan",
    "judge_scan",
    "match_moves",
    "step_times",
    "stepped_scans",
    "still_scans",
]

Detect = Callable[[MotionTrace], Sequence[CentreStep]]

FIRST_S, APART_S, SPREAD_S, LAST_S = 90.0, 150.0, 40.0, 90.0
"""No step in the first and last seconds; steps this far apart, but for a random part."""

MATCH_S = 90.0
"""A movement found belongs to a true one that it follows by no more than this in its decision."""


@dataclass(frozen=True)
class JudgedMove:
    """A true movement, and what was found of it; None where it was not found."""

    truth: MoveTruth
    found: FoundMove | None

    @property
    def true_mm(self) -> float:
        """Return by how much the centre was displaced."""
        return float(np.linalg.norm(self.truth.shift_mm))

    @property
    def delay_s(self) -> float | None:
        """Return how long after the begin of the movement it was decided."""
        return None if self.found is None else self.found.decided_s - self.truth.move.start_s

    @property
    def error_mm(self) -> float | None:
        """Return the length of what was found less that of the truth."""
        return None if self.found is None else self.found.size_mm - self.true_mm


@dataclass(frozen=True)
class JudgedScan:
    """A scan: its true movements, and how many more were found."""

    moves: tuple[JudgedMove, ...]
    false: int
    minutes: float


def still_scans(plan: ScanPlan, seeds: Sequence[int]) -> Iterator[SimulatedScan]:
    """Yield scans in which nobody moves; every seed is a patient of his own."""
    for seed in seeds:
        yield simulate_scan(replace(plan, patient=seed), seed)


def step_times(duration_s: float) -> list[float]:
    """Return the earliest time of each step of a scan; it comes up to `SPREAD_S` later."""
    found, at = [], FIRST_S
    while at + SPREAD_S < duration_s - LAST_S:
        found.append(at)
        at += APART_S
    return found


def stepped_scans(plan: ScanPlan, size_mm: float, seeds: Sequence[int]) -> Iterator[SimulatedScan]:
    """Yield scans with steps of a size in directions uniform on the sphere, about every 150 s."""
    for seed in seeds:
        random = np.random.default_rng([seed, 81])
        moves = []
        for at in step_times(plan.duration_s):
            direction = random.standard_normal(3)
            x, y, z = (size_mm * direction / np.linalg.norm(direction)).tolist()
            start = at + SPREAD_S * random.random()
            moves.append(RigidMove(start, random.uniform(0.2, 1.0), (x, y, z)))
        motion = PatientMotion(tuple(moves), plan.motion.breathing)
        yield simulate_scan(replace(plan, patient=seed, motion=motion), seed)


def judge_scan(scan: SimulatedScan, detect: Detect) -> JudgedScan:
    """Return what *detect* finds of a scan, matched as `match_moves` says."""
    found = merge_steps(detect(scan.trace), scan.trace)
    judged, false = match_moves(scan.moves, found)
    return JudgedScan(judged, false, scan.plan.duration_s / 60)


def match_moves(
    truths: Sequence[MoveTruth], found: Sequence[FoundMove]
) -> tuple[tuple[JudgedMove, ...], int]:
    """Return each true movement with what was found of it, and how many more were found.

    A movement found belongs to the nearest true one that begins within one interval before or 15 s
    around its own begin and was decided no later than 90 s after; each true one takes the first
    that fits. All others are false.
    """
    left = list(found)
    judged = []
    for truth in truths:
        begin = truth.move.start_s
        fitting = [
            one
            for one in left
            if abs(one.start_s - begin) <= max(15.0, truth.move.duration_s)
            and begin <= one.decided_s <= begin + MATCH_S
        ]
        first = min(fitting, key=lambda one: one.decided_s, default=None)
        if first is not None:
            left.remove(first)
        judged.append(JudgedMove(truth, first))
    return tuple(judged), len(left)

"""The whole answer for one trace: what is wrong with it, who moved when, and the still frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from pulsefront.errors import ConfigError
from pulsefront.fixed_point import FixedPointModel
from pulsefront.motion.detectors.bayes import BayesSettings, filter_steps
from pulsefront.motion.detectors.breathing import FoundBreathing, find_breathing
from pulsefront.motion.detectors.cusum import CusumSettings, cusum_steps
from pulsefront.motion.detectors.network import EvidenceNetwork, NetworkSettings, network_steps
from pulsefront.motion.detectors.reach import detectable_mm
from pulsefront.motion.detectors.steps import CentreStep
from pulsefront.motion.detectors.thresholds import ThresholdSettings, threshold_steps
from pulsefront.motion.frames import (
    FoundMove,
    StillFrame,
    frames_between,
    merge_steps,
)
from pulsefront.motion.traces.noise import with_learned_errors
from pulsefront.motion.traces.parts import cut_trace
from pulsefront.motion.traces.trace import MotionTrace, TraceFinding, rebin

__all__ = ["DETECTORS", "FindSettings", "FoundMotion", "find_motion", "steps_by"]

Floats = NDArray[np.float64]

DETECTORS = ("bayes", "threshold", "cusum", "network")
DECIDED_SHARE = 0.9
"""Of the time that has to be decided for a scan to be called still."""

SHORTEST = 20
"""Intervals below which a part is not looked at."""

Decision = Literal["motion", "still", "no decision"]


@dataclass(frozen=True)
class FindSettings:
    """How a trace is looked at.

    Attributes
    ----------
    detector
        One of `DETECTORS`.
    interval_s
        Shorter intervals are joined until they are this long.
    smallest_mm
        Movements of the centre that are smaller do not split a frame.
    matters_mm
        Where a step of this size would not be found within a minute, there is no decision.
    model
        Of the detector ``network``.
    """

    detector: str = "bayes"
    interval_s: float = 1.0
    smallest_mm: float = 0.3
    matters_mm: float = 5.0
    bayes: BayesSettings = field(default_factory=BayesSettings)
    threshold: ThresholdSettings = field(default_factory=ThresholdSettings)
    cusum: CusumSettings = field(default_factory=CusumSettings)
    network: NetworkSettings = field(default_factory=NetworkSettings)
    model: FixedPointModel | EvidenceNetwork | None = None

    def __post_init__(self) -> None:
        if self.detector not in DETECTORS:
            raise ConfigError("no such detector", field="--detector", value=self.detector,
                              remedy=f"use {', '.join(DETECTORS)}")  # fmt: skip
        if (self.detector == "network") != (self.model is not None):
            raise ConfigError(
                "the detector network needs a model, and only that one has one",
                field="--model",
                remedy="pulsefront motion train makes one",
            )


@dataclass(frozen=True)
class FoundMotion:
    """What was found in a scan.

    Attributes
    ----------
    trace
        The trace as it was looked at: joined, without bad intervals, with errors.
    moves, frames
        Movements, and the still frames between them.
    detectable_mm
        (frame,) the step that would be found within 30 s in nine of ten cases; infinite where the
        frame is too short to tell.
    score
        (interval,) of the detector.
    findings
        What is wrong with the data.
    breathing
        Of the longest part.
    scan_s
        Length of the scan, with the time in which nothing was measured.
    """

    trace: MotionTrace
    moves: tuple[FoundMove, ...]
    frames: tuple[StillFrame, ...]
    detectable_mm: tuple[float, ...]
    score: Floats
    findings: tuple[TraceFinding, ...]
    breathing: FoundBreathing | None
    settings: FindSettings
    told: dict[str, Any] = field(default_factory=dict)
    scan_s: float = 0.0

    @property
    def decision(self) -> Decision:
        """Return motion where any was found, no decision where much is undecided, else still."""
        if self.moves:
            return "motion"
        return "still" if self.decided_share >= DECIDED_SHARE else "no decision"

    @property
    def decided_share(self) -> float:
        """Return the share of the scan in which motion was seen or could have been seen."""
        seen = sum(frame.duration_s for frame in self.frames if frame.decided)
        seen += sum(move.stop_s - move.start_s for move in self.moves)
        return min(seen / self.scan_s, 1.0) if self.scan_s else 0.0

    @property
    def lost_s(self) -> float:
        """Return the time between the parts: without counts or rows, or at a bad interval."""
        kept = sum(frame.duration_s for frame in self.frames)
        kept += sum(move.stop_s - move.start_s for move in self.moves)
        # A millionth of the scan is the rounding of the sum.
        lost = self.scan_s - kept
        return lost if lost > 1e-6 * self.scan_s else 0.0

    @property
    def parts(self) -> int:
        """Return how many parts there are, which are not compared with each other."""
        return len({frame.part for frame in self.frames})


def steps_by(trace: MotionTrace, settings: FindSettings) -> tuple[tuple[CentreStep, ...], Floats]:
    """Return the steps in a trace whose errors are known, and (interval,) the detector's score."""
    if settings.detector == "threshold":
        return threshold_steps(trace, settings.threshold)
    if settings.detector == "network":
        assert settings.model is not None
        return network_steps(trace, settings.model, settings.network)
    if settings.detector == "cusum":
        return cusum_steps(trace, settings.cusum)
    found = filter_steps(trace, settings.bayes)
    return found.steps, found.score


def find_motion(
    trace: MotionTrace, settings: FindSettings | None = None, *, breaks: Sequence[float] = ()
) -> FoundMotion:
    """Return what moved in a scan.

    Parameters
    ----------
    breaks
        Times at which an uninterrupted part ends for reasons that only the reader knows.
    """
    settings = settings or FindSettings()
    parts, findings = cut_trace(trace, tuple(breaks))
    breathing = _breathing_of([part.trace for part in parts if part.usable])
    moves: list[FoundMove] = []
    frames: list[StillFrame] = []
    reach: list[float] = []
    looked_at, scores = [], []
    for number, part in enumerate(parts):
        joined = _joined(part.trace, settings, breathing)
        begin, end = float(part.trace.time_s[0]), part.trace.stop_s
        if not part.usable or len(joined) < SHORTEST:
            frames += [
                replace(one, decided=False) for one in frames_between(begin, end, (), number)
            ]
            reach.append(float("inf"))
            looked_at.append(joined)
            scores.append(np.zeros(len(joined)))
            continue
        steps, score = steps_by(joined, settings)
        # Where the counts do not show what matters, only what they do show counts.
        slow = detectable_mm(joined, settings.bayes, within_s=60.0)
        least = settings.smallest_mm if slow <= settings.matters_mm else slow
        here = tuple(move for move in merge_steps(steps, joined) if move.largest_mm >= least)
        moves += here
        for frame in frames_between(begin, end, here, number):
            inside = joined.select(
                (joined.time_s >= frame.start_s) & (joined.time_s < frame.stop_s)
            )
            reach.append(detectable_mm(inside, settings.bayes))
            slow = detectable_mm(inside, settings.bayes, within_s=60.0)
            frames.append(replace(frame, decided=slow <= settings.matters_mm))
        looked_at.append(joined)
        scores.append(score)
    whole = _together(looked_at, trace)
    every = sorted((*trace.findings, *findings), key=lambda one: (one.start_s, one.kind))
    return FoundMotion(
        trace=whole,
        moves=tuple(moves),
        frames=tuple(frames),
        detectable_mm=tuple(reach),
        score=np.concatenate(scores) if scores else np.zeros(0),
        findings=tuple(every),
        breathing=breathing,
        settings=settings,
        told=dict(trace.provenance),
        scan_s=trace.stop_s - float(trace.time_s[0]) if len(trace) else 0.0,
    )


def _breathing_of(traces: Sequence[MotionTrace]) -> FoundBreathing | None:
    longest = max(traces, key=lambda one: one.stop_s - one.time_s[0], default=None)
    return None if longest is None else find_breathing(longest)


def _joined(
    trace: MotionTrace, settings: FindSettings, breathing: FoundBreathing | None
) -> MotionTrace:
    """Return a part with intervals of at least the wanted length; with breathing, whole breaths."""
    wanted = settings.interval_s
    if breathing is not None and breathing.frequency_hz is not None:
        wanted = max(wanted, 1 / breathing.frequency_hz.value)
    count = max(round(wanted / trace.interval_s), 1) if len(trace) else 1
    return with_learned_errors(rebin(trace, count))


def _together(traces: Sequence[MotionTrace], like: MotionTrace) -> MotionTrace:
    if not traces:
        return like.select(slice(0, 0))
    names = ("time_s", "duration_s", "counts", "centre_mm", "randoms", "spread_mm", "error_mm",
             "views", "bed")  # fmt: skip
    joined: dict[str, Any] = {
        name: np.concatenate([getattr(one, name) for one in traces]) for name in names
    }
    return replace(traces[0], **joined)

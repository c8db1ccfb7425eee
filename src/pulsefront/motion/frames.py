"""From steps to movements, and from movements to the frames between them in which nobody moved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pulsefront.motion.detectors.measure import measure_step
from pulsefront.motion.detectors.steps import CentreStep
from pulsefront.motion.traces.trace import MotionTrace

__all__ = ["FoundMove", "StillFrame", "frames_between", "merge_steps"]

MERGE_S = 5.0
"""Steps closer than this are one movement: a turn takes a second or two."""


@dataclass(frozen=True)
class FoundMove:
    """A movement: one step, or several that follow each other at once.

    Attributes
    ----------
    start_s, stop_s
        Begin of its first step, and end of the interval of its last.
    decided_s
        When the first of them was decided.
    shift_mm, error_mm
        (axis,) displacement of the centre in all, and its standard error.
    largest_mm
        How far off the centre was at the most: of a nod and back, more than is left in the end.
    """

    start_s: float
    stop_s: float
    decided_s: float
    shift_mm: tuple[float, float, float]
    error_mm: tuple[float, float, float]
    score: float
    largest_mm: float
    steps: int = 1

    @property
    def size_mm(self) -> float:
        """Return the length of the displacement."""
        return float(np.linalg.norm(self.shift_mm))

    @property
    def size_error_mm(self) -> float:
        """Return the standard error along the displacement."""
        return _along(self.shift_mm, self.error_mm)


@dataclass(frozen=True)
class StillFrame:
    """A stretch of the scan without a movement.

    Attributes
    ----------
    start_s, stop_s
        Begin and end.
    part
        Number of the uninterrupted part of the scan that it lies in: displacements are told within
        a part, and start at 0 with each.
    shift_mm, error_mm
        (axis,) displacement of the centre since the first frame of the part, drift apart, and its
        standard error.
    decided
        False where a step of the size that matters could not have been seen.
    """

    start_s: float
    stop_s: float
    part: int
    shift_mm: tuple[float, float, float]
    error_mm: tuple[float, float, float]
    decided: bool = True

    @property
    def duration_s(self) -> float:
        """Return its length."""
        return self.stop_s - self.start_s

    @property
    def size_mm(self) -> float:
        """Return the length of the displacement."""
        return float(np.linalg.norm(self.shift_mm))

    @property
    def size_error_mm(self) -> float:
        """Return the standard error along the displacement."""
        return _along(self.shift_mm, self.error_mm)


def _along(shift: tuple[float, float, float], error: tuple[float, float, float]) -> float:
    """Return the standard error of the length of a shift."""
    direction, errors = np.array(shift), np.array(error)
    size = float(np.linalg.norm(direction))
    if size == 0:
        return float(errors.max())
    return float(np.sqrt(((direction / size * errors) ** 2).sum()))


def merge_steps(
    steps: Sequence[CentreStep], trace: MotionTrace, *, within_s: float = MERGE_S
) -> tuple[FoundMove, ...]:
    """Return movements: steps that follow another within *within_s* belong to it.

    Several steps are measured anew as one, with what lies between them left out: each of them had
    only the time until the next.
    """
    groups: list[list[CentreStep]] = []
    for step in sorted(steps, key=lambda one: one.time_s):
        if groups and step.time_s - groups[-1][-1].time_s <= within_s:
            groups[-1].append(step)
        else:
            groups.append([step])
    edges = [trace.time_s[0] if len(trace) else 0.0, *(group[-1].time_s for group in groups)]
    ends = [*(group[0].time_s for group in groups[1:]), np.inf]
    return tuple(
        _moved(group, trace, float(begin), float(end))
        for group, begin, end in zip(groups, edges, ends, strict=False)
    )


def _moved(
    group: Sequence[CentreStep], trace: MotionTrace, begin_s: float, end_s: float
) -> FoundMove:
    """Return one movement; only the trace between two times is free of others."""
    shift, error = np.array(group[0].shift_mm), np.array(group[0].error_mm)
    if len(group) > 1:
        at = [int(np.searchsorted(trace.time_s, step.time_s)) for step in group]
        first, stop = (int(np.searchsorted(trace.time_s, when)) for when in (begin_s, end_s))
        measured, doubt = measure_step(trace, at[0], last=at[-1], first=first, stop=stop)
        if np.isfinite(measured).all():
            shift, error = measured, doubt
        else:
            shift = np.sum([step.shift_mm for step in group], axis=0)
            error = np.array(group[-1].error_mm)
    x, y, z = shift.tolist()
    ex, ey, ez = error.tolist()
    return FoundMove(
        start_s=group[0].time_s,
        stop_s=group[-1].time_s + trace.interval_s,
        decided_s=min(step.decided_s for step in group),
        shift_mm=(x, y, z),
        error_mm=(ex, ey, ez),
        score=max(step.score for step in group),
        largest_mm=_farthest(group, shift),
        steps=len(group),
    )


def _farthest(group: Sequence[CentreStep], shift: NDArray[np.float64]) -> float:
    """Return how far off the centre was at the most: after each step, and in the end."""
    after = np.cumsum([step.shift_mm for step in group[:-1]], axis=0).reshape(-1, 3)
    return float(np.linalg.norm(np.vstack([after, shift]), axis=1).max())


def frames_between(
    start_s: float, stop_s: float, moves: Sequence[FoundMove], part: int
) -> tuple[StillFrame, ...]:
    """Return the frames of one part of a scan, from *start_s* to *stop_s*."""
    edges = [(start_s, start_s), *((m.start_s, m.stop_s) for m in moves), (stop_s, stop_s)]
    shift, variance = np.zeros(3), np.zeros(3)
    frames = []
    for number in range(len(edges) - 1):
        if number:
            shift = shift + np.array(moves[number - 1].shift_mm)
            variance = variance + np.array(moves[number - 1].error_mm) ** 2
        begin, end = edges[number][1], edges[number + 1][0]
        if end <= begin:
            continue
        x, y, z = shift.tolist()
        ex, ey, ez = np.sqrt(variance).tolist()
        frames.append(StillFrame(begin, end, part, (x, y, z), (ex, ey, ez)))
    return tuple(frames)

"""Fronts of error against cost: chosen on one set of events, reported on another."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from scipy.stats import t as student

__all__ = ["Interval", "Judged", "cost_at", "front_of", "hypervolume", "mean_interval"]


class Judged(Protocol):
    """A network with its figures on selection and test events, smaller is better."""

    @property
    def selection(self) -> float:
        """The figure that choices are made by."""

    @property
    def test(self) -> float:
        """The figure that is reported."""


Cost = Callable[[Any], float]


@dataclass(frozen=True)
class Interval:
    """A mean over seeds with the ends of its two-sided 90 % t interval."""

    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.mean:+.3f} [{self.low:+.3f}, {self.high:+.3f}]"


def front_of(points: Sequence[Judged], cost: Cost) -> list[int]:
    """Return the places of the front, cheapest first, chosen on the selection set."""
    front: list[int] = []
    order = sorted(range(len(points)), key=lambda n: (cost(points[n]), points[n].selection))
    for place in order:
        if not front or points[place].selection < points[front[-1]].selection:
            front.append(place)
    return front


def hypervolume(
    points: Sequence[Judged], cost: Cost, corner_cost: float, corner_error: float
) -> float:
    """Return the area between the front's test figures and the corner, in cost · error.

    The front is a stair that never rises: where a dearer point is worse on the test set, the
    cheaper one is taken in its place.
    """
    front = [points[place] for place in front_of(points, cost)]
    depth = area = 0.0
    for point, after in zip(front, [*front[1:], None], strict=True):
        depth = max(depth, corner_error - point.test)
        until = corner_cost if after is None else min(cost(after), corner_cost)
        area += max(until - cost(point), 0.0) * depth
    return area


def cost_at(points: Sequence[Judged], cost: Cost, error: float) -> float | None:
    """Return the cost at which the front, its logarithm interpolated, reaches the test *error*.

    None where the front does not reach it, or only in points cheaper than its cheapest.
    """
    best: list[tuple[float, float]] = []
    for place in front_of(points, cost):
        point = points[place]
        if not best or point.test < best[-1][1]:
            best.append((cost(point), point.test))
    if len(best) < 2 or not best[-1][1] <= error <= best[0][1]:
        return None
    errors = [one[1] for one in reversed(best)]
    costs = np.log([one[0] for one in reversed(best)])
    return float(np.exp(np.interp(error, errors, costs)))


def mean_interval(values: Sequence[float]) -> Interval:
    """Return the mean of *values*, one per seed; with one seed the interval is all numbers."""
    given = np.asarray(values, np.float64)
    mean = float(given.mean())
    if len(given) < 2:
        return Interval(mean, -np.inf, np.inf)
    half = float(student.ppf(0.95, len(given) - 1) * given.std(ddof=1) / np.sqrt(len(given)))
    return Interval(mean, mean - half, mean + half)

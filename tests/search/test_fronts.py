"""What the benchmarks say of fronts: chosen on one set of events, reported on another."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from fronts import cost_at, front_of, hypervolume, mean_interval


@dataclass(frozen=True)
class One:
    """A network's cost and figures."""

    cost: float
    selection: float
    test: float


def cost(one: One) -> float:
    """Return the cost."""
    return one.cost


POINTS = [One(400, 1.0, 1.1), One(100, 2.0, 2.0), One(200, 1.5, 1.3), One(300, 1.7, 0.1)]


def test_the_front_is_chosen_on_selection_events_alone() -> None:
    # The third is best on the test set, which has no say.
    assert front_of(POINTS, cost) == [1, 2, 0]


def test_the_hypervolume_is_the_area_under_the_corner() -> None:
    # From 200 to 400 the stair is 0.7 below the corner, from 400 to 500 it is 0.9.
    assert hypervolume(POINTS, cost, 500, 2.0) == pytest.approx(200 * 0.7 + 100 * 0.9)
    assert hypervolume(POINTS, cost, 150, 1.0) == 0.0
    # A dearer point that is worse on the test set changes nothing.
    worse = [*POINTS, One(450, 0.9, 1.9)]
    assert hypervolume(worse, cost, 500, 2.0) == hypervolume(POINTS, cost, 500, 2.0)


def test_costs_at_an_error_lie_between_two_points_and_nowhere_else() -> None:
    assert cost_at(POINTS, cost, 1.3) == pytest.approx(200)
    assert cost_at(POINTS, cost, 1.2) == pytest.approx(np.sqrt(200 * 400))
    assert cost_at(POINTS, cost, 1.0) is None
    assert cost_at(POINTS, cost, 2.1) is None
    assert cost_at(POINTS[:1], cost, 1.1) is None


def test_an_interval_needs_two_seeds() -> None:
    # Student's 95 % quantile with two degrees of freedom is 2.920.
    found = mean_interval([1.0, 2.0, 3.0])
    assert (found.mean, found.high - 2.0) == pytest.approx((2.0, 2.920 / np.sqrt(3)), rel=1e-3)
    assert mean_interval([1.0]).high == np.inf

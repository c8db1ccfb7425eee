"""The Pareto front."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pulsefront.search.result import pareto_front

points = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=20)


@given(points)
def test_the_front_holds_just_what_no_other_point_beats(pairs: list[tuple[int, int]]) -> None:
    costs, losses = np.array(pairs, dtype=float).T
    front = pareto_front(costs, losses)
    chosen = {(costs[i], losses[i]) for i in front}
    unbeaten = {
        (c, m)
        for c, m in zip(costs, losses, strict=True)
        if not np.any((costs <= c) & (losses <= m) & ((costs < c) | (losses < m)))
    }
    assert chosen == unbeaten
    assert len(front) == len(chosen)


def test_the_front_runs_from_cheap_to_good() -> None:
    front = pareto_front(np.array([3.0, 1.0, 2.0, 2.0]), np.array([1.0, 5.0, 2.0, 3.0]))
    assert front == (1, 2, 0)


def test_a_point_that_diverged_is_not_on_the_front() -> None:
    assert pareto_front(np.array([1.0, 2.0]), np.array([np.inf, 1.0])) == (1,)

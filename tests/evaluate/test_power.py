"""Planned sizes hold what they promise."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulsefront.errors import DataError
from pulsefront.evaluate.intervals import bootstrap, mean_statistic
from pulsefront.evaluate.power import (
    events_for_half_width,
    plan_paired_test,
    power_of_paired_test,
    training_subsets,
)


def test_the_planned_size_has_the_planned_power() -> None:
    random = np.random.default_rng(0)

    def errors(events: int) -> tuple[np.ndarray, np.ndarray]:
        shared = random.exponential(size=events)
        return shared - 0.05 + 0.3 * random.normal(size=events), shared

    ours, theirs = errors(2_000)
    plan = plan_paired_test(mean_statistic(ours), mean_statistic(theirs), 2_000, gain=0.05)
    # The paired difference has a standard deviation of 0.3: (1.96 + 1.2816)² · 0.09 / 0.0025.
    assert plan.needed == pytest.approx(378, rel=0.2)
    shown = 0
    for _ in range(400):
        ours, theirs = errors(plan.needed)
        gain = theirs - ours
        shown += gain.mean() - 1.96 * gain.std(ddof=1) / np.sqrt(len(gain)) > 0
    assert shown / 400 == pytest.approx(0.9, abs=0.06)
    assert power_of_paired_test(plan, plan.needed) == pytest.approx(0.9, abs=0.01)
    assert power_of_paired_test(plan, plan.needed // 4) < 0.5


def test_clusters_are_counted_where_events_cluster() -> None:
    random = np.random.default_rng(1)
    cluster = np.repeat(np.arange(50), 40)
    ours = random.normal(size=50)[cluster]
    plan = plan_paired_test(
        mean_statistic(ours), mean_statistic(np.zeros(2_000)), 2_000, gain=0.5, groups=cluster
    )
    assert plan.pilot == 50
    assert plan.needed == pytest.approx(42, rel=0.35)


def test_the_planned_interval_has_the_planned_width() -> None:
    values = np.random.default_rng(2).normal(size=20_000)
    needed = events_for_half_width(mean_statistic(values[:1_000]), 1_000, half_width=0.02)
    assert needed == pytest.approx(1.96**2 / 0.02**2, rel=0.15)
    found = bootstrap(mean_statistic(values[:needed]), needed)
    assert (found.high - found.low) / 2 == pytest.approx(0.02, rel=0.15)


@given(
    st.lists(st.integers(0, 4), min_size=5, max_size=60),
    st.integers(0, 50),
)
def test_parts_are_nested_and_even_over_groups(groups: list[int], seed: int) -> None:
    training = 100 + np.arange(len(groups))
    sizes = [1, len(groups) // 2, len(groups)]
    parts = training_subsets(training, sizes, groups=np.array(groups), seed=seed)
    assert [len(part) for part in parts] == sizes
    assert set(parts[0]) <= set(parts[1]) <= set(parts[2]) == set(training)
    counts = np.bincount(np.array(groups)[parts[1] - 100], minlength=5)
    whole = np.bincount(groups, minlength=5)
    # No group has two more than another that still has events to give.
    open_groups = counts < whole
    if open_groups.any():
        assert counts.max() - counts[open_groups].min() <= 1


def test_unusable_requests_raise() -> None:
    statistic = mean_statistic(np.arange(10.0))
    with pytest.raises(DataError, match="gain"):
        plan_paired_test(statistic, statistic, 10, gain=0)
    with pytest.raises(DataError, match="half_width"):
        events_for_half_width(statistic, 10, half_width=-1)
    with pytest.raises(DataError, match="sizes"):
        training_subsets(np.arange(5), [6])

"""Weak subgroups: a planted one is confirmed, and chance alone confirms none."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from pulsefront.errors import DataError
from pulsefront.evaluate.weak_subgroups import crossed, find_weak_subgroups, holm


def parts(events: int, random: np.random.Generator) -> dict[str, np.ndarray]:
    labels = random.integers(0, 3, (events, 3))
    return {f"{c}{k}": labels[:, c] == k for c in range(3) for k in range(3)}


def test_holm_agrees_with_scipy() -> None:
    random = np.random.default_rng(1)
    for _ in range(20):
        p = random.uniform(0, 0.2, 7)
        # SciPy has no step-down of Holm; its definition, sorted and one by one.
        order = np.argsort(p)
        expected = np.maximum.accumulate([(7 - k) * p[i] for k, i in enumerate(order)])
        np.testing.assert_allclose(holm(p)[order], np.minimum(expected, 1.0))


def test_a_planted_part_is_found_and_confirmed_and_the_others_are_not() -> None:
    random = np.random.default_rng(2)
    masks = crossed(parts(8000, random))
    losses = random.exponential(1.0, 8000)
    losses[masks["00; 11"]] *= 1.6
    found = find_weak_subgroups(losses, masks, seed=3)
    confirmed = [row.name for row in found if row.confirmed]
    assert confirmed == ["00; 11"]
    (row,) = (row for row in found if row.confirmed)
    assert row.ratio.low < 1.6 < row.ratio.high


def test_chance_confirms_a_part_as_rarely_as_it_says() -> None:
    """Eight of 36 parts are tested at the edge of the null in 100 sets: 5 % at most."""
    wrong = 0
    for seed in range(100):
        random = np.random.default_rng(seed)
        masks = crossed(parts(1200, random))
        losses = random.exponential(1.0, 1200)
        rows = find_weak_subgroups(losses, masks, factor=1.0, replicates=100, seed=seed)
        wrong += any(row.confirmed for row in rows)
    assert wrong <= stats.binom.ppf(0.999, 100, 0.05)


def test_whole_groups_lie_in_one_half_and_are_resampled_together() -> None:
    random = np.random.default_rng(4)
    groups = np.repeat(np.arange(40), 100)
    # Positions differ by chance; single events would make every part of them look certain.
    losses = np.repeat(random.exponential(1.0, 40), 100) * random.uniform(0.9, 1.1, 4000)
    masks = {"left": groups < 20}
    (together,) = find_weak_subgroups(losses, masks, groups=groups, factor=1.0) or (None,)
    if together is None:
        masks = {"right": groups >= 20}
        (together,) = find_weak_subgroups(losses, masks, groups=groups, factor=1.0)
    (single,) = find_weak_subgroups(losses, masks, factor=1.0)
    width = together.ratio.high / together.ratio.low
    assert width > 2 * single.ratio.high / single.ratio.low


def test_losses_that_are_no_numbers_are_refused() -> None:
    with pytest.raises(DataError, match="not all finite"):
        find_weak_subgroups([1.0, np.nan], {})

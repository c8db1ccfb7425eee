"""Sham labels keep what they promise to keep and nothing else."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulsefront.errors import DataError
from pulsefront.evaluate.classification import roc_auc
from pulsefront.evaluate.sham import (
    shift_within_groups,
    shuffle_labels,
    swap_between_groups,
    within_sham,
)

GROUPS = st.lists(st.integers(0, 5), min_size=2, max_size=40)


@given(GROUPS, st.integers(0, 99))
def test_a_shift_keeps_each_groups_labels_in_their_cyclic_order(
    groups: list[int], seed: int
) -> None:
    labels = np.arange(len(groups))
    names = np.array(groups)
    shifted = shift_within_groups(labels, names, seed=seed)
    for group in set(groups):
        before, after = labels[names == group], shifted[names == group]
        turns = [np.roll(before, k).tolist() for k in range(len(before))]
        assert after.tolist() in turns
        if len(before) > 1:
            assert not np.array_equal(before, after)


@given(GROUPS.filter(lambda g: len(set(g)) > 1), st.integers(0, 99))
def test_a_swap_gives_every_group_the_labels_of_another(groups: list[int], seed: int) -> None:
    names = np.array(groups)
    swapped = swap_between_groups(names, names, seed=seed)
    for group in set(groups):
        found = set(swapped[names == group].tolist())
        assert len(found) == 1
        assert group not in found
    assert len({int(swapped[names == g][0]) for g in set(groups)}) == len(set(groups))


def test_a_shuffle_keeps_the_distribution_and_rows_whole() -> None:
    labels = np.column_stack([np.arange(50), -np.arange(50)])
    shuffled = shuffle_labels(labels, seed=0)
    assert not np.array_equal(shuffled, labels)
    np.testing.assert_array_equal(shuffled[:, 0], -shuffled[:, 1])
    np.testing.assert_array_equal(np.sort(shuffled[:, 0]), np.arange(50))


def test_the_nulls_of_units_with_different_risk_differ() -> None:
    random = np.random.default_rng(0)
    unit = np.repeat(np.arange(200), 40)
    risk = random.beta(1, 4, 200)
    outcome = (random.random(len(unit)) < risk[unit]).astype(int)
    score = risk[unit]
    # Shifts keep that some units fail more often; swaps do not.
    kept = roc_auc(score, shift_within_groups(outcome, unit, seed=1))
    lost = roc_auc(score, swap_between_groups(outcome, unit, seed=1))
    assert kept == pytest.approx(roc_auc(score, outcome), abs=0.001)
    assert kept > 0.7
    assert lost == pytest.approx(0.5, abs=0.1)


def test_a_value_beyond_its_shams_is_no_chance() -> None:
    sham = np.linspace(0.45, 0.55, 21)
    found = within_sham(0.9, sham)
    assert found.value > found.high
    assert found.low == pytest.approx(0.4525)
    with pytest.raises(DataError, match="19"):
        within_sham(0.9, sham[:5])


def test_unusable_requests_raise() -> None:
    with pytest.raises(DataError, match="equally many"):
        shift_within_groups([1, 2], [1], seed=0)
    with pytest.raises(DataError, match="single group"):
        swap_between_groups([1, 2], [1, 1], seed=0)

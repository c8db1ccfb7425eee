"""Splits keep groups whole, and the leak check finds what leaks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pulsefront.errors import DataError
from pulsefront.evaluate.splits import (
    Split,
    check_leaks,
    k_fold,
    split_grid,
    split_offsets,
)


def scan(columns: int, rows: int, events: int) -> np.ndarray:
    ix, iy = np.meshgrid(np.arange(columns), np.arange(rows), indexing="ij")
    return np.repeat(np.column_stack([ix.ravel(), iy.ravel()]), events, axis=0)


@settings(deadline=None, max_examples=40)
@given(
    columns=st.integers(3, 9),
    rows=st.integers(3, 9),
    events=st.integers(1, 4),
    seed=st.integers(0, 99),
)
def test_every_event_is_in_one_part(columns: int, rows: int, events: int, seed: int) -> None:
    grid = scan(columns, rows, events)
    split = split_grid(grid, seed=seed)
    together = np.concatenate([split.train, split.selection, split.test])
    assert len(np.unique(together)) == len(together)
    assert len(together) + sum(split.excluded.values()) == len(grid)
    assert (grid[split.train] % 2 == 0).all()
    assert ((grid[split.selection] % 2).any(axis=1)).all()
    assert ((grid[split.test] % 2).any(axis=1)).all()
    low, high = grid[split.train].min(axis=0), grid[split.train].max(axis=0)
    for part in (split.selection, split.test):
        assert (grid[part] >= low).all()
        assert (grid[part] <= high).all()
    report = check_leaks(split, positions_mm=grid * 1.5, groups={"grid": grid})
    assert report.passed
    assert report.minimum_distance_mm == pytest.approx(1.5)
    report.raise_on_leak()


def test_the_outer_odd_row_is_excluded_and_counted() -> None:
    grid = scan(4, 3, 10)
    split = split_grid(grid, seed=0)
    assert split.excluded == {"position outside the training positions": 30}


def test_the_split_depends_on_the_seed_alone() -> None:
    grid = scan(7, 7, 3)
    one, two = split_grid(grid, seed=1), split_grid(grid, seed=1)
    np.testing.assert_array_equal(one.test, two.test)
    assert not np.array_equal(one.test, split_grid(grid, seed=2).test)
    order = np.random.default_rng(0).permutation(len(grid))
    moved = split_grid(grid[order], seed=1)
    np.testing.assert_array_equal(
        np.unique(grid[order][moved.test], axis=0), np.unique(grid[one.test], axis=0)
    )


def test_offsets_between_training_offsets_select_and_test() -> None:
    offsets = np.repeat(np.arange(9), 20)
    split = split_offsets(offsets, seed=0)
    assert set(offsets[split.train]) == {0, 2, 4, 6, 8}
    assert set(offsets[split.selection]) | set(offsets[split.test]) == {1, 3, 5, 7}
    assert not set(offsets[split.selection]) & set(offsets[split.test])


def test_negative_offset_indices_are_split_by_parity_too() -> None:
    offsets = np.repeat(np.arange(-4, 5), 2)
    split = split_offsets(offsets, seed=0)
    assert set(offsets[split.train]) == {-4, -2, 0, 2, 4}


def test_a_shared_run_is_found_and_named() -> None:
    grid = scan(5, 5, 4)
    split = split_grid(grid, seed=0)
    run = np.arange(len(grid)) % 3
    report = check_leaks(split, positions_mm=grid, groups={"run": run})
    assert not report.passed
    assert report.shared["runs of train and test"] == 3
    assert report.as_record()["leak_test_passed"] is False
    with pytest.raises(DataError, match="runs of train and selection"):
        report.raise_on_leak()


def test_shared_events_and_near_positions_are_found() -> None:
    place = np.array([0.0, 1.0, 1.4, 3.0])
    split = Split(np.array([0, 1]), np.array([2]), np.array([3]), {})
    assert check_leaks(split, positions_mm=place).passed
    near = check_leaks(split, positions_mm=place, required_distance_mm=0.5)
    assert not near.passed
    with pytest.raises(DataError, match="too near"):
        near.raise_on_leak()
    twice = Split(np.array([0, 1]), np.array([1]), np.array([3]), {})
    assert check_leaks(twice).shared["events of train and selection"] == 1


def test_an_empty_part_is_an_error() -> None:
    with pytest.raises(DataError, match="empty"):
        check_leaks(Split(np.array([0]), np.array([], int), np.array([1]), {}))


@settings(deadline=None, max_examples=40)
@given(
    st.lists(st.integers(0, 12), min_size=8, max_size=80).filter(lambda g: len(set(g)) >= 4),
    st.integers(2, 4),
    st.integers(0, 20),
)
def test_folds_cover_once_and_keep_groups_whole(groups: list[int], folds: int, seed: int) -> None:
    labels = np.array(groups)
    found = k_fold(labels, folds, seed=seed)
    tested = np.concatenate([fold.test for fold in found])
    np.testing.assert_array_equal(np.sort(tested), np.arange(len(labels)))
    for fold in found:
        assert not set(labels[fold.train]) & set(labels[fold.test])
        assert len(fold.train) + len(fold.test) == len(labels)


def test_strata_keep_their_share_in_every_fold() -> None:
    groups = np.arange(100)
    outcome = (groups < 20).astype(int)
    for fold in k_fold(groups, 5, seed=0, strata=outcome):
        assert outcome[fold.test].sum() == 4


@pytest.mark.parametrize(
    "grid",
    [
        np.zeros((4, 2)),
        np.zeros((4, 3), int),
        np.zeros((4, 2), int),
        np.ones((4, 2), int),
    ],
    ids=["floats", "three columns", "one position", "odd only"],
)
def test_grids_that_cannot_be_split_raise(grid: np.ndarray) -> None:
    with pytest.raises(DataError):
        split_grid(grid, seed=0)


def test_offsets_that_cannot_be_split_raise() -> None:
    with pytest.raises(DataError, match="integers"):
        split_offsets(np.zeros(4), seed=0)
    with pytest.raises(DataError, match="no source offset"):
        split_offsets(np.ones(4, int), seed=0)
    with pytest.raises(DataError, match="too few"):
        split_offsets(np.array([0, 1, 2]), seed=0)
    with pytest.raises(DataError, match="two folds"):
        k_fold([1, 2], 3, seed=0)

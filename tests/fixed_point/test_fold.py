"""Folding turns every mirror image of an event into one, and its position back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulsefront.errors import ConfigError
from pulsefront.fixed_point.fold import Mirrors

SIZES = [(8, 8, True), (8, 8, False), (4, 8, False), (5, 5, True), (3, 2, False), (1, 1, True)]


def drawn(fold: Mirrors, seed: int, events: int = 500) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 4096, (events, fold.channels))


def images(fold: Mirrors, charges: np.ndarray) -> list[np.ndarray]:
    """Return all mirror images of events, made by numpy's own flips."""
    grid = charges.reshape(len(charges), fold.rows, fold.columns)
    found = [grid, grid[:, ::-1], grid[:, :, ::-1], grid[:, ::-1, ::-1]]
    if fold.diagonal:
        found += [one.transpose(0, 2, 1) for one in found]
    return [one.reshape(len(charges), fold.channels) for one in found]


@pytest.mark.parametrize("size", SIZES)
def test_all_images_of_an_event_fold_to_the_same_charges(size: tuple[int, int, bool]) -> None:
    fold = Mirrors(*size)
    charges = drawn(fold, 1)
    x, y = (charges @ weights for weights in fold.weights)
    # On an edge of the octant several turns would do, and each gives another image.
    inside = (x != 0) & (y != 0) & ((np.abs(x) != np.abs(y)) | (not fold.diagonal))
    charges = charges[inside]
    first = fold.folded(charges, fold.turns(charges))
    for image in images(fold, charges):
        np.testing.assert_array_equal(fold.folded(image, fold.turns(image)), first)


@pytest.mark.parametrize("size", SIZES)
def test_what_is_folded_lies_in_the_octant(size: tuple[int, int, bool]) -> None:
    fold = Mirrors(*size)
    charges = drawn(fold, 2)
    folded = fold.folded(charges, fold.turns(charges))
    x, y = (folded @ weights for weights in fold.weights)
    assert (x >= 0).all()
    assert (y >= 0).all()
    if fold.diagonal:
        assert (x >= y).all()
    assert not fold.turns(folded).any()
    np.testing.assert_array_equal(np.sort(folded, axis=1), np.sort(charges, axis=1))


@pytest.mark.parametrize("size", SIZES)
def test_a_point_moves_as_its_channel_does_and_back(size: tuple[int, int, bool]) -> None:
    fold = Mirrors(*size)
    charges = drawn(fold, 3)
    turns = fold.turns(charges)
    brightest, weights = charges.argmax(axis=1), np.column_stack(fold.weights)
    moved = fold.folded(charges, turns).argmax(axis=1)
    unique = (charges == charges.max(axis=1, keepdims=True)).sum(axis=1) == 1
    depth = np.arange(len(charges))
    points = np.column_stack([weights[brightest], depth])
    after = fold.forward(points, turns)
    np.testing.assert_array_equal(after[unique, :2], weights[moved][unique])
    np.testing.assert_array_equal(after[:, 2], depth)
    np.testing.assert_array_equal(fold.back(after, turns), points)


@pytest.mark.parametrize("size", SIZES)
def test_channels_and_values_find_their_way_back(size: tuple[int, int, bool]) -> None:
    fold = Mirrors(*size)
    charges = drawn(fold, 4)
    turns = fold.turns(charges)
    np.testing.assert_array_equal(fold.unfolded(fold.folded(charges, turns), turns), charges)
    several = np.stack([charges, charges + 1])
    back = fold.unfolded(np.stack([fold.folded(one, turns) for one in several]), turns)
    np.testing.assert_array_equal(back, several)
    numbers = np.random.default_rng(5).integers(0, fold.channels, len(charges))
    places, rows = fold.moved(numbers, turns), np.arange(len(charges))
    np.testing.assert_array_equal(fold.folded(charges, turns)[rows, places], charges[rows, numbers])
    np.testing.assert_array_equal(fold.came_from(places, turns), numbers)


@given(st.lists(st.integers(0, 2**24), min_size=16, max_size=16))
def test_folding_twice_is_folding_once(charges: list[int]) -> None:
    fold = Mirrors(4, 4)
    given_ = np.array([charges])
    once = fold.folded(given_, fold.turns(given_))
    np.testing.assert_array_equal(fold.folded(once, fold.turns(once)), once)


def test_golden_turns() -> None:
    """2 × 2 channels: (x−, y−), (x+, y−), (x−, y+), (x+, y+)."""
    fold = Mirrors(2, 2)
    charges = np.array([[9, 1, 2, 0], [1, 9, 0, 2], [1, 9, 2, 0], [0, 0, 0, 0], [5, 5, 5, 5]])
    turns = fold.turns(charges)
    np.testing.assert_array_equal(
        turns,
        [[1, 1, 0], [0, 1, 0], [0, 1, 1], [0, 0, 0], [0, 0, 0]],
    )
    np.testing.assert_array_equal(
        fold.folded(charges, turns)[:3], [[0, 2, 1, 9], [0, 2, 1, 9], [2, 1, 0, 9]]
    )


def test_bad_input_is_named() -> None:
    with pytest.raises(ConfigError, match="diagonal"):
        Mirrors(4, 8)
    with pytest.raises(ConfigError, match="columns and rows"):
        Mirrors(0, 8, diagonal=False)
    with pytest.raises(ConfigError, match="charges"):
        Mirrors(4, 4).turns(np.zeros((3, 15), np.int64))

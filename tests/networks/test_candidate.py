"""Candidates and their cost."""

from __future__ import annotations

import numpy as np
import pytest

from pulsefront.errors import ConfigError
from pulsefront.networks import MlpSettings, initial_candidate, split_inputs


def test_initial_candidates_repeat_for_a_seed_and_differ_between_seeds() -> None:
    first, again, other = (initial_candidate(MlpSettings(), 8, 2, seed=s) for s in (3, 3, 4))
    assert all(np.array_equal(a, b) for a, b in zip(first.weights, again.weights, strict=True))
    assert not np.array_equal(first.weights[0], other.weights[0])


def test_sane_weights_are_told_from_diverged_ones() -> None:
    candidate = initial_candidate(MlpSettings(hidden=(3,)), 4, 1, seed=0)
    assert candidate.finite
    for wrong in (np.nan, np.inf, 1e9):
        candidate.weights[0][0, 0] = wrong
        assert not candidate.finite


@pytest.mark.parametrize(
    ("hidden", "groups", "message"),
    [
        ((4,), ((0, 1), (1, 2, 3)), "each of 4 inputs once"),
        ((4,), ((0, 1), (3,)), "each of 4 inputs once"),
        ((4, 1), ((0, 1), (2, 3)), "as many nodes in every hidden layer"),
        ((), ((0, 1), (2, 3)), "need a hidden layer"),
    ],
)
def test_branches_that_cannot_be_are_refused(
    hidden: tuple[int, ...], groups: tuple[tuple[int, ...], ...], message: str
) -> None:
    candidate = initial_candidate(MlpSettings(hidden=hidden), 4, 2, seed=0)
    with pytest.raises(ConfigError, match=message):
        split_inputs(candidate, groups)

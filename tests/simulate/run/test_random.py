"""Random deviates in kernels against their distributions (fixed seeds)."""

from __future__ import annotations

import numpy as np
import pytest
from numba import njit
from scipy import stats

from pulsefront.simulate.run.random import (
    direction,
    exponential,
    new_state,
    normal,
    poisson,
    uniform,
)

COUNT = 200_000


@njit
def draw_continuous(state: np.ndarray, count: int) -> np.ndarray:
    out = np.empty((3, count))
    for i in range(count):
        out[0, i], out[1, i], out[2, i] = uniform(state), normal(state), exponential(state)
    return out


@njit
def draw_poisson(state: np.ndarray, mean: float, count: int) -> np.ndarray:
    out = np.empty(count, np.int64)
    for i in range(count):
        out[i] = poisson(state, mean)
    return out


@njit
def draw_directions(state: np.ndarray, count: int) -> np.ndarray:
    out = np.empty((count, 3))
    for i in range(count):
        out[i] = direction(state)
    return out


def test_continuous_deviates_follow_their_distributions_also_in_the_tails() -> None:
    draws = draw_continuous(new_state(np.random.SeedSequence(5)), 2_000_000)
    for sample, law in zip(draws, (stats.uniform, stats.norm, stats.expon), strict=True):
        assert stats.kstest(sample[:COUNT], law.cdf).pvalue > 0.01
    # Beyond the base layer of the ziggurat, where another branch draws.
    for sample, law, edge in ((draws[1], stats.norm, 3.7), (draws[2], stats.expon, 7.8)):
        expected = law.sf(edge) * len(sample)
        assert abs((sample > edge).sum() - expected) < 4 * np.sqrt(expected)
    assert draws[0].min() > 0
    assert draws[0].max() < 1


@pytest.mark.parametrize("mean", [0.05, 0.9, 5.0, 9.99, 10.0, 37.5, 1200.0])
def test_poisson_deviates_follow_their_distribution(mean: float) -> None:
    draws = draw_poisson(new_state(np.random.SeedSequence(11)), mean, COUNT)
    low, high = stats.poisson.ppf([1e-4, 1 - 1e-4], mean).astype(int)
    edges = np.arange(low, high + 1)
    observed = np.array([(draws == k).sum() for k in edges])
    expected = stats.poisson.pmf(edges, mean) * COUNT
    kept = expected > 10
    chi2 = ((observed - expected)[kept] ** 2 / expected[kept]).sum()
    assert stats.chi2.sf(chi2, kept.sum() - 1) > 0.001


def test_poisson_of_mean_zero_is_zero() -> None:
    assert draw_poisson(new_state(np.random.SeedSequence(1)), 0.0, 10).sum() == 0


def test_directions_are_unit_vectors_with_uniform_cosines() -> None:
    v = draw_directions(new_state(np.random.SeedSequence(2)), COUNT)
    np.testing.assert_allclose(np.linalg.norm(v, axis=1), 1.0, atol=1e-12)
    for axis in range(3):
        assert stats.kstest(v[:, axis], stats.uniform(-1, 2).cdf).pvalue > 0.01


def test_streams_repeat_and_differ_between_shards() -> None:
    first, second = np.random.SeedSequence(3).spawn(2)
    once = draw_continuous(new_state(first), 100)
    np.testing.assert_array_equal(once, draw_continuous(new_state(first), 100))
    assert not np.any(once == draw_continuous(new_state(second), 100))

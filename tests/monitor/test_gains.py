"""Gains from what inputs say of each other."""

import numpy as np
import pytest

from pulsefront.monitor.gains import fit_gain_test, gain_jacobian, scores_of
from strategies_monitor import charges, narrow_charges


def sigmas(test, inputs):
    return {
        k: one.shift / np.sqrt(one.variance + one.reference_variance)
        for k, one in test.estimates(inputs).items()
    }


def test_estimates_scatter_as_they_say():
    test = fit_gain_test(charges(20_000, 0), np.arange(16))
    found = [[*sigmas(test, charges(2000, 10 + k)).values()] for k in range(60)]
    # 960 values; those of one check are not independent.
    assert np.std(found) == pytest.approx(1.0, abs=0.1)
    assert np.abs(np.mean(found)) < 0.25


def test_the_error_of_the_reference_is_counted():
    # A small reference and many large batches: what is left is the reference's own error.
    found = []
    for k in range(25):
        test = fit_gain_test(charges(1500, 100 + k), np.arange(16))
        found += [*sigmas(test, charges(20_000, 500 + k)).values()]
    assert np.std(found) < 1.15


@pytest.mark.parametrize("gain", [0.97, 1.04])
def test_a_small_gain_is_estimated_without_bias(gain):
    gains = np.ones(16)
    gains[7] = gain
    test = fit_gain_test(charges(40_000, 0), np.arange(16))
    shifts = [test.estimates(charges(5000, 30 + k, gains))[7].shift for k in range(10)]
    assert np.mean(shifts) == pytest.approx(gain - 1, abs=0.004)


def test_light_is_nobodys_gain():
    test = fit_gain_test(charges(40_000, 0), np.arange(16))
    half = sigmas(test, charges(5000, 50, light=0.6))
    assert max(map(abs, half.values())) < 4.5


def test_some_columns_alone_are_compared_with_each_other():
    test = fit_gain_test(charges(5000, 0), np.array([0, 1, 4, 5]))
    assert list(test.estimates(charges(1000, 1))) == [0, 1, 4, 5]


def test_one_column_has_nothing_to_be_compared_with():
    test = fit_gain_test(charges(5000, 0), np.array([3]))
    assert not test.estimates(charges(1000, 1))


@pytest.mark.parametrize("make", [charges, narrow_charges])
def test_the_directions_of_the_scores_are_their_derivatives(make):
    x = make(5000, 0).astype(float)
    test = fit_gain_test(x, np.arange(16))
    found = gain_jacobian(x, test.mixing, test.sizes)
    step = 1e-4
    for k in (0, 5, 10):
        ends = []
        for sign in (1, -1):
            moved = x.copy()
            moved[:, k] *= 1 + sign * step
            moved *= x.sum() / moved.sum()
            ends.append(scores_of(moved, test.mixing, test.sizes).mean(axis=0))
        numeric = (ends[0] - ends[1]) / (2 * step)
        assert found[:, k] == pytest.approx(numeric, abs=0.02 * np.abs(numeric).max())

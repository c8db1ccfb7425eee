"""Widths and errors of samples whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special

from pulsefront.errors import DataError
from pulsefront.evaluate import metrics

GAUSSIAN_FWHM = 2 * np.sqrt(2 * np.log(2))
GAUSSIAN_FWTM = 2 * np.sqrt(2 * np.log(10))


def test_the_gaussian_fraction_is_the_share_within_the_fwhm() -> None:
    share = special.erf(np.sqrt(np.log(2)))
    assert share == pytest.approx(metrics.GAUSSIAN_FWHM_FRACTION, abs=1e-7)


@pytest.mark.parametrize("events", [500, 5_000, 50_000])
def test_fwhm_of_gaussian_samples_has_little_bias(events: int) -> None:
    random = np.random.default_rng(1)
    found = [metrics.fwhm(random.normal(3.0, 0.7, events)) for _ in range(100)]
    standard_error = np.std(found) / np.sqrt(len(found))
    assert np.mean(found) == pytest.approx(0.7 * GAUSSIAN_FWHM, abs=0.02 + 3 * standard_error)


def test_fwtm_of_a_gaussian_sample() -> None:
    values = np.random.default_rng(2).normal(0, 1, 200_000)
    assert metrics.fwtm(values) == pytest.approx(GAUSSIAN_FWTM, rel=0.02)


def test_fwhm_is_not_2355_sigma_where_tails_are_heavy() -> None:
    values = np.random.default_rng(3).standard_t(2, 100_000)
    exact = 2 * np.sqrt(2 * (2 ** (2 / 3) - 1))  # (1 + t²/2)^(−3/2) = 1/2
    assert metrics.fwhm(values) == pytest.approx(exact, rel=0.05)
    assert GAUSSIAN_FWHM * values.std() > 1.5 * exact


@pytest.mark.parametrize(
    ("counts", "level", "width"),
    [
        ([0, 0, 4, 0, 0], 0.5, 1.0),  # a single bin: a triangle, its parabola has its top there
        ([0, 4, 8, 4, 0], 0.5, 2.0),
        ([2, 4, 8, 4, 2], 0.25, 4.0),
        ([0, 4, 8, 4, 0], 0.25, 3.0),
    ],
)
def test_profile_width_of_hand_written_profiles(
    counts: list[float], level: float, width: float
) -> None:
    assert metrics.profile_width(counts, 1.0, level) == pytest.approx(width)


def test_a_maximum_in_the_first_bin_falls_off_outside_the_histogram() -> None:
    # Neighbours 0 (outside) and 4 raise the top of 8 to 8 + 16/96; half of it is 4.0833.
    half = (8 + 16 / 96) / 2
    width = metrics.profile_width([8, 4, 0, 0], 1.0)
    assert width == pytest.approx((8 - half) / 8 + (8 - half) / 4)


def test_profile_width_of_an_empty_profile_is_nan() -> None:
    assert np.isnan(metrics.profile_width(np.zeros(5), 1.0))


def test_many_profiles_equal_one_by_one() -> None:
    counts = np.random.default_rng(4).poisson(20, (50, 12)).astype(float)
    counts[7] = 0
    together = metrics.profile_widths(counts, 0.3)
    alone = [metrics.profile_width(row, 0.3) for row in counts]
    np.testing.assert_array_equal(together, alone)


@settings(max_examples=50, deadline=None)
@given(
    scale=st.floats(1e-3, 1e3),
    shift=st.floats(-100, 100),
    seed=st.integers(0, 1000),
)
def test_widths_scale_and_do_not_shift(scale: float, shift: float, seed: int) -> None:
    values = np.random.default_rng(seed).normal(0, 1, 300)
    for width in (metrics.fwhm, metrics.fwtm, metrics.central_width):
        moved = width(scale * (values + shift))
        assert moved == pytest.approx(scale * width(values), rel=1e-6)


def test_central_width_equals_fwhm_for_a_gaussian_and_quantiles_of_numpy() -> None:
    values = np.random.default_rng(5).normal(0, 2, 200_000)
    assert metrics.central_width(values) == pytest.approx(2 * GAUSSIAN_FWHM, rel=0.01)
    low, high = np.quantile(values, [0.05, 0.95])
    assert metrics.central_width(values, 0.9) == pytest.approx(high - low)


def test_bands_of_the_point_spread_lie_within_a_width_of_the_middle() -> None:
    random = np.random.default_rng(6)
    residual = np.column_stack([random.normal(0.2, 0.3, 80_000), random.normal(0, 0.6, 80_000)])
    (x, near_y), (y, near_x) = metrics.profile_bands(residual)
    np.testing.assert_array_equal(x, residual[:, 0])
    np.testing.assert_array_equal(y, residual[:, 1])
    assert np.abs(x[near_x] - 0.2).max() == pytest.approx(0.3 * GAUSSIAN_FWHM, rel=0.02)
    assert np.abs(y[near_y]).max() == pytest.approx(0.6 * GAUSSIAN_FWHM, rel=0.02)


def test_errors_of_a_hand_written_case() -> None:
    residual = np.array([[3.0, 4.0, 0.0], [0.0, 0.0, 2.0], [-3.0, -4.0, -12.0]])
    assert metrics.median_error(residual) == 5.0
    assert metrics.mean_error(residual) == pytest.approx((5 + 2 + 13) / 3)
    assert metrics.root_mean_square_error(residual) == pytest.approx(np.sqrt((25 + 4 + 169) / 3))
    assert metrics.root_mean_square_error([1.0, -1.0, 1.0, -1.0]) == 1.0


@pytest.mark.parametrize(
    "values",
    [[], [1.0] * 9, [2.0] * 100, [np.nan, *range(20)], [np.inf, *range(20)]],
    ids=["empty", "few", "equal", "nan", "inf"],
)
def test_unusable_values_raise(values: list[float]) -> None:
    with pytest.raises(DataError):
        metrics.fwhm(values)


@pytest.mark.parametrize("bin_width", [0.0, -1.0, np.nan, 1e-9])
def test_unusable_bin_widths_raise(bin_width: float) -> None:
    values = np.random.default_rng(0).normal(size=100)
    with pytest.raises(DataError, match="bin width"):
        metrics.fwhm(values, bin_width)


def test_point_spread_needs_two_axes() -> None:
    with pytest.raises(DataError, match="event, 2"):
        metrics.profile_bands(np.zeros(100))


def test_one_event_far_away_does_not_stretch_the_histogram() -> None:
    values = np.append(np.random.default_rng(0).normal(size=10_000), 1e12)
    assert metrics.choose_binning(values).count < 500
    assert metrics.fwhm(values) == pytest.approx(GAUSSIAN_FWHM, rel=0.1)


@pytest.mark.parametrize("steps_per_sigma", [2, 3, 5, 7, 11, 16, 40])
def test_steps_of_a_fixed_point_output_do_not_make_a_comb(steps_per_sigma: int) -> None:
    values = np.random.default_rng(7).normal(0.3, 1.0, 50_000)
    stepped = np.rint(values * steps_per_sigma) / steps_per_sigma
    step = 1 / steps_per_sigma
    binning = metrics.choose_binning(stepped)
    counts = binning.histogram(stepped)
    # The histogram rises to its maximum and falls behind it, but for the noise of its counts.
    noise = 5 * np.sqrt(2 * counts.max())
    top = int(np.argmax(counts))
    assert (np.diff(counts[: top + 1]) > -noise).all()
    assert (np.diff(counts[top:]) < noise).all()
    ratio = binning.width * steps_per_sigma
    assert ratio == pytest.approx(round(ratio)) or step < binning.width / 20
    assert metrics.fwhm(stepped) == pytest.approx(GAUSSIAN_FWHM, rel=0.06)

"""Intervals against SciPy, and whether they cover."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from pulsefront.errors import DataError
from pulsefront.evaluate import intervals, metrics
from pulsefront.evaluate.intervals import Interval


def test_statistics_with_unit_weights_equal_the_plain_metrics() -> None:
    values = np.random.default_rng(0).gamma(2.0, 1.0, 1001)
    ones = np.ones(len(values))
    assert intervals.mean_statistic(values)(ones) == pytest.approx(values.mean())
    assert intervals.median_statistic(values)(ones) == np.median(values)
    assert intervals.fwhm_statistic(values)(ones) == metrics.fwhm(values)
    width = intervals.central_width_statistic(values)(ones)
    assert width == pytest.approx(metrics.central_width(values), rel=0.01)


def test_the_point_spread_is_the_mean_of_its_profiles_widths() -> None:
    random = np.random.default_rng(6)
    residual = np.column_stack([random.normal(0.2, 0.3, 80_000), random.normal(0, 0.6, 80_000)])
    ones, half, tenth = np.ones(80_000), 0.5 * np.sqrt(8 * np.log(2)), np.sqrt(2 * np.log(10))
    found = intervals.point_spread_statistic(residual)(ones)
    assert found == pytest.approx(0.9 * half, rel=0.04)
    found = intervals.point_spread_statistic(residual, level=0.1)(ones)
    assert found == pytest.approx(0.9 * tenth, rel=0.04)
    (x, near_y), (y, near_x) = metrics.profile_bands(residual)
    by_hand = (metrics.fwhm(x[near_y]) + metrics.fwhm(y[near_x])) / 2
    assert intervals.point_spread_statistic(residual)(ones) == pytest.approx(by_hand)


@given(st.integers(0, 10_000))
def test_weights_mean_repetition(seed: int) -> None:
    random = np.random.default_rng(seed)
    values = random.normal(size=40)
    weights = random.integers(0, 4, 40).astype(float)
    weights[0] += 1
    repeated = np.repeat(values, weights.astype(int))
    expected = np.quantile(repeated, 0.3, method="inverted_cdf")
    assert intervals.quantile_statistic(values, 0.3)(weights) == expected
    assert intervals.mean_statistic(values)(weights) == pytest.approx(repeated.mean())


@pytest.mark.parametrize("method", ["percentile", "bca"])
def test_bootstrap_agrees_with_scipy(method: str) -> None:
    values = np.random.default_rng(2).exponential(1.0, 200)
    ours = intervals.bootstrap(
        intervals.mean_statistic(values), 200, method=method, replicates=20_000, seed=1
    )
    name = {"percentile": "percentile", "bca": "BCa"}[method]
    theirs = stats.bootstrap(
        (values,), np.mean, method=name, n_resamples=20_000, rng=np.random.default_rng(5)
    ).confidence_interval
    # Monte-Carlo error of an end at 20,000 replicates is about 1 % of the interval's width.
    tolerance = 0.03 * (theirs.high - theirs.low)
    assert ours.low == pytest.approx(theirs.low, abs=tolerance)
    assert ours.high == pytest.approx(theirs.high, abs=tolerance)


def test_percentile_interval_of_fwhm_covers_at_its_confidence() -> None:
    random = np.random.default_rng(3)
    exact, covered = 2 * np.sqrt(2 * np.log(2)), 0
    for _ in range(100):
        values = random.normal(size=2_000)
        found = intervals.bootstrap(intervals.fwhm_statistic(values), 2_000, replicates=200)
        covered += found.low <= exact <= found.high
    assert covered >= stats.binom.ppf(0.001, 100, 0.95)


def test_cluster_bootstrap_is_wider_where_events_of_a_group_agree() -> None:
    random = np.random.default_rng(4)
    groups = np.repeat(np.arange(30), 50)
    values = random.normal(size=30)[groups] + 0.1 * random.normal(size=1500)
    statistic = intervals.mean_statistic(values)
    by_event = intervals.bootstrap(statistic, 1500, replicates=500)
    by_group = intervals.bootstrap(statistic, 1500, groups=groups, replicates=500)
    group_error = np.std([values[groups == g].mean() for g in range(30)]) / np.sqrt(30)
    assert by_group.high - by_group.low == pytest.approx(2 * 1.96 * group_error, rel=0.15)
    assert by_group.high - by_group.low > 4 * (by_event.high - by_event.low)


def test_groups_may_be_rows_of_labels() -> None:
    rows = np.array([[0, 0], [0, 1], [0, 0], [1, 0]])
    flat = np.array([0, 1, 0, 2])
    statistic = intervals.mean_statistic([1.0, 2.0, 3.0, 4.0])
    one = intervals.bootstrap_replicates(statistic, 4, groups=rows, replicates=50)
    two = intervals.bootstrap_replicates(statistic, 4, groups=flat, replicates=50)
    np.testing.assert_array_equal(one, two)


def test_paired_difference_is_narrower_than_unpaired() -> None:
    random = np.random.default_rng(5)
    shared = random.normal(size=5_000)
    first, second = shared, 0.9 * shared + 0.05 * random.normal(size=5_000)
    gain = intervals.bootstrap(
        intervals.relative_gain(
            intervals.central_width_statistic(second), intervals.central_width_statistic(first)
        ),
        5_000,
        replicates=300,
    )
    assert gain.low < 0.1 < gain.high + 0.01
    assert gain.excludes_zero
    alone = intervals.bootstrap(intervals.central_width_statistic(first), 5_000, replicates=300)
    assert gain.high - gain.low < (alone.high - alone.low) / alone.value


def test_same_seed_same_interval_and_another_seed_another() -> None:
    statistic = intervals.mean_statistic(np.arange(100.0))
    assert intervals.bootstrap(statistic, 100, seed=3) == intervals.bootstrap(
        statistic, 100, seed=3
    )
    assert intervals.bootstrap(statistic, 100, seed=3) != intervals.bootstrap(
        statistic, 100, seed=4
    )


def test_t_interval_equals_scipy() -> None:
    values = [1.0, 1.2, 0.7, 1.1]
    ours = intervals.t_interval(values, 0.9)
    low, high = stats.t.interval(0.9, 3, loc=np.mean(values), scale=stats.sem(values))
    assert (ours.low, ours.high) == pytest.approx((low, high))


@pytest.mark.parametrize(
    ("interval", "text"),
    [
        (Interval(1.23456, 1.2, 1.3), "1.23 [1.20, 1.30]"),
        (Interval(185.4, 180.1, 190.9), "185 [180, 191]"),
        (Interval(0.5, 0.5, 0.5), "0.5 [0.5, 0.5]"),
        (Interval(-0.0, -0.0, -0.0), "0 [0, 0]"),
        (Interval(-0.001, -0.3, 0.2), "0.00 [-0.30, 0.20]"),
    ],
)
def test_intervals_print_the_digits_they_support(interval: Interval, text: str) -> None:
    assert str(interval) == text


def test_scaling_by_a_negative_factor_keeps_low_below_high() -> None:
    scaled = Interval(1.0, 0.5, 2.0).scaled(-10)
    assert scaled.signed == "-10 [-20, -5]"
    assert Interval(0.3, -0.001, 0.7).signed == "+0.30 [0.00, +0.70]"
    assert (scaled.value, scaled.low, scaled.high) == (-10, -20, -5)
    assert scaled.as_dict("x_mm") == {"x_mm": -10, "x_mm_low": -20, "x_mm_high": -5}


def test_unusable_requests_raise() -> None:
    statistic = intervals.mean_statistic([1.0, 2.0])
    with pytest.raises(DataError, match="no events"):
        intervals.bootstrap(statistic, 0)
    with pytest.raises(DataError, match="single group"):
        intervals.bootstrap(statistic, 2, groups=[1, 1])
    with pytest.raises(DataError, match="length"):
        intervals.bootstrap(statistic, 2, groups=[1, 2, 3])
    with pytest.raises(DataError, match="method"):
        intervals.bootstrap(statistic, 2, method="magic")
    with pytest.raises(DataError, match="at least two"):
        intervals.t_interval([1.0])
    with pytest.raises(DataError, match="undefined in some"):
        intervals.bootstrap(lambda weights: float("nan") if weights[0] > 1 else 1.0, 2)


def test_an_interval_over_folds_counts_the_events_that_they_share() -> None:
    values = [1.0, 1.2, 0.9, 1.1, 1.3]
    plain, corrected = intervals.t_interval(values), intervals.fold_interval(values, 0.25)
    # Nadeau and Bengio 2003: 1/5 + 1/4 in the place of 1/5.
    assert corrected.value == plain.value
    widened = (corrected.high - corrected.low) / (plain.high - plain.low)
    assert widened == pytest.approx(np.sqrt((1 / 5 + 1 / 4) * 5))
    with pytest.raises(DataError, match="over folds"):
        intervals.fold_interval([1.0], 0.25)

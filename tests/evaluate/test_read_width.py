"""Intervals of widths that are read from a histogram hold bias and chance of the reading."""

from __future__ import annotations

import numpy as np
import pytest

from pulsefront.errors import DataError
from pulsefront.evaluate.coverage import MIXTURE_FWTM
from pulsefront.evaluate.coverage_planes import SHARP_FWHM, sharp_plane
from pulsefront.evaluate.intervals import bootstrap, fwhm_statistic, point_spread_statistic
from pulsefront.evaluate.metrics import profile_bands


def test_the_smooth_curve_has_the_width_that_is_sought() -> None:
    normal = np.random.default_rng(1).normal(scale=3.0, size=20_000)
    for level in (0.5, 0.1):
        sought = 6.0 * np.sqrt(-2 * np.log(level))
        # The kernel widens it by less than it makes it smooth.
        assert fwhm_statistic(normal, level=level).own_width == pytest.approx(sought, rel=0.03)


def test_readings_of_the_curve_vary_as_readings_of_new_events_do() -> None:
    rng = np.random.default_rng(2)
    new = [fwhm_statistic(rng.normal(size=1000))(np.ones(1000)) for _ in range(800)]
    wanted = np.std(new) / (2 * np.sqrt(2 * np.log(2)))
    drawn, moved = [], []
    for _ in range(12):
        one = fwhm_statistic(rng.normal(size=1000))
        drawn.append(np.std(one.redrawn(rng, 200)) / one.own_width)
        some = [one.moved(rng, rng.integers(0, 1000, 1000)) for _ in range(200)]
        moved.append(np.std(some) / one.own_width)
    # One curve is wavier than another: the mean over curves is known to 4 %.
    assert np.mean(drawn) == pytest.approx(wanted, rel=0.15)
    assert np.mean(moved) == pytest.approx(wanted, rel=0.15)


def test_the_interval_of_a_tail_width_that_reads_too_large_lies_lower() -> None:
    """Of a core on scattered events the FWTM was held by 87 %: the others lay above it."""
    middles: dict[str, list[float]] = {"percentile": [], "expanded": []}
    for seed in range(40):
        rng = np.random.default_rng(seed)
        values = rng.normal(size=4000) * np.where(rng.random(4000) < 0.1, 4.0, 1.0)
        for method, found in middles.items():
            width = fwhm_statistic(values, level=0.1)
            told = bootstrap(width, 4000, replicates=100, seed=seed, method=method)
            assert told.low <= told.value <= told.high
            found.append(np.sqrt(told.low * told.high) / MIXTURE_FWTM)
    lower = np.subtract(middles["percentile"], middles["expanded"])
    assert np.mean(lower) > 4 * np.std(lower) / np.sqrt(40)
    error = np.std(middles["expanded"]) / np.sqrt(40)
    assert np.mean(middles["expanded"]) == pytest.approx(1.0, abs=3 * error)


def test_two_axes_read_the_events_that_their_bands_hold() -> None:
    rng = np.random.default_rng(3)
    plane = rng.normal(size=(3000, 2)) * (1.0, 2.0)
    both = point_spread_statistic(plane)
    each = [
        fwhm_statistic(values[within])(np.ones(int(within.sum())))
        for values, within in profile_bands(plane)
    ]
    assert both(np.ones(3000)) == pytest.approx(np.mean(each))
    groups = np.repeat(np.arange(30), 100)
    found = bootstrap(both, 3000, groups=groups, replicates=100, method="expanded")
    assert found.low < 1.5 * 2.3548 < found.high
    again = bootstrap(both, 3000, groups=groups, replicates=100, method="expanded")
    assert found == again


def test_one_group_is_refused_as_for_every_statistic() -> None:
    values = np.random.default_rng(4).normal(size=100)
    with pytest.raises(DataError, match="a single group cannot be resampled"):
        bootstrap(fwhm_statistic(values), 100, groups=np.zeros(100), method="expanded")


def test_a_sharp_peak_reads_too_large_and_its_smooth_curve_does_not() -> None:
    rng = np.random.default_rng(5)
    read, own = [], []
    for _ in range(12):
        width = point_spread_statistic(sharp_plane(rng, 30_000))
        read.append(width(np.ones(30_000)) / SHARP_FWHM)
        own.append(width.own_width / SHARP_FWHM)
    assert 1.01 < np.mean(read) < 1.05
    assert np.mean(own) == pytest.approx(1.0, abs=0.01)

"""Most likely arrivals from photon times, against cases with a closed form."""

from __future__ import annotations

import numpy as np
import pytest

from pulsefront.errors import DataError
from pulsefront.estimators.timing.photons import most_likely_arrival

TIME = np.arange(-1.0, 6.0, 0.01)
GRID = np.arange(-0.5, 0.5, 0.01)


def gaussian(photons: float, sigma: float) -> np.ndarray:
    return 1e-9 + photons * np.exp(-0.5 * (TIME / sigma) ** 2) / (sigma * np.sqrt(2 * np.pi))


def test_gaussian_photons_give_their_mean() -> None:
    rng = np.random.default_rng(1)
    times = [rng.normal(0.1, 0.08, 20) for _ in range(50)]
    found = most_likely_arrival(
        np.concatenate(times),
        np.cumsum([20] * 50),
        gaussian(20.0, 0.08)[None],
        np.ones(1),
        -1.0,
        0.01,
        GRID,
        4.0,
    )
    # Times and arrivals lie on grids of 10 ps.
    np.testing.assert_allclose(found, [t.mean() for t in times], atol=0.011)


def test_sudden_start_gives_the_first_photon() -> None:
    rng = np.random.default_rng(2)
    intensity = np.where(TIME >= 0, 5.0 * np.exp(-np.maximum(TIME, 0) / 2.0), 1e-12)
    times = [0.2 + np.sort(rng.exponential(2.0, 10)) for _ in range(40)]
    times = [t[t < 3.0] for t in times]
    found = most_likely_arrival(
        np.concatenate(times),
        np.cumsum([len(t) for t in times]),
        intensity[None],
        np.ones(1),
        -1.0,
        0.01,
        np.arange(-0.5, 2.5, 0.01),
        3.0,
    )
    np.testing.assert_allclose(found, [t[0] for t in times], atol=0.016)


def test_unknown_depth_is_averaged_by_its_probability() -> None:
    early, late = gaussian(30.0, 0.05), np.roll(gaussian(30.0, 0.05), 20)
    times = np.random.default_rng(3).normal(0.0, 0.05, 30)
    for weight, expected in ((0.999, 0.0), (0.001, -0.2)):
        found = most_likely_arrival(
            times,
            np.array([30]),
            np.stack([early, late]),
            np.array([weight, 1 - weight]),
            -1.0,
            0.01,
            GRID,
            4.0,
        )
        assert found[0] == pytest.approx(expected, abs=0.03)


def test_impossible_intensity_is_refused() -> None:
    with pytest.raises(DataError, match="above zero"):
        most_likely_arrival(
            np.zeros(1), np.array([1]), np.zeros((1, 5)), np.ones(1), 0.0, 0.1, GRID, 1.0
        )

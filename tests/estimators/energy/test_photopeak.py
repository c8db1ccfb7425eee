"""A planted photopeak is found above a Compton continuum."""

from __future__ import annotations

import numpy as np
import pytest

from pulsefront.errors import DataError
from pulsefront.estimators.energy.photopeak import find_photopeak


@pytest.mark.parametrize("resolution", [0.08, 0.12, 0.18])
@pytest.mark.parametrize("photofraction", [0.35, 0.7])
def test_planted_peak_is_found(resolution: float, photofraction: float) -> None:
    rng = np.random.default_rng(5)
    n = 40_000
    sigma = 1000 * resolution / 2.355
    peak = rng.normal(1000, sigma, int(n * photofraction))
    continuum = rng.uniform(50, 680, n - len(peak)) + rng.normal(0, sigma * 0.7, n - len(peak))
    found = find_photopeak(np.concatenate([peak, continuum]))
    # Ten standard errors of the mean, plus a hundredth of sigma for the histogram's bins.
    assert found.position == pytest.approx(1000, abs=10 * sigma / np.sqrt(len(peak)) + 0.05 * sigma)
    assert found.fwhm_fraction == pytest.approx(resolution, rel=0.06)
    window = found.contains(peak, 2.0)
    assert window.mean() == pytest.approx(0.954, abs=0.02)


def test_too_few_or_peakless_spectra_are_refused() -> None:
    with pytest.raises(DataError, match="too few"):
        find_photopeak(np.ones(10))
    with pytest.raises(DataError):
        find_photopeak(np.zeros(1000))

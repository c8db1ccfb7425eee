"""A planted spectrum calibrates itself, and says how well."""

from __future__ import annotations

import numpy as np
import pytest

from pulsefront.errors import ConfigError, DataError
from pulsefront.estimators.energy import calibration, peaks


def sodium(events: int = 60_000, *, gain: float = 2.0, offset_kev: float = -15.0) -> np.ndarray:
    """Return charges of a ²²Na spectrum: two peaks of 12 % on their Compton continua."""
    random = np.random.default_rng(4)
    parts = []
    for energy, share, edge in ((510.999, 0.8, 340.7), (1274.537, 0.2, 1061.7)):
        count = int(events * share)
        in_peak = random.random(count) < 0.35
        sigma = 0.12 / 2.355 * np.sqrt(511 * energy)
        flat = random.uniform(30, edge, count)
        centre = np.where(in_peak, energy, flat)
        parts.append(random.normal(centre, sigma))
    return (np.concatenate(parts) - offset_kev) / gain


def test_sodium_calibrates_itself() -> None:
    charges = sodium()
    fitted = calibration.calibrate_energy(charges)
    assert fitted.gain_kev == pytest.approx(2.0, rel=0.01)
    assert fitted.offset_kev == pytest.approx(-15.0, abs=8)
    first = fitted.peaks[0]
    width_kev = first.resolution_fwhm_percent / 100 * first.centre_charge * fitted.gain_kev
    assert width_kev / 511 == pytest.approx(0.12, rel=0.08)
    energies = fitted.kev(charges)
    chosen = fitted.in_peak(energies)
    assert abs(np.median(energies[chosen]) - 511) < 4
    told = fitted.model_dump(mode="json")
    assert [round(peak["energy_kev"]) for peak in told["peaks"]] == [511, 1275]
    assert calibration.EnergyCalibration.model_validate(told) == fitted


def test_one_peak_gives_a_gain_alone() -> None:
    fitted = calibration.calibrate_energy(sodium(offset_kev=0.0), (510.999,))
    assert fitted.offset_kev == 0.0
    assert fitted.gain_kev == pytest.approx(2.0, rel=0.01)


def test_errors_of_the_fit_are_what_they_say() -> None:
    random = np.random.default_rng(0)
    pulls = []
    for _ in range(60):
        values = np.concatenate([random.normal(100, 5, 1500), random.uniform(70, 130, 1500)])
        fit = peaks.fit_peak(values, 70, 130)
        pulls.append((fit.centre_charge - 100) / fit.centre_error_charge)
        assert 0.4 < fit.chi_square_per_degree < 2.0
    assert abs(np.mean(pulls)) < 0.5
    assert 0.75 < np.std(pulls) < 1.3


def test_the_background_is_that_under_the_centre_of_the_peak() -> None:
    """On a steep line it was off by the slope times the way from the highest bin to the centre."""
    random = np.random.default_rng(3)
    line = 70 + 60 * (1 - np.sqrt(random.random(60_000)))  # falls to nothing at 130
    fit = peaks.fit_peak(np.concatenate([random.normal(100, 5, 3000), line]), 70, 130, bins=60)
    level, slope = fit.background_per_bin
    # 60,000 values in bins of 1: 2,000 per bin at 70, half of it at 100.
    assert level == pytest.approx(2000 * (130 - fit.centre_charge) / 60, rel=0.01)
    assert slope == pytest.approx(-2000 / 60, rel=0.02)


def test_no_peak_is_an_error() -> None:
    with pytest.raises(DataError, match="only 10 values"):
        peaks.fit_peak(np.full(10, 5.0), 0, 10)
    with pytest.raises(ConfigError):
        peaks.fit_peak(np.zeros(100), 5, 5)
    with pytest.raises(ConfigError, match="rise"):
        calibration.calibrate_energy(sodium(), (1275.0, 511.0))

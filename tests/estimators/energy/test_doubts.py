"""A peak that was taken for another is seen; a right one is not doubted."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulsefront.errors import DataError
from pulsefront.estimators.energy.calibration import calibrate_energy
from pulsefront.estimators.energy.doubts import doubts_of_gains, doubts_of_scale


def line(random: np.random.Generator, kev: float, events: int, percent: float = 10.0) -> np.ndarray:
    """Return the energies seen of a gamma ray: its peak, and Compton electrons below the edge.

    Klein–Nishina by rejection; resolution as that of 511 keV, in percent FWHM.
    """
    alpha = kev / 511.0
    share = random.uniform(1 / (1 + 2 * alpha), 1.0, 40 * events)
    cosine = 1.0 - (1.0 / share - 1.0) / alpha
    weight = share + 1.0 / share - 1.0 + cosine**2
    share = share[random.random(len(share)) < weight / weight.max()][:events]
    seen = np.where(random.random(len(share)) < 0.35, kev, kev * (1.0 - share))
    sigma = percent / 235.5 * np.sqrt(511.0 * np.maximum(seen, 5.0))
    return seen + random.normal(0, 1, len(seen)) * sigma


def sodium(seed: int, percent: float) -> np.ndarray:
    random = np.random.default_rng(seed)
    lines = line(random, 511.0, 20_000, percent), line(random, 1274.5, 8_000, percent)
    return np.concatenate(lines)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("threshold_kev", [0, 100, 250])
@pytest.mark.parametrize("named", [(511.0, 1274.5), (511.0,)])
def test_a_scale_is_doubted_where_it_is_wrong_and_only_there(
    seed: int, threshold_kev: float, named: tuple[float, ...]
) -> None:
    """A threshold at 250 keV makes a bump that is taken for 511 keV where that alone is named."""
    random = np.random.default_rng(seed)
    percent, gain = random.uniform(6, 14), random.uniform(0.02, 50)
    energies = sodium(seed, percent)
    charges = gain * energies[energies > threshold_kev]
    try:
        fitted = calibrate_energy(charges, named)
    except DataError:
        assert threshold_kev == 100  # two peaks of which none is sure: an error says so
        return
    right = abs(fitted.kev(gain * 511.0) / 511.0 - 1.0) < 0.02
    assert (doubts_of_scale(charges, fitted) == ()) == right


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("taken_for_kev", [59.5, 122.0, 341.0, 356.0])
def test_a_peak_taken_for_one_of_another_energy_leaves_its_fellow_without_a_name(
    seed: int, taken_for_kev: float
) -> None:
    charges = sodium(seed, 8.0 + seed)
    doubts = doubts_of_scale(charges, calibrate_energy(charges, (taken_for_kev,)))
    assert len(doubts) == 1
    assert "may be another" in doubts[0]


def test_noise_taken_for_a_peak_is_doubted() -> None:
    random = np.random.default_rng(1)
    noise = random.normal(60, 5, 60_000)
    charges = np.concatenate([noise, line(random, 511.0, 30_000)])
    ranges = [(40.0, 80.0)]
    doubts = doubts_of_scale(charges, calibrate_energy(charges, (511.0,), ranges=ranges))
    assert any("none of 511 keV" in doubt for doubt in doubts)
    # Where the gate cuts the true peak off, most events still lie above the noise.
    charges = np.concatenate([noise[:10_000], random.uniform(100, 400, 40_000)])
    doubts = doubts_of_scale(charges, calibrate_energy(charges, (511.0,), ranges=ranges))
    assert any("80 % of the events lie above" in doubt for doubt in doubts)


def test_peaks_out_of_proportion_are_doubted() -> None:
    random = np.random.default_rng(2)
    charges = np.concatenate([random.normal(511, 20, 9_000), random.normal(900, 30, 9_000)])
    ranges = [(400.0, 620.0), (780.0, 1020.0)]
    fitted = calibrate_energy(charges, (511.0, 1274.5), ranges=ranges)
    assert any("not in proportion" in doubt for doubt in doubts_of_scale(charges, fitted))


@given(st.lists(st.floats(0.95, 1.05), min_size=3, max_size=20), st.floats(0.01, 100))
def test_a_channel_whose_gain_is_far_from_most_is_named(gains: list[float], scale: float) -> None:
    channels = {number: scale * gain for number, gain in enumerate(gains)}
    names = {number: f"channel {number}" for number in [*channels, 99]}
    assert doubts_of_gains(channels, names) == ()
    (doubt,) = doubts_of_gains({**channels, 99: 2.49 * scale}, names)
    assert doubt.startswith("channel 99: its gain is 2.")
    assert doubts_of_gains({0: 1.0, 1: 9.0}, names) == ()

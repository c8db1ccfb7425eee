"""Bounds whose value is known, and estimators that reach but do not pass them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate

from pulsefront.errors import DataError
from pulsefront.estimators import bounds
from toys_estimators import light_fractions

FWHM = 2 * np.sqrt(2 * np.log(2))
STEP = 0.002
TIME = np.arange(-2, 400, STEP)


def bi_exponential(time: float, decay: float, rise: float) -> float:
    return (np.exp(-time / decay) - np.exp(-time / rise)) / (decay - rise) if time > 0 else 0.0


def test_the_smeared_emission_equals_its_convolution_integral() -> None:
    for rise, spread in ((0.07, 0.08), (0.5, 0.03)):
        density = bounds.emission_density(
            [-0.1, 0.05, 0.3, 4.0], [(40.0, 1.0)], rise_ns=rise, spread_sigma_ns=spread
        )
        for time, found in zip([-0.1, 0.05, 0.3, 4.0], density, strict=True):
            expected, _ = integrate.quad(
                lambda s, t=time, r=rise, w=spread: (
                    bi_exponential(t - s, 40.0, r)
                    * np.exp(-0.5 * (s / w) ** 2)
                    / (w * np.sqrt(2 * np.pi))
                ),
                -8 * spread,
                8 * spread,
                points=[min(max(time, -8 * spread), 8 * spread)],
            )
            assert found == pytest.approx(expected, rel=1e-6, abs=1e-9)


@settings(max_examples=20, deadline=None)
@given(
    decay=st.floats(5, 100),
    rise=st.floats(0, 1),
    spread=st.floats(0.02, 0.3),
    prompt=st.floats(0, 1),
)
def test_densities_are_normalized(decay: float, rise: float, spread: float, prompt: float) -> None:
    time = np.arange(-3, 10 * decay, 0.01)
    density = bounds.emission_density(
        time, [(decay, 1.0)], rise_ns=rise, spread_sigma_ns=spread, prompt_fraction=prompt
    )
    assert (density >= 0).all()
    assert density.sum() * 0.01 == pytest.approx(1, abs=1e-3)


def test_prompt_photons_have_the_information_of_a_gaussian() -> None:
    density = bounds.emission_density(
        TIME, [(40.0, 1.0)], rise_ns=0.1, spread_sigma_ns=0.1, prompt_fraction=1.0
    )
    information = bounds.photon_time_information(density, STEP, photons=25)
    assert information == pytest.approx(25 / 0.1**2, rel=1e-3)
    assert bounds.coincidence_bound_ps(information) == pytest.approx(
        1000 * FWHM * 0.1 * np.sqrt(2) / 5, rel=1e-3
    )


def test_maximum_likelihood_from_photon_times_reaches_the_bound() -> None:
    spread, decay, photons = 0.1, 2.0, 500
    time = np.arange(-1, 25, STEP)
    density = bounds.emission_density(time, [(decay, 1.0)], rise_ns=0.1, spread_sigma_ns=spread)
    information = bounds.photon_time_information(density, STEP, photons)
    random = np.random.default_rng(0)
    shifts = np.arange(-0.12, 0.12, STEP)
    log_density = np.log(np.maximum(density, 1e-300))
    found = []
    for _ in range(800):
        count = random.poisson(photons)
        drawn = random.exponential(decay, count) + random.exponential(0.1, count)
        drawn += random.normal(0, spread, count)
        tried = np.interp(drawn[None] - shifts[:, None], time, log_density).sum(axis=1)
        found.append(shifts[np.argmax(tried)])
    sigma = np.std(found)
    # A bi-exponential is the sum of its two exponentials; 800 draws know sigma within 2.5 %.
    assert sigma == pytest.approx(1 / np.sqrt(information), rel=0.08)


def test_dark_counts_cost_information_and_slower_rise_too() -> None:
    fast = bounds.emission_density(TIME, [(40.0, 1.0)], rise_ns=0.07, spread_sigma_ns=0.08)
    slow = bounds.emission_density(TIME, [(40.0, 1.0)], rise_ns=0.5, spread_sigma_ns=0.08)
    clean = bounds.photon_time_information(fast, STEP, 4000)
    assert bounds.photon_time_information(fast, STEP, 4000, dark_counts_per_ns=5) < clean
    assert bounds.photon_time_information(slow, STEP, 4000) < 0.5 * clean
    assert bounds.photon_time_information(fast, STEP, 8000) == pytest.approx(2 * clean)


def test_transit_times_smear_a_density_and_keep_its_area_and_mean() -> None:
    density = bounds.emission_density(TIME, [(5.0, 1.0)], rise_ns=0.07, spread_sigma_ns=0.08)
    transit = np.random.default_rng(1).gamma(4, 0.05, 500)
    smeared = bounds.transit_spread(density, STEP, transit)
    assert smeared.shape == density.shape
    assert smeared.sum() == pytest.approx(density.sum(), rel=1e-6)
    assert TIME @ smeared / smeared.sum() == pytest.approx(TIME @ density / density.sum(), abs=1e-3)
    variance = [(TIME**2) @ d / d.sum() - (TIME @ d / d.sum()) ** 2 for d in (density, smeared)]
    assert variance[1] - variance[0] == pytest.approx(transit.var(), rel=0.01)
    same = bounds.transit_spread(density, STEP, [3.0])
    np.testing.assert_allclose(same, density, atol=1e-12)


def test_two_photosensors_and_a_linear_light_have_the_binomial_bound() -> None:
    # Shares (1 ± x/20)/2: the position is the binomial share, known to 20·sqrt(pq/n)·2.
    def light(position: np.ndarray) -> np.ndarray:
        x, y, z = position.T
        rest = np.column_stack([1 + y / 20, 1 - y / 20, 1 + z / 20, 1 - z / 20])
        return np.column_stack([1 + x / 20, 1 - x / 20, rest]) / 6

    photons = 6000
    bound = bounds.position_bound(light, [[4.0, 0.0, 0.0]], photons)
    share = (1 + 4 / 20) / 2
    expected = 40 * np.sqrt(share * (1 - share) / (photons / 3))
    assert bound.sigma_mm[0, 0] == pytest.approx(expected, rel=1e-3)


def test_maximum_likelihood_reaches_the_bound_of_the_light() -> None:
    photons, place = 4000, np.array([3.0, -2.0, 7.0])
    bound = bounds.position_bound(light_fractions, [place], photons)
    random = np.random.default_rng(2)
    counts = random.poisson(photons * light_fractions(place[None])[0], (400, 64))
    # Newton steps on the likelihood of the shares, started at the truth.
    estimate = np.tile(place, (400, 1))
    for _ in range(6):
        share = light_fractions(estimate)
        slope = np.stack(
            [
                (light_fractions(estimate + s) - light_fractions(estimate - s)) / 0.02
                for s in 0.01 * np.eye(3)
            ]
        )
        score = np.einsum("aes,es->ea", slope, counts / share)
        information = np.einsum("aes,es,bes->eab", slope, counts.sum(1)[:, None] / share, slope)
        estimate += np.linalg.solve(information, score[..., None])[..., 0]
    np.testing.assert_allclose(estimate.std(axis=0), bound.sigma_mm[0], rtol=0.12)


def test_noise_and_unknown_light_cost_information() -> None:
    place = np.array([[0.0, 0.0, 8.0], [20.0, 20.0, 4.0]])
    half = lambda r: 0.5 * light_fractions(r)  # noqa: E731
    best = bounds.position_bound(half, place, 8000, light_known=True).sigma_mm
    unknown = bounds.position_bound(half, place, 8000).sigma_mm
    noisy = bounds.position_bound(
        half, place, 8000, excess_noise_factor=1.3, electronic_noise=5
    ).sigma_mm
    assert (unknown >= best * (1 - 1e-9)).all()
    assert (noisy > unknown * 1.13).all()


def test_residuals_of_an_efficient_estimator_have_the_covariance_of_the_bound() -> None:
    bound = bounds.position_bound(light_fractions, [[3.0, -2.0, 7.0]], 4000)
    drawn = bound.residuals_mm(seed=0, draws=50_000)
    np.testing.assert_allclose(np.cov(drawn.T), bound.covariance_mm2[0], rtol=0.05, atol=2e-4)
    expected = FWHM * bound.sigma_mm[0, :2].mean()
    assert bound.fwhm_2d_mm(draws=50_000) == pytest.approx(expected, rel=0.04)
    assert bound.median_error_mm(draws=50_000) > 0


def test_gaussian_information_of_white_samples() -> None:
    slope = np.array([1.0, 2.0, 0.0])
    assert bounds.gaussian_information(slope, 4 * np.eye(3)) == pytest.approx(5 / 4)
    # A variance v = e^(2θ) has information 2 per sample.
    information = bounds.gaussian_information(np.zeros(3), np.eye(3), 2 * np.eye(3))
    assert information == pytest.approx(6)


def test_waveform_information_recovers_a_linear_model() -> None:
    random = np.random.default_rng(3)
    slope = np.array([0.0, 3.0, 5.0, 1.0])
    delay = random.normal(0, 0.1, 50_000)
    pulses = 10 + np.outer(delay, slope) + random.normal(0, 2.0, (50_000, 4))
    information, weights = bounds.waveform_information(pulses, delay)
    assert information == pytest.approx(35 / 4, rel=0.05)
    assert weights @ slope == pytest.approx(1, rel=0.05)


def test_fitted_weights_do_not_flatter_on_few_events() -> None:
    random = np.random.default_rng(4)
    found = []
    for _ in range(200):
        delay = random.normal(0, 1.0, 120)
        pulses = np.outer(delay, np.ones(30)) + random.normal(0, 1.0, (120, 30))
        found.append(bounds.waveform_information(pulses, delay)[0])
    standard_error = np.std(found) / np.sqrt(len(found))
    assert np.mean(found) == pytest.approx(30, abs=3.5 * standard_error)


@pytest.mark.parametrize(
    "call",
    [
        lambda: bounds.position_bound(light_fractions, np.zeros((0, 3)), 100),
        lambda: bounds.position_bound(light_fractions, [[0.0, 0.0, 8.0]], 0),
        lambda: bounds.position_bound(lambda r: np.full((1, 4), np.nan), [[0, 0, 8.0]], 9),
        lambda: bounds.position_bound(lambda r: np.full((1, 4), 0.2), [[0, 0, 8.0]], 9),
        lambda: bounds.emission_density([0.0], [(1.0, 1.0)], rise_ns=2, spread_sigma_ns=0.1),
        lambda: bounds.emission_density([0.0], [], rise_ns=0, spread_sigma_ns=0.1),
        lambda: bounds.photon_time_information([1.0, np.nan, 0.0], 0.1, 10),
        lambda: bounds.photon_time_information([1.0, 0.5, 0.0], 0.1, -10),
        lambda: bounds.gaussian_information([1.0], [[0.0]]),
        lambda: bounds.gaussian_information([1.0], np.eye(2)),
        lambda: bounds.waveform_information(np.zeros((4, 4)), np.zeros(4)),
        lambda: bounds.coincidence_bound_ps(0.0),
    ],
)
def test_unusable_requests_raise(call: object) -> None:
    with pytest.raises(DataError):
        call()

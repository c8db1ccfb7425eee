"""Bounds on time whose value is known, and estimators that reach but do not pass them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate

from pulsefront.errors import DataError
from pulsefront.estimators.timing import bounds as timing_bounds
from pulsefront.estimators.timing.discriminators import (
    Sampling,
    fit_constant_fraction,
    prepare_pulses,
)
from pulsefront.evaluate import fwhm
from toys_estimators import pulse_pairs

FWHM = 2 * np.sqrt(2 * np.log(2))
STEP = 0.002
TIME = np.arange(-2, 400, STEP)


def bi_exponential(time: float, decay: float, rise: float) -> float:
    return (np.exp(-time / decay) - np.exp(-time / rise)) / (decay - rise) if time > 0 else 0.0


def test_the_smeared_emission_equals_its_convolution_integral() -> None:
    for rise, spread in ((0.07, 0.08), (0.5, 0.03)):
        density = timing_bounds.emission_density(
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
    density = timing_bounds.emission_density(
        time, [(decay, 1.0)], rise_ns=rise, spread_sigma_ns=spread, prompt_fraction=prompt
    )
    assert (density >= 0).all()
    assert density.sum() * 0.01 == pytest.approx(1, abs=1e-3)


def test_gaussian_information_of_white_samples() -> None:
    slope = np.array([1.0, 2.0, 0.0])
    assert timing_bounds.gaussian_information(slope, 4 * np.eye(3)) == pytest.approx(5 / 4)
    # A variance v = e^(2θ) has information 2 per sample.
    information = timing_bounds.gaussian_information(np.zeros(3), np.eye(3), 2 * np.eye(3))
    assert information == pytest.approx(6)


def test_waveform_information_recovers_a_linear_model() -> None:
    random = np.random.default_rng(3)
    slope = np.array([0.0, 3.0, 5.0, 1.0])
    delay = random.normal(0, 0.1, 50_000)
    pulses = 10 + np.outer(delay, slope) + random.normal(0, 2.0, (50_000, 4))
    information, weights = timing_bounds.waveform_information(pulses, delay)
    assert information == pytest.approx(35 / 4, rel=0.05)
    assert weights @ slope == pytest.approx(1, rel=0.05)


def test_fitted_weights_do_not_flatter_on_few_events() -> None:
    random = np.random.default_rng(4)
    found = []
    for _ in range(200):
        delay = random.normal(0, 1.0, 120)
        pulses = np.outer(delay, np.ones(30)) + random.normal(0, 1.0, (120, 30))
        found.append(timing_bounds.waveform_information(pulses, delay)[0])
    standard_error = np.std(found) / np.sqrt(len(found))
    assert np.mean(found) == pytest.approx(30, abs=3.5 * standard_error)


def test_the_bound_of_digitized_pulses_of_a_known_shape() -> None:
    # White noise alone: the information is the squared slope of the pulse over the variance.
    random = np.random.default_rng(5)
    arrival = 20 + random.uniform(0, 4, 30_000)
    since = np.maximum(np.arange(60)[None] - arrival[:, None], 0)
    pulses = 500 * (1 - np.exp(-since / 3)) ** 2 * np.exp(-since / 30)
    pulses += random.normal(0, 4.0, pulses.shape)
    fine = np.arange(0, 25, 0.001)
    shape = 500 * (1 - np.exp(-fine / 3)) ** 2 * np.exp(-fine / 30)
    information = (np.gradient(shape, 0.001) ** 2).sum() * 0.001 / 4.0**2
    found = timing_bounds.waveform_bound_ps(pulses, arrival, 1.0, before=4, after=26)
    assert found == pytest.approx(timing_bounds.coincidence_bound_ps(information), rel=0.03)


def test_no_classical_estimator_passes_the_bound_of_its_samples() -> None:
    noise = {"jitter_ns": 1e-6, "noise_adc": 20.0, "spread": 0.05}
    waveforms, known = pulse_pairs(12_000, seed=7, **noise)
    pulse_settings = Sampling(0.5)
    cfd = fit_constant_fraction(waveforms, known, pulse_settings)
    residual = cfd.estimate(waveforms) - known
    # The start of each pulse is drawn within half a nanosecond, the same way as in the toy.
    replay = np.random.default_rng(7)
    offsets = replay.choice(np.linspace(-0.6, 0.6, 7), 12_000)
    np.testing.assert_array_equal(offsets, known)
    arrival = 16 + replay.uniform(0, 0.5, 12_000) + known / 2
    first, _ = prepare_pulses(waveforms, pulse_settings)
    bound = timing_bounds.waveform_bound_ps(first, arrival, 0.5, before=3, after=30)
    ctr_ps = 1000 * fwhm(residual[np.isfinite(residual)])
    assert bound < ctr_ps < 2.5 * bound


@pytest.mark.parametrize(
    "call",
    [
        lambda: timing_bounds.emission_density([0.0], [(1.0, 1.0)], rise_ns=2, spread_sigma_ns=0.1),
        lambda: timing_bounds.emission_density([0.0], [], rise_ns=0, spread_sigma_ns=0.1),
        lambda: timing_bounds.gaussian_information([1.0], [[0.0]]),
        lambda: timing_bounds.gaussian_information([1.0], np.eye(2)),
        lambda: timing_bounds.waveform_information(np.zeros((4, 4)), np.zeros(4)),
        lambda: timing_bounds.coincidence_bound_ps(0.0),
    ],
)
def test_unusable_requests_raise(call: object) -> None:
    with pytest.raises(DataError):
        call()

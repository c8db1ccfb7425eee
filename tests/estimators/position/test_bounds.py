"""The bound of a light whose information is known, and an estimator that reaches it."""

from __future__ import annotations

import numpy as np
import pytest

from pulsefront.errors import DataError
from pulsefront.estimators.position import bounds
from toys_estimators import light_fractions


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
    photons, position = 4000, np.array([3.0, -2.0, 7.0])
    bound = bounds.position_bound(light_fractions, [position], photons)
    random = np.random.default_rng(2)
    counts = random.poisson(photons * light_fractions(position[None])[0], (400, 64))
    # Newton steps on the likelihood of the shares, started at the truth.
    estimate = np.tile(position, (400, 1))
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
    position = np.array([[0.0, 0.0, 8.0], [20.0, 20.0, 4.0]])
    half = lambda r: 0.5 * light_fractions(r)  # noqa: E731
    best = bounds.position_bound(half, position, 8000, light_known=True).sigma_mm
    unknown = bounds.position_bound(half, position, 8000).sigma_mm
    noisy = bounds.position_bound(
        half, position, 8000, excess_noise_factor=1.3, electronic_noise=5
    ).sigma_mm
    assert (unknown >= best * (1 - 1e-9)).all()
    assert (noisy > unknown * 1.13).all()


def test_residuals_of_an_efficient_estimator_have_the_covariance_of_the_bound() -> None:
    bound = bounds.position_bound(light_fractions, [[3.0, -2.0, 7.0]], 4000)
    drawn = bound.residuals_mm(seed=0, draws=50_000)
    np.testing.assert_allclose(np.cov(drawn.T), bound.covariance_mm2[0], rtol=0.05, atol=2e-4)
    assert drawn.shape == (50_000, 3)


@pytest.mark.parametrize(
    "call",
    [
        lambda: bounds.position_bound(light_fractions, np.zeros((0, 3)), 100),
        lambda: bounds.position_bound(light_fractions, [[0.0, 0.0, 8.0]], 0),
        lambda: bounds.position_bound(lambda r: np.full((1, 4), np.nan), [[0, 0, 8.0]], 9),
        lambda: bounds.position_bound(lambda r: np.full((1, 4), 0.2), [[0, 0, 8.0]], 9),
    ],
)
def test_unusable_requests_raise(call: object) -> None:
    with pytest.raises(DataError):
        call()

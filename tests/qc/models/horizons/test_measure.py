"""What simulated fleets let expect of the chances by days ahead: a known shape comes back."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import expit

from pulsefront.errors import ConfigError
from pulsefront.qc.models.horizons.counts import Promised, promised_failures
from pulsefront.qc.models.horizons.curve import HORIZON_DAYS, AtRisk, HorizonCurve, Outcomes
from pulsefront.qc.models.horizons.measure import (
    Residual,
    fit_shape,
    fleets_apart,
    likely_drift,
    measure_horizons,
)
from pulsefront.qc.models.horizons.shape import NODES


def test_a_hazard_with_a_floor_and_a_ceiling_comes_back():
    random = np.random.default_rng(0)
    known = np.array(NODES)
    score = random.uniform(-9.0, 5.0, 150_000)
    daily = np.exp(np.interp(score, [-5.5, 0.5], [-8.0, -3.5]))
    failure = random.exponential(1.0 / daily)
    shape = fit_shape(score, Outcomes(failure, failure))
    curve = HorizonCurve(np.array(HORIZON_DAYS), np.ones(9), np.zeros(9), None, known, shape)
    for where in (-8.0, -2.5, 4.5):
        true = -np.expm1(-np.exp(np.interp(where, [-5.5, 0.5], [-8.0, -3.5])) * 28)
        told = curve.probability(np.array([where]))[0, HORIZON_DAYS.index(28)]
        assert told == pytest.approx(true, rel=0.15)


@pytest.mark.parametrize(
    ("shared", "own"),
    [((0.3, 0.1), (0.2, 0.15)), ((0.15, 0.2), (0.02, 0.02)), ((0.02, 0.2), (0.02, 0.1))],
)
def test_what_intervals_share_is_told_from_what_each_has_of_its_own(shared, own):
    """And level from slope: hazards lie below the centre that slopes turn about."""
    random = np.random.default_rng(3)
    expected = np.array([0.2, 0.2, 0.5, 1.0, 2.0, 2.0, 2.0, 4.0, 5.0])
    told = expected[:, None, None] * np.array([[1.0, -1.7], [-1.7, 8.5]])
    root = np.linalg.cholesky(told)

    def halves():
        """Return a fleet's early and late part: the same deviations, and chance of each."""
        of_fleet = np.array(shared) * random.normal(size=(1, 2))
        of_fleet = of_fleet + np.array(own) * random.normal(size=(9, 2))
        for _ in range(2):
            chance = np.einsum("ipq,iq->ip", root, random.normal(size=(9, 2)))
            yield Residual(np.einsum("ipq,iq->ip", told, of_fleet) + chance, told)

    early, late = zip(*(halves() for _ in range(20_000)), strict=True)
    for found, known in zip(fleets_apart(early, late), (shared, own), strict=True):
        assert np.square(found) == pytest.approx(np.square(known), abs=0.005)


@pytest.mark.parametrize("known", [0.0, 0.3])
def test_a_known_drift_comes_back(known):
    """80 fleets with 24 to 72 failures promised: 0.08 is 2.5 deviations."""
    random = np.random.default_rng(5)
    curve = HorizonCurve(np.array(HORIZON_DAYS), np.ones(9), np.zeros(9))
    moves = random.normal(size=(60, 1))
    came = []
    for _ in range(80):
        rows, score = int(random.integers(200, 600)), np.array([-2.0])
        level = known * random.normal()
        fails = random.binomial(rows, expit(score + level))
        weight, failed = np.zeros((rows, 9)), np.zeros((rows, 9), dtype=np.bool_)
        weight[:, 0] = 1.0
        failed[:, 0] = np.arange(rows) < fails
        came.append((np.repeat(score, rows), AtRisk(failed, weight)))

    def promised(drift: float) -> list[Promised]:
        replicates = np.stack([np.ones((60, 9)), np.tile(drift * moves, (1, 9))], axis=2)
        told = replace(curve, replicates=replicates)
        return [promised_failures(told, score, risk, 1) for score, risk in came]

    assert likely_drift(promised) == pytest.approx(known, abs=0.08)


@pytest.mark.slow
def test_two_small_fleets_are_measured():
    found = measure_horizons(fleets=2, scanners=6, first_seed=8100)
    assert (found.fleets, found.scanners, found.first_seed) == (2, 6, 8100)
    assert found.prior.failures >= found.blend.failures > 0
    assert np.shape(found.blend.hazard) == (len(HORIZON_DAYS), len(NODES))


def test_a_fleet_has_three_sites():
    with pytest.raises(ConfigError, match="multiple of 3"):
        measure_horizons(fleets=2, scanners=7)

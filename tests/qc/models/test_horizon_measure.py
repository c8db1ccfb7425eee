"""What simulated fleets let expect of the chances by days ahead: a known shape comes back."""

from __future__ import annotations

import numpy as np
import pytest

from pulsefront.errors import ConfigError
from pulsefront.qc.models.horizon_measure import (
    Residual,
    fit_shape,
    fleets_apart,
    measure_horizons,
)
from pulsefront.qc.models.horizon_shape import NODES
from pulsefront.qc.models.horizons import HORIZON_DAYS, HorizonCurve, Outcomes


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


@pytest.mark.parametrize(("shared", "own"), [((0.3, 0.1), (0.2, 0.15)), ((0.15, 0.2), (0.0, 0.0))])
def test_what_intervals_share_is_told_from_what_each_has_of_its_own(shared, own):
    random = np.random.default_rng(3)
    expected = np.outer([1.0, 4.0], np.array([0.2, 0.2, 0.5, 1.0, 2.0, 2.0, 2.0, 4.0, 5.0]))

    def halves():
        """Return a fleet's early and late part: the same deviations, and chance of each."""
        of_fleet = np.array(shared)[:, None] * random.normal(size=(2, 1))
        of_fleet = of_fleet + np.array(own)[:, None] * random.normal(size=(2, 9))
        for _ in range(2):
            chance = np.sqrt(expected) * random.normal(size=expected.shape)
            yield Residual(expected * of_fleet + chance, expected)

    early, late = zip(*(halves() for _ in range(20_000)), strict=True)
    for found, known in zip(fleets_apart(early, late), (shared, own), strict=True):
        assert np.square(found) == pytest.approx(np.square(known), abs=0.004)


def test_two_small_fleets_are_measured():
    found = measure_horizons(fleets=2, scanners=6, first_seed=8100)
    assert (found.fleets, found.scanners, found.first_seed) == (2, 6, 8100)
    assert found.prior.failures >= found.blend.failures > 0
    assert np.shape(found.blend.hazard) == (len(HORIZON_DAYS), len(NODES))


def test_a_fleet_has_three_sites():
    with pytest.raises(ConfigError, match="multiple of 3"):
        measure_horizons(fleets=2, scanners=7)

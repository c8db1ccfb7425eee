"""What simulated fleets let expect of the chances by days ahead: a known shape comes back."""

from __future__ import annotations

import numpy as np
import pytest

from pulsefront.errors import ConfigError
from pulsefront.qc.models.horizon_measure import fit_shape, measure_horizons
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


def test_two_small_fleets_are_measured():
    found = measure_horizons(fleets=2, scanners=6, first_seed=8100)
    assert (found.fleets, found.scanners, found.first_seed) == (2, 6, 8100)
    assert found.prior.failures >= found.blend.failures > 0
    assert np.shape(found.blend.hazard) == (len(HORIZON_DAYS), len(NODES))


def test_a_fleet_has_three_sites():
    with pytest.raises(ConfigError, match="multiple of 3"):
        measure_horizons(fleets=2, scanners=7)

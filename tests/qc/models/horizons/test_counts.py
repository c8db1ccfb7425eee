"""Failures promised and failures that came: known hazards, and intervals that hold what they say.

The worlds are synthetic: components have a score, the hazard of a day follows from it by a line
with known bends, and fleets lie apart and drift by known amounts.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pytest
from scipy.special import logit
from scipy.stats import binom

from pulsefront.qc.models.horizons.counts import Promised, promised_failures
from pulsefront.qc.models.horizons.curve import (
    CURVE_DAYS,
    HORIZON_DAYS,
    AtRisk,
    Bends,
    HorizonCurve,
    Outcomes,
    at_risk,
)
from pulsefront.qc.models.horizons.fit import CENTRE, Expected, fit_horizons

LENGTHS = np.diff(np.array(HORIZON_DAYS, dtype=float), prepend=0.0)
SCORE = np.array([-7.0, -5.0, -1.0, 1.0])
DAILY = np.array([-9.5, -8.5, -4.5, -3.5])  # logarithm of the hazard of a day, at the nodes


def bends() -> Bends:
    return Bends(SCORE, logit(-np.expm1(-np.exp(DAILY) * LENGTHS[:, None])))


@dataclass(frozen=True)
class World:
    """A fleet whose hazards of a day are known: *level* and *slope* are its own, *drift* later."""

    level: float
    slope: float
    drift: float

    def hazard(self, score: np.ndarray, *, later: bool) -> np.ndarray:
        """Return the hazard of a day."""
        daily = np.interp(score, SCORE, DAILY)
        pivot = CENTRE - np.log(7.0)  # a week at the centre
        daily = (1.0 + self.slope) * (daily - pivot) + pivot + self.level
        return np.exp(daily + (self.drift if later else 0.0))

    def history(
        self, random: np.random.Generator, components: int, days: int, *, later: bool, step: int = 7
    ) -> tuple[np.ndarray, Outcomes, np.ndarray]:
        """Return scores, outcomes and scanners of rows *step* days apart; what fails is renewed."""
        scores, failure, followed, unit = [], [], [], []
        for component in range(components):
            begin = 0.0
            while begin < days:
                score = random.normal(-4.0, 2.0)
                life = random.exponential(1.0 / self.hazard(np.array(score), later=later))
                rows = np.arange(np.ceil(begin / step) * step, min(begin + life, days), step)
                fails = begin + life - rows if begin + life <= days else np.full(len(rows), np.inf)
                scores.append(np.full(len(rows), score))
                failure.append(fails)
                followed.append(np.minimum(fails, days - rows))
                unit.append(np.full(len(rows), component // 5))
                begin += life
        joined = [np.concatenate(each) for each in (scores, failure, followed, unit)]
        return joined[0], Outcomes(joined[1], joined[2]), joined[3]


DEVIATION, SLOPE, DRIFT = 0.3, 0.04, 0.15


def draw_world(random: np.random.Generator) -> World:
    return World(*(random.normal(0.0, [DEVIATION, SLOPE, DRIFT])))


def curve_of(world: World, random: np.random.Generator) -> HorizonCurve:
    score, outcomes, unit = world.history(random, 120, 400, later=False)
    expected = Expected(bends(), DEVIATION, SLOPE, own=0.05, own_slope=0.02, drift=DRIFT)
    return fit_horizons(score, outcomes, 30, expected=expected, unit=unit)


def test_intervals_of_chances_and_of_failures_hold_as_often_as_they_say():
    """Of 150 fleets 93 to 97 % hold the true chance, give or take what 150 fleets scatter.

    One share of them scatters by 1.8 %, the mean of four days ahead and three scores by about 1 %.
    """
    random = np.random.default_rng(5)
    where, chances, counts = np.array([-5.5, -3.0, -1.0]), [], []
    columns = [HORIZON_DAYS.index(days) for days in CURVE_DAYS]
    for _ in range(150):
        world = draw_world(random)
        curve = curve_of(world, random)
        low, high = (each[:, columns] for each in curve.interval(where))
        true = -np.expm1(-world.hazard(where, later=True)[:, None] * np.array(CURVE_DAYS))
        chances.append((low <= true) & (true <= high))
        for days in (14, 28):
            score, outcomes, _ = world.history(random, 120, 280, later=True, step=days)
            counts.append(promised_failures(curve, score, at_risk(outcomes), days).held())
    assert 0.92 <= np.mean(chances) <= 0.98, np.mean(chances, axis=0)
    assert (np.mean(chances, axis=0) > 0.90).all(), np.mean(chances, axis=0)
    assert 0.925 <= np.mean(counts) <= 0.975


def test_intervals_that_forget_drift_hold_less_than_they_say():
    random = np.random.default_rng(6)
    held = []
    for _ in range(60):
        world = World(0.0, 0.0, random.choice([-0.9, 0.9]))
        score, outcomes, _ = world.history(random, 120, 400, later=False)
        expected = Expected(bends(), DEVIATION, SLOPE, own=0.05, own_slope=0.02)
        unit = np.arange(len(score)) // 500
        curve = fit_horizons(score, outcomes, 30, expected=expected, unit=unit)
        score, outcomes, _ = world.history(random, 120, 280, later=True, step=28)
        held.append(promised_failures(curve, score, at_risk(outcomes), 28).held())
    assert np.mean(held) < 0.75


def test_a_shift_moves_the_chances_that_are_told_by_node():
    score, nothing = np.array([-7.0, -1.0]), Outcomes(np.full(2, np.inf), np.zeros(2))
    plain, shifted = (
        logit(
            fit_horizons(
                score, nothing, 30, expected=Expected(bends(), 0.1, 0.1, 0.1, 0.1, shift=shift)
            ).hazard(score)
        )
        for shift in (None, np.array([0.3, 0.0, -0.2, 0.0]))
    )
    assert shifted - plain == pytest.approx(np.tile([[0.3], [-0.2]], 9))


def test_beyond_the_nodes_a_chance_stays_as_it_is():
    curve = HorizonCurve(
        np.array(HORIZON_DAYS), np.ones(9), np.zeros(9), None, *bends()
    )  # fmt: skip
    told = curve.probability(np.array([-20.0, -7.0, 1.0, 20.0]))
    assert np.array_equal(told[0], told[1])
    assert np.array_equal(told[2], told[3])
    assert told[0, -1] == pytest.approx(-np.expm1(-60 * np.exp(DAILY[0])))


def test_without_replicates_the_number_is_that_of_coins():
    days = np.array(HORIZON_DAYS)
    curve = HorizonCurve(days, np.zeros(9), np.array([logit(0.3), *np.full(8, -40.0)]))
    fails = np.zeros((20, 9), dtype=np.bool_)
    fails[:9, 0] = True
    found = promised_failures(curve, np.zeros(20), AtRisk(fails, np.ones((20, 9))), 1)
    assert found.expected == pytest.approx(6.0)
    assert found.scatter == pytest.approx(np.sqrt(20 * 0.3 * 0.7))
    assert (found.low, found.high) == tuple(binom.ppf([0.025, 0.975], 20, 0.3))
    assert found.came == 9
    assert (found.below, found.up_to) == pytest.approx(tuple(binom.cdf([8, 9], 20, 0.3)))


def test_a_number_on_the_rim_counts_for_the_share_that_lies_within():
    def told(below: float, up_to: float) -> Promised:
        return Promised(1.0, 1.0, 0, 3, 1, below, up_to)

    assert told(0.3, 0.5).held() == pytest.approx(1.0)
    assert told(0.0, 0.02).held() == 0.0
    assert told(0.95, 1.0).held() == pytest.approx(0.5)
    chances = binom.cdf(np.arange(-1, 21), 20, 0.3)
    mean = sum(
        (up - below) * told(below, up).held() for below, up in pairwise(chances) if up > below
    )
    assert mean == pytest.approx(0.95)


def test_no_rows_promise_nothing():
    curve = HorizonCurve(np.array(HORIZON_DAYS), np.ones(9), np.zeros(9))
    nothing = AtRisk(np.zeros((0, 9), dtype=np.bool_), np.zeros((0, 9)))
    found = promised_failures(curve, np.zeros(0), nothing, 28)
    assert (found.expected, found.low, found.high, found.came) == (0.0, 0, 0, 0)
    assert found.held() == pytest.approx(0.95)

"""The chance to fail by days ahead: known hazards come back, and it never falls with the days."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy.special import expit

from pulsefront.qc.models.horizons.curve import (
    CURVE_DAYS,
    HORIZON_DAYS,
    HorizonCurve,
    Outcomes,
    at_risk,
    outcomes_of,
)
from pulsefront.qc.models.horizons.fit import fit_horizons
from pulsefront.qc.nightly.run import SCORE_COLUMNS
from pulsefront.qc.store.tables.schema import CURVE_COLUMNS
from strategies_qc import DAY, tiny_samples


def test_known_hazards_come_back_with_censoring():
    random = np.random.default_rng(0)
    score = random.normal(-2.0, 1.5, 60_000)
    daily = expit(score - 3.0)
    failure = random.geometric(daily).astype(float)
    followed = random.uniform(5.0, 90.0, len(score))
    failure = np.where(failure <= followed, failure, np.inf)
    curve = fit_horizons(score, Outcomes(failure, np.minimum(followed, failure)), 30)
    promised = curve.probability(score)
    for k, days in enumerate(HORIZON_DAYS):
        true = 1.0 - (1.0 - daily) ** days
        # The hazard of an interval of days is not quite a sigmoid of that of a day.
        assert promised[:, k].mean() == pytest.approx(true.mean(), rel=0.1)
    assert (np.diff(promised, axis=1) >= 0).all()
    assert np.corrcoef(promised[:, 6], 1.0 - (1.0 - daily) ** 28)[0, 1] > 0.99


def test_without_failures_the_window_is_spread_evenly():
    score = np.full(4, -4.0)
    nothing = Outcomes(np.full(4, np.inf), np.zeros(4))
    promised = fit_horizons(score, nothing, 30).probability(score)[0]
    assert promised[6] == pytest.approx(expit(-4.0) * 28 / 30, rel=0.05)


def test_replacement_and_the_end_of_the_record_end_the_following():
    fleet = tiny_samples()
    rows = np.arange(0, len(fleet.samples), 37)
    found = outcomes_of(fleet, rows)
    assert (found.followed_days <= (fleet.last_s - fleet.samples.as_of_s[rows]) / DAY + 1e-9).all()
    for row, days, followed in zip(rows, *found, strict=True):
        c, when = fleet.samples.component[row], fleet.samples.as_of_s[row]
        failures = fleet.failures_s[c][fleet.failures_s[c] > when]
        replaced = fleet.replaced_s[c][fleet.replaced_s[c] > when]
        first = min([*failures, *replaced], default=None)
        if first is None or first in replaced:
            assert np.isinf(days)
        else:
            assert days == followed == pytest.approx((first - when) / DAY)


def test_what_comes_after_an_instant_is_not_looked_at():
    fleet = tiny_samples()
    rows = np.arange(0, len(fleet.samples), 37)
    cut_s = int(np.median(fleet.samples.as_of_s))
    rows = rows[fleet.samples.as_of_s[rows] < cut_s]
    found = outcomes_of(fleet, rows, until_s=cut_s)
    left = (cut_s - fleet.samples.as_of_s[rows]) / DAY
    assert (found.followed_days <= left).all()
    assert (found.failure_days[np.isfinite(found.failure_days)] <= left[
        np.isfinite(found.failure_days)]).all()  # fmt: skip
    whole = outcomes_of(fleet, rows)
    assert np.isfinite(whole.failure_days).sum() > np.isfinite(found.failure_days).sum() > 0


def test_rows_followed_for_a_part_of_an_interval_count_for_that_part():
    failure = np.array([np.inf, 9.0, np.inf, 3.0])
    found = at_risk(Outcomes(failure, np.array([10.5, 9.0, 100.0, 3.0])))
    week = HORIZON_DAYS.index(14)  # days 7 to 14
    assert found.weight[:, week].tolist() == [0.5, 1.0, 1.0, 0.0]
    assert found.fails[:, week].tolist() == [False, True, False, False]
    assert found.fails.sum(axis=1).tolist() == [0, 1, 0, 1]
    assert found.weight[3].tolist() == [1.0, 1.0, 1.0] + 6 * [0.0]


def test_much_censoring_does_not_raise_what_is_promised():
    """To keep failures but drop what was cut off beforehand promised 1.4 times as much."""
    random = np.random.default_rng(1)
    score = np.full(40_000, -2.0)
    failure = random.exponential(120.0, len(score))
    followed = random.uniform(0.0, 60.0, len(score))
    failure = np.where(failure <= followed, failure, np.inf)
    curve = fit_horizons(score, Outcomes(failure, np.minimum(followed, failure)), 30)
    promised = curve.probability(score[:1])[0]
    assert promised == pytest.approx(1.0 - np.exp(-np.array(HORIZON_DAYS) / 120.0), rel=0.08)


@pytest.mark.slow
def test_intervals_hold_the_true_chance_as_often_as_they_say():
    """Of 200 histories at least 91 % hold it: 95 %, less 2.6 deviations of such a share.

    They are wider than they need be here, where each row fails for itself: rows of weeks before
    one failure count as one.
    """
    random = np.random.default_rng(2)
    days, held, wide = np.array(HORIZON_DAYS, dtype=float), [], []
    for seed in range(200):
        unit = np.repeat(np.arange(60), 150)
        score = random.normal(-2.5, 1.0, len(unit))
        daily = np.exp(score - 3.4)
        failure = random.exponential(1.0 / daily)
        curve = fit_horizons(score, Outcomes(failure, failure), 30, unit=unit, seed=seed)
        low, high = curve.interval(np.array([-2.5]))
        true = -np.expm1(-days * np.exp(-2.5 - 3.4))
        held.append((low[0] <= true) & (true <= high[0]))
        wide.append(high[0, 6] / low[0, 6])
    share = np.mean(held, axis=0)
    assert (share >= 0.91).all(), share
    assert np.median(wide) < 1.6


def test_intervals_of_few_failures_are_as_wide_as_what_is_not_known_beforehand():
    score = np.full(40, -4.0)
    nothing = Outcomes(np.full(40, np.inf), np.full(40, 0.5))
    unit = np.arange(40) % 4
    low, high = fit_horizons(score, nothing, 30, unit=unit).interval(score[:1])
    assert (high / low > 10.0).all()
    alone = fit_horizons(score, nothing, 30)
    assert np.array_equal(*alone.interval(score))


def _floats(*shape: int, within: tuple[float, float]) -> st.SearchStrategy[np.ndarray]:
    return arrays.arrays(np.float64, shape, elements=st.floats(*within))


@given(
    slope=_floats(9, within=(0.0, 4.0)),
    intercept=_floats(9, within=(-30.0, 30.0)),
    replicates=_floats(5, 9, 2, within=(-20.0, 20.0)),
    bend_hazard=_floats(9, 4, within=(-15.0, 5.0)),
    log_odds=_floats(7, within=(-40.0, 40.0)),
    bent=st.booleans(),
)
def test_neither_a_chance_nor_the_ends_of_its_interval_fall_with_the_days(
    slope, intercept, replicates, bend_hazard, log_odds, bent
):
    """Whatever the hazards: to fail within 14 days is no less likely than within 7."""
    bends = (np.array([-6.0, -3.0, 0.0, 3.0]), bend_hazard) if bent else (None, None)
    curve = HorizonCurve(np.array(HORIZON_DAYS), slope, intercept, replicates, *bends)
    chance, (low, high) = curve.probability(log_odds), curve.interval(log_odds)
    for told in (chance, low, high):
        assert (np.diff(told, axis=1) >= -1e-12).all()
    assert (low <= chance).all()
    assert (chance <= high).all()


def test_columns_of_a_score_are_those_of_the_table():
    assert SCORE_COLUMNS[-len(CURVE_COLUMNS) :] == CURVE_COLUMNS
    assert set(CURVE_DAYS) <= set(HORIZON_DAYS)
    assert [c for c in CURVE_COLUMNS if c.endswith("days")] == [
        f"within_{days}_days" for days in CURVE_DAYS
    ]

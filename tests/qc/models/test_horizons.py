"""The chance to fail by days ahead: known hazards come back, and it never falls with the days."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit

from pulsefront.qc.models.horizons import HORIZON_DAYS, Outcomes, fit_horizons, outcomes_of
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

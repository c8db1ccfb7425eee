"""Thresholds set beforehand: nothing of the judged time in them, and the rate that they keep."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pulsefront.qc.backtest.thresholds import followed, known_at, set_beforehand, thresholds_in_use
from pulsefront.qc.models.choice.folds import score_folds
from pulsefront.qc.models.choice.judged_alerts import alert_table
from pulsefront.qc.models.choice.protocol import BacktestSettings
from strategies_qc import DAY, tiny_samples

PLAN = BacktestSettings(folds=3, candidates=("ewma",), bootstrap_replicates=40)


@pytest.fixture(scope="module")
def scores():
    return score_folds(tiny_samples(), PLAN)


def test_year_before_holds_nothing_that_was_not_known(scores):
    fleet = tiny_samples()
    everything = scores.selection | scores.between | scores.test
    table = alert_table(fleet, scores, "ewma", everything)
    instant = int(table.from_s + 300 * DAY)
    past = known_at(table, instant, fleet)
    assert past.as_of_s.max() <= instant - fleet.embargo_days * DAY
    assert past.as_of_s.min() >= instant - (fleet.embargo_days + 365) * DAY
    assert max(t.max() for t in past.failures_s if len(t)) <= instant


def test_later_scores_do_not_move_earlier_alerts(scores):
    """Swell every score of the last year: alerts before it must stay as they are."""
    fleet = tiny_samples()
    when = fleet.samples.as_of_s
    cut = int(when.max() - 200 * DAY)
    swollen = np.where(when > cut, scores.log_odds["ewma"] * 3, scores.log_odds["ewma"])
    other = replace(scores, log_odds={"ewma": swollen})
    one, two = (followed(fleet, s, "ewma", 1.0) for s in (scores, other))
    early = one.alert_s <= cut
    assert early.any()
    assert np.array_equal(one.alert_s[early], two.alert_s[two.alert_s <= cut])


def test_rate_that_doubles_is_followed_and_not_by_a_threshold_set_once(scores):
    """Scores without any skill whose level rises in time, as when a fleet ages."""
    fleet = tiny_samples()
    samples = fleet.samples
    random = np.random.default_rng(0)
    when = (samples.as_of_s - samples.as_of_s.min()) / np.ptp(samples.as_of_s)
    scored = scores.selection | scores.between | scores.test
    rising = np.where(scored, random.random(len(samples)) * (0.5 + 0.5 * when), np.nan)
    other = replace(
        scores,
        log_odds={"ewma": rising},
        no_decision=np.full(len(samples), "", dtype=object),
    )
    rate = 2.0
    once = set_beforehand(fleet, other, "ewma", rate).false_per_unit_year
    quarterly = followed(fleet, other, "ewma", rate).false_per_unit_year
    assert quarterly < once
    assert abs(quarterly - rate) < abs(once - rate)


def test_result_has_both_at_every_rate(scores):
    result = thresholds_in_use(tiny_samples(), scores, "ewma", PLAN)
    for points in (result.set_once, result.set_quarterly):
        assert list(points) == ["1", "2", "6"]

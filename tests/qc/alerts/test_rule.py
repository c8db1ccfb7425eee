"""The rule: what opens, clears and runs out, by hand and against a plain account of it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pulsefront.qc.alerts.rule import (
    CLEARED,
    OPENED,
    RAN_OUT,
    AlertRule,
    advance,
    fresh_states,
    openings,
)
from pulsefront.qc.features.labels import Target

RULE = AlertRule(quiet_days=7)
NAN = float("nan")


def nights(scores, threshold=0.5, rule=RULE):
    """Return what each night does to one component."""
    states = fresh_states(1)
    found = []
    for day, score in enumerate(scores):
        found.append(int(advance(states, day, np.array([score]), threshold, rule)[0]))
    return found


def test_quiet_time_is_lead_plus_horizon():
    assert AlertRule.of_target(Target(2, 28)).quiet_days == 30


def test_score_at_the_threshold_opens_and_the_next_nights_are_quiet():
    assert nights([0.4, 0.5, 0.9, 0.9]) == [0, OPENED, 0, 0]


def test_score_that_dips_does_not_clear_and_three_low_decisions_do():
    assert nights([0.6, 0.2, 0.2, 0.3, 0.2, 0.2, 0.2]) == [OPENED, 0, 0, 0, 0, 0, CLEARED]
    # Half of the threshold is not below it.
    assert nights([0.6, 0.25, 0.25, 0.25]) == [OPENED, 0, 0, 0]


def test_nights_without_a_decision_neither_clear_nor_break_a_run_of_low_ones():
    assert nights([0.6, NAN, NAN, NAN, NAN]) == [OPENED, 0, 0, 0, 0]
    assert nights([0.6, 0.1, NAN, 0.1, NAN, 0.1]) == [OPENED, 0, 0, 0, 0, CLEARED]


def test_cleared_alert_opens_no_other_one_while_it_is_quiet():
    assert nights([0.6, 0.1, 0.1, 0.1, 0.9, 0.9, 0.9, 0.9]) == [OPENED, 0, 0, CLEARED, 0, 0, 0,
                                                               OPENED]  # fmt: skip


def test_alert_that_runs_out_at_the_threshold_is_followed_by_another_on_the_same_night():
    found = nights([0.9] * 8)
    assert found == [OPENED, 0, 0, 0, 0, 0, 0, RAN_OUT | OPENED]
    assert nights([0.9, *[0.4] * 7])[-1] == RAN_OUT


def test_alert_runs_out_on_the_first_night_after_a_gap():
    states = fresh_states(1)
    advance(states, 0, np.array([0.9]), 0.5, RULE)
    assert advance(states, 30, np.array([NAN]), 0.5, RULE)[0] == RAN_OUT


def plain_openings(scores, days, threshold, quiet_days):
    """Say the same in plain words."""
    quiet_until, found = -1, []
    for day, score in zip(days, scores, strict=True):
        opens = day >= quiet_until and score >= threshold
        if opens:
            quiet_until = day + quiet_days
        found.append(opens)
    return found


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.sampled_from([NAN, 0.0, 0.1, 0.25, 0.4, 0.5, 0.6, 1.0]), min_size=1, max_size=60),
    st.integers(1, 12),
    st.sampled_from([0.1, 0.5, 0.6, np.inf]),
    st.randoms(use_true_random=False),
)
def test_openings_follow_from_scores_alone_whatever_closes_an_alert(
    scores, quiet_days, threshold, random
):
    rule = AlertRule(quiet_days=quiet_days)
    days = np.cumsum([random.randint(1, 3) for _ in scores])
    whole = openings(np.array(scores), np.zeros(len(scores), int), days, threshold, rule)
    assert whole.tolist() == plain_openings(scores, days, threshold, quiet_days)
    states = fresh_states(1)
    for k, score in enumerate(scores):
        found = advance(states, int(days[k]), np.array([score]), threshold, rule)
        assert bool(found[0] & OPENED) == whole[k]
        if random.random() < 0.3:
            states["open"] = False  # somebody closes it


def test_threshold_may_change_from_row_to_row_and_components_do_not_touch():
    score = np.array([0.5, 0.5, 0.5, 0.5])
    level = np.array([0.6, 0.5, 0.4, 0.9])
    found = openings(score, np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1]), level, RULE)
    assert found.tolist() == [False, True, True, False]


@pytest.mark.parametrize("share", [0.5, 0.9])
def test_share_of_the_threshold_that_clears_is_that_of_the_rule(share):
    rule = AlertRule(quiet_days=9, clear_share=share, clear_nights=1)
    assert nights([0.5, 0.5 * share], rule=rule)[-1] == 0
    assert nights([0.5, 0.5 * share - 1e-9], rule=rule)[-1] == CLEARED

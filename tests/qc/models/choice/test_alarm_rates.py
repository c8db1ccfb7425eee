"""Labels, alerts and their judgement, on histories small enough to judge by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pulsefront.qc.features.labels import Target, component_labels, longest_label_delay_days
from pulsefront.qc.models.choice.alarm_rates import AlertTable, judge, threshold_at_rate
from pulsefront.qc.records import SERVICE_COLUMNS, frame_of
from strategies_qc import DAY

TARGET = Target(lead_days=2, horizon_days=5)


def services(*rows):
    """Return services from (component, kind, day reported, day completed)."""
    return frame_of(
        SERVICE_COLUMNS,
        {
            "reported_at": np.array([round(r[2] * DAY) for r in rows], dtype=np.int64),
            "unit_id": "PET1",
            "component_id": [r[0] for r in rows],
            "kind": [r[1] for r in rows],
            "completed_at": np.array([round(r[3] * DAY) for r in rows], dtype=np.int64),
            "logged_at": np.array([round(r[3] * DAY) for r in rows], dtype=np.int64),
        },
    )


def labels(table, component="b", days=30, end=100):
    as_of = np.arange(days, dtype=np.int64) * DAY
    return component_labels(table, component, as_of, TARGET, end * DAY).tolist()


def test_failure_within_lead_and_horizon_is_foreseen():
    found = labels(services(("b", "corrective", 20.5, 22)))
    # 20.5 lies in (t + 2, t + 7] for t = 14 … 18; on 19 and 20 it is too late to act.
    assert [t for t in range(30) if found[t] == 1] == [14, 15, 16, 17, 18]
    assert [t for t in range(30) if found[t] == -1] == [19, 20, 21, 22]


def test_failure_of_another_component_is_none_of_this_one():
    assert set(labels(services(("a", "corrective", 20.5, 22)))) == {0}


def test_preventive_replacement_hides_what_would_have_happened():
    found = labels(services(("b", "preventive", 20.5, 21)))
    assert [t for t in range(30) if found[t] == -1] == list(range(14, 21))
    assert 1 not in found


def test_preventive_maintenance_of_the_unit_hides_nothing():
    assert set(labels(services(("", "preventive", 20.5, 21)))) == {0}


def test_failure_before_a_preventive_replacement_still_counts():
    found = labels(services(("b", "corrective", 18.5, 18.6), ("b", "preventive", 20.5, 21)))
    assert found[14] == 1


def test_tail_without_full_follow_up_is_dropped():
    found = labels(services(("a", "corrective", 1, 2)), days=30, end=29)
    assert [t for t in range(30) if found[t] == -1] == list(range(23, 30))


def test_label_delay_is_that_of_the_slowest_log():
    table = services(
        ("b", "corrective", 1, 2), ("b", "corrective", 10, 14), ("b", "upgrade", 20, 40)
    )
    assert longest_label_delay_days(table) == 4.0


def table(score, failures=(), replaced=(), components=1, days=None):
    """Return an alert table of daily scores, component after component."""
    score = np.asarray(score, dtype=float)
    days = len(score) // components if days is None else days
    as_of = np.tile(np.arange(days, dtype=np.int64) * DAY, components)
    failed = [np.array([round(f * DAY) for f in fs], dtype=np.int64) for fs in failures] or [
        np.zeros(0, dtype=np.int64)
    ] * components
    spared = [np.array([round(f * DAY) for f in fs], dtype=np.int64) for fs in replaced] or [
        np.zeros(0, dtype=np.int64)
    ] * components
    return AlertTable(
        score, np.repeat(np.arange(components), days), np.zeros(components, dtype=np.int64), as_of,
        failed, spared, TARGET, 0, (days - 1) * DAY,
    )  # fmt: skip


def test_right_alert_finds_the_failure_with_its_lead():
    score = np.zeros(40)
    score[15:20] = 1.0
    found = judge(table(score, failures=[[20.5]]), 0.5)
    assert found.failure_found.mean() == 1.0
    assert found.failure_lead_days[0] == pytest.approx(5.5)
    assert len(found.false_unit) == 0
    assert found.alert_s.tolist() == [15 * DAY]  # one alert, then quiet


def test_alert_within_the_lead_is_too_late_and_not_false():
    score = np.zeros(40)
    score[19] = 1.0
    found = judge(table(score, failures=[[20.5]]), 0.5)
    assert found.failure_found.mean() == 0.0
    assert len(found.false_unit) == 0


def test_alert_without_failure_is_false_and_repeats_after_the_quiet_time():
    found = judge(table(np.ones(40)), 0.5)
    assert found.alert_s.tolist() == [t * DAY for t in range(0, 40, 7)]
    assert len(found.false_unit) == 6


def test_no_decision_never_alerts():
    assert len(judge(table(np.full(40, np.nan)), 0.5).alert_s) == 0


def test_alert_before_a_preventive_replacement_is_not_judged():
    score = np.zeros(40)
    score[15] = 1.0
    found = judge(table(score, replaced=[[18.0]]), 0.5)
    assert len(found.false_unit) == 0


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0.5, 40.0))
def test_threshold_keeps_the_rate_and_is_the_lowest_that_was_tried(seed, rate):
    random = np.random.default_rng(seed)
    data = table(random.random(4 * 300), components=4)
    found = threshold_at_rate(data, rate)
    assert found.false_per_unit_year <= rate


def test_perfect_score_finds_everything_without_false_alerts():
    random = np.random.default_rng(0)
    failures = [
        np.sort(random.choice(np.arange(30, 700, 40), 5, replace=False)) + 0.5 for _ in range(3)
    ]
    score = np.zeros((3, 730))
    for c, times in enumerate(failures):
        for t in times:
            score[c, int(t - 6) : int(t - 3)] = 1.0
    found = threshold_at_rate(table(score.ravel(), failures=failures, components=3), 1.0)
    assert found.failure_found.mean() == 1.0
    assert found.false_per_unit_year == 0.0

"""What alerts were worth, by hand, and the same as the back-test counts them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pulsefront.qc.alerts.outcomes import false_alerts, judgement
from pulsefront.qc.features.labels import Target
from strategies_qc import DAY

TARGET = Target(lead_days=2, horizon_days=5)


def times(*days):
    return np.array([round(day * DAY) for day in sorted(days)], dtype=np.int64)


@pytest.mark.parametrize(
    ("failed", "replaced", "over", "outcome", "day"),
    [
        ([13.0], [], False, "true", 13.0),
        ([12.0], [], True, "too late", 12.0),
        ([12.1], [], True, "true", 12.1),
        ([17.0], [], True, "true", 17.0),
        ([17.1], [], True, "false", None),
        ([10.0], [], True, "false", None),  # it had failed before
        ([], [14.0], True, "undecided", 14.0),
        ([15.0], [14.0], True, "true", 15.0),
        ([11.0, 15.0], [], True, "true", 15.0),
        ([], [], False, "undecided", None),
        ([], [], True, "false", None),
    ],
)
def test_alert_of_day_10_with_2_days_of_lead_and_5_of_horizon(failed, replaced, over, outcome, day):
    found = judgement(10 * DAY, times(*failed), times(*replaced), TARGET, over=over)
    assert found.outcome == outcome
    assert found.when_s == (None if day is None else round(day * DAY))


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.integers(0, 400), max_size=6),
    st.lists(st.integers(0, 400), max_size=6),
    st.lists(st.integers(0, 400), min_size=1, max_size=6),
)
def test_one_alert_is_false_where_the_count_of_the_backtest_says_so(failed, replaced, opened):
    tenth = DAY // 10
    failures, spared = (np.sort(np.array(t, dtype=np.int64)) * tenth for t in (failed, replaced))
    alerts = np.sort(np.array(opened, dtype=np.int64)) * tenth
    many = false_alerts(alerts, failures, spared, TARGET.span_days * DAY)
    one = [
        judgement(int(t), failures, spared, TARGET, over=True).outcome == "false" for t in alerts
    ]
    assert many.tolist() == one

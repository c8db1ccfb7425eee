"""What scores and alerts came to: labels as in training, sums by night, figures by quarter."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pulsefront.qc.features.labels import Target, component_labels
from pulsefront.qc.models.life.figures import model_life
from pulsefront.qc.models.life.score_outcomes import EDGES, judge_scores, labels_at
from pulsefront.qc.records import SERVICE_COLUMNS, frame_of
from pulsefront.qc.store.database import Store
from pulsefront.qc.store.histories.history import services_as_of
from pulsefront.qc.store.tables import alert_tables as tables
from strategies_alerts import DELAY_DAYS, FIRST, TARGET, instant, one_night, services, table_of
from strategies_qc import DAY

KINDS = ("corrective", "preventive", "calibration", "upgrade")
NAN = float("nan")


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["PET1", "PET2"]), st.sampled_from(["", "a", "b"]),
            st.sampled_from(KINDS), st.integers(0, 40), st.integers(0, 6),
        ),
        max_size=8,
    ),
    st.integers(0, 40),
)  # fmt: skip
def test_labels_of_one_night_are_those_of_training(rows, day):
    reported = np.array([row[3] * DAY // 2 for row in rows], dtype=np.int64)
    table = frame_of(
        SERVICE_COLUMNS,
        {
            "reported_at": reported,
            "unit_id": [row[0] for row in rows],
            "component_id": [row[1] for row in rows],
            "kind": [row[2] for row in rows],
            "completed_at": reported + np.array([row[4] * DAY // 2 for row in rows], dtype=int),
        },
    )
    keys = [(unit, component) for unit in ("PET1", "PET2") for component in ("", "a", "b")]
    target, as_of_s = Target(2, 5), day * DAY // 2
    found = labels_at(table, keys, as_of_s, target)
    for k, (unit, component) in enumerate(keys):
        mine = table[table["unit_id"] == unit]
        one = component_labels(mine, component, np.array([as_of_s]), target, 10**9)
        assert found[k] == one[0], (unit, component)


def months(store, nights, score_of, known):
    """Score four units with two components each; return the services."""
    for night in range(nights):
        scores = {
            (f"PET{u}", c): score_of(u, c, night) for u in range(4) for c in ("a", "b")
        }  # fmt: skip
        one_night(store, night, scores, known)
        logged = services_as_of(store, instant(night))
        with store.writing() as connection:
            judge_scores(connection, logged, instant(night), DELAY_DAYS)


@pytest.fixture
def store(tmp_path):
    with Store(tmp_path / "qc.db") as opened:
        yield opened


def figures(store, night):
    logged = services_as_of(store, instant(night))
    with store.engine.connect() as connection:
        return model_life(
            connection, "m", logged, instant(night),
            name="hazard", role="champion",
        )  # fmt: skip


def test_one_night_in_seven_is_judged_once_its_outcome_is_known(store):
    months(store, 40, lambda u, c, n: 0.015, services())
    rows = table_of(store, tables.score_outcome)
    nights = sorted(
        {(row["as_of"] // DAY - FIRST, row["judged_at"] // DAY - FIRST) for row in rows}
    )
    first = -FIRST % 7
    span = TARGET.span_days + DELAY_DAYS
    assert nights == [(n, n + span) for n in range(first, 40 - span, 7)]
    assert {row["unit_id"] for row in rows} == {f"PET{u}" for u in range(4)}
    assert all(row["rows"] == 2 for row in rows)
    assert all(EDGES[row["range"]] <= 0.015 < EDGES[row["range"] + 1] for row in rows)


def test_calibration_precision_and_lead_are_those_of_a_history_made_by_hand(store):
    """Two true alerts with leads of 4 and 5 days, one false one, and one that came too late."""
    known = services(
        ("PET0", "a", "corrective", 24.0, 24.2),
        ("PET1", "a", "corrective", 25.0, 25.2),
        ("PET2", "a", "corrective", 21.5, 21.7),
    )

    def score_of(unit, component, night):
        return 0.9 if component == "a" and night == 20 else 0.1

    months(store, 60, score_of, known)
    life = figures(store, 59)
    total = life.total
    assert (total.alerts, total.alerts_true, total.alerts_too_late, total.alerts_false) == (
        4,
        2,
        1,
        1,
    )
    assert total.precision.value == pytest.approx(2 / 3)
    assert total.precision.low < 2 / 3 < total.precision.high
    assert total.lead_days.value == 4.0
    assert (total.failures, total.failures_found) == (3, 2)
    assert total.false_alerts_per_unit_year.value == pytest.approx(1 / total.unit_years, rel=1e-3)
    rows = table_of(store, tables.score_outcome)
    assert total.rows == sum(row["rows"] for row in rows)
    assert total.observed_failures == sum(row["observed"] for row in rows)
    assert total.observed_over_expected.value == pytest.approx(
        total.observed_failures / total.expected_failures, rel=1e-3
    )
    assert sum(b.rows for b in life.calibration) == total.rows
    assert (life.model_hash, life.name, life.role) == ("m", "hazard", "champion")


def test_quarters_add_up_to_the_whole(store):
    months(store, 150, lambda u, c, n: 0.6 if n % 40 == u else 0.05, services())
    life = figures(store, 149)
    assert [f.period for f in life.periods] == ["2024-Q4", "2025-Q1"]
    for name in ("rows", "alerts", "alerts_false", "observed_failures", "failures"):
        assert sum(getattr(f, name) for f in life.periods) == getattr(life.total, name)


def test_nothing_is_told_before_the_first_outcome_is_known(store):
    months(store, 5, lambda u, c, n: 0.1, services())
    assert figures(store, 4) is None


def test_life_as_of_an_earlier_night_does_not_know_what_came_later(store):
    known = services(("PET0", "a", "corrective", 64.0, 64.2))
    months(store, 80, lambda u, c, n: 0.6 if n == 60 else 0.1, known)
    early = figures(store, 50)
    assert early.total.failures == 0
    assert figures(store, 79).total.failures == 1
    assert early == figures(store, 50)


def test_night_without_any_decision_is_judged_and_leaves_nothing(store):
    months(store, 30, lambda u, c, n: NAN, services())
    rows = table_of(store, tables.score_outcome)
    assert rows
    assert {(row["unit_id"], row["rows"]) for row in rows} == {("", 0)}

"""The life of alerts, night by night: what opens, changes and closes them, and their outcome."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from pulsefront.qc.alerts import acts
from pulsefront.qc.alerts.acts import current_alerts
from pulsefront.qc.alerts.ledger import alerts_after, changes_of, changes_of_night, newest_night
from pulsefront.qc.models.life.score_outcomes import judge_scores
from pulsefront.qc.records import Batch
from pulsefront.qc.site import Site, UnitSettings
from pulsefront.qc.store.database import Store
from pulsefront.qc.store.histories.history import services_as_of
from pulsefront.qc.store.rows.units import apply_site, meet_units
from pulsefront.qc.store.tables.alert_tables import alert_night as night_table
from pulsefront.qc.store.tables.alert_tables import score_outcome
from pulsefront.qc.times import iso_date
from strategies_alerts import DELAY_DAYS, FIRST, TARGET, instant, one_night, services, table_of
from strategies_qc import DAY, measurements, writing_of

A, B = ("PET1", "block1"), ("PET1", "block2")
NAN = float("nan")


@pytest.fixture
def store(tmp_path):
    with Store(tmp_path / "qc.db") as opened:
        yield opened


def kinds(changes):
    return [change.kind for change in changes]


def test_alert_opens_with_its_score_its_reasons_and_its_quiet_time(store):
    assert kinds(one_night(store, 0, {A: 0.6, B: 0.4})) == ["opened"]
    (alert,) = current_alerts(store)
    assert (alert.unit_id, alert.component_id, alert.site) == ("PET1", "block1", "P")
    assert alert.state == "open"
    assert (alert.opened_s, alert.quiet_until_s) == (instant(0), instant(7))
    assert (alert.probability, alert.probability_low, alert.probability_high) == (0.6, 0.5, 0.7)
    assert (alert.opening_probability, alert.threshold) == (0.6, 0.5)
    assert alert.reasons == "gain drifting"
    assert alert.outcome == "undecided"
    assert (alert.run_id, alert.model_hash) == ("run 0", "m")


def test_change_is_noted_once_the_last_told_probability_leaves_the_interval(store):
    one_night(store, 0, {A: 0.6})
    assert kinds(one_night(store, 1, {A: 0.68})) == []
    assert kinds(one_night(store, 2, {A: 0.75})) == ["updated"]
    assert kinds(one_night(store, 3, {A: 0.7})) == []
    (alert,) = current_alerts(store)
    assert (alert.probability, alert.highest_probability) == (0.7, 0.75)


def test_three_low_decisions_clear_it(store):
    for night, score in enumerate([0.6, 0.2, 0.2]):
        one_night(store, night, {A: score})
    changes = one_night(store, 3, {A: 0.2})
    assert kinds(changes) == ["closed"]
    assert changes[0].why == "below 50% of the threshold in 3 decisions in a row"
    assert current_alerts(store) == ()


def test_alert_runs_out_and_the_next_one_opens_on_the_same_night(store):
    for night in range(7):
        one_night(store, night, {A: 0.6})
    assert kinds(one_night(store, 7, {A: 0.6})) == ["closed", "opened"]
    assert [a.opened_s for a in current_alerts(store)] == [instant(7)]


def test_repair_and_replacement_close_it_and_maintenance_of_the_unit_does_not(store):
    known = services(
        ("PET1", "block1", "corrective", 1.5, 1.9),
        ("PET1", "block2", "preventive", 1.5, 1.9),
        ("PET1", "", "preventive", 1.5, 1.9),
    )
    whole = ("PET1", "")
    one_night(store, 0, {A: 0.6, B: 0.6, whole: 0.6}, known)
    changes = one_night(store, 2, {A: NAN, B: 0.6, whole: 0.6}, known)
    closed = {change.alert_id: change.why for change in changes if change.kind == "closed"}
    words = sorted(why.split(",")[0] for why in closed.values())
    assert words == ["repaired", "replaced before it failed"]
    assert [a.component_id for a in current_alerts(store)] == [""]


def test_repair_of_what_had_failed_before_the_alert_closes_it_too(store):
    known = services(("PET1", "block1", "corrective", -0.5, 1.5))
    one_night(store, 0, {A: 0.6}, known)
    assert kinds(one_night(store, 2, {A: 0.1}, known)) == ["closed"]


def test_repair_that_came_without_a_time_of_its_own_closes_it_on_the_night_it_came_for(store):
    one_night(store, 0, {A: 0.6})
    at = np.array([instant(0) + DAY // 2])
    batch = Batch(
        measurements(1, measured_at=at, available_at=at, known_on_arrival=1),
        services=services(("PET1", "block1", "corrective", 0.5, 0.8)).assign(known_on_arrival=1),
    )
    with store.writing() as connection:
        writing = writing_of(
            connection, "night", arrived_at=instant(1) + 12_600, not_before=instant(0) + 1
        )
        store.add(connection, batch, writing)
    assert [(c.kind, c.why) for c in one_night(store, 1, {A: 0.1})] == [
        ("closed", "repaired, reported on 2024-10-04"),
        ("outcome", "failed 0.5 days after it, within the lead"),
    ]


def test_component_in_service_is_suppressed_and_opens_nothing(store):
    one_night(store, 0, {A: 0.6, B: NAN})
    assert kinds(one_night(store, 1, {A: NAN, B: NAN})) == []
    (alert,) = current_alerts(store)
    assert alert.suppressed
    assert alert.probability == 0.6
    one_night(store, 2, {A: 0.6, B: 0.4})
    assert not current_alerts(store)[0].suppressed


def test_unit_out_of_use_closes_its_alerts(store):
    one_night(store, 0, {A: 0.6})
    changes = one_night(store, 1, {}, closed={"PET1": "the unit is no longer in use"})
    assert [change.why for change in changes] == ["the unit is no longer in use"]


def test_alert_of_a_component_without_scores_runs_out_all_the_same(store):
    one_night(store, 0, {A: 0.6})
    one_night(store, 6, {B: 0.1})
    assert kinds(one_night(store, 7, {B: 0.1})) == ["closed"]


@pytest.mark.parametrize(
    ("service", "night", "outcome", "why"),
    [
        (("PET1", "block1", "corrective", 4.5, 4.8), 5, "true", "failed 4.5 days after it"),
        (("PET1", "block1", "corrective", 1.5, 1.8), 2, "too late",
         "failed 1.5 days after it, within the lead"),
        (("PET1", "block2", "corrective", 4.5, 4.8), 10, "false", "no failure within 7 days"),
    ],
)  # fmt: skip
def test_outcome_follows_from_the_service_log_once_it_is_known(store, service, night, outcome, why):
    known = services(service)
    one_night(store, 0, {A: 0.6}, known)
    for day in range(1, night):
        assert "outcome" not in kinds(one_night(store, day, {A: 0.3}, known))
    changes = one_night(store, night, {A: 0.3}, known)
    assert kinds(changes)[-1] == "outcome"
    assert changes[-1].why == why
    with store.engine.connect() as connection:
        (alert,) = alerts_after(connection, instant(night), closed_too=True)
    assert (alert.outcome, alert.outcome_reason) == (outcome, why)


def test_service_that_is_logged_late_turns_a_false_alert_into_a_true_one(store):
    late = services(("PET1", "block1", "corrective", 4.5, 20.5))
    one_night(store, 0, {A: 0.6}, late)
    assert [c.why for c in one_night(store, 10, {A: 0.1}, late) if c.kind == "outcome"] == [
        "no failure within 7 days"
    ]
    assert [c.why for c in one_night(store, 21, {A: 0.1}, late) if c.kind == "outcome"] == [
        "failed 4.5 days after it"
    ]


def test_outcome_of_an_alert_before_a_replacement_stays_undecided(store):
    known = services(("PET1", "block1", "preventive", 4.5, 4.8))
    one_night(store, 0, {A: 0.6}, known)
    one_night(store, 30, {A: 0.1}, known)
    with store.engine.connect() as connection:
        (alert,) = alerts_after(connection, instant(30), closed_too=True)
    assert alert.outcome == "undecided"


def test_earlier_or_repeated_night_changes_nothing(store):
    one_night(store, 5, {A: 0.6})
    assert one_night(store, 5, {A: 0.6, B: 0.9}) == ()
    assert one_night(store, 3, {B: 0.9}) == ()
    assert [a.component_id for a in current_alerts(store)] == ["block1"]


def test_units_that_failed_are_taken_on_when_the_night_is_repeated(store):
    other = ("PET2", "block1")
    one_night(store, 0, {A: 0.6, other: 0.6})
    one_night(store, 7, {A: 0.6}, failed={"PET2": "broken"})
    with store.engine.connect() as connection:
        assert newest_night(connection).waiting == {"PET2": "broken"}
    assert {a.unit_id: a.opened_s for a in current_alerts(store)} == {
        "PET1": instant(7),
        "PET2": instant(0),
    }
    changes = one_night(store, 7, {A: 0.9, other: 0.6})
    assert kinds(changes) == ["closed", "opened"]
    assert {a.unit_id: a.opened_s for a in current_alerts(store)} == {
        "PET1": instant(7),
        "PET2": instant(7),
    }
    assert one_night(store, 7, {A: 0.9, other: 0.9}) == ()


def test_earlier_night_is_told_as_it_was_whatever_came_after(store):
    one_night(store, 0, {A: 0.6})
    one_night(store, 1, {A: 0.8, B: 0.55})

    def told():
        with store.engine.connect() as connection:
            last = {row.as_of: row.last_change for row in connection.execute(night_table.select())}
            number = last[instant(1)]
            return (
                alerts_after(connection, instant(1), number),
                changes_of_night(connection, instant(1), number),
            )

    before = told()
    acts.acknowledge(store, 1, who="me", why="looking")
    acts.close(store, 2, who="me", why="a phantom of air")
    for night in range(2, 12):
        one_night(store, night, {A: 0.9, B: 0.9})
    assert told() == before
    assert [a.state for a in before[0]] == ["open", "open"]


def test_numbers_follow_without_gaps_also_after_a_transaction_that_was_undone(store):
    one_night(store, 0, {A: 0.6})
    with pytest.raises(RuntimeError, match="cut"), store.writing():
        raise RuntimeError("cut")
    one_night(store, 1, {A: 0.6, B: 0.6})
    assert [a.alert_id for a in current_alerts(store)] == [1, 2]
    with store.engine.connect() as connection:
        assert [c.change_id for c in changes_of(connection, 2)] == [2]


def test_random_months_agree_with_the_rule_night_by_night(store):
    """Scores, gaps and acts at random: what opens is what the rule alone says."""
    from pulsefront.qc.alerts.rule import AlertRule, openings
    from pulsefront.qc.store.tables import alert_tables as tables
    from strategies_alerts import TARGET, THRESHOLD, table_of

    random = np.random.default_rng(5)
    keys = [("PET1", "a"), ("PET1", "b"), ("PET2", "")]
    days = np.flatnonzero(random.random(90) < 0.8)
    scores = random.choice([NAN, 0.1, 0.3, 0.6], size=(len(days), 3), p=[0.1, 0.5, 0.2, 0.2])
    for row, day in enumerate(days.tolist()):
        one_night(store, day, dict(zip(keys, scores[row].tolist(), strict=True)))
        for alert in current_alerts(store):
            act = random.choice(["none", "ack", "snooze", "close"], p=[0.7, 0.1, 0.1, 0.1])
            if act == "ack":
                acts.acknowledge(store, alert.alert_id, who="me", why="x")
            elif act == "snooze":
                until = instant(day + int(random.integers(1, 20)))
                acts.snooze(store, alert.alert_id, until_s=until, who="me", why="x")
            elif act == "close":
                acts.close(store, alert.alert_id, who="me", why="x")
    expected = []
    for k, key in enumerate(keys):
        mask = openings(scores[:, k], np.zeros(len(days), int), days, THRESHOLD,
                        AlertRule.of_target(TARGET))  # fmt: skip
        expected += [(*key, instant(int(day))) for day in days[mask]]
    rows = table_of(store, tables.alert)
    assert sorted((r["unit_id"], r["component_id"], r["opened_at"]) for r in rows) == sorted(
        expected
    )
    assert len(expected) > 10


def replace_scanner(store, came, known):
    """Tell the store on a night that another scanner has borne the name since an earlier one."""
    first = UnitSettings(unit_id="PET1", serial="100")
    new = UnitSettings(
        unit_id="PET1", serial="200", installed_on=date.fromisoformat(iso_date(instant(came)))
    )
    with store.writing() as connection:
        meet_units(connection, ["PET1"])
        apply_site(connection, Site(units=(first,)), 1)
        apply_site(connection, Site(units=(new,)), instant(known) + 1)


def test_neither_quiet_time_nor_snooze_of_the_old_scanner_holds_for_the_new_one(store):
    with store.writing() as connection:
        meet_units(connection, ["PET1"])
    one_night(store, 0, {A: 0.6, B: 0.6})
    acts.snooze(store, 1, until_s=instant(6), who="me", why="x")
    replace_scanner(store, came=1, known=1)
    changes = one_night(store, 2, {A: 0.6, B: 0.1})
    why = "the scanner was replaced on 2024-10-05"
    assert [(c.alert_id, c.kind, c.why) for c in changes[:2]] == [
        (1, "closed", why), (2, "closed", why)]  # fmt: skip
    assert [(c.alert_id, c.kind, c.state) for c in changes[2:]] == [(3, "opened", "open")]


def test_failure_of_the_new_scanner_judges_no_alert_about_the_old_one(store):
    known = services(("PET1", "block1", "corrective", 4.5, 4.8))
    with store.writing() as connection:
        meet_units(connection, ["PET1"])
    one_night(store, 0, {A: 0.6}, known)
    replace_scanner(store, came=3, known=3)
    for night in range(1, 30):
        one_night(store, night, {A: 0.1}, known)
    with store.engine.connect() as connection:
        (alert,) = alerts_after(connection, instant(29), closed_too=True)
    assert alert.outcome == "undecided"


def test_replacement_that_is_told_late_takes_back_what_the_new_scanner_did_to_old_alerts(store):
    known = services(("PET1", "block1", "corrective", 4.5, 4.8))
    with store.writing() as connection:
        meet_units(connection, ["PET1"])
    one_night(store, 0, {A: 0.6}, known)
    for night in range(1, 6):
        one_night(store, night, {A: 0.1}, known)
    replace_scanner(store, came=3, known=5)
    (change,) = [c for c in one_night(store, 6, {A: 0.1}, known) if c.kind == "outcome"]
    assert change.why == "the scanner was replaced on 2024-10-07"
    with store.engine.connect() as connection:
        (alert,) = alerts_after(connection, instant(6), closed_too=True)
    assert alert.outcome == "undecided"


def test_scores_of_the_old_scanner_are_not_judged_by_the_new_one(store):
    known = services(("PET1", "block1", "corrective", 4.5, 4.8))
    with store.writing() as connection:
        meet_units(connection, ["PET1"])
    monday = -FIRST % 7
    one_night(store, monday, {A: 0.6, ("PET2", "block1"): 0.1}, known)
    replace_scanner(store, came=monday + 1, known=monday + 1)
    later = monday + TARGET.span_days + DELAY_DAYS
    with store.writing() as connection:
        judge_scores(connection, services_as_of(store, instant(later)), instant(later), DELAY_DAYS)
    assert {row["unit_id"] for row in table_of(store, score_outcome)} == {"PET2"}

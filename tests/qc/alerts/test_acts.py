"""What people do with alerts: noted with name and reason, and without effect on the count."""

from __future__ import annotations

import pytest

from pulsefront.errors import QCDataError
from pulsefront.qc.alerts import acts
from pulsefront.qc.alerts.acts import current_alerts
from pulsefront.qc.alerts.ledger import changes_of
from pulsefront.qc.store.database import Store
from pulsefront.qc.store.lock import StoreLocked, locked
from strategies_alerts import instant, one_night

A = ("PET1", "block1")


@pytest.fixture
def store(tmp_path):
    with Store(tmp_path / "qc.db") as opened:
        one_night(opened, 0, {A: 0.6})
        yield opened


def test_acknowledged_alert_stays_with_name_and_reason(store):
    acts.acknowledge(store, 1, who="Ada", why="phantom\n ordered")
    (alert,) = current_alerts(store)
    assert (alert.state, alert.acted_by, alert.acted_why) == (
        "acknowledged", "Ada", "phantom ordered",
    )  # fmt: skip
    one_night(store, 1, {A: 0.9})
    assert current_alerts(store)[0].state == "acknowledged"


def test_snooze_ends_on_its_night(store):
    acts.snooze(store, 1, until_s=instant(3), who="Ada", why="service comes on Thursday")
    assert current_alerts(store)[0].snoozed_until_s == instant(3)
    assert one_night(store, 2, {A: 0.6}) == ()
    assert [c.kind for c in one_night(store, 3, {A: 0.6})] == ["woken"]
    (alert,) = current_alerts(store)
    assert (alert.state, alert.snoozed_until_s) == ("open", None)


def test_snooze_holds_for_the_alert_that_follows(store):
    acts.snooze(store, 1, until_s=instant(20), who="Ada", why="known artefact")
    for night in range(1, 8):
        one_night(store, night, {A: 0.6})
    (alert,) = current_alerts(store)
    assert (alert.alert_id, alert.state, alert.snoozed_until_s) == (2, "snoozed", instant(20))


def test_closed_alert_is_quiet_until_it_would_have_run_out(store):
    acts.close(store, 1, who="Ada", why="looked, nothing")
    for night in range(1, 7):
        assert one_night(store, night, {A: 0.9}) == ()
    assert [c.kind for c in one_night(store, 7, {A: 0.9})] == ["opened"]


def test_all_changes_stay_with_who_when_and_why(store):
    acts.acknowledge(store, 1, who="Ada", why="looking")
    acts.close(store, 1, who="Ben", why="cable replaced")
    with store.engine.connect() as connection:
        changes = changes_of(connection, 1)
    assert [(c.kind, c.who, c.why) for c in changes[1:]] == [
        ("acknowledged", "Ada", "looking"),
        ("closed", "Ben", "cable replaced"),
    ]
    assert all(c.made_s > 1_700_000_000 for c in changes[1:])
    assert [c.as_of_s for c in changes] == [instant(0)] * 3


@pytest.mark.parametrize(
    ("number", "who", "why", "problem"),
    [(9, "Ada", "x", "no such alert"), (1, "Ada", " ", "why"), (1, "", "x", "who")],
)
def test_act_without_alert_name_or_reason_is_refused(store, number, who, why, problem):
    with pytest.raises(QCDataError, match=problem):
        acts.close(store, number, who=who, why=why)
    assert current_alerts(store)[0].state == "open"


def test_closed_alert_and_a_snooze_of_the_past_are_refused(store):
    with pytest.raises(QCDataError, match="over already"):
        acts.snooze(store, 1, until_s=instant(0), who="Ada", why="x")
    acts.close(store, 1, who="Ada", why="x")
    with pytest.raises(QCDataError, match="closed already"):
        acts.acknowledge(store, 1, who="Ada", why="x")


def test_act_waits_for_no_job_that_works_on_the_store(store):
    with locked(store.url), pytest.raises(StoreLocked):
        acts.acknowledge(store, 1, who="Ada", why="x")

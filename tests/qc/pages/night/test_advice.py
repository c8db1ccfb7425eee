"""What needs attention first: what calls comes before what waits, and nobody is named twice."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pulsefront.qc.pages.night.advice import advice, in_hand
from pulsefront.qc.pages.night.data import AlertNight, DriftRow, LimitSpan, WaitingRows
from pulsefront.qc.pages.night.page import render_night
from strategies_night import AS_OF, MODEL, chart, night, page, part, unit
from strategies_qc import DAY

NEW = AlertNight(3, "open", AS_OF)
OPEN = AlertNight(2, "open", AS_OF - 4 * DAY, opening=0.08, highest=0.31)


def kinds(shown):
    return [item.kind for item in advice(shown)]


def test_alerts_come_first_then_failures_drift_gaps_data_and_model():
    assert kinds(night()) == [
        "open alert", "not scored", "slow drift", "no decision", "data", "model"]  # fmt: skip


def test_new_alerts_come_before_open_ones_and_the_likelier_first():
    shown = page(
        unit("A", part("alert", 0.9, alert=OPEN)),
        unit("B", part("alert", 0.3, alert=NEW)),
        unit("C", part("alert", 0.5, alert=NEW)),
    )
    assert [item.units for item in advice(shown)] == [("C",), ("B",), ("A",)]


def test_alert_says_when_how_likely_why_and_what_to_do():
    (item,) = advice(page(unit("PET7", part("alert", 0.25, "gain drifting", "block4", alert=OPEN))))
    assert item.title == (
        "PET7, block4: chance of 1 in 4 to fail between 30 November and 27 December 2025"
    )
    assert item.why == (
        "Probability 25 % (12 to 50). Gain drifting. "
        "Open for 4 nights, opened at 8.0 %, at most 31 % since."
    )
    assert "before 30 November 2025" in item.do
    assert item.command == "pulsefront qc alerts ack 2 --why ..."


def test_commands_of_the_page_name_its_store():
    shown = page(
        unit("A", part("alert", 0.9, alert=OPEN)),
        waiting=(WaitingRows("value is no number", 1),),
        db="/srv/qc of PET/qc.db",
    )
    assert [item.command for item in advice(shown)] == [
        "pulsefront qc alerts ack 2 --db '/srv/qc of PET/qc.db' --why ...",
        "pulsefront qc quarantine --db '/srv/qc of PET/qc.db'",
    ]


def test_alert_stays_in_sight_on_a_night_without_decision():
    (item, _) = advice(page(unit("A", part("no decision", reasons="no QC for 6 working days",
                                           alert=OPEN))))  # fmt: skip
    assert "tonight there is no decision" in item.title


def test_what_somebody_has_in_hand_does_not_call():
    taken = [
        AlertNight(1, "acknowledged", AS_OF - DAY),
        AlertNight(2, "snoozed", AS_OF - DAY, until_s=AS_OF + DAY),
        AlertNight(3, "open", AS_OF - DAY, suppressed=True),
        AlertNight(4, "closed", AS_OF - DAY),
    ]
    shown = page(*(unit(f"PET{k}", part("alert", 0.5, alert=a)) for k, a in enumerate(taken)))
    assert advice(shown) == []
    assert [u.unit_id for u, _ in in_hand(shown)] == ["PET0", "PET1", "PET2"]


def test_component_at_the_threshold_whose_alert_was_closed_does_not_call():
    assert advice(page(unit("A", part("alert", 0.9)))) == []
    assert "quiet" in render_night(page(unit("A", part("alert", 0.9))))


def test_alerts_beyond_ten_are_one_advice():
    shown = page(*(unit(f"PET{k:02d}", part("alert", 0.5, alert=NEW)) for k in range(25)))
    found = advice(shown)
    assert len(found) == 11
    assert found[-1].title.startswith("15 further alerts")
    assert len(found[-1].units) == 15


def outside(unit_id, last=540.0, **fields):
    one = chart(**fields)
    value = one.value.copy()
    value[-1] = last
    return unit(unit_id, charts=(replace(one, value=value), chart("block2")))


def test_newest_readings_outside_action_limits_are_named_with_limits():
    (item,) = advice(page(outside("A"), unit("B"), outside("C", 525.0)))
    assert item.kind == "outside limits"
    assert item.title == "A: 1 newest reading outside the action limits"
    assert item.why == "Photopeak kev of block1 540 keV (limits 490 to 532)."
    one_sided = (LimitSpan(0, 511.0, np.nan, np.nan, 515.0, 520.0),)
    (item,) = advice(page(outside("A", limits=one_sided)))
    assert item.why == "Photopeak kev of block1 540 keV (limits 520)."
    none = (LimitSpan(0, *[np.nan] * 5),)
    assert advice(page(outside("A", limits=none))) == []


def test_reading_outside_limits_of_long_ago_is_not_named():
    old = chart().measured_s - 9 * DAY
    assert advice(page(outside("A", measured_s=old, known_s=old))) == []


def test_readings_outside_limits_on_many_scanners_are_one_advice():
    found = advice(page(*(outside(f"PET{k}") for k in range(9))))
    assert len(found) == 6
    assert found[-1].units == ("PET5", "PET6", "PET7", "PET8")
    assert "wrong limits" in found[-1].why


def test_same_drift_on_several_scanners_is_one_advice():
    shown = page(
        unit("A", part("watch", 0.01, "sensitivity drifting slowly; 3 × error in 7 days", "")),
        unit("B", part("watch", 0.01, "randoms drifting slowly", "")),
        unit("C", part("watch", 0.01, "sensitivity drifting slowly", "")),
    )
    assert [item.units for item in advice(shown)] == [("A", "C"), ("B",)]


def test_gaps_are_grouped_by_what_mends_them_and_service_is_no_gap():
    shown = page(
        unit("A", part("no decision", reasons="no QC for 9 working days"),
             part("no decision", reasons="no QC for 9 working days", component="block2")),
        unit("B", part("no decision", reasons="no QC for 6 working days")),
        unit("C", part("no decision", reasons="unknown software version 'X'")),
        unit("D", part("no decision", reasons="in service")),
        unit("E", part("no decision", reasons="short history: fewer than 3 readings")),
    )  # fmt: skip
    found = advice(shown)
    assert [item.units for item in found] == [("A", "B"), ("C",)]
    assert found[0].title == "2 scanners without QC for days: A and B"
    assert found[0].why == "No QC for 9 working days and no QC for 6 working days."


def test_quarantine_and_drift_of_inputs_are_named():
    model = replace(MODEL, drift=(DriftRow("gain: level", 0.5, 0.2, True),))
    waiting = (WaitingRows("is from the future", 3), WaitingRows("is no number", 1))
    data, drift = advice(page(unit("A"), model=model, waiting=waiting))
    assert data.title == "4 rows of the logs wait in quarantine"
    assert data.why == "Is from the future (3) and is no number (1)."
    assert drift.title == "1 input of the model moved beyond what training days reach"


def test_quiet_night_asks_nothing():
    assert advice(page(unit("A"), unit("B"))) == []

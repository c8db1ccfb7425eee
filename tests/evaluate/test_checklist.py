"""The checklist says what the record says, and no more."""

from __future__ import annotations

import pytest

from pulsefront.errors import DataError
from pulsefront.evaluate.checklist import TOPICS, fill_checklist


def answer(record: dict[str, dict[str, object]], key: str) -> tuple[bool, str]:
    (found,) = [a for a in fill_checklist(record) if a.topic.key == key]
    return found.done, found.text


def test_an_empty_record_answers_nothing_and_hides_no_topic() -> None:
    answers = fill_checklist({})
    assert [a.topic for a in answers] == list(TOPICS)
    assert not any(a.done for a in answers)
    assert {a.text for a in answers} == {"not done: the study has no record of it"}


def test_an_answer_is_made_of_the_recorded_numbers() -> None:
    record = {"leakage": {"minimum_distance_mm": 1.25, "leak_test_passed": True, "shared": 0}}
    assert answer(record, "leakage") == (
        True,
        "leak test passed: yes; minimum distance: 1.25 mm; shared: 0",
    )


def test_a_missing_entry_makes_it_not_done() -> None:
    done, text = answer({"leakage": {"leak_test_passed": True}}, "leakage")
    assert not done
    assert text == "not done: the record does not say minimum distance"


def test_an_empty_entry_is_missing_but_zero_and_no_are_answers() -> None:
    assert not answer({"external": {"external_sets": []}}, "external")[0]
    assert not answer({"task": dict.fromkeys(("task", "user", "use", "requirement"), "")}, "task")[
        0
    ]
    record = {"ablation": {"ablation_steps_tried": 0, "ablation_steps_accepted": False}}
    assert answer(record, "ablation") == (
        True,
        "ablation steps tried: 0; ablation steps accepted: no",
    )


def test_a_stated_reason_is_repeated() -> None:
    assert answer({"sham": {"not_done": "needs an hour"}}, "sham") == (
        False,
        "not done: needs an hour",
    )


def test_lists_and_tables_are_told() -> None:
    record = {"data_decisions": {"exclusions": {"outside_photopeak": 1234, "no crossing": 0}}}
    assert answer(record, "data_decisions")[1] == (
        "exclusions: outside photopeak 1,234, no crossing 0"
    )
    record = {"external": {"external_sets": ["another detector", "measured"]}}
    assert answer(record, "external")[1] == "external sets: another detector, measured"


def test_an_unknown_topic_is_an_error() -> None:
    with pytest.raises(DataError, match="leak"):
        fill_checklist({"leaks": {}})


def test_every_topic_asks_for_something() -> None:
    assert len({topic.key for topic in TOPICS}) == len(TOPICS)
    assert all(topic.entries for topic in TOPICS)

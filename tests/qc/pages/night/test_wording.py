"""Days, shares and names in words."""

from __future__ import annotations

import pytest

from pulsefront.qc.pages.night.wording import (
    counted,
    day_words,
    listed,
    nights_since,
    odds,
    percent,
    short_date,
    span_words,
)
from pulsefront.qc.times import end_of_day
from strategies_qc import DAY


@pytest.mark.parametrize(
    ("share", "text"),
    [(0.0, "0"), (1e-5, "< 0.1"), (0.001, "0.1"), (0.0123, "1.2"), (0.0996, "10.0"), (0.1, "10"),
     (0.456, "46"), (0.993, "99.3"), (0.99999, "99.9"), (1.0, "100")],
)  # fmt: skip
def test_percent_is_never_none_nor_all_of_what_is_neither(share, text):
    assert percent(share) == text


@pytest.mark.parametrize(
    ("share", "text"),
    [(0.0001, "less than 1 in 1000"), (0.08, "1 in 12"), (0.25, "1 in 4"), (0.34, "1 in 3"),
     (0.36, "4 in 10"), (0.94, "9 in 10"), (0.97, "more than 9 in 10")],
)  # fmt: skip
def test_odds_are_those_that_people_count(share, text):
    assert odds(share) == text


def test_days_are_named():
    instant = end_of_day("2026-11-23") - DAY
    assert day_words(instant) == "Monday, 23 November 2026"
    assert short_date(instant) == "23 Nov"
    assert nights_since(instant, instant - 5 * DAY) == 5


@pytest.mark.parametrize(
    ("first", "last", "text"),
    [("2026-12-02", "2026-12-29", "between 2 and 29 December 2026"),
     ("2026-11-25", "2026-12-22", "between 25 November and 22 December 2026"),
     ("2026-12-25", "2027-01-21", "between 25 December 2026 and 21 January 2027")],
)  # fmt: skip
def test_spans_do_not_repeat_month_and_year(first, last, text):
    assert span_words(end_of_day(first) - DAY, end_of_day(last) - DAY) == text


def test_names_are_listed_and_counted():
    assert [listed(names) for names in ([], ["a"], ["a", "b"], ["a", "b", "c"])] == [
        "", "a", "a and b", "a, b and c"]  # fmt: skip
    assert listed([str(k) for k in range(9)], 3) == "0, 1, 2 and 6 more"
    assert [counted(n, "scanner") for n in (0, 1, 1234)] == [
        "0 scanners", "1 scanner", "1\N{NARROW NO-BREAK SPACE}234 scanners"]  # fmt: skip

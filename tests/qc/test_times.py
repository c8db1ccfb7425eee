"""Dates of a file: day and month, skipped and double hours."""

from __future__ import annotations

import pytest

from pulsefront.errors import QCDataError
from pulsefront.qc.month_names import NAMES, month_of
from pulsefront.qc.times import check_date_format, parse_times
from strategies_qc import TABLE_COLUMNS, TABLE_HEAD, iso_time, read_table


def test_day_and_month_follow_the_file(tmp_path):
    frame, _, rejects, _ = read_table(tmp_path, TABLE_HEAD + "a,t,1,03/04/2023\na,t,1,25/04/2023\n")
    assert [iso_time(t)[:10] for t in frame["measured_at"]] == ["2023-04-03", "2023-04-25"]
    frame, _, rejects, _ = read_table(tmp_path, TABLE_HEAD + "a,t,1,03/04/2023\na,t,1,04/25/2023\n")
    assert [iso_time(t)[:10] for t in frame["measured_at"]] == ["2023-03-04", "2023-04-25"]
    assert not rejects


def test_swapped_day_and_month_in_one_row_is_quarantined(tmp_path):
    text = (
        TABLE_HEAD
        + "".join(f"a,t,1,{day}/04/2023\n" for day in range(10, 29))
        + "a,t,1,04/29/2023\n"
    )
    frame, _, rejects, _ = read_table(tmp_path, text)
    assert len(frame) == 19
    assert "day and month swapped?" in rejects[0].reason


def test_undecidable_dates_are_refused_as_a_whole(tmp_path):
    with pytest.raises(QCDataError, match="day from the month"):
        read_table(tmp_path, TABLE_HEAD + "a,t,1,03/04/2023\na,t,1,05/06/2023\n")
    frame, _, _, _ = read_table(tmp_path, TABLE_HEAD + "a,t,1,03/04/2023\n", date_order="mdy")
    assert iso_time(frame.loc[0, "measured_at"])[:10] == "2023-03-04"


def test_hour_that_clocks_skipped_is_quarantined_and_the_double_hour_is_safe(tmp_path):
    text = TABLE_HEAD.replace("Date", "Date,Known").replace("\n", "\n")
    text += "a,t,1,2023-03-26 02:30,2023-03-26 03:30\n"  # skipped in Amsterdam
    text += "a,t,1,2023-10-29 02:30,2023-10-29 02:30\n"  # comes twice
    columns = TABLE_COLUMNS.model_copy(update={"available_at": "Known"})
    frame, _, rejects, _ = read_table(tmp_path, text, columns=columns, timezone="Europe/Amsterdam")
    assert "does not exist in Europe/Amsterdam" in rejects[0].reason
    assert frame.loc[0, "available_at"] - frame.loc[0, "measured_at"] == 3600


MARCH_5 = 1_772_668_800  # 2026-03-05


@pytest.mark.parametrize(
    "text",
    [
        "2026-03-05", "20260305", "5 Mar 2026", "05-Mar-2026", "5. März 2026", "5 mrt 2026",
        "Thursday, March 5, 2026", "Mar 5 2026", "5 mars 2026", "5 de marzo de 2026",
        "2026-Mar-05", "Thu Mar  5 00:00:00 2026", "2026/3/5 0:0", "5/3/2026", "5.3.26",
        "5 marca 2026", "5. března 2026", "5. maaliskuuta 2026", "5 martie 2026", "2026年3月5日",
    ],
)  # fmt: skip
def test_days_as_people_write_them(text):
    seconds, reasons = parse_times([text], order="dmy")
    assert (seconds[0], reasons[0]) == (MARCH_5, "")


@pytest.mark.parametrize(
    ("text", "clock_s"),
    [
        ("5/3/2026 7:05", 25_500), ("5/3/2026 7.05.09", 25_509), ("5/3/2026 7h05", 25_500),
        ("5/3/2026 7:05 PM", 68_700), ("5/3/2026 12:05 AM", 300), ("2026-03-05T07:05:09Z", 25_509),
        ("2026-03-05 07:05:09.75+01:00", 21_909), ("2026-03-05 24:00", 86_400),
        ("5/3/2026 7:05 p.m.", 68_700), ("5/3/2026 0:05 AM", 300), ("5/3/2026 7:05 CET", 21_900),
    ],
)  # fmt: skip
def test_clocks_as_programs_write_them(text, clock_s):
    seconds, reasons = parse_times([text], order="dmy")
    assert (seconds[0] - MARCH_5, reasons[0]) == (clock_s, "")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "soon",
        "31 Feb 2026",
        "5 Xyz 2026",
        "2026-13-01",
        "5/3/2026 25:00",
        "5/3/026",
        "5/3/2026 13:05 AM",
        "5 listopada 2026",
        "5 marketing 2026",
        "5/3/2026 7:05 EST",
    ],
)
def test_what_is_no_date_has_a_reason_and_no_guess(text):
    assert parse_times([text], order="dmy")[1][0]


@pytest.mark.parametrize(
    ("text", "form"),
    [("2026.064", "%Y.%j"), ("46086", "excel"), ("1772668800", "unix"), ("05-03-26", "%d-%m-%y")],
)
def test_given_formats_are_the_only_ones(text, form):
    assert parse_times([text], formats=(form,))[0][0] == MARCH_5
    assert parse_times(["2026-03-05"], formats=(form,))[1][0]


def test_wrong_formats_are_refused_before_any_file_is_read():
    for text in ("%d-%m", "nonsense", "%Q %Y", "%d %%Y", "%d %x", "%Y %Y"):
        with pytest.raises(ValueError, match="is no format of dates"):
            check_date_format(text)


def test_a_name_that_begins_as_another_month_does_is_not_taken_for_it():
    """The Finnish November begins as March does in most languages."""
    seconds, reasons = parse_times(["15. marraskuuta 2022", "15 mar 2022", "15 jui 2022"])
    assert [iso_time(t)[:10] for t in seconds[:2]] == ["2022-11-15", "2022-03-15"]
    assert "no known month" in reasons[2]


@pytest.mark.parametrize("month", sorted(NAMES))
def test_every_name_of_a_month_is_told_or_refused(month):
    """Listopad is October in Croatian and November in Polish and Czech."""
    for name in NAMES[month].split():
        assert month_of(name) == (0 if name in {"listopad", "listopada"} else month)

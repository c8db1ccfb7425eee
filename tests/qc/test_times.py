"""Dates of a file: day and month, skipped and double hours."""

from __future__ import annotations

import pytest

from pulsefront.errors import QCDataError
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

"""Rows turned into records: each that does not fit gets its reason."""

from __future__ import annotations

import pytest

from pulsefront.errors import ConfigError
from strategies_qc import TABLE_COLUMNS, TABLE_HEAD, read_table


def test_missing_column_says_what_there_is(tmp_path):
    with pytest.raises(ConfigError, match="has no column 'Date' for measured_at; it has: Scanner"):
        read_table(tmp_path, "Scanner,Test,Value\na,t,1\n")


def test_limits_in_another_unit_than_the_value_are_quarantined(tmp_path):
    columns = TABLE_COLUMNS.model_copy(
        update={"measurement_unit": "Unit", "limit_unit": "Limit unit", "action_high": "High"}
    )
    text = "Scanner,Test,Value,Date,Unit,Limit unit,High\n"
    text += "a,t,0.9,2023-01-01,1,%,120\na,t,90,2023-01-02,%,%,120\na,t,5,2023-01-03,%,,\n"
    frame, _, rejects, _ = read_table(tmp_path, text, columns=columns)
    assert frame["value"].tolist() == [90.0, 5.0]
    assert rejects[0].reason == "the limits are in another unit than the value"


def test_crossing_limits_are_quarantined(tmp_path):
    columns = TABLE_COLUMNS.model_copy(update={"action_low": "Low", "action_high": "High"})
    text = "Scanner,Test,Value,Date,Low,High\na,t,1,2023-01-01,5,2\na,t,1,2023-01-02,,2\n"
    frame, _, rejects, _ = read_table(tmp_path, text, columns=columns)
    assert len(frame) == 1
    assert rejects[0].reason == "the limits cross"


def test_known_before_measured_is_quarantined(tmp_path):
    columns = TABLE_COLUMNS.model_copy(update={"available_at": "Known"})
    text = "Scanner,Test,Value,Date,Known\na,t,1,2023-01-02,2023-01-01\na,t,1,2023-01-02,\n"
    frame, _, rejects, _ = read_table(tmp_path, text, columns=columns)
    assert len(frame) == 1
    assert "before the record itself" in rejects[0].reason


def test_record_from_the_future_is_quarantined(tmp_path):
    frame, _, rejects, _ = read_table(tmp_path, TABLE_HEAD + "a,t,1,2023-01-01\na,t,1,2033-12-01\n")
    assert len(frame) == 1
    assert "future" in rejects[0].reason

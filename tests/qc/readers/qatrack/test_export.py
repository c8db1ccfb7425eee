"""Exports of QATrack+: long, wide, service events."""

from __future__ import annotations

import numpy as np
import pytest

from pulsefront.qc.readers.qatrack.values import tolerance_limits
from strategies_qc import read_log

LONG = """\ufeffReport Type:, Test Instance Values
Work Completed, Test, Unit, Site, Value, Reference, Tolerance, Skipped, Performed By, Comment
2023-05-01 07:10, Centroid, GE670, Here, 122.1, 122, "Absolute(-3, -1, 1, 3)", False, ab, ok
2023-05-02 07:10, Centroid, GE670, Here, , 122, "Absolute(-3, -1, 1, 3)", True, ab, no time
2023-05-03 07:10, Centroid, GE670, Here, oops, 122, "Absolute(-3, -1, 1, 3)", False, ab,
2023-05-04 07:10, Uniformity, GE670, Here, 3.1, 4, "Percent(-10%, -5%, 5%, 10%)", False, ab, "a, b"
"""


def test_long_export_with_mark_preamble_and_spaces_after_commas(tmp_path):
    path = tmp_path / "long.csv"
    path.write_text(LONG, encoding="utf-8")
    frame, _, rejects, _ = read_log(path)
    assert frame["value"].tolist()[0] == 122.1
    assert frame["status"].tolist() == ["", "skipped", ""]
    first = frame.iloc[0]
    assert (first["action_low"], first["tolerance_low"]) == (119.0, 121.0)
    assert (first["tolerance_high"], first["action_high"]) == (123.0, 125.0)
    assert frame.iloc[2]["action_high"] == pytest.approx(4.4)
    assert len(rejects) == 1
    assert (rejects[0].row, rejects[0].reason) == (5, "value is no number")
    assert "oops" in rejects[0].content


def test_wide_export_in_european_form(tmp_path):
    path = tmp_path / "wide.csv"
    path.write_text(
        "Work Completed;Unit;Site;Test List;Centroid;Uniformity;Comment\n"
        "13-05-2023 07:10;GE670;Here;daily;122,1;3,05;fine\n"
        "14-05-2023 07:10;GE670;Here;daily;121,9;;\n",
        encoding="cp1252",
    )
    frame, _, rejects, _ = read_log(path)
    assert not rejects
    assert sorted(frame["value"]) == [3.05, 121.9, 122.1]
    assert set(frame["test"]) == {"Centroid", "Uniformity"}


def test_service_export(tmp_path):
    path = tmp_path / "service.csv"
    path.write_text(
        "Service Date,Unit,Service Type,Service Area,Lost Time (hours)\n"
        "2023-05-13 07:10,GE670,Repair,head 1,6.5\n"
        "2023-06-13 07:10,GE670,Party,,1\n"
    )
    _, services, rejects, _ = read_log(path)
    row = services.iloc[0]
    assert (row["kind"], row["component_id"], row["downtime_hours"]) == (
        "corrective",
        "head 1",
        6.5,
    )
    assert row["completed_at"] - row["reported_at"] == 6.5 * 3600
    assert "unknown kind of service: 'Party'" in rejects[0].reason


def test_tolerances_in_words():
    assert tolerance_limits("Absolute(-2, -1, 1, 2)", 10.0) == (8.0, 9.0, 11.0, 12.0)
    low2, low1, high1, high2 = tolerance_limits("Percent(None, -5%, 5%, None)", -20.0)
    assert np.isnan([low2, high2]).all()
    assert (low1, high1) == (-21.0, -19.0)
    assert np.isnan(tolerance_limits("M.C.(OK=yes)", 1.0)).all()
    assert np.isnan(tolerance_limits("Absolute(-2, -1, 1, 2)", float("nan"))).all()

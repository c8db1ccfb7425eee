"""Delimited text as it really comes."""

from __future__ import annotations

import pytest

from pulsefront.errors import DataError, TruncatedFile
from pulsefront.qc.site import Mapping, Site
from strategies_qc import TABLE_COLUMNS, TABLE_HEAD, read_log, read_table


def test_utf16_is_read(tmp_path):
    frame, _, _, _ = read_table(tmp_path, TABLE_HEAD + "ä,t,1,2023-01-01\n", encoding="utf-16")
    assert frame.loc[0, "unit_id"] == "ä"


def test_ragged_rows_and_broken_bytes_keep_their_neighbours(tmp_path):
    path = tmp_path / "x_daily.csv"
    rows = [b"a,t,1,2023-01-01\na,t,1\n", b"a,t,1,2023-01-02\n" * 4000]
    rows += [b"\xff\xfea,t,1,2023-01-03\na,t,2,2023-01-04\n"]
    path.write_bytes(TABLE_HEAD.encode() + b"".join(rows))
    site = Site(mappings={"*_daily.csv": Mapping(columns=TABLE_COLUMNS)})
    frame, _, rejects, _ = read_log(path, site)
    assert "has 3 columns instead of 4" in rejects[0].reason
    assert len(frame) + len(rejects) == 4004


def test_empty_and_binary_files_are_refused(tmp_path):
    with pytest.raises(TruncatedFile):
        read_table(tmp_path, "")
    with pytest.raises(DataError):
        read_table(tmp_path, "\x00\x01\x02" * 100)


def test_endless_cell_costs_its_row_alone(tmp_path):
    rows = ["Scanner,Test,Value,Date", "a,t,1.5,2023-01-13", f"a,{'x' * 200_000},1.5,2023-01-14",
            "a,t,2.5,2023-01-15"]  # fmt: skip
    frame, _, rejects, _ = read_table(tmp_path, "\n".join(rows) + "\n")
    assert frame["value"].tolist() == [1.5, 2.5]
    assert len(rejects) == 1
    assert "field larger" in rejects[0].reason


@pytest.mark.parametrize("last", ['"ok"', ""])
def test_stray_quote_costs_no_reading(tmp_path, last):
    """Sixteen of twenty readings between an opening quote and a later one were gone, unnamed."""
    head = TABLE_HEAD.rstrip("\n") + ",comment\n"
    rows = [f"a,t,{500 + day},2023-01-{day:02},\n" for day in range(1, 21)]
    rows[1] = rows[1].replace(",\n", ',"see logbook\n')
    rows[17] = rows[17].replace(",\n", f",{last}\n")
    frame, _, rejects, _ = read_table(tmp_path, head + "".join(rows))
    assert frame["value"].tolist() == [501.0 + k for k in range(20)]
    assert len(rejects) == 0


def test_stray_quote_before_a_delimiter_is_one_named_row(tmp_path):
    text = TABLE_HEAD + 'a,"t,1,2,2023-01-01\n' + "a,t,1,2023-01-02\n" * 5
    frame, _, rejects, _ = read_table(tmp_path, text)
    assert len(frame) == 5
    assert [(one.row, one.reason) for one in rejects] == [(2, "opens a quote that stays open")]


def test_comment_of_several_lines_is_a_comment(tmp_path):
    head = TABLE_HEAD.rstrip("\n") + ",comment\n"
    text = 'a,t,1,2023-01-01,"cold, since\n7, or so,\nper ""log"""\na,t,2,2023-01-02,\n'
    frame, _, rejects, _ = read_table(tmp_path, head + text)
    assert (frame["value"].tolist(), len(rejects)) == ([1.0, 2.0], 0)

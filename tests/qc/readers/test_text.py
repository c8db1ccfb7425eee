"""Delimited text as it really comes."""

from __future__ import annotations

import pytest

from pulsefront.errors import DataError, TruncatedFile
from pulsefront.qc.readers.text import parse_numbers
from pulsefront.qc.site import Mapping, Site
from strategies_qc import TABLE_COLUMNS, TABLE_HEAD, read_log, read_table


def test_numbers_as_consoles_write_them():
    values, good = parse_numbers(["2.767e+007", " 1.5 ", "", "x", "inf", "nan"])
    assert values[:2].tolist() == [2.767e7, 1.5]
    assert good.tolist() == [True, True, True, False, False, False]
    values, good = parse_numbers(["1,5", "1.234,5", "1,5,6", "1.2,5"], decimal_comma=True)
    assert values[:2].tolist() == [1.5, 1234.5]
    assert good.tolist() == [True, True, False, False]


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

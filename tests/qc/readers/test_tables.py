"""CSV and Parquet tables read by a mapping."""

from __future__ import annotations

from contextlib import suppress

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pulsefront.errors import QCDataError
from pulsefront.qc.site import Mapping, Site, TableColumns
from strategies_qc import TABLE_COLUMNS, TABLE_HEAD, plain_text, read_log, read_table


def test_unit_of_a_site_file_is_the_unit_of_measurement(tmp_path):
    """Site files may say unit or measurement_unit, for a column and for a fixed value."""
    text = "Scanner,Test,Value,Date,U\na,t,1,2023-01-13,keV\n"
    named = {"unit_id": "Scanner", "test": "Test", "value": "Value", "measured_at": "Date"}
    for word in ("unit", "measurement_unit"):
        columns = TableColumns.model_validate({**named, word: "U"})
        assert read_table(tmp_path, text, columns=columns)[0].loc[0, "measurement_unit"] == "keV"
        frame = read_table(tmp_path, text, fixed={word: "eV"})[0]
        assert frame.loc[0, "measurement_unit"] == "eV"


def test_parquet_equals_csv(tmp_path):
    pytest.importorskip("pyarrow")
    frame = pd.DataFrame(
        {
            "Scanner": ["a", "a"],
            "Test": "t",
            "Value": [1.5, 2.5],
            "Date": ["2023-01-01", "2023-01-02"],
        }
    )
    frame.to_parquet(tmp_path / "x_daily.parquet")
    site = Site(mappings={"*_daily.*": Mapping(columns=TABLE_COLUMNS)})
    parquet = read_log(tmp_path / "x_daily.parquet", site)[0]
    csv = read_table(tmp_path, frame.to_csv(index=False))[0]
    assert parquet.drop(columns="row").equals(csv.drop(columns="row"))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(plain_text, plain_text, plain_text, plain_text), max_size=6))
def test_every_row_of_any_table_is_either_read_or_refused(tmp_path_factory, rows):
    """Nothing is lost: rows out and rows refused add up to rows in."""
    import csv
    import io

    folder = tmp_path_factory.mktemp("table")
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(["Scanner", "Test", "Value", "Date"])
    writer.writerow(["a", "t", "1", "2023-01-13"])
    kept = [row for row in rows if any(cell.strip() for cell in row)]
    writer.writerows(kept)
    with suppress(QCDataError):  # such as dates that do not tell the day from the month
        frame, _, rejects, _ = read_table(folder, buffer.getvalue())
        plain = not any(c in cell for row in kept for cell in row for c in '\n\r"')
        if plain:
            assert len(frame) + len(rejects) == len(kept) + 1


DOUBLE = "Scanner,Test,Value,Date,Value\na,t,511,2023-01-01,1\n"


def test_column_that_is_there_twice_is_refused_with_both_and_the_remedy(tmp_path):
    """The first of them was taken in silence."""
    with pytest.raises(QCDataError) as caught:
        read_table(tmp_path, DOUBLE)
    said = str(caught.value)
    assert "has 'Value' for value twice, as columns 3 and 5" in said
    assert "say 'Value (1)' or 'Value (2)' in the mapping" in said
    assert "\n" not in said


@pytest.mark.parametrize(("name", "value"), [("Value (1)", 511.0), ("Value (2)", 1.0)])
def test_mapping_says_which_of_two_columns_of_one_name(tmp_path, name, value):
    columns = TABLE_COLUMNS.model_copy(update={"value": name})
    assert read_table(tmp_path, DOUBLE, columns=columns)[0]["value"].tolist() == [value]


def test_mapping_that_tells_the_second_by_its_number_means_the_first_by_the_name(tmp_path):
    columns = TABLE_COLUMNS.model_copy(update={"reference": "Value (2)"})
    frame = read_table(tmp_path, DOUBLE, columns=columns)[0]
    assert frame[["value", "reference"]].to_numpy().tolist() == [[511.0, 1.0]]


def test_columns_that_nobody_asks_for_may_be_double(tmp_path):
    text = "Scanner,Test,Value,Date,Note,Note\na,t,511,2023-01-01,x,y\n"
    assert read_table(tmp_path, text)[0]["value"].tolist() == [511.0]


def rows_of_days(*days: int) -> str:
    return "".join(f"a,t,{day},2023-01-{day}\n" for day in days)


def test_a_header_that_comes_again_is_passed_over(tmp_path):
    text = TABLE_HEAD + rows_of_days(11) + TABLE_HEAD + rows_of_days(12)
    frame, _, rejects, _ = read_table(tmp_path, text)
    assert frame["value"].tolist() == [11, 12]
    assert not rejects


def test_rows_below_other_names_are_refused_until_the_header_comes_again(tmp_path):
    """They were read by the columns of the header, whatever the names above them said."""
    other = TABLE_HEAD.replace("Value", "Result")
    text = TABLE_HEAD + rows_of_days(11) + other + rows_of_days(12, 13) + TABLE_HEAD
    frame, _, rejects, _ = read_table(tmp_path, text + rows_of_days(14))
    assert frame["value"].tolist() == [11, 14]
    assert [reject.row for reject in rejects] == [3, 4, 5]
    assert all("line 3, which names other columns" in reject.reason for reject in rejects)

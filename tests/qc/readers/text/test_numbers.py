"""Numbers as consoles and people write them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pulsefront.qc.readers.text.numbers import DecimalVotes, parse_numbers, split_cell, two_readings
from strategies_qc import TABLE_COLUMNS, read_table


def test_numbers_as_consoles_write_them():
    values, good = parse_numbers(["2.767e+007", " 1.5 ", "", "x", "inf", "nan"])
    assert values[:2].tolist() == [2.767e7, 1.5]
    assert good.tolist() == [True, True, True, False, False, False]
    values, good = parse_numbers(["1,5", "1.234,5", "1,5,6", "1.2,5"], decimal_comma=True)
    assert values[:2].tolist() == [1.5, 1234.5]
    assert good.tolist() == [True, True, False, False]


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("\u22125", -5.0),
        ("1e\u22123", 1e-3),
        ("1 511", 1511.0),
        ("1\u00a0511", 1511.0),
        ("-1\u2009511\u2009000.5", -1511000.5),
        ("12\u202f345", 12345.0),
    ],
)
def test_minus_sign_and_groups_of_three_digits(text, number):
    values, good = parse_numbers([text])
    assert (values.tolist(), good.tolist()) == ([number], [True])


@pytest.mark.parametrize("text", ["1 51", "0 511", "1 511\u00a0000", "1234 567", "- 5"])
def test_spaces_that_part_no_thousands_are_no_number(text):
    _, good = parse_numbers([text])
    assert not good.any()


@pytest.mark.parametrize(
    ("texts", "comma"),
    [
        (["511,5", "1.512"], True),
        (["511.5", "1,512"], False),
        (["511,5", "511.5"], None),
        (["511,5"] * 10 + ["511.5"], True),
        (["511.5"] * 10 + ["511,5"], False),
        (["1,512", "1.512"], None),
        (["1,512"], True),
        (["1.512"], False),
        (["0.512", "1,512"], False),
        (["511,5 keV", "\u22121.512 keV"], True),
        (["511", "x"], False),
    ],
)
def test_decimal_sign_is_told_by_numbers_that_can_be_read_in_one_way(texts, comma):
    votes = DecimalVotes()
    votes.add(texts)
    assert votes.decimal_comma() is comma


def test_where_both_signs_occur_what_may_mean_either_is_none():
    texts = ["511,5", "511.5", "1.512", "1,512", "1.511,5", "0,512", "12.3456"]
    values, good = parse_numbers(texts, decimal_comma=None)
    assert good.tolist() == [True, True, False, False, True, True, True]
    assert values[good].tolist() == [511.5, 511.5, 1511.5, 0.512, 12.3456]
    assert two_readings("-1.512") == ("-1.512", "-1512")
    assert two_readings("1.5") is None


def test_cell_of_a_number_and_a_unit():
    assert split_cell("511 keV") == ("511", "keV")
    assert split_cell(" \u22122,1% ") == ("\u22122,1", "%")
    assert split_cell("5.11E+02 keV") == ("5.11E+02", "keV")
    for text in ("511", "5.11E+02", "keV", "511 keV 3", "511 ?", "Nov 511"):
        assert split_cell(text) is None


HEAD = "Scanner;Test;Value;Date\n"


def values_of_table(folder, *values, **mapping):
    """Return the values of a table of some cells, and the reasons and remedies against others."""
    rows = [f"PET1;peak;{value};2023-01-{day:02d}\n" for day, value in enumerate(values, start=1)]
    frame, _, rejects, _ = read_table(folder, HEAD + "".join(rows), **mapping)
    assert len(frame) + len(rejects) == len(values)
    return frame, [(reject.reason, reject.remedy) for reject in rejects]


def test_number_of_mixed_decimals_waits_with_its_two_readings(tmp_path):
    """1.512 beside 511,5 was 1.512 in silence."""
    frame, waiting = values_of_table(tmp_path, "511,5", "1.512", "511.5")
    assert frame["value"].tolist() == [511.5, 511.5]
    ((reason, remedy),) = waiting
    assert reason == "value '1.512' is 1.512 or 1512"
    assert "decimal_comma" in remedy
    frame, waiting = values_of_table(tmp_path, "1.512", "1.513", decimal_comma=False)
    assert (frame["value"].tolist(), waiting) == ([1.512, 1.513], [])


def test_decimal_sign_that_shows_late_in_the_file_counts(tmp_path):
    assert len(values_of_table(tmp_path, *["1.512"] * 28)[0]) == 28
    rows = [f"PET1;peak;1.512;20{year}-01-02\n" for year in range(10, 22)] * 60
    text = HEAD + "".join(rows) + "PET1;peak;511,5;2023-01-05\n"
    frame, _, rejects, _ = read_table(tmp_path, text)
    assert (len(frame), len(rejects)) == (1, 720)


def test_other_columns_do_not_tell_the_decimal_sign(tmp_path):
    text = "Scanner;Test;Value;Date;Software\n" + "PET1;peak;140,123;2023-01-01;3.1\n" * 3
    frame, _, rejects, _ = read_table(tmp_path, text)
    assert frame["value"].tolist() == [140.123] * 3
    assert not rejects


def test_unit_behind_a_number_is_checked_against_what_the_mapping_says(tmp_path):
    cells = ("511 keV", "512kev", "0.511 MeV", "513")
    frame, waiting = values_of_table(tmp_path, *cells, fixed={"measurement_unit": "keV"})
    assert frame["value"].tolist() == [511.0, 512.0, 513.0]
    assert waiting[0][0] == "value is in 'MeV' instead of 'keV'"


def test_unit_behind_a_number_that_nothing_else_says_waits_with_what_mends_it(tmp_path):
    frame, waiting = values_of_table(tmp_path, "511 keV", "2.1 %", "513")
    assert frame["value"].tolist() == [513.0]
    assert [reason for reason, _ in waiting] == [
        "value is in 'keV', and nothing else says what it is measured in",
        "value is in '%', and nothing else says what it is measured in",
    ]
    assert 'measurement_unit = "keV"' in waiting[0][1]
    columns = TABLE_COLUMNS.model_copy(update={"measurement_unit": "Value"})
    frame, waiting = values_of_table(tmp_path, "511 keV", "2.1 %", "513", columns=columns)
    assert frame["measurement_unit"].tolist() == ["keV", "%", ""]
    assert (frame["value"].tolist(), waiting) == ([511.0, 2.1, 513.0], [])


def test_spaces_of_another_kind_get_their_own_remedy(tmp_path):
    _, waiting = values_of_table(tmp_path, "1 51")
    assert waiting == [
        ("value is no number",
         "write it without spaces: only groups of three digits are taken for thousands")
    ]  # fmt: skip


@given(st.floats(allow_nan=False, allow_infinity=False), st.booleans())
def test_every_number_of_a_computer_is_read_as_it_is_or_with_its_two_readings(number, comma):
    text = repr(number).replace(".", "," if comma else ".")
    values, good = parse_numbers([text], decimal_comma=None)
    assert good[0] == (two_readings(text) is None)
    assert not good[0] or np.array_equal(values, [number])


def dotted(number):
    return f"{number:.3f}".rstrip("0").rstrip(".")


SPELLINGS = (
    dotted,
    lambda number: dotted(number).replace(".", ","),
    lambda number: f"{number:.3f}",
    lambda number: f"{number:.3f}".replace(".", ","),
    lambda number: f"{number:,.1f}".replace(",", " "),
    lambda number: f"{number:,.2f}".replace(",", "\u202f").replace(".", ","),
    lambda number: f"{number:,.1f}",
    lambda number: f"{number:,.1f}".translate(str.maketrans(",.", ".,")),
    lambda number: dotted(number).replace("-", "\u2212"),
    lambda number: f"{dotted(number)} keV",
    lambda number: f"{dotted(number)}keV".replace(".", ","),
    lambda number: f"{dotted(number / 1000)} MeV",
    lambda number: f"{number:.6e}",
    lambda number: f"about {number:.0f}",
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(-2_000_000, 2_000_000), st.sampled_from(SPELLINGS)),
        min_size=1, max_size=28,
    ),
    st.sampled_from(";,\t|"),
)  # fmt: skip
def test_every_cell_is_read_as_it_was_meant_or_waits(tmp_path_factory, cells, delimiter):
    """Rows in are rows accounted for, and no value is another one than somebody wrote."""
    meant = [thousandths / 1000 for thousandths, _ in cells]
    head = delimiter.join(HEAD.strip().split(";"))
    rows = [
        delimiter.join(("PET1", "peak", f'"{spell(number)}"', f"2023-01-{k + 1:02d}"))
        for k, (number, (_, spell)) in enumerate(zip(meant, cells, strict=True))
    ]
    folder = tmp_path_factory.mktemp("cells")
    frame, _, rejects, _ = read_table(
        folder, "\n".join([head, *rows, ""]), fixed={"measurement_unit": "keV"}
    )
    assert len(frame) + len(rejects) == len(cells)
    assert {*frame["row"], *(reject.row for reject in rejects)} == set(range(2, len(cells) + 2))
    for row, value in zip(frame["row"], frame["value"], strict=True):
        assert value == pytest.approx(meant[row - 2], abs=0.06)
    assert all(reject.reason and reject.remedy for reject in rejects)

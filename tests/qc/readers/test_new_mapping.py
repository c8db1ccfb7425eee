"""A look at a table gives a mapping that reads it."""

from __future__ import annotations

import tomllib

import pytest

from pulsefront.errors import DataError
from pulsefront.qc.readers.new_mapping import new_mapping
from pulsefront.qc.site import Site
from strategies_qc import read_log, siemens_report

WIDE = """date,machine,uniformity_percent,peak_kev
2026-09-01,CAM1,2.18,140.62
2026-09-01,CAM2,2.37,140.27
2026-09-02,CAM1,,140.67
"""
LONG = """sep=;
Scanner;Parameter;Messwert;Einheit;Datum
PET1;peak;511,2;keV;13.10.2026 7:05
PET1;gain;1,02;;14.10.2026 7:05
"""
SERVICE = """Machine,Service Type,Reported,Completed
CAM2,Preventive Maintenance,2026-10-14,2026-10-15
CAM2,Repair,2026-10-20,2026-10-21
"""


def mapped(path):
    """Return the site that the mapping of a file makes."""
    text = new_mapping(path)
    assert text.startswith("#")
    return Site.model_validate(tomllib.loads(text))


@pytest.mark.parametrize(
    ("text", "values"),
    [(WIDE, [2.18, 140.62, 2.37, 140.27, 140.67]), (LONG, [511.2, 1.02])],
    ids=["wide", "long"],
)
def test_mapping_as_written_reads_the_table(tmp_path, text, values):
    path = tmp_path / "daily_2026-10.csv"
    path.write_text(text)
    site = mapped(path)
    assert list(site.mappings) == ["daily_*.csv"]
    frame, _, rejects, _ = read_log(path, site)
    assert sorted(frame["value"]) == sorted(values)
    assert not rejects


def test_units_of_measurement_are_read_off_the_names_of_columns(tmp_path):
    path = tmp_path / "daily.csv"
    path.write_text(WIDE)
    frame, _, _, _ = read_log(path, mapped(path))
    units = frame.set_index("test")["measurement_unit"].to_dict()
    assert units == {"uniformity_percent": "%", "peak_kev": "keV"}


def test_table_of_services(tmp_path):
    path = tmp_path / "service.csv"
    path.write_text(SERVICE)
    _, services, rejects, _ = read_log(path, mapped(path))
    assert services["kind"].tolist() == ["preventive", "corrective"]
    assert not rejects


def test_open_order_of_day_and_month_is_left_to_the_reader(tmp_path):
    path = tmp_path / "daily.csv"
    path.write_text(WIDE.replace("2026-09-01", "03/04/2026").replace("2026-09-02", "04/05/2026"))
    text = new_mapping(path)
    assert '# date_order = "dmy"  # or "mdy"' in text
    assert "3 April 2026 or 4 March 2026" in text


def test_file_of_a_known_format_needs_none(tmp_path):
    path = siemens_report(tmp_path / "PETQCReport_02012014_082412.xml")
    assert "needs no mapping" in new_mapping(path)


def test_what_is_no_table_is_refused(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("remember the milk\n")
    with pytest.raises(DataError):
        new_mapping(path)


def test_hostile_names_stay_inside_their_comments_and_strings(tmp_path):
    path = tmp_path / 'da"]\n[units]\n.csv'
    path.write_text('date,machine,"a""]\n[x]\nb = 1"\n2026-09-01,CAM1,2.18\n2026-09-02,CAM1,2.2\n')
    site = mapped(path)
    assert site.units == ()
    assert len(site.mappings) == 1


def wide_of(path, *, words):
    """Write a wide table of twenty days, the first *words* of which have a word in one column."""
    rows = [
        f"2026-09-{day:02d},CAM1,{'OK' if day <= words else 2.5},140.5,fine,,"
        for day in range(1, 21)
    ]
    head = 'date,machine,"Uniformity (%)",peak_kev,remark,spare,spare\n'
    path.write_text(head + "\n".join(rows) + "\n")
    return path


@pytest.mark.parametrize("words", [5, 15])
def test_column_that_is_left_out_is_named_with_the_reason(tmp_path, words):
    """A test of which a quarter were words was missing, and nothing said so."""
    path = wide_of(tmp_path / "daily.csv", words=words)
    text = new_mapping(path)
    line = '# "Uniformity (%)" = { test = "Uniformity", measurement_unit = "%" }  # left out: '
    assert line + f"{words} of 20 cells are no numbers: OK" in text
    for name, why in (("remark", "words: fine"), ("spare (1)", "no cell holds anything"),
                      ("spare (2)", "no cell holds anything")):  # fmt: skip
        assert f'# "{name}": {why}' in text
    taken_in = Site.model_validate(tomllib.loads(text.replace(f"# {line[2:20]}", line[2:20])))
    frame, _, rejects, _ = read_log(path, taken_in)
    assert (len(frame), len(rejects)) == (40 - words, words)


@pytest.mark.parametrize("cell", ["<0.5", "> 12", "≤0,5"])
def test_values_below_a_limit_are_not_the_names_of_scanners(tmp_path, cell):
    path = tmp_path / "daily.csv"
    rows = [f'2026-09-{day:02d};140.5;"{cell}"' for day in range(1, 21)]
    path.write_text("date;peak_kev;leak\n" + "\n".join(rows) + "\n")
    text = new_mapping(path)
    assert 'unit_id = "leak"' not in text
    assert '# fixed = { unit_id = "…" }' in text
    assert f"20 of 20 cells are no numbers: {cell}" in text


def test_column_of_few_words_is_a_test_and_says_how_many(tmp_path):
    text = new_mapping(wide_of(tmp_path / "daily.csv", words=2))
    assert "2 of 20 cells are no numbers: OK" in text
    assert "left out: 2" not in text


def test_unit_is_not_guessed_from_a_column_of_numbers_and_words(tmp_path):
    path = wide_of(tmp_path / "daily.csv", words=5)
    path.write_text(path.read_text().replace(",CAM1", "").replace(",machine", ""))
    assert '# fixed = { unit_id = "…" }' not in (text := new_mapping(path))
    assert 'unit_id = "remark"' in text

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

"""Readers of QC logs, with every trap that real files have set."""

from __future__ import annotations

import shutil
from contextlib import suppress

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pulsefront.errors import (
    ConfigError,
    DataError,
    PulsefrontError,
    QCDataError,
    TruncatedFile,
    UnsupportedFormat,
)
from pulsefront.qc.readers.open import open_source
from pulsefront.qc.readers.qatrack import tolerance_limits
from pulsefront.qc.readers.siemens import read_siemens
from pulsefront.qc.readers.text import parse_numbers
from pulsefront.qc.readers.xml import read_xml
from pulsefront.qc.site import ColumnMapping, Mapping, Site, UnitSettings
from pulsefront.qc.store import schema
from pulsefront.qc.store.database import Store
from pulsefront.qc.store.ingest import find_files, ingest
from pulsefront.qc.times import iso_time
from strategies_qc import plain_text, siemens_report

NOW = 1_800_000_000


def read(path, site=None):
    """Return all rows of a file: measurements, services, rejects, notes."""
    batches = list(open_source(path, site or Site(), now_s=NOW).batches())
    return (
        pd.concat([b.measurements for b in batches], ignore_index=True),
        pd.concat([b.services for b in batches], ignore_index=True),
        [r for b in batches for r in b.rejects],
        [n for b in batches for n in b.notes],
    )


def problem_of(path) -> str:
    """Return the error of reading a file in one line, empty where there is none."""
    try:
        list(open_source(path, Site(), now_s=NOW).batches())
    except PulsefrontError as error:
        text = str(error)
    else:
        text = ""
    assert len(text.splitlines()) <= 1
    return text


# -- Siemens -------------------------------------------------------------------------------------


def test_real_report_gives_every_value(shared_data):
    path = shared_data("siemens_pet_dailyqc") / "PETQCReport_02012014_082412.xml"
    frame, services, rejects, _ = read(path)
    counts = frame["test"].value_counts()
    assert counts["block_efficiency"] == counts["block_noise"] == 192
    assert counts["time_offset"] == counts["time_width"] == 96
    assert counts["plane_efficiency"] == 109
    assert (counts == 1).sum() == 12  # the summary
    assert not rejects
    assert len(services) == 2
    value = frame.set_index("test")["value"]
    assert value["scanner_efficiency"] == 41.2
    assert value["calibration_factor"] == 2.764e7  # written 2.764e+007
    assert frame[frame["test"] == "block_efficiency"]["value"].mean() == pytest.approx(100.0)
    assert frame[frame["test"] == "block_efficiency"]["component_id"].is_unique


def test_limit_in_percent_is_not_laid_over_a_count_of_blocks(shared_data):
    path = shared_data("siemens_pet_dailyqc") / "PETQCReport_02012014_082412.xml"
    frame, _, _, _ = read(path)
    count = frame[frame["test"] == "block_efficiency_outside"].iloc[0]
    assert (count["value"], count["unit"]) == (0.0, "Block_Outside_Range")
    assert np.isnan(count["action_low"])
    assert np.isnan(count["action_high"])
    blocks = frame[frame["test"] == "block_efficiency"]
    assert set(blocks["action_low"]) == {80.0}
    assert set(blocks["action_high"]) == {120.0}


def test_setup_after_the_scan_delays_what_is_known(shared_data):
    path = shared_data("siemens_pet_dailyqc") / "PETQCReport_02012014_082412.xml"
    frame, services, _, notes = read(path)
    assert set(frame["measured_at"].map(iso_time)) == {"2014-01-02T07:24:12Z"}
    assert set(frame["available_at"].map(iso_time)) == {"2014-01-02T07:30:44Z"}
    assert (services["logged_at"] == frame.loc[0, "available_at"]).all()
    assert any("392 s after its scan" in note for note in notes)


def test_identical_reports_under_other_names_are_read_once(shared_data, tmp_path):
    files = find_files([shared_data("siemens_pet_dailyqc")])
    with Store(tmp_path / "qc.db") as store:
        result = ingest(store, files, now_s=NOW)
    assert sum(file.known for file in result.files) == 3  # two *_Service.xml, one .xml after .txt
    reports = [f for f in result.files if f.format == "siemens"]
    assert len(reports) == 6
    assert {f.path.name for f in result.refused} == {
        "README.txt",
        "config_SiemensPETQC.xml",
        "limits_philips_gemini_tof_dailyqc.xml",
    }


def test_report_renamed_to_txt_is_still_a_report(shared_data):
    path = shared_data("siemens_pet_dailyqc") / "PETQCReport_09012014_081043.txt"
    assert open_source(path, Site(), now_s=NOW).format == "siemens"


def test_file_name_is_day_first(tmp_path):
    right = siemens_report(tmp_path / "PETQCReport_02012014_082412.xml")
    assert not any("date in its name" in note for note in read(right)[3])
    wrong = siemens_report(tmp_path / "PETQCReport_01022014_082412.xml")
    assert any("not the date in its name" in note for note in read(wrong)[3])


def test_fixed_winter_offset_in_summer_follows_the_wall_clock(tmp_path):
    path = siemens_report(tmp_path / "a.xml", scan="2014-07-02T08:24:12+01:00")
    assert iso_time(read(path)[0].loc[0, "measured_at"]) == "2014-07-02T07:24:12Z"
    site = Site(timezone="Europe/Amsterdam")
    assert iso_time(read(path, site)[0].loc[0, "measured_at"]) == "2014-07-02T06:24:12Z"


def test_console_gets_the_name_that_the_site_gives(tmp_path):
    site = Site(site="here", units=(UnitSettings(unit_id="PET1", aliases=("PETCTD1",)),))
    path = siemens_report(tmp_path / "a.xml")
    assert set(read(path, site)[0]["unit_id"]) == {"PET1"}
    batch = next(read_siemens(path, site))
    assert batch.units.loc[0, "site"] == "here"


def test_incomplete_array_is_refused_and_the_rest_read(tmp_path):
    path = siemens_report(tmp_path / "a.xml", blocks=4, values=(0.5, 0.5, 0.5))
    frame, _, rejects, _ = read(path)
    assert "block_efficiency" not in set(frame["test"])
    assert len(frame) == 2
    assert "4 blocks announced, 3 values" in rejects[0].reason


def test_report_without_date_is_refused(tmp_path):
    path = siemens_report(tmp_path / "a.xml", scan="")
    with pytest.raises(QCDataError, match="bScandate"):
        read(path)


# -- XML -----------------------------------------------------------------------------------------

BOMB = "<!DOCTYPE x [<!ENTITY a 'aaaa'><!ENTITY b '&a;&a;&a;&a;'>]>"
OUTSIDE = "<!DOCTYPE x SYSTEM 'file:///etc/passwd'>"


@pytest.mark.parametrize("head", [BOMB, OUTSIDE, "<!DOCTYPE x>"])
def test_document_types_and_entities_are_refused(tmp_path, head):
    path = siemens_report(tmp_path / "a.xml", head=head)
    with pytest.raises(UnsupportedFormat, match="document type or entities"):
        read_xml(path)


def test_deep_nesting_is_refused(tmp_path):
    path = tmp_path / "deep.xml"
    path.write_text("<a>" * 5000 + "</a>" * 5000)
    with pytest.raises(UnsupportedFormat, match="nests deeper"):
        read_xml(path)


def test_empty_and_truncated_xml_are_told_apart_from_nonsense(tmp_path):
    path = tmp_path / "a.xml"
    path.write_text("")
    with pytest.raises(TruncatedFile):
        read_xml(path)
    path.write_text("<a><b>1</b>")
    with pytest.raises(TruncatedFile):
        read_xml(path)
    path.write_text("<a><b>1</a>")
    with pytest.raises(UnsupportedFormat):
        read_xml(path)


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=400))
def test_any_bytes_give_a_source_or_one_of_our_errors(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("fuzz") / "file.xml"
    path.write_bytes(content)
    problem_of(path)


def test_any_flipped_byte_of_a_report_is_read_or_refused(tmp_path):
    path = siemens_report(tmp_path / "a.xml")
    original = path.read_bytes()
    random = np.random.default_rng(0)
    for place in random.choice(len(original), 150, replace=False):
        changed = bytearray(original)
        changed[place] = random.integers(256)
        path.write_bytes(bytes(changed))
        problem_of(path)


# -- QATrack+ ------------------------------------------------------------------------------------

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
    frame, _, rejects, _ = read(path)
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
    frame, _, rejects, _ = read(path)
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
    _, services, rejects, _ = read(path)
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


# -- Varian --------------------------------------------------------------------------------------


def test_mpc_results(tmp_path):
    folder = tmp_path / "NDS-WKS-SN1234-2024-03-05-07-12-33-0001-BeamCheckTemplate6x"
    folder.mkdir()
    path = folder / "Results.csv"
    path.write_text(
        "Name [Unit], Value, Threshold, Evaluation Result\n"
        "IsoCenterGroup/IsoCenterSize [mm], 0.31, 0.50, Pass\n"
        "BeamGroup/BeamOutputChange [%],-2.4,2.00,Fail\n"
        "broken,x,1,Pass\n"
    )
    frame, _, rejects, _ = read(path)
    assert frame["test"].tolist()[0] == "BeamCheckTemplate6x/IsoCenterGroup/IsoCenterSize"
    assert frame["unit"].tolist() == ["mm", "%"]
    assert frame["status"].tolist() == ["pass", "fail"]
    assert frame["action_high"].tolist() == [0.5, 2.0]
    assert set(frame["unit_id"]) == {"1234"}
    assert iso_time(frame.loc[0, "measured_at"]) == "2024-03-05T07:12:33Z"
    assert len(rejects) == 1
    shutil.copy(path, tmp_path / "Results.csv")
    with pytest.raises(QCDataError, match="neither machine nor time"):
        read(tmp_path / "Results.csv")


# -- tables --------------------------------------------------------------------------------------

COLUMNS = ColumnMapping(unit_id="Scanner", test="Test", value="Value", measured_at="Date")


def table(tmp_path, text, *, encoding="utf-8", columns=COLUMNS, **mapping):
    path = tmp_path / "x_daily.csv"
    path.write_bytes(text.encode(encoding))
    site = Site(mappings={"*_daily.csv": Mapping(columns=columns, **mapping)})
    return read(path, site)


HEAD = "Scanner,Test,Value,Date\n"


def test_day_and_month_follow_the_file(tmp_path):
    frame, _, rejects, _ = table(tmp_path, HEAD + "a,t,1,03/04/2023\na,t,1,25/04/2023\n")
    assert [iso_time(t)[:10] for t in frame["measured_at"]] == ["2023-04-03", "2023-04-25"]
    frame, _, rejects, _ = table(tmp_path, HEAD + "a,t,1,03/04/2023\na,t,1,04/25/2023\n")
    assert [iso_time(t)[:10] for t in frame["measured_at"]] == ["2023-03-04", "2023-04-25"]
    assert not rejects


def test_swapped_day_and_month_in_one_row_is_quarantined(tmp_path):
    text = HEAD + "".join(f"a,t,1,{day}/04/2023\n" for day in range(10, 29)) + "a,t,1,04/29/2023\n"
    frame, _, rejects, _ = table(tmp_path, text)
    assert len(frame) == 19
    assert "day and month swapped?" in rejects[0].reason


def test_undecidable_dates_are_refused_as_a_whole(tmp_path):
    with pytest.raises(QCDataError, match="day from the month"):
        table(tmp_path, HEAD + "a,t,1,03/04/2023\na,t,1,05/06/2023\n")
    frame, _, _, _ = table(tmp_path, HEAD + "a,t,1,03/04/2023\n", date_order="mdy")
    assert iso_time(frame.loc[0, "measured_at"])[:10] == "2023-03-04"


def test_record_from_the_future_is_quarantined(tmp_path):
    frame, _, rejects, _ = table(tmp_path, HEAD + "a,t,1,2023-01-01\na,t,1,2033-12-01\n")
    assert len(frame) == 1
    assert "future" in rejects[0].reason


def test_hour_that_clocks_skipped_is_quarantined_and_the_double_hour_is_safe(tmp_path):
    text = HEAD.replace("Date", "Date,Known").replace("\n", "\n")
    text += "a,t,1,2023-03-26 02:30,2023-03-26 03:30\n"  # skipped in Amsterdam
    text += "a,t,1,2023-10-29 02:30,2023-10-29 02:30\n"  # comes twice
    columns = COLUMNS.model_copy(update={"available_at": "Known"})
    frame, _, rejects, _ = table(tmp_path, text, columns=columns, timezone="Europe/Amsterdam")
    assert "does not exist in Europe/Amsterdam" in rejects[0].reason
    assert frame.loc[0, "available_at"] - frame.loc[0, "measured_at"] == 3600


def test_limits_in_another_unit_than_the_value_are_quarantined(tmp_path):
    columns = COLUMNS.model_copy(
        update={"unit": "Unit", "limit_unit": "Limit unit", "action_high": "High"}
    )
    text = "Scanner,Test,Value,Date,Unit,Limit unit,High\n"
    text += "a,t,0.9,2023-01-01,1,%,120\na,t,90,2023-01-02,%,%,120\na,t,5,2023-01-03,%,,\n"
    frame, _, rejects, _ = table(tmp_path, text, columns=columns)
    assert frame["value"].tolist() == [90.0, 5.0]
    assert rejects[0].reason == "the limits are in another unit than the value"


def test_crossing_limits_are_quarantined(tmp_path):
    columns = COLUMNS.model_copy(update={"action_low": "Low", "action_high": "High"})
    text = "Scanner,Test,Value,Date,Low,High\na,t,1,2023-01-01,5,2\na,t,1,2023-01-02,,2\n"
    frame, _, rejects, _ = table(tmp_path, text, columns=columns)
    assert len(frame) == 1
    assert rejects[0].reason == "the limits cross"


def test_known_before_measured_is_quarantined(tmp_path):
    columns = COLUMNS.model_copy(update={"available_at": "Known"})
    text = "Scanner,Test,Value,Date,Known\na,t,1,2023-01-02,2023-01-01\na,t,1,2023-01-02,\n"
    frame, _, rejects, _ = table(tmp_path, text, columns=columns)
    assert len(frame) == 1
    assert "before the record itself" in rejects[0].reason


def test_ragged_rows_and_broken_bytes_keep_their_neighbours(tmp_path):
    path = tmp_path / "x_daily.csv"
    path.write_bytes(HEAD.encode() + b"a,t,1,2023-01-01\na,t,1\n" + b"a,t,1,2023-01-02\n" * 4000
                     + b"\xff\xfea,t,1,2023-01-03\na,t,2,2023-01-04\n")  # fmt: skip
    site = Site(mappings={"*_daily.csv": Mapping(columns=COLUMNS)})
    frame, _, rejects, _ = read(path, site)
    assert "has 3 columns instead of 4" in rejects[0].reason
    assert len(frame) + len(rejects) == 4004


def test_missing_column_says_what_there_is(tmp_path):
    with pytest.raises(ConfigError, match="has no column 'Date' for measured_at; it has: Scanner"):
        table(tmp_path, "Scanner,Test,Value\na,t,1\n")


def test_empty_and_binary_files_are_refused(tmp_path):
    with pytest.raises(TruncatedFile):
        table(tmp_path, "")
    with pytest.raises(DataError):
        table(tmp_path, "\x00\x01\x02" * 100)


def test_utf16_is_read(tmp_path):
    frame, _, _, _ = table(tmp_path, HEAD + "ä,t,1,2023-01-01\n", encoding="utf-16")
    assert frame.loc[0, "unit_id"] == "ä"


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
    site = Site(mappings={"*_daily.*": Mapping(columns=COLUMNS)})
    parquet = read(tmp_path / "x_daily.parquet", site)[0]
    csv = table(tmp_path, frame.to_csv(index=False))[0]
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
        frame, _, rejects, _ = table(folder, buffer.getvalue())
        plain = not any(c in cell for row in kept for cell in row for c in '\n\r"')
        if plain:
            assert len(frame) + len(rejects) == len(kept) + 1


def test_numbers_as_consoles_write_them():
    values, good = parse_numbers(["2.767e+007", " 1.5 ", "", "x", "inf", "nan"])
    assert values[:2].tolist() == [2.767e7, 1.5]
    assert good.tolist() == [True, True, True, False, False, False]
    values, good = parse_numbers(["1,5", "1.234,5", "1,5,6", "1.2,5"], decimal_comma=True)
    assert values[:2].tolist() == [1.5, 1234.5]
    assert good.tolist() == [True, True, False, False]


def test_huge_and_oddly_encoded_reports_are_refused_and_the_rest_ingested(tmp_path):
    logs = tmp_path / "logs"
    logs.mkdir()
    siemens_report(logs / "good.xml")
    with open(logs / "huge.xml", "wb") as file:
        file.write(b'<?xml version="1.0"?><SystemQualityReport>')
        file.truncate(65 * 2**20)  # sparse: takes no disk
    report = (logs / "good.xml").read_text(encoding="utf-8")
    odd = report.replace('encoding="utf-8"', 'encoding="x-nobody-knows"')
    (logs / "odd.xml").write_text(odd, encoding="utf-8")
    with Store(tmp_path / "qc.db") as store:
        result = ingest(store, find_files([logs]), now_s=NOW)
        assert store.count(schema.quarantine) == 2
        stored = store.count(schema.measurement) + store.count(schema.service)
        assert stored == result.counts.new > 0
    reasons = {file.path.name: file.refused for file in result.refused}
    assert set(reasons) == {"huge.xml", "odd.xml"}
    assert "too large" in reasons["huge.xml"]
    assert "encoding" in reasons["odd.xml"]


def test_endless_cell_costs_its_row_alone(tmp_path):
    rows = ["Scanner,Test,Value,Date", "a,t,1.5,2023-01-13", f"a,{'x' * 200_000},1.5,2023-01-14",
            "a,t,2.5,2023-01-15"]  # fmt: skip
    frame, _, rejects, _ = table(tmp_path, "\n".join(rows) + "\n")
    assert frame["value"].tolist() == [1.5, 2.5]
    assert len(rejects) == 1
    assert "field larger" in rejects[0].reason

"""Inputs on which an ingest once lost records, stopped, or guessed; each with its right counts."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from pulsefront.qc.site import Mapping, Site, TableColumns, UnitSettings
from pulsefront.qc.store.database import Store
from pulsefront.qc.store.files.held import held_rows
from pulsefront.qc.store.ingest import find_files, ingest
from pulsefront.qc.store.tables import schema
from pulsefront.qc.times import end_of_day
from strategies_qc import (
    DAY,
    SITE_OF_CASES,
    TABLE_COLUMNS,
    TABLE_HEAD,
    stored_measurements,
    values_of,
    write_daily,
)

TODAY = end_of_day("2026-11-02")


@pytest.fixture
def store(tmp_path):
    with Store(tmp_path / "qc.db") as opened:
        yield opened


@pytest.fixture
def logs(tmp_path):
    folder = tmp_path / "logs"
    folder.mkdir()
    return folder


def read(store, logs, site=SITE_OF_CASES, now_s=TODAY):
    """Ingest a folder; every row that was read is accounted for."""
    result = ingest(store, find_files([logs]), site, now_s=now_s)
    assert result.counts.rows == result.rows
    return result


def held(store):
    return [(row.name, row.line, row.reason, row.remedy) for row in held_rows(store)]


def test_mapped_later(store, logs):
    write_daily(logs / "pet_daily.csv", "PET1,peak,511.2,2026-10-01 07:00",
                "PET1,peak,511.4,2026-10-02 07:00")  # fmt: skip
    first = read(store, logs, Site())
    assert (first.counts.new, first.counts.quarantined, first.is_partial) == (0, 1, True)
    again = read(store, logs, Site())
    assert (again.files[0].known, again.is_partial) == (True, True)  # it stays said, every night
    mapped = read(store, logs)
    assert (mapped.counts.new, mapped.rows, mapped.is_partial) == (2, 2, False)
    assert held(store) == []
    assert values_of(store) == [511.2, 511.4]
    assert read(store, logs).files[0].known


def test_one_header_changed(store, logs):
    write_daily(
        logs / "a_daily.csv", "PET2,peak,511.2,2026-10-01 07:00", head="Scanner,Test,Result,Date\n"
    )
    write_daily(logs / "b_daily.csv", "PET1,peak,511.2,2026-10-01 07:00")
    result = read(store, logs)
    assert (result.counts.new, result.counts.quarantined) == (1, 1)
    ((name, line, reason, remedy),) = held(store)
    assert (name, line) == ("a_daily.csv", 0)
    assert reason.startswith("has no column 'Value'")
    assert "correct the mapping" in remedy


def test_future_until_the_clock_is_right(store, logs):
    write_daily(logs / "x_daily.csv", "PET1,peak,511.2,2026-10-14 07:00",
                "PET1,peak,511.3,2026-10-15 07:00")  # fmt: skip
    slow = read(store, logs, now_s=end_of_day("2026-10-01"))
    assert (slow.counts.new, slow.counts.quarantined) == (0, 2)
    assert all("future" in reason for _, _, reason, _ in held(store))
    right = read(store, logs, now_s=end_of_day("2026-10-16"))
    assert (right.counts.new, right.counts.quarantined) == (2, 0)
    assert held(store) == []


def test_row_from_the_future_is_tried_when_its_time_has_come_and_no_earlier(store, logs):
    write_daily(logs / "x_daily.csv", "PET1,peak,511.2,2026-10-01 07:00",
                "PET1,peak,511.3,2026-10-20 07:00")  # fmt: skip
    assert read(store, logs, now_s=end_of_day("2026-10-02")).counts.new == 1
    assert read(store, logs, now_s=end_of_day("2026-10-10")).files[0].known
    come = read(store, logs, now_s=end_of_day("2026-10-20"))
    assert (come.counts.new, come.counts.duplicate, come.counts.quarantined) == (1, 1, 0)


def test_month_by_name(store, logs):
    write_daily(logs / "x_daily.csv", "PET1,peak,511.0,01-Jun-2022", "PET1,peak,511.1,02-Jun-2022")
    assert read(store, logs).counts.new == 2
    days = stored_measurements(store, "PET1")["measured_at"] // DAY * DAY
    assert days.tolist() == [end_of_day("2022-05-31"), end_of_day("2022-06-01")]


def test_stray_file(store, logs):
    (logs / "notes.txt").write_text("remember to call the service desk\n")
    write_daily(logs / "x_daily.csv", "PET1,peak,511.0,2026-10-01 07:00")
    result = read(store, logs)
    assert (result.counts.new, result.rows, result.is_partial) == (1, 1, False)
    assert [file.passed for file in result.files] == ["is a note without a single number", ""]


def test_stray_file_that_may_hold_values_is_refused_until_the_site_ignores_it(store, logs):
    (logs / "notes.txt").write_text("peak 511.2 on Monday\n")
    assert read(store, logs).is_partial
    assert len(held(store)) == 1
    ignoring = SITE_OF_CASES.model_copy(update={"ignore": ("*.txt",)})
    assert not read(store, logs, ignoring).is_partial
    assert held(store) == []
    assert read(store, logs).is_partial  # no longer ignored: looked at again


COLUMNS = "date,machine,uniformity_percent,peak_kev,sensitivity_cps_mbq,temperature_c\n"


def wide_rows():
    """Twenty days of two machines; of each day one value is missing, in turn."""
    rows = []
    for k in range(20):
        day = date(2026, 9, 1) + timedelta(days=k)
        for j, machine in enumerate(("CAM1", "CAM2")):
            cells = [f"{2 + k / 100:.2f}", f"{140 + k / 100:.2f}", f"{92 + j}.5", "21.5"]
            if j == k % 2:
                cells[k % 4] = ""
            rows.append(f"{day},{machine},{','.join(cells)}")
    return rows


def test_wide(store, logs):
    write_daily(logs / "daily.csv", *wide_rows(), head=COLUMNS)
    tests = {name: name for name in COLUMNS.strip().split(",")[2:]}
    columns = TableColumns(unit_id="machine", measured_at="date")
    site = Site(mappings={"daily.csv": Mapping(columns=columns, tests=tests)})
    result = read(store, logs, site)
    assert (result.rows, result.counts.new, result.counts.passed) == (160, 140, 20)
    assert result.files[0].passed_rows == {"no value": 20}
    assert store.count(schema.series) == 8
    assert [len(values_of(store, name)) for name in ("CAM1", "CAM2")] == [70, 70]


def test_one_file_read_by_several_mappings(store, logs):
    write_daily(
        logs / "daily.csv",
        *("2026-10-01,PET1,511.2,E17", "2026-10-02,PET1,511.3,E18"),
        head="date,machine,peak,error\n",
    )
    measured = Mapping(
        columns=TableColumns(unit_id="machine", measured_at="date"), tests={"peak": "peak"}
    )
    events = Mapping(
        table="event", columns=TableColumns(unit_id="machine", occurred_at="date", code="error")
    )
    result = read(store, logs, Site(mappings={"daily.csv": (measured, events)}))
    assert (result.rows, result.counts.new) == (4, 4)
    assert store.count(schema.event) == 2
    assert values_of(store) == [511.2, 511.3]


QATRACK = """Report Title:,Daily
View On Site:,http://qat.invalid/reports/1
Report Type:,Test Instance Details
Report Description:,
Generated:,02 Nov 2026 09:00

Filters:
Work Completed:,01 Oct 2026 - 31 Oct 2026
Unit:,"PET1, CAM2"

"""
PEAK, SENSITIVITY = (
    '"Absolute(-20.000, -10.000, 10.000, 20.000)"',
    '"Percent(-3.00%, -2.00%, 2.00%, 3.00%)"',
)


def qatrack_long(days=30):
    lines = ["Work Completed,Test,Unit,Site,Value,Reference,Tolerance,Skipped,Performed By,Comment"]
    for k in range(days):
        at = f"2026-10-{k + 1:02d} 11:30:00+00:00"
        lines += [
            f"{at},Photopeak,PET1,Main,{510 + k / 10},511,{PEAK},False,rt1,",
            f"{at},Sensitivity,CAM2,Main,{99 + k / 20},100,{SENSITIVITY},False,rt1,",
            f"{at},Door interlock,CAM2,Main,Yes,Yes,Boolean(Action on fail),False,rt1,",
            f'{at},Visual,CAM2,Main,Good,,"M.C.(OK=Good, Tolerance=Fair)",False,rt1,"two\nlines"',
            f'{at},Head tilt,PET1,Main,Skipped,0,"Absolute(--, -1.000, 1.000, --)",True,rt1,',
        ]
    return (QATRACK + "\n".join(lines) + "\n").replace("\n", "\r\n")


def test_qatrack_long(store, logs):
    (logs / "test-instance-details.csv").write_text(qatrack_long(), newline="")
    result = read(store, logs, Site())
    assert (result.rows, result.counts.new, result.counts.quarantined) == (150, 60, 0)
    assert result.files[0].passed_rows == {"yes or no": 30, "choice": 30, "skipped": 30}
    frame = stored_measurements(store, "CAM2")
    limits = frame[["action_low", "tolerance_low", "tolerance_high", "action_high"]]
    assert limits.iloc[0].tolist() == [97.0, 98.0, 102.0, 103.0]


def test_qatrack_wide(store, logs):
    head = "Date,Main : CAM2 - Sensitivity,Reference,Tolerance,Peformed By,Comment,Main : PET1"
    head += " - Photopeak,Reference,Tolerance,Peformed By,Comment"
    lines = [head]
    for k in range(30):
        at = f"2026-10-{k + 1:02d} 11:30:00+00:00"
        values = f"{99 + k / 20},100,{SENSITIVITY},rt1,,{510 + k / 10},511,{PEAK},rt1,"
        lines.append(f"{at},{values}")
    text = QATRACK + "\n".join(lines) + "\n"
    (logs / "wide.csv").write_text(text.replace("\n", "\r\n"), newline="")
    result = read(store, logs, Site())
    assert (result.rows, result.counts.new, result.counts.quarantined) == (60, 60, 0)
    frame = stored_measurements(store, "PET1")
    assert set(frame["test"]) == {"Photopeak"}
    assert set(frame["action_low"]) == {491.0}


SERVICE = (
    "Service Event ID,Service Date,Site,Unit,Service Area,Service Type,Service Time,Lost Time,"
    "Status,Created By,Created Date,Modified By,Modified Date,Problem Description,"
    "Work Description,Return To Service QC,Link\n"
    "12,14 Oct 2026,Main,CAM2,Gantry,Extensive Repair,2:00:00,3:30:00,Approved,eng,"
    '14 Oct 2026 16:05,eng,14 Oct 2026 16:05,motor,replaced,"Daily QC,14 Oct 2026 17:00\n'
    'Weekly QC,Not completed",http://qat.invalid/12\n'
    "13,20 Oct 2026,Main,PET1,Detector,Preventive Maintenance,1:00:00,1:00:00,Approved,eng,"
    "20 Oct 2026 16:05,eng,20 Oct 2026 16:05,pm,pm,,http://qat.invalid/13\n"
)


def test_qatrack_service_events(store, logs):
    head = QATRACK.replace("Test Instance Details", "Service Event Details")
    (logs / "service.csv").write_text((head + SERVICE).replace("\n", "\r\n"), newline="")
    result = read(store, logs, Site())
    assert (result.rows, result.counts.new, result.counts.quarantined) == (2, 2, 0)
    frame = store.frame(schema.service).set_index("unit_id")
    assert frame["kind"].to_dict() == {"CAM2": "corrective", "PET1": "preventive"}
    assert frame.loc["CAM2", "downtime_hours"] == 3.5
    assert frame.loc["CAM2", "component_id"] == "Gantry"
    # No component of CAM2 that has readings bears that name: it is said.
    assert any("Gantry" in note for note in result.notes)


def test_services_are_of_the_component_that_the_site_says(store, logs):
    (logs / "service.csv").write_text(SERVICE)
    units = (UnitSettings(unit_id="CAM2", components={"": ("Gantry",)}),)
    read(store, logs, Site(units=units))
    assert store.frame(schema.service).set_index("unit_id").loc["CAM2", "component_id"] == ""


MPC = """Name [Unit], Value, Threshold, Evaluation Result
BeamGroup/BeamOutputChange [%], 0.12, 2, Pass
BeamGroup/BeamUniformityChange [%], 0.31, 2, Pass
"""


def test_varian_mpc(store, logs):
    for day, template in (("03", "2.5x"), ("04", "6x")):
        name = f"NDS-WKS-SN1111-2025-03-{day}-07-00-00-0004-BeamCheckTemplate{template}"
        (logs / name).mkdir()
        (logs / name / "Results.csv").write_text(MPC)
        (logs / name / "Check.xml").write_text("<?xml version='1.0'?><Check/>\n")
    result = read(store, logs, Site())
    assert (result.rows, result.counts.new, result.is_partial) == (4, 4, False)
    assert sum(bool(file.passed) for file in result.files) == 2
    frame = stored_measurements(store, "1111")
    assert {test.partition("/")[0] for test in frame["test"]} == {
        "BeamCheckTemplate2.5x",
        "BeamCheckTemplate6x",
    }
    assert read(store, logs, Site()).counts.new == 0


def test_equal_tables_of_two_machine_days_are_two(store, logs):
    for unit in ("PET1", "PET2"):
        write_daily(logs / unit / "day.csv", "peak,511.2,2026-10-01", head="Test,Value,Date\n")
    columns = TableColumns(test="Test", value="Value", measured_at="Date")
    site = Site(mappings={"day.csv": Mapping(columns=columns, path=r"(?P<unit_id>PET\d)/")})
    assert read(store, logs, site).counts.new == 2
    assert read(store, logs, site).counts.new == 0


def test_corrected_export_replaces_what_it_corrects_and_both_readings_are_kept(store, logs):
    write_daily(logs / "x_daily.csv", "PET1,peak,511.2,2026-10-01 07:00",
                "PET1,peak,51.13,2026-10-02 07:00")  # fmt: skip
    read(store, logs, now_s=end_of_day("2026-10-03"))
    write_daily(logs / "x_daily.csv", "PET1,peak,511.2,2026-10-01 07:00",
                "PET1,peak,511.3,2026-10-02 07:00")  # fmt: skip
    result = read(store, logs, now_s=end_of_day("2026-10-05"))
    assert (result.counts.replaced, result.counts.duplicate, result.counts.new) == (1, 1, 0)
    assert values_of(store) == [511.2, 511.3]
    former = store.frame(schema.former_measurement)
    assert former["value"].tolist() == [51.13]
    assert former["until_at"].item() > former["available_at"].item()


def test_older_export_read_after_the_correction_does_not_bring_the_error_back(store, logs):
    write_daily(logs / "a_daily.csv", "PET1,peak,51.12,2026-10-01 07:00")
    read(store, logs)
    write_daily(logs / "b_daily.csv", "PET1,peak,511.2,2026-10-01 07:00")
    assert read(store, logs).counts.replaced == 1
    # A changed mapping has both read again; the later one still wins.
    other = Mapping(columns=TABLE_COLUMNS, date_order="ymd")
    read(store, logs, Site(site="s", mappings={"*_daily.csv": other}))
    assert values_of(store) == [511.2]


def test_repeated_checks_of_a_day_keep_their_order(store, logs):
    rows = [f"PET1,peak,{value},2026-10-01" for value in (511.2, 498.0, 511.1)]
    write_daily(logs / "x_daily.csv", *rows)
    assert read(store, logs).counts.new == 3
    assert values_of(store) == [511.2, 498.0, 511.1]
    write_daily(logs / "x_daily.csv", *rows, "PET1,peak,511.4,2026-10-02")
    again = read(store, logs)
    assert (again.counts.new, again.counts.duplicate) == (1, 3)


def test_file_whose_day_and_month_stay_open_is_refused_with_both_readings(store, logs):
    write_daily(logs / "x_daily.csv", "PET1,peak,511.2,03/04/2026", "PET1,peak,511.3,04/05/2026")
    assert read(store, logs).is_partial
    ((_, _, reason, remedy),) = held(store)
    assert "3 April 2026 or 4 March 2026" in reason
    assert "date_order" in remedy


def test_order_of_day_and_month_is_found_from_the_whole_file(store, logs):
    rows = [f"PET1,peak,511,{k % 12 + 1:02d}/{k // 12 + 1:02d}/2025" for k in range(60)]
    write_daily(logs / "x_daily.csv", *rows, "PET1,peak,511,28/06/2025")
    assert read(store, logs).counts.new == 61
    last = stored_measurements(store, "PET1")["measured_at"].max()
    assert last == end_of_day("2025-06-27")


@pytest.mark.parametrize(
    "text",
    [
        "sep=;\nScanner;Test;Value;Date\nPET1;peak;511,25;1-Jun-2022 7:05\n",
        'made by X\n\nScanner,Test,Value,Date\nPET1,peak,511.25,"June 1, 2022 7:05 AM"\n',
        "Scanner\tTest\tValue\tDate\n1.0\tpeak\t511.25\t20220601 0705\n",
    ],
    ids=["sep line and decimal comma", "preamble", "unit as a spreadsheet wrote it"],
)
def test_tables_as_programs_write_them(store, logs, text):
    (logs / "x_daily.csv").write_text(text)
    units = (UnitSettings(unit_id="PET1", aliases=("1",)),)
    read(store, logs, SITE_OF_CASES.model_copy(update={"units": units}))
    frame = stored_measurements(store, "PET1")
    assert frame["value"].tolist() == [511.25]
    assert frame["measured_at"].item() == end_of_day("2022-05-31") + 7 * 3600 + 300


def test_table_with_lines_to_skip_a_delimiter_and_a_date_format(store, logs):
    (logs / "x.txt").write_text("v7\n1:2:3\nScanner|Test|Value|Date\nPET1|peak|511.2|2026.275\n")
    mapping = Mapping(columns=TABLE_COLUMNS, skip_lines=2, delimiter="|", date_format="%Y.%j")
    read(store, logs, Site(mappings={"x.txt": mapping}))
    assert stored_measurements(store, "PET1")["measured_at"].item() == end_of_day("2026-10-01")


def test_head_without_rows_is_done(store, logs):
    (logs / "x_daily.csv").write_text(TABLE_HEAD)
    result = read(store, logs)
    assert (result.rows, result.is_partial) == (0, False)

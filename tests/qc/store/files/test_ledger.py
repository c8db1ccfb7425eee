"""What is read again and why, what is withdrawn, and what an earlier day still sees."""

from __future__ import annotations

import os
import shutil
import sqlite3
from types import SimpleNamespace

import pytest

from pulsefront.errors import QCDataError
from pulsefront.qc.pages.night.around import waiting_rows
from pulsefront.qc.site import Mapping, Site, TableColumns
from pulsefront.qc.store import engine
from pulsefront.qc.store.database import Store
from pulsefront.qc.store.files import ledger
from pulsefront.qc.store.files.held import count_held, held_rows
from pulsefront.qc.store.forget import RowFilter, forget_file, forget_lines, forget_rows
from pulsefront.qc.store.histories.history import read_rows
from pulsefront.qc.store.ingest import find_files, ingest
from pulsefront.qc.store.lock import locked
from pulsefront.qc.store.problems import DiskFull, StoreLocked, explained
from pulsefront.qc.store.tables import schema
from pulsefront.qc.times import DAY_S, end_of_day
from strategies_qc import SITE_OF_CASES, TABLE_COLUMNS, values_of, write_daily

TODAY = end_of_day("2026-11-02")
ROWS = ("PET1,peak,511.2,2026-10-01 07:00", "PET1,peak,broken,2026-10-02 07:00")


@pytest.fixture
def store(tmp_path):
    with Store(tmp_path / "qc.db") as opened:
        yield opened


@pytest.fixture
def logs(tmp_path):
    write_daily(tmp_path / "logs" / "x_daily.csv", *ROWS)
    return tmp_path / "logs"


def read(store, logs, site=SITE_OF_CASES, now_s=TODAY):
    result = ingest(store, find_files([logs]), site, now_s=now_s)
    assert result.counts.rows == result.rows
    return result


def mapped(**more):
    return Site(site="s", mappings={"*_daily.csv": Mapping(columns=TABLE_COLUMNS, **more)})


def test_row_in_quarantine_has_file_line_reason_and_remedy(store, logs):
    read(store, logs)
    (row,) = held_rows(store)
    assert (row.name, row.line) == ("x_daily.csv", 3)
    assert row.file == str(logs / "x_daily.csv")
    assert row.reason == "value is no number"
    assert "correct the value" in row.remedy
    assert row.content == "PET1;peak;broken;2026-10-02 07:00"


@pytest.mark.parametrize("name", ["mapping", "site", "version"])
def test_what_was_refused_is_tried_again_when_anything_it_was_read_with_changes(
    store, logs, name, monkeypatch
):
    read(store, logs)
    assert read(store, logs).files[0].known
    site = SITE_OF_CASES
    if name == "mapping":
        site = mapped(date_order="dmy")
    elif name == "site":
        site = SITE_OF_CASES.model_copy(update={"service_kinds": {"swap": "corrective"}})
    else:
        whole = ledger.ReadWith
        monkeypatch.setattr(ledger, "ReadWith", lambda *a: whole(*a[:2], version=(*a, "99.0")[2]))
    again = read(store, logs, site)
    assert not again.files[0].known
    assert (again.counts.duplicate, again.counts.quarantined) == (1, 1)
    assert read(store, logs, site).files[0].known


def test_mended_file_leaves_quarantine_and_its_ledger_keeps_what_was_refused(store, logs):
    read(store, logs)
    write_daily(logs / "x_daily.csv", ROWS[0], ROWS[1].replace("broken", "511.3"))
    assert read(store, logs).counts.new == 1
    assert held_rows(store) == []
    assert count_held(store) == 0
    assert waiting_rows(store) == ()
    assert store.frame(schema.source)["state"].tolist() == ["superseded", "done"]
    assert store.count(schema.quarantine) == 1
    assert read(store, logs).files[0].known
    write_daily(logs / "x_daily.csv", *ROWS)  # the wrong one is put back
    read(store, logs)
    assert len(held_rows(store)) == count_held(store) == 1


def test_bad_line_of_a_growing_export_is_listed_once(store, logs):
    rows = list(ROWS)
    for day in range(3, 7):
        rows.append(f"PET1,peak,511.{day},2026-10-0{day} 07:00")
        write_daily(logs / "x_daily.csv", *rows)
        read(store, logs)
        assert [row.line for row in held_rows(store)] == [3]
    assert count_held(store) == waiting_rows(store)[0].rows == 1


def test_refused_file_that_is_mended_leaves_quarantine(store, logs):
    write_daily(logs / "x_daily.csv", *ROWS, head="Scanner,Test,Result,Date\n")
    assert read(store, logs).refused
    write_daily(logs / "x_daily.csv", ROWS[0])
    assert read(store, logs).counts.new == 1
    assert held_rows(store) == []


def test_copy_of_a_mended_file_still_waits(store, logs):
    copy = write_daily(logs / "y_daily.csv", *ROWS)
    read(store, logs)
    write_daily(logs / "x_daily.csv", ROWS[0])
    read(store, logs)
    assert count_held(store) == 1
    write_daily(copy, ROWS[0])
    read(store, logs)
    assert count_held(store) == 0


@pytest.mark.parametrize("corrected", ["a_daily.csv", "y_daily.csv"])
def test_newer_file_of_one_ingest_wins_whatever_its_name(store, logs, corrected):
    (logs / "x_daily.csv").unlink()
    older = write_daily(logs / "n_daily.csv", "PET1,peak,999,2026-10-01 07:00")
    os.utime(older, (1_790_000_000, 1_790_000_000))
    newer = write_daily(logs / corrected, ROWS[0])
    os.utime(newer, (1_790_000_001, 1_790_000_001))
    read(store, logs)
    assert values_of(store) == [511.2]


def test_files_of_one_second_are_read_by_name(store, logs):
    for name, value in (("a", 511.0), ("b", 512.0)):
        path = write_daily(logs / f"{name}_daily.csv", f"PET1,peak,{value},2026-10-01 07:00")
        ns = 1_790_000_000_000_000_000 + (500 if name == "a" else 100)
        os.utime(path, ns=(ns, ns))
    (logs / "x_daily.csv").unlink()
    read(store, logs)
    assert values_of(store) == [512.0]


def test_what_is_done_is_read_again_with_another_mapping_only(store, tmp_path):
    logs = tmp_path / "done"
    write_daily(logs / "x_daily.csv", ROWS[0])
    read(store, logs)
    site = SITE_OF_CASES.model_copy(update={"service_kinds": {"swap": "corrective"}})
    assert read(store, logs, site).files[0].known
    doubled = TABLE_COLUMNS.model_copy(update={"component_id": "Test"})
    other = Site(site="s", mappings={"*_daily.csv": Mapping(columns=doubled)})
    again = read(store, logs, other)
    assert again.counts.new == 1
    assert again.files[0].withdrawn == 1  # what the old mapping made of it counts no longer
    assert values_of(store) == [511.2]


def counts_of(store):
    """Return rows in and rows accounted for, by the ledger, and rows that wait in quarantine."""
    s = store.frame(schema.source)
    names = ["stored", "known", "replaced", "passed", "withdrawn", "quarantined"]
    waits = ~s["state"].isin(["withdrawn", "superseded"])
    return int(s["rows_in"].sum()), int(s[names].sum().sum()), int(s["quarantined"][waits].sum())


def test_rows_of_a_file_that_was_overwritten_wait_for_nothing(store, logs):
    """They lay in quarantine for ever: their file had other content when their time had come."""
    path = logs / "x_daily.csv"
    write_daily(path, "PET1,peak,511.2,2026-10-01", "PET1,peak,511.3,2026-10-20")
    read(store, logs, now_s=end_of_day("2026-10-02"))
    assert counts_of(store) == (2, 2, 1)
    write_daily(path, "PET1,peak,511.2,2026-10-01", "PET1,peak,511.4,2026-10-02")
    read(store, logs, now_s=end_of_day("2026-10-03"))
    assert counts_of(store) == (4, 4, 0)
    # The content that comes back is read anew.
    write_daily(path, "PET1,peak,511.2,2026-10-01", "PET1,peak,511.3,2026-10-20")
    read(store, logs, now_s=end_of_day("2026-10-21"))
    assert counts_of(store) == (4, 4, 0)
    assert 511.3 in values_of(store)


def test_file_that_lies_there_twice_is_read_once_when_its_time_has_come(store, logs):
    rows = ("PET1,peak,511.2,2026-10-01", "PET1,peak,511.3,2026-10-20")
    write_daily(logs / "a_daily.csv", *rows)
    read(store, logs, now_s=end_of_day("2026-10-02"))
    write_daily(logs / "b_daily.csv", *rows)
    result = read(store, logs, now_s=end_of_day("2026-10-21"))
    assert [file.path.name for file in result.files if not file.known] == ["a_daily.csv"]


def test_withdrawn_file_stays_out_whatever_changes_and_in_the_ledger(store, logs):
    read(store, logs)
    done = forget_file(store, "x_daily.csv", why="wrong phantom")
    assert (done.files, done.records, done.held) == (1, 1, 1)
    assert values_of(store) == []
    assert held_rows(store) == []
    assert read(store, logs, mapped(date_order="dmy")).counts.rows == 0
    assert store.frame(schema.former_measurement)["why"].tolist() == ["wrong phantom"]
    assert store.frame(schema.source)["state"].tolist() == ["withdrawn"]


def test_file_forgotten_to_be_read_again_is_read_anew(store, logs):
    read(store, logs)
    forget_file(store, "*_daily.csv", why="the mapping was wrong", again=True)
    assert read(store, logs).counts.new == 1
    assert values_of(store) == [511.2]


def test_what_another_file_says_too_comes_back_from_that_file(store, logs):
    write_daily(logs / "y_daily.csv", *ROWS, "PET1,peak,511.4,2026-10-03 07:00")
    assert read(store, logs).counts.duplicate == 1
    forget_file(store, "x_daily.csv", why="test")
    assert values_of(store) == [511.4]
    read(store, logs)
    assert values_of(store) == [511.2, 511.4]


def test_withdrawn_row_does_not_come_back_but_its_correction_does(store, logs):
    read(store, logs)
    done = forget_rows(store, RowFilter("PET1", None, "peak"), why="phantom leaked")
    assert done.records == 1
    write_daily(logs / "y_daily.csv", *ROWS, "PET1,peak,511.4,2026-10-03 07:00")
    assert read(store, logs).counts.withdrawn == 1
    assert values_of(store) == [511.4]
    write_daily(logs / "z_daily.csv", "PET1,peak,510.9,2026-10-01 07:00")
    assert read(store, logs).counts.new == 1
    assert values_of(store) == [510.9, 511.4]


def test_lines_of_a_file_are_withdrawn(store, logs):
    read(store, logs)
    done = forget_lines(store, logs / "x_daily.csv", [2, 3], SITE_OF_CASES, why="test")
    assert (done.records, done.held) == (1, 1)
    assert values_of(store) == []
    with pytest.raises(QCDataError, match="hold no record"):
        forget_lines(store, logs / "x_daily.csv", [2], SITE_OF_CASES, why="test")


DAYS = [f"PET1,peak,51{k}.0,2026-10-0{k} 07:00" for k in range(1, 7)]


def write_versions(store, logs, *versions):
    """Read a file with some contents, one after the other; return its path."""
    for rows in versions:
        path = write_daily(logs / "x_daily.csv", *rows)
        read(store, logs)
    return str(path)


def test_forgotten_file_withdraws_the_good_rows_of_its_mended_content_and_no_others(store, logs):
    first = ["PET1,gain,1.0,2026-10-01", DAYS[0], "PET1,peak,broken,2026-10-02 07:00"]
    path = write_versions(store, logs, first, DAYS[:2])
    with pytest.raises(QCDataError, match="give --site as for qc ingest, or --all-versions"):
        forget_file(store, path, why="test")
    assert values_of(store) == [1.0, 511.0, 512.0]
    done = forget_file(store, path, why="test", site=SITE_OF_CASES)
    assert (done.files, done.records, done.held) == (1, 2, 0)
    assert values_of(store) == [1.0]
    assert store.frame(schema.quarantine)["reason"].tolist() == ["value is no number"]
    with pytest.raises(QCDataError, match="no such file"):
        forget_file(store, path, why="test", site=SITE_OF_CASES)
    assert values_of(store) == [1.0]


def test_forgotten_file_of_the_last_days_leaves_the_days_that_it_held_before(store, tmp_path):
    """An export of the last three days, forgotten once, took all of its path's days with it."""
    path = write_versions(store, tmp_path / "c", DAYS[:3], DAYS[1:4], DAYS[2:5])
    assert forget_file(store, path, why="test", site=SITE_OF_CASES).records == 3
    assert values_of(store) == [511.0, 512.0]
    assert store.frame(schema.source)["state"].tolist().count("withdrawn") == 1
    read(store, tmp_path / "c")
    assert values_of(store) == [511.0, 512.0]
    write_versions(store, tmp_path / "c", DAYS[3:6])
    assert values_of(store) == [511.0, 512.0, 514.0, 515.0, 516.0]


def test_forgotten_file_that_grew_takes_all_its_rows(store, tmp_path):
    path = write_versions(store, tmp_path / "c", DAYS[:1], DAYS[:3], DAYS)
    assert forget_file(store, path, why="test", site=SITE_OF_CASES).records == 6
    assert values_of(store) == []


def test_every_content_of_a_file_is_withdrawn_where_that_is_said(store, tmp_path):
    path = write_versions(store, tmp_path / "c", DAYS[:3], DAYS[2:5])
    done = forget_file(store, path, why="test", all_versions=True)
    assert (done.files, done.records) == (2, 5)
    assert values_of(store) == []


def test_rows_that_the_mended_content_corrected_stay_corrected_and_need_no_site(store, tmp_path):
    path = write_versions(store, tmp_path / "c", DAYS[:1], [DAYS[0].replace("511.0", "511.5")])
    assert forget_file(store, path, why="test").records == 1
    assert values_of(store) == []
    assert sorted(store.frame(schema.former_measurement)["value"]) == [511.0, 511.5]


def test_mended_file_forgotten_to_be_read_again_has_its_rows_again(store, tmp_path):
    path = write_versions(store, tmp_path / "c", DAYS[:3], DAYS[1:4])
    assert forget_file(store, path, why="test", again=True, site=SITE_OF_CASES).records == 3
    read(store, tmp_path / "c")
    assert values_of(store) == [511.0, 512.0, 513.0, 514.0]


def test_services_of_earlier_contents_alone_stay(store, tmp_path):
    columns = TableColumns(unit_id="Scanner", kind="Kind", reported_at="Date")
    site = Site(site="s", mappings={"*.csv": Mapping(table="service", columns=columns)})
    rows = [f"PET1,repair,2026-10-0{k}" for k in range(1, 5)]
    for some in (rows[:3], rows[1:]):
        path = write_daily(tmp_path / "c" / "s.csv", *some, head="Scanner,Kind,Date\n")
        read(store, tmp_path / "c", site)
    assert forget_file(store, str(path), why="test", site=site).records == 3
    assert len(store.frame(schema.service)) == 1


def test_forgetting_what_is_not_there_is_an_error(store):
    with pytest.raises(QCDataError, match="no such file in the ledger"):
        forget_file(store, "none.csv", why="test")
    with pytest.raises(QCDataError, match="no such rows"):
        forget_rows(store, RowFilter("PET9"), why="test")
    with pytest.raises(QCDataError, match="which rows"):
        forget_rows(store, RowFilter(), why="test")


def history(store, day):
    """Return the values that a score as of the end of a day sees."""
    rows = read_rows(store, "PET1", as_of_s=end_of_day(day))
    return rows.value[rows.available_at <= end_of_day(day)].tolist()


def test_correction_and_withdrawal_change_no_day_that_was_scored(store, tmp_path):
    logs = tmp_path / "c"
    write_daily(logs / "x_daily.csv", "PET1,peak,51.12,2026-10-01 07:00")
    read(store, logs, now_s=end_of_day("2026-10-01"))
    # A later night would have found the reading of before.
    read(store, logs, now_s=end_of_day("2026-10-04"))
    write_daily(logs / "x_daily.csv", "PET1,peak,511.2,2026-10-01 07:00")
    read(store, logs, now_s=end_of_day("2026-10-06"))
    assert history(store, "2026-10-03") == [51.12]
    assert history(store, "2026-10-07") == [511.2]


def test_content_put_back_corrects_what_came_between(store, tmp_path):
    logs = tmp_path / "c"
    for value in ("511.2", "498.0", "511.2"):
        write_daily(logs / "x_daily.csv", f"PET1,peak,{value},2026-10-01 07:00")
        read(store, logs)
    assert values_of(store) == [511.2]


def test_every_ingest_stands_in_the_ledger_with_its_counts(store, logs):
    read(store, logs)
    (run,) = store.frame(schema.ingest_run).to_dict("records")
    assert run["ended_at"] >= run["began_at"] > 0
    assert (run["files"], run["rows_in"], run["stored"], run["quarantined"]) == (1, 2, 1, 1)


def test_night_with_a_slow_clock_loses_nothing(store, tmp_path):
    """Once 374 records were lost for good when the server's clock was set back for one night."""
    logs = tmp_path / "c"
    for k in range(5):
        day = f"2026-10-{k + 1:02d}"
        write_daily(logs / f"{k}_daily.csv", f"PET1,peak,51{k}.0,{day} 07:00")
        back = 20 * DAY_S if k == 2 else 0
        read(store, logs, now_s=end_of_day(day) + 3600 - back)
    assert values_of(store) == [510.0, 511.0, 512.0, 513.0, 514.0]
    assert held_rows(store) == []


def test_night_with_a_fast_clock_is_dated_to_the_present_when_it_is_right_again(store, tmp_path):
    logs = tmp_path / "c"
    for k in range(4):
        day = f"2026-10-{k + 1:02d}"
        write_daily(logs / f"{k}_daily.csv", f"PET1,peak,51{k}.0,{day} 07:00")
        ahead = 400 * DAY_S if k == 1 else 0
        read(store, logs, now_s=end_of_day(day) + 3600 + ahead)
    assert history(store, "2026-10-05") == [510.0, 511.0, 512.0, 513.0]
    assert store.frame(schema.arrival)["arrived_at"].max() < end_of_day("2026-10-06")


def test_reading_of_a_wrong_year_that_a_fast_clock_let_in_dates_no_later_record(store, tmp_path):
    """All that came after it was dated to that year, and no night knew of it."""
    logs = tmp_path / "c"
    for k in range(4):
        day = f"2026-10-{k + 1:02d}"
        rows = [f"PET1,peak,51{k}.0,{day} 07:00"]
        if k == 1:
            rows.append("PET1,gain,1.0,2027-10-02 07:00")
        write_daily(logs / f"{k}_daily.csv", *rows)
        ahead = 400 * DAY_S if k == 1 else 0
        result = read(store, logs, now_s=end_of_day(day) + 3600 + ahead)
        if k == 2:
            assert "a reading of 2027-10-02T07:00:00Z came in with it (of PET1)" in result.notes[0]
    assert values_of(store) == [510.0, 511.0, 512.0, 513.0]
    assert [row.retry_at for row in held_rows(store)] == [end_of_day("2027-10-02") - 31 * 3600]
    rows = read_rows(store, "PET1", as_of_s=end_of_day("2026-10-05"))
    assert sorted(rows.value[rows.available_at <= end_of_day("2026-10-05")]) == values_of(store)
    assert store.frame(schema.arrival)["arrived_at"].max() < end_of_day("2026-10-06")


@pytest.mark.parametrize(("zone", "hours"), [("Europe/Amsterdam", 2), ("", 14)])
def test_reading_may_be_ahead_by_what_a_clock_or_a_zone_that_nobody_says_is(
    store, tmp_path, zone, hours
):
    """One of 19 hours ahead was stored."""
    now = end_of_day("2026-10-01") + 12 * 3600
    local = {"": 0, "Europe/Amsterdam": 2}[zone]
    rows = []
    for minutes in (60 * hours - 1, 60 * hours + 1):
        hour, minute = divmod(12 * 60 + 60 * local + minutes, 60)
        rows.append(
            f"PET1,peak,{minutes},2026-10-{2 + hour // 24:02d} {hour % 24:02d}:{minute:02d}"
        )
    write_daily(tmp_path / "c" / "x_daily.csv", *rows)
    site = mapped().model_copy(update={"timezone": zone})
    read(store, tmp_path / "c", site, now_s=now)
    assert values_of(store) == [60.0 * hours - 1]
    (row,) = held_rows(store)
    assert "lies in the future" in row.reason
    read(store, tmp_path / "c", site, now_s=row.retry_at - 1)
    assert len(held_rows(store)) == 1
    read(store, tmp_path / "c", site, now_s=row.retry_at)
    assert len(values_of(store)) == 2


def no_room(*_):
    raise explained(sqlite3.OperationalError("database or disk is full"), None)


def test_full_disk_and_locked_database_end_in_one_line_and_the_next_run_mends_it(
    store, logs, monkeypatch
):
    with monkeypatch.context() as patch:
        patch.setattr(Store, "add", no_room)
        with pytest.raises(DiskFull, match="the disk is full"):
            read(store, logs)
    with locked(store.url), pytest.raises(StoreLocked):
        read(store, logs)
    assert read(store, logs).counts.new == 1


@pytest.mark.parametrize("said", ["disk I/O error", "unable to open database file"])
def test_disk_without_a_free_page_is_called_full_and_an_odd_one_is_not(tmp_path, monkeypatch, said):
    error = sqlite3.OperationalError(said)
    assert not isinstance(explained(error, tmp_path / "qc.db"), DiskFull)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=4095))
    full = explained(error, tmp_path / "qc.db")
    assert isinstance(full, DiskFull)
    assert full.exit_code == 3
    assert "the disk is full; free some space" in str(full)


def test_database_that_another_program_holds_is_named_with_its_exit_code(
    store, logs, tmp_path, monkeypatch
):
    monkeypatch.setattr(engine, "PATIENCE_S", 0.1)
    holder = sqlite3.connect(tmp_path / "qc.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with Store(tmp_path / "qc.db") as mine, pytest.raises(StoreLocked) as caught:
        read(mine, logs)
    assert caught.value.exit_code == 5
    assert "another program holds the database" in str(caught.value)
    holder.close()
    assert read(store, logs).counts.new == 1


def test_equal_files_of_which_one_gets_a_mapping_become_two(store, logs):
    """Once the second was read in the name of the first, again every night."""
    (logs / "odd.csv").write_bytes((logs / "x_daily.csv").read_bytes())
    read(store, logs, Site())
    mapped_one = read(store, logs)
    assert (mapped_one.counts.new, mapped_one.counts.quarantined) == (1, 2)
    assert read(store, logs).counts.rows == 0
    assert sorted(store.frame(schema.source)["state"]) == ["open", "refused"]

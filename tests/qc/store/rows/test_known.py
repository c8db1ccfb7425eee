"""When a record became known: what says so comes first, then the arrival at this store."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from pulsefront.qc.features.sources import load_histories
from pulsefront.qc.records import SERVICE_COLUMNS, Batch, frame_of
from pulsefront.qc.site import Mapping, Site, TableColumns
from pulsefront.qc.store.database import Store
from pulsefront.qc.store.histories.history import read_rows, read_unit, services_as_of
from pulsefront.qc.store.ingest import find_files, ingest
from pulsefront.qc.store.tables import schema
from pulsefront.qc.times import DAY_S, end_of_day, iso_date
from strategies_qc import (
    DAY,
    SITE_OF_CASES,
    TABLE_COLUMNS,
    measurements,
    write_daily,
    writing_of,
)


@pytest.fixture
def store(tmp_path):
    with Store(tmp_path / "qc.db") as opened:
        yield opened


@pytest.fixture
def logs(tmp_path):
    return tmp_path / "logs"


def read(store, logs, now, site=SITE_OF_CASES):
    return ingest(store, find_files([logs]), site, now_s=now)


def seen(store, day):
    """Return the values that a score as of the end of a day sees."""
    rows = read_rows(store, "PET1", as_of_s=end_of_day(day))
    return rows.value[rows.available_at <= end_of_day(day)].tolist()


def test_record_without_a_time_of_its_own_is_known_when_it_arrives(store, logs):
    write_daily(logs / "x_daily.csv", "PET1,peak,511.2,2026-10-01 07:00")
    now = end_of_day("2026-10-04")
    read(store, logs, now)
    assert store.frame(schema.measurement)["available_at"].tolist() == [now]


def test_late_record_changes_no_day_before_the_last_night(store, logs):
    write_daily(logs / "a_daily.csv", "PET1,peak,511.1,2026-10-01 07:00")
    read(store, logs, end_of_day("2026-10-01") + 12_600)
    read(store, logs, end_of_day("2026-10-04") + 12_600)
    write_daily(logs / "b_daily.csv", "PET1,peak,511.2,2026-10-02 07:00")
    read(store, logs, end_of_day("2026-10-05") + 12_600)
    assert seen(store, "2026-10-03") == [511.1]
    assert seen(store, "2026-10-05") == [511.1, 511.2]


def test_hour_at_which_an_ingest_before_began_leaves_no_trace(tmp_path):
    """A job that was killed and the one after it differ by minutes from a job that was not."""
    known = []
    for hours in (3.5, 4.5):
        folder = tmp_path / f"{hours}"
        write_daily(folder / "a_daily.csv", "PET1,peak,511.1,2026-10-01 07:00")
        with Store(folder / "qc.db") as store:
            read(store, folder, end_of_day("2026-10-03") + round(hours * 3600))
            write_daily(folder / "b_daily.csv", "PET1,peak,511.2,2026-10-03 23:00")
            read(store, folder, end_of_day("2026-10-04") + 12_600)
            (unit,) = store.units()["unit_id"]
            known.append(read_rows(store, unit, as_of_s=end_of_day("2026-10-04")).available_at)
    assert known[0].tolist() == known[1].tolist()


EVENTS = Site(
    mappings={
        "*_events.csv": Mapping(
            table="event",
            columns=TableColumns(unit_id="Scanner", code="Code", occurred_at="Date"),
        ),
        "*_services.csv": Mapping(
            table="service",
            columns=TableColumns(unit_id="Scanner", kind="Kind", reported_at="Date"),
        ),
    }
)


@pytest.mark.parametrize("table", ["events", "services"])
def test_log_of_a_scanner_without_readings_counts_for_the_night_it_came_in(store, logs, table):
    """It was known from the hour of the ingest on, which is after the end of its night."""
    word, head = ("trip", "Code") if table == "events" else ("corrective", "Kind")
    write_daily(
        logs / f"x_{table}.csv", f"PET1,{word},2026-10-01 07:00", head=f"Scanner,{head},Date\n"
    )
    read(store, logs, end_of_day("2026-10-01") + 12_600, EVENTS)
    frames = read_unit(store, "PET1", as_of_s=end_of_day("2026-10-01"))
    assert len(getattr(frames, table)) == 1
    frames = read_unit(store, "PET1", as_of_s=end_of_day("2026-09-30"))
    assert len(getattr(frames, table)) == 0


def test_column_or_delay_that_says_when_it_was_known_comes_before_the_arrival(store, logs):
    write_daily(
        logs / "x_daily.csv",
        *("PET1,peak,511.2,2026-10-01 07:00,2026-10-02 09:00",
          "PET1,peak,511.3,2026-10-02 07:00,"),
        head="Scanner,Test,Value,Date,Exported\n",
    )  # fmt: skip
    columns = TABLE_COLUMNS.model_copy(update={"available_at": "Exported"})
    site = Site(mappings={"*": Mapping(columns=columns, available_delay_hours=5.0)})
    read(store, logs, end_of_day("2026-10-04"), site)
    known = store.frame(schema.measurement)["available_at"].tolist()
    first = end_of_day("2026-10-01") + 9 * 3600
    assert known == [first, end_of_day("2026-10-01") + 12 * 3600]


def test_back_test_on_a_load_of_history_counts_what_it_had_to_assume(store, logs):
    start = end_of_day("2025-01-01")
    rows = [f"PET1,peak,511.{k % 10},{iso_date(start + k * DAY_S)}" for k in range(200)]
    write_daily(logs / "x_daily.csv", *rows)
    read(store, logs, end_of_day("2026-10-04"))
    (history,) = load_histories(store, assumed_delay_s=6 * 3600)
    assert history.assumed == 200
    assert set((history.available_at - history.measured_at).tolist()) == {6 * 3600}


def test_nights_that_came_one_by_one_assume_nothing(store, logs):
    for k in range(20):
        day = iso_date(end_of_day("2026-09-01") + k * DAY_S)
        write_daily(logs / f"{k:02d}_daily.csv", f"PET1,peak,511.2,{day} 07:00")
        read(store, logs, end_of_day(day) + 12_600)
    (history,) = load_histories(store)
    assert history.assumed == 0


def repair(hours=6.0, read_on=9, **columns):
    """Return the repair of a component on the tenth day, and a reading of a day."""
    at = np.array([9 * DAY + DAY // 2])
    content = {"unit_id": ["PET1"], "component_id": ["block1"], "kind": ["corrective"],
               "reported_at": at, "started_at": at, "completed_at": at + int(3600 * hours),
               "logged_at": at + int(3600 * hours), **columns}  # fmt: skip
    read_at = np.array([read_on * DAY + DAY // 2])
    reading = measurements(1, measured_at=read_at, available_at=read_at, known_on_arrival=1)
    return Batch(reading, services=frame_of(SERVICE_COLUMNS, content))


def came(store, name, batch, day):
    """Let a file come in the night after a day, when the one before was scored."""
    with store.writing() as connection:
        arrived_at, not_before = (day + 1) * DAY + 12_600, day * DAY + 1
        writing = writing_of(connection, name, arrived_at=arrived_at, not_before=not_before)
        return store.add(connection, batch, writing)


def test_service_without_a_time_of_its_own_counts_like_the_readings_it_came_with(store):
    came(store, "a", repair(known_on_arrival=[1]), 9)
    assert store.frame(schema.service)["logged_at"].tolist() == [10 * DAY + 12_600]
    assert [len(services_as_of(store, day * DAY)) for day in (9, 10, 11)] == [0, 1, 1]
    of_unit = read_unit(store, "PET1", as_of_s=10 * DAY).services
    pd.testing.assert_frame_equal(services_as_of(store, 10 * DAY), of_unit)


def test_service_that_tells_when_it_was_logged_counts_from_then(store):
    came(store, "a", repair(logged_at=[11 * DAY + 7]), 9)
    assert [len(services_as_of(store, day * DAY)) for day in (10, 11, 12)] == [0, 0, 1]


def test_service_that_was_corrected_later_counts_as_it_was_before(store):
    came(store, "a", repair(known_on_arrival=[1]), 9)
    assert came(store, "b", repair(20.0, read_on=14, known_on_arrival=[1]), 14).replaced == 1
    hours = [
        ((found["completed_at"] - found["reported_at"]) / 3600).tolist()
        for found in (services_as_of(store, day * DAY) for day in (10, 14, 15))
    ]
    assert hours == [[6.0], [6.0], [20.0]]

"""Scanners are replaced, retired, moved, renamed and out of use; their names stay."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from pulsefront.qc.features.ages import days_in_use
from pulsefront.qc.features.sources import load_histories
from pulsefront.qc.site import Mapping, Site, TableColumns, UnitSettings
from pulsefront.qc.store.database import Store
from pulsefront.qc.store.histories.history import lives_of, read_unit, use_of
from pulsefront.qc.store.ingest import find_files, ingest
from pulsefront.qc.store.tables import schema
from pulsefront.qc.times import DAY_S, end_of_day
from strategies_qc import SITE_OF_CASES, values_of, write_daily

TODAY = end_of_day("2026-11-02")
PET1 = UnitSettings(unit_id="PET1", serial="100", installed_on=date(2020, 1, 1))


@pytest.fixture
def store(tmp_path):
    with Store(tmp_path / "qc.db") as opened:
        yield opened


@pytest.fixture
def logs(tmp_path):
    return tmp_path / "logs"


def site_of(*units, **more):
    return SITE_OF_CASES.model_copy(update={"units": units, **more})


def read(store, logs, site, now_s=TODAY):
    result = ingest(store, find_files([logs]), site, now_s=now_s)
    assert result.counts.rows == result.rows
    return result


def write_month(logs, name="a", unit="PET1", month=9, value=511.0):
    rows = [f"{unit},peak,{value},2026-{month:02d}-{day:02d} 07:00" for day in range(1, 29)]
    write_daily(logs / f"{name}_daily.csv", *rows)


def test_new_serial_number_begins_a_new_life(store, logs):
    write_month(logs)
    read(store, logs, site_of(PET1), now_s=end_of_day("2026-09-29"))
    write_month(logs, "b", month=10, value=498.0)
    new = PET1.model_copy(update={"serial": "200", "installed_on": date(2026, 10, 1)})
    read(store, logs, site_of(new), now_s=end_of_day("2026-10-29"))
    lives = lives_of(store, "PET1")
    assert [life.record["serial"] for life in lives] == ["100", "200"]
    frames = read_unit(store, "PET1", as_of_s=end_of_day("2026-10-30"))
    assert frames.life_from == end_of_day("2026-09-30")
    assert frames.unit["installed_on"] == end_of_day("2026-09-30")
    before = read_unit(store, "PET1", as_of_s=end_of_day("2026-09-30"))
    assert before.unit["serial"] == "100"
    # No history mixes the two: a step from one scanner to the other is no drift.
    histories = list(load_histories(store))
    assert [h.unit_id for h in histories] == ["PET1 (100)", "PET1"]
    assert [sorted(set(h.value.tolist())) for h in histories] == [[511.0], [498.0]]


def test_log_that_still_tells_the_old_serial_number_does_not_bring_the_old_life_back(store, logs):
    columns = TableColumns(unit_id="unit", serial="serial")
    site = Site(mappings={"*.csv": Mapping(table="unit", columns=columns)})
    for serial in ("100", "200", "100"):
        write_daily(logs / f"{serial}.csv", f"PET1,{serial}", head="unit,serial\n")
        write_daily(logs / f"again_{serial}.csv", f"PET1,{serial}", head="unit,serial\n")
        read(store, logs, site)
    assert store.units()["serial"].tolist() == ["200"]


def test_retired_idle_and_not_yet_used_units_are_told_apart(store, logs):
    write_month(logs)
    unit = PET1.model_copy(
        update={
            "active_from": date(2026, 9, 1),
            "active_to": date(2026, 9, 30),
            "idle": ((date(2026, 9, 10), date(2026, 9, 12)),),
        }
    )
    read(store, logs, site_of(unit))
    record = read_unit(store, "PET1").unit
    uses = {day: use_of(record, end_of_day(day)) for day in (
        "2026-08-20", "2026-09-05", "2026-09-11", "2026-09-13", "2026-10-02")}  # fmt: skip
    assert list(uses.values()) == ["not yet in use", "in use", "idle", "in use", "retired"]


def test_days_out_of_use_are_no_days_to_learn_from(store, logs):
    write_month(logs)
    unit = PET1.model_copy(update={"idle": ((date(2026, 9, 10), date(2026, 9, 12)),)})
    read(store, logs, site_of(unit))
    (history,) = load_histories(store)
    ends = end_of_day("2026-09-08") + DAY_S * np.arange(6)
    assert days_in_use(history.unit, ends).tolist() == [True, True, False, False, False, True]


def test_renamed_scanner_keeps_its_readings_under_the_new_name(store, logs):
    write_month(logs)
    read(store, logs, SITE_OF_CASES)
    write_month(logs, "b", "PETCT-A", month=10)
    renamed = UnitSettings(unit_id="PETCT-A", aliases=("PET1",))
    result = read(store, logs, site_of(renamed))
    assert store.units()["unit_id"].tolist() == ["PETCT-A"]
    assert len(values_of(store, "PETCT-A")) == 56
    assert any("'PET1' is 'PETCT-A' now" in note for note in result.notes)
    assert store.frame(schema.arrival)["unit_id"].unique().tolist() == ["PETCT-A"]


def test_two_scanners_are_not_joined_by_a_wrong_alias(store, logs):
    write_month(logs)
    write_month(logs, "b", "PET2")
    read(store, logs, SITE_OF_CASES)
    result = read(store, logs, site_of(UnitSettings(unit_id="PET2", aliases=("PET1",))))
    assert any("stay two units" in note for note in result.notes)
    assert len(values_of(store, "PET1")) == 28


def alternating(logs, unit="PET1", other="pet1"):
    """Write two months in which a log calls one scanner by two names in turn."""
    write_month(logs, "a", unit, 9)
    write_month(logs, "b", other, 9, value=512.0)
    rows = (f"{other},peak,513.0,2026-10-{day:02d} 07:00" for day in range(1, 10))
    write_daily(logs / "c_daily.csv", *rows, f"{unit},peak,514.0,2026-10-20 07:00")


def test_units_that_differ_in_case_alone_stay_two_and_are_named_with_the_alias(store, logs):
    alternating(logs)
    for _ in range(2):
        result = read(store, logs, SITE_OF_CASES)
        (note,) = [note for note in result.notes if "differ in case alone" in note]
        assert note.startswith("'PET1' and 'pet1' differ in case alone and are 2 units")
        assert 'give aliases = ["pet1"] to unit_id = "PET1" under [[units]]' in note
    assert sorted(store.units()["unit_id"]) == ["PET1", "pet1"]


def test_alias_joins_names_that_differ_in_case_alone_whatever_their_days(store, logs):
    alternating(logs)
    read(store, logs, SITE_OF_CASES)
    one = UnitSettings(unit_id="pet1", aliases=("PET1",))
    result = read(store, logs, site_of(one))
    assert store.units()["unit_id"].tolist() == ["pet1"]
    assert len(values_of(store, "pet1")) == 28 + 10
    assert not any("case alone" in note or "stay two" in note for note in result.notes)


def test_two_scanners_that_the_site_names_apart_may_differ_in_case_alone(store, logs):
    alternating(logs)
    result = read(store, logs, site_of(UnitSettings(unit_id="PET1"), UnitSettings(unit_id="pet1")))
    assert not any("case alone" in note for note in result.notes)
    assert sorted(store.units()["unit_id"]) == ["PET1", "pet1"]


def test_tests_that_differ_in_case_alone_are_named(store, logs):
    write_daily(logs / "a_daily.csv", "PET1,Peak,511,2026-10-01", "PET1,peak,511,2026-10-02",
                "PET1,gain,1.0,2026-10-01")  # fmt: skip
    (note,) = read(store, logs, SITE_OF_CASES).notes
    assert note.startswith("the tests 'Peak' and 'peak' (such as of PET1) differ in case alone")


def test_component_named_otherwise_is_joined_to_its_own_name(store, logs):
    columns = TableColumns(
        unit_id="Scanner", test="Test", value="Value", measured_at="Date", component_id="Head"
    )
    head = "Scanner,Test,Value,Date,Head\n"
    write_daily(logs / "a_daily.csv", "CAM1,peak,140.5,2026-10-01,H1", head=head)
    site = Site(mappings={"*_daily.csv": Mapping(columns=columns)})
    read(store, logs, site)
    write_daily(logs / "b_daily.csv", "CAM1,peak,140.6,2026-10-02,Detector 1", head=head)
    unit = UnitSettings(unit_id="CAM1", components={"head 1": ("H1", "Detector 1")})
    read(store, logs, site.model_copy(update={"units": (unit,)}))
    assert store.frame(schema.series)["component_id"].tolist() == ["head 1"]
    assert values_of(store, "CAM1") == [140.5, 140.6]


def test_moved_scanner_restarts_its_baselines_from_the_day_it_was_known(store, logs):
    write_month(logs)
    read(store, logs, site_of(PET1.model_copy(update={"site": "east"})),
         now_s=end_of_day("2026-09-29"))  # fmt: skip
    moved = PET1.model_copy(update={"site": "west"})
    read(store, logs, site_of(moved), now_s=end_of_day("2026-10-15"))
    later = read_unit(store, "PET1", as_of_s=end_of_day("2026-10-20"))
    assert later.unit["site"] == "west"
    assert later.services["kind"].tolist() == ["upgrade"]
    earlier = read_unit(store, "PET1", as_of_s=end_of_day("2026-09-20"))
    assert earlier.unit["site"] == "east"
    assert earlier.services.empty


def test_number_that_a_spreadsheet_wrote_with_a_decimal_is_the_same_unit(store, logs):
    write_daily(logs / "a_daily.csv", "1.0,peak,511.0,2026-10-01", "1,peak,511.1,2026-10-02")
    read(store, logs, SITE_OF_CASES)
    assert store.units()["unit_id"].tolist() == ["1"]
    assert values_of(store, "1") == [511.0, 511.1]

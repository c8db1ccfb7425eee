"""The rehearsal of a month: what it does to the job, and that it would see what goes wrong."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from contextlib import closing
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from pulsefront.cli.main import app
from pulsefront.qc.rehearsal import rehearse as module
from pulsefront.qc.rehearsal.compare import contents, differences, wrong_readings
from pulsefront.qc.rehearsal.faults import (
    FaultPlan,
    clock_changes,
    night_time,
    plan_faults,
    undisturbed,
)
from pulsefront.qc.rehearsal.files import files_of_month, until
from pulsefront.qc.rehearsal.page import figures_of, rehearsal_page, result_json
from pulsefront.qc.rehearsal.rehearse import RehearsalSettings, rehearse
from pulsefront.qc.simulate.fleet import simulate_units
from pulsefront.qc.times import DAY_S, end_of_day, iso_time
from pulsefront.report import render
from strategies_qc import tiny_fleet

ZONE = "Europe/Amsterdam"
SUNDAY_S = end_of_day("2031-10-24")  # the beginning of the day before summer time ends


def test_timer_follows_the_clock_on_the_wall_through_the_end_of_summer_time():
    nights = [iso_time(night_time(SUNDAY_S, night, ZONE)) for night in range(2)]
    assert nights == ["2031-10-26T02:30:00Z", "2031-10-27T02:30:00Z"]
    assert iso_time(night_time(SUNDAY_S, -1, ZONE)) == "2031-10-25T01:30:00Z"
    twice = clock_changes(SUNDAY_S, 0, ZONE)
    assert [iso_time(when) for when in twice] == ["2031-10-26T00:30:00Z", "2031-10-26T01:30:00Z"]
    assert clock_changes(SUNDAY_S, 1, ZONE) == ()
    assert clock_changes(end_of_day("2031-03-28"), 0, ZONE) == ()  # the hour that is left out


@pytest.mark.parametrize("seed", range(20))
def test_plan_has_every_fault_every_kill_and_a_night_to_mend(seed):
    plan = plan_faults(31, 100, np.random.default_rng(seed))
    counts = plan.counts()
    assert sum(plan.kills) == 100
    wanted = {"disk full": 3, "gone": 2, "two jobs": 2, "clock back": 2, "locked": 1,
              "clock ahead": 1, "clock far ahead": 1, "receiver down": 1}  # fmt: skip
    assert wanted.items() <= counts.items()
    assert plan.faults[-1] in {"none", "kill"}
    assert plan.ends_whole[-1]
    after = plan.faults.index("clock ahead") + 1
    assert plan.faults[after] in {"none", "kill"}
    assert plan.ends_whole[after]


def test_files_hold_every_reading_of_the_month_whatever_becomes_of_them():
    fleet = tiny_fleet(scanners=3, years=0.5)
    names = ("north", "city", "coast")
    zones = (ZONE, "Europe/Berlin", "America/New_York")
    sites = tuple(
        fleet.sites[0].model_copy(update={"name": n, "timezone": z, "scanners": 1})
        for n, z in zip(names, zones, strict=True)
    )
    fleet = fleet.model_copy(update={"sites": sites})
    units = list(simulate_units(fleet))
    month = files_of_month(fleet, units, nights=20, random=np.random.default_rng(1))
    expected = sum((unit.measurements["measured_at"] >= month.start_s).sum() for unit in units)
    assert len(month.readings) == expected > 0
    last = {a.path: a for a in month.arrivals if a.kind in {"daily", "late", "unmapped"}}
    assert sum(a.content.count(b"\n") - 1 for a in last.values()) <= expected
    assert {"late", "duplicate", "corrected", "unmapped"} <= set(month.kinds())
    assert all(unit.measurements["available_at"].max() < month.start_s
               for unit in (until(unit, month.start_s) for unit in units))  # fmt: skip
    late = next(a for a in month.arrivals if a.kind == "late" and a.night > a.first_day)
    assert month.joins_late(late.first_day, late.night)
    assert not month.joins_late(month.nights - 1, month.nights - 1)


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A rehearsal of five nights: its folder and its result."""
    out = tmp_path_factory.mktemp("rehearsal")
    faults = ("disk full", "kill", "clock back", "two jobs", "none")
    plan = FaultPlan(faults, (0, 2, 0, 0, 0), (True, False, True, True, True))
    settings = RehearsalSettings(nights=5, kills=2, scanners_a_site=1, years=1.5, on_time=False)
    return out, rehearse(out, settings, plan=plan)


def test_five_nights_with_faults_end_like_five_without(small):
    _, result = small
    assert result.differences == dict.fromkeys(result.differences, 0)
    assert result.wrong_readings == 0
    assert result.kills == 2
    assert [night.as_documented for night in result.log.nights] == [True] * 5
    codes = {n.fault: {job.code for job in n.ended} for n in result.log.nights}
    assert codes["disk full"] <= {2, 3, 6}
    assert 5 in codes["two jobs"]
    assert len(result.log.scored_on) == 5
    assert 2 in result.late_nights
    assert result.accounts.rows_in == result.accounts.accounted > 1000
    assert result.told_twice == result.not_told == 0
    assert result.passed


def test_result_is_told_as_figures_as_json_and_as_a_page(small):
    _, result = small
    figures = dict(figures_of(result))
    assert figures["rows in"] == figures["rows accounted for"]
    assert figures["rows that differ from the undisturbed month"] == 0
    assert result_json(result)["passed"] is True
    page = render(rehearsal_page(result, {}))
    assert "are those of the month without faults" in page


@pytest.mark.parametrize(
    ("statement", "kind"),
    [
        ("DELETE FROM measurement WHERE measured_at = (SELECT max(measured_at) FROM measurement)",
         "readings"),
        ("UPDATE score SET probability = probability + 0.001", "scores"),
        ("UPDATE source SET rows_in = rows_in + 1", "files in the ledger"),
        ("UPDATE arrival SET not_before = not_before + 86400", "readings"),
    ],
)  # fmt: skip
def test_what_differs_is_seen(small, tmp_path, statement, kind):
    out, _ = small
    copy = tmp_path / "disturbed"
    copy.mkdir()
    for name in ("logs", "out"):
        (copy / name).symlink_to(out / "disturbed" / name)
    with closing(sqlite3.connect(out / "disturbed" / "qc.db")) as database:
        database.execute(f"VACUUM INTO '{copy / 'qc.db'}'")
    before = contents(copy)
    with closing(sqlite3.connect(copy / "qc.db")) as database, database:
        database.execute(statement)
    found = differences(before, contents(copy))
    assert {name for name, count in found.items() if count} == {kind}


def test_reading_that_is_lost_is_counted(small):
    out, result = small
    start_s = end_of_day(result.settings.last_day) - 5 * DAY_S
    db = out / "undisturbed" / "qc.db"
    with closing(sqlite3.connect(db)) as database, database:
        rows = database.execute(
            "SELECT unit_id, component_id, test, measured_at, value FROM measurement JOIN series "
            "USING (series_id) WHERE measured_at >= ?", (start_s,),
        ).fetchall()  # fmt: skip
    columns = ["unit_id", "component_id", "test", "measured_at", "value"]
    truth = pd.DataFrame(rows, columns=columns)
    assert wrong_readings(out / "undisturbed", truth, start_s) == 0
    assert wrong_readings(out / "undisturbed", truth.iloc[1:], start_s) == 1


def test_month_of_a_machine_that_is_off_has_no_other_fault():
    plan = undisturbed(5, frozenset({1, 3}))
    assert Counter(plan.faults) == {"none": 3, "off": 2}
    assert plan.kills == (0,) * 5


def test_command_prints_the_figures_and_fails_where_something_differs(small, tmp_path, monkeypatch):
    _, result = small
    wrong = replace(result, wrong_readings=1)
    for found, code in ((result, 0), (wrong, 3)):
        monkeypatch.setattr(module, "rehearse", lambda *_, found=found, **__: found)
        done = CliRunner().invoke(app, ["qc", "rehearse", "--out", str(tmp_path)])
        assert done.exit_code == code
        assert "rows that differ from the undisturbed month" in done.output
        assert (tmp_path / "rehearsal.html").exists()
        content = json.loads((tmp_path / "rehearsal.json").read_text())
        assert content["passed"] is (code == 0)

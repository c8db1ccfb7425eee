"""Failure tables by mapping: each documented shape is read, and what is wrong is named."""

from __future__ import annotations

import datetime as dt
import re
import tomllib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from pulsefront.cli.main import app
from pulsefront.config import validate
from pulsefront.errors import ConfigError, QCDataError
from pulsefront.qc.backtest.failure_fleet import fleet_of_tables, hours_between_rows
from pulsefront.qc.backtest.failure_mapping import HOURS_OF_A_DAY, FailureTables
from pulsefront.qc.backtest.failure_tables import histories_of_tables, read_tables
from pulsefront.qc.backtest.results import read_backtest
from pulsefront.qc.features.labels import Target
from pulsefront.qc.features.samples import build_fleet, split_time
from pulsefront.qc.models.choice.folds import score_folds
from pulsefront.qc.models.choice.protocol import BacktestSettings
from pulsefront.qc.models.fit import fit_model
from pulsefront.qc.models.horizons.held_out import held_out_horizons
from pulsefront.qc.simulate.telemetry import TelemetrySettings, simulate_machines
from strategies_telemetry import write_public_form

DOCUMENT = Path(__file__).parents[3] / "docs" / "failure_tables.md"
EXAMPLES = re.findall(r"```toml\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
SETTINGS = TelemetrySettings(machines=6, days=120, seed=3)


def mapping(which: int) -> FailureTables:
    return validate(FailureTables, tomllib.loads(EXAMPLES[which]), file=DOCUMENT)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The files of a telemetry set, as public sets have them."""
    path = tmp_path_factory.mktemp("telemetry")
    write_public_form(SETTINGS, path)
    return path


def test_separate_files_give_the_records_that_they_were_made_of(folder):
    units = list(read_tables(mapping(0), folder))
    for number, (told, unit) in enumerate(
        zip(units, simulate_machines(SETTINGS), strict=True), start=1
    ):
        assert told.units["unit_id"][0] == str(number)
        assert told.units["model"][0] == unit.units["model"][0]
        key = ["test", "measured_at"]
        one, other = (
            frame.assign(test=frame["test"].replace("rotation", "rotate"))
            .sort_values(key)[[*key, "value"]]
            .reset_index(drop=True)
            for frame in (told.measurements, unit.measurements)
        )
        pd.testing.assert_frame_equal(one, other, check_dtype=False)
        for frame, columns in (("events", ["code", "occurred_at"]),
                               ("services", ["component_id", "kind", "reported_at"])):  # fmt: skip
            assert (
                sorted(getattr(told, frame)[columns].itertuples(index=False, name=None))
                == sorted(getattr(unit, frame)[columns].drop_duplicates().itertuples(
                    index=False, name=None))
            )  # fmt: skip


def test_parts_without_readings_are_what_fails(folder):
    fleet = build_fleet(histories_of_tables(mapping(0), folder), Target(2, 7), stride_before=1)
    assert {name for _, name in fleet.components} == {"", "part1", "part2", "part3", "part4"}
    models = {u.units["unit_id"][0]: u.units["model"][0] for u in read_tables(mapping(0), folder)}
    failed = pd.read_csv(folder / "failures.csv")
    kinds = {(kind.model, kind.component) for kind in fleet.schema.kinds}
    rows = zip(failed["machineID"], failed["failure"], strict=True)
    often = [(models[str(machine)], part) in kinds for machine, part in rows]
    assert sum(map(len, fleet.failures_s)) == sum(often) > 10
    assert (fleet.samples.label == 1).any()


def test_first_of_a_run_of_flagged_rows_is_the_failure(tmp_path):
    lines = ["date,serial_number,smart_5_raw,smart_187_raw,smart_197_raw,failure"]
    for day in range(1, 11):
        lines.append(f"2026-01-{day:02d},A,{day},0,,{int(day >= 9)}")
        lines.append(f"2026-01-{day:02d},B,1,0,0,0")
    (tmp_path / "disks.csv").write_text("\n".join(lines))
    a, b = histories_of_tables(mapping(1), tmp_path)
    assert [str(pd.Timestamp(t, unit="s")) for t in a.services["reported_at"]] == [
        "2026-01-09 00:00:00"
    ]
    assert b.services.empty
    assert [test for _, test in a.series] == ["smart_187_raw", "smart_5_raw"]
    assert len(b.value) == 30


def test_long_rows_and_counted_hours(tmp_path):
    readings = ["pump,hour,part,quantity,value"]
    readings += [f"P1,{hour},bearing,heat,{20 + hour}" for hour in (0, 24, 24.5)]
    readings += ["P1,24,bearing,heat,99"]  # said twice: the first one counts
    (tmp_path / "readings.csv").write_text("\n".join(readings))
    (tmp_path / "failures.csv").write_text("pump,hour,part\nP1,48,bearing\n")
    (history,) = histories_of_tables(mapping(2), tmp_path)
    assert history.components == ("bearing",)
    assert history.value.tolist() == [20.0, 44.0, 44.5]
    assert np.diff(history.measured_at).tolist() == [86_400, 1_800]
    assert history.services["reported_at"][0] - history.measured_at[0] == 172_800


def test_replacement_near_a_failure_of_its_part_is_the_repair(tmp_path, folder):
    for path in folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    failures = pd.read_csv(folder / "failures.csv", parse_dates=["datetime"])
    maint = failures.rename(columns={"failure": "comp"})
    maint["datetime"] += pd.to_timedelta([5, 30] * len(maint), unit="h")[: len(maint)]
    maint.to_csv(tmp_path / "maint.csv", index=False)
    kinds = pd.concat([u.services for u in read_tables(mapping(0), tmp_path)])["kind"]
    assert (kinds == "corrective").sum() == len(failures)
    assert (kinds == "preventive").sum() == len(failures) // 2


@pytest.mark.parametrize(
    ("file", "old", "new", "words"),
    [
        (
            "errors.csv",
            "errorID",
            "error",
            "errors.csv: errorID: has no such column; name one of datetime",
        ),
        ("telemetry.csv", "2015-01-01 03:00:00", "yesterday", "line 5 is no time in the form"),
        ("telemetry.csv", "vibration\n", "vibration\n2015-01-01,1,x,1,1,1\n", "line 2 is no num"),
        ("telemetry.csv", "vibration\n", "vibration\n2015-01-01,1,inf,1,1,1\n", "line 2 is no num"),
        ("failures.csv", "part", "", ""),
    ],
)
def test_what_is_wrong_is_named(tmp_path, folder, file, old, new, words):
    for path in folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    text = (tmp_path / file).read_text()
    assert old in text
    (tmp_path / file).write_text(text.replace(old, new, 1))
    if not words:
        assert list(read_tables(mapping(0), tmp_path))
        return
    with pytest.raises(QCDataError) as caught:
        list(read_tables(mapping(0), tmp_path))
    assert re.search(words, str(caught.value), re.DOTALL), str(caught.value)


def test_missing_file_other_names_and_flags_that_say_nothing(tmp_path, folder):
    with pytest.raises(QCDataError, match="cannot be read"):
        list(read_tables(mapping(1), tmp_path))
    (tmp_path / "disks.csv").write_text(
        "date,serial_number,smart_5_raw,smart_187_raw,smart_197_raw,failure\n2026-01-01,A,1,1,1,?\n"
    )
    with pytest.raises(QCDataError, match="line 2 says neither yes nor no"):
        list(read_tables(mapping(1), tmp_path))
    (tmp_path / "disks.csv").write_text((tmp_path / "disks.csv").read_text().replace("?", "no"))
    with pytest.raises(QCDataError, match="there is no failure"):
        list(read_tables(mapping(1), tmp_path))
    for path in folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    strangers = re.sub(r",(\d+),part", r",M\1,part", (folder / "failures.csv").read_text())
    (tmp_path / "failures.csv").write_text(strangers)
    with pytest.raises(QCDataError, match="no machine that failed has readings"):
        list(read_tables(mapping(0), tmp_path))


def test_times_of_another_form_and_a_lacking_mapping_say_what_to_give(tmp_path, folder):
    for path in folder.iterdir():
        table = pd.read_csv(path)
        if "datetime" in table:
            table["datetime"] = pd.to_datetime(table["datetime"]).dt.strftime(
                "%m/%d/%Y %I:%M:%S %p"
            )
        table.to_csv(tmp_path / path.name, index=False)
    with pytest.raises(QCDataError, match="time_format in the mapping, such as") as caught:
        list(read_tables(mapping(0), tmp_path))
    form = re.search(r'"(%m[^"]*)"', str(caught.value)).group(1)
    told = list(read_tables(mapping(0).model_copy(update={"time_format": form}), tmp_path))
    assert len(told) == SETTINGS.machines
    words = ["qc", "backtest", "--public", str(tmp_path), "--out", str(tmp_path / "out")]
    done = CliRunner().invoke(app, words)
    assert "pulsefront new failure_tables" in str(done.exception)


def test_mapping_that_makes_no_sense_is_refused():
    content = tomllib.loads(EXAMPLES[2])
    content["readings"][0]["values"] = ["value"]
    with pytest.raises(ConfigError, match="give values"):
        validate(FailureTables, content, file=DOCUMENT)
    content = tomllib.loads(EXAMPLES[0])
    content["readings"][0]["valuse"] = ["volt"]
    with pytest.raises(ConfigError, match="valuse"):
        validate(FailureTables, content, file=DOCUMENT)


@given(st.integers(-30, 60))
def test_hours_between_rows_divide_a_day_or_are_refused(hours):
    content = {**tomllib.loads(EXAMPLES[1]), "every_hours": hours}
    if hours in HOURS_OF_A_DAY:
        assert validate(FailureTables, content, file=DOCUMENT).every_hours == hours
        return
    with pytest.raises(ConfigError, match=r"every_hours.*give one of 1, 2, 3"):
        validate(FailureTables, content, file=DOCUMENT)


@given(st.integers(1, 90), st.integers(1, 30 * 86_400))
def test_rows_come_as_often_as_the_horizon_asks_and_the_readings_allow(horizon, read_s):
    hours = hours_between_rows(Target(0, horizon), read_s)
    assert hours in HOURS_OF_A_DAY
    assert 3 <= hours <= max(24, horizon * 6)
    assert hours == 24 or hours * 3600 >= read_s
    if read_s <= 3 * 3600 and horizon < 4:
        assert hours == {1: 6, 2: 12, 3: 12}[horizon]


def test_rows_of_hourly_readings_are_hours_and_every_row_is_learned_from(folder):
    plan = mapping(0)
    fleet = fleet_of_tables(plan, folder, Target(0, 1))
    assert fleet.every_s == fleet.spacing_s == 6 * 3600
    assert fleet.schema.hourly
    assert "unit volt:above_3h" in fleet.schema.names
    instants = np.unique(fleet.samples.as_of_s)
    assert len(instants) == 4 * 120 - 4  # from the end of the first day on
    asked = plan.model_copy(update={"every_hours": 12})
    twice = fleet_of_tables(asked, folder, Target(0, 1))
    assert set(np.diff(np.unique(twice.samples.as_of_s))) == {12 * 3600}
    rare = fleet_of_tables(plan, folder, Target(2, 28))
    assert set(np.diff(np.unique(rare.samples.as_of_s))) == {86_400}


def test_chances_by_days_ahead_expect_nothing_of_scanners_where_readings_are_hours(folder):
    fleet = fleet_of_tables(mapping(0), folder, Target(0, 1))
    plan = BacktestSettings(candidates=("prior", "blend"), folds=2)
    scores = score_folds(fleet, plan)
    cut_s = split_time(fleet, plan.calibrate_until)
    curve = held_out_horizons(fleet, scores, "blend", plan, until_s=cut_s)
    assert curve.bend_score is None  # the shape that was measured on scanners


def test_model_of_rows_by_the_hour_is_not_for_stores(folder):
    fleet = fleet_of_tables(mapping(0), folder, Target(0, 1))
    with pytest.raises(QCDataError, match="cannot score a store"):
        fit_model(fleet)


def test_command_back_tests_tables_and_says_what_it_lacks(tmp_path, folder):
    plan = tmp_path / "map.toml"
    plan.write_text(EXAMPLES[0])
    words = ["qc", "backtest", "--out", str(tmp_path / "out"), "--mapping", str(plan)]
    refused = CliRunner().invoke(app, words)
    assert refused.exit_code != 0
    done = CliRunner().invoke(
        app,
        [*words, "--public", str(folder), "--lead-days", "0", "--horizon-days", "1",
         "--models", "ewma,prior", "--folds", "2", "--null-repeats", "0"],
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    assert "failures found" in done.output
    assert (tmp_path / "out" / "backtest.html").is_file()
    result = read_backtest(tmp_path / "out" / "backtest.json")
    ends = (result.protocol.calibrate_until, result.protocol.last_day)
    first, last = (dt.date.fromisoformat(end) for end in ends)
    assert 1 <= max(h.days for h in result.horizons) <= (last - first).days + 1

"""Windows of hours: the numbers that they should be, and nothing of the future in them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pulsefront.qc.features.daily import daily_as_of, unit_features
from pulsefront.qc.features.history import history_from_frames
from pulsefront.qc.features.labels import Target
from pulsefront.qc.features.samples import build_fleet, outline_of
from pulsefront.qc.features.schema import WINDOW_STATISTICS, FeatureSchema, Kind, schema_of
from pulsefront.qc.models.decide import phrase
from pulsefront.qc.simulate.telemetry import TelemetrySettings, simulate_machines
from pulsefront.qc.times import DAY_S

HOUR_S = 3600
KINDS = (Kind("model1", "part1"), Kind("model1", "part2"))


@pytest.fixture(scope="module")
def machine():
    (unit,) = simulate_machines(TelemetrySettings(machines=1, days=100, seed=5))
    return history_from_frames(unit.units.assign(model="model1"), *unit[1:])


def hourly(history):
    plain = schema_of([history])
    return FeatureSchema(
        plain.tests, plain.unit_tests, plain.codes, version=2, kinds=KINDS, hourly=True
    )


def told(history, as_of_s):
    schema = hourly(history)
    return schema, unit_features(history, schema, as_of_s)


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 100 * 8), st.sampled_from([3, 24, 72]))
def test_windows_are_what_numpy_says_of_the_readings_that_were_known(machine, step, hours):
    instant_s = int(machine.measured_at.min()) // DAY_S * DAY_S + step * 3 * HOUR_S
    schema, features = told(machine, np.array([instant_s]))
    which = machine.series.index(("", "volt"))
    rows = slice(machine.start[which], machine.start[which + 1])
    value, known_s = machine.value[rows], machine.available_at[rows]

    def between(first_s, last_s):
        return value[(known_s > first_s) & (known_s <= last_s)]

    some = between(instant_s - hours * HOUR_S, instant_s)
    usual = between(instant_s - 33 * DAY_S, instant_s - 3 * DAY_S)
    expected = {"mean": some.mean(), "low": some.min(), "high": some.max(), "spread": some.std()}
    if len(usual) >= 10:
        away = (some.mean() - usual.mean()) / usual.std()
        expected |= {"above": max(away, 0.0), "below": max(-away, 0.0)}
    else:
        expected |= {"above": np.nan, "below": np.nan}
    for name, wanted in expected.items():
        found = features.values[:, 0, schema.column(f"unit volt:{name}_{hours}h")]
        assert found == pytest.approx([wanted] * len(features.components), rel=1e-5, nan_ok=True)


def test_counts_of_errors_and_days_since_each_part_was_replaced(machine):
    as_of_s = daily_as_of(int(machine.measured_at.min()), int(machine.measured_at.max()))
    schema, features = told(machine, as_of_s)
    known_s = machine.events.loc[machine.events["code"] == "error1", "available_at"].to_numpy()
    for days in (1, 3, 7, 30):
        wanted = [((known_s > t - days * DAY_S) & (known_s <= t)).sum() for t in as_of_s]
        column = schema.column(f"unit error1:{days}d")
        assert features.values[0, :, column].tolist() == wanted
    done = machine.services
    mine = done.loc[done["component_id"] == "part1", "logged_at"].to_numpy()
    assert len(mine)
    wanted = [(t - mine[mine <= t].max()) / DAY_S if (mine <= t).any() else 3650 for t in as_of_s]
    for part in range(len(features.components)):  # every part is told of every other
        column = schema.column("part1:replaced")
        assert features.values[part, :, column] == pytest.approx(np.array(wanted), rel=1e-6)


@settings(max_examples=10, deadline=None)
@given(st.integers(20, 395))
def test_hourly_features_do_not_change_when_later_records_are_added(machine, row):
    as_of_s = daily_as_of(
        int(machine.measured_at.min()), int(machine.measured_at.max()), every_s=6 * HOUR_S
    )
    cut_s = int(as_of_s[min(row, len(as_of_s) - 1)])
    schema, full = told(machine, as_of_s)
    past = unit_features(machine.known_by(cut_s), schema, as_of_s[as_of_s <= cut_s])
    assert np.array_equal(full.values[:, : len(past.as_of_s)], past.values, equal_nan=True)


def test_readings_of_a_part_are_told_to_that_part_alone():
    (unit,) = simulate_machines(TelemetrySettings(machines=1, days=10, seed=6))
    owner = unit.measurements["test"].map({"volt": "part1", "rotation": "part2"}).fillna("")
    history = history_from_frames(
        unit.units, unit.measurements.assign(component_id=owner), unit.events, unit.services
    )
    schema = schema_of([history], hourly=True)
    features = unit_features(history, schema, daily_as_of(*history.measured_at[[0, -1]]))
    column = schema.column("volt:mean_24h")
    known = np.isfinite(features.values[:, :, column]).any(axis=1)
    assert dict(zip(features.components, known, strict=True)) == {
        "": False, "part1": True, "part2": False,
    }  # fmt: skip
    assert np.isfinite(features.values[:, :, schema.column("unit pressure:mean_24h")]).all()


def test_schemas_of_days_have_no_hours_and_every_name_has_words(machine):
    plain = schema_of([machine])
    assert not {name.rpartition(":")[2] for name in plain.names} & {*WINDOW_STATISTICS, "1d", "3d"}
    assert all(phrase(name, 1.0) for name in hourly(machine).names)


@pytest.mark.parametrize(
    ("horizon", "every_h", "hours"),
    [(28, 24, 168), (31, 24, 168), (7, 24, 24), (1, 24, 24), (1, 6, 6), (1, 3, 6), (7, 3, 42)],
)
def test_rows_lie_a_quarter_of_the_horizon_apart(horizon, every_h, hours):
    assert Target(2, horizon).spacing_s(every_h * HOUR_S) == hours * HOUR_S


def test_fleet_of_rows_within_days_keeps_them_all_or_thins_by_the_horizon(machine):
    outline = outline_of([machine], hourly=True)
    every_s = 6 * HOUR_S
    full = build_fleet([machine], Target(0, 4), outline=outline, every_s=every_s, stride_before=1)
    assert set(np.diff(np.unique(full.samples.as_of_s))) == {every_s}
    assert full.spacing_s == DAY_S
    thin = build_fleet([machine], Target(0, 4), outline=outline, every_s=every_s, daily_from=1.0)
    assert set(np.diff(np.unique(thin.samples.as_of_s))) == {DAY_S}

"""Features: nothing of the future in them, and the right numbers."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pulsefront.qc.features.daily import daily_as_of, unit_features
from pulsefront.qc.features.history import _csv_text, history_from_frames
from pulsefront.qc.features.peers import fill_peers, fleet_levels
from pulsefront.qc.features.schema import FeatureSchema, schema_of
from pulsefront.qc.records import (
    EVENT_COLUMNS,
    SERVICE_COLUMNS,
    UNIT_COLUMNS,
    empty_frame,
    frame_of,
)
from strategies_qc import DAY, history_of, measurements, tiny_units


def history(frame, services=None, events=None):
    units = frame_of(UNIT_COLUMNS, {"unit_id": "PET1", "timezone": "UTC", "model": "m"})
    services = empty_frame(SERVICE_COLUMNS) if services is None else services
    events = empty_frame(EVENT_COLUMNS) if events is None else events
    return history_from_frames(units, frame, events, services)


@given(
    st.lists(
        st.tuples(st.text(max_size=4), st.integers(-9, 2**40), st.floats(allow_infinity=False)),
        max_size=4,
    )
)
def test_text_that_is_hashed_is_that_of_pandas(rows):
    """Hashes of earlier nights stay what they were."""
    frame = pd.DataFrame(rows, columns=['code, or "name"', "at", "hours"])
    assert _csv_text(frame) == frame.to_csv(index=False)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 7), st.integers(30, 700))
def test_features_of_a_day_do_not_change_when_later_records_are_added(unit, day):
    """The look-ahead test: cut the history at what was known, and compare every feature."""
    whole = history_of(tiny_units()[unit])
    schema = schema_of([whole])
    as_of = daily_as_of(int(whole.measured_at.min()), int(whole.measured_at.max()))
    cut = as_of[min(day, len(as_of) - 1)]
    full = unit_features(whole, schema, as_of)
    past = unit_features(whole.known_by(int(cut)), schema, as_of[as_of <= cut])
    size = len(past.as_of_s)
    assert np.array_equal(full.values[:, :size], past.values, equal_nan=True)
    assert np.array_equal(full.records[:, :size], past.records)
    assert np.array_equal(full.levels[:, :size], past.levels, equal_nan=True)
    assert np.array_equal(full.last_measured_s[:size], past.last_measured_s)
    assert np.array_equal(full.software[:size], past.software)
    assert np.array_equal(full.in_service[:, :size], past.in_service)


def test_look_ahead_test_would_see_a_leak():
    """A feature that used measured_at for available_at must fail the comparison above."""
    frame = measurements(60)
    frame["available_at"] = frame["measured_at"] + 5 * DAY
    leaky = frame.assign(available_at=frame["measured_at"])
    schema = schema_of([history(frame)])
    as_of = daily_as_of(0, 59 * DAY)
    cut = int(as_of[30])
    known = frame[frame["available_at"] <= cut]
    full = unit_features(history(leaky), schema, as_of[:31])
    past = unit_features(
        history(known.assign(available_at=known["measured_at"])), schema, as_of[:31]
    )
    assert not np.array_equal(full.values, past.values, equal_nan=True)


def test_a_grid_of_one_instant_gives_the_same_as_the_whole_grid():
    whole = history_of(tiny_units()[0])
    schema = schema_of([whole])
    as_of = daily_as_of(int(whole.measured_at.min()), int(whole.measured_at.max()))
    full = unit_features(whole, schema, as_of)
    one = unit_features(whole, schema, as_of[400:401])
    assert np.array_equal(full.values[:, 400:401], one.values, equal_nan=True)


def test_late_record_counts_from_the_day_it_became_known():
    frame = measurements(40, value=np.full(40, 1.0))
    frame.loc[30, "value"] = 50.0
    frame.loc[30, "available_at"] = frame.loc[34, "available_at"]
    schema = schema_of([history(frame)])
    features = unit_features(history(frame), schema, daily_as_of(0, 39 * DAY))
    level = features.values[0, :, schema.column("gain:ewma")]
    assert level[33] < 1e-6 < level[34]


def test_slope_is_in_limit_units_per_thirty_days():
    days = np.arange(90)
    frame = measurements(
        90, value=100.0 + 0.1 * days, reference=100.0, tolerance_low=95.0, tolerance_high=105.0
    )
    schema = schema_of([history(frame)])
    features = unit_features(history(frame), schema, daily_as_of(0, 89 * DAY))
    # 0.1 a day is 3 in 30 days, and the limit unit is 5.
    assert features.values[0, -1, schema.column("gain:slope")] == pytest.approx(0.6, rel=1e-4)
    assert features.values[0, -1, schema.column("gain:slope_slow")] == pytest.approx(0.6, rel=1e-4)
    assert features.values[0, -1, schema.column("gain:level")] == pytest.approx(8.8 / 5, rel=1e-4)


def test_baseline_reset_is_not_an_improvement():
    """A calibration that takes a drift away leaves its size in `absorbed`, and no slope back."""
    random = np.random.default_rng(0)
    value = np.concatenate([np.full(40, 0.0), np.linspace(0, 8, 60), np.zeros(30)])
    value += random.normal(0, 0.2, len(value))
    baseline = np.array(["a"] * 100 + ["b"] * 30, dtype=object)
    frame = measurements(
        130, value=value, reference=0.0, tolerance_low=-4.0, tolerance_high=4.0,
        baseline_id=baseline,
    )  # fmt: skip
    schema = schema_of([history(frame)])
    features = unit_features(history(frame), schema, daily_as_of(0, 129 * DAY))
    at = {s: features.values[0, :, schema.column(f"gain:{s}")] for s in ("absorbed", "slope", "z")}
    assert at["absorbed"][99] < 0.1
    assert at["absorbed"][105] > 1.0
    assert at["slope"][110:].max() < 0.5
    assert np.nanmax(at["z"][110:]) < 5


def test_neighbour_residual_names_the_component_that_stands_out():
    frames = [
        measurements(30, component_id=f"block{k}", value=np.full(30, 10.0 if k == 2 else 1.0),
                     tolerance_low=0.0, tolerance_high=2.0)
        for k in range(5)
    ]  # fmt: skip
    import pandas as pd

    whole = history(pd.concat(frames, ignore_index=True))
    schema = schema_of([whole])
    features = unit_features(whole, schema, daily_as_of(0, 29 * DAY))
    residual = features.values[:, -1, schema.column("gain:neighbour")]
    assert residual.argmax() == 2
    assert residual[[0, 1, 3, 4]] == pytest.approx(0.0)
    assert residual[2] == pytest.approx(9.0)


def test_weekend_without_qc_is_not_missed_qc():
    friday, monday = 1 * DAY, 4 * DAY  # 1970-01-02 was a Friday
    frame = measurements(
        2, measured_at=np.array([friday, monday]), available_at=np.array([friday, monday])
    )
    schema = schema_of([history(frame)])
    features = unit_features(history(frame), schema, daily_as_of(friday, monday + 4 * DAY))
    missed = features.values[0, :, schema.column("missed_qc_days")]
    # Friday, Saturday, Sunday, Monday, Tuesday, …: the first day missed is Tuesday.
    assert missed[:7].tolist() == [0, 0, 0, 0, 1, 2, 3]


def test_counts_of_events_look_back_only():
    when = np.array([10, 20, 21, 22]) * DAY
    events = frame_of(
        EVENT_COLUMNS,
        {
            "occurred_at": when,
            "available_at": when + 3 * DAY,
            "unit_id": "PET1",
            "component_id": "block1",
            "code": "trip",
        },
    )
    whole = history(measurements(60), events=events)
    schema = schema_of([whole])
    features = unit_features(whole, schema, daily_as_of(0, 59 * DAY))
    count = features.values[0, :, schema.column("trip:7d")]
    assert count[11] == 0  # happened on day 10, known on day 13
    assert count[25] == 3
    assert count[40] == 0


def test_peer_residual_needs_five_units_and_is_zero_for_the_median_one():
    histories = [history_of(u) for u in tiny_units()]
    schema = schema_of(histories)
    as_of = daily_as_of(int(histories[0].measured_at.min()), int(histories[0].measured_at.max()))
    units = [unit_features(h, schema, as_of) for h in histories]
    levels = fleet_levels([u.levels for u in units], [u.model for u in units])
    for unit in units:
        fill_peers(unit.values, unit.levels, levels, unit.model, schema)
    place = schema.column("sensitivity:peer")
    residual = np.stack([u.values[0, 300:, place] for u in units])
    assert np.nanmin(residual) >= 0
    assert np.nanmedian(residual) < 0.5
    few = fleet_levels([u.levels for u in units[:4]], [u.model for u in units[:4]])
    assert np.isnan(next(iter(few.values()))).all()


def test_series_in_two_units_of_measurement_are_two_tests():
    import pandas as pd

    frame = pd.concat(
        [measurements(5), measurements(5, measurement_unit="eV", value=np.full(5, 1e3))],
        ignore_index=True,
    )
    assert schema_of([history(frame)]).tests == ("gain [eV]", "gain [keV]")


def test_schema_places_every_name_once():
    schema = FeatureSchema(("a", "b"), ("b",), ("code",))
    assert len(set(schema.names)) == len(schema.names)
    assert schema.names[schema.column("a:slope")] == "a:slope"

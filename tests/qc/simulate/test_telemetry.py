"""Machines watched every hour: what they are, and what our features find beside plain ones."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from pulsefront.qc.features.history import history_from_frames
from pulsefront.qc.features.labels import Target
from pulsefront.qc.features.samples import build_fleet, split_time
from pulsefront.qc.features.schema import Kind
from pulsefront.qc.models.learners.training import choose_features, fit_trees
from pulsefront.qc.simulate.telemetry import TelemetrySettings, simulate_machines
from pulsefront.qc.times import DAY_S

PARTS = ("part1", "part2", "part3", "part4")


def fleet_and_units(machines: int, days: int, seed: int):
    units = list(simulate_machines(TelemetrySettings(machines, days, seed)))
    histories = [history_from_frames(*unit) for unit in units]
    return build_fleet(histories, Target(2, 7), stride_before=1), units


def plain_features(fleet, units):
    """Means and deviations over 3 and 24 hours, counts, times since replacement, kinds."""
    samples = fleet.samples
    columns: list[np.ndarray] = []
    for u, unit in enumerate(units):
        mine = np.flatnonzero(samples.unit == u)
        when = samples.as_of_s[mine]
        found = []
        for _, rows in unit.measurements.groupby("test"):
            total = np.cumsum(np.r_[0.0, rows["value"]])
            squares = np.cumsum(np.r_[0.0, rows["value"] ** 2])
            end = np.searchsorted(rows["available_at"], when, side="right")
            for hours in (3, 24):
                begin = np.maximum(end - hours, 0)
                many = np.maximum(end - begin, 1)
                mean = (total[end] - total[begin]) / many
                spread = (squares[end] - squares[begin]) / many - mean**2
                found += [mean, np.sqrt(np.maximum(spread, 0.0))]
        for code in (f"error{k}" for k in range(1, 6)):
            known = unit.events.loc[unit.events["code"] == code, "available_at"].to_numpy()
            day_before = np.searchsorted(known, when - DAY_S, side="right")
            found.append(np.searchsorted(known, when, side="right") - day_before)
        of = unit.services["component_id"]
        for part in PARTS:
            known = np.r_[0, unit.services.loc[of == part, "logged_at"]]
            found.append((when - known[np.searchsorted(known, when, side="right") - 1]) / DAY_S)
        found.append(np.full(len(mine), int(unit.units["model"].iloc[0][-1])))
        found.append((when - int(unit.units["installed_on"].iloc[0])) / DAY_S)
        names = np.array([fleet.components[c][1] for c in samples.component[mine]])
        found += [names == part for part in PARTS]
        columns.append(np.column_stack(found))
    return np.concatenate(columns).astype(np.float32)


def test_machines_are_the_same_for_the_same_seed_and_parts_without_readings_are_rows():
    fleet, units = fleet_and_units(6, 120, 3)
    again = list(simulate_machines(TelemetrySettings(6, 120, 3)))
    assert all(a.measurements.equals(b.measurements) for a, b in zip(units, again, strict=True))
    assert {kind.component for kind in fleet.schema.kinds} <= set(PARTS)
    assert all(isinstance(kind, Kind) for kind in fleet.schema.kinds)
    silent = [k for k, (_, name) in enumerate(fleet.components) if name]
    rows = np.isin(fleet.samples.component, silent)
    assert rows.any()
    level = fleet.schema.column("volt:level_mean")
    assert np.isnan(fleet.samples.values[rows, level]).all()
    shared = fleet.schema.column("unit volt:rise_day")
    assert np.isfinite(fleet.samples.values[rows & (fleet.samples.records > 30), shared]).all()


def test_with_visits_parts_are_replaced_and_failures_logged_on_them():
    for unit in simulate_machines(TelemetrySettings(6, 200, 4, visit_days=15)):
        days = unit.services["reported_at"].to_numpy() / DAY_S
        assert len(days) > 3
        apart = (days - days[0]) / 15.0
        assert np.abs(apart - np.round(apart)).max() < 1e-4
        assert set(unit.services["kind"]) <= {"corrective", "preventive"}


@pytest.mark.slow
@pytest.mark.parametrize("seed", [11, 12])
def test_boosting_on_our_features_is_at_least_plain_boosting_on_means_and_counts(seed):
    from sklearn.ensemble import HistGradientBoostingClassifier

    fleet, units = fleet_and_units(45, 300, seed)
    samples = fleet.samples
    part = np.array([name != "" for _, name in fleet.components])[samples.component]
    plain = plain_features(fleet, units)
    cut_s = split_time(fleet, 0.6)
    known = part & (samples.label >= 0)
    unseen = samples.unit % 3 == 0
    train = np.flatnonzero(
        known & ~unseen & (samples.as_of_s <= cut_s - fleet.embargo_days * DAY_S)
    )
    test = np.flatnonzero(known & unseen & (samples.as_of_s >= cut_s))
    label = samples.label[train].astype(int)
    peer = HistGradientBoostingClassifier(random_state=0).fit(plain[train], label)
    theirs = average_precision_score(samples.label[test], peer.predict_proba(plain[test])[:, 1])
    columns = choose_features(samples.values[train]).kept
    trees = fit_trees(samples.values[train], label, columns)
    ours = average_precision_score(samples.label[test], trees.log_odds(samples.values[test]))
    print(f"seed {seed}: ours {ours:.3f}, plain {theirs:.3f}")  # noqa: T201
    assert ours >= theirs

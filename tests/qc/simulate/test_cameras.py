"""Cameras that wear otherwise: rough wear up to 1, noise that remembers, sites of their own."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from pulsefront.qc.features.history import history_from_frames
from pulsefront.qc.simulate.cameras import CameraSettings, simulate_cameras
from pulsefront.qc.simulate.unit_records import UnitRecords

SETTINGS = CameraSettings(cameras=24, boards=6, seed=3)


@pytest.fixture(scope="module")
def cameras() -> list[UnitRecords]:
    return list(simulate_cameras(SETTINGS))


def readings(camera: UnitRecords, component: str) -> list[pd.DataFrame]:
    mine = camera.measurements[camera.measurements["component_id"] == component]
    return [rows for _, rows in mine.groupby("test")]


def test_same_seed_gives_the_same_cameras_and_another_others(cameras):
    again = list(simulate_cameras(SETTINGS))
    for one, two in zip(cameras, again, strict=True):
        for name in UnitRecords._fields:
            pd.testing.assert_frame_equal(getattr(one, name), getattr(two, name))
    other = next(simulate_cameras(SETTINGS._replace(seed=4)))
    assert not other.measurements["value"].equals(cameras[0].measurements["value"])


def test_failures_are_as_rare_as_on_scanners_and_some_parts_are_taken_before(cameras):
    services = pd.concat([camera.services for camera in cameras])
    kinds = services["kind"].value_counts()
    years = SETTINGS.cameras * SETTINGS.days / 365.25
    assert 0.15 < kinds["corrective"] / years < 0.6
    assert 0 < kinds["preventive"] < kinds["corrective"] / 2
    assert (services["logged_at"] > services["reported_at"]).all()


def test_noise_remembers_the_day_before_and_has_heavy_tails(cameras):
    quiet = [
        rows
        for camera in cameras
        for component in ("board1", "board2")
        if component not in set(camera.services["component_id"])
        for rows in readings(camera, component)
        if len(rows) > 1_000
    ]
    assert len(quiet) > 20
    steps, correlations, tails = [], [], []
    for rows in quiet:
        level = rows["value"].groupby(rows["baseline_id"]).transform("mean")
        off = (rows["value"] - level).to_numpy()
        next_day = np.diff(rows["measured_at"]) == 86_400
        correlations.append(np.corrcoef(off[:-1][next_day], off[1:][next_day])[0, 1])
        steps.append(off / off.std())
        tails.append((np.abs(steps[-1]) > 4.0).mean())
    # Of a normal distribution 6 in 100 000 lie beyond 4 sigma.
    assert np.mean(correlations) == pytest.approx(0.5, abs=0.1)
    assert np.mean(tails) > 10 * 6e-5


def test_sites_differ_in_tests_scales_and_limits():
    sites = [
        next(simulate_cameras(CameraSettings(1, 2, 60, seed))).measurements for seed in range(12)
    ]
    assert len({tuple(sorted(set(site["test"]))) for site in sites}) > 2
    levels = np.log10([site["value"].median() for site in sites])
    assert np.ptp(levels) > 4.0
    assert {bool(site["reference"].isna().all()) for site in sites} == {True, False}


def test_board_that_fails_has_moved_and_a_sudden_failure_has_not(cameras):
    moved = []
    for camera in cameras:
        failed = camera.services[camera.services["kind"] == "corrective"]
        for row in failed[failed["component_id"] != ""].itertuples():
            for rows in readings(camera, row.component_id):
                before = rows["measured_at"].to_numpy() < row.reported_at
                late = before & (rows["measured_at"].to_numpy() > row.reported_at - 5 * 86_400)
                early = rows["value"][before & ~late].to_numpy()[:-60]
                if late.any() and len(early) > 100:
                    shift = rows["value"][late].mean() - np.median(early)
                    moved.append(abs(shift) / early.std())
    assert len(moved) > 30
    assert 0.2 < np.mean(np.array(moved) > 3.0) < 0.7


def test_records_make_a_history(cameras):
    history = history_from_frames(*cameras[0])
    assert history.components == ("", *(f"board{k + 1}" for k in range(SETTINGS.boards)))
    assert np.isfinite(history.value).all()

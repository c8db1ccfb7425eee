"""Moments and single coincidences say the same; the truth is what was planted."""

from __future__ import annotations

import numpy as np
import pytest

from pulsefront.motion import find_motion
from pulsefront.motion.simulate.attenuation import WATER_PER_MM, chord_mm, survival
from pulsefront.motion.simulate.moves import (
    Breathing,
    PatientMotion,
    RigidMove,
    nodding,
    pose_at,
    table_move,
)
from pulsefront.motion.simulate.phantom import make_phantom
from pulsefront.motion.simulate.scan import ScanPlan, simulate_lines, simulate_scan

STEP = PatientMotion((RigidMove(5.0, 0.5, (2.0, -1.0, 3.0)),), Breathing(0.25))


def test_moments_agree_with_single_coincidences() -> None:
    plan = ScanPlan(duration_s=12, rate_per_s=10_000, patient=3, motion=STEP)
    drawn = simulate_scan(plan, 5, way="kernel").trace
    sampled = simulate_scan(plan, 5).trace
    z = (drawn.centre_mm - sampled.centre_mm) / np.hypot(drawn.error_mm, sampled.error_mm)
    # 36 standard normal numbers: mean and spread within four of their own errors.
    assert abs(z.mean()) < 4 / np.sqrt(z.size)
    assert abs(z.std() - 1) < 4 / np.sqrt(2 * z.size)
    counts = (drawn.counts - sampled.counts) / np.sqrt(drawn.counts + sampled.counts)
    assert abs(counts.mean()) < 4 / np.sqrt(counts.size)
    np.testing.assert_allclose(drawn.spread_mm.mean(0), sampled.spread_mm.mean(0), rtol=0.01)
    np.testing.assert_allclose(drawn.error_mm.mean(0), sampled.error_mm.mean(0), rtol=0.01)


def test_attenuation_is_the_same_in_moments_and_single_coincidences() -> None:
    plan = ScanPlan(duration_s=12, rate_per_s=10_000, patient=3, motion=STEP, attenuation=True)
    drawn = simulate_scan(plan, 5, way="kernel").trace
    sampled = simulate_scan(plan, 5).trace
    z = (drawn.centre_mm - sampled.centre_mm) / np.hypot(drawn.error_mm, sampled.error_mm)
    assert abs(z.mean()) < 4 / np.sqrt(z.size)
    counts = (drawn.counts - sampled.counts) / np.sqrt(drawn.counts + sampled.counts)
    assert abs(counts.mean()) < 4 / np.sqrt(counts.size)
    np.testing.assert_allclose(drawn.spread_mm.mean(0), sampled.spread_mm.mean(0), rtol=0.01)
    # What lies deep is seen less: the distribution is wider than without.
    bare = simulate_scan(ScanPlan(duration_s=12, rate_per_s=10_000, patient=3), 5).trace
    assert (sampled.spread_mm.mean(0) > 1.01 * bare.spread_mm.mean(0))[:2].all()


def test_survival_follows_the_chord() -> None:
    ball = np.array([[10.0, 0.0, 0.0], [80.0, 80.0, 80.0]])
    tube = np.array([[0.0, 0.0, 0.0], [100.0, 60.0, np.inf]])
    x, y = np.array([1.0, 0.0, 0.0]), np.array([0.0, 1.0, 0.0])
    assert chord_mm(10.0, 0.0, 0.0, x, ball) == pytest.approx(160.0)
    assert chord_mm(10.0, 48.0, 0.0, x, ball) == pytest.approx(128.0)
    assert chord_mm(10.0, 90.0, 0.0, x, ball) == 0.0
    assert chord_mm(0.0, 0.0, 500.0, y, tube) == pytest.approx(120.0)
    slanted = np.array([0.0, 0.8, 0.6])
    assert chord_mm(0.0, 0.0, 0.0, slanted, tube) == pytest.approx(150.0)
    phantom = make_phantom("torso", voxel_mm=20.0)
    share = survival(phantom, WATER_PER_MM)
    middle = np.linalg.norm(phantom.place_mm[:, :2], axis=1).argmin()
    rim = np.linalg.norm(phantom.place_mm[:, :2] / (175, 115), axis=1).argmax()
    assert np.exp(-WATER_PER_MM * 350) < share[middle] < np.exp(-WATER_PER_MM * 230)
    assert share[rim] > 2 * share[middle]


def test_the_trace_scatters_about_its_drift_as_its_errors_say() -> None:
    scan = simulate_scan(ScanPlan(duration_s=400, patient=2), 1)
    z = (scan.trace.centre_mm - scan.drift_mm) / scan.trace.error_mm
    assert abs(z.mean()) < 4 / np.sqrt(z.size)
    assert abs(z.std() - 1) < 4 / np.sqrt(2 * z.size)


def test_a_translation_displaces_the_centre_by_as_much() -> None:
    across = PatientMotion((RigidMove(5.0, 0.5, (2.0, -1.0, 0.0)),))
    scan = simulate_scan(ScanPlan(duration_s=10, motion=across), 1)
    np.testing.assert_allclose(scan.moves[0].shift_mm, (2.0, -1.0, 0.0), atol=0.02)
    # Along z the ends of the ring see less: the centre does not follow all the way.
    along = PatientMotion((RigidMove(5.0, 0.5, (0.0, 0.0, 3.0)),))
    scan = simulate_scan(ScanPlan(duration_s=10, motion=along), 1)
    assert 1.0 < scan.moves[0].shift_mm[2] < 3.0


def test_strong_redistribution_moves_the_centre_by_millimetres_and_none_by_nothing() -> None:
    strong = simulate_scan(ScanPlan(duration_s=300), 1).drift_mm
    none = simulate_scan(ScanPlan(duration_s=300, redistribution=0.0), 1).drift_mm
    assert np.linalg.norm(strong[-1] - strong[0]) > 3
    assert np.linalg.norm(none[-1] - none[0]) < 1e-9


def test_dead_time_takes_counts_and_moves_nothing() -> None:
    plan = ScanPlan(duration_s=20, rate_per_s=1e5)
    slow = simulate_scan(ScanPlan(duration_s=20, rate_per_s=1e5, dead_time_s=1e-6), 4)
    fast = simulate_scan(plan, 4)
    share = slow.trace.counts.sum() / fast.trace.counts.sum()
    assert abs(share - 1 / 1.1) < 0.005
    np.testing.assert_allclose(slow.drift_mm, fast.drift_mm)


def test_the_same_seed_gives_the_same_scan() -> None:
    plan = ScanPlan(duration_s=5, rate_per_s=2000)
    for way in ("moments", "kernel"):
        one, two = (simulate_scan(plan, 9, way=way).trace for _ in range(2))
        np.testing.assert_array_equal(one.centre_mm, two.centre_mm)
    other = simulate_scan(plan, 10).trace
    assert not np.array_equal(one.centre_mm, other.centre_mm)


def test_lines_end_on_the_ring_and_carry_the_trace() -> None:
    plan = ScanPlan(duration_s=4, rate_per_s=5000, patient=1)
    lines, scan = simulate_lines(plan, 3, 100_000)
    assert np.diff(lines[:, 0]).min() >= 0
    for end in (lines[:, 1:4], lines[:, 4:7]):
        np.testing.assert_allclose(np.hypot(end[:, 0], end[:, 1]), 400.0)
    assert (lines[:, 8] == 0).sum() == scan.trace.counts.sum()
    assert (lines[:, 8] == 1).sum() == scan.trace.randoms.sum()


def test_nods_go_and_return() -> None:
    moves = nodding(10, 40, 10, 3.0)
    turns, shifts = pose_at(np.array([0.0, 11.5, 100.0]), moves)
    np.testing.assert_allclose(turns[0], np.eye(3))
    np.testing.assert_allclose(turns[2], np.eye(3), atol=1e-12)
    assert np.linalg.norm(shifts[1]) > 0.5


def test_a_table_that_moves_is_named_and_no_truth() -> None:
    both = (RigidMove(60.0, 0.5, (3.0, 0.0, 0.0)), table_move(120.3, -15.0))
    scan = simulate_scan(ScanPlan(duration_s=200, voxel_mm=16.0, motion=PatientMotion(both)), 1)
    assert [truth.move.start_s for truth in scan.moves] == [60.0]
    # On its way within interval 120, at its place from 121 on.
    np.testing.assert_array_equal(np.unique(scan.trace.bed, return_index=True)[1], [0, 120, 121])
    shift = scan.trace.centre_mm[122:130, 2].mean() - scan.trace.centre_mm[110:120, 2].mean()
    assert shift < -4
    found = find_motion(scan.trace)
    assert [round(move.start_s) for move in found.moves] == [60]
    assert {one.kind for one in found.findings} == {"bed change"}

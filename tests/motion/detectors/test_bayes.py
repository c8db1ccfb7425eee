"""A step of any size is one step, with its size; the filter forgets what it expected of it."""

from __future__ import annotations

import numpy as np
import pytest

from pulsefront.motion import find_motion
from pulsefront.motion.detectors.bayes import BayesSettings, bayes_steps
from pulsefront.motion.judge.trials import judge_scan, stepped_scans
from pulsefront.motion.simulate.scan import ScanPlan
from strategies_motion import drifting

DIRECTION = np.array([0.8, -0.6, 0.0])


def stepped(size_mm: float, seed: int, *, on_the_way: float = 1.0):
    """Return a scan with 0.11 mm of scatter and a step at 300 s, part of it in its first second."""
    shift = size_mm * DIRECTION
    first = on_the_way * shift
    steps = ((300, tuple(first)), (301, tuple(shift - first)))
    return drifting(600, seed=seed, drift_mm=5.0, steps=steps)


@pytest.mark.parametrize(
    ("size_mm", "on_the_way"),
    [(1.0, 1.0), (24.0, 1.0), (50.0, 1.0), (100.0, 1.0), (500.0, 1.0), (5.0, 0.6), (50.0, 0.6)],
)
def test_a_step_of_any_size_is_one_movement(size_mm: float, on_the_way: float) -> None:
    pulls = []
    for seed in range(40, 46):
        found = find_motion(stepped(size_mm, seed, on_the_way=on_the_way))
        assert [abs(move.start_s - 300) <= 1 for move in found.moves] == [True]
        assert len(found.frames) == 2
        (move,) = found.moves
        pulls.append((np.array(move.shift_mm) - size_mm * DIRECTION) / np.array(move.error_mm))
    # 18 pulls of unit variance: their mean square is χ²/18, above 2.5 once in 3 000.
    assert float(np.mean(np.square(pulls))) < 2.5


def test_a_large_step_is_measured_as_if_nothing_were_expected_of_it() -> None:
    narrow, wide = (
        bayes_steps(stepped(40.0, 7), BayesSettings(size_mm=size)) for size in (0.05, 40.0)
    )
    (one,), (other,) = narrow, wide
    np.testing.assert_allclose(one.shift_mm, other.shift_mm, atol=0.01)
    np.testing.assert_allclose(one.error_mm, other.error_mm, rtol=0.05)


@pytest.mark.parametrize("on_the_way", [0.1, 0.5, 0.9])
def test_a_step_within_an_interval_is_one_step_with_its_size(on_the_way: float) -> None:
    """Once split in two: the interval that he moved in lies between, and fits neither level."""
    for size_mm in (50.0, 200.0):
        for seed in range(40, 45):
            steps = bayes_steps(stepped(size_mm, seed, on_the_way=on_the_way), BayesSettings())
            (step,) = (one for one in steps if abs(one.time_s - 300) < 60)
            assert abs(step.time_s - 300) <= 1
            off = np.array(step.shift_mm) - size_mm * DIRECTION
            # Of 90 normal numbers none lies beyond 4.5 but once in 1 600 times.
            assert (np.abs(off) < 4.5 * np.array(step.error_mm)).all()


def test_a_step_wider_in_one_axis_than_was_expected_is_not_made_larger_still() -> None:
    """Once 15 mm for 1 mm along z: the prior that was taken out was as narrow as the doubt."""
    (scan,) = stepped_scans(ScanPlan(), 2.0, [80_231])
    judged = judge_scan(scan, lambda trace: bayes_steps(trace, BayesSettings()))
    assert [abs(move.error_mm) < 0.4 for move in judged.moves] == [True] * 3
    for stop in range(421, 450, 2):  # as it is told while the scan runs
        last = bayes_steps(scan.trace.select(slice(0, stop)), BayesSettings())[-1]
        off = np.array(last.shift_mm) - scan.moves[2].shift_mm
        assert (np.abs(off) < 4.5 * np.array(last.error_mm)).all()


def test_after_a_large_step_a_small_one_is_still_found() -> None:
    trace = drifting(600, steps=((200, (60.0, 0.0, 0.0)), (230, (0.0, 1.2, 0.0))))
    moves = find_motion(trace).moves
    assert [round(move.start_s) for move in moves] == [200, 230]
    assert abs(moves[1].shift_mm[1] - 1.2) < 4 * moves[1].error_mm[1]

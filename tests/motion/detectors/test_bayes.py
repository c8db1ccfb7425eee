"""A step of any size is one step, with its size; the filter forgets what it expected of it."""

from __future__ import annotations

import numpy as np
import pytest

from pulsefront.motion import find_motion
from pulsefront.motion.detectors.bayes import BayesSettings, bayes_steps
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


def test_after_a_large_step_a_small_one_is_still_found() -> None:
    trace = drifting(600, steps=((200, (60.0, 0.0, 0.0)), (230, (0.0, 1.2, 0.0))))
    moves = find_motion(trace).moves
    assert [round(move.start_s) for move in moves] == [200, 230]
    assert abs(moves[1].shift_mm[1] - 1.2) < 4 * moves[1].error_mm[1]

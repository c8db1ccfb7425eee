"""The study of detection counts what was found, and only that."""

from __future__ import annotations

import numpy as np
import pytest

from pulsefront.motion.detectors.steps import CentreStep
from pulsefront.motion.judge.study import (
    DetectionTrials,
    poisson_interval,
    proportion,
    study_detection,
)
from pulsefront.motion.judge.trials import judge_scan, stepped_scans
from pulsefront.motion.judge.tune import CLASSICAL, tune
from pulsefront.motion.report.study_page import study_page, study_record
from pulsefront.motion.simulate.scan import ScanPlan
from pulsefront.report import render

PLAN = ScanPlan(duration_s=300, voxel_mm=16.0)


def step_at(time_s: float, decided_s: float, x_mm: float) -> CentreStep:
    return CentreStep(time_s, decided_s, (x_mm, 0.0, 0.0), (0.1, 0.1, 0.1), 9.0)


def test_an_oracle_finds_all_and_nothing_else() -> None:
    (scan,) = stepped_scans(PLAN, 2.0, [3])
    oracle = [
        CentreStep(m.move.start_s, m.move.start_s + 4, m.shift_mm, (0.1, 0.1, 0.1), 9.0)
        for m in scan.moves
    ]
    judged = judge_scan(scan, lambda _: oracle)
    assert judged.false == 0
    assert [move.delay_s for move in judged.moves] == [4.0] * len(scan.moves)
    assert all(abs(move.error_mm) < 1e-9 for move in judged.moves)


def test_a_step_far_from_any_truth_or_decided_before_it_is_false() -> None:
    (scan,) = stepped_scans(PLAN, 2.0, [3])
    start = scan.moves[0].move.start_s
    for wrong in (step_at(start + 40, start + 45, 2.0), step_at(start - 3, start - 1, 2.0)):
        judged = judge_scan(scan, lambda _, wrong=wrong: [wrong])
        assert judged.false == 1
        assert all(move.found is None for move in judged.moves)


def test_intervals_hold_their_ends() -> None:
    # Clopper-Pearson of 9 in 10, and Garwood of 0 and 3 events, from tables.
    assert (proportion(9, 10).low, proportion(9, 10).high) == pytest.approx(
        (0.5550, 0.9975), abs=1e-4
    )
    assert poisson_interval(0, 1).high == pytest.approx(3.689, abs=1e-3)
    three = poisson_interval(3, 1)
    assert (three.low, three.high) == pytest.approx((0.6187, 8.7673), abs=1e-4)


def test_tuning_takes_the_lowest_threshold_that_is_quiet() -> None:
    rung = tune(
        lambda trace, at: [step_at(50.0, 60.0, 1.0)] if at < 3 else [],
        (1.0, 2.0, 3.0, 4.0),
        PLAN,
        (1e4,),
        range(2),
    )
    assert rung.threshold == 3.0
    assert rung.worst_per_10_min == 0.0


def test_a_small_study_gives_its_page_and_record() -> None:
    trials = DetectionTrials(
        rates_per_s=(200_000.0,), sizes_mm=(0.5, 4.0), scans=3, still=3, seed=20_000, plan=PLAN
    )
    study = study_detection(
        {
            "none": lambda _: [],
            "bayes": lambda trace: CLASSICAL["bayes"](trace, 0.0),
        },
        trials,
    )
    large = next(p for p in study.points if p.detector == "bayes" and p.size_mm == 4.0)
    assert large.found[1].value == 1.0
    assert large.delay_s is not None
    assert large.delay_s < 5
    assert abs(large.error_mm.value) < 0.2
    assert all(p.found[2].value == 0 for p in study.points if p.detector == "none")
    (gain,) = study.gains
    assert (gain.first, gain.second) == ("bayes", "none")
    assert gain.gain.low > 0
    html = render(study_page(study, {}))
    assert "200" in html
    assert study_record(study, {})["false"][0]["count"] == 0
    assert np.isfinite(study.breathing[0].found.value)


def test_the_gate_at_200_k_counts_per_second() -> None:
    """1 mm within 10 s, on a few fresh seeds; pulsefront motion judge does it at length."""
    scans = list(stepped_scans(ScanPlan(), 1.0, range(31_000, 31_006)))
    judged = [judge_scan(scan, lambda t: CLASSICAL["bayes"](t, 0.0)) for scan in scans]
    moves = [move for one in judged for move in one.moves]
    found = [m for m in moves if m.delay_s is not None and m.delay_s <= 10]
    assert len(moves) == 18
    assert len(found) >= 16
    assert sum(one.false for one in judged) <= 3

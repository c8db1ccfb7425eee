"""The small network: what it sees, and that the detector does what its integers say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pulsefront.cli.motion_options import loaded_model
from pulsefront.errors import ConfigError
from pulsefront.fixed_point import Dense, FixedPointFormat, FixedPointModel, Input
from pulsefront.motion import FindSettings, find_motion
from pulsefront.motion.detectors.bayes import BayesSettings, bayes_steps, kernel_inputs
from pulsefront.motion.detectors.evidence import EVIDENCE, LARGEST_EVIDENCE, advance_many
from pulsefront.motion.detectors.network import (
    NetworkSettings,
    log_odds,
    network_steps,
    problem_of_model,
    steps_by_evidence,
)
from pulsefront.motion.simulate.scan import ScanPlan
from strategies_motion import drifting

LOG_ODDS = EVIDENCE.index("log_odds")


@pytest.fixture(scope="module")
def model():
    from pulsefront.studies.motion_network import MotionNetworkSettings, train_motion_network

    settings = MotionNetworkSettings(
        rates_per_s=(15_000.0, 25_000.0), scans=16, hidden=(8,),
        plan=ScanPlan(duration_s=300, voxel_mm=16.0),
    )  # fmt: skip
    trained = train_motion_network(settings)
    assert 0 < trained.positive < trained.windows / 2
    return trained.model


def evidence_of(trace):
    """Return (interval, evidence) where nothing is decided."""
    count = len(trace)
    score, slots = np.zeros(count), np.zeros(count, np.int64)
    evidence = np.zeros((count, len(EVIDENCE)), np.int64)
    inputs = kernel_inputs(trace, BayesSettings())
    advance_many(*inputs, 0, count, score, slots, evidence, np.zeros(9), -np.inf)
    return evidence


def test_a_network_that_repeats_the_filter_finds_the_steps_of_the_filter() -> None:
    trace = drifting(600, steps=((200, (0.3, 0.0, 0.1)), (203, (0.0, 2.0, 0.0)),
                                 (420, (40.0, 0.0, 0.0)), (480, (0.2, 0.2, 0.0))))  # fmt: skip
    eighth = 0.0625  # rounding to eighths puts what lies above it at one eighth
    told = bayes_steps(trace, BayesSettings(threshold=eighth))
    repeated, word = steps_by_evidence(
        trace, lambda some: some[:, LOG_ODDS] / 8, NetworkSettings(eighth)
    )
    assert len(told) >= 3
    for one, other in zip(told, repeated, strict=True):
        assert (one.time_s, one.decided_s) == (other.time_s, other.decided_s)
        assert (one.shift_mm, one.error_mm) == (other.shift_mm, other.error_mm)
        assert abs(one.score - other.score) <= eighth or one.score > 15
        assert word[int(other.decided_s) - 1] == other.score


def test_evidence_is_eighths_of_log_odds_within_eight_bits() -> None:
    evidence = evidence_of(drifting(steps=((200, (3.0, 0.0, 0.0)),)))
    assert np.abs(evidence).max() == LARGEST_EVIDENCE
    groups = evidence[:, :LOG_ODDS] / 8
    together = np.log(np.exp(groups).sum(axis=1))
    seen = np.abs(evidence[:, LOG_ODDS]) < LARGEST_EVIDENCE
    seen &= (np.abs(evidence[:, :LOG_ODDS]) < LARGEST_EVIDENCE).any(axis=1)
    # Each group is rounded by half an eighth.
    assert np.abs(together - evidence[:, LOG_ODDS] / 8)[seen].max() <= 0.13


def test_a_step_raises_the_evidence_only_after_it() -> None:
    still, stepped = drifting(), drifting(steps=((200, (1.0, 0.0, 0.0)),))
    one, two = evidence_of(still), evidence_of(stepped)
    np.testing.assert_array_equal(one[:200], two[:200])
    assert two[205, LOG_ODDS] > one[150:200, LOG_ODDS].max() + 20


def test_a_large_step_is_found_by_the_integers_of_the_network(model) -> None:
    trace = drifting(rate=20_000.0, steps=((200, (6.0, 0.0, 2.0)),))
    steps, score = network_steps(trace, model, NetworkSettings(2.0))
    (near,) = (step for step in steps if abs(step.time_s - 200) <= 1)
    assert near.decided_s < 210
    assert np.abs(np.array(near.shift_mm) - (6.0, 0.0, 2.0)).max() < 0.6
    odds = log_odds(model, evidence_of(trace))
    at = int(steps[0].decided_s) - 1
    assert steps[0].score == odds[at]
    np.testing.assert_array_equal(score[score[: at + 1].nonzero()], odds[score[: at + 1].nonzero()])
    found = find_motion(trace, FindSettings("network", model=model))
    assert found.decision == "motion"


def test_a_model_and_its_detector_go_together(model) -> None:
    for name, given in (("network", None), ("bayes", model)):
        with pytest.raises(ConfigError, match="needs a model"):
            FindSettings(name, model=given)
    assert model.inputs[0].shape[-1] == len(EVIDENCE)


def test_a_model_of_something_else_is_refused(model, tmp_path: Path) -> None:
    def dense(name: str, into: int, out: int) -> FixedPointModel:
        form = FixedPointFormat(8, 8)
        layer = Dense("out", ("x",), np.ones((into, out), np.int64), form)
        return FixedPointModel(name, (Input("x", (into,), form),), (layer,), ("out",))

    many = len(EVIDENCE)
    assert problem_of_model(model) == ""
    others = ((dense("motion", 8, 1), f"must take {many} numbers"),
              (dense("motion", many, 2), "must give one number"),
              (dense("timing", many, 1), "its name must be motion"))  # fmt: skip
    for other, problem in others:
        other.save(tmp_path / "other.json")
        with pytest.raises(ConfigError, match=problem):
            loaded_model(tmp_path / "other.json")


def test_the_model_is_kept_to_the_bit(model, tmp_path: Path) -> None:
    model.save(tmp_path / "motion.json")
    evidence = evidence_of(drifting())
    again = type(model).load(tmp_path / "motion.json")
    np.testing.assert_array_equal(log_odds(model, evidence), log_odds(again, evidence))

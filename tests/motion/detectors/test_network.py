"""The small network: what it sees, and that the detector does what its integers say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pulsefront.cli.motion_options import loaded_model
from pulsefront.errors import ConfigError
from pulsefront.fixed_point import Dense, FixedPointFormat, FixedPointModel, Input
from pulsefront.motion import FindSettings, find_motion
from pulsefront.motion.detectors.network import (
    FEATURES,
    PER_ERROR,
    NetworkSettings,
    log_odds,
    network_steps,
    problem_of_model,
    window_features,
)
from pulsefront.motion.simulate.scan import ScanPlan
from strategies_motion import drifting


@pytest.fixture(scope="module")
def model():
    from pulsefront.studies.motion_network import MotionNetworkSettings, train_motion_network

    settings = MotionNetworkSettings(
        rates_per_s=(20_000.0,), scans=4, hidden=(8,), plan=ScanPlan(duration_s=300, voxel_mm=16.0)
    )
    trained = train_motion_network(settings)
    assert 0 < trained.positive < trained.windows / 2
    return trained.model


def test_features_of_noise_are_those_of_three_normal_numbers() -> None:
    features = window_features(drifting(600, drift_mm=0.0))[120:]
    mean_square = (features.astype(float) ** 2).mean(axis=0) / PER_ERROR**2
    # Each is the root of a χ² of three degrees of freedom; windows overlap.
    np.testing.assert_allclose(mean_square, 3.0, rtol=0.5)


def test_a_step_raises_the_features_only_after_it() -> None:
    still, stepped = drifting(), drifting(steps=((200, (1.0, 0.0, 0.0)),))
    one, two = window_features(still), window_features(stepped)
    np.testing.assert_array_equal(one[:200], two[:200])
    assert two[210].max() > 2 * one[150:200].max()


def test_a_large_step_is_found_by_the_integers_of_the_network(model) -> None:
    trace = drifting(rate=20_000.0, steps=((200, (6.0, 0.0, 2.0)),))
    steps, score = network_steps(trace, model, NetworkSettings(2.0))
    assert [abs(step.time_s - 200) <= 1 for step in steps] == [True]
    odds = log_odds(model, window_features(trace))
    assert steps[0].score == odds[int(steps[0].decided_s) - 1]
    np.testing.assert_array_equal(score[:200], odds[:200])
    found = find_motion(trace, FindSettings("network", model=model))
    assert found.decision == "motion"


def test_a_model_and_its_detector_go_together(model) -> None:
    for name, given in (("network", None), ("bayes", model)):
        with pytest.raises(ConfigError, match="needs a model"):
            FindSettings(name, model=given)
    assert model.inputs[0].shape[-1] == len(FEATURES)


def test_a_model_of_something_else_is_refused(model, tmp_path: Path) -> None:
    def dense(name: str, into: int, out: int) -> FixedPointModel:
        form = FixedPointFormat(8, 8)
        layer = Dense("out", ("x",), np.ones((into, out), np.int64), form)
        return FixedPointModel(name, (Input("x", (into,), form),), (layer,), ("out",))

    assert problem_of_model(model) == ""
    others = ((dense("motion", 8, 1), "must take 16 numbers"),
              (dense("motion", 16, 2), "must give one number"),
              (dense("timing", 16, 1), "its name must be motion"))  # fmt: skip
    for other, problem in others:
        other.save(tmp_path / "other.json")
        with pytest.raises(ConfigError, match=problem):
            loaded_model(tmp_path / "other.json")


def test_the_model_is_kept_to_the_bit(model, tmp_path: Path) -> None:
    model.save(tmp_path / "motion.json")
    features = np.minimum(window_features(drifting()), model.inputs[0].format.maximum)
    again = type(model).load(tmp_path / "motion.json")
    np.testing.assert_array_equal(model.run(features), again.run(features))

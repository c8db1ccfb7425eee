"""Learning curve, cross validation and sham data on a task whose answer is known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pulsefront.errors import ConfigError
from pulsefront.fixed_point import FixedPointFormat
from pulsefront.networks.settings import LossSettings, MlpSettings, TrainingSettings
from pulsefront.search.settings import SearchSettings
from pulsefront.search.task import Task, median_distance, misclassified
from pulsefront.studies.diagnosis import diagnose
from pulsefront.studies.load import load_study
from pulsefront.studies.settings import DiagnosisSettings
from studies_small import TIMING_CHANGES, small

SEARCH = SearchSettings(
    network=MlpSettings(hidden=(8,)),
    float_training=TrainingSettings(epochs=30, batch=64),
)


def task_of(events: int, *, classification: bool = False) -> Task:
    """Return the weighted mean of eight inputs, or which half it lies in, at 20 positions."""
    random = np.random.default_rng(4)
    place = random.uniform(-1, 1, events)
    inputs = np.clip(2000 + 1500 * np.outer(place, np.linspace(-1, 1, 8)), 0, 4095)
    inputs = (inputs + random.normal(0, 30, inputs.shape)).clip(0, 4095).astype(np.uint16)
    order = random.permutation(events)
    loss = LossSettings(kind="classification" if classification else "regression", huber=1.0)
    return Task(
        name="known",
        inputs=inputs,
        targets=(place > 0).astype(float) if classification else place[:, None],
        train=np.sort(order[: events // 2]),
        selection=np.sort(order[events // 2 :]),
        input_format=FixedPointFormat(12, 12, signed=False),
        output_format=FixedPointFormat(16, 6),
        loss=loss,
        metric=misclassified if classification else median_distance,
        metric_name="wrong_crystal_share" if classification else "median_error_3d_mm",
        groups=np.floor(10 * (place + 1)).astype(np.int64),
    )


def test_more_events_help_and_sham_data_hold_nothing() -> None:
    settings = DiagnosisSettings(learning_curve=(0.02,), folds=4, most_events=800)
    told: list[tuple[int, int]] = []
    found = diagnose(
        task_of(4000), SEARCH, settings, [0.012, 0.013, 0.011], report=lambda *n: told.append(n)
    )
    few, every = found.learning_curve or ()
    assert (few.events, every.events) == (40, 2000)
    assert few.mean.value > every.mean.value == pytest.approx(0.012)
    folds, sham = found.cross_validation, found.sham
    assert folds is not None
    assert folds.folds == 4
    assert max(folds.each) < 0.1
    # A uniform answer within ±1 is on the median 0.5 from its middle; real inputs give 0.01.
    assert sham is not None
    assert sham.constant_answer == pytest.approx(0.5, abs=0.05)
    assert min(sham.each) > 0.4
    assert told == [(k, 6) for k in range(1, 7)]


def test_classes_have_a_constant_answer_too() -> None:
    settings = DiagnosisSettings(learning_curve=(), folds=0, most_events=500)
    task = task_of(2000, classification=True)
    found = diagnose(task, SEARCH, settings, [0.0, 0.0, 0.0])
    assert found.sham is not None
    # Two classes of a position within ±1, as many of each: the best constant is wrong in half.
    assert found.sham.constant_answer == pytest.approx(0.5, abs=0.06)
    assert "learning_curve" not in found.to_json()


@pytest.mark.parametrize(
    ("line", "message"),
    [("learning_curve = [1.0]", "between 0 and 1"), ("folds = 1", "one fold has nothing")],
)
def test_settings_that_mean_nothing_are_refused(tmp_path: Path, line: str, message: str) -> None:
    path = tmp_path / "study.toml"
    path.write_text(small("timing_lyso_pair", TIMING_CHANGES) + f"\n[diagnosis]\n{line}\n")
    with pytest.raises(ConfigError, match=message):
        load_study(path)

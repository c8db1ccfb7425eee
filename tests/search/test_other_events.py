"""Events of other detectors train beside a task's own, and are never measured on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pulsefront.errors import DataError
from pulsefront.fixed_point.format import FixedPointFormat
from pulsefront.networks.settings import LossSettings
from pulsefront.search.settings import SearchSettings
from pulsefront.search.task import OtherEvents, Task, mean_distance
from pulsefront.studies.diagnosis import diagnose
from pulsefront.studies.settings import DiagnosisSettings


def task(others: bool = True) -> Task:
    """Return 400 events of ten groups; those of other detectors, 200, have inputs ten higher."""
    rng = np.random.default_rng(2)
    own, more = 400, 200
    groups = np.concatenate([np.arange(own) % 10, np.arange(more) % 10])
    inputs = rng.integers(0, 100, (own + more, 3))
    inputs[own:] += 1000
    return Task(
        name="toy",
        inputs=inputs,
        targets=inputs[:, :1] / 100.0,
        train=np.flatnonzero(groups[:own] < 8),
        selection=np.flatnonzero(groups[:own] >= 8),
        input_format=FixedPointFormat(12, 12, signed=False),
        output_format=FixedPointFormat(16, 6),
        loss=LossSettings(),
        metric=mean_distance,
        metric_name="mean_error_2d_mm",
        groups=groups,
        others=OtherEvents(np.arange(own, own + more), more / 320) if others else None,
    )


def test_those_of_the_training_groups_train_and_the_own_events_standardize() -> None:
    plain, found = task(others=False).training_data(), task().training_data()
    np.testing.assert_array_equal(plain.scaling.input_mean, found.scaling.input_mean)
    assert len(plain) == 320
    # 160 of 200 lie in the groups that train.
    assert len(found) == 320 + 160
    np.testing.assert_array_equal(plain.inputs, found.inputs[:320])
    assert found.inputs[320:].min() > 10
    assert task().fingerprint() != task(others=False).fingerprint()


def test_a_fold_trains_on_none_of_its_test_groups_and_a_share_on_as_large_a_share() -> None:
    whole = task()
    groups = whole.groups
    assert whole.others is not None
    fold = whole.train[groups[whole.train] < 3]
    beside = whole.others.beside(fold, groups)
    np.testing.assert_array_equal(np.unique(groups[beside]), [0, 1, 2])
    assert len(beside) == 60
    tenth = whole.train[::10]
    assert len(replace(whole, train=tenth).training_data()) == round(32 * (1 + 200 / 320))


def test_exchanged_inputs_have_no_true_ones_beside_them(monkeypatch) -> None:
    seen: list[Task] = []

    def score(changed: Task, search, seeds) -> tuple[float, ...]:
        seen.append(changed)
        return tuple(1.0 for _ in seeds)

    monkeypatch.setattr("pulsefront.studies.diagnosis.train_and_score", score)
    settings = DiagnosisSettings(learning_curve=(0.5,), folds=2)
    search = SearchSettings(initializations=3)
    diagnose(task(), search, settings, [1.0, 1.0, 1.0], confidence=0.95)
    curve, *folds, sham = seen
    assert sham.others is None
    for one in (curve, *folds):
        assert one.others is not None
        assert not np.isin(one.selection, one.others.rows).any()
        trained = one.others.beside(one.train, one.groups)
        assert not np.isin(one.groups[trained], one.groups[one.selection]).any()


def test_an_unlabelled_one_is_refused() -> None:
    targets = task().targets.copy()
    targets[-1] = np.nan
    with pytest.raises(DataError, match="events have no label"):
        replace(task(), targets=targets)

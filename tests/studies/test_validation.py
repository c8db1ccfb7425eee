"""Validation designs: what decides never sees what is measured, and a killed one goes on."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from pulsefront.errors import ConfigError
from pulsefront.networks.settings import MlpSettings, TrainingSettings
from pulsefront.search.budget import Budget
from pulsefront.search.settings import SearchSettings
from pulsefront.search.task import Task
from pulsefront.studies.files.early import early_problems
from pulsefront.studies.load import load_study
from pulsefront.studies.settings import ValidationDesign
from pulsefront.studies.trainings import KeptScores
from pulsefront.studies.validation import divisions, trainings_of, validate_designs
from studies.test_diagnosis import task_of
from studies_small import TIMING_CHANGES, small

SEARCH = SearchSettings(
    network=MlpSettings(hidden=(6,)),
    float_training=TrainingSettings(epochs=40, batch=64),
    quantized_training=TrainingSettings(epochs=1, batch=64),
    fine_tuning=TrainingSettings(epochs=0.2, batch=64),
    final_training=TrainingSettings(epochs=1, batch=64),
    max_rounds=1,
    proposals=1,
)
DESIGNS: list[dict[str, Any]] = [
    {"design": "k_fold", "folds": 3},
    {"design": "k_fold_with_holdout", "folds": 3, "hidden": ((6,), (1,))},
    {"design": "nested", "folds": 2, "inner_folds": 2, "hidden": ((6,), (1,))},
    {"design": "leave_one_group_out", "group": "run"},
]


def task_with_runs() -> tuple[Task, dict[str, NDArray[Any]]]:
    task = task_of(1600)
    assert task.groups is not None
    run = (np.arange(len(task.inputs)) % 4).astype(np.int64)
    return task, {"position": task.groups, "run": run}


def found_by(
    designs: list[dict[str, Any]], scores: KeptScores | None = None, task: Task | None = None
) -> Any:
    own, labels = task_with_runs()
    chosen = [ValidationDesign.model_validate(one) for one in designs]
    scores = scores or KeptScores(None, 0)
    return validate_designs(task or own, SEARCH, Budget(weight_bytes=4096), chosen, labels, scores)


def test_every_design_measures_each_group_once_and_within_the_training_events() -> None:
    task, labels = task_with_runs()
    told: list[tuple[int, int]] = []
    wanted = [ValidationDesign.model_validate(one) for one in DESIGNS]
    trainings = sum(trainings_of(SEARCH, one, labels, task.train) for one in wanted)
    scores = KeptScores(None, trainings, lambda *n: told.append(n))
    k_fold, holdout, nested, left_out = found_by(DESIGNS, scores)
    assert told[-1] == (trainings, trainings)
    for one in (k_fold, nested, left_out):
        assert sum(fold.events_test for fold in one.folds) == len(task.train)
        for fold in one.folds:
            assert fold.events_train + fold.events_test == len(task.train)
            assert fold.value < 0.2
    assert [fold.left_out for fold in left_out.folds] == [f"run {n}" for n in range(4)]
    assert holdout.holdout is not None
    assert holdout.holdout_events == len(task.train) - sum(f.events_test for f in holdout.folds)
    assert holdout.holdout.low <= holdout.holdout.value <= holdout.holdout.high
    # One node cannot follow the line as six can, whoever decides.
    assert {fold.chosen for fold in nested.folds} == {"6"}


def test_what_decides_never_sees_what_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    task, labels = task_with_runs()
    seen: list[tuple[set[int], set[int]]] = []
    plain = divisions.train_and_score

    def spy(task: Task, search: SearchSettings, seeds: Any) -> Any:
        seen.append((set(task.train.tolist()), set(task.selection.tolist())))
        return plain(task, search, seeds)

    monkeypatch.setattr(divisions, "train_and_score", spy)
    found_by([DESIGNS[2]])
    outer_tests = [selection for _, selection in seen if len(selection) > 300]
    assert len(outer_tests) == 2
    groups = labels["position"]
    for train, measured in seen:
        assert not train & measured
        assert not set(groups[list(train)]) & set(groups[list(measured)])
        assert train | measured <= set(task.train.tolist())
    # Two choices on two inner folds come before each outer test, and stay out of it.
    for outer in range(2):
        inner = seen[5 * outer : 5 * outer + 4]
        _, test = seen[5 * outer + 4]
        assert all(not (train | measured) & test for train, measured in inner)


def test_a_run_of_its_own_is_found_where_it_is_left_out() -> None:
    task, labels = task_with_runs()
    targets = task.targets.copy()
    targets[labels["run"] == 2] += 0.5
    (found,) = found_by([DESIGNS[3]], task=replace(task, targets=targets))
    values = [fold.value for fold in found.folds]
    assert np.argmax(values) == 2
    assert values[2] > 2 * max(values[:2] + values[3:])
    assert found.mean.low < np.mean(values) < found.mean.high


def test_the_whole_search_runs_inside_a_division(tmp_path: Path) -> None:
    design = {"design": "nested", "folds": 2, "inner_folds": 2, "search": True}
    (found,) = found_by([design], KeptScores(tmp_path, 2))
    assert found.network == "searched, in integers"
    assert found.decides == "ablation"
    assert max(fold.value for fold in found.folds) < 0.3
    assert (tmp_path / "validation_0_0").is_dir()


def test_a_killed_validation_goes_on_where_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = found_by(DESIGNS[:2])
    plain, done = divisions.train_and_score, 0

    def killed(*arguments: Any) -> Any:
        nonlocal done
        done += 1
        if done == 5:
            raise KeyboardInterrupt
        return plain(*arguments)

    monkeypatch.setattr(divisions, "train_and_score", killed)
    with pytest.raises(KeyboardInterrupt):
        found_by(DESIGNS[:2], KeptScores(tmp_path, 9))
    again = found_by(DESIGNS[:2], KeptScores(tmp_path, 9))
    assert done == 5 + 9 - 4
    assert again == whole


def test_designs_that_cannot_be_are_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="the events have no such label"):
        found_by([{"design": "k_fold", "group": "site"}])
    with pytest.raises(ConfigError, match="would train on 4 divisions, one for each run"):
        found_by([{"design": "leave_one_group_out", "group": "run", "most_groups": 3}])
    text = small("timing_lyso_pair", TIMING_CHANGES)
    for lines, message in {
        'design = "nested"\ngroup = "run"': "is a label of measured events alone",
        'design = "leave_one_group_out"\nmost_groups = 2': "would train on 4 divisions",
        'design = "k_fold"\nsearch = true': "would decide on the events that it is measured on",
    }.items():
        path = tmp_path / "study.toml"
        path.write_text(f"{text}\n[[diagnosis.validation]]\n{lines}\n")
        try:
            problems = " ".join(map(str, early_problems(*load_study(path))))
        except ConfigError as error:
            problems = str(error)
        assert re.search(message, problems), problems

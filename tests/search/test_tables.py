"""Networks of tables in a search: which are tried, how they are judged, and what is chosen."""

from __future__ import annotations

import numpy as np
import pytest

from pulsefront.errors import PulsefrontError
from pulsefront.fixed_point import FixedPointFormat
from pulsefront.networks.settings import LossSettings
from pulsefront.networks.tables import training
from pulsefront.networks.tables.settings import TableTraining
from pulsefront.search.beside import unrolled_estimate
from pulsefront.search.residual_metrics import root_mean_square
from pulsefront.search.tables import TableSearchSettings, search_tables
from pulsefront.search.task import Task

SHORT = TableTraining(epochs=15, batch=100, learning_rate=2e-2)
SETTINGS = TableSearchSettings(nodes=(1, 2), inputs=(2,), sample_bits=5, training=SHORT)
KEPT = np.array([0, 2, 3])


def toy_task() -> Task:
    """Return a regression of inputs 0 and 2; input 3 is noise, and 1 is not kept."""
    rng = np.random.default_rng(3)
    inputs = rng.integers(-200, 200, (900, 4))
    target = np.abs(inputs[:, 0]) / 100.0 + inputs[:, 2] / 150.0
    return Task(
        name="toy",
        inputs=inputs,
        targets=target[:, None],
        train=np.arange(600),
        selection=np.arange(600, 900),
        input_format=FixedPointFormat(10, 10),
        output_format=FixedPointFormat(16, 6),
        loss=LossSettings(kind="regression"),
        metric=root_mean_square,
        metric_name="rms",
    )


TASK = toy_task()


def full_outputs(error: float) -> np.ndarray:
    """Return what three networks of an rms error of *error* say on selection events."""
    known = TASK.targets[TASK.selection]
    rng = np.random.default_rng(4)
    return np.stack([known + rng.normal(0.0, error, known.shape) for _ in range(3)])


def found_with(error: float, **options):
    given = {"margin": 0.05, "seed": 1, "settings": SETTINGS, **options}
    settings = given.pop("settings")
    return search_tables(TASK, settings, KEPT, full_outputs(error), **given)


@pytest.fixture(scope="module")
def beside_a_poor_network():
    return found_with(2.0)


def test_every_number_of_nodes_is_tried_with_all_inputs_and_with_the_best(beside_a_poor_network):
    found = beside_a_poor_network
    assert [trial.nodes for trial in found.trials] == [1, 1, 2, 2]
    # the noise is what goes
    assert [trial.inputs for trial in found.trials] == [(0, 2, 3), (0, 2)] * 2
    assert [trial.tables for trial in found.trials] == [3 + 1, 2 + 1, 6 + 2, 4 + 2]


def test_the_cheapest_that_is_not_inferior_is_chosen(beside_a_poor_network):
    found = beside_a_poor_network
    assert all(trial.non_inferior for trial in found.trials)
    luts = [trial.lut for trial in found.trials]
    assert [trial.accepted for trial in found.trials].index(True) == int(np.argmin(luts))
    assert max(unrolled_estimate(model).lut for model in found.models) == min(luts)
    assert found.inputs.tolist() == [0, 2]
    metric = found.trials[found.chosen].metric
    assert metric[found.best] == min(metric)
    assert max(metric) < 0.5 * TASK.targets.std()


def test_where_all_are_inferior_the_least_harmful_one_is_told():
    found = found_with(0.001, settings=SETTINGS.model_copy(update={"nodes": (1,)}))
    assert not any(trial.non_inferior for trial in found.trials)
    values = [trial.comparison.value for trial in found.trials]
    assert found.chosen == int(np.argmin(values))
    assert sum(trial.accepted for trial in found.trials) == 1


def test_a_training_without_a_number_is_marked_and_the_others_stay(monkeypatch):
    real = training.train_tables

    def sometimes(given, settings, nodes, seed, *, name):
        return None if nodes == 1 else real(given, settings, nodes, seed, name=name)

    monkeypatch.setattr(training, "train_tables", sometimes)
    found = found_with(2.0)
    assert [(trial.nodes, trial.diverged) for trial in found.trials] == [
        (1, True), (2, False), (2, False),
    ]  # fmt: skip
    assert found.trials[0].metric == (np.inf,) * 3
    assert not found.trials[0].non_inferior
    assert found.trials[found.chosen].nodes == 2
    monkeypatch.setattr(training, "train_tables", lambda *a, **k: None)
    with pytest.raises(PulsefrontError, match=r"every network of tables diverged.*learning rate"):
        found_with(2.0)


def test_a_search_that_was_killed_trains_nothing_twice(tmp_path, monkeypatch):
    one = SETTINGS.model_copy(update={"nodes": (1,), "inputs": ()})
    first = found_with(2.0, settings=one, checkpoint=tmp_path)
    monkeypatch.setattr(training, "train_tables", lambda *a, **k: pytest.fail("trained again"))
    again = found_with(2.0, settings=one, checkpoint=tmp_path, threads=2)
    assert again.trials == first.trials
    with pytest.raises(pytest.fail.Exception, match="trained again"):
        found_with(2.0, settings=one, checkpoint=tmp_path, seed=2)

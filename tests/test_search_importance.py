"""Ranking of inputs and nodes: what carries nothing ranks last."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pulsefront.fixed_point.format import FixedPointFormat
from pulsefront.networks import (
    LossSettings,
    MlpSettings,
    TrainingSettings,
    initial_candidate,
    train,
)
from pulsefront.search import Task, mean_distance
from pulsefront.search.importance import Importance, rank_inputs
from strategies_networks import light_response

ADC = FixedPointFormat(12, 12, signed=False)


@pytest.fixture(scope="module")
def trained() -> tuple:
    """Return a task whose last two inputs are noise, its data and two trained networks."""
    counts, position = light_response(5000, channels=4)
    # not the seed of the counts: the same stream would tell the positions
    noise = np.random.default_rng(99).integers(0, 200, (5000, 2)).astype(np.uint16)
    task = Task(
        "position",
        np.concatenate([counts, noise], axis=1),
        position,
        np.arange(4000),
        np.arange(4000, 5000),
        ADC,
        FixedPointFormat(16, 6),
        LossSettings(),
        mean_distance,
        "mean 3-D error [mm]",
    )
    data = task.training_data()
    start = [initial_candidate(MlpSettings(hidden=(12,)), 18, 3, seed=s) for s in range(2)]
    return task, data, train(start, data, TrainingSettings(epochs=15, batch=128), seed=0)


def test_inputs_of_noise_rank_last_before_and_after_training_ends(trained: tuple) -> None:
    task, data, candidates = trained
    found = Importance(candidates, data, events=2000)
    # a real channel may rank as low: its neighbours can stand in for it
    assert np.abs(found.inputs[16:]).max() < 0.1 * np.median(found.inputs[:16])
    ranking = rank_inputs(task, candidates, data.scaling, events=1000)
    assert {name for name, _ in ranking[-2:]} == {"input_16", "input_17"}
    assert ranking[0][1] > 10 * abs(ranking[-1][1])


def test_a_node_that_nothing_reads_costs_nothing(trained: tuple) -> None:
    _, data, candidates = trained
    last = candidates[0].weights[1].copy()
    last[5] = 0.0
    silent = replace(candidates[0], weights=(candidates[0].weights[0], last))
    found = Importance([silent], data, events=1000)
    assert abs(found.nodes(0)[0][5]) < 1e-6
    assert found.nodes(0)[0].max() > 1e-3


def test_the_only_input_and_the_only_node_cannot_go(trained: tuple) -> None:
    _, data, _ = trained
    one = initial_candidate(MlpSettings(hidden=(1,)), 1, 3, seed=0)
    found = Importance([one], data, events=200)
    assert np.isinf(found.inputs).all()
    assert np.isinf(found.nodes(0)[0]).all()

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
from pulsefront.search.importance import RemovalCost, calibrated, rank_inputs
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
    found = RemovalCost(candidates, data, events=2000)
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
    found = RemovalCost([silent], data, events=1000)
    assert abs(found.nodes(0)[0][5]) < 1e-6
    assert found.nodes(0)[0].max() > 1e-3


def test_the_only_input_and_the_only_node_cannot_go(trained: tuple) -> None:
    _, data, _ = trained
    one = initial_candidate(MlpSettings(hidden=(1,)), 1, 3, seed=0)
    found = RemovalCost([one], data, events=200)
    assert np.isinf(found.inputs).all()
    assert np.isinf(found.nodes(0)[0]).all()


def test_events_in_the_order_of_a_scan_rank_as_all_of_them(trained: tuple) -> None:
    """The first events of a scan are of one position: its nearest channels are not the best."""
    task, data, candidates = trained
    train, selection = np.arange(4000), np.arange(4000, 5000)
    by_x = [part[np.argsort(task.targets[part, 0])] for part in (train, selection)]
    scanned = replace(task, train=by_x[0], selection=by_x[1])
    every = RemovalCost(candidates, data, events=4000).inputs
    few = RemovalCost(candidates, scanned.training_data(), events=1000).inputs
    assert np.corrcoef(every[:16], few[:16])[0, 1] > 0.85
    rises = []
    for one, events in ((task, 1000), (scanned, 200)):
        ranking = dict(rank_inputs(one, candidates, data.scaling, events=events))
        rises.append([ranking[name] for name in sorted(ranking)])
    assert np.corrcoef(rises)[0, 1] > 0.95


def test_binary_points_hold_for_the_whole_of_a_scan() -> None:
    """Pulses of usual height that come first must not be what the others are clipped to."""
    heights = np.random.default_rng(3).integers(1, 4000, 4000)
    heights = heights[np.argsort(np.abs(heights - 2000))]
    counts = heights[:, None].repeat(4, axis=1).astype(np.uint16)
    task = Task(
        "height",
        counts,
        counts[:, :1] / 1000.0,
        np.arange(3990),
        np.arange(3990, 4000),
        ADC,
        FixedPointFormat(16, 6),
        LossSettings(),
        mean_distance,
        "height",
    )
    network = initial_candidate(MlpSettings(hidden=(6,)), 4, 1, seed=1).with_bits(
        weight_bits=(8, 8), bias_bits=(16, 16), activation_bits=(8,), per_channel=False
    )
    data = task.training_data()
    (found,) = calibrated([network], data, events=200)
    (of_all,) = calibrated([network], data, events=3990)
    assert found.precision.activation_fraction == of_all.precision.activation_fraction
    one_step = TrainingSettings(epochs=0.001, batch=16, learning_rate=1e-9)
    (trained_once,) = train([network], data, one_step, seed=0)
    assert trained_once.precision.activation_fraction == of_all.precision.activation_fraction

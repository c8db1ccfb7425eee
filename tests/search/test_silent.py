"""Nodes that never change go, and what the network says of the training events stays."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pulsefront.networks import MlpSettings, TrainingSettings, initial_candidate, predict, train
from pulsefront.networks.candidate import Candidate
from pulsefront.networks.settings import Convolution
from pulsefront.networks.stack import Stack
from pulsefront.networks.training import TrainingData
from pulsefront.search.judge import Judge
from pulsefront.search.records import State
from pulsefront.search.result import SILENT
from pulsefront.search.silent import fold_silent, without_silent
from pulsefront.search.task import Task
from strategies_networks import light_response
from strategies_search import ADC, OUT, position_task


@pytest.fixture(scope="module")
def task() -> Task:
    return position_task(*light_response(6_000), fit=5_000)


def trained(task: Task, count: int = 2) -> tuple[list[Candidate], TrainingData]:
    data = task.training_data()
    start = [
        initial_candidate(MlpSettings(hidden=(6, 5)), task.n_start, 3, seed=k).with_bits(
            weight_bits=(7,) * 3, bias_bits=(14,) * 3, activation_bits=(7, 7), per_channel=True
        )
        for k in range(count)
    ]
    training = TrainingSettings(epochs=1, learning_rate=5e-3)
    return train(start, data, training, seed=0), data


def shut(candidate: Candidate, layer: int, *nodes: int) -> Candidate:
    """Return *candidate* with nodes whose ReLU no event opens, though their weights are in use.

    Their biases are no larger than others: binary points of biases follow the largest.
    """
    weights = [one.copy() for one in candidate.weights]
    biases = [one.copy() for one in candidate.biases]
    for node in nodes:
        if layer == 0:
            weights[0][:, node] *= 1e-3
            biases[0][node] = -0.99 * np.delete(np.abs(biases[0]), nodes).max()
        else:  # what enters is not negative
            weights[layer][:, node] = -np.abs(weights[layer][:, node])
            biases[layer][node] = -np.abs(biases[layer][node])
    return replace(candidate, weights=tuple(weights), biases=tuple(biases))


def integers(candidate: Candidate, data: TrainingData, task: Task) -> np.ndarray:
    return predict(candidate, data.scaling, task.inputs[task.train], ADC, OUT)


def test_nodes_that_no_event_opens_go_and_every_integer_stays(task: Task) -> None:
    (one, two), data = trained(task)
    before = [shut(one, 0, 2), shut(two, 0, 4)]
    after = without_silent(before, data)
    assert [c.hidden[0] for c in after] == [5, 5]
    for old, new in zip(before, after, strict=True):
        assert np.array_equal(integers(old, data, task), integers(new, data, task))
        assert new.precision is not None
        assert len(new.precision.weight_fraction[0]) == 5


def test_a_node_that_is_always_saturated_leaves_its_value_in_the_biases(task: Task) -> None:
    (one,), data = trained(task, 1)
    biases = [bias.copy() for bias in one.biases]
    biases[1][3] = 60.0
    before = replace(one, biases=tuple(biases))
    (after,) = without_silent([before], data)
    assert after.hidden == (6, 4)
    # millimetres: the binary point of the other biases is finer without the large one
    assert np.abs(integers(before, data, task) - integers(after, data, task)).mean() < 0.05
    # it is the value in the biases that keeps them
    lost = replace(after, biases=(*after.biases[:2], one.biases[2]))
    assert np.abs(integers(before, data, task) - integers(lost, data, task)).mean() > 2.0


def test_each_initialization_loses_its_own(task: Task) -> None:
    (one, two), data = trained(task)
    before = [shut(one, 1, 0, 1, 2), shut(two, 1, 2)]
    quiet = [c.hidden for c in without_silent([one, two], data)]
    after = [c.hidden for c in without_silent(before, data)]
    assert after[0] == (6, 2)
    assert after[1][1] < 5
    assert after[1][1] <= quiet[1][1]


def test_nodes_that_nobody_reads_go_at_the_end_and_with_them_those_before(task: Task) -> None:
    (one,), data = trained(task, 1)
    weights = [weight.copy() for weight in one.weights]
    weights[2][1] = 0.0  # nobody reads node 1 of the second layer …
    weights[1][4] = 0.0
    weights[1][4, 1] = 1.0  # … and it alone reads node 4 of the first
    before = replace(one, weights=tuple(weights))
    (after,) = without_silent([before], data)
    assert after.hidden == (5, 4)
    assert np.array_equal(integers(before, data, task), integers(after, data, task))


def test_one_node_of_a_layer_stays_though_all_are_silent(task: Task) -> None:
    (one,), data = trained(task, 1)
    biases = (np.full(6, -60.0, np.float32), *one.biases[1:])
    (after,) = without_silent([replace(one, biases=biases)], data)
    assert after.hidden[0] == 1


def test_filters_of_a_convolution_stay() -> None:
    random = np.random.default_rng(0)
    counts = random.integers(0, 4096, (500, 12))
    task = position_task(counts, random.normal(0, 3, (500, 3)), fit=400)
    data = task.training_data(common_scale=True)
    network = MlpSettings(hidden=(4,), convolution=Convolution(channels=3, kernel=4, stride=2))
    start = initial_candidate(network, 12, 3, seed=0)
    start = shut(shut(start, 0, 1), 1, 2).with_bits(
        weight_bits=(8,) * 3, bias_bits=(12,) * 3, activation_bits=(8, 8)
    )
    stack = Stack([start], data.scaling)
    stack.calibrate(data.inputs)
    (after,) = without_silent(stack.unstack(), data)
    assert after.hidden == (3, 3)


def test_the_step_is_judged_and_stands_in_the_record(task: Task) -> None:
    networks, data = trained(task)
    networks = [shut(c, 1, 2) for c in networks]
    judge = Judge(task, data.scaling, networks, margin=0.03, seed=1)
    first = replace(judge.trial("quantized", "start", networks, networks), accepted=True)
    state = State(moves=[], approved=[], trials=[first], path=[])
    state.path.append(judge.step(0, first, networks, networks))
    smaller = fold_silent(networks, state, judge, data, stage="quantized")
    assert [c.hidden for c in smaller] == [(6, 4), (6, 4)]
    assert state.trials[-1].accepted
    assert state.path[-1].move == SILENT
    assert state.path[-1].cost.ebops < state.path[0].cost.ebops
    # nothing is left to fold, and nothing is recorded
    assert fold_silent(smaller, state, judge, data, stage="round 1") == smaller
    assert len(state.trials) == len(state.path) == 2


def test_nodes_stay_where_only_selection_events_open_them(task: Task) -> None:
    networks, _ = trained(task)
    # the training events of this search are one alone: nearly every node is a constant on it
    data = task.training_data()
    one = TrainingData(data.inputs[:1], data.targets[:1], data.scaling, data.loss)
    judge = Judge(task, data.scaling, networks, margin=0.03, seed=1)
    first = replace(judge.trial("quantized", "start", networks, networks), accepted=True)
    state = State(moves=[], approved=[], trials=[first], path=[])
    state.path.append(judge.step(0, first, networks, networks))
    assert fold_silent(networks, state, judge, one, stage="quantized") == networks
    assert not state.trials[-1].accepted
    assert len(state.path) == 1

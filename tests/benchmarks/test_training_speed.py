"""Batched training against the same candidates one after the other in plain torch."""

from __future__ import annotations

import time

import numpy as np
import pytest
import torch

from pulsefront.fixed_point.format import FixedPointFormat
from pulsefront.networks import (
    Candidate,
    LossSettings,
    MlpSettings,
    TrainingData,
    TrainingSettings,
    initial_candidate,
    prepare,
    train,
)
from pulsefront.networks.stack import Stack
from pulsefront.networks.training import batch_loss, minibatches, one_cycle, repeatable
from strategies_networks import coincidences, light_response

ADC = FixedPointFormat(12, 12, signed=False)
CANDIDATES = 24


def plain_network(candidate: Candidate) -> torch.nn.Sequential:
    """Return *candidate* as an ordinary torch module."""
    layers: list[torch.nn.Module] = []
    for number, (weight, bias) in enumerate(zip(candidate.weights, candidate.biases, strict=True)):
        dense = torch.nn.Linear(*weight.shape)
        with torch.no_grad():
            dense.weight.copy_(torch.from_numpy(weight.T))
            dense.bias.copy_(torch.from_numpy(bias))
        layers += [torch.nn.ReLU(), dense] if number else [dense]
    return torch.nn.Sequential(*layers)


def train_plainly(
    candidates: list[Candidate], data: TrainingData, settings: TrainingSettings, seed: int
) -> list[torch.nn.Sequential]:
    """Train one network after the other with torch.nn, torch.optim and a Huber loss."""
    trained = []
    steps = max(1, round(settings.epochs * len(data) / settings.batch))
    for candidate in candidates:
        network = plain_network(candidate)
        optimizer = torch.optim.AdamW(network.parameters(), weight_decay=0.0)
        loss_of = torch.nn.HuberLoss(delta=data.loss.huber)
        for step, rows in enumerate(minibatches(len(data), settings.batch, steps, seed)):
            inputs = data.inputs[rows]
            if data.loss.kind == "coincidence":
                outputs = network(inputs[:, 0]) - network(inputs[:, 1])
            else:
                outputs = network(inputs)
            # torch's loss is δ times ours; AdamW does not see the factor
            loss = loss_of(outputs, data.targets[rows]) / data.loss.huber
            for group in optimizer.param_groups:
                group["lr"] = settings.learning_rate * one_cycle(step / steps, settings.warm_up)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        trained.append(network)
    return trained


def timing_problem() -> tuple[TrainingData, MlpSettings, TrainingSettings]:
    """Return the shipped timing family: 16-16-8-1 on coincidences."""
    events = coincidences(12_800, samples=16)
    loss = LossSettings(kind="coincidence", huber=0.3)
    data = prepare(events.windows, events.known_ns, ADC, loss, coarse=events.coarse_ns)
    return data, MlpSettings(hidden=(16, 8)), TrainingSettings(epochs=2, batch=128)


def position_problem() -> tuple[TrainingData, MlpSettings, TrainingSettings]:
    """Return the shipped position family: 64-64-32-3."""
    counts, position = light_response(25_600)
    data = prepare(counts, position, ADC, LossSettings())
    return data, MlpSettings(hidden=(64, 32)), TrainingSettings(epochs=1, batch=256)


@pytest.mark.parametrize(
    ("problem", "least_speedup"), [(timing_problem, 8.0), (position_problem, 2.0)]
)
def test_batched_training_is_faster_and_ends_at_the_same_loss(
    problem: object, least_speedup: float, record_property: object
) -> None:
    data, shape, settings = problem()  # type: ignore[operator]
    n_in, n_out = data.inputs.shape[-1], data.targets.shape[1]
    start = [initial_candidate(shape, n_in, n_out, seed=s) for s in range(CANDIDATES)]
    with repeatable():
        # CPU seconds of one thread: another program on the machine does not count
        train(start[:1], data, TrainingSettings(epochs=0.1), seed=0)
        before = time.process_time()
        batched = train(start, data, settings, seed=0)
        middle = time.process_time()
        plain = train_plainly(start, data, settings, seed=0)
        after = time.process_time()
        stack = Stack(batched, data.scaling)
        with torch.no_grad():
            ours = batch_loss(stack, data.inputs, data.targets, data.loss).numpy()
            theirs = np.array([_loss(network, data) for network in plain])
    speedup = (after - middle) / (middle - before)
    record_property("speedup", speedup)  # type: ignore[operator]
    print(  # noqa: T201
        f"\n{CANDIDATES} × {shape.hidden}: batched {middle - before:.2f} s,"
        f" one after the other {after - middle:.2f} s: {speedup:.1f} ×"
    )
    # equal steps in another order of float32 sums: trainings drift apart, their quality does not
    assert abs(np.median(ours) / np.median(theirs) - 1.0) < 0.1
    assert speedup > least_speedup


def _loss(network: torch.nn.Module, data: TrainingData) -> float:
    if data.loss.kind == "coincidence":
        outputs = network(data.inputs[:, 0]) - network(data.inputs[:, 1])
    else:
        outputs = network(data.inputs)
    loss = torch.nn.functional.huber_loss(outputs, data.targets, delta=data.loss.huber)
    return float(loss) / data.loss.huber

"""Early stopping: each candidate by its own loss, kept at its best, apart from the others."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from pulsefront.errors import ConfigError
from pulsefront.fixed_point.format import FixedPointFormat
from pulsefront.networks import (
    LossSettings,
    MlpSettings,
    TrainingSettings,
    initial_candidate,
    train,
)
from pulsefront.networks.data import TrainingData, prepare
from pulsefront.networks.patience import Patience
from pulsefront.networks.stack import Stack
from pulsefront.networks.training import batch_loss
from strategies_networks import light_response

ADC = FixedPointFormat(12, 12, signed=False)


def few_events() -> tuple[TrainingData, TrainingData]:
    """Return so few training events that networks learn their noise, and selection events."""
    counts, position = light_response(1600)
    loss = LossSettings(huber=2.0)
    noisy = position[:100] + np.random.default_rng(2).normal(0.0, 12.0, (100, 3))
    data = prepare(counts[:100], noisy, ADC, loss)
    selection = prepare(counts[100:], position[100:], ADC, loss, scaling=data.scaling)
    return replace(data, selection=selection), selection


def losses(candidates: list, data: TrainingData) -> np.ndarray:  # type: ignore[type-arg]
    return batch_loss(Stack(candidates, data.scaling), data.inputs, data.targets, data.loss).numpy()


def test_the_best_of_each_candidate_comes_back_and_training_ends_early() -> None:
    data, selection = few_events()
    start = [initial_candidate(MlpSettings(hidden=(32, 8)), 64, 3, seed=s) for s in range(3)]
    settings = TrainingSettings(epochs=200, batch=20, learning_rate=1e-2, check_epochs=2)
    steps: list[int] = []
    patient = settings.model_copy(update={"patience": 4})
    stopped = train(
        start,
        data,
        patient,
        seed=1,
        report=lambda done, total: steps.append(done),
    )
    whole = train(start, data, settings, seed=1)
    assert (losses(stopped, selection) < losses(whole, selection)).all()
    assert len(steps) < 0.8 * 200 * 5
    assert steps[-1] == 1000


def test_a_candidate_that_stops_leaves_the_others_as_they_were() -> None:
    data, selection = few_events()
    start = [
        initial_candidate(MlpSettings(hidden=h), 64, 3, seed=s)
        for s, h in enumerate([(32, 8), (4, 3), (16, 5)])
    ]
    start = [
        c.with_bits(weight_bits=(8,) * 3, bias_bits=(14,) * 3, activation_bits=(8 + n, 9))
        for n, c in enumerate(start)
    ]
    settings = TrainingSettings(epochs=30, batch=20, learning_rate=4e-3, patience=2, check_epochs=1)
    together = train(start, data, settings, seed=1)
    alone = [train([c], data, settings, seed=1)[0] for c in start]
    # Quantizers turn a last bit of a float32 sum into a step: trainings drift, their ends do not.
    assert np.allclose(losses(together, selection), losses(alone, selection), rtol=0.1)
    hidden = [c.hidden for c in together]
    assert hidden == [c.hidden for c in start]


def test_looks_are_counted_by_candidate() -> None:
    start = [initial_candidate(MlpSettings(hidden=(2,)), 3, 1, seed=s) for s in range(3)]
    data = prepare(np.eye(3, dtype=int), np.ones((3, 1)), ADC, LossSettings())
    stack = Stack(start, data.scaling)
    patience = Patience(stack, 2)

    def look(*values: float) -> list[int]:
        going = patience.look(stack, torch.tensor(values))
        stack.keep(going)
        return going.tolist()

    assert look(3.0, 3.0, float("nan")) == [0, 1]
    stack.latent.add_(1.0)
    assert look(2.0, 4.0) == [0, 1]
    assert look(2.5, 3.5) == [0]
    stack.latent.add_(1.0)
    assert look(2.5) == []
    first, second, third = patience.best()
    assert np.allclose(first.weights[0], start[0].weights[0] + 1.0)
    for kept, before in ((second, start[1]), (third, start[2])):
        assert np.array_equal(kept.weights[0], before.weights[0])


def test_a_candidate_that_diverges_ends_alone() -> None:
    data, _ = few_events()
    good = initial_candidate(MlpSettings(hidden=(6, 4)), 64, 3, seed=0)
    bad = replace(good, weights=(np.full_like(good.weights[0], np.nan), *good.weights[1:]))
    settings = TrainingSettings(epochs=4, batch=20, patience=2)
    kept, lost = train([good, bad], data, settings, seed=1)
    assert kept.finite
    assert not lost.finite


def test_patience_without_selection_events_is_refused() -> None:
    data = replace(few_events()[0], selection=None)
    start = [initial_candidate(MlpSettings(hidden=(2,)), 64, 3, seed=0)]
    with pytest.raises(ConfigError, match="patience: early stopping needs selection events"):
        train(start, data, TrainingSettings(patience=3), seed=0)

"""SOAP: it repeats, candidates do not touch each other, and close inputs are told apart."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from pulsefront.fixed_point.format import FixedPointFormat
from pulsefront.networks import (
    LossSettings,
    MlpSettings,
    TrainingData,
    TrainingSettings,
    initial_candidate,
    prepare,
    train,
)
from pulsefront.networks.adam import FlatAdamW
from pulsefront.networks.soap import FlatSoap
from strategies_networks import light_response

ADC = FixedPointFormat(12, 12, signed=False)
SOAP = TrainingSettings(epochs=2, batch=256, learning_rate=3e-3, optimizer="soap")


@pytest.fixture(scope="module")
def light() -> TrainingData:
    counts, position = light_response(4000)
    return prepare(counts, position, ADC, LossSettings())


def test_a_candidate_trains_the_same_alone_and_beside_others_of_other_shapes(
    light: TrainingData,
) -> None:
    start = [
        initial_candidate(MlpSettings(hidden=hidden), 64, 3, seed=s)
        for s, hidden in enumerate([(6, 4), (12, 3), (9, 8)])
    ]
    together = train(start, light, replaced(epochs=3), seed=1)
    for one, beside in zip(start, together, strict=True):
        alone = train([one], light, replaced(epochs=3), seed=1)[0]
        for before, a, b in zip(one.weights, alone.weights, beside.weights, strict=True):
            assert a.shape == b.shape
            # Eigenvectors that belong to next to nothing are any, and rounding chooses them.
            assert np.abs(a - b).max() < 0.05 * np.abs(a - before).max()


def test_training_repeats_to_the_bit(light: TrainingData) -> None:
    start = [initial_candidate(MlpSettings(hidden=(6, 4)), 64, 3, seed=0)]
    first, second = (train(start, light, SOAP, seed=4)[0] for _ in range(2))
    assert all(np.array_equal(a, b) for a, b in zip(first.weights, second.weights, strict=True))


def test_pruned_weights_and_dropped_inputs_stay_out(light: TrainingData) -> None:
    whole = initial_candidate(MlpSettings(hidden=(6, 4)), 64, 3, seed=0)
    first = whole.weights[0].copy()
    first[::3] = 0.0
    pruned = replace(whole, weights=(first, *whole.weights[1:]))
    fewer = replace(
        whole, kept_inputs=np.arange(40), weights=(first[:40] + 0.01, *whole.weights[1:])
    )
    one, other = train([pruned, fewer], light, SOAP, seed=1)
    assert np.array_equal(one.weights[0] == 0, first == 0)
    assert other.weights[0].shape == (40, 6)


def test_a_candidate_that_is_lost_leaves_the_others_alone(light: TrainingData) -> None:
    good = initial_candidate(MlpSettings(hidden=(6, 4)), 64, 3, seed=0)
    bad = replace(good, weights=(np.full_like(good.weights[0], np.nan), *good.weights[1:]))
    kept, lost = train([good, bad], light, SOAP, seed=1)
    assert kept.finite
    assert not lost.finite


def test_quantized_networks_and_early_stopping_go_through_it(light: TrainingData) -> None:
    start = [
        initial_candidate(MlpSettings(hidden=(6, 4)), 64, 3, seed=s).with_bits(
            weight_bits=(8,) * 3, bias_bits=(16,) * 3, activation_bits=(10,) * 2
        )
        for s in range(3)
    ]
    stopping = replaced(epochs=12, patience=1, check_epochs=0.1, learning_rate=3e-2)
    found = train(start, replace(light, selection=light), stopping, seed=1)
    assert all(one.finite and one.precision is not None for one in found)


def test_it_learns_inputs_that_hang_together_where_adam_does_not() -> None:
    """Least squares on inputs that are one common part and small ones of their own."""
    random = torch.Generator().manual_seed(7)
    inputs = torch.randn(4096, 1, generator=random) + 0.05 * torch.randn(4096, 16, generator=random)
    targets = 20.0 * (inputs - inputs.mean(1, keepdim=True)) @ torch.randn(16, 2, generator=random)

    def layer(flat: torch.Tensor) -> list[torch.Tensor]:
        return [flat.view(1, 2, 16)]

    def loss_after(rate: float, *, soap: bool) -> float:
        weights = torch.zeros(2 * 16)
        mover = (
            FlatSoap(weights, lambda flat: [flat.view(1, 2, 16)]) if soap else FlatAdamW(weights)
        )
        for step in range(300):
            rows = torch.arange(step * 128, step * 128 + 128) % 4096
            residual = inputs[rows] @ weights.view(2, 16).T - targets[rows]
            mover.step((residual.T @ inputs[rows]).reshape(-1) / 128, rate * (1 - step / 300))
        return float((inputs @ weights.view(2, 16).T - targets).square().mean())

    rates = (0.1, 0.3, 1.0, 3.0)
    soap, adam = (min(loss_after(r, soap=kind) for r in rates) for kind in (True, False))
    assert soap < 0.1 * adam


def replaced(**changes: float) -> TrainingSettings:
    return SOAP.model_copy(update=changes)

"""Batch normalization: gradients as autograd's, folded away without a trace, exact afterwards."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pulsefront.errors import ConfigError
from pulsefront.fixed_point.format import FixedPointFormat
from pulsefront.networks import (
    Convolution,
    LossSettings,
    MlpSettings,
    TrainingSettings,
    deploy,
    initial_candidate,
    lower,
    prepare,
    run_float64,
    train,
)
from pulsefront.networks.batch_norm import EPSILON, BatchNormStack
from pulsefront.networks.losses import loss_of, slope_of
from pulsefront.networks.stack import Stack
from strategies_networks import light_response

ADC = FixedPointFormat(12, 12, signed=False)
OUT = FixedPointFormat(16, 6)
FILTERS = Convolution(kernel=8, channels=3, stride=4)


@pytest.mark.parametrize("filters", [None, FILTERS])
def test_a_network_starts_and_comes_back_as_the_same_function(filters: Convolution | None) -> None:
    counts, position = light_response(500)
    data = prepare(counts, position, ADC, LossSettings(), common_scale=True)
    start = [
        initial_candidate(MlpSettings(hidden=h, convolution=filters), 64, 3, seed=s)
        for s, h in enumerate([(7, 4), (3, 6)])
    ]
    expected = Stack(start, data.scaling).forward(data.inputs).clone()
    stack = BatchNormStack(start, data.scaling)
    stack.calibrate(data.inputs)
    assert torch.allclose(stack.forward(data.inputs), expected, atol=2e-3)
    random = torch.Generator().manual_seed(0)
    for tensor in (*stack.weights, *stack.biases, *stack.gains):
        tensor.add_(0.3 * torch.randn(tensor.shape, generator=random) * (tensor != 0))
    normalized = stack.forward(data.inputs).clone()
    assert not torch.allclose(normalized, expected, atol=0.1)
    folded = Stack(stack.unstack(), data.scaling).forward(data.inputs)
    assert torch.allclose(folded, normalized, atol=2e-3)


def test_gradients_are_those_of_autograd() -> None:
    counts, position = light_response(200)
    data = prepare(counts, position, ADC, LossSettings(huber=1.0))
    start = initial_candidate(MlpSettings(hidden=(6, 5)), 64, 3, seed=0)
    stack = BatchNormStack([start], data.scaling)
    stack.calibrate(data.inputs)
    for tensor in (*stack.gains, *stack.biases):
        tensor.mul_(1.3)
    outputs = stack.outputs(data.inputs)
    stack.backward(slope_of(outputs, data.targets, data.loss))
    parameters = [t[0].clone().requires_grad_() for t in (*stack.weights, *stack.biases)]
    gains = [t[0].clone().requires_grad_() for t in stack.gains]
    value = data.inputs.T
    for layer in range(3):
        value = parameters[layer] @ value
        if layer < 2:
            variance, mean = torch.var_mean(value, 1, correction=0, keepdim=True)
            value = gains[layer][:, None] * (value - mean) / (variance + EPSILON).sqrt()
        value = value + parameters[3 + layer][:, None]
        value = torch.relu(value) if layer < 2 else value
    loss_of(value[None], data.targets, data.loss).sum().backward()
    got = [*stack._weight_gradients, *stack._bias_gradients, *stack._gain_gradients]
    for own, reference in zip(got, (*parameters, *gains), strict=True):
        assert torch.allclose(own[0], reference.grad, atol=1e-5)


def test_a_network_trained_with_it_lowers_to_integers_with_nothing_left_to_round() -> None:
    counts, position = light_response(12_000)
    data = prepare(counts, position, ADC, LossSettings())
    start = [initial_candidate(MlpSettings(hidden=(16, 8)), 64, 3, seed=s) for s in range(2)]
    settings = TrainingSettings(epochs=8, batch=128, batch_norm=True)
    normalized = train(start, data, settings, seed=1)
    plain = train(start, data, settings.model_copy(update={"batch_norm": False}), seed=1)

    def left(candidates: list) -> float:  # type: ignore[type-arg]
        outputs = Stack(candidates, data.scaling).forward(data.inputs)
        return float((outputs - data.targets).abs().mean())

    assert left(normalized) < 1.3 * left(plain)
    coarse = [
        c.with_bits(weight_bits=(7,) * 3, bias_bits=(14,) * 3, activation_bits=(9, 9))
        for c in normalized
    ]
    gentle = TrainingSettings(epochs=2, batch=128, learning_rate=2e-3)
    quantized = train(coarse, data, gentle, seed=2)
    assert left(quantized) < 1.3 * left(normalized)
    for candidate in quantized:
        model = lower(candidate, data.scaling, ADC, OUT, name="net")
        network = deploy(candidate, data.scaling, ADC, OUT)
        assert np.array_equal(run_float64(network, counts), model.run(counts))
        assert {layer.kind for layer in model.layers} == {"dense", "relu"}


def test_each_candidate_stops_by_itself_with_it_too() -> None:
    counts, position = light_response(800)
    noise = np.random.default_rng(3).normal(0.0, 12.0, position.shape)
    loss = LossSettings(huber=2.0)
    data = prepare(counts[:200], (position + noise)[:200], ADC, loss)
    selection = prepare(counts[200:], position[200:], ADC, loss, scaling=data.scaling)
    data = type(data)(data.inputs, data.targets, data.scaling, data.loss, selection)
    start = [initial_candidate(MlpSettings(hidden=(24, 8)), 64, 3, seed=s) for s in range(2)]
    steps: list[int] = []
    settings = TrainingSettings(epochs=100, batch=40, patience=3, batch_norm=True)
    trained = train(start, data, settings, seed=1, report=lambda done, total: steps.append(done))
    assert all(c.finite for c in trained)
    assert len(steps) < 400


def test_networks_with_formats_have_none() -> None:
    counts, position = light_response(50)
    data = prepare(counts, position, ADC, LossSettings())
    start = initial_candidate(MlpSettings(hidden=(2,)), 64, 3, seed=0).with_bits(
        weight_bits=(8, 8), bias_bits=(8, 8), activation_bits=(8,)
    )
    with pytest.raises(ConfigError, match=r"batch_norm.*then quantize"):
        train([start], data, TrainingSettings(epochs=1, batch_norm=True), seed=0)

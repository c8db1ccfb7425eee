"""Losses and their slopes: against autograd, and through a whole stack of quantized layers."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pulsefront.fixed_point.format import FixedPointFormat
from pulsefront.networks import Convolution, LossSettings, MlpSettings, initial_candidate, prepare
from pulsefront.networks.losses import loss_of, slope_of
from pulsefront.networks.stack import Stack

ADC = FixedPointFormat(12, 12, signed=False)
CANDIDATES, OUTPUTS, EVENTS = 3, 4, 20

LOSSES = {
    "Huber": LossSettings(huber=0.3),
    "weighted Huber": LossSettings(huber=0.3, output_weights=(1.0, 0.5, 2.0, 0.1)),
    "Cauchy": LossSettings(cauchy=0.2),
    "weighted Cauchy": LossSettings(cauchy=0.2, output_weights=(1.0, 0.5, 2.0, 0.1)),
    "coincidence": LossSettings(kind="coincidence", huber=0.3),
    "coincidence, Cauchy": LossSettings(kind="coincidence", cauchy=0.3),
    "classification": LossSettings(kind="classification"),
}


@pytest.mark.parametrize("name", LOSSES)
def test_the_slope_is_the_derivative_of_the_loss(name: str) -> None:
    loss = LOSSES[name]
    random = torch.Generator().manual_seed(1)
    pair = loss.kind == "coincidence"
    shape = (CANDIDATES, 1 if pair else OUTPUTS, 2 * EVENTS if pair else EVENTS)
    outputs = torch.randn(shape, generator=random, dtype=torch.float64).requires_grad_()
    targets = torch.randn(EVENTS, shape[1], generator=random, dtype=torch.float64)
    if loss.kind == "classification":
        targets = torch.randint(0, OUTPUTS, (EVENTS, 1), generator=random)
    loss_of(outputs, targets, loss).sum().backward()
    slope = slope_of(outputs.detach(), targets, loss)
    assert torch.allclose(slope, outputs.grad, atol=1e-9)


def test_losses_are_those_of_torch() -> None:
    random = torch.Generator().manual_seed(2)
    outputs = torch.randn(1, OUTPUTS, EVENTS, generator=random)
    targets = torch.randn(EVENTS, OUTPUTS, generator=random)
    huber = torch.nn.functional.huber_loss(outputs[0].T, targets, delta=0.3) / 0.3
    assert torch.allclose(loss_of(outputs, targets, LossSettings(huber=0.3))[0], huber)
    classes = torch.randint(0, OUTPUTS, (EVENTS, 1), generator=random)
    entropy = torch.nn.functional.cross_entropy(outputs[0].T, classes[:, 0])
    got = loss_of(outputs, classes, LossSettings(kind="classification"))[0]
    assert torch.allclose(got, entropy)


class _Ramp(torch.autograd.Function):
    """A quantized ReLU whose gradient is that of the clipped ramp: the reference."""

    @staticmethod
    def forward(ctx, value, scale, top):  # type: ignore[no-untyped-def]
        raw = torch.clamp(torch.floor(value * scale + 0.5), 0.0, top)
        ctx.save_for_backward((raw > 0) & (raw < top))
        return raw / scale

    @staticmethod
    def backward(ctx, gradient):  # type: ignore[no-untyped-def]
        return gradient * ctx.saved_tensors[0], None, None


@pytest.mark.parametrize("quantized", [False, True])
@pytest.mark.parametrize("filters", [None, Convolution(kernel=3, channels=2, stride=2)])
def test_a_stack_passes_gradients_as_autograd_does_for_each_network_alone(
    quantized: bool, filters: Convolution | None
) -> None:
    random = np.random.default_rng(0)
    counts = random.integers(0, 4096, (300, 9))
    data = prepare(
        counts, random.normal(0.0, 3.0, (300, 2)), ADC, LossSettings(), common_scale=True
    )
    shapes = [(5, 4), (3, 6)]
    candidates = [
        initial_candidate(MlpSettings(hidden=h, convolution=filters), 9, 2, seed=s)
        for s, h in enumerate(shapes)
    ]
    layers = len(candidates[0].weights)
    if quantized:
        widths = ((6,) * (layers - 1), (4,) * (layers - 1))
        candidates = [
            c.with_bits(weight_bits=(6,) * layers, bias_bits=(12,) * layers, activation_bits=bits)
            for c, bits in zip(candidates, widths, strict=True)
        ]
    stack = Stack(candidates, data.scaling)
    stack.calibrate(data.inputs)
    outputs = stack.outputs(data.inputs)
    got_outputs = outputs.clone()
    stack.backward(slope_of(outputs, data.targets, data.loss))
    for n, candidate in enumerate(stack.unstack()):
        weights = [torch.from_numpy(w).requires_grad_() for w in stack.used_weights(n)]
        biases = [
            stack._used_biases[k][n, : w.shape[1]].clone().requires_grad_()
            for k, w in enumerate(candidate.weights)
        ]
        value = data.inputs
        if filters is not None:
            value = value.unfold(1, filters.kernel, filters.stride).reshape(-1, filters.kernel)
        for layer, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
            value = value @ weight + bias
            if layer == layers - 1:
                break
            if candidate.precision is None:
                value = torch.relu(value)
            else:
                fraction = candidate.precision.activation_fraction[layer]
                top = 2.0 ** candidate.precision.activation_bits[layer] - 1
                value = _Ramp.apply(value, 2.0**fraction, top)
            value = value.reshape(300, -1)
        assert torch.allclose(got_outputs[n, :2].T, value, atol=1e-4)
        loss_of(value.T[None], data.targets, data.loss).sum().backward()
        for layer, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
            own = stack._own(n, layer, stack._weight_gradients[layer][n])
            assert weight.grad is not None
            assert np.abs(own - weight.grad.numpy()).max() < 1e-4
            own_bias = stack._bias_gradients[layer][n, : len(bias)]
            assert torch.allclose(own_bias, bias.grad, atol=1e-4)

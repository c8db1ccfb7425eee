"""Quantizers against the integer reference, and their straight-through gradients."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pulsefront.fixed_point.format import Assignment, FixedPointFormat, Overflow, Rounding, assign
from pulsefront.networks.quantize import (
    activation_fraction,
    quantize_weights,
    quantized_relu,
    weight_fraction,
)


@settings(max_examples=50, deadline=None)
@given(bits=st.integers(2, 10), fraction=st.integers(-2, 8), seed=st.integers(0, 1000))
def test_quantizers_assign_as_the_integer_reference_does(
    bits: int, fraction: int, seed: int
) -> None:
    raw = np.random.default_rng(seed).integers(-(2**14), 2**14, 200)
    values = torch.tensor(np.ldexp(raw.astype(np.float64), -10))
    width, place = torch.tensor(float(bits)), torch.tensor(float(fraction))
    for signed in (True, False):
        target = FixedPointFormat(bits, bits - fraction, signed)
        expected = assign(raw, 10, Assignment(target, Rounding.RND, Overflow.SAT))
        if signed:
            got = quantize_weights(values, width, place).numpy()
        else:
            got = quantized_relu(values, torch.exp2(place), torch.exp2(width) - 1).numpy()
        assert np.array_equal(np.ldexp(got, fraction), expected)


def test_binary_points_use_the_range_and_never_waste_more_than_a_bit() -> None:
    random = torch.Generator().manual_seed(0)
    weight = torch.randn(2, 40, 30, generator=random) * torch.tensor([1.0, 16.0])[:, None, None]
    bits = torch.tensor([6.0, 6.0])
    point = weight_fraction(weight, bits)
    assert point.shape == (2, 1)
    assert float(point[0, 0] - point[1, 0]) == 4.0
    quantized = quantize_weights(weight, bits[:, None, None], point[:, None, :])
    error = ((quantized - weight).square().mean() / weight.square().mean()).sqrt()
    assert float(error) < 0.06


def test_channels_get_their_own_binary_points_within_the_spread() -> None:
    random = torch.Generator().manual_seed(0)
    weight = torch.randn(1, 40, 4, generator=random)
    weight = weight * torch.tensor([1.0, 0.25, 4.0, 0.0])
    bits = torch.tensor([5.0])
    whole, own = (weight_fraction(weight, bits, per_channel=p)[0].tolist() for p in (False, True))
    assert own[1] > own[0] > own[2]
    assert own[3] == whole[0] + 3

    def error(points: list[float]) -> float:
        rounded = quantize_weights(weight, bits[:, None, None], torch.tensor([[points]]))
        return float((rounded - weight).square().sum())

    assert error(own) < 0.7 * error(whole * 4)


def test_an_activation_that_is_always_off_gets_a_finite_binary_point() -> None:
    point = activation_fraction(-torch.ones(1, 3, 10), torch.tensor([[8.0]]))
    assert bool(torch.isfinite(point).all())


def test_the_flat_optimizer_steps_as_torch_does() -> None:
    from pulsefront.networks.adam import FlatAdamW

    random = torch.Generator().manual_seed(1)
    start = torch.randn(50, generator=random)
    ours = start.clone()
    theirs = start.clone().requires_grad_()
    flat = FlatAdamW(ours, weight_decay=0.01)
    reference = torch.optim.AdamW([theirs], lr=0.02, weight_decay=0.01)
    for _ in range(20):
        gradient = torch.randn(50, generator=random)
        flat.step(gradient, 0.02)
        theirs.grad = gradient.clone()
        reference.step()
    assert torch.allclose(ours, theirs.detach(), atol=1e-6)

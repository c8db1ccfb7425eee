"""Estimated look-up tables beside the adder graphs that alkaid's solver finds."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from alkaid_fixed_point import alkaid_logic
from pulsefront.fixed_point import (
    Assignment,
    Dense,
    FixedPointFormat,
    FixedPointModel,
    Input,
    Relu,
    estimate_resources,
)

pytestmark = pytest.mark.peer

NETWORKS = [
    ((16, 64, 32, 32, 5), 5, 5, 8, 0.0),
    ((64, 32, 16, 2), 6, 8, 12, 0.0),
    ((64, 32, 16, 2), 6, 8, 12, 0.7),
    ((13, 16, 8, 1), 4, 4, 10, 0.0),
    ((32, 16, 8, 2), 3, 4, 12, 0.0),
    ((8, 8, 2), 10, 8, 12, 0.0),
]


def network(
    sizes: tuple[int, ...], weight_bits: int, activation_bits: int, input_bits: int, zeros: float
) -> FixedPointModel:
    """Return a network with weights drawn from a clipped normal distribution."""
    rng = np.random.default_rng(0)
    one = FixedPointFormat(weight_bits, 1)
    to = Assignment(FixedPointFormat(activation_bits, 5, signed=False), "RND", "SAT")
    layers: list[Dense | Relu] = []
    source = "x"
    for number, shape in enumerate(itertools.pairwise(sizes)):
        drawn = np.rint(rng.normal(0, 2 ** (weight_bits - 1) / 2.5, shape))
        weights = np.clip(drawn, one.minimum, one.maximum).astype(int)
        weights[rng.random(shape) < zeros] = 0
        bias = rng.integers(-8, 8, shape[1])
        wide = FixedPointFormat(weight_bits + 2, 3)
        layers.append(Dense(f"d{number}", (source,), weights, one, bias, wide))
        layers.append(Relu(f"r{number}", (f"d{number}",), to))
        source = f"r{number}"
    ports = (Input("x", (sizes[0],), FixedPointFormat(input_bits, input_bits, signed=False)),)
    return FixedPointModel("net", ports, tuple(layers[:-1]), (layers[-2].name,))


def test_the_estimate_of_distributed_arithmetic_is_near_what_a_solver_finds():
    ratios = []
    for settings in NETWORKS:
        model = network(*settings)
        ours = estimate_resources(model, strategy="distributed_arithmetic").lut
        ratio = ours / alkaid_logic(model).cost
        ratios.append(ratio)
        print(f"\n{settings}: {ratio:.2f} x alkaid's LUTs")  # noqa: T201
    assert all(0.75 < ratio < 1.5 for ratio in ratios)
    assert 0.85 < float(np.median(ratios)) < 1.25

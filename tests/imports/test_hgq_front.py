"""The conversion that the benchmark of searches rests on: HGQ2's network as integers."""

from __future__ import annotations

import os

import numpy as np
import pytest

pytest.importorskip("torch")
os.environ.setdefault("KERAS_BACKEND", "torch")
pytest.importorskip("keras")
pytest.importorskip("hgq")

import torch
from hgq_front import Shifts, hgq_model, imported_network
from hgq_training import loss_like

from pulsefront.fixed_point import (
    Assignment,
    Dense,
    FixedPointFormat,
    FixedPointModel,
    Input,
    Quantize,
)
from pulsefront.networks import MlpSettings, Scaling, initial_candidate
from pulsefront.networks.losses import loss_of
from pulsefront.networks.settings import LossSettings

pytestmark = pytest.mark.filterwarnings("ignore")  # of Keras and HGQ2 about their own code
RNG = np.random.default_rng(5)
SCALING = Scaling(
    RNG.uniform(50, 900, 6), RNG.uniform(60, 200, 6), np.array([3.0, -1.0]), np.array([12.0, 3.5])
)


def test_a_float_network_starts_hgq2_and_comes_back_as_integers_without_what_is_unread() -> None:
    network = initial_candidate(MlpSettings(hidden=(5, 4)), 6, 2, seed=1)
    # One large weight must not take the bits of the others of its layer.
    network.weights[1][2, 3] *= 10.0
    # Counts of ten bits in steps of four: the scaling is in the unit of one.
    shifts = Shifts.of(SCALING, FixedPointFormat(10, 12, signed=False))
    raw = RNG.integers(0, 375, (3000, 6))
    model = hgq_model(shifts.folded(network, SCALING), shifts.input_bits, shifts.inputs(raw))
    dense = [layer for layer in model.layers if hasattr(layer, "kq")]
    # Nothing reads the second node of the first layer, nor the fourth input.
    for layer, row in ((dense[1], 1), (dense[0], 3)):
        bits = layer.kq.quantizer._f
        there = np.arange(len(bits.value))[:, None] == row
        bits.assign(np.where(there, -24.0, np.asarray(bits.value.detach())))
    found, predict = imported_network(model, shifts, shifts.inputs(raw))
    assert [layer.weights.shape for layer in found.layers if layer.kind == "dense"] == [
        (5, 4),
        (4, 4),
        (4, 2),
    ]
    direct = np.asarray(model(shifts.inputs(raw), training=False).detach(), np.float64)
    assert np.array_equal(predict(raw), np.ldexp(direct, shifts.output_bits))

    weights = [np.asarray(one, np.float64) for one in network.weights]
    weights[0][3] = 0.0
    weights[1][1] = 0.0
    value = (4 * raw - SCALING.input_mean) / SCALING.input_scale
    for number, (weight, bias) in enumerate(zip(weights, network.biases, strict=True)):
        value = (np.maximum(value, 0) if number else value) @ weight + bias
    value = value * SCALING.output_scale + SCALING.output_mean
    error = np.sqrt(np.mean(np.square(predict(raw) - value), axis=0)) / value.std(axis=0)
    assert error.max() < 0.02  # eight bits of weights, a step for each output


@pytest.mark.parametrize(
    "settings",
    [
        LossSettings(kind="regression", cauchy=0.03, output_weights=(1.0, 0.1)),
        LossSettings(kind="regression", huber=0.5),
        LossSettings(kind="coincidence", huber=0.3),
    ],
)
def test_hgq2_minimizes_the_loss_that_this_package_does(settings: LossSettings) -> None:
    events, outputs = 50, 1 if settings.kind == "coincidence" else 2
    found = torch.from_numpy(RNG.normal(size=(2 * events if outputs == 1 else events, outputs)))
    targets = torch.from_numpy(RNG.normal(size=(events, outputs)))
    mean = float(loss_like(settings)(found, targets))
    assert mean == pytest.approx(float(loss_of(found.T[None], targets, settings)[0]), rel=1e-6)


def test_ebops_count_every_activation_at_its_own_width() -> None:
    own = tuple(FixedPointFormat(width, width) for width in (3, 5))
    weight, whole = FixedPointFormat(4, 4), FixedPointFormat(12, 12)
    layers = (
        Quantize("narrowed", "x", Assignment(own)),
        Dense(
            "first",
            "narrowed",
            weights=np.array([[1, 3], [4, 0]]),
            weight_format=weight,
            to=Assignment(whole),
        ),
        Dense("second", "first", weights=np.array([[7], [2]]), weight_format=weight),
    )
    model = FixedPointModel(
        "chain", (Input("x", (2,), FixedPointFormat(8, 8)),), layers, ("second",)
    )
    assert model.cost().ebops == 3 * (1 + 2) + 5 * (1 + 0) + 12 * (3 + 1)

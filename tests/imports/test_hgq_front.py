"""The conversion that the benchmark of searches rests on: HGQ2's network as integers."""

from __future__ import annotations

import os

import numpy as np
import pytest

pytest.importorskip("torch")
os.environ.setdefault("KERAS_BACKEND", "torch")
pytest.importorskip("keras")
pytest.importorskip("hgq")

from hgq_front import Shifts, hgq_model, imported_network

from pulsefront.networks import MlpSettings, Scaling, initial_candidate

pytestmark = pytest.mark.filterwarnings("ignore")  # of Keras and HGQ2 about their own code
RNG = np.random.default_rng(5)
SCALING = Scaling(
    RNG.uniform(50, 900, 6), RNG.uniform(60, 200, 6), np.array([3.0, -1.0]), np.array([12.0, 3.5])
)


def test_a_float_network_starts_hgq2_and_comes_back_as_integers_without_what_is_unread() -> None:
    network = initial_candidate(MlpSettings(hidden=(5, 4)), 6, 2, seed=1)
    shifts = Shifts.of(SCALING)
    model = hgq_model(shifts.folded(network, SCALING))
    dense = [layer for layer in model.layers if hasattr(layer, "kq")]
    # Nothing reads the second node of the first layer, nor the fourth input.
    bits = dense[1].kq.quantizer._b
    bits.assign(np.where(np.arange(5)[:, None] == 1, 0.0, np.asarray(bits.value.detach())))
    bits = dense[0].kq.quantizer._b
    bits.assign(np.where(np.arange(6)[:, None] == 3, 0.0, np.asarray(bits.value.detach())))
    raw = RNG.integers(0, 1500, (3000, 6))
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
    value = (raw - SCALING.input_mean) / SCALING.input_scale
    for number, (weight, bias) in enumerate(zip(weights, network.biases, strict=True)):
        value = (np.maximum(value, 0) if number else value) @ weight + bias
    value = value * SCALING.output_scale + SCALING.output_mean
    # Eight bits of weights: within a few parts in a hundred of the outputs' spread.
    assert np.abs(predict(raw) - value).max() < 0.1 * value.std()

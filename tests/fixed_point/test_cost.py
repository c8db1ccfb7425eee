"""Costs, by hand."""

from __future__ import annotations

import math

import numpy as np

from pulsefront.fixed_point import (
    Assignment,
    Conv1d,
    Dense,
    FixedPointFormat,
    FixedPointModel,
    Flatten,
    Input,
    Relu,
)


def test_a_dense_layer_by_hand():
    weights = np.array([[0, 1, -2], [3, 4, -7]])
    bias = np.array([1, 2, 3])
    layers = (
        Dense("d", ("x",), weights, FixedPointFormat(5, 1), bias, FixedPointFormat(7, 3)),
        Relu("r", ("d",), Assignment(FixedPointFormat(4, 2), "TRN", "SAT")),
    )
    model = FixedPointModel("net", (Input("x", (2,), FixedPointFormat(10, 10)),), layers, ("r",))
    cost = model.cost()
    assert cost.macs == 6
    assert cost.layers[0].weight_bits == 6 * 5 + 3 * 7
    assert cost.weight_bytes == 7  # 51 bits
    # Input 2·10, dense 3·(its exact width), ReLU 3·4.
    exact = model.tensors["d"].format.width
    assert cost.activation_bytes == math.ceil((20 + 3 * exact + 12) / 8)
    assert cost.bops == 6 * (5 * 10 + 5 + 10 + 1)
    # 0, 1, 10, 11, 100, 111 have 0, 1, 1, 2, 1, 3 bits between their outer ones.
    assert cost.ebops == 10 * (0 + 1 + 1 + 2 + 1 + 3)


def test_a_convolution_counts_every_position():
    weights = np.ones((3, 2, 4), dtype=int)
    layers = (
        Conv1d("c", ("x",), weights, FixedPointFormat(2, 1), stride=2, padding=(1, 1)),
        Flatten("f", ("c",)),
    )
    model = FixedPointModel("net", (Input("x", (8, 2), FixedPointFormat(6, 6)),), layers, ("f",))
    assert model.tensors["c"].shape == (4, 4)
    assert model.cost().macs == 4 * 3 * 2 * 4
    assert model.cost().weight_bytes == 3 * 2 * 4 * 2 // 8


def test_formats_per_channel_count_by_channel():
    formats = (FixedPointFormat(3, 1), FixedPointFormat(5, 1))
    layer = Dense("d", ("x",), np.ones((4, 2), int), formats)
    model = FixedPointModel("net", (Input("x", (4,), FixedPointFormat(6, 6)),), (layer,), ("d",))
    assert model.cost().layers[0].weight_bits == 4 * 3 + 4 * 5

"""Proven intervals: they hold, and for one dense layer they are reached."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pulsefront.errors import PrecisionError
from pulsefront.fixed_point import (
    Assignment,
    Concatenate,
    Conv1d,
    Dense,
    FixedPointFormat,
    FixedPointModel,
    Flatten,
    HardTanh,
    Input,
    Quantize,
)
from strategies_fixed_point import models, random_inputs


@given(models(), st.integers(0, 2**32 - 1))
@settings(max_examples=60, deadline=None)
def test_no_value_leaves_its_proven_interval(model, seed):
    inputs = model.input_arrays(random_inputs(model, 64, seed))
    every = FixedPointModel(
        model.name, model.inputs, model.layers, tuple(layer.name for layer in model.layers)
    )
    for name, values in every.emulator.run(inputs).items():
        tensor = model.tensors[name]
        assert (values >= tensor.low).all(), name
        assert (values <= tensor.high).all(), name
        assert tensor.format.holds(*tensor.interval), name


def test_the_interval_of_a_dense_layer_is_reached():
    rng = np.random.default_rng(2)
    weights, bias = rng.integers(-8, 8, (4, 3)), rng.integers(-8, 8, 3)
    layer = Dense("y", ("x",), weights, FixedPointFormat(4, 1), bias, FixedPointFormat(4, 1))
    model = FixedPointModel("net", (Input("x", (4,), FixedPointFormat(3, 3)),), (layer,), ("y",))
    corners = np.array(list(itertools.product((-4, 3), repeat=4)))
    results = model.run(corners)
    tensor = model.tensors["y"]
    np.testing.assert_array_equal(results.min(axis=0), tensor.low)
    np.testing.assert_array_equal(results.max(axis=0), tensor.high)


POINT = FixedPointFormat(8, 8)


def build(*layers, shape=(4,), point=POINT):
    return FixedPointModel("net", (Input("x", shape, point),), layers, (layers[-1].name,))


W = FixedPointFormat(4, 1)


def test_a_shape_that_does_not_fit_names_the_layer():
    with pytest.raises(PrecisionError, match=r"layer 'd': its weights take 5 inputs .* \(4,\)"):
        build(Dense("d", ("x",), np.ones((5, 2), int), W))
    with pytest.raises(PrecisionError, match=r"'d': .* put a Flatten before it"):
        build(Dense("d", ("x",), np.ones((4, 2), int), W), shape=(4, 1))
    with pytest.raises(PrecisionError, match=r"layer 'c' needs the shape \(position, 2\)"):
        build(Conv1d("c", ("x",), np.ones((3, 2, 1), int), W), shape=(4, 3))
    with pytest.raises(PrecisionError, match="a window of 6 positions does not fit 4"):
        build(Conv1d("c", ("x",), np.ones((6, 2, 1), int), W), shape=(4, 2))


def test_a_name_used_twice_or_unknown_is_refused():
    with pytest.raises(PrecisionError, match="the name 'x' is used twice"):
        build(Flatten("x", ("x",)))
    with pytest.raises(PrecisionError, match="reads 'z', which is no input and no earlier layer"):
        build(Flatten("f", ("z",)))


def test_concatenate_needs_equal_positions():
    two = (Input("x", (4, 1), W), Input("y", (3, 1), W))
    with pytest.raises(PrecisionError, match="only the last axis may differ"):
        FixedPointModel("net", two, (Concatenate("c", ("x", "y")),), ("c",))


def test_hard_tanh_needs_steps_of_at_most_one():
    with pytest.raises(PrecisionError, match="−1 and 1 lie between two steps"):
        build(HardTanh("h", ("x",)), point=FixedPointFormat(4, 6))


def test_a_format_with_more_bits_than_64_on_the_way_is_refused():
    with pytest.raises(PrecisionError, match="layer 'q': a value needs"):
        build(
            Quantize("q", ("x",), Assignment(FixedPointFormat(10, -50))),
            point=FixedPointFormat(20, 20),
        )

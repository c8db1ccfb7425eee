"""Layers refuse what cannot be exact, by name."""

from __future__ import annotations

import numpy as np
import pytest

from pulsefront.errors import PrecisionError, UnsupportedLayer
from pulsefront.fixed_point import (
    AveragePool,
    Clip,
    Concatenate,
    Conv1d,
    Dense,
    FixedPointFormat,
    Input,
    MaxPool,
    Relu,
)
from pulsefront.fixed_point.layers import refuse

W = FixedPointFormat(4, 1)


def dense(weights, **options):
    return Dense("d", ("x",), weights, W, **options)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_weight_that_is_not_finite_names_the_layer(bad):
    with pytest.raises(PrecisionError, match=r"layer 'd': weights are not finite"):
        dense(np.array([[1.0], [bad]]))


def test_real_weights_are_refused():
    with pytest.raises(PrecisionError, match=r"'d': weights are raw integers .*quantize them"):
        dense(np.array([[0.5], [1.0]]))


def test_a_weight_outside_its_format_names_its_place():
    with pytest.raises(PrecisionError, match=r"'d': weights at \(1, 0\) is outside fixed<4,1>"):
        dense(np.array([[1], [8]]))


def test_per_channel_weights_are_checked_by_channel():
    formats = (FixedPointFormat(3, 1), FixedPointFormat(5, 1))
    Dense("d", ("x",), np.array([[3, 15]]), formats)
    with pytest.raises(PrecisionError, match=r"at \(0, 0\) is outside fixed<3,1>"):
        Dense("d", ("x",), np.array([[15, 3]]), formats)
    with pytest.raises(PrecisionError, match="3 output channels and 2 formats"):
        Dense("d", ("x",), np.ones((1, 3), int), formats)


def test_a_bias_needs_a_format_and_a_fitting_shape():
    with pytest.raises(PrecisionError, match="a bias needs a bias_format"):
        dense(np.ones((2, 2), int), bias=np.ones(2, int))
    with pytest.raises(PrecisionError, match=r"the bias has the shape \(2,\)"):
        dense(np.ones((2, 2), int), bias=np.ones(3, int), bias_format=W)


def test_weights_are_kept_read_only():
    layer = dense(np.ones((2, 2), int))
    with pytest.raises(ValueError, match="read-only"):
        layer.weights[0, 0] = 3


@pytest.mark.parametrize(
    ("build", "problem"),
    [
        (lambda: Relu("r", ("x", "y")), "relu reads one tensor"),
        (lambda: Concatenate("c", ()), "reads one or more tensors"),
        (lambda: MaxPool("m", ("x",), 0, 1), "size is at least 1"),
        (lambda: MaxPool("m", ("x",), 2, 0), "stride is at least 1"),
        (lambda: Clip("c", ("x",), 3, 2), "low is above high"),
        (lambda: Conv1d("c", ("x",), np.ones((2, 1, 1), int), W, padding=(-1, 0)), "none negative"),
        (lambda: Conv1d("c", ("x",), np.ones((2, 1), int), W), r"shape \(kernel, channel_in"),
        (lambda: Input("x", (), W), r"shape \(channel,\)"),
        (lambda: Input("x", (0,), W), r"shape \(channel,\)"),
    ],
)
def test_nonsense_is_refused(build, problem):
    with pytest.raises(PrecisionError, match=problem):
        build()


def test_an_average_that_is_not_exact_says_what_to_use_instead():
    with pytest.raises(UnsupportedLayer, match=r"layer 'a': an average over 3 .* use WindowSum"):
        AveragePool("a", ("x",), 3, 1)


def test_other_activations_are_refused_with_a_way_out():
    assert "use function_table" in str(refuse("act", "Tanh"))
    assert "compare the linear outputs" in str(refuse("act", "Softmax"))
    assert "use one of dense" in str(refuse("act", "Mish"))

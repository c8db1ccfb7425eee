"""Convolutions and pools of images, beside torch's own and beside windows counted by hand."""

from __future__ import annotations

import numpy as np
import pytest

from pulsefront.errors import PrecisionError
from pulsefront.fixed_point import (
    AveragePool,
    FixedPointFormat,
    FixedPointModel,
    ImageWindows,
    Input,
    MaxPool,
    WindowSum,
    convolution_2d,
    estimate_resources,
    pool_2d,
)
from pulsefront.fixed_point.document import dumps, from_json

PIXEL = FixedPointFormat(5, 5)


def model_of(layers, channels: int = 2, image=(5, 6)) -> FixedPointModel:
    port = Input("x", (image[0] * image[1], channels), PIXEL)
    return FixedPointModel("net", (port,), tuple(layers), (layers[-1].name,))


def drawn(events: int, channels: int = 2, image=(5, 6)) -> np.ndarray:
    return np.random.default_rng(1).integers(-16, 16, (events, image[0] * image[1], channels))


def as_torch(x: np.ndarray, image=(5, 6)):
    torch = pytest.importorskip("torch")
    images = x.reshape(len(x), *image, -1).transpose(0, 3, 1, 2)
    return torch.as_tensor(images.astype(np.float64))


def flat(found) -> np.ndarray:
    """Return torch's (event, channel, row, column) as (event, position, channel)."""
    array = found.numpy()
    return array.reshape(*array.shape[:2], -1).transpose(0, 2, 1).astype(np.int64)


@pytest.mark.parametrize("stride", [(1, 1), (2, 1), (2, 3)])
@pytest.mark.parametrize("padding", [(0, 0), (1, 1), (1, 2)])
def test_a_convolution_is_that_of_torch(stride, padding):
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    weights, x = rng.integers(-8, 8, (3, 4, 2, 3)), drawn(50)
    bias = rng.integers(-8, 8, 3)
    layers = convolution_2d(
        "c", "x", weights, image=(5, 6), stride=stride, padding=tuple(np.repeat(padding, 2)),
        weight_format=FixedPointFormat(4, 4), bias=bias, bias_format=FixedPointFormat(4, 4),
    )  # fmt: skip
    kernel = torch.as_tensor(weights.transpose(3, 2, 0, 1).astype(np.float64))
    expected = torch.nn.functional.conv2d(
        as_torch(x), kernel, torch.as_tensor(bias.astype(float)), stride, padding
    )
    np.testing.assert_array_equal(model_of(layers).run(x), flat(expected))


@pytest.mark.parametrize("stride", [None, (1, 2)])
def test_pools_are_those_of_torch(stride):
    torch = pytest.importorskip("torch")
    x = drawn(50)
    most = model_of(pool_2d(MaxPool, "p", "x", image=(5, 6), size=(2, 3), stride=stride))
    expected = torch.nn.functional.max_pool2d(as_torch(x), (2, 3), stride)
    np.testing.assert_array_equal(most.run(x), flat(expected))
    mean = model_of(pool_2d(AveragePool, "p", "x", image=(5, 6), size=(2, 2), stride=stride))
    expected = torch.nn.functional.avg_pool2d(as_torch(x), (2, 2), stride)
    np.testing.assert_array_equal(mean.run(x), flat(expected * 4))
    assert mean.output_formats["p"].fraction == 2


def test_a_global_pool_is_one_over_all_positions():
    x = drawn(20)
    port = Input("x", (30, 2), PIXEL)
    model = FixedPointModel("net", (port,), (WindowSum("s", ("x",), 30, 30),), ("s",))
    np.testing.assert_array_equal(model.run(x)[:, 0], x.sum(axis=1))
    assert model.steps[0].exact.interval == (-16 * 30, 15 * 30)


def test_both_ends_of_the_interval_are_reached_and_padding_is_zero():
    port = Input("x", (4, 1), FixedPointFormat(3, 3, signed=False))
    windows = ImageWindows("w", ("x",), (2, 2), (2, 2), (2, 2), (1, 1, 1, 1))
    model = FixedPointModel("net", (port,), (windows,), ("w",))
    exact = model.steps[0].exact
    ends = model.run(np.array([[[0]] * 4, [[7]] * 4]))
    np.testing.assert_array_equal(ends, np.stack([exact.low, exact.high]))
    # one pixel in each of the four windows, at its inner corner
    assert ends[1].reshape(4, 4).tolist() == [
        [0, 0, 0, 7],
        [0, 0, 7, 0],
        [0, 7, 0, 0],
        [7, 0, 0, 0],
    ]


def test_the_document_holds_it_and_windows_cost_nothing():
    layers = convolution_2d(
        "c", "x", np.ones((2, 2, 2, 1), int), image=(5, 6), weight_format=FixedPointFormat(2, 2)
    )
    model = model_of(layers)
    assert dumps(from_json(FixedPointModel, model.to_json())) == dumps(model)
    assert model.cost().macs == 4 * 5 * 8
    windows = estimate_resources(model, strategy="Resource").layers[0]
    assert (windows.lut, windows.ff, windows.latency_cycles) == (0, 0, 0)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"image": (5, 5)}, r"with 5 x 5 positions; 'x' has \(30, 2\)"),
        ({"size": (6, 1)}, "does not fit the image"),
        ({"size": (0, 1)}, "size is at least 1"),
        ({"padding": (1, 1)}, "padding are 4 numbers"),
        ({"padding": (-1, 0, 0, 0)}, "padding is at least 1"),
    ],
)
def test_what_does_not_fit_is_refused(change, problem):
    given = {"image": (5, 6), "size": (2, 2), **change}
    with pytest.raises(PrecisionError, match=f"layer 'w'.*{problem}"):
        model_of([ImageWindows("w", ("x",), **given)])


def test_weights_of_another_number_of_axes_are_refused():
    with pytest.raises(PrecisionError, match=r"layer 'c': weights have the shape \(vertical"):
        convolution_2d("c", "x", np.ones((2, 2, 1), int), image=(5, 6))

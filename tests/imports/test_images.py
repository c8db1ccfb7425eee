"""Networks of images, sums, and functions that are tables: from ONNX, torch and Keras."""

from __future__ import annotations

import numpy as np
import pytest

from pulsefront.errors import PrecisionError, UnsupportedLayer
from pulsefront.fixed_point import Add, Conv1d, FunctionTable, ImageWindows, WindowSum
from pulsefront.imports import from_onnx, from_torch
from toys_onnx import Builder, quantized_image

EVENTS = 400


def drawn(imported, seed: int = 0, events: int = EVENTS):
    rng = np.random.default_rng(seed)
    return {
        one.name: rng.integers(one.format.minimum, one.format.maximum + 1, (events, *one.shape))
        for one in imported.model.inputs
    }


@pytest.mark.parametrize("seed", range(4))
def test_a_network_of_images_keeps_every_integer(seed: int) -> None:
    imported = from_onnx(quantized_image(seed))
    (difference,) = imported.check(drawn(imported))
    assert difference.integers == 2 * EVENTS
    kinds = [type(one) for one in imported.model.layers]
    assert (kinds.count(ImageWindows), kinds.count(Add), kinds.count(FunctionTable)) == (4, 1, 1)
    assert imported.model.inputs[0].shape == (64, 2)


def test_data_of_images_come_in_the_order_of_the_file() -> None:
    imported = from_onnx(quantized_image())
    data = np.random.default_rng(1).normal(0, 3, (50, 2, 8, 8))
    (given,) = imported.integers(data).values()
    assert given.shape == (50, 64, 2)
    assert given[3, 8 * 2 + 5, 1] == np.clip(np.rint(data[3, 1, 2, 5] * 4), -32, 31)
    assert not imported.compare_data(data)[0].different


def test_channels_last_behind_a_transpose_are_an_image_too() -> None:
    b = Builder(2)
    x = b.node("Transpose", b.quant("in", 0.25, 6), perm=[0, 3, 1, 2])
    x = b.node("Conv", x, b.quant(b.weights(3, 2, 2, 3), 2.0**-3, 4), dilations=[2, 1])
    x = b.node("Transpose", b.quant(x, 0.25, 8), perm=[0, 2, 3, 1])
    imported = from_onnx(b.model([5, 6, 2], x, [3, 4, 3]))
    (difference,) = imported.check(drawn(imported))
    assert difference.integers == EVENTS * 3 * 4 * 3
    assert not imported.turned


@pytest.mark.parametrize("operator", ["GlobalAveragePool", "ReduceMean", "ReduceMax", "ReduceSum"])
@pytest.mark.parametrize("sides", [(8,), (4, 2)])
def test_pools_over_all_positions(operator: str, sides: tuple[int, ...]) -> None:
    b = Builder(0)
    axes = list(range(2, 2 + len(sides)))
    given: list[str] = []
    options: dict = {}
    if operator == "ReduceSum":
        given, options = [b.constant(np.array(axes))], {"keepdims": 0}
    elif "Reduce" in operator:
        options = {"axes": axes, "keepdims": 0}
    w = b.quant(b.weights(3, 2, *[1] * len(sides)), 2.0**-3, 4)
    x = b.quant(b.node("Conv", b.quant("in", 0.25, 6), w), 0.125, 6)
    x = b.node(operator, x, *given, **options)
    if "Pool" in operator:
        x = b.node("Flatten", x, axis=1)
    x = b.node("MatMul", x, b.quant(b.weights(3, 2), 2.0**-3, 4))
    imported = from_onnx(b.model([2, *sides], b.quant(x, 2.0**-4, 9), [2]))
    (difference,) = imported.check(drawn(imported))
    assert difference.integers == 2 * EVENTS


def mean_of(positions: int, *, quantized: bool):
    """Return a mean over positions with weights behind it."""
    b = Builder(3)

    def cast(x, scale, bits):
        return b.quant(x, scale, bits) if quantized else x

    weights = b.weights(4, 2, 1)
    x = b.node("Conv", cast("in", 0.25, 6), cast(weights, 2.0**-3, 4))
    x = b.node("Flatten", b.node("GlobalAveragePool", cast(b.node("Relu", x), 0.125, 7)), axis=1)
    if quantized:
        x = b.quant(x, 0.125, 7)
    x = b.node("MatMul", x, cast(b.weights(4, 2), 2.0**-3, 4))
    return b.model([2, positions], cast(x, 0.125, 9), [2])


def test_a_mean_over_no_power_of_two_is_a_sum_with_its_factor_in_the_weights() -> None:
    data = np.random.default_rng(0).normal(0, 2, (500, 2, 6))
    imported = from_onnx(mean_of(6, quantized=False), data=data)
    assert any(isinstance(one, WindowSum) for one in imported.model.layers)
    assert any("1/6 is in the weights of" in one for one in imported.changes)
    (difference,) = imported.compare_data(data)
    assert difference.relative_rms < 0.02


def test_such_a_mean_of_a_quantized_network_is_refused_or_kept_with_factors() -> None:
    with pytest.raises(UnsupportedLayer, match="an average over 6 positions is not exact"):
        from_onnx(mean_of(6, quantized=True))
    imported = from_onnx(mean_of(6, quantized=True), scales="keep")
    (difference,) = imported.compare(drawn(imported))
    assert difference.largest_steps <= 1
    # A sixth of the sums are ties of 1/6, which 18 bits of a factor send one way.
    assert difference.different < difference.integers / 6


@pytest.mark.parametrize(
    ("operator", "attributes"),
    [("Sigmoid", {}), ("Tanh", {}), ("LeakyRelu", {"alpha": 0.25}), ("Elu", {"alpha": 1.0}),
     ("Softplus", {}), ("Softsign", {}), ("HardSigmoid", {"alpha": 0.25})],
)  # fmt: skip
def test_functions_between_quantizers_are_tables_of_the_same_integers(operator, attributes) -> None:
    b = Builder(4)
    x = b.quant(
        b.node("MatMul", b.quant("in", 0.25, 6), b.quant(b.weights(4, 3), 0.125, 4)), 0.125, 8
    )
    x = b.quant(b.node(operator, x, **attributes), 2.0**-6, 10)
    imported = from_onnx(b.model([4], x, [3]))
    (difference,) = imported.check(drawn(imported, events=3000))
    assert difference.integers == 9000


def test_prelu_keeps_every_integer_with_one_slope_and_with_one_for_each_channel() -> None:
    for count, kinds in ((1, {"table": 1}), (3, {"relu": 2, "add": 1})):
        b = Builder(4)
        x = b.quant(
            b.node("MatMul", b.quant("in", 0.25, 6), b.quant(b.weights(4, 3), 0.125, 4)), 0.125, 8
        )
        slope = b.constant(np.linspace(0.25, 0.5, count).astype(np.float32))
        model = b.model([4], b.quant(b.node("PRelu", x, slope), 2.0**-6, 10), [3])
        imported = from_onnx(model)
        imported.check(drawn(imported))
        found = [one.kind for one in imported.model.layers]
        assert {kind: found.count(kind) for kind in kinds} == kinds


def test_a_function_without_formats_around_it_is_refused() -> None:
    b = Builder()
    model = b.model([4], b.node("Sigmoid", b.quant("in", 0.25, 6)), [4])
    with pytest.raises(PrecisionError, match="a table of sigmoid needs the format of its entries"):
        from_onnx(model)
    b = Builder()
    wide = b.quant(b.node("Tanh", b.quant("in", 0.25, 14)), 0.25, 6)
    with pytest.raises(PrecisionError, match="at most 12 bits"):
        from_onnx(b.model([4], wide, [4]))


def test_a_torch_network_of_images_is_calibrated() -> None:
    torch = pytest.importorskip("torch")
    nn = torch.nn
    torch.manual_seed(0)

    class Residual(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU())
            self.second = nn.Conv2d(4, 4, 3, padding=1)
            self.out = nn.Linear(4, 2)

        def forward(self, x):
            x = self.first(x)
            x = nn.functional.max_pool2d(torch.relu(x + self.second(x)), 2)
            x = nn.functional.adaptive_avg_pool2d(x, 1).flatten(1)
            return torch.sigmoid(self.out(torch.tanh(x)))

    data = np.random.default_rng(0).normal(0, 1, (300, 1, 8, 8)).astype(np.float32)
    imported = from_torch(Residual(), data[:2], data=data)
    kinds = [type(one) for one in imported.model.layers]
    assert (kinds.count(Conv1d), kinds.count(Add), kinds.count(FunctionTable)) == (2, 1, 2)
    (difference,) = imported.compare_data(data)
    assert difference.relative_rms < 0.01

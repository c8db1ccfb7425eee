"""Random models that QONNX can say whole, in the form in which an import gives them back.

That form: constants in the shortest formats, names with a number in them, a cast as a part of the
layer before it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pulsefront.fixed_point import (
    Add,
    Assignment,
    AveragePool,
    Clip,
    Concatenate,
    Conv1d,
    Dense,
    FixedPointFormat,
    FixedPointModel,
    Flatten,
    Input,
    MaxPool,
    Overflow,
    Quantize,
    Relu,
    Rounding,
    WindowSum,
    convolution_2d,
    function_table,
    pool_2d,
)
from pulsefront.fixed_point.format import format_holding
from pulsefront.fixed_point.layers import LayerStep
from pulsefront.fixed_point.ranges import step_of, trace


def qonnx_model(seed: int) -> FixedPointModel:
    """Return a vector's, a waveform's or an image's network of *seed*, in turn."""
    builder = _Builder(np.random.default_rng(seed))
    return (builder.vector, builder.waveform, builder.image)[seed % 3](f"toy_{seed}")


class _Builder:
    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        self.layers: list[Any] = []
        self.known: dict[str, Any] = {}

    def vector(self, name: str) -> FixedPointModel:
        x = self.given("charges_0", (self.number(2, 9),))
        first = self.clipped(self.dense(x, 6))
        other = self.relu(self.dense(first, 6))
        both = self.add(Concatenate("join_1", (self.add(Add("sum_1", (first, other))), x)))
        y = self.dense(both, 4)
        y = self.add(Quantize("narrow_1", (y,), self.to(y, most=7)))
        table = self.rng.choice(["sigmoid", "tanh", "softsign"])
        reads, form = self.tensor(y).format, FixedPointFormat(9, 1)
        bent = Assignment(form, Rounding.RND, Overflow.SAT)
        y = self.add(function_table("bent_1", y, table, reads, bent))
        return self.model(name, self.dense(y, 2), other)

    def waveform(self, name: str) -> FixedPointModel:
        x = self.given("samples_0", (self.number(12, 16), self.number(1, 3)))
        x = self.relu(self.convolution(x, self.number(1, 4), self.number(1, 2)))
        side = self.convolution(x, 1, 1)
        third = self.convolution(x, 1, 1)
        x = self.add(Add("residual_1", (x, side, third), self.to(x)))
        kind = [MaxPool, AveragePool][self.number(0, 1)]
        pooled = self.add(kind("pool_1", (x,), 2, self.number(1, 2)))
        length = self.tensor(pooled).shape[0]
        total = self.add(WindowSum("total_1", (pooled,), length, length, self.to(pooled)))
        flat = self.dense(self.add(Flatten("flat_1", (pooled,))), 3)
        return self.model(name, self.dense(flat, 2), total)

    def image(self, name: str) -> FixedPointModel:
        x = self.given("image_0", (48, 2))
        weights, form = self.constants((3, 2, 2, 3))
        padding = (1, 1, self.number(0, 1), 0)
        windows, convolved = convolution_2d(
            "conv_1", x, weights, image=(6, 8), stride=(1, 2), padding=padding,
            weight_format=form,
        )  # fmt: skip
        self.add(windows)
        x = self.relu(self.add(convolved))
        kind = [MaxPool, AveragePool][self.number(0, 1)]
        before, pooled = pool_2d(kind, "pool_1", x, image=windows.windows, size=(2, 2))
        self.add(before)
        x = self.add(Flatten("flat_1", (self.add(pooled),)))
        return self.model(name, self.dense(x, 2))

    def model(self, name: str, *outputs: str) -> FixedPointModel:
        return FixedPointModel(name, self.inputs, tuple(self.layers), outputs)

    def given(self, name: str, shape: tuple[int, ...]) -> str:
        width = self.number(2, 10)
        form = FixedPointFormat(width, self.number(-1, width + 1), bool(self.number(0, 1)))
        self.inputs = (Input(name, shape, form),)
        self.known = dict(trace(self.inputs, ()))
        return name

    def number(self, low: int, high: int) -> int:
        return int(self.rng.integers(low, high, endpoint=True))

    def tensor(self, name: str) -> Any:
        one = self.known[name]
        return one.result if isinstance(one, LayerStep) else one

    def label(self, kind: str) -> str:
        return f"{kind}_{len(self.layers)}"

    def add(self, layer: Any) -> str:
        self.known[layer.name] = step_of(layer, self.known)
        self.layers.append(layer)
        return str(layer.name)

    def to(self, name: str, most: int = 12) -> Assignment:
        """Draw an assignment that loses bits at both ends of a tensor, by channel in part."""
        whole = self.tensor(name).format
        width = self.number(2, most)
        integer = whole.integer - self.number(-1, 2)
        signed = bool(self.number(0, 2))
        rounding = list(Rounding)[self.number(0, 6)]
        overflow = [Overflow.SAT, Overflow.SAT_SYM][self.number(0, 1) if signed else 0]
        if self.number(0, 3) or most < 12:
            return Assignment(FixedPointFormat(width, integer, signed), rounding, overflow)
        channels = self.tensor(name).shape[-1]
        each = [FixedPointFormat(width, integer - c % 2, signed) for c in range(channels)]
        return Assignment(tuple(each) if channels > 1 else each[0], rounding, overflow)

    def relu(self, name: str) -> str:
        return self.add(Relu(self.label("relu"), (name,), self.to(name)))

    def clipped(self, name: str) -> str:
        form = self.tensor(name).format
        low, high = sorted(self.rng.integers(form.minimum, form.maximum, 2, endpoint=True))
        return self.add(Clip(self.label("clip"), (name,), int(low), int(high), self.to(name)))

    def constants(self, shape: tuple[int, ...]) -> tuple[Any, Any]:
        """Draw weights, whose channels have formats of their own in part."""
        weights = self.rng.integers(-7, 8, shape)
        weights[..., 0] = np.maximum(weights[..., 0], 0)
        weights.reshape(-1, shape[-1])[0] = 3  # so that no channel has a spare bit below
        fractions = self.rng.integers(0, 4) + np.arange(shape[-1]) % self.number(1, 2)
        ends = [(int(weights[..., c].min()), int(weights[..., c].max())) for c in range(shape[-1])]
        each = [format_holding(*end, int(f)) for end, f in zip(ends, fractions, strict=True)]
        return weights, each[0] if len(set(each)) == 1 else tuple(each)

    def bias(self, count: int, fraction: int) -> dict[str, Any]:
        """Draw a bias on the grid of the coarsest products, or none."""
        if not self.number(0, 2):
            return {}
        bias = 2 * self.rng.integers(-20, 20, count) + 1
        each = [format_holding(int(one), int(one), fraction) for one in bias]
        one = each[0] if len(set(each)) == 1 else tuple(each)
        return {"bias": bias, "bias_format": one}

    def dense(self, name: str, count: int) -> str:
        source = self.tensor(name)
        weights, form = self.constants((source.shape[0], count))
        label = self.label("dense")
        bias = self.bias(count, source.format.fraction)
        self.known[label] = step_of(Dense(label, (name,), weights, form, **bias), self.known)
        return self.add(Dense(label, (name,), weights, form, **bias, to=self.to(label)))

    def convolution(self, name: str, kernel: int, stride: int) -> str:
        source = self.tensor(name)
        channels = source.shape[1] if kernel == 1 else 3
        weights, form = self.constants((kernel, source.shape[1], channels))
        label = self.label("conv")
        options: dict[str, Any] = {
            "stride": stride,
            "padding": (self.number(0, kernel - 1), self.number(0, kernel - 1)),
            **self.bias(channels, source.format.fraction),
        }
        self.known[label] = step_of(Conv1d(label, (name,), weights, form, **options), self.known)
        return self.add(Conv1d(label, (name,), weights, form, to=self.to(label), **options))

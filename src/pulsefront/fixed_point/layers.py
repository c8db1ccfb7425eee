"""Layers of a fixed-point model: frozen, every number an integer, every format explicit.

A tensor without its event axis has the shape ``(channel,)`` or ``(position, channel)``, channels
last. Every layer computes exactly and then, where ``to`` is given, assigns the result to a
format. Without ``to`` the result keeps every bit: its format is derived from the interval that
weights and input range prove.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from pulsefront.errors import PrecisionError, UnsupportedLayer
from pulsefront.fixed_point.format import (
    Assignment,
    FixedPointFormat,
    Formats,
    Integers,
    container,
)
from pulsefront.fixed_point.layer_checks import check_positive, raw_array

__all__ = [
    "AveragePool",
    "Clip",
    "Concatenate",
    "Conv1d",
    "Dense",
    "Flatten",
    "HardTanh",
    "Input",
    "Layer",
    "MaxPool",
    "Quantize",
    "Relu",
    "WindowSum",
    "aligned",
    "assignment_of",
    "refuse",
]

SUPPORTED = "dense, conv1d, window sum, average pool, max pool, ReLU, clip and hard-tanh"

INSTEAD = {
    "sigmoid": "use HardTanh, or leave the output linear and apply sigmoid after the firmware",
    "tanh": "use HardTanh",
    "softmax": "compare the linear outputs: the largest of them is the largest probability",
    "gelu": "use Relu",
    "silu": "use Relu",
    "elu": "use Relu",
    "leakyrelu": "use Relu",
    "batchnorm1d": "fold it into the weights of the layer before it",
    "layernorm": "leave it out, or scale the inputs by a constant",
}


def refuse(layer: str, kind: str) -> UnsupportedLayer:
    """Return the error for a layer *kind* that has no bit-exact counterpart in firmware."""
    remedy = INSTEAD.get(kind.lower().replace("_", ""), f"use one of {SUPPORTED}")
    return UnsupportedLayer(layer, problem=f"{kind} is not bit-exact in firmware", remedy=remedy)


@dataclass(frozen=True)
class Input:
    """A named input: *shape* without the event axis, raw integers of *format*."""

    name: str
    shape: tuple[int, ...]
    format: FixedPointFormat

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", tuple(int(length) for length in self.shape))
        if len(self.shape) not in (1, 2) or min(self.shape) < 1:
            raise PrecisionError(
                "an input has the shape (channel,) or (position, channel)",
                field=self.name,
                value=self.shape,
            )


@dataclass(frozen=True, eq=False)
class Layer:
    """What all layers have: a unique *name* and the names of the tensors that they read."""

    name: str
    inputs: tuple[str, ...]
    kind: ClassVar[str] = "layer"

    def __post_init__(self) -> None:
        # A lone string is taken as one name, not as its letters.
        names: str | tuple[str, ...] = self.inputs
        inputs = (names,) if isinstance(names, str) else tuple(names)
        object.__setattr__(self, "inputs", inputs)
        many = self.kind == "concatenate"
        if len(inputs) < 1 or (len(inputs) > 1 and not many):
            raise PrecisionError(
                f"layer {self.name!r}: {self.kind} reads "
                f"{'one or more tensors' if many else 'one tensor'}",
                value=inputs,
            )


@dataclass(frozen=True, eq=False)
class Quantize(Layer):
    """Assign a tensor to a format."""

    to: Assignment
    kind: ClassVar[str] = "quantize"


@dataclass(frozen=True, eq=False)
class Dense(Layer):
    """y = x · weights + bias.

    Parameters
    ----------
    weights
        Raw integers, shape (n_in, n_out), of *weight_format*; with one format per output channel
        each column has its own fraction.
    bias
        Raw integers, shape (n_out,), of *bias_format*; None for no bias.
    to
        Assignment of the result; None keeps every bit.
    accumulator
        None: exact. Otherwise every product and the bias are assigned to this one format before
        they are added, and each sum stays in it, as hls4ml's latency strategy does.
    """

    weights: Integers
    weight_format: Formats
    bias: Integers | None = None
    bias_format: Formats | None = None
    to: Assignment | None = None
    accumulator: Assignment | None = None
    kind: ClassVar[str] = "dense"

    def __post_init__(self) -> None:
        super().__post_init__()
        weights = raw_array(self.name, "weights", self.weights, self.weight_format)
        if weights.ndim != 2 or not weights.size:
            raise PrecisionError(
                f"layer {self.name!r}: weights have the shape (n_in, n_out)", value=weights.shape
            )
        object.__setattr__(self, "weights", weights)
        _check_bias(self, weights.shape[-1])


@dataclass(frozen=True, eq=False)
class Conv1d(Layer):
    """One-dimensional convolution (correlation) over (position, channel).

    *weights* have the shape (kernel, channel_in, channel_out); *padding* is the number of zeros
    before the first and after the last position. The rest as in `Dense`.
    """

    weights: Integers
    weight_format: Formats
    bias: Integers | None = None
    bias_format: Formats | None = None
    to: Assignment | None = None
    accumulator: Assignment | None = None
    stride: int = 1
    padding: tuple[int, int] = (0, 0)
    kind: ClassVar[str] = "conv1d"

    def __post_init__(self) -> None:
        super().__post_init__()
        weights = raw_array(self.name, "weights", self.weights, self.weight_format)
        if weights.ndim != 3 or not weights.size:
            raise PrecisionError(
                f"layer {self.name!r}: weights have the shape (kernel, channel_in, channel_out)",
                value=weights.shape,
            )
        object.__setattr__(self, "weights", weights)
        _check_bias(self, weights.shape[-1])
        check_positive(self.name, "stride", self.stride)
        padding = tuple(int(zeros) for zeros in self.padding)
        object.__setattr__(self, "padding", padding)
        if len(padding) != 2 or min(padding) < 0:
            raise PrecisionError(
                f"layer {self.name!r}: padding is (before, after), none negative", value=padding
            )


@dataclass(frozen=True, eq=False)
class WindowSum(Layer):
    """Sum over windows of *size* positions, *stride* apart; input (position, channel)."""

    size: int
    stride: int
    to: Assignment | None = None
    kind: ClassVar[str] = "window_sum"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_positive(self.name, "size", self.size)
        check_positive(self.name, "stride", self.stride)


@dataclass(frozen=True, eq=False)
class AveragePool(Layer):
    """Mean over windows of *size* positions; *size* is a power of two, so that it is exact."""

    size: int
    stride: int
    to: Assignment | None = None
    kind: ClassVar[str] = "average_pool"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_positive(self.name, "size", self.size)
        check_positive(self.name, "stride", self.stride)
        if self.size & (self.size - 1):
            raise UnsupportedLayer(
                self.name,
                problem=f"an average over {self.size} positions is not exact in binary fractions",
                remedy="average over a power of two, or use WindowSum and scale the next weights",
            )


@dataclass(frozen=True, eq=False)
class MaxPool(Layer):
    """Largest value over windows of *size* positions, *stride* apart."""

    size: int
    stride: int
    kind: ClassVar[str] = "max_pool"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_positive(self.name, "size", self.size)
        check_positive(self.name, "stride", self.stride)


@dataclass(frozen=True, eq=False)
class Relu(Layer):
    """max(x, 0), then assigned to a format."""

    to: Assignment | None = None
    kind: ClassVar[str] = "relu"


@dataclass(frozen=True, eq=False)
class Clip(Layer):
    """x limited to *low* … *high*, raw integers at the input's fraction, then assigned."""

    low: int
    high: int
    to: Assignment | None = None
    kind: ClassVar[str] = "clip"

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.low <= self.high:
            raise PrecisionError(
                f"layer {self.name!r}: low is above high", value=(self.low, self.high)
            )


@dataclass(frozen=True, eq=False)
class HardTanh(Layer):
    """x limited to the values −1 … 1, then assigned to a format."""

    to: Assignment | None = None
    kind: ClassVar[str] = "hard_tanh"


@dataclass(frozen=True, eq=False)
class Flatten(Layer):
    """(position, channel) to (position · channel,), the channel running fastest."""

    kind: ClassVar[str] = "flatten"


@dataclass(frozen=True, eq=False)
class Concatenate(Layer):
    """Tensors one after the other along the last axis, at the largest fraction among them."""

    kind: ClassVar[str] = "concatenate"


def aligned(integers: Integers, formats: Formats) -> Integers:
    """Return raw integers of per-channel *formats* at the container's fraction."""
    if isinstance(formats, FixedPointFormat):
        return integers
    whole = container(formats).fraction
    shifts = np.array([whole - one.fraction for one in formats], dtype=np.int64)
    return integers << shifts


def assignment_of(layer: Layer) -> Assignment | None:
    """Return the assignment at the end of *layer*; None where the result keeps every bit."""
    to: Assignment | None = getattr(layer, "to", None)
    return to


def _check_bias(layer: Dense | Conv1d, outputs: int) -> None:
    if isinstance(layer.accumulator, Assignment) and not isinstance(
        layer.accumulator.format, FixedPointFormat
    ):
        raise PrecisionError(f"layer {layer.name!r}: the accumulator has one format")
    if layer.bias is None:
        return
    if layer.bias_format is None:
        raise PrecisionError(f"layer {layer.name!r}: a bias needs a bias_format")
    bias = raw_array(layer.name, "bias", layer.bias, layer.bias_format)
    if bias.shape != (outputs,):
        raise PrecisionError(
            f"layer {layer.name!r}: the bias has the shape ({outputs},)", value=bias.shape
        )
    object.__setattr__(layer, "bias", bias)

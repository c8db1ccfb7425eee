"""What a fixed-point model costs: bytes, multiply-accumulates, bit operations.

Figures of the specification itself, before any tool has seen it. Zero weights are counted like
others in bytes, MACs and BOPs: they vanish when a node or an input is removed. EBOPs count the
bits that a multiplier of constants really needs, so a zero costs nothing there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pulsefront.fixed_point.format import FixedPointFormat, Formats
from pulsefront.fixed_point.layers import Conv1d, Dense
from pulsefront.fixed_point.tensors import Step

if TYPE_CHECKING:
    from pulsefront.fixed_point.model import FixedPointModel

__all__ = ["Cost", "LayerCost", "cost"]


@dataclass(frozen=True)
class LayerCost:
    """Cost of one layer; see `Cost` for the meaning of each figure."""

    layer: str
    kind: str
    weight_bits: int
    activation_bits: int
    macs: int
    bops: float
    ebops: int


@dataclass(frozen=True)
class Cost:
    """Cost of a model.

    Attributes
    ----------
    weight_bytes
        Weights and biases at their formats' widths, packed, rounded up to whole bytes.
    activation_bytes
        Inputs and the results of all layers at their formats' widths, packed: the registers of a
        fully parallel design.
    macs
        Multiply-accumulates per event.
    bops
        Bit operations per event: MACs · (b_w·b_a + b_w + b_a + log2 n), n the number of products
        in one sum (Baskin et al. 2021, "UNIQ", equation 1).
    ebops
        Effective bit operations: the sum over all products of the constant's bits between its
        first and last non-zero one, times the width of the activation (Sun et al. 2024, "HGQ",
        equation 5).
    """

    weight_bytes: int
    activation_bytes: int
    macs: int
    bops: float
    ebops: int
    layers: tuple[LayerCost, ...]


def cost(model: FixedPointModel) -> Cost:
    """Return the cost of *model*."""
    layers = tuple(_layer(step) for step in model.steps)
    input_bits = sum(int(np.prod(one.shape)) * one.format.width for one in model.inputs)
    return Cost(
        weight_bytes=-(-sum(one.weight_bits for one in layers) // 8),
        activation_bytes=-(-(input_bits + sum(one.activation_bits for one in layers)) // 8),
        macs=sum(one.macs for one in layers),
        bops=sum(one.bops for one in layers),
        ebops=sum(one.ebops for one in layers),
        layers=layers,
    )


def _layer(step: Step) -> LayerCost:
    layer = step.layer
    activation_bits = step.result.size * step.result.format.width
    if not isinstance(layer, (Dense, Conv1d)):
        return LayerCost(layer.name, layer.kind, 0, activation_bits, 0, 0.0, 0)
    weights = layer.weights
    outputs = weights.shape[-1]
    widths = _widths(layer.weight_format, outputs)
    fan_in = weights.size // outputs
    weight_bits = int(widths.sum()) * fan_in
    if layer.bias is not None and layer.bias_format is not None:
        weight_bits += int(_widths(layer.bias_format, outputs).sum())
    positions = step.exact.size // outputs
    macs = weights.size * positions
    activation = step.sources[0].format.width
    per_mac = widths * activation + widths + activation + np.log2(fan_in)
    bops = float(per_mac.sum()) * fan_in * positions
    ebops = int(_constant_bits(weights).sum()) * activation * positions
    return LayerCost(layer.name, layer.kind, weight_bits, activation_bits, macs, bops, ebops)


def _widths(formats: Formats, channels: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    if isinstance(formats, FixedPointFormat):
        return np.full(channels, formats.width, dtype=np.int64)
    return np.array([one.width for one in formats], dtype=np.int64)


def _constant_bits(
    weights: np.ndarray[tuple[int, ...], np.dtype[np.int64]],
) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    """Return the number of bits from the first to the last non-zero one of each |weight|."""
    magnitude = np.abs(weights)
    odd = magnitude // np.maximum(magnitude & -magnitude, 1)
    return np.frexp(odd.astype(np.float64))[1].astype(np.int64)

"""What a fixed-point model costs: bytes, multiply-accumulates, bit operations.

Figures of the specification itself, before any tool has seen it. Zero weights are counted like
others in bytes, MACs and BOPs: they vanish when a node or an input is removed. EBOPs count the
bits that a multiplier of constants really needs, so a zero costs nothing there.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pulsefront.fixed_point.layers.base import LayerStep
from pulsefront.fixed_point.specification import Specification

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


def cost(model: Specification) -> Cost:
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


def _layer(step: LayerStep) -> LayerCost:
    found = step.layer.arithmetic(step)
    activation_bits = int(step.result.widths.sum())
    return LayerCost(
        step.layer.name,
        step.layer.kind,
        found.weight_bits,
        activation_bits,
        found.macs,
        found.bops,
        found.ebops,
    )

"""Weights of Keras and HGQ2 layers as real arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from pulsefront.errors import UnsupportedLayer
from pulsefront.imports.graph import Reals

__all__ = [
    "KernelPlaces",
    "depthwise_kernel",
    "kernel_of",
    "require_channels_last",
    "weights_of",
]


def weights_of(layer: Any, what: str) -> Reals | None:
    """Return weights as the layer uses them: quantized where it quantizes them."""
    from keras import ops

    found = getattr(layer, f"q{what}", None)
    found = getattr(layer, what) if found is None else found
    return None if found is None else np.asarray(ops.convert_to_numpy(found), np.float64)


@dataclass(frozen=True, eq=False)
class KernelPlaces:
    """A kernel with zeros written out for its dilation, and where it is laid, for each axis."""

    kernel: Reals
    stride: tuple[int, ...]
    padding: tuple[tuple[int, int], ...]


def kernel_of(layer: Any, weights: Reals, sides: tuple[int, ...]) -> KernelPlaces:
    """Return how a convolution lies on positions of *sides*: one length, or rows and columns.

    Raises
    ------
    UnsupportedLayer
        It has channels first.
    """
    require_channels_last(layer)
    weights = _ungrouped(weights, int(getattr(layer, "groups", 1)))
    dilations = [int(one) for one in layer.dilation_rate]
    strides = tuple(int(one) for one in layer.strides)
    sizes = [(len_ - 1) * step + 1 for len_, step in zip(weights.shape, dilations, strict=False)]
    kernel = np.zeros((*sizes, *weights.shape[-2:]))
    kernel[tuple(slice(None, None, step) for step in dilations)] = weights
    padding = [(0, 0)] * len(sides)
    if layer.padding == "same":
        padding = []
        for side, size, stride in zip(sides, sizes, strides, strict=True):
            total = max((-(-side // stride) - 1) * stride + size - side, 0)
            padding.append((total // 2, total - total // 2))
    elif layer.padding == "causal":
        padding = [(sizes[0] - 1, 0)]
    return KernelPlaces(kernel, strides, tuple(padding))


def require_channels_last(layer: Any) -> None:
    """Refuse a layer with channels first."""
    if layer.data_format != "channels_last":
        raise UnsupportedLayer(
            str(layer.name), problem="channels first have no counterpart",
            remedy="use channels_last",
        )  # fmt: skip


def depthwise_kernel(weights: Reals) -> Reals:
    """Return a kernel (…, channel, multiplier) as (…, channel_in, channel_out), zeros between."""
    channels, multiplier = weights.shape[-2:]
    found = np.zeros((*weights.shape[:-2], channels, channels * multiplier))
    for one in range(channels):
        found[..., one, one * multiplier : (one + 1) * multiplier] = weights[..., one, :]
    return found


def _ungrouped(weights: Reals, groups: int) -> Reals:
    """Return a kernel (…, channel_in, channel_out) with zeros where groups leave inputs out."""
    if groups == 1:
        return weights
    n_in, n_out = weights.shape[-2:]
    found = np.zeros((*weights.shape[:-2], n_in * groups, n_out))
    each = n_out // groups
    for group in range(groups):
        outs = slice(group * each, (group + 1) * each)
        found[..., group * n_in : (group + 1) * n_in, outs] = weights[..., outs]
    return found

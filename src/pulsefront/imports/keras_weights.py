"""Weights of Keras and HGQ2 layers as real arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from pulsefront.errors import UnsupportedLayer
from pulsefront.imports.graph import Reals

__all__ = ["kernel_of", "weights_of"]


def weights_of(layer: Any, what: str) -> Reals | None:
    """Return weights as the layer uses them: quantized where it quantizes them."""
    from keras import ops

    found = getattr(layer, f"q{what}", None)
    found = getattr(layer, what) if found is None else found
    return None if found is None else np.asarray(ops.convert_to_numpy(found), np.float64)


def kernel_of(
    layer: Any, weights: Reals, shape: tuple[int, ...]
) -> tuple[Reals, tuple[int, int], int]:
    """Return kernel, padding and stride of a convolution, zeros written out for its dilation."""
    stride, dilation = int(layer.strides[0]), int(layer.dilation_rate[0])
    if layer.data_format != "channels_last" or layer.groups != 1:
        raise UnsupportedLayer(
            str(layer.name), problem="groups or channels first have no counterpart",
            remedy="use groups=1 and channels_last",
        )  # fmt: skip
    size = (len(weights) - 1) * dilation + 1
    kernel = np.zeros((size, *weights.shape[1:]))
    kernel[::dilation] = weights
    padding = (0, 0)
    if layer.padding == "same":
        total = max((-(-shape[0] // stride) - 1) * stride + size - shape[0], 0)
        padding = (total // 2, total - total // 2)
    elif layer.padding == "causal":
        padding = (size - 1, 0)
    return kernel, padding, stride

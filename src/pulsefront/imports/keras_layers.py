"""What each layer of Keras becomes in a real graph."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

import numpy as np

from pulsefront.errors import UnsupportedLayer
from pulsefront.fixed_point.layers.unsupported import refuse
from pulsefront.imports.graph import (
    Flattening,
    Function,
    Join,
    Limit,
    Matrix,
    Pool,
    Sum,
)
from pulsefront.imports.keras_call import KerasCall
from pulsefront.imports.keras_weights import (
    depthwise_kernel,
    kernel_of,
    require_channels_last,
    weights_of,
)

__all__ = ["HANDLERS", "TELLS"]

TELLS = {
    "softmax": "the largest of its inputs tells the class",
    "sigmoid": "the sign of its input tells the class",
}


def _matrix(call: KerasCall) -> str:
    """Add a dense layer, for every position where there are some, or a convolution."""
    layer, shape, source = call.layer, call.shape, call.sources[0]
    weights = weights_of(layer, "kernel")
    bias = weights_of(layer, "bias") if layer.use_bias else None
    assert weights is not None
    padding, stride = (0, 0), 1
    if type(layer).__name__.startswith("Depthwise"):
        weights = depthwise_kernel(weights)
    if weights.ndim == 2 + len(shape[:-1]) > 2:
        places = kernel_of(layer, weights, shape[:-1])
        weights = places.kernel
        if len(shape) == 3:
            size, pads = weights.shape[:2], (*places.padding[0], *places.padding[1])
            if (size, places.stride, pads) != ((1, 1), (1, 1), (0, 0, 0, 0)):
                source = call.windows(size, places.stride, pads)
            weights = weights.reshape(-1, *weights.shape[2:])
            stride = len(weights)
        else:
            (padding,), (stride,) = places.padding, places.stride
    elif weights.ndim == 2 and len(shape) > 1:
        weights = weights[None]
    elif weights.ndim != 2:
        raise refuse(call.label, type(layer).__name__)
    weights = weights * call.kept[:, None] if call.kept.size > 1 else weights
    return call.keep(Matrix(call.name(), (source,), call.label, weights, bias, stride, padding))


def _batch_norm(call: KerasCall) -> str:
    """Add a batch normalization in floats, which is folded later."""
    layer = call.layer
    if type(layer).__name__.startswith("Q"):
        raise UnsupportedLayer(
            call.label, problem="QBatchNormalization has no counterpart",
            remedy="use QBatchNormDense, or fold it before",
        )  # fmt: skip
    _require_last_axis(call, layer.axis)
    gamma = weights_of(layer, "gamma") if layer.scale else np.ones(1)
    beta = weights_of(layer, "beta") if layer.center else np.zeros(1)
    mean, variance = weights_of(layer, "moving_mean"), weights_of(layer, "moving_variance")
    assert gamma is not None
    assert beta is not None
    assert mean is not None
    assert variance is not None
    factor = gamma / np.sqrt(variance + layer.epsilon)
    return call.by_channel(factor, beta - mean * factor)


def _require_last_axis(call: KerasCall, axis: Any) -> None:
    """Refuse a layer that goes along another axis than that of channels."""
    axes = [int(one) for one in np.ravel(axis)]
    if axes not in ([-1], [len(call.shape)]):
        raise UnsupportedLayer(
            call.label,
            problem=f"axis {', '.join(map(str, axes))} of {type(call.layer).__name__} is not that "
            "of the channels",
            remedy="use axis=-1",
        )


def _normalization(call: KerasCall) -> str:
    """Add a normalization with its mean and variance, which is folded later."""
    layer = call.layer
    if layer.invert:
        raise refuse(call.label, "an inverted normalization")
    mean, variance = (np.asarray(one, np.float64).reshape(-1) for one in _statistics(layer))
    if {mean.size, variance.size} - {1, call.shape[-1]}:
        raise UnsupportedLayer(
            call.label, problem="it normalizes each position by its own", remedy="use axis=-1"
        )
    import keras

    factor = 1 / np.maximum(np.sqrt(variance), keras.config.epsilon())
    return call.by_channel(factor, -mean * factor)


def _statistics(layer: Any) -> tuple[Any, Any]:
    from keras import ops

    mean, variance = (ops.convert_to_numpy(one) for one in (layer.mean, layer.variance))
    return mean, variance


def _rescaling(call: KerasCall) -> str:
    """Add a scale and an offset, which are folded later."""
    scale, offset = (np.asarray(one, np.float64) for one in (call.layer.scale, call.layer.offset))
    if max(scale.ndim, offset.ndim) > 1:
        raise refuse(call.label, "a rescaling by position")
    return call.by_channel(scale, offset if np.any(offset) else None)


def _limit(call: KerasCall) -> str:
    """Add a ReLU layer; with a slope below zero it is a table."""
    layer = call.layer
    highest = np.inf if layer.max_value is None else float(layer.max_value)
    slope = float(layer.negative_slope)
    if layer.threshold or (slope and layer.max_value is not None):
        raise refuse(call.label, "a ReLU with a threshold, or a slope and a limit,")
    if slope:
        return _sloped(call, "leaky_relu", slope)
    return call.keep(Limit(call.name(), (call.sources[0],), call.label, 0.0, highest))


def _leaky(call: KerasCall) -> str:
    return _sloped(call, "leaky_relu", float(call.layer.negative_slope))


def _elu(call: KerasCall) -> str:
    return _sloped(call, "elu", float(call.layer.alpha))


def _sloped(call: KerasCall, what: str, slope: float) -> str:
    return call.keep(Function(call.name(), (call.sources[0],), call.label, what, slope))


def _pool(call: KerasCall) -> str:
    """Add a pool over positions, or over the windows of an image."""
    layer, sides = call.layer, call.shape[:-1]
    kind = type(layer).__name__.removeprefix("Q")
    require_channels_last(layer)
    whole = kind.startswith("Global")
    sizes = sides if whole else tuple(int(one) for one in layer.pool_size)
    strides = sides if whole else tuple(int(one) for one in layer.strides)
    padded = any(side % size for side, size in zip(sides, sizes, strict=True))
    if getattr(layer, "padding", "valid") != "valid" and (padded or strides != sizes):
        raise UnsupportedLayer(
            call.label, problem="a padded pool has no counterpart", remedy="use padding='valid'"
        )
    what: Literal["max", "mean"] = "max" if "Max" in kind else "mean"
    source, size, stride = call.sources[0], int(np.prod(sizes)), int(np.prod(strides))
    if len(sides) == 2 and not whole:
        source, stride = call.windows(sizes, strides), size
    found = call.keep(Pool(call.name(), (source,), call.label, what, size, stride))
    if whole and not layer.keepdims:
        found = call.keep(Flattening(call.name("_flat"), (found,), call.label))
    return found


def _softmax(call: KerasCall) -> str:
    """Leave out a softmax at the end."""
    (output,) = call.node.output_tensors
    if not call.walk.is_ending(output):
        raise refuse(call.label, "softmax")
    _require_last_axis(call, call.layer.axis)
    call.walk.left_out.append(
        f"{call.label}: the softmax at the end is left out: {TELLS['softmax']}"
    )
    return call.sources[0]


def _flatten(call: KerasCall) -> str:
    """Add a flattening, where there is anything to flatten."""
    if len(call.shape) == 1:
        return call.sources[0]
    require_channels_last(call.layer)
    return call.keep(Flattening(call.name(), (call.sources[0],), call.label))


def _reshape(call: KerasCall) -> str:
    """Take rows and columns as positions, flatten, or give an input its shape."""
    (output,) = call.node.output_tensors
    to = tuple(output.shape[1:])
    if to == call.shape:
        return call.sources[0]
    if len(to) == 1:
        return call.keep(Flattening(call.name(), (call.sources[0],), call.label))
    if len(call.shape) > 1 and len(to) > 1 and to[-1] == call.shape[-1]:
        return call.sources[0]
    if len(to) <= 3 and call.walk.reshape_input(call.node.input_tensors[0], to):
        return call.sources[0]
    raise UnsupportedLayer(
        call.label,
        problem=f"a reshape from {call.shape} to {to} has no counterpart here",
        remedy="give the input its shape, and flatten",
    )


def _add(call: KerasCall) -> str:
    return call.keep(Sum(call.name(), tuple(call.sources), call.label))


def _subtract(call: KerasCall) -> str:
    """Add a sum with the other sign of the second."""
    if {tuple(one.shape[1:]) for one in call.node.input_tensors} != {call.shape}:
        raise refuse(call.label, "a difference of tensors of unlike shapes")
    first, second = call.sources
    turned = call.by_channel(np.full(1, -1.0), None, second)
    return call.keep(Sum(call.name("_sum"), (first, turned), call.label))


def _join(call: KerasCall) -> str:
    if call.layer.axis not in (-1, len(call.shape)):
        raise refuse(call.label, f"a concatenation along axis {call.layer.axis}")
    return call.keep(Join(call.name(), tuple(call.sources), call.label))


def _same(call: KerasCall) -> str:
    """Return the source: the layer computes nothing here."""
    return call.sources[0]


def _quantizer(call: KerasCall) -> str:
    """Add a quantizer that is a layer of its own."""
    tensor = call.node.input_tensors[0]
    found, kept = call.walk.cast(call.layer, call.layer, tensor, call.sources[0])
    return found if kept.all() else call.walk.masked(call.layer, found, kept, tensor)


_POOLS = tuple(
    f"{place}{what}{word}{axes}D"
    for place, words in (("", ("Pool", "Pooling")), ("Global", ("Pooling",)))
    for what in ("Max", "Average")
    for word in words
    for axes in (1, 2)
)

_NOTHING = (
    "Activation", "ActivityRegularization", "AlphaDropout", "Dropout", "GaussianDropout",
    "GaussianNoise", "Identity", "SpatialDropout1D", "SpatialDropout2D",
)  # fmt: skip
"""Layers that compute nothing but in training, or whose activation is all they are."""

HANDLERS: Mapping[str, Callable[[KerasCall], str]] = {
    "Dense": _matrix,
    "BatchNormDense": _matrix,
    "Conv1D": _matrix,
    "Conv2D": _matrix,
    "DepthwiseConv1D": _matrix,
    "DepthwiseConv2D": _matrix,
    "BatchNormalization": _batch_norm,
    "Normalization": _normalization,
    "Rescaling": _rescaling,
    "Softmax": _softmax,
    "ReLU": _limit,
    "LeakyReLU": _leaky,
    "ELU": _elu,
    **dict.fromkeys(_POOLS, _pool),
    "Flatten": _flatten,
    "Reshape": _reshape,
    "Add": _add,
    "Subtract": _subtract,
    "Concatenate": _join,
    **dict.fromkeys(_NOTHING, _same),
    "uantizer": _quantizer,  # HGQ2's Quantizer, which begins with a Q of its own
}
"""By the class of the layer, HGQ2's Q in front left out."""

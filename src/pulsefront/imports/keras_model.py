"""The door for Keras 3: models with HGQ2's layers keep their integers, others are calibrated.

HGQ2 (https://github.com/calad0i/HGQ2) casts what enters a layer, its kernel and its bias; the
layers are otherwise Keras' own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from pulsefront.errors import DataError, UnsupportedLayer
from pulsefront.extras import require
from pulsefront.fixed_point import FixedPointFormat
from pulsefront.fixed_point.layers.unsupported import refuse
from pulsefront.imports.calibrate import Widths
from pulsefront.imports.graph import (
    Cast,
    Flattening,
    Function,
    Join,
    Limit,
    Matrix,
    Node,
    Pool,
    RealInput,
    RealNetwork,
    Reals,
    Sum,
    Windows,
)
from pulsefront.imports.hgq_quantizer import cast_of
from pulsefront.imports.imported import Imported, finished
from pulsefront.imports.keras_weights import kernel_of, weights_of
from pulsefront.imports.names import identifier, model_name

__all__ = ["from_keras"]

LOGITS = ("softmax", "sigmoid")
"""Activations that an output layer may have and firmware leaves out."""


def from_keras(
    model: Any,
    *,
    data: npt.NDArray[Any] | Mapping[str, npt.NDArray[Any]] | None = None,
    name: str | None = None,
    logits: bool = False,
    input_format: FixedPointFormat | None = None,
    widths: Widths | None = None,
) -> Imported:
    """Return a functional or sequential Keras 3 model as a fixed-point model.

    Parameters
    ----------
    model
        With HGQ2's layers, whose bits were traced (``hgq.utils.trace_minmax``), or in floats.
    data
        Input events, to calibrate a model in floats.
    name
        Of the model; from Keras' name.
    logits
        Leave out a sigmoid at the end, whose input tells the class by its sign. A softmax there
        is left out in any case: the largest of its inputs tells the class.
    input_format, widths
        See `from_onnx`.

    Raises
    ------
    ToolMissing
        Keras is not installed.
    UnsupportedLayer
        A layer has no bit-exact counterpart; it is named, with what to use instead.
    PrecisionError
        See `from_onnx`.
    """
    require("keras", needed_for="reading Keras models")
    import keras

    if not isinstance(model, keras.Model) or not getattr(model, "inputs", None):
        raise DataError("is no functional or sequential Keras model", value=type(model).__name__)
    walk = _Walk(model, logits=logits)
    graph = walk.graph(name or model_name(str(model.name)))

    def origin(arrays: Mapping[str, Reals]) -> list[Reals]:
        given = [
            np.asarray(arrays[one.name], np.float32).reshape(-1, *tensor.shape[1:])
            for one, tensor in zip(graph.inputs, model.inputs, strict=True)
        ]
        found = compared(given if len(given) > 1 else given[0], training=False)
        several = found if isinstance(found, (tuple, list)) else [found]
        return [np.asarray(keras.ops.convert_to_numpy(one), np.float64) for one in several]

    compared = _without_last(model) if walk.left_out else model
    axes = {
        one.name: tuple(tensor.shape[1:])
        for one, tensor in zip(graph.inputs, model.inputs, strict=True)
    }
    return finished(graph, origin, data=data, input_format=input_format, widths=widths, axes=axes)


def _without_last(model: Any) -> Any:
    """Return the model with the activation of its output layers left out."""
    import keras

    same = keras.models.clone_model(model)
    same.set_weights(model.get_weights())
    outputs = []
    for tensor in same.outputs:
        layer, ending = tensor._keras_history.operation, tensor
        if type(layer).__name__ == "Softmax":
            (ending,) = layer._inbound_nodes[-1].input_tensors
            layer = ending._keras_history.operation
        outputs.append(ending)
        if getattr(getattr(layer, "activation", None), "__name__", "") in LOGITS:
            layer.activation = keras.activations.linear
    return keras.Model(same.inputs, outputs)


class _Walk:
    """The nodes made so far, and the name under which the graph has each tensor of Keras."""

    def __init__(self, model: Any, *, logits: bool) -> None:
        # What a sequential model holds is a functional one.
        self.model = getattr(model, "_functional", None) or model
        self.logits = logits
        self.taken: set[str] = set()
        self.nodes: list[Node] = []
        self.names: dict[int, str] = {}
        self.left_out: list[str] = []

    def graph(self, name: str) -> RealNetwork:
        inputs = []
        for tensor in self.model.inputs:
            shape = tuple(tensor.shape[1:])
            label = str(tensor.name)
            if len(shape) not in (1, 2, 3) or None in shape:
                raise UnsupportedLayer(
                    label,
                    problem=f"an input of the shape {shape} has no counterpart",
                    remedy="inputs are (event, channel), (event, position, channel) or (event, "
                    "row, column, channel), all fixed",
                )
            own = identifier(label, self.taken, "input")
            inputs.append(RealInput(own, _positions(shape), label))
            self.names[id(tensor)] = own
        for layer in self.model.operations:
            if type(layer).__name__ != "InputLayer":
                self._layer(layer)
        outputs = tuple(self.names[id(one)] for one in self.model.outputs)
        return RealNetwork(name, tuple(inputs), tuple(self.nodes), outputs, tuple(self.left_out))

    def _layer(self, layer: Any) -> None:
        node = layer._inbound_nodes[-1]
        kind = type(layer).__name__
        plain = kind.removeprefix("Q")
        handler = _HANDLERS.get(plain)
        if handler is None:
            raise refuse(str(layer.name), kind)
        sources = []
        kept = np.ones(1, bool)
        quantizers = self._input_quantizers(layer)
        for index, tensor in enumerate(node.input_tensors):
            source = self.names[id(tensor)]
            if quantizers:
                source, kept = self._cast(layer, quantizers[index], tensor, source)
                if not kept.all() and not hasattr(layer, "kernel"):
                    source = self._masked(layer, source, kept, tensor)
            sources.append(source)
        (output,) = node.output_tensors
        found = handler(self, layer, sources, node, kept)
        if getattr(layer, "activation", None) is not None:
            found = self._activated(layer, found, is_output=self._is_output(output))
        if getattr(layer, "enable_oq", False):
            found, kept = self._cast(layer, layer.oq, output, found)
            if not kept.all():
                found = self._masked(layer, found, kept, output)
        self.names[id(output)] = found

    def _input_quantizers(self, layer: Any) -> list[Any]:
        if not getattr(layer, "enable_iq", False) or not hasattr(layer, "_iq"):
            return []
        return list(layer._iq) if hasattr(layer._iq, "quantizers") else [layer._iq]

    def _is_output(self, tensor: Any) -> bool:
        return any(one is tensor for one in self.model.outputs)

    def _name(self, layer: Any, suffix: str = "") -> str:
        return identifier(f"{layer.name}{suffix}", self.taken, "layer")

    def _keep(self, node: Node) -> str:
        self.nodes.append(node)
        return node.name

    def _cast(
        self, layer: Any, quantizer: Any, tensor: Any, source: str
    ) -> tuple[str, npt.NDArray[np.bool_]]:
        found = cast_of(quantizer, tuple(tensor.shape[1:]), str(layer.name))
        name = self._name(layer, "_cast")
        return self._keep(Cast(name, (source,), str(layer.name), found.to)), found.kept

    def _masked(self, layer: Any, source: str, kept: npt.NDArray[np.bool_], tensor: Any) -> str:
        """Set channels without bits to zero."""
        weights = np.diag(kept.astype(float))
        if len(tensor.shape) > 2:
            weights = weights[None]
        return self._keep(Matrix(self._name(layer, "_kept"), (source,), str(layer.name), weights))

    def _activated(self, layer: Any, source: str, *, is_output: bool) -> str:
        kind = getattr(layer.activation, "__name__", str(layer.activation))
        if kind == "linear":
            return source
        if is_output and (kind == "softmax" or (kind in LOGITS and self.logits)):
            self.left_out.append(
                f"{layer.name}: the {kind} at the end is left out: " + _TELLS[kind]
            )
            return source
        if kind in _FUNCTIONS:
            name = self._name(layer, f"_{kind}")
            return self._keep(Function(name, (source,), str(layer.name), *_FUNCTIONS[kind]))
        if kind not in _LIMITS:
            error = refuse(str(layer.name), kind)
            if kind in LOGITS and is_output:
                error.remedy = f"{error.remedy}: logits=True"
            raise error
        name = self._name(layer, f"_{kind}")
        return self._keep(Limit(name, (source,), str(layer.name), *_LIMITS[kind]))

    def matrix(self, layer: Any, sources: list[str], node: Any, kept: npt.NDArray[np.bool_]) -> str:
        """Add a dense layer, for every position where there are some, or a convolution."""
        weights = weights_of(layer, "kernel")
        bias = weights_of(layer, "bias") if layer.use_bias else None
        assert weights is not None
        shape = tuple(node.input_tensors[0].shape[1:])
        padding, stride = (0, 0), 1
        if weights.ndim == 2 + len(shape[:-1]) > 2:
            places = kernel_of(layer, weights, shape[:-1])
            weights = places.kernel
            if len(shape) == 3:
                size, pads = weights.shape[:2], (*places.padding[0], *places.padding[1])
                if (size, places.stride, pads) != ((1, 1), (1, 1), (0, 0, 0, 0)):
                    sources = [self._windows(layer, sources[0], shape, size, places.stride, pads)]
                weights = weights.reshape(-1, *weights.shape[2:])
                stride = len(weights)
            else:
                (padding,), (stride,) = places.padding, places.stride
        elif weights.ndim == 2 and len(shape) > 1:
            weights = weights[None]
        elif weights.ndim != 2:
            raise refuse(str(layer.name), type(layer).__name__)
        weights = weights * kept[:, None] if kept.size > 1 else weights
        return self._keep(
            Matrix(
                self._name(layer), (sources[0],), str(layer.name), weights, bias, stride, padding
            )
        )

    def _windows(
        self,
        layer: Any,
        source: str,
        shape: tuple[int, ...],
        size: tuple[int, ...],
        stride: tuple[int, ...],
        padding: tuple[int, ...] = (0, 0, 0, 0),
    ) -> str:
        """Add the windows of an image of *shape* (row, column, channel)."""
        name = self._name(layer, "_windows")
        sides = (shape[0], shape[1]), (size[0], size[1]), (stride[0], stride[1])
        return self._keep(Windows(name, (source,), str(layer.name), *sides, padding))

    def batch_norm(self, layer: Any, sources: list[str], node: Any, _: Any) -> str:
        """Add a batch normalization in floats, which is folded later."""
        if type(layer).__name__.startswith("Q"):
            raise UnsupportedLayer(
                str(layer.name), problem="QBatchNormalization has no counterpart",
                remedy="use QBatchNormDense, or fold it before",
            )  # fmt: skip
        count = int(node.input_tensors[0].shape[-1])
        gamma = weights_of(layer, "gamma") if layer.scale else np.ones(count)
        beta = weights_of(layer, "beta") if layer.center else np.zeros(count)
        mean, variance = weights_of(layer, "moving_mean"), weights_of(layer, "moving_variance")
        assert gamma is not None
        assert beta is not None
        assert mean is not None
        assert variance is not None
        factor = gamma / np.sqrt(variance + layer.epsilon)
        weights = np.diag(factor)
        if len(node.input_tensors[0].shape) > 2:
            weights = weights[None]
        name = self._name(layer)
        bias = beta - mean * factor
        return self._keep(Matrix(name, (sources[0],), str(layer.name), weights, bias))

    def limit(self, layer: Any, sources: list[str], node: Any, _: Any) -> str:  # noqa: ARG002
        """Add a ReLU layer; with a slope below zero it is a table."""
        highest = np.inf if layer.max_value is None else float(layer.max_value)
        slope = float(layer.negative_slope)
        if layer.threshold or (slope and layer.max_value is not None):
            raise refuse(str(layer.name), "a ReLU with a threshold, or a slope and a limit,")
        if slope:
            return self._slope(layer, sources[0], "leaky_relu", slope)
        made = Limit(self._name(layer), (sources[0],), str(layer.name), 0.0, highest)
        return self._keep(made)

    def leaky(self, layer: Any, sources: list[str], node: Any, _: Any) -> str:  # noqa: ARG002
        """Add a leaky ReLU."""
        return self._slope(layer, sources[0], "leaky_relu", float(layer.negative_slope))

    def elu(self, layer: Any, sources: list[str], node: Any, _: Any) -> str:  # noqa: ARG002
        """Add an exponential linear unit."""
        return self._slope(layer, sources[0], "elu", float(layer.alpha))

    def _slope(self, layer: Any, source: str, what: str, slope: float) -> str:
        return self._keep(Function(self._name(layer), (source,), str(layer.name), what, slope))

    def pool(self, layer: Any, sources: list[str], node: Any, _: Any) -> str:
        """Add a pool over positions, or over the windows of an image."""
        kind = type(layer).__name__.removeprefix("Q")
        shape = tuple(node.input_tensors[0].shape[1:])
        sides = shape[:-1]
        whole = kind.startswith("Global")
        sizes = sides if whole else tuple(int(one) for one in layer.pool_size)
        strides = sides if whole else tuple(int(one) for one in layer.strides)
        padded = any(side % size for side, size in zip(sides, sizes, strict=True))
        if getattr(layer, "padding", "valid") != "valid" and (padded or strides != sizes):
            raise UnsupportedLayer(
                str(layer.name), problem="a padded pool has no counterpart",
                remedy="use padding='valid'",
            )  # fmt: skip
        what: Literal["max", "mean"] = "max" if "Max" in kind else "mean"
        source, size, stride = sources[0], int(np.prod(sizes)), int(np.prod(strides))
        if len(sides) == 2 and not whole:
            source, stride = self._windows(layer, source, shape, sizes, strides), size
        found = self._keep(Pool(self._name(layer), (source,), str(layer.name), what, size, stride))
        if kind.startswith("Global") and not layer.keepdims:
            found = self._keep(Flattening(self._name(layer, "_flat"), (found,), str(layer.name)))
        return found

    def softmax(self, layer: Any, sources: list[str], node: Any, _: Any) -> str:
        """Leave out a softmax at the end."""
        (output,) = node.output_tensors
        if not self._is_output(output):
            raise refuse(str(layer.name), "softmax")
        told = f"{layer.name}: the softmax at the end is left out: {_TELLS['softmax']}"
        self.left_out.append(told)
        return sources[0]

    def flatten(self, layer: Any, sources: list[str], node: Any, _: Any) -> str:
        """Add a flattening, where there is anything to flatten."""
        if len(node.input_tensors[0].shape) == 2:
            return sources[0]
        return self._keep(Flattening(self._name(layer), (sources[0],), str(layer.name)))

    def add(self, layer: Any, sources: list[str], node: Any, _: Any) -> str:  # noqa: ARG002
        """Add a sum."""
        return self._keep(Sum(self._name(layer), tuple(sources), str(layer.name)))

    def join(self, layer: Any, sources: list[str], node: Any, _: Any) -> str:
        """Add a concatenation."""
        if layer.axis not in (-1, len(node.input_tensors[0].shape) - 1):
            raise refuse(str(layer.name), f"a concatenation along axis {layer.axis}")
        return self._keep(Join(self._name(layer), tuple(sources), str(layer.name)))

    def same(self, layer: Any, sources: list[str], node: Any, _: Any) -> str:  # noqa: ARG002
        """Return the source: the layer computes nothing here."""
        return sources[0]

    def quantizer(self, layer: Any, sources: list[str], node: Any, _: Any) -> str:
        """Add a quantizer that is a layer of its own."""
        tensor = node.input_tensors[0]
        found, kept = self._cast(layer, layer, tensor, sources[0])
        return found if kept.all() else self._masked(layer, found, kept, tensor)


_TELLS = {
    "softmax": "the largest of its inputs tells the class",
    "sigmoid": "the sign of its input tells the class",
}

_LIMITS = {"relu": (0.0, np.inf), "relu6": (0.0, 6.0), "hard_tanh": (-1.0, 1.0)}

_FUNCTIONS: Mapping[str, tuple[str, float]] = {
    "sigmoid": ("sigmoid", 0.0),
    "tanh": ("tanh", 0.0),
    "softplus": ("softplus", 0.0),
    "softsign": ("softsign", 0.0),
    "silu": ("silu", 0.0),
    "elu": ("elu", 1.0),
    "leaky_relu": ("leaky_relu", 0.2),
    "hard_sigmoid": ("hard_sigmoid", 1 / 6),
}
"""Keras' activations that firmware has as tables, with Keras' own slopes."""


def _positions(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return a shape with the rows and columns of an image as positions."""
    return (shape[0] * shape[1], shape[2]) if len(shape) == 3 else shape


Handler = Callable[[_Walk, Any, list[str], Any, npt.NDArray[np.bool_]], str]

_HANDLERS: Mapping[str, Handler] = {
    "Dense": _Walk.matrix,
    "BatchNormDense": _Walk.matrix,
    "Conv1D": _Walk.matrix,
    "Conv2D": _Walk.matrix,
    "BatchNormalization": _Walk.batch_norm,
    "Activation": _Walk.same,
    "Softmax": _Walk.softmax,
    "ReLU": _Walk.limit,
    "LeakyReLU": _Walk.leaky,
    "ELU": _Walk.elu,
    "MaxPooling1D": _Walk.pool,
    "AveragePooling1D": _Walk.pool,
    "GlobalMaxPooling1D": _Walk.pool,
    "GlobalAveragePooling1D": _Walk.pool,
    "MaxPooling2D": _Walk.pool,
    "AveragePooling2D": _Walk.pool,
    "GlobalMaxPooling2D": _Walk.pool,
    "GlobalAveragePooling2D": _Walk.pool,
    "MaxPool1D": _Walk.pool,
    "AveragePool1D": _Walk.pool,
    "MaxPool2D": _Walk.pool,
    "AveragePool2D": _Walk.pool,
    "Flatten": _Walk.flatten,
    "Add": _Walk.add,
    "Concatenate": _Walk.join,
    "Dropout": _Walk.same,
    "Identity": _Walk.same,
    "uantizer": _Walk.quantizer,  # HGQ2's Quantizer, which begins with a Q of its own
}
"""By the class of the layer, HGQ2's Q in front left out."""

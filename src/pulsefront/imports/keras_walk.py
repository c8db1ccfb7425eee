"""The walk through a Keras model, layer by layer: quantizers, activations, and what is left out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from pulsefront.errors import UnsupportedLayer
from pulsefront.fixed_point.layers.unsupported import refuse
from pulsefront.imports.graph import Cast, Function, Limit, Matrix, Node, RealInput, RealNetwork
from pulsefront.imports.hgq_quantizer import cast_of
from pulsefront.imports.keras_call import KerasCall
from pulsefront.imports.keras_layers import HANDLERS, TELLS
from pulsefront.imports.names import identifier

__all__ = ["LOGITS", "KerasWalk"]

LOGITS = ("softmax", "sigmoid")
"""Activations that an output layer may have and firmware leaves out."""


class KerasWalk:
    """The nodes made so far, and the name under which the graph has each tensor of Keras."""

    def __init__(self, model: Any, *, logits: bool) -> None:
        # What a sequential model holds is a functional one.
        self.model = getattr(model, "_functional", None) or model
        self.logits = logits
        self.taken: set[str] = set()
        self.nodes: list[Node] = []
        self.names: dict[int, str] = {}
        self.left_out: list[str] = []
        self.inputs: list[RealInput] = []

    def graph(self, name: str) -> RealNetwork:
        """Return the graph of the whole model, called *name*."""
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
            self.inputs.append(RealInput(own, _positions(shape), label))
            self.names[id(tensor)] = own
        self._calls(self.model)
        outputs = tuple(self.names[id(one)] for one in self.model.outputs)
        left_out = tuple(self.left_out)
        return RealNetwork(name, tuple(self.inputs), tuple(self.nodes), outputs, left_out)

    def _calls(self, model: Any) -> None:
        """Add every call of every layer of a model, in their order."""
        # Keras has no public list of calls; a layer that is shared stands once among its layers.
        by_depth = model._nodes_by_depth
        for depth in sorted(by_depth, reverse=True):
            for node in by_depth[depth]:
                if type(node.operation).__name__ != "InputLayer":
                    self._call(node.operation, node)

    def _call(self, layer: Any, node: Any) -> None:
        kind = type(layer).__name__
        if kind in ("Functional", "Sequential"):
            self._model(getattr(layer, "_functional", None) or layer, node)
            return
        handler = HANDLERS.get(kind.removeprefix("Q"))
        if handler is None:
            raise refuse(str(layer.name), kind)
        sources = []
        kept = np.ones(1, bool)
        quantizers = self._input_quantizers(layer)
        for index, tensor in enumerate(node.input_tensors):
            source = self.names[id(tensor)]
            if quantizers:
                source, kept = self.cast(layer, quantizers[index], tensor, source)
                if not kept.all() and not hasattr(layer, "kernel"):
                    source = self.masked(layer, source, kept, tensor)
            sources.append(source)
        (output,) = node.output_tensors
        call = KerasCall(self, layer, node, sources, kept)
        found = handler(call)
        if getattr(layer, "activation", None) is not None:
            found = self._activated(call, found, is_ending=self.is_ending(output))
        if getattr(layer, "enable_oq", False):
            found, kept = self.cast(layer, layer.oq, output, found)
            if not kept.all():
                found = self.masked(layer, found, kept, output)
        self.names[id(output)] = found

    def _model(self, inner: Any, node: Any) -> None:
        """Add the layers of a model that is a layer of another."""
        for own, given in zip(inner.inputs, node.input_tensors, strict=True):
            self.names[id(own)] = self.names[id(given)]
        self._calls(inner)
        for own, given in zip(inner.outputs, node.output_tensors, strict=True):
            self.names[id(given)] = self.names[id(own)]

    def _input_quantizers(self, layer: Any) -> list[Any]:
        if not getattr(layer, "enable_iq", False) or not hasattr(layer, "_iq"):
            return []
        return list(layer._iq) if hasattr(layer._iq, "quantizers") else [layer._iq]

    def is_ending(self, tensor: Any) -> bool:
        """Whether a tensor is an output of the model, and nothing of it reads that."""
        return any(one is tensor for one in self.model.outputs) and not self._readers(tensor)

    def _readers(self, tensor: Any) -> int:
        """Return how often layers of the model read a tensor."""
        calls = [one for several in self.model._nodes_by_depth.values() for one in several]
        return sum(read is tensor for one in calls for read in one.input_tensors)

    def reshape_input(self, tensor: Any, shape: tuple[int, ...]) -> bool:
        """Give an input the *shape* that the only layer that reads it makes of it; False if none.

        Channels are last before and after, so that its elements keep their order.
        """
        name = self.names[id(tensor)]
        found = [index for index, one in enumerate(self.inputs) if one.name == name]
        if not found or not any(one is tensor for one in self.model.inputs):
            return False
        if self._readers(tensor) != 1:
            return False
        self.inputs[found[0]] = replace(self.inputs[found[0]], shape=_positions(shape))
        return True

    def name(self, layer: Any, suffix: str = "") -> str:
        return identifier(f"{layer.name}{suffix}", self.taken, "layer")

    def keep(self, node: Node) -> str:
        self.nodes.append(node)
        return node.name

    def cast(
        self, layer: Any, quantizer: Any, tensor: Any, source: str
    ) -> tuple[str, npt.NDArray[np.bool_]]:
        found = cast_of(quantizer, tuple(tensor.shape[1:]), str(layer.name))
        name = self.name(layer, "_cast")
        return self.keep(Cast(name, (source,), str(layer.name), found.to)), found.kept

    def masked(self, layer: Any, source: str, kept: npt.NDArray[np.bool_], tensor: Any) -> str:
        """Set channels without bits to zero."""
        weights = np.diag(kept.astype(float))
        if len(tensor.shape) > 2:
            weights = weights[None]
        return self.keep(Matrix(self.name(layer, "_kept"), (source,), str(layer.name), weights))

    def _activated(self, call: KerasCall, source: str, *, is_ending: bool) -> str:
        layer, function = call.layer, call.layer.activation
        if type(function).__name__ in ("ReLU", "LeakyReLU", "ELU"):
            inner = KerasCall(self, function, call.node, [source], call.kept)
            return HANDLERS[type(function).__name__](inner)
        kind = _activation(function)
        if kind == "linear":
            return source
        if is_ending and (kind == "softmax" or (kind in LOGITS and self.logits)):
            self.left_out.append(f"{layer.name}: the {kind} at the end is left out: " + TELLS[kind])
            return source
        if kind in _FUNCTIONS:
            name = self.name(layer, f"_{kind}")
            return self.keep(Function(name, (source,), str(layer.name), *_FUNCTIONS[kind]))
        if kind not in _LIMITS:
            error = refuse(str(layer.name), kind)
            if kind in LOGITS and is_ending:
                error.remedy = f"{error.remedy}: logits=True"
            raise error
        name = self.name(layer, f"_{kind}")
        return self.keep(Limit(name, (source,), str(layer.name), *_LIMITS[kind]))


def _activation(function: Any) -> str:
    """Return the name of an activation of Keras; one's own is none, whatever it is called."""
    import keras

    name = getattr(function, "__name__", type(function).__name__)
    if getattr(keras.activations, name, None) is function:
        return str(name)
    return f"the activation {name}, which is none of Keras,"


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

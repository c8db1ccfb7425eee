"""From a real graph whose numbers lie on grids to the fixed-point model that computes the same."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from pulsefront.errors import PrecisionError, UnsupportedLayer
from pulsefront.fixed_point import (
    Add,
    AveragePool,
    Clip,
    Concatenate,
    Conv1d,
    Dense,
    FixedPointFormat,
    FixedPointModel,
    Flatten,
    Input,
    Layer,
    LayerStep,
    MaxPool,
    Quantize,
    Relu,
    WindowSum,
    function_table,
)
from pulsefront.fixed_point.format import Formats, Integers, Overflow
from pulsefront.fixed_point.ranges import step_of, trace
from pulsefront.fixed_point.tensors import Tensor
from pulsefront.imports.bias import placed_bias
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
from pulsefront.imports.grids import formats_of_values

__all__ = ["lower"]


def lower(graph: RealNetwork) -> tuple[FixedPointModel, tuple[str, ...]]:
    """Return the model of a graph in which every number lies on a grid, and what it changed.

    A result keeps all its bits unless a cast follows; a cast becomes part of the layer before it
    where nothing else reads that layer. A bias on no grid is rounded to that of its products.

    Raises
    ------
    PrecisionError
        An input has no format, weights lie on no grid, or a limit lies between two steps.
    UnsupportedLayer
        A node has no bit-exact counterpart.
    """
    found = _Lowering(graph)
    return found.model(), tuple(found.changes)


class _Lowering:
    """Layers made so far, and the name under which the model has each tensor of the graph."""

    def __init__(self, graph: RealNetwork) -> None:
        self.graph = graph
        self.layers: list[Layer] = []
        self.changes: list[str] = []
        self.names: dict[str, str] = {}
        self.inputs = tuple(self._input(one) for one in graph.inputs)
        self.known = trace(self.inputs, ())

    def model(self) -> FixedPointModel:
        for node in self.graph.nodes:
            if node.name not in self.names:
                self._add(node)
        outputs = tuple(self.names[one] for one in self.graph.outputs)
        return FixedPointModel(self.graph.name, self.inputs, tuple(self.layers), outputs)

    def _input(self, one: RealInput) -> Input:
        """Return the input; a cast that alone reads it gives its format."""
        form = one.format
        readers = self.graph.readers(one.name)
        self.names[one.name] = one.name
        if form is None and len(readers) == 1 and isinstance(readers[0], Cast):
            to = readers[0].to
            form = to.container
            if not to.per_channel and to.overflow is not Overflow.SAT_SYM:
                # What enters is on the grid already.
                self.names[readers[0].name] = one.name
        if form is None:
            raise PrecisionError(
                "the input has no format: nothing says what its integers are",
                field=one.origin,
                remedy="give data to calibrate with, or the format of the input",
            )
        return Input(one.name, one.shape, form)

    def _add(self, node: Node) -> None:
        sources = tuple(self.names[one] for one in node.inputs)
        match node:
            case Matrix():
                self._keep(node, self._matrix(node, sources))
            case Limit():
                self._keep(node, self._limit(node, sources))
            case Pool(what="max"):
                self._keep(node, MaxPool(node.name, sources, node.size, node.stride), cast=False)
            case Pool(what="sum"):
                self._keep(node, WindowSum(node.name, sources, node.size, node.stride))
            case Pool():
                self._keep(node, AveragePool(node.name, sources, node.size, node.stride))
            case Windows():
                self._keep(node, node.layer(sources), cast=False)
            case Function():
                self._function(node, sources)
            case Flattening():
                self._keep(node, Flatten(node.name, sources), cast=False)
            case Join():
                self._keep(node, Concatenate(node.name, sources), cast=False)
            case Sum():
                self._keep(node, Add(node.name, sources))
            case Cast():
                self._keep(node, Quantize(node.name, sources, node.to), cast=False)
            case _:
                raise UnsupportedLayer(
                    node.origin, problem=f"{type(node).__name__} has no counterpart", remedy=""
                )

    def _keep(self, node: Node, layer: Layer, *, cast: bool = True) -> None:
        """Add a layer, with the cast that alone reads its node where it can take it."""
        readers = self.graph.readers(node.name)
        names = [node.name]
        alone = len(readers) == 1 and node.name not in self.graph.outputs
        if cast and alone and isinstance(readers[0], Cast):
            layer = replace(layer, to=readers[0].to)  # type: ignore[call-arg]  # where cast
            names.append(readers[0].name)
        self._append(layer)
        self.names |= dict.fromkeys(names, layer.name)

    def _function(self, node: Function, sources: tuple[str, ...]) -> None:
        """Add the table of a function, in the format of the cast that alone reads it."""
        readers = self.graph.readers(node.name)
        alone = len(readers) == 1 and node.name not in self.graph.outputs
        if not (alone and isinstance(readers[0], Cast)):
            raise PrecisionError(
                f"a table of {node.what} needs the format of its entries",
                field=node.origin,
                remedy="quantize right behind it, by one quantizer that alone reads it and whose "
                "scale is a power of two",
            )
        layer = function_table(
            node.name, sources[0], node.what, self._tensor(sources[0]).format, readers[0].to,
            slope=node.slope, scale=node.scale,
        )  # fmt: skip
        self._append(layer)
        self.names |= dict.fromkeys((node.name, readers[0].name), layer.name)

    def _append(self, layer: Layer) -> None:
        self.known[layer.name] = step_of(layer, self.known)
        self.layers.append(layer)

    def _tensor(self, name: str) -> Tensor:
        found = self.known[name]
        return found.result if isinstance(found, LayerStep) else found

    def _matrix(self, node: Matrix, sources: tuple[str, ...]) -> Layer:
        formats = formats_of_values(node.weights, f"{node.origin}: weights")
        if formats is None:
            raise PrecisionError(
                "weights were not quantized: they lie on no grid of powers of two",
                field=node.origin,
                remedy="give data to calibrate with, or quantize the network where it was trained",
            )
        given: dict[str, Any] = {
            "weights": _integers(node.weights, formats),
            "weight_format": _shortest(formats),
        }
        if node.bias is not None and np.any(node.bias):
            bias = self._bias(node, self._tensor(sources[0]).format.fraction, formats)
            bias_format = formats_of_values(bias[None], f"{node.origin}: bias", most_bits=48)
            if bias_format is None:
                raise PrecisionError("the bias is too wide", field=node.origin)
            given |= {"bias": _integers(bias, bias_format), "bias_format": _shortest(bias_format)}
        if node.weights.ndim == 2:
            return Dense(node.name, sources, **given)
        return Conv1d(node.name, sources, stride=node.stride, padding=node.padding, **given)

    def _bias(self, node: Matrix, fraction: int, weights: tuple[FixedPointFormat, ...]) -> Reals:
        """Return the bias, on the grid of the products where it lies between two of its steps."""
        placed = placed_bias(self.graph, node, fraction + max(one.fraction for one in weights))
        if placed.fraction is not None and placed.largest:
            said = "which changes no integer" if placed.exact else "the nearest"
            self.changes.append(
                f"{node.origin}: the bias lies between steps of the products; it is put on steps "
                f"of 2^{-placed.fraction}, {said}, by {placed.largest:.2g} at most"
            )
        return placed.values

    def _limit(self, node: Limit, sources: tuple[str, ...]) -> Layer:
        if (node.low, node.high) == (0.0, np.inf):
            return Relu(node.name, sources)
        source = self._tensor(sources[0])
        low, high = source.interval
        ends = []
        for end, own in ((node.low, low), (node.high, high)):
            scaled = np.ldexp(end, source.format.fraction)
            if np.isinf(end):
                scaled = own
            elif scaled != np.rint(scaled):
                raise PrecisionError(
                    f"the limit lies between two steps of {source.format}",
                    field=node.origin,
                    value=end,
                    remedy="give the tensor before it more fraction bits",
                )
            ends.append(int(scaled))
        return Clip(node.name, sources, low=ends[0], high=ends[1])


def _integers(values: Reals, formats: tuple[FixedPointFormat, ...]) -> Integers:
    fraction = np.array([one.fraction for one in formats])
    return np.asarray(np.ldexp(np.asarray(values, np.float64), fraction).astype(np.int64))


def _shortest(formats: tuple[FixedPointFormat, ...]) -> Formats:
    return formats[0] if len(set(formats)) == 1 else formats

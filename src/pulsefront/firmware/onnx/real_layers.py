"""Layers as ONNX nodes on real values: the float graph, and the int8 one with its QDQ pairs.

A new kind of layer registers one function with `real_nodes`.
"""

from __future__ import annotations

from functools import singledispatch

import numpy as np

from pulsefront.firmware.onnx.chosen import largest_index, of_one_set, side_by_side
from pulsefront.firmware.onnx.graph import GraphBuilder
from pulsefront.firmware.onnx.moves import flat, image_windows, limited, reduced_windows, rows
from pulsefront.fixed_point.format import (
    Assignment,
    FixedPointFormat,
    Integers,
    Overflow,
    Rounding,
    assign,
    container,
)
from pulsefront.fixed_point.layers import (
    Add,
    AveragePool,
    ChosenDense,
    Concatenate,
    Flatten,
    FunctionTable,
    ImageWindows,
    InputTables,
    LargestIndex,
    Layer,
    LayerStep,
    LimitLayer,
    MatrixLayer,
    MaxPool,
    Quantize,
    Relu,
    WindowSum,
)
from pulsefront.fixed_point.layers.unsupported import not_written

__all__ = ["RealGraph", "layer_nodes", "real_nodes"]


class RealGraph(GraphBuilder):
    """Nodes on real values; with *int8*, pairs of quantization around weights and activations."""

    def __init__(self, *, int8: bool) -> None:
        super().__init__(np.float32)
        self.int8 = int8

    def limit(self, value: str, low: float, high: float) -> str:
        """Return *value* limited to *low* … *high*."""
        return limited(self, value, self.real(low), self.real(high))

    def whole_steps(self, value: str, one: FixedPointFormat) -> str:
        """Return what enters an input: without its lowest bits where a step is several counts."""
        if one.fraction >= 0:
            return value
        steps = self.node("Floor", [self.node("Div", [value, self.real(one.step)])])
        return self.node("Mul", [steps, self.real(one.step)])

    def eight_bits(self, value: str, one: FixedPointFormat) -> str:
        """Return *value* quantized to the top eight bits of a format, and back; int8 only."""
        if not self.int8:
            return value
        scale, zero = self._scale(one)
        quantized = self.node("QuantizeLinear", [value, scale, zero])
        return self.node("DequantizeLinear", [quantized, scale, zero])

    def constants(self, integers: Integers, one: FixedPointFormat) -> str:
        """Return constants of a format: as they are, or as eight bits with their scale."""
        if not self.int8:
            return self.real(one.values(integers))
        top = FixedPointFormat(8, one.integer, one.signed)
        eight = assign(integers, one.fraction, Assignment(top, Rounding.RND, Overflow.SAT))
        scale, zero = self._scale(one)
        kind = np.int8 if one.signed else np.uint8
        return self.node("DequantizeLinear", [self.constant(eight.astype(kind)), scale, zero])

    def _scale(self, one: FixedPointFormat) -> tuple[str, str]:
        kind = np.int8 if one.signed else np.uint8
        return self.real(2.0 ** (one.integer - 8)), self.constant(np.zeros((), dtype=kind))


def layer_nodes(graph: RealGraph, step: LayerStep, *, last: bool) -> str:
    """Append one layer with the saturation at its end and return its value; *last*: an output."""
    value = real_nodes(step.layer, step, graph)
    to = step.layer.assignment
    if to is None:
        return value
    whole = to.container
    if to.overflow in (Overflow.SAT, Overflow.SAT_SYM):
        symmetric = to.overflow is Overflow.SAT_SYM
        low = whole.symmetric_minimum if symmetric else whole.minimum
        value = graph.limit(value, low * whole.step, whole.maximum * whole.step)
    # An output is wanted as fine as the sums give it.
    return value if last else graph.eight_bits(value, whole)


@singledispatch
def real_nodes(layer: Layer, step: LayerStep, graph: RealGraph) -> str:  # noqa: ARG001
    """Append the nodes of a layer without its assignment and return their value.

    Raises
    ------
    UnsupportedLayer
        No function is registered for the layer's class.
    """
    raise not_written(layer.name, layer.kind, "ONNX of real values")


@real_nodes.register
def _matrix(layer: MatrixLayer, step: LayerStep, graph: RealGraph) -> str:
    weights = layer.matrix_at(layer.weight_fraction)
    constant = graph.constants(weights, container(layer.weight_format))
    value = graph.node("MatMul", [rows(layer, step, graph), constant])
    if layer.bias is None or layer.bias_format is None:
        return value
    whole = container(layer.bias_format)
    return graph.node("Add", [value, graph.real(whole.values(layer.bias_at(whole.fraction)))])


@real_nodes.register
def _chosen(layer: ChosenDense, _: LayerStep, graph: RealGraph) -> str:
    weights = np.stack([one.matrix_at(one.weight_fraction) for one in layer.parts])
    constant = graph.constants(side_by_side(weights), container(layer.weight_format))
    source, number = map(graph.value, layer.inputs)
    value = graph.node("MatMul", [source, constant])
    if layer.bias is not None and layer.bias_format is not None:
        whole = container(layer.bias_format)
        bias = np.concatenate([one.bias_at(whole.fraction) for one in layer.parts])
        value = graph.node("Add", [value, graph.real(whole.values(bias))])
    return of_one_set(graph, value, graph.cast(number, np.int64), layer)


@real_nodes.register
def _largest_index(layer: LargestIndex, _: LayerStep, graph: RealGraph) -> str:
    return graph.cast(largest_index(graph, graph.value(layer.inputs[0])), np.float32)


@real_nodes.register
def _quantize(layer: Quantize, _: LayerStep, graph: RealGraph) -> str:
    return graph.value(layer.inputs[0])


@real_nodes.register
def _relu(layer: Relu, _: LayerStep, graph: RealGraph) -> str:
    return graph.node("Relu", [graph.value(layer.inputs[0])])


@real_nodes.register
def _limit(layer: LimitLayer, step: LayerStep, graph: RealGraph) -> str:
    source = step.sources[0].format
    low, high = layer.limits(source)
    return graph.limit(graph.value(layer.inputs[0]), low * source.step, high * source.step)


@real_nodes.register
def _image(layer: ImageWindows, step: LayerStep, graph: RealGraph) -> str:
    return image_windows(layer, step, graph)


@real_nodes.register
def _table(layer: FunctionTable, _: LayerStep, graph: RealGraph) -> str:
    # The nearest entry: what lies between two has none of its own.
    reads = layer.reads_format
    steps = graph.node("Mul", [graph.value(layer.inputs[0]), graph.real(2.0**reads.fraction)])
    index = graph.node("Sub", [graph.node("Round", [steps]), graph.real(reads.minimum)])
    index = graph.cast(graph.limit(index, 0, len(layer.entries) - 1), np.int64)
    values = graph.real(layer.format.values(layer.entries))
    return graph.node("Gather", [values, index], axis=0)


@real_nodes.register
def _tables_of_inputs(layer: InputTables, step: LayerStep, graph: RealGraph) -> str:
    # The entry of the step that the value lies in; what lies beyond the ends takes theirs.
    (source,) = step.sources
    least, entries = layer.by_distance(source)
    places = layer.chosen.reshape(-1, layer.fan_in)
    whole = graph.node("Reshape", [graph.value(layer.inputs[0]), graph.shape([-1, len(least)])])
    steps = graph.node("Mul", [whole, graph.real(2.0**source.format.fraction)])
    above = graph.node("Sub", [steps, graph.real(least)])
    codes = graph.node("Mul", [above, graph.real(2.0 ** -layer.first_bit.astype(float))])
    codes = graph.limit(graph.node("Floor", [codes]), 0, (1 << layer.bits) - 1)
    codes = graph.cast(codes, np.int64)
    address = graph.constant(np.arange(len(places), dtype=np.int64) << layer.address_bits)
    for number, chosen in enumerate(places.T):
        one = graph.node("Gather", [codes, graph.constant(chosen.copy())], axis=-1)
        if number:
            one = graph.node("Mul", [one, graph.shape([1 << (number * layer.bits)])])
        address = graph.node("Add", [address, one])
    values = graph.real(layer.format.values(entries.reshape(-1)))
    found = graph.node("Gather", [values, address], axis=0)
    return graph.node("Reshape", [found, graph.shape([-1, *layer.chosen.shape[:2]])])


@real_nodes.register
def _flatten(_: Flatten, step: LayerStep, graph: RealGraph) -> str:
    return flat(step, graph)


@real_nodes.register
def _concatenate(_: Concatenate, step: LayerStep, graph: RealGraph) -> str:
    return graph.node("Concat", [graph.value(one.name) for one in step.sources], axis=-1)


@real_nodes.register
def _add(_: Add, step: LayerStep, graph: RealGraph) -> str:
    return graph.node("Sum", [graph.value(one.name) for one in step.sources])


@real_nodes.register
def _sum(layer: WindowSum, step: LayerStep, graph: RealGraph) -> str:
    return reduced_windows(layer, step, graph, "ReduceSum")


@real_nodes.register
def _mean(layer: AveragePool, step: LayerStep, graph: RealGraph) -> str:
    return reduced_windows(layer, step, graph, "ReduceMean")


@real_nodes.register
def _largest(layer: MaxPool, step: LayerStep, graph: RealGraph) -> str:
    return reduced_windows(layer, step, graph, "ReduceMax")

"""Each layer's exact result as ONNX nodes on raw integers.

A new kind of layer registers one function with `exact_nodes`.
"""

from __future__ import annotations

from functools import reduce, singledispatch

import numpy as np

from pulsefront.firmware.onnx.assign import assign_nodes, limit_nodes
from pulsefront.firmware.onnx.chosen import largest_index, of_one_set, side_by_side
from pulsefront.firmware.onnx.graph import GraphBuilder
from pulsefront.firmware.onnx.moves import flat, image_windows, limited, reduced_windows, rows
from pulsefront.fixed_point.format import Assignment, assign
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

__all__ = ["exact_nodes"]


@singledispatch
def exact_nodes(layer: Layer, step: LayerStep, graph: GraphBuilder) -> str:  # noqa: ARG001
    """Append the nodes of a layer up to its exact result and return their value.

    Raises
    ------
    UnsupportedLayer
        No function is registered for the layer's class.
    """
    raise not_written(layer.name, layer.kind, "ONNX")


@exact_nodes.register
def _matrix(layer: MatrixLayer, step: LayerStep, graph: GraphBuilder) -> str:
    if layer.accumulator is not None:
        return _accumulated(layer, step, graph, layer.accumulator)
    weights, bias = layer.constants(step)
    value = graph.node("MatMul", [rows(layer, step, graph), graph.number(weights)])
    return value if layer.bias is None else graph.node("Add", [value, graph.number(bias)])


def _accumulated(layer: MatrixLayer, step: LayerStep, graph: GraphBuilder, to: Assignment) -> str:
    """Products assigned to the accumulator's format one by one, then added there."""
    fraction = layer.sum_fraction(step.sources[0])
    weights = layer.matrix_at(layer.weight_fraction)
    bias = graph.number(assign(layer.bias_at(fraction), fraction, to))
    each = graph.node("Unsqueeze", [rows(layer, step, graph), graph.shape([-1])])
    products = graph.node("Mul", [each, graph.number(weights)])
    products = assign_nodes(graph, products, layer.product_fraction(step.sources[0]), to)
    if to.overflow == "WRAP":
        # Wrapping once at the end is the same as after every addition.
        total = graph.node("ReduceSum", [products, graph.shape([-2])], keepdims=0)
        return limit_nodes(graph, graph.node("Add", [total, bias]), to.container, to.overflow)
    total = bias
    for index in range(len(weights)):
        one = graph.node("Gather", [products, graph.constant(np.array(index))], axis=-2)
        total = limit_nodes(graph, graph.node("Add", [total, one]), to.container, to.overflow)
    return total


@exact_nodes.register
def _chosen(layer: ChosenDense, step: LayerStep, graph: GraphBuilder) -> str:
    weights, bias = layer.constants(step)
    source, number = map(graph.value, layer.inputs)
    value = graph.node("MatMul", [source, graph.number(side_by_side(weights))])
    if layer.bias is not None:
        value = graph.node("Add", [value, graph.number(bias.reshape(-1))])
    if graph.kind is not np.int64:
        number = graph.cast(number, np.int64)
    return of_one_set(graph, value, number, layer)


@exact_nodes.register
def _largest_index(layer: LargestIndex, _: LayerStep, graph: GraphBuilder) -> str:
    found = largest_index(graph, graph.value(layer.inputs[0]))
    return found if graph.kind is np.int64 else graph.cast(found, graph.kind)


@exact_nodes.register
def _quantize(layer: Quantize, _: LayerStep, graph: GraphBuilder) -> str:
    return graph.value(layer.inputs[0])


@exact_nodes.register
def _relu(layer: Relu, _: LayerStep, graph: GraphBuilder) -> str:
    return graph.node("Max", [graph.value(layer.inputs[0]), graph.number(0)])


@exact_nodes.register
def _limit(layer: LimitLayer, step: LayerStep, graph: GraphBuilder) -> str:
    low, high = layer.limits(step.sources[0].format)
    return limited(graph, graph.value(layer.inputs[0]), graph.number(low), graph.number(high))


@exact_nodes.register
def _image(layer: ImageWindows, step: LayerStep, graph: GraphBuilder) -> str:
    return image_windows(layer, step, graph)


@exact_nodes.register
def _table(layer: FunctionTable, _: LayerStep, graph: GraphBuilder) -> str:
    first = graph.number(layer.reads_format.minimum)
    index = graph.node("Sub", [graph.value(layer.inputs[0]), first])
    if graph.kind is not np.int64:
        index = graph.cast(index, np.int64)
    return graph.node("Gather", [graph.number(layer.entries), index], axis=0)


@exact_nodes.register
def _tables_of_inputs(layer: InputTables, step: LayerStep, graph: GraphBuilder) -> str:
    least, entries = layer.by_distance(step.sources[0])
    places = layer.chosen.reshape(-1, layer.fan_in)
    whole = graph.node("Reshape", [graph.value(layer.inputs[0]), graph.shape([-1, len(least)])])
    if graph.kind is not np.int64:
        whole = graph.cast(whole, np.int64)
    # Never negative, so that the quotient is the floor.
    above = graph.node("Sub", [whole, graph.constant(least)])
    codes = graph.node("Div", [above, graph.constant(np.int64(1) << layer.first_bit)])
    address = graph.constant(np.arange(len(places), dtype=np.int64) << layer.address_bits)
    for number, chosen in enumerate(places.T):
        one = graph.node("Gather", [codes, graph.constant(chosen.copy())], axis=-1)
        if number:
            one = graph.node("Mul", [one, graph.shape([1 << (number * layer.bits)])])
        address = graph.node("Add", [address, one])
    found = graph.node("Gather", [graph.number(entries.reshape(-1)), address], axis=0)
    return graph.node("Reshape", [found, graph.shape([-1, *layer.chosen.shape[:2]])])


@exact_nodes.register
def _flatten(_: Flatten, step: LayerStep, graph: GraphBuilder) -> str:
    return flat(step, graph)


@exact_nodes.register
def _largest(layer: MaxPool, step: LayerStep, graph: GraphBuilder) -> str:
    return reduced_windows(layer, step, graph, "ReduceMax")


@exact_nodes.register
def _sum(layer: WindowSum | AveragePool, step: LayerStep, graph: GraphBuilder) -> str:
    # A mean over 2^k is the sum with k more fraction bits.
    return reduced_windows(layer, step, graph, "ReduceSum")


@exact_nodes.register
def _concatenate(_: Concatenate, step: LayerStep, graph: GraphBuilder) -> str:
    return graph.node("Concat", _at_one_fraction(step, graph), axis=-1)


@exact_nodes.register
def _add(_: Add, step: LayerStep, graph: GraphBuilder) -> str:
    return reduce(lambda a, b: graph.node("Add", [a, b]), _at_one_fraction(step, graph))


def _at_one_fraction(step: LayerStep, graph: GraphBuilder) -> list[str]:
    """Return the sources of a layer at the fraction of its exact result."""
    whole = step.exact.format.fraction
    parts = []
    for one in step.sources:
        part, shift = graph.value(one.name), whole - one.format.fraction
        parts.append(graph.node("Mul", [part, graph.number(1 << shift)]) if shift else part)
    return parts

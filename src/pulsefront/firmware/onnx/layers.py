"""Nodes that the bit-exact graph and the real-valued ones share: they move numbers, not round."""

from __future__ import annotations

from pulsefront.firmware.onnx.graph import GraphBuilder
from pulsefront.fixed_point.bounds import windows
from pulsefront.fixed_point.layers import AveragePool, Conv1d, MaxPool, WindowSum
from pulsefront.fixed_point.tensors import Step

__all__ = ["flat", "limited", "reduced_windows", "rows"]


def rows(graph: GraphBuilder, step: Step) -> str:
    """Return the rows (event, …, n_in) that meet the weights of a dense layer or convolution."""
    layer = step.layer
    value = graph.value(layer.inputs[0])
    if not isinstance(layer, Conv1d):
        return value
    before, after = layer.padding
    kernel, channels, _ = layer.weights.shape
    if before or after:
        pads = graph.shape([0, before, 0, 0, after, 0])
        value = graph.node("Pad", [value, pads, graph.number(0)])
    index = windows(step.sources[0].shape[0] + before + after, kernel, layer.stride)
    value = graph.node("Gather", [value, graph.constant(index)], axis=1)
    return graph.node("Reshape", [value, graph.shape([0, len(index), kernel * channels])])


def reduced_windows(graph: GraphBuilder, step: Step, operator: str) -> str:
    """Return the windows of a pooling layer, each reduced by *operator*."""
    layer = step.layer
    assert isinstance(layer, (WindowSum, AveragePool, MaxPool))
    index = windows(step.sources[0].shape[0], layer.size, layer.stride)
    value = graph.node("Gather", [graph.value(layer.inputs[0]), graph.constant(index)], axis=1)
    return graph.node(operator, [value, graph.shape([2])], keepdims=0)


def flat(graph: GraphBuilder, step: Step) -> str:
    """Return the input of a flatten layer as one axis."""
    value = graph.value(step.layer.inputs[0])
    return graph.node("Reshape", [value, graph.shape([0, step.exact.size])])


def limited(graph: GraphBuilder, value: str, low: str, high: str) -> str:
    """Return *value* limited to the constants *low* … *high*."""
    return graph.node("Min", [graph.node("Max", [value, low]), high])

"""Nodes that the bit-exact graph and the real-valued ones share: they move numbers, not round."""

from __future__ import annotations

from functools import singledispatch

import numpy as np

from pulsefront.firmware.onnx.graph import GraphBuilder
from pulsefront.fixed_point.layers import (
    Conv1d,
    Dense,
    ImageWindows,
    LayerStep,
    MatrixLayer,
    WindowLayer,
)
from pulsefront.fixed_point.layers.unsupported import not_written
from pulsefront.fixed_point.layers.windows import windows

__all__ = ["flat", "image_windows", "limited", "reduced_windows", "rows"]


@singledispatch
def rows(layer: MatrixLayer, step: LayerStep, graph: GraphBuilder) -> str:  # noqa: ARG001
    """Return the rows (event, …, n_in) that meet the weights; a new matrix layer registers here.

    Raises
    ------
    UnsupportedLayer
        No function is registered for the layer's class.
    """
    raise not_written(layer.name, layer.kind, "ONNX")


@rows.register
def _vector(layer: Dense, _: LayerStep, graph: GraphBuilder) -> str:
    return graph.value(layer.inputs[0])


@rows.register
def _windows(layer: Conv1d, step: LayerStep, graph: GraphBuilder) -> str:
    value = graph.value(layer.inputs[0])
    before, after = layer.padding
    kernel, channels, _ = layer.weights.shape
    if before or after:
        pads = graph.shape([0, before, 0, 0, after, 0])
        value = graph.node("Pad", [value, pads, graph.number(0)])
    index = layer.window_positions(step.sources[0])
    value = graph.node("Gather", [value, graph.constant(index)], axis=1)
    return graph.node("Reshape", [value, graph.shape([0, len(index), kernel * channels])])


def reduced_windows(layer: WindowLayer, step: LayerStep, graph: GraphBuilder, operator: str) -> str:
    """Return the windows of a pooling layer, each reduced by *operator*."""
    index = windows(step.sources[0].shape[0], layer.size, layer.stride)
    value = graph.node("Gather", [graph.value(layer.inputs[0]), graph.constant(index)], axis=1)
    return graph.node(operator, [value, graph.shape([2])], keepdims=0)


def image_windows(layer: ImageWindows, step: LayerStep, graph: GraphBuilder) -> str:
    """Return the windows of an image; padding is one position of zeros behind the last."""
    value, places = graph.value(layer.inputs[0]), layer.places()
    if places.min() < 0:
        value = graph.node("Pad", [value, graph.shape([0, 0, 0, 0, 1, 0]), graph.number(0)])
        places = np.where(places < 0, step.sources[0].shape[0], places)
    return graph.node("Gather", [value, graph.constant(places)], axis=1)


def flat(step: LayerStep, graph: GraphBuilder) -> str:
    """Return the input of a flatten layer as one axis."""
    value = graph.value(step.layer.inputs[0])
    return graph.node("Reshape", [value, graph.shape([0, step.exact.size])])


def limited(graph: GraphBuilder, value: str, low: str, high: str) -> str:
    """Return *value* limited to the constants *low* … *high*."""
    return graph.node("Min", [graph.node("Max", [value, low]), high])

"""Layers as nodes of a QONNX graph: real values, convolutions and pools as the standard has them.

A new kind of layer registers one function with `qonnx_nodes`.
"""

from __future__ import annotations

from functools import singledispatch

import numpy as np

from pulsefront.errors import UnsupportedLayer
from pulsefront.firmware.onnx.placed import Placed, PlacedGraph
from pulsefront.firmware.onnx.qonnx_tables import table_nodes
from pulsefront.firmware.onnx.quant import constant_nodes
from pulsefront.fixed_point.layers import (
    Add,
    AveragePool,
    Concatenate,
    Conv1d,
    Dense,
    Flatten,
    FunctionTable,
    ImageWindows,
    Layer,
    LayerStep,
    LimitLayer,
    MatrixLayer,
    MaxPool,
    Quantize,
    Relu,
    WindowLayer,
    WindowSum,
)
from pulsefront.fixed_point.layers.unsupported import not_written

__all__ = ["qonnx_nodes"]


@singledispatch
def qonnx_nodes(layer: Layer, step: LayerStep, graph: PlacedGraph) -> Placed:  # noqa: ARG001
    """Append the nodes of a layer up to its exact result and return where that lies.

    Raises
    ------
    UnsupportedLayer
        The layer has no counterpart, or no function is registered for its class.
    """
    raise not_written(layer.name, layer.kind, "QONNX")


def _refuse_accumulator(layer: MatrixLayer) -> None:
    if layer.accumulator is not None:
        raise UnsupportedLayer(
            layer.name,
            problem="QONNX has no accumulator that loses bits",
            remedy="leave the accumulator exact, or leave this target out",
        )


@qonnx_nodes.register
def _dense(layer: Dense, step: LayerStep, graph: PlacedGraph) -> Placed:
    _refuse_accumulator(layer)
    weights = constant_nodes(graph, layer.weights, layer.weight_format, f"{layer.name}_weights")
    value = graph.node("MatMul", [graph.last(step.sources[0]), weights], name=layer.name)
    if layer.bias is None or layer.bias_format is None:
        return Placed(value)
    bias = constant_nodes(graph, layer.bias, layer.bias_format, f"{layer.name}_bias")
    return Placed(graph.node("Add", [value, bias], name=f"{layer.name}_biased"))


@qonnx_nodes.register
def _convolution(layer: Conv1d, step: LayerStep, graph: PlacedGraph) -> Placed:
    _refuse_accumulator(layer)
    windows = graph.windows_of(layer.inputs[0])
    size: tuple[int, ...] = layer.weights.shape[:1]
    if windows is not None:
        _whole_windows(windows, size[0], layer.stride, padded=any(layer.padding))
        size = windows.size
    # (…, channel_in, channel_out) to (channel_out, channel_in, …)
    kernel = np.moveaxis(layer.weights, (-1, -2), (0, 1)).reshape(
        *layer.weights.shape[:0:-1], *size
    )
    weights = constant_nodes(graph, kernel, layer.weight_format, f"{layer.name}_weights", axis=0)
    inputs = [weights]
    if layer.bias is not None and layer.bias_format is not None:
        inputs.append(constant_nodes(graph, layer.bias, layer.bias_format, f"{layer.name}_bias"))
    if windows is None:
        source = graph.first(step.sources[0])
        value = graph.node(
            "Conv", [source.value, *inputs], name=layer.name, kernel_shape=list(size),
            strides=[layer.stride], pads=list(layer.padding),
        )  # fmt: skip
        return Placed(value, first=True)
    above, below, left, right = windows.padding
    value = graph.node(
        "Conv", [graph.image_before(windows), *inputs], name=layer.name, kernel_shape=list(size),
        strides=list(windows.stride), pads=[above, left, below, right],
    )  # fmt: skip
    return Placed(value, first=True, image=windows.windows)


def _whole_windows(windows: ImageWindows, size: int, stride: int, *, padded: bool) -> None:
    """Refuse a layer that does not read an image's windows one by one."""
    whole = windows.size[0] * windows.size[1]
    if (size, stride) != (whole, whole) or padded:
        raise UnsupportedLayer(
            windows.name,
            problem="its windows are not read one by one",
            remedy="use convolution_2d or pool_2d, or leave this target out",
        )


@qonnx_nodes.register
def _windows(layer: ImageWindows, step: LayerStep, graph: PlacedGraph) -> Placed:
    graph.place_windows(layer, step.sources[0])
    return graph.at(layer.inputs[0])


def _pool(operator: str, layer: WindowLayer, step: LayerStep, graph: PlacedGraph) -> Placed:
    windows = graph.windows_of(layer.inputs[0])
    if windows is None:
        source = graph.first(step.sources[0])
        value = graph.node(
            operator, [source.value], name=layer.name, kernel_shape=[layer.size],
            strides=[layer.stride],
        )  # fmt: skip
        return Placed(value, first=True)
    _whole_windows(windows, layer.size, layer.stride, padded=any(windows.padding))
    value = graph.node(
        operator, [graph.image_before(windows)], name=layer.name,
        kernel_shape=list(windows.size), strides=list(windows.stride),
    )  # fmt: skip
    return Placed(value, first=True, image=windows.windows)


@qonnx_nodes.register
def _largest(layer: MaxPool, step: LayerStep, graph: PlacedGraph) -> Placed:
    return _pool("MaxPool", layer, step, graph)


@qonnx_nodes.register
def _mean(layer: AveragePool, step: LayerStep, graph: PlacedGraph) -> Placed:
    return _pool("AveragePool", layer, step, graph)


@qonnx_nodes.register
def _sum(layer: WindowSum, step: LayerStep, graph: PlacedGraph) -> Placed:
    """Sum over all positions, or convolve each channel with ones: ONNX has no sum of windows."""
    (source,) = step.sources
    windows = graph.windows_of(layer.inputs[0])
    if windows is None and layer.size == source.shape[0]:
        first = graph.first(source)
        value = graph.node(
            "ReduceSum", [first.value, graph.shape([2])], name=layer.name, keepdims=1
        )
        return Placed(value, first=True)
    channels = source.shape[-1]
    size = [layer.size] if windows is None else list(windows.size)
    ones = graph.real(np.ones((channels, 1, *size)))
    if windows is None:
        value = graph.node(
            "Conv", [graph.first(source).value, ones], name=layer.name, kernel_shape=size,
            strides=[layer.stride], group=channels,
        )  # fmt: skip
        return Placed(value, first=True)
    _whole_windows(windows, layer.size, layer.stride, padded=any(windows.padding))
    value = graph.node(
        "Conv", [graph.image_before(windows), ones], name=layer.name, kernel_shape=size,
        strides=list(windows.stride), group=channels,
    )  # fmt: skip
    return Placed(value, first=True, image=windows.windows)


def _alike(layer: Layer, graph: PlacedGraph, operator: str, inputs: list[str]) -> Placed:
    """Return what a node element by element gives, lying as its source does."""
    placed = graph.at(layer.inputs[0])
    value = graph.node(operator, [placed.value, *inputs], name=layer.name)
    return Placed(value, placed.first, placed.image)


@qonnx_nodes.register
def _quantize(layer: Quantize, _: LayerStep, graph: PlacedGraph) -> Placed:
    return graph.at(layer.inputs[0])


@qonnx_nodes.register
def _relu(layer: Relu, _: LayerStep, graph: PlacedGraph) -> Placed:
    return _alike(layer, graph, "Relu", [])


@qonnx_nodes.register
def _limit(layer: LimitLayer, step: LayerStep, graph: PlacedGraph) -> Placed:
    form = step.sources[0].format
    ends = form.values(layer.limits(form))
    return _alike(layer, graph, "Clip", [graph.real(one) for one in ends])


@qonnx_nodes.register
def _table(layer: FunctionTable, _: LayerStep, graph: PlacedGraph) -> Placed:
    return table_nodes(layer, graph)


@qonnx_nodes.register
def _flatten(layer: Flatten, step: LayerStep, graph: PlacedGraph) -> Placed:
    source = graph.last(step.sources[0])
    return Placed(graph.node("Flatten", [source], name=layer.name, axis=1))


@qonnx_nodes.register
def _concatenate(layer: Concatenate, step: LayerStep, graph: PlacedGraph) -> Placed:
    parts = [graph.last(one) for one in step.sources]
    return Placed(graph.node("Concat", parts, name=layer.name, axis=len(step.exact.shape)))


@qonnx_nodes.register
def _add(layer: Add, step: LayerStep, graph: PlacedGraph) -> Placed:
    placed = [graph.at(one) for one in layer.inputs]
    lies = placed[0]
    values = [one.value for one in placed]
    if len({(one.first, one.image) for one in placed}) > 1:
        lies, values = Placed(""), [graph.last(one) for one in step.sources]
    operator = "Add" if len(values) == 2 else "Sum"
    return Placed(graph.node(operator, values, name=layer.name), lies.first, lies.image)

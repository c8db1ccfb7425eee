"""Operators of ONNX that add, multiply and join tensors and constants."""

from __future__ import annotations

from typing import Any

import numpy as np

from pulsefront.imports.graph import Function, Join, Matrix, Reals, Sum
from pulsefront.imports.onnx.file import FileTensor
from pulsefront.imports.onnx.parts import (
    attributes,
    by_channel,
    diagonal,
    label,
    multiplied,
    refused,
)
from pulsefront.imports.onnx.quantizers import is_half_step
from pulsefront.imports.onnx.reader import OnnxReader

__all__ = ["add", "batch_norm", "concat", "mul", "negative"]


def concat(reader: OnnxReader, node: Any) -> None:
    """Join tensors along their channels."""
    sources = _alike(reader, node)
    axis = attributes(node)["axis"]
    rank = len(sources[0].file_shape)
    channels = (1, -rank) if rank > 1 and sources[0].channels_first else (rank, -1)
    alike = len({(one.channels_first, one.image, one.shape[:-1]) for one in sources}) == 1
    if axis not in channels or not alike:
        raise refused(node, f"joins along axis {axis}", "join along the channels")
    order = None
    if any(one.order is not None for one in sources):
        parts, start = [], 0
        for one in sources:
            own = np.arange(one.shape[0]) if one.order is None else one.order
            parts.append(own + start)
            start += one.shape[0]
        order = np.concatenate(parts)
    shape = (*sources[0].shape[:-1], sum(one.shape[-1] for one in sources))
    made = Join(reader.new_name(node), tuple(one.name for one in sources), label(node))
    reader.keep(node, made, sources[0], shape=shape, order=order)


def add(reader: OnnxReader, node: Any) -> None:
    """Add a constant as a bias, or tensors; half a step before a quantizer is its rounding."""
    constants = [one for one in node.input if one in reader.constants]
    sign = -1.0 if node.op_type == "Sub" else 1.0
    if constants and len(node.input) > 2:
        raise refused(node, "adds tensors and a constant", "add the constant to one of them before")
    if is_half_step(reader, node):
        (other,) = (one for one in node.input if one not in constants)
        reader.tensors[node.output[0]] = reader.tensors[other]
        return
    if constants:
        other = next(one for one in node.input if one not in reader.constants)
        constant = np.asarray(reader.constants[constants[0]], np.float64)
        if sign < 0 and node.input[0] in constants:
            source = reader.tensors[other]
            bias = by_channel(node, source, constant) / source.scale
            diagonal(reader, node, source, np.full(source.shape[-1], -1.0), bias)
            return
        _shifted(reader, node, other, sign * constant)
        return
    sources = _alike(reader, node)
    same = len({(one.shape, one.channels_first, one.image) for one in sources}) == 1
    orders = [one.order for one in sources]
    if not same or any(one is not None for one in orders):
        raise refused(node, "adds tensors of different shape or order",
                      "add tensors of one shape before they are flattened")  # fmt: skip
    if sign < 0:
        sources[1] = _turned(reader, node, sources[1])
    made = Sum(reader.new_name(node), tuple(one.name for one in sources), label(node))
    reader.keep(node, made, sources[0])


def _turned(reader: OnnxReader, node: Any, source: FileTensor) -> FileTensor:
    """Return a tensor with the other sign, for a node that takes it off another."""
    weights = -np.eye(source.shape[-1])
    name = reader.new_name(node, "_turned")
    reader.nodes.append(
        Matrix(
            name, (source.name,), label(node), weights if len(source.shape) == 1 else weights[None]
        )
    )
    return source.like(name)


def _alike(reader: OnnxReader, node: Any) -> list[FileTensor]:
    """Return what a node reads, all with one scale: else each is multiplied by its own."""
    found = [reader.tensors[one] for one in node.input]
    if len({one.scale for one in found}) > 1:
        found = [multiplied(reader, node, one, one.scale) for one in found]
    return found


def _shifted(reader: OnnxReader, node: Any, name: str, constant: Reals) -> None:
    source = reader.tensors[name]
    bias = by_channel(node, source, constant) / source.scale
    last = reader.nodes[-1] if reader.nodes else None
    if (
        isinstance(last, Matrix)
        and last.name == source.name
        and last.bias is None
        and reader.readers(name) == 1
    ):
        # The matrix just made, and nothing else reads it: its bias.
        reader.nodes[-1] = Matrix(
            last.name, last.inputs, last.origin, last.weights, bias, last.stride, last.padding
        )
        reader.tensors[node.output[0]] = source
        return
    diagonal(reader, node, source, np.ones(source.shape[-1]), bias)


def negative(reader: OnnxReader, node: Any) -> None:
    """Multiply by -1."""
    source = reader.tensors[node.input[0]]
    diagonal(reader, node, source, np.full(source.shape[-1], -1.0), None)


def mul(reader: OnnxReader, node: Any) -> None:
    """Multiply by a constant: a diagonal matrix; by its own sigmoid it is a table, silu."""
    constants = [one for one in node.input if one in reader.constants]
    if not constants and node.op_type == "Mul" and _by_own_sigmoid(reader, node):
        return
    if len(constants) != 1 or (node.op_type == "Div" and node.input[1] not in constants):
        raise refused(node, "multiplies or divides tensors", "only constants can be factors")
    source = reader.tensors[next(one for one in node.input if one not in constants)]
    factor = np.asarray(reader.constants[constants[0]], np.float64)
    factor = by_channel(node, source, 1 / factor if node.op_type == "Div" else factor)
    diagonal(reader, node, source, factor, None)


def _by_own_sigmoid(reader: OnnxReader, node: Any) -> bool:
    """Add x · sigmoid(x) as one table, in place of the sigmoid that nothing else reads."""
    for tensor, other in (tuple(node.input), tuple(node.input)[::-1]):
        source, made = reader.tensors[tensor], reader.tensors[other].name
        last = next((one for one in reader.nodes if one.name == made), None)
        if not isinstance(last, Function) or last.what != "sigmoid" or reader.readers(other) != 1:
            continue
        if last.inputs == (source.name,) and last.scale == source.scale:
            reader.nodes.remove(last)
            name = reader.new_name(node)
            silu = Function(name, (source.name,), label(node), "silu", 0.0, source.scale)
            reader.keep(node, silu, source, scale=1.0)
            return True
    return False


def batch_norm(reader: OnnxReader, node: Any) -> None:
    """Add a batch normalization, which is folded later."""
    scale, shift, mean, variance = (
        reader.constant(node, index, what)
        for index, what in enumerate(("scale", "bias", "mean", "variance"), 1)
    )
    assert scale is not None
    assert shift is not None
    assert mean is not None
    assert variance is not None
    factor = scale / np.sqrt(variance + attributes(node).get("epsilon", 1e-5))
    source = reader.tensors[node.input[0]]
    factor, bias = (
        by_channel(node, source.like(source.name, channels_first=False), one)
        for one in (factor, (shift - mean * factor) / source.scale)
    )
    diagonal(reader, node, source, factor, bias)

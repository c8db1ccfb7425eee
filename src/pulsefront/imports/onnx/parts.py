"""What the readers of ONNX operators share: attributes, labels, refusals, constants by channel."""

from __future__ import annotations

from typing import Any

import numpy as np

from pulsefront.errors import UnsupportedLayer
from pulsefront.imports.graph import Matrix, Reals
from pulsefront.imports.onnx.file import FileTensor
from pulsefront.imports.onnx.reader import OnnxReader

__all__ = ["attributes", "by_channel", "diagonal", "label", "multiplied", "refused", "single"]


def attributes(node: Any) -> dict[str, Any]:
    """Return the attributes of a node by name."""
    from onnx import helper

    return {one.name: helper.get_attribute_value(one) for one in node.attribute}


def label(node: Any) -> str:
    """Return what a node is called in messages."""
    return str(node.name or node.output[0])


def refused(node: Any, problem: str, remedy: str) -> UnsupportedLayer:
    """Return the error for a node that has no counterpart."""
    return UnsupportedLayer(label(node), problem=problem, remedy=remedy)


def single(constant: Reals) -> float:
    """Return the only number of an array, whatever its axes."""
    return float(constant.reshape(-1)[0])


def by_channel(node: Any, source: FileTensor, constant: Reals) -> Reals:
    """Return a constant as one number for each channel, in the graph's order of elements."""
    channels = source.shape[-1]
    rank = 1 + (len(source.file_shape) if source.axes is None else 1)
    axis = 1 - rank if source.channels_first else -1
    padded = constant.reshape((1,) * max(rank - constant.ndim, 0) + constant.shape)
    if constant.size not in (1, channels) or padded.shape[axis] not in (1, channels) or (
        constant.size > 1 and padded.shape[axis] != channels
    ):  # fmt: skip
        raise refused(node, f"a constant of the shape {constant.shape} has no counterpart",
                      "use one number, or one for each channel")  # fmt: skip
    found = np.broadcast_to(constant.reshape(-1), (channels,)).copy()
    if source.order is not None:
        placed = np.empty_like(found)
        placed[source.order] = found
        found = placed
    return np.asarray(found)


def multiplied(reader: OnnxReader, node: Any, source: FileTensor, factor: float) -> FileTensor:
    """Return a tensor with *factor* taken out of its scale: the graph's number is multiplied."""
    if factor == 1.0:
        return source
    weights = np.diag(np.full(source.shape[-1], factor))
    name = reader.new_name(node, "_scale")
    reader.nodes.append(
        Matrix(
            name, (source.name,), label(node), weights if len(source.shape) == 1 else weights[None]
        )
    )
    return source.like(name, scale=source.scale / factor)


def diagonal(
    reader: OnnxReader, node: Any, source: FileTensor, factor: Reals, bias: Reals | None
) -> None:
    """Add a factor and a bias by channel, in the graph's order: a diagonal matrix."""
    weights = np.diag(factor)
    made = Matrix(
        reader.new_name(node), (source.name,), label(node),
        weights if len(source.shape) == 1 else weights[None], bias,
    )  # fmt: skip
    reader.keep(node, made, source)

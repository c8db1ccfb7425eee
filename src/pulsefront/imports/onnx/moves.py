"""Operators of ONNX that move numbers and compute nothing: shapes, flattening, exchanged axes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from pulsefront.imports.graph import Flattening, Matrix
from pulsefront.imports.onnx.file import FileTensor
from pulsefront.imports.onnx.parts import attributes, label, refused
from pulsefront.imports.onnx.reader import OnnxReader

__all__ = ["alias", "flat", "flatten", "picked", "shape", "squeeze", "transpose", "unsqueeze"]


def alias(reader: OnnxReader, node: Any) -> None:
    """Take what a node gives as what it reads."""
    reader.tensors[node.output[0]] = reader.tensors[node.input[0]]


def flatten(reader: OnnxReader, node: Any) -> None:
    """Add a flattening; a reshape to the shape that is there is none."""
    source = reader.tensors[node.input[0]]
    given = attributes(node)
    wanted = [0, -1]
    if node.op_type == "Reshape":
        target = reader.constant(node, 1, "shape")
        assert target is not None
        wanted = [int(one) for one in target]
    elif given.get("axis", 1) != 1 and not (given["axis"] == 0 and reader.one_by_one):
        raise refused(node, "flattens the events, too", "flatten from axis 1 on")
    sizes = source.file_shape
    if len(wanted) == 1 + len(sizes) and all(
        one in (-1, 0, size) for one, size in zip(wanted[1:], sizes, strict=True)
    ):
        alias(reader, node)
        return
    image = _as_image(source, wanted)
    if image is not None:
        reader.tensors[node.output[0]] = image
        return
    one_channel = wanted[1:2] == [1] and int(np.prod(wanted[2:])) == int(np.prod(sizes))
    if one_channel and len(wanted) < 5 and _one_channel(reader, node, tuple(wanted[2:])):
        return
    if len(wanted) != 2 or wanted[1] not in (-1, int(np.prod(source.shape))):
        raise refused(
            node, f"a reshape from {sizes} to {tuple(wanted[1:])} has no counterpart",
            "give the input its shape, and flatten to (event, all)",
        )  # fmt: skip
    flat(reader, node, source)


def _as_image(source: FileTensor, wanted: list[int]) -> FileTensor | None:
    """Return (position, channel) as (row, column, channel), or back; None if it is neither."""
    if len(source.shape) != 2 or source.channels_first:
        return None
    positions, channels = source.shape
    if source.image is None and len(wanted) == 4 and wanted[3] == channels:
        rows, columns = wanted[1:3]
        if rows * columns == positions:
            return source.like(source.name, image=(rows, columns))
    if source.image is not None and wanted[1:] == [positions, channels]:
        return source.like(source.name, image=None)
    return None


def shape(reader: OnnxReader, node: Any) -> None:
    """Take a shape as constant; of the number of events, zero, which a reshape keeps as it is."""
    sizes = reader.tensors[node.input[0]].file_shape
    reader.constants[node.output[0]] = np.array([0, *sizes], np.int64)


def squeeze(reader: OnnxReader, node: Any) -> None:
    """Drop an axis of length one: of positions, or one that an Unsqueeze added."""
    source = reader.tensors[node.input[0]]
    if len(source.shape) == 1 and source.axes is None:
        alias(reader, node)  # of an axis that an Unsqueeze added
        return
    gone = _axes(reader, node, 1 + len(source.file_shape))
    if source.image is not None and len(gone) == 1 and 1 in source.image:
        row = 2 if source.channels_first else 1
        if gone[0] - row in (0, 1) and source.image[gone[0] - row] == 1:
            reader.tensors[node.output[0]] = source.like(source.name, image=None)
            return
    if len(source.shape) != 2 or 1 not in (source.shape[:1] if source.image else source.shape):
        raise refused(node, "only an axis of positions of length one can go", "flatten")
    flat(reader, node, source)


def unsqueeze(reader: OnnxReader, node: Any) -> None:
    """Add an axis of length one.

    Behind a channel it is nothing, as batch normalizations come so; of positions it makes an image
    of one row or column, as torch pools waveforms so; before an input it makes that one channel.
    """
    source = reader.tensors[node.input[0]]
    axes = _axes(reader, node, 2 + len(source.file_shape))
    if len(source.shape) == 1 and source.axes is None and axes == [2]:
        alias(reader, node)
        return
    if len(source.shape) == 1 and axes == [1] and _one_channel(reader, node, source.shape):
        return
    row = 2 if source.channels_first else 1
    if len(source.shape) == 2 and source.image is None and len(axes) == 1:
        along = axes[0] - row
        if along in (0, 1):
            length = source.shape[0]
            image = (1, length) if along == 0 else (length, 1)
            reader.tensors[node.output[0]] = source.like(source.name, image=image)
            return
    raise refused(node, "adds an axis", "give the input its shape, and flatten")


def _axes(reader: OnnxReader, node: Any, rank: int) -> list[int]:
    """Return the axes that a node names, counted from the events in a tensor of *rank* axes."""
    second = reader.constant(node, 1, "axes")
    given = attributes(node).get("axes", () if second is None else second)
    return [int(one) % rank for one in given]


def _one_channel(reader: OnnxReader, node: Any, shape: tuple[int, ...]) -> bool:
    """Take a flat input as one channel of positions, *shape* (position,) or (row, column).

    False where it is no input, or something else reads it, too.
    """
    tensor = node.input[0]
    source = reader.tensors[tensor]
    place = [index for index, one in enumerate(reader.inputs) if one.name == source.name]
    if not place or reader.readers(tensor) != 1 or len(source.shape) != 1:
        return False
    flat_shape = (source.shape[0], 1)
    reader.inputs[place[0]] = replace(reader.inputs[place[0]], shape=flat_shape)
    reader.tensors[tensor] = source.like(source.name, shape=flat_shape, axes=source.file_shape)
    reader.tensors[node.output[0]] = source.like(
        source.name,
        shape=flat_shape,
        axes=None,
        channels_first=True,
        image=(shape[0], shape[1]) if len(shape) == 2 else None,
    )
    return True


def flat(reader: OnnxReader, node: Any, source: FileTensor) -> None:
    """Add the flattening of *source* as what *node* gives, in the order of the file."""
    order = None
    if source.channels_first and 1 not in source.shape:
        # Element (channel, position) of the file is (position, channel) of the graph.
        order = np.arange(int(np.prod(source.shape))).reshape(source.shape).T.reshape(-1)
    if len(source.shape) == 1:
        reader.tensors[node.output[0]] = source.like(source.name, axes=None)
        return
    made = Flattening(reader.new_name(node), (source.name,), label(node))
    size = (int(np.prod(source.shape)),)
    reader.keep(node, made, source, shape=size, channels_first=False, order=order, image=None)


def picked(reader: OnnxReader, node: Any) -> None:
    """Take some of the channels, by Slice or Gather: a matrix of zeros and ones.

    Raises
    ------
    UnsupportedLayer
        It takes some of the events or positions.
    """
    source = reader.tensors[node.input[0]]
    rank = 1 + (len(source.file_shape) if source.axes is None else 1)
    own = 1 if source.channels_first else rank - 1
    chosen = _chosen(reader, node, np.arange(source.shape[-1]), own, rank)
    if chosen is None or chosen.ndim != 1 or not len(chosen):
        raise refused(
            node, "takes some of the events or positions", "take channels alone, by their numbers"
        )  # fmt: skip
    rows = chosen if source.order is None else source.order[chosen]
    weights = np.zeros((source.shape[-1], len(chosen)))
    weights[rows, np.arange(len(chosen))] = 1.0
    shape = (*source.shape[:-1], len(chosen))
    made = Matrix(
        reader.new_name(node), (source.name,), label(node),
        weights if len(source.shape) == 1 else weights[None],
    )  # fmt: skip
    reader.keep(node, made, source, shape=shape, order=None)


def _chosen(reader: OnnxReader, node: Any, channels: Any, own: int, rank: int) -> Any:
    """Return the channels that a Slice or Gather leaves; None where it takes another axis."""
    if node.op_type == "Gather":
        indices = reader.constant(node, 1, "indices")
        along = attributes(node).get("axis", 0) % rank == own
        return channels[indices.astype(np.int64)] if along and indices is not None else None
    starts, ends, axes, steps = (
        reader.constant(node, index, what)
        for index, what in enumerate(("starts", "ends", "axes", "steps"), 1)
    )
    if starts is None or ends is None or axes is None or any(one % rank != own for one in axes):
        return None
    step = 1 if steps is None else int(steps[0])
    return channels[slice(int(starts[0]), int(ends[0]), step)]


_TURNS = {True: [0, 2, 3, 1], False: [0, 3, 1, 2]}
"""Of images, by whether channels are first."""


def transpose(reader: OnnxReader, node: Any) -> None:
    """Exchange channels and positions: the graph has its own order."""
    source = reader.tensors[node.input[0]]
    turns: list[list[int]] = []
    if len(source.shape) == 2:
        turns = [[0, 2, 1]] if source.image is None else [_TURNS[source.channels_first]]
    if list(attributes(node).get("perm", [])) not in turns:
        raise refused(node, "only channels and positions can be exchanged", "leave it out")
    reader.tensors[node.output[0]] = source.like(
        source.name, channels_first=not source.channels_first
    )

"""Operators of ONNX that move numbers and compute nothing: shapes, flattening, exchanged axes."""

from __future__ import annotations

from typing import Any

import numpy as np

from pulsefront.imports.graph import Flattening
from pulsefront.imports.onnx.file import FileTensor, OnnxReader
from pulsefront.imports.onnx.parts import attributes, label, refused

__all__ = ["alias", "flat", "flatten", "shape", "squeeze", "transpose", "unsqueeze"]


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
    if len(source.shape) != 2 or 1 not in (source.shape[:1] if source.image else source.shape):
        raise refused(node, "only an axis of positions of length one can go", "flatten")
    flat(reader, node, source)


def unsqueeze(reader: OnnxReader, node: Any) -> None:
    """Take a channel with one position as a channel: batch normalizations come so."""
    source = reader.tensors[node.input[0]]
    second = reader.constant(node, 1, "axes")
    given = attributes(node).get("axes", () if second is None else second)
    if len(source.shape) != 1 or source.axes is not None or list(given) not in ([2], [-1]):
        raise refused(node, "adds an axis", "give the input its shape, and flatten")
    alias(reader, node)


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

"""Operators of ONNX over positions: convolutions and pools, of waveforms and of images."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from pulsefront.imports.graph import Matrix, Pool, Reals, Windows
from pulsefront.imports.onnx.file import FileTensor
from pulsefront.imports.onnx.moves import flat
from pulsefront.imports.onnx.parts import attributes, label, refused
from pulsefront.imports.onnx.reader import OnnxReader

__all__ = ["convolution", "global_pool", "pool", "reduced"]


def convolution(reader: OnnxReader, node: Any) -> None:
    """Add a convolution in one dimension, or in two behind the windows of an image."""
    given = attributes(node)
    source = reader.tensors[node.input[0]]
    weights = reader.constant(node, 1, "kernel")
    assert weights is not None
    sides = _sides(source)
    if weights.ndim - 2 != len(sides) or (source.image and not source.channels_first):
        raise refused(
            node, f"a convolution of {weights.ndim - 2} dimensions has no counterpart here",
            "use one dimension for (channel, position), two for (channel, row, column)",
        )  # fmt: skip
    ones = [1] * len(sides)
    dilations = given.get("dilations", ones)
    kernel = source.scale * _whole_kernel(weights, given.get("group", 1), dilations)
    size, strides = kernel.shape[:-2], given.get("strides", ones)
    pads = _pads(given, sides, size, strides)
    bias = reader.constant(node, 2, "bias")
    name, origin = reader.new_name(node), label(node)
    if source.image is None:
        made = Matrix(name, (source.name,), origin, kernel, bias, strides[0], (pads[0], pads[1]))
        length = (sides[0] + sum(pads) - len(kernel)) // strides[0] + 1
        reader.keep(node, made, source, shape=(length, made.n_out), scale=1.0)
        return
    flat_kernel, before, image = kernel.reshape(-1, *kernel.shape[-2:]), source.name, source.image
    if {*size, *strides} != {1} or any(pads):
        padding = pads[0], pads[2], pads[1], pads[3]
        windows = _windows(reader, node, source, size, strides, padding)
        before, image = windows.name, windows.layer(windows.inputs).windows
    made = Matrix(name, (before,), origin, flat_kernel, bias, len(flat_kernel))
    shape = image[0] * image[1], made.n_out
    reader.keep(node, made, source, shape=shape, image=image, scale=1.0)


def _sides(source: FileTensor) -> tuple[int, ...]:
    """Return the lengths of the axes of positions in the file; none for a vector."""
    return source.image or source.shape[:-1]


def _pads(
    given: dict[str, Any], sides: tuple[int, ...], size: tuple[int, ...], strides: list[int]
) -> list[int]:
    """Return the zeros before and after each axis, in ONNX's order: all before, then all after."""
    auto = given.get("auto_pad", b"NOTSET")
    if auto not in (b"SAME_UPPER", b"SAME_LOWER"):
        return list(given.get("pads", [0] * 2 * len(sides)))
    totals = [
        max((-(-side // stride) - 1) * stride + length - side, 0)
        for side, length, stride in zip(sides, size, strides, strict=True)
    ]
    small, large = [one // 2 for one in totals], [one - one // 2 for one in totals]
    return small + large if auto == b"SAME_UPPER" else large + small


def _whole_kernel(weights: Reals, group: int, dilations: list[int]) -> Reals:
    """Return a kernel (…, channel_in, channel_out) with zeros for what is left out."""
    n_out, n_in, *sizes = weights.shape
    size = [(one - 1) * step + 1 for one, step in zip(sizes, dilations, strict=True)]
    found = np.zeros((*size, n_in * group, n_out))
    kept = tuple(slice(None, None, step) for step in dilations)
    moved = np.moveaxis(weights, (1, 0), (-2, -1))
    for one in range(group):
        ins = slice(one * n_in, (one + 1) * n_in)
        outs = slice(one * n_out // group, (one + 1) * n_out // group)
        found[(*kept, ins, outs)] = moved[..., outs]
    return found


def _windows(
    reader: OnnxReader,
    node: Any,
    source: FileTensor,
    size: tuple[int, ...],
    strides: list[int],
    padding: tuple[int, ...] = (0, 0, 0, 0),
) -> Windows:
    """Add the windows of an image and return them; *padding* (above, below, left, right)."""
    assert source.image is not None
    name = reader.new_name(node, "_windows")
    both, stride = (size[0], size[1]), (strides[0], strides[1])
    made = Windows(name, (source.name,), label(node), source.image, both, stride, padding)
    made.layer(made.inputs)  # refuses windows that do not fit
    reader.nodes.append(made)
    return made


def pool(reader: OnnxReader, node: Any) -> None:
    """Add a pool over positions, or over the windows of an image."""
    given = attributes(node)
    source = reader.tensors[node.input[0]]
    kernel = given.get("kernel_shape", [])
    plain = (
        not any(given.get("pads", ()))
        and not given.get("ceil_mode")
        and set(given.get("dilations", [1])) == {1}
        and given.get("auto_pad", b"NOTSET") in (b"NOTSET", b"VALID")
    )
    sides = _sides(source)
    if not plain or not sides or len(kernel) != len(sides):
        raise refused(
            node, "only pools over positions, without padding or dilation, have a counterpart",
            "pool over one dimension, or over an image in two, without padding",
        )  # fmt: skip
    strides = list(given.get("strides", [1] * len(sides)))
    what = _what(node)
    if source.image is None:
        length = (sides[0] - kernel[0]) // strides[0] + 1
        _pooled(reader, node, source, what, kernel[0], strides[0], (length, source.shape[1]))
        return
    windows = _windows(reader, node, source, tuple(kernel), strides)
    image = windows.layer(windows.inputs).windows
    shape, size = (image[0] * image[1], source.shape[1]), int(np.prod(kernel))
    moved = source.like(windows.name)
    _pooled(reader, node, moved, what, size, size, shape, image=image)


def global_pool(reader: OnnxReader, node: Any) -> None:
    """Add a pool over all positions."""
    source = reader.tensors[node.input[0]]
    if len(source.shape) != 2:
        raise refused(node, "pools a tensor without positions", "leave it out")
    _pool_all(reader, node, source)


def reduced(reader: OnnxReader, node: Any) -> None:
    """Add a pool over all positions for a sum, mean or maximum along their axes."""
    source = reader.tensors[node.input[0]]
    given = attributes(node)
    axes = reader.constant(node, 1, "axes")
    rank = len(source.file_shape) + 1
    named = given.get("axes", []) if axes is None else [int(one) for one in axes]
    count = len(_sides(source))
    first = 2 if source.channels_first else 1
    if not count or sorted(one % rank for one in named) != list(range(first, first + count)):
        raise refused(
            node, f"reduces the axes {list(named)}", "reduce all positions, and no channels"
        )  # fmt: skip
    _pool_all(reader, node, source)
    if not given.get("keepdims", 1):
        flat(reader, node, reader.tensors[node.output[0]])


def _pool_all(reader: OnnxReader, node: Any, source: FileTensor) -> None:
    length = source.shape[0]
    image = None if source.image is None else (1, 1)
    shape = (1, source.shape[1])
    _pooled(reader, node, source, _what(node), length, length, shape, image=image)


def _what(node: Any) -> Literal["max", "mean", "sum"]:
    if "Max" in node.op_type:
        return "max"
    return "sum" if "Sum" in node.op_type else "mean"


def _pooled(
    reader: OnnxReader,
    node: Any,
    source: FileTensor,
    what: Literal["max", "mean", "sum"],
    size: int,
    stride: int,
    shape: tuple[int, int],
    **changed: Any,
) -> None:
    """Add a pool; a mean that is no binary fraction is a sum where tensors may have any scale."""
    scale = source.scale
    if what == "mean" and size & (size - 1) and reader.scales == "keep":
        what, scale = "sum", scale / size
    made = Pool(reader.new_name(node), (source.name,), label(node), what, size, stride)
    reader.keep(node, made, source, shape=shape, scale=scale, **changed)

"""Integers that ``QuantizeLinear`` gives and ``DequantizeLinear`` reads: what they count.

The graph has the real number that such an integer stands for. So a ``DequantizeLinear`` is nothing
where it undoes the ``QuantizeLinear`` before it, and exact arithmetic where it does not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pulsefront.imports.graph import Reals
from pulsefront.imports.onnx.parts import attributes, by_channel, diagonal, label, refused

if TYPE_CHECKING:
    from pulsefront.imports.onnx.file import FileTensor
    from pulsefront.imports.onnx.reader import OnnxReader

__all__ = ["Code", "code_of", "dequantize_linear", "refuse_arithmetic"]


@dataclass(frozen=True, eq=False)
class Code:
    """An integer stands for (integer - *zero*) · *scale*.

    Attributes
    ----------
    scale, zero
        In the file's order of axes, so that they broadcast against its tensor with the events.
    low, high
        Ends of the integers' type.
    """

    scale: Reals
    zero: Reals
    low: int
    high: int

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Code) and all(
            np.array_equal(mine, its)
            for mine, its in ((self.scale, other.scale), (self.zero, other.zero))
        )

    def __hash__(self) -> int:
        return hash((self.scale.tobytes(), self.zero.tobytes()))

    def values(self, integers: Any) -> Reals:
        """Return the numbers that integers (event, …) of the file stand for."""
        return np.asarray((np.asarray(integers, np.float64) - self.zero) * self.scale)


def code_of(reader: OnnxReader, node: Any, rank: int) -> Code:
    """Return what the integers of a node stand for, whose real numbers have *rank* axes.

    Raises
    ------
    UnsupportedLayer
        Its scales go by blocks, or its numbers are no integers.
    """
    given = attributes(node)
    if given.get("block_size"):
        raise refused(node, "scales by blocks have no counterpart", "use one scale, or one by axis")
    scale = reader.constant(node, 1, "scale")
    assert scale is not None
    low, high = _ends(reader, node)
    zero = reader.constant(node, 2, "zero point")
    zero = np.zeros(1) if zero is None else zero
    shape = [1] * rank
    if scale.size > 1:
        shape[given.get("axis", 1)] = scale.size
    scale = scale.reshape(shape if scale.size > 1 else -1)
    return Code(scale, zero.reshape(shape if zero.size > 1 else -1), low, high)


def _ends(reader: OnnxReader, node: Any) -> tuple[int, int]:
    """Return the ends of the integers that a node gives or reads: as its zero point says it."""
    from onnx import TensorProto, helper

    kind = attributes(node).get("output_dtype", 0) if node.op_type == "QuantizeLinear" else 0
    if len(node.input) > 2 and node.input[2]:
        given = reader.constants.get(node.input[2])
        if given is None:
            raise refused(node, "its zero point is not constant", "export it with constants")
        kind = helper.np_dtype_to_tensor_dtype(given.dtype)
    kind = kind or TensorProto.UINT8
    name = str(TensorProto.DataType.Name(kind))
    unsigned = name.startswith("U")
    if not name.removeprefix("U").startswith("INT"):
        raise refused(
            node, f"numbers of the type {name} have no counterpart", "quantize to integers"
        )
    bits = int(name.removeprefix("U").removeprefix("INT"))
    return (0, 2**bits - 1) if unsigned else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)


def dequantize_linear(reader: OnnxReader, node: Any) -> None:
    """Take integers as what they stand for; by another code than theirs, it is computed."""
    source = reader.tensors[node.input[0]]
    to = code_of(reader, node, _rank(source))
    known = reader.codes.get(node.input[0])
    if known == to:
        reader.tensors[node.output[0]] = source
        return
    before_scale = np.ones(1) if known is None else known.scale
    before_zero = np.zeros(1) if known is None else known.zero
    factor = to.scale / before_scale
    shift = (before_zero - to.zero) * to.scale
    by = [by_channel(node, source, one) for one in (factor, shift)]
    if known is not None:
        reader.changes.append(
            f"{label(node)}: it has another scale or zero point than the QuantizeLinear before it; "
            "the difference is a layer"
        )
    diagonal(reader, node, source, by[0], by[1] / source.scale if np.any(by[1]) else None)


def _rank(source: FileTensor) -> int:
    return 1 + len(source.file_shape)


MOVING = (
    "Identity", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose", "MaxPool",
    "GlobalMaxPool", "Concat",
)  # fmt: skip
"""Operators that only choose and order: they keep what integers stand for."""


def refuse_arithmetic(reader: OnnxReader, node: Any) -> None:
    """Keep what integers stand for where *node* moves them, and refuse what computes with them.

    Raises
    ------
    UnsupportedLayer
        It takes the integers of a ``QuantizeLinear`` as numbers.
    """
    codes = [reader.codes.get(one) for one in node.input if one in reader.tensors]
    known = [one for one in codes if one is not None]
    if not known or node.op_type == "DequantizeLinear":
        return
    alike = len(known) == len(codes) and len(set(known)) == 1
    moved = node.op_type == "Identity" or known[0].scale.size == 1
    if not (alike and moved and node.op_type in MOVING):
        raise refused(
            node,
            f"{node.op_type} takes the integers of a QuantizeLinear as numbers",
            "put the DequantizeLinear before it, as QuantFormat.QDQ of ONNX Runtime does",
        )
    reader.codes[node.output[0]] = known[0]

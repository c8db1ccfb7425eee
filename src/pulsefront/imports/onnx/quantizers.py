"""Quantizers of ONNX files as casts: QONNX's, and the standard's QuantizeLinear.

``Quant``, ``IntQuant`` and ``BipolarQuant`` are QONNX's, whose meaning is that of its own
implementation: divide by the scale, add the zero point, limit to the bits, round, and back.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from pulsefront.errors import PrecisionError
from pulsefront.fixed_point import Assignment, Overflow, Rounding, format_of_scale
from pulsefront.fixed_point.format import MAX_WIDTH
from pulsefront.imports.graph import Cast, Limit, Matrix, Reals
from pulsefront.imports.grids import QuantizerGrid
from pulsefront.imports.onnx.codes import code_of
from pulsefront.imports.onnx.file import FileTensor
from pulsefront.imports.onnx.parts import (
    attributes,
    by_channel,
    label,
    multiplied,
    refused,
    single,
)
from pulsefront.imports.onnx.reader import OnnxReader

__all__ = ["ROUNDINGS", "bipolar", "is_half_step", "quant", "quantize_linear"]

ROUNDINGS: Mapping[str, Rounding] = {
    "ROUND": Rounding.RND_CONV,
    "HALF_EVEN": Rounding.RND_CONV,
    "FLOOR": Rounding.TRN,
    "DOWN": Rounding.TRN_ZERO,
    "ROUND_TO_ZERO": Rounding.TRN_ZERO,
    "HALF_UP": Rounding.RND_INF,
    "HALF_DOWN": Rounding.RND_ZERO,
}
"""QONNX's names; its half-up is away from zero, as its implementation has it."""

HALF_STEPS: Mapping[str, tuple[float, Rounding]] = {
    "FLOOR": (0.5, Rounding.RND),
    "CEIL": (-0.5, Rounding.RND_MIN_INF),
}
"""Roundings that QONNX has no name for: what is added in steps before which mode."""


def is_half_step(reader: OnnxReader, node: Any) -> bool:
    """Whether *node* adds half a step for the quantizer that alone reads it: floor(x + ½)."""
    behind = [one for one in reader.graph.node if node.output[0] in one.input]
    constants = [one for one in node.input if one in reader.constants]
    if len(behind) != 1 or reader.readers(node.output[0]) != 1 or len(constants) != 1:
        return False
    (quantizer,) = behind
    half, _ = HALF_STEPS.get(_mode(quantizer), (0.0, None))
    if quantizer.op_type not in ("Quant", "IntQuant") or node.op_type == "Sub" or not half:
        return False
    scale = reader.constants.get(quantizer.input[1])
    added = reader.constants[constants[0]]
    if scale is None or not np.array_equal(added, half * scale):
        return False
    reader.half_steps.add(node.output[0])
    return True


def _mode(node: Any) -> str:
    return str(attributes(node).get("rounding_mode", b"ROUND").decode().upper())


def quant(reader: OnnxReader, node: Any) -> None:
    """Cast a tensor by QONNX's quantizer."""
    given = attributes(node)
    scale = reader.constant(node, 1, "scale")
    zero = reader.constant(node, 2, "zero point")
    bits = reader.constant(node, 3, "number of bits")
    assert scale is not None
    assert zero is not None
    assert bits is not None
    mode = _mode(node)
    half = node.input[0] in reader.half_steps
    rounding = HALF_STEPS[mode][1] if half else ROUNDINGS.get(mode)
    if bits.size == 1 and (single(bits) % 1 or not 1 <= single(bits) <= MAX_WIDTH):
        raise refused(
            node, f"a width of {single(bits):g} bits has no counterpart",
            f"use whole bits, 1 to {MAX_WIDTH}",
        )  # fmt: skip
    if rounding is None or bits.size != 1 or zero.size != 1:
        raise refused(node, f"rounding {mode} or several zero points or widths have no counterpart",
                      f"use one of {', '.join(ROUNDINGS)}, and one width")  # fmt: skip
    if single(bits) == 1 and given.get("signed", 1):
        bipolar(reader, node)
        return
    width = int(single(bits))
    signed, narrow = bool(given.get("signed", 1)), bool(given.get("narrow", 0))
    low = -(2 ** (width - 1)) + narrow if signed else 0
    high = 2 ** (width - 1) - 1 if signed else 2**width - 1 - narrow
    offset = int(single(zero))
    _cast(reader, node, scale, (low - offset, high - offset), rounding, odd=bool(offset % 2))


def bipolar(reader: OnnxReader, node: Any) -> None:
    """Cast a tensor to -scale and scale: to one bit of -2 scale and 0, and a constant added."""
    scale = reader.constant(node, 1, "scale")
    assert scale is not None
    if scale.size != 1:
        raise refused(node, "several scales of two values have no counterpart", "use one")
    source = reader.tensors[node.input[0]]
    form = format_of_scale(1, 2 * single(scale), field=label(node))
    to = Assignment(form, Rounding.TRN, Overflow.SAT)
    cast = Cast(reader.new_name(node, "_bit"), (source.name,), label(node), to)
    reader.keep(node, cast, source)
    channels = source.shape[-1]
    weights = np.eye(channels) if len(source.shape) == 1 else np.eye(channels)[None]
    middle = np.full(channels, form.step / 2)
    made = Matrix(reader.new_name(node), (cast.name,), label(node), weights, middle)
    reader.keep(node, made, source)


def quantize_linear(reader: OnnxReader, node: Any) -> None:
    """Cast a tensor to the integers of ``QuantizeLinear``: to what they stand for.

    It rounds before it adds the zero point, so that an odd one changes no tie.
    """
    source = reader.tensors[node.input[0]]
    code = code_of(reader, node, 1 + len(source.file_shape))
    zeros = np.unique(code.zero)
    if len(zeros) != 1:
        raise refused(node, "several zero points have no counterpart", "use one")
    ends = code.low - int(zeros[0]), code.high - int(zeros[0])
    _cast(reader, node, code.scale, ends, Rounding.RND_CONV, odd=False)
    reader.codes[node.output[0]] = code


def _cast(
    reader: OnnxReader,
    node: Any,
    scale: Reals,
    ends: tuple[int, int],
    rounding: Rounding,
    *,
    odd: bool,
) -> None:
    source = reader.tensors[node.input[0]]
    scales = by_channel(node, source, scale) if scale.size > 1 else scale.reshape(-1)[:1]
    grid = QuantizerGrid(scales, *ends, rounding)
    if not np.all((scales > 0) & np.isfinite(scales)):
        raise PrecisionError(
            "the scale is not above zero", field=label(node), value=float(scales.min()),
            remedy="quantize again with a positive scale",
        )  # fmt: skip
    mantissa, _ = np.frexp(scales)
    if reader.scales == "nearest" and np.any(mantissa != 0.5):
        grid = grid.covered()
        reader.changes.append(
            f"{label(node)}: the scale {scales[0]:.4g} became {float(np.max(grid.scale)):.4g}"
        )
    elif reader.scales == "keep" and scales.size == 1:
        # The graph has the integers at a power of two; the rest is a factor beside the tensor.
        factor = 2.0 * float(mantissa[0])
        grid = QuantizerGrid(scales / factor, *ends, rounding)
        source = _at_scale(reader, node, source, factor)
    elif odd and rounding is Rounding.RND_CONV:
        reader.changes.append(f"{label(node)}: an odd zero point sends ties the other way")
    to, limits = grid.assignment(label(node))
    made = Cast(reader.new_name(node), (source.name,), label(node), to)
    reader.keep(node, made, source)
    if limits is not None:
        name = reader.new_name(node, "_limits")
        reader.keep(node, Limit(name, (made.name,), label(node), *limits), source)


def _at_scale(reader: OnnxReader, node: Any, source: FileTensor, factor: float) -> FileTensor:
    """Return a tensor as the file's numbers over *factor*."""
    inputs = {one.name for one in reader.inputs}
    if source.name in inputs and source.scale == 1.0 and reader.readers(node.input[0]) == 1:
        # What enters is counted in steps of the file's own scale.
        found = source.like(source.name, scale=factor)
        reader.tensors[node.input[0]] = found
        return found
    return multiplied(reader, node, source, source.scale / factor)

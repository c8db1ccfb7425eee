"""Constants that a file quantizes: scales are powers of two, or something is done about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pulsefront.fixed_point import format_of_scale
from pulsefront.imports.graph import Reals
from pulsefront.imports.onnx.parts import attributes, label

if TYPE_CHECKING:
    from pulsefront.imports.onnx.reader import OnnxReader

__all__ = ["QUANTIZERS", "quantized_constant"]

QUANTIZERS = ("Quant", "IntQuant", "BipolarQuant", "DequantizeLinear")
"""Nodes that give quantized numbers."""


def quantized_constant(reader: OnnxReader, node: Any) -> None:
    """Refuse a scale that is no power of two, or take the nearest that covers the range.

    Raises
    ------
    PrecisionError
        A scale is no power of two, and it is not said what to do about it.
    """
    scale = np.asarray(reader.constants[node.input[1]], np.float64)
    mantissa, _ = np.frexp(scale)
    if np.all(mantissa == 0.5):
        return
    given = np.asarray(reader.constants[node.input[0]])
    if given.dtype == np.int32:
        # A bias has the scale of its products, which follows when those of the factors do.
        return
    if reader.scales == "keep":
        return
    if reader.scales == "refuse" or not np.all(np.isfinite(scale) & (scale > 0)):
        wrong = float(scale[mantissa != 0.5].flat[0])
        format_of_scale(8, wrong, field=label(node))
    values = np.asarray(reader.constants[node.output[0]], np.float64)
    largest = np.abs(values).max(axis=_shared(node, scale, values), keepdims=True)
    most = max(2 ** (_bits(reader, node, given) - 1) - 1, 1)
    step = 2.0 ** np.ceil(np.log2(np.maximum(largest, 1e-30) / most))
    reader.constants[node.output[0]] = np.rint(values / step) * step
    several = "" if scale.size == 1 else f" (the first of {scale.size})"
    reader.changes.append(
        f"{label(node)}: the scale {scale.flat[0]:.4g} became {step.flat[0]:.4g}{several}"
    )


def _shared(node: Any, scale: Reals, values: Reals) -> tuple[int, ...]:
    """Return the axes along which numbers share a scale."""
    if scale.size == 1:
        return tuple(range(values.ndim))
    if node.op_type == "DequantizeLinear" and scale.ndim == 1:
        own = attributes(node).get("axis", 1) % values.ndim
        return tuple(one for one in range(values.ndim) if one != own)
    shape = (1,) * (values.ndim - scale.ndim) + scale.shape
    return tuple(one for one, size in enumerate(shape) if size == 1)


def _bits(reader: OnnxReader, node: Any, given: np.ndarray[Any, Any]) -> int:
    if node.op_type == "BipolarQuant":
        return 1
    if len(node.input) > 3:
        return int(reader.constants[node.input[3]].reshape(-1)[0])
    name = str(given.dtype)
    return int(name.removeprefix("u").removeprefix("int")) if "int" in name else 8

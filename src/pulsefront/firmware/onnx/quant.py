"""QONNX's quantizer from an assignment, and what it cannot say.

``Quant`` divides by the scale, limits to the integers of one width, rounds, and multiplies again.
It has no rounding with ties toward one side: floor(x + ½) is half a step added before ``FLOOR``,
and ceil(x − ½) half a step taken off before ``CEIL``. It does not wrap around.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from pulsefront.errors import UnsupportedLayer
from pulsefront.firmware.onnx.placed import QONNX_DOMAIN, Placed, PlacedGraph
from pulsefront.fixed_point.format import (
    Assignment,
    FixedPointFormat,
    Formats,
    Integers,
    Overflow,
    Rounding,
    by_channel,
)

__all__ = ["constant_nodes", "quant_nodes"]

FLOAT32_BITS = 24
"""Of a float32's integers."""

LARGEST_FRACTION = 120
"""Of a format whose step float32 has, with room for its products."""

MODES: Mapping[Rounding, tuple[float, str]] = {
    Rounding.TRN: (0.0, "FLOOR"),
    Rounding.RND: (0.5, "FLOOR"),
    Rounding.RND_CONV: (0.0, "ROUND"),
    Rounding.TRN_ZERO: (0.0, "ROUND_TO_ZERO"),
    Rounding.RND_ZERO: (0.0, "HALF_DOWN"),
    Rounding.RND_INF: (0.0, "HALF_UP"),
    Rounding.RND_MIN_INF: (-0.5, "CEIL"),
}
"""What is added in steps, and the mode then; QONNX's half-up is away from zero."""

# Of both names of that mode, QONNX's own executor knows this one alone.
_NAMES = {"ROUND_TO_ZERO": "DOWN"}


def quant_nodes(
    graph: PlacedGraph, placed: Placed, to: Assignment, name: str, *, overflows: bool
) -> Placed:
    """Return a tensor assigned to ``to`` by a node called *name*.

    *overflows* says whether a value can leave its format.

    Raises
    ------
    UnsupportedLayer
        The quantizer has no such overflow, or not for these formats; *name* is named.
    """
    _refuse(to, name, overflows=overflows)
    half, mode = MODES[to.rounding]
    steps = [2.0**-one.fraction for one in to.formats]
    scale = placed.by_channel(steps) if to.per_channel else np.float32(steps[0])
    value = placed.value
    if half:
        value = graph.node("Add", [value, graph.real(half * scale)])
    width = max(one.width for one in to.formats)
    narrow = to.overflow is Overflow.SAT_SYM and to.formats[0].signed
    value = _quant(
        graph, value, scale, width, name, signed=to.formats[0].signed, narrow=narrow, mode=mode
    )
    return Placed(value, placed.first, placed.image)


def _quant(
    graph: PlacedGraph, value: str, scale: np.ndarray | np.float32, width: int, name: str,
    *, signed: bool, narrow: bool, mode: str,
) -> str:  # fmt: skip
    parts = [graph.real(scale), graph.real(0.0), graph.real(float(width))]
    return graph.node(
        "Quant", [value, *parts], name=name, domain=QONNX_DOMAIN,
        signed=int(signed), narrow=int(narrow), rounding_mode=_NAMES.get(mode, mode),
    )  # fmt: skip


def _refuse(to: Assignment, name: str, *, overflows: bool) -> None:
    """Refuse what the quantizer has no word for."""
    signs, widths = ({getattr(one, what) for one in to.formats} for what in ("signed", "width"))
    problem = remedy = ""
    if overflows and to.overflow in (Overflow.WRAP, Overflow.SAT_ZERO):
        problem = f"QONNX's quantizer saturates, and this one can overflow by {to.overflow}"
        remedy = "use SAT, or a format that holds every value"
    elif len(signs) > 1:
        problem = "QONNX's quantizer is signed for all channels or for none"
        remedy = "give all channels signed formats"
    elif len(widths) > 1 and (overflows or to.overflow is Overflow.SAT_SYM):
        problem = "QONNX's quantizer has one width, and channels of other widths can saturate"
        remedy = "give all channels formats of one width"
    elif any(one.signed and one.width == 1 for one in to.formats):
        problem = "QONNX takes one signed bit as −1 and 1; fixed<1,…> holds −1 and 0"
        remedy = "use two bits, or one without a sign"
    elif any(abs(one.fraction) > LARGEST_FRACTION for one in to.formats):
        problem, remedy = "its step is none of float32", "use fewer fraction bits"
    if problem:
        raise UnsupportedLayer(name, problem=problem, remedy=f"{remedy}, or leave this target out")


def constant_nodes(
    graph: PlacedGraph, integers: Integers, formats: Formats, name: str, *, axis: int = -1
) -> str:
    """Return constants behind a quantizer of their formats; the axis of channels is *axis*.

    Where channels differ in width the widest says it: no constant leaves its own.

    Raises
    ------
    UnsupportedLayer
        A format has more bits than float32.
    """
    channels = integers.shape[axis]
    each = by_channel(formats, channels)
    behind = [1] * (integers.ndim - 1 - axis % integers.ndim)
    fractions = np.array([one.fraction for one in each]).reshape(-1, *behind)
    signed = any(one.signed for one in each)
    # One signed bit means −1 and 1 to QONNX; a signed width holds an unsigned one with a bit more.
    width = max(one.width + (signed and not one.signed) for one in each)
    width = max(width, 2) if signed else width
    if width > FLOAT32_BITS or np.abs(fractions).max() > LARGEST_FRACTION:
        raise UnsupportedLayer(
            name.rpartition("_")[0] or name,
            problem=f"constants of {width} bits at {fractions.max()} fraction bits are none of "
            "float32",
            remedy=f"use at most {FLOAT32_BITS} bits, or leave this target out",
        )
    values = graph.real(np.ldexp(integers.astype(np.float64), -fractions))
    scale = np.ldexp(1.0, -fractions if not isinstance(formats, FixedPointFormat) else
                     np.int64(-each[0].fraction))  # fmt: skip
    return _quant(
        graph, values, np.asarray(scale, np.float32), width, name,
        signed=signed, narrow=False, mode="ROUND",
    )  # fmt: skip

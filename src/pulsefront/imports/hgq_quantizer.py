"""Quantizers of HGQ2: bits for each element, learned, as casts of a real graph.

An element of k + i + f bits, k the sign, i integer and f fraction bits, is the format
``<k + i + f, k + i>``; one without bits is zero.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pulsefront.errors import UnsupportedLayer
from pulsefront.fixed_point import Assignment, FixedPointFormat, Overflow, Rounding

__all__ = ["HgqCast", "cast_of"]

OVERFLOWS = {"WRAP": Overflow.WRAP, "SAT": Overflow.SAT, "SAT_SYM": Overflow.SAT_SYM}

_NOTHING = FixedPointFormat(1, 1, signed=False)
"""Of an element without bits: what it holds is multiplied by zero."""


@dataclass(frozen=True, eq=False)
class HgqCast:
    """The assignment of a quantizer, and for each channel whether anything is left of it."""

    to: Assignment
    kept: npt.NDArray[np.bool_]


def cast_of(quantizer: Any, shape: tuple[int, ...], label: str) -> HgqCast:
    """Return a quantizer for tensors of *shape* (…, channel) as an assignment.

    Raises
    ------
    UnsupportedLayer
        Its bits differ from position to position, or it is no fixed-point quantizer.
    """
    inner = getattr(quantizer, "quantizer", quantizer)
    rounding = str(getattr(inner, "round_mode", "")).removeprefix("S_")
    overflow = OVERFLOWS.get(str(getattr(inner, "overflow_mode", "")))
    if rounding not in list(Rounding) or overflow is None or not hasattr(inner, "kif"):
        raise UnsupportedLayer(
            label,
            problem=f"the quantizer {type(inner).__name__} has no counterpart",
            remedy="use a fixed-point quantizer (kif or kbi) with RND, RND_CONV or TRN",
        )
    bits = [
        np.broadcast_to(_array(inner.bw_mapper.bw_to_x(one, (1, *shape))), (1, *shape)).reshape(
            -1, shape[-1]
        )
        for one in inner.kif
    ]
    if any(np.any(one != one[:1]) for one in bits):
        raise UnsupportedLayer(
            label,
            problem="its bits differ from position to position",
            remedy="let them differ by channel alone: heterogeneous_axis=(-1,)",
        )
    sign, whole, fraction = (one[0].astype(int) for one in bits)
    width = sign + whole + fraction
    formats = tuple(
        FixedPointFormat(int(w), int(k + i), signed=bool(k)) if w > 0 else _NOTHING
        for k, i, w in zip(sign, whole, width, strict=True)
    )
    one = len(set(formats)) == 1
    return HgqCast(
        Assignment(formats[0] if one else formats, Rounding(rounding), overflow), width > 0
    )


def _array(tensor: Any) -> npt.NDArray[Any]:
    from keras import ops

    return np.asarray(ops.convert_to_numpy(tensor))

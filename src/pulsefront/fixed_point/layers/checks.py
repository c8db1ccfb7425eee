"""Checks of the numbers that a layer is made of; errors name the layer, the field and the value."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pulsefront.errors import PrecisionError
from pulsefront.fixed_point.format import Formats, Integers, by_channel

__all__ = ["check_positive", "raw_array"]


def check_positive(layer: str, field: str, value: int) -> None:
    """Refuse a *value* below one."""
    if value < 1:
        raise PrecisionError(f"layer {layer!r}: {field} is at least 1", value=value)


def raw_array(layer: str, field: str, values: npt.ArrayLike, formats: Formats) -> Integers:
    """Return *values* as a read-only array of raw integers of *formats* (per last axis).

    Raises
    ------
    PrecisionError
        A value is not finite, no integer, or outside its format; *layer* and *field* are named.
    """
    array = np.asarray(values)
    if array.dtype.kind == "f" and not np.all(np.isfinite(array)):
        wrong = array[~np.isfinite(array)].flat[0]
        raise PrecisionError(
            f"layer {layer!r}: {field} are not finite",
            value=float(wrong),
            remedy="train again: the training diverged",
        )
    if array.dtype.kind not in "iu":
        raise PrecisionError(
            f"layer {layer!r}: {field} are raw integers",
            value=str(array.dtype),
            remedy="quantize them first and pass integers",
        )
    array = np.array(array, dtype=np.int64)
    per_channel = by_channel(formats, array.shape[-1] if array.ndim else 1)
    if array.ndim and len(per_channel) != array.shape[-1]:
        raise PrecisionError(
            f"layer {layer!r}: {field} have {array.shape[-1]} output channels and "
            f"{len(per_channel)} formats"
        )
    low = np.array([one.minimum for one in per_channel])
    high = np.array([one.maximum for one in per_channel])
    outside = (array < low) | (array > high)
    if np.any(outside):
        index = np.argwhere(outside)[0]
        raise PrecisionError(
            f"layer {layer!r}: {field} at {tuple(int(i) for i in index)} is outside "
            f"{per_channel[int(index[-1])]}",
            value=int(array[tuple(index)]),
            remedy="saturate it first, or give the format more integer bits",
        )
    array.setflags(write=False)
    return array

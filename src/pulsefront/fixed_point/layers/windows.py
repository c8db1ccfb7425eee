"""Windows along the positions of a tensor (position, channel)."""

from __future__ import annotations

import numpy as np

from pulsefront.errors import PrecisionError
from pulsefront.fixed_point.format import Integers
from pulsefront.fixed_point.tensors import Tensor

__all__ = ["check_windows", "windows"]


def windows(length: int, size: int, stride: int) -> Integers:
    """Return the positions of each window, shape (window, size)."""
    starts = np.arange(0, length - size + 1, stride)
    return starts[:, None] + np.arange(size)[None, :]


def check_windows(
    layer: str, source: Tensor, size: int, padding: int = 0, channels: int | None = None
) -> None:
    """Refuse a *source* that has no window of *size* positions.

    Raises
    ------
    PrecisionError
        Names the *layer*, and the shape that does not fit.
    """
    if len(source.shape) != 2 or (channels is not None and source.shape[1] != channels):
        wanted = "(position, channel)" if channels is None else f"(position, {channels})"
        raise PrecisionError(
            f"layer {layer!r} needs the shape {wanted}; {source.name!r} has {source.shape}"
        )
    if source.shape[0] + padding < size:
        raise PrecisionError(
            f"layer {layer!r}: a window of {size} positions does not fit "
            f"{source.shape[0] + padding}"
        )

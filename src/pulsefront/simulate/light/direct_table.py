"""The table of direct light, and the kernel that reads it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["DirectLight", "add_direct", "no_direct_light"]

Table = NDArray[np.float64]


@dataclass(frozen=True)
class DirectLight:
    """Direct light on every sensor, in one of two forms.

    Attributes
    ----------
    height_mm
        Nodes: height above the exit face of the crystal.
    shift_mm
        Nodes: distance to a sensor along one axis; of size 0 where the table is a grid of places.
    probability
        float32: (height, shift x, shift y, 1), the same for all sensors; or (height, x, y,
        sensor); of size 0 where direct light is left in the light map's grid.
    centre_x_mm, centre_y_mm
        Centres of the sensors' columns and rows; or the nodes of the grid of places.
    """

    height_mm: Table
    shift_mm: Table
    probability: NDArray[np.float32]
    centre_x_mm: Table
    centre_y_mm: Table


def no_direct_light() -> DirectLight:
    """Return the empty table."""
    nothing = np.zeros(0)
    return DirectLight(nothing, nothing, np.zeros((0, 0, 0, 0), np.float32), nothing, nothing)


@njit(nogil=True, cache=True)
def _bracket(nodes: Table, value: float) -> tuple[int, float]:
    low, high = 0, len(nodes) - 1
    if value >= nodes[high]:
        return high - 1, 1.0
    while high - low > 1:
        middle = (low + high) // 2
        if nodes[middle] <= value:
            low = middle
        else:
            high = middle
    return low, max(0.0, (value - nodes[low]) / (nodes[low + 1] - nodes[low]))


@njit(nogil=True, cache=True)
def _add_from_grid(
    x: float,
    y: float,
    height: float,
    height_mm: Table,
    probability: NDArray[np.float32],
    x_mm: Table,
    y_mm: Table,
    scale: float,
    add_to: NDArray[np.float32],
) -> None:
    k, w = _bracket(height_mm, height)
    i, u = _bracket(x_mm, x)
    j, v = _bracket(y_mm, y)
    for corner in range(8):
        ck, ci, cj = corner & 1, (corner >> 1) & 1, corner >> 2
        weight = (w if ck else 1.0 - w) * (u if ci else 1.0 - u) * (v if cj else 1.0 - v)
        if weight > 0.0:
            factor = np.float32(weight * scale)
            values = probability[k + ck, i + ci, j + cj]
            for sensor in range(len(add_to)):
                add_to[sensor] += factor * values[sensor]


@njit(nogil=True, cache=True)
def add_direct(
    x: float,
    y: float,
    height: float,
    height_mm: Table,
    shift_mm: Table,
    probability: NDArray[np.float32],
    centre_x_mm: Table,
    centre_y_mm: Table,
    scale: float,
    add_to: NDArray[np.float32],
) -> None:
    """Add *scale* times the direct light on each sensor to *add_to*."""
    if len(probability) == 0:
        return
    if len(shift_mm) == 0:
        _add_from_grid(
            x, y, height, height_mm, probability, centre_x_mm, centre_y_mm, scale, add_to
        )
        return
    k, w = _bracket(height_mm, height)
    columns = len(centre_x_mm)
    for iy in range(len(centre_y_mm)):
        j, v = _bracket(shift_mm, abs(y - centre_y_mm[iy]))
        for ix in range(columns):
            i, u = _bracket(shift_mm, abs(x - centre_x_mm[ix]))
            first = (1.0 - u) * (
                (1.0 - v) * probability[k, i, j, 0] + v * probability[k, i, j + 1, 0]
            ) + u * ((1.0 - v) * probability[k, i + 1, j, 0] + v * probability[k, i + 1, j + 1, 0])
            second = (1.0 - u) * (
                (1.0 - v) * probability[k + 1, i, j, 0] + v * probability[k + 1, i, j + 1, 0]
            ) + u * (
                (1.0 - v) * probability[k + 1, i + 1, j, 0]
                + v * probability[k + 1, i + 1, j + 1, 0]
            )
            add_to[iy * columns + ix] += np.float32(scale * ((1.0 - w) * first + w * second))

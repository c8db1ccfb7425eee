"""The table of direct light, and the kernel that reads it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from pulsefront.simulate.light.nodes import bracket, corner_weight

__all__ = ["DirectLight", "add_direct", "no_direct_light"]

Table = NDArray[np.float64]


class DirectLight(NamedTuple):
    """Direct light on every sensor, in one of two forms.

    Attributes
    ----------
    height_mm
        Nodes: height above the exit face of the crystal.
    shift_mm
        Nodes: distance to a sensor along one axis; of size 0 where the table is a grid of
        positions.
    probability
        float32: (height, shift x, shift y, 1), the same for all sensors; or (height, x, y,
        sensor); of size 0 where direct light is left in the light map's grid.
    centre_x_mm, centre_y_mm
        Centres of the sensors' columns and rows; or the nodes of the grid of positions.
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
def _add_from_grid(
    x: float,
    y: float,
    height: float,
    direct: DirectLight,
    scale: float,
    add_to: NDArray[np.float32],
) -> None:
    k, w = bracket(direct.height_mm, height)
    i, u = bracket(direct.centre_x_mm, x)
    j, v = bracket(direct.centre_y_mm, y)
    for corner in range(8):
        weight = corner_weight(corner, w, u, v)
        if weight > 0.0:
            factor = np.float32(weight * scale)
            values = direct.probability[
                k + (corner & 1), i + ((corner >> 1) & 1), j + (corner >> 2)
            ]
            for sensor in range(len(add_to)):
                add_to[sensor] += factor * values[sensor]


@njit(nogil=True, cache=True)
def add_direct(
    x: float,
    y: float,
    height: float,
    direct: DirectLight,
    scale: float,
    add_to: NDArray[np.float32],
) -> None:
    """Add *scale* times the direct light on each sensor to *add_to*."""
    probability, shift_mm = direct.probability, direct.shift_mm
    if len(probability) == 0:
        return
    if len(shift_mm) == 0:
        _add_from_grid(x, y, height, direct, scale, add_to)
        return
    k, w = bracket(direct.height_mm, height)
    columns = len(direct.centre_x_mm)
    for iy in range(len(direct.centre_y_mm)):
        j, v = bracket(shift_mm, abs(y - direct.centre_y_mm[iy]))
        for ix in range(columns):
            i, u = bracket(shift_mm, abs(x - direct.centre_x_mm[ix]))
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

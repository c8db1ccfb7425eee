"""Kernels that read a light map between its grid positions."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from pulsefront.simulate.light.direct_table import DirectLight, add_direct
from pulsefront.simulate.light.nodes import bracket, corner_weight
from pulsefront.simulate.run.random import uniform

__all__ = [
    "MapGrid",
    "draw_photons",
    "draw_transit",
    "interpolate_many",
    "interpolate_one",
    "interpolate_transit",
    "interpolate_variance",
]

Table = NDArray[np.float64]


class MapGrid(NamedTuple):
    """The grid of a light map as the kernels read it; see `LightMap`."""

    x_mm: Table
    y_mm: Table
    z_mm: Table
    probability: NDArray[np.float32]
    transit_ns: NDArray[np.float32]


@njit(nogil=True, cache=True)
def interpolate_one(
    x: float, y: float, z: float, grid: MapGrid, scale: float, add_to: NDArray[np.float32]
) -> None:
    """Add *scale* times the interpolated probability of each sensor to *add_to*."""
    i, u = bracket(grid.x_mm, x)
    j, v = bracket(grid.y_mm, y)
    k, w = bracket(grid.z_mm, z)
    for corner in range(8):
        weight = corner_weight(corner, u, v, w)
        if weight > 0.0:
            values = grid.probability[i + (corner & 1), j + ((corner >> 1) & 1), k + (corner >> 2)]
            factor = np.float32(weight * scale)
            for sensor in range(len(add_to)):
                add_to[sensor] += factor * values[sensor]


@njit(nogil=True, cache=True)
def interpolate_transit(
    x: float, y: float, z: float, sensor: int, grid: MapGrid, result: NDArray[np.float32]
) -> None:
    """Fill *result* with the quantiles of the transit time from a position to a sensor.

    Grid positions from which no photon reached the sensor do not count.
    """
    i, u = bracket(grid.x_mm, x)
    j, v = bracket(grid.y_mm, y)
    k, w = bracket(grid.z_mm, z)
    result[:] = 0.0
    total = 0.0
    last = len(result) - 1
    for corner in range(8):
        weight = corner_weight(corner, u, v, w)
        if weight > 0.0:
            values = grid.transit_ns[
                i + (corner & 1), j + ((corner >> 1) & 1), k + (corner >> 2), sensor
            ]
            if values[last] == 0.0:
                continue
            total += weight
            factor = np.float32(weight)
            for level in range(len(result)):
                result[level] += factor * values[level]
    if 0.0 < total < 1.0:
        result /= np.float32(total)


@njit(nogil=True, cache=True)
def draw_transit(state: NDArray[np.uint64], quantiles: NDArray[np.float32]) -> float:
    """Return a transit time from its quantiles 1 − (1 − k/n)², ns."""
    level = (len(quantiles) - 1) * (1.0 - math.sqrt(uniform(state)))
    low = min(int(level), len(quantiles) - 2)
    return float(quantiles[low] + (level - low) * (quantiles[low + 1] - quantiles[low]))


@njit(nogil=True, cache=True)
def interpolate_many(
    points: Table,
    grid: MapGrid,
    direct: DirectLight,
    thickness: float,
    result: NDArray[np.float32],
) -> None:
    """Fill *result* (point, sensor) with probabilities, direct light included."""
    for n in range(len(points)):
        x, y, z = points[n, 0], points[n, 1], points[n, 2]
        result[n] = 0.0
        interpolate_one(x, y, z, grid, 1.0, result[n])
        add_direct(x, y, thickness - z, direct, 1.0, result[n])


@njit(nogil=True, cache=True)
def interpolate_variance(points: Table, grid: MapGrid, result: Table) -> None:
    """Fill *result* with the variance of interpolated shares of one photon per position."""
    for n in range(len(points)):
        i, u = bracket(grid.x_mm, points[n, 0])
        j, v = bracket(grid.y_mm, points[n, 1])
        k, w = bracket(grid.z_mm, points[n, 2])
        for corner in range(8):
            weight = corner_weight(corner, u, v, w)
            if weight > 0.0:
                for sensor in range(result.shape[1]):
                    p = grid.probability[
                        i + (corner & 1), j + ((corner >> 1) & 1), k + (corner >> 2), sensor
                    ]
                    result[n, sensor] += weight * weight * p * (1.0 - p)


@njit(nogil=True, cache=True)
def draw_photons(
    state: NDArray[np.uint64],
    points: Table,
    chances: NDArray[np.float32],
    grid: MapGrid,
    sensor: NDArray[np.int32],
    transit: Table,
) -> None:
    """Draw a photosensor, or -1, and a transit time for a photon from each of *points*.

    *chances* are the probabilities per sensor there.
    """
    quantiles = np.zeros(grid.transit_ns.shape[4], np.float32)
    for n in range(len(points)):
        left = uniform(state)
        sensor[n] = -1
        for candidate in range(chances.shape[1]):
            left -= chances[n, candidate]
            if left < 0.0:
                sensor[n] = candidate
                break
        if sensor[n] >= 0:
            x, y, z = points[n, 0], points[n, 1], points[n, 2]
            interpolate_transit(x, y, z, sensor[n], grid, quantiles)
            transit[n] = draw_transit(state, quantiles)

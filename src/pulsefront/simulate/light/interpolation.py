"""Kernels that read a light map between its grid positions."""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from pulsefront.simulate.light.direct_table import add_direct
from pulsefront.simulate.run.random import uniform

__all__ = [
    "bracket",
    "draw_photons",
    "draw_transit",
    "interpolate_many",
    "interpolate_one",
    "interpolate_transit",
    "interpolate_variance",
]

Table = NDArray[np.float64]


@njit(nogil=True, cache=True)
def bracket(nodes: Table, value: float) -> tuple[int, float]:
    """Return the node at or below *value* and the fraction of the way to the next."""
    last = len(nodes) - 1
    if value <= nodes[0]:
        return 0, 0.0
    if value >= nodes[last]:
        return last - 1, 1.0
    low, high = 0, last
    while high - low > 1:
        middle = (low + high) // 2
        if nodes[middle] <= value:
            low = middle
        else:
            high = middle
    return low, (value - nodes[low]) / (nodes[low + 1] - nodes[low])


@njit(nogil=True, cache=True)
def interpolate_one(
    x: float,
    y: float,
    z: float,
    x_mm: Table,
    y_mm: Table,
    z_mm: Table,
    probability: NDArray[np.float32],
    scale: float,
    add_to: NDArray[np.float32],
) -> None:
    """Add *scale* times the interpolated probability of each sensor to *add_to*."""
    i, u = bracket(x_mm, x)
    j, v = bracket(y_mm, y)
    k, w = bracket(z_mm, z)
    for corner in range(8):
        ci, cj, ck = corner & 1, (corner >> 1) & 1, corner >> 2
        weight = (u if ci else 1.0 - u) * (v if cj else 1.0 - v) * (w if ck else 1.0 - w)
        if weight > 0.0:
            values = probability[i + ci, j + cj, k + ck]
            factor = np.float32(weight * scale)
            for sensor in range(len(add_to)):
                add_to[sensor] += factor * values[sensor]


@njit(nogil=True, cache=True)
def interpolate_transit(
    x: float,
    y: float,
    z: float,
    sensor: int,
    x_mm: Table,
    y_mm: Table,
    z_mm: Table,
    transit_ns: NDArray[np.float32],
    result: NDArray[np.float32],
) -> None:
    """Fill *result* with the quantiles of the transit time from a place to a sensor.

    Grid positions from which no photon reached the sensor do not count.
    """
    i, u = bracket(x_mm, x)
    j, v = bracket(y_mm, y)
    k, w = bracket(z_mm, z)
    result[:] = 0.0
    total = 0.0
    last = len(result) - 1
    for corner in range(8):
        ci, cj, ck = corner & 1, (corner >> 1) & 1, corner >> 2
        weight = (u if ci else 1.0 - u) * (v if cj else 1.0 - v) * (w if ck else 1.0 - w)
        if weight > 0.0:
            values = transit_ns[i + ci, j + cj, k + ck, sensor]
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
    place = (len(quantiles) - 1) * (1.0 - math.sqrt(uniform(state)))
    low = min(int(place), len(quantiles) - 2)
    return float(quantiles[low] + (place - low) * (quantiles[low + 1] - quantiles[low]))


@njit(nogil=True, cache=True)
def interpolate_many(
    points: Table,
    result: NDArray[np.float32],
    x_mm: Table,
    y_mm: Table,
    z_mm: Table,
    probability: NDArray[np.float32],
    thickness: float,
    height_mm: Table,
    shift_mm: Table,
    direct: NDArray[np.float32],
    centre_x_mm: Table,
    centre_y_mm: Table,
) -> None:
    for n in range(len(points)):
        result[n] = 0.0
        interpolate_one(
            points[n, 0],
            points[n, 1],
            points[n, 2],
            x_mm,
            y_mm,
            z_mm,
            probability,
            1.0,
            result[n],
        )
        add_direct(
            points[n, 0],
            points[n, 1],
            thickness - points[n, 2],
            height_mm,
            shift_mm,
            direct,
            centre_x_mm,
            centre_y_mm,
            1.0,
            result[n],
        )


@njit(nogil=True, cache=True)
def interpolate_variance(
    points: Table,
    result: Table,
    x_mm: Table,
    y_mm: Table,
    z_mm: Table,
    probability: NDArray[np.float32],
) -> None:
    """Fill *result* with the variance of interpolated shares of one photon per position."""
    for n in range(len(points)):
        i, u = bracket(x_mm, points[n, 0])
        j, v = bracket(y_mm, points[n, 1])
        k, w = bracket(z_mm, points[n, 2])
        for corner in range(8):
            ci, cj, ck = corner & 1, (corner >> 1) & 1, corner >> 2
            weight = (u if ci else 1.0 - u) * (v if cj else 1.0 - v) * (w if ck else 1.0 - w)
            if weight > 0.0:
                for sensor in range(result.shape[1]):
                    p = probability[i + ci, j + cj, k + ck, sensor]
                    result[n, sensor] += weight * weight * p * (1.0 - p)


@njit(nogil=True, cache=True)
def draw_photons(
    state: NDArray[np.uint64],
    points: Table,
    chances: NDArray[np.float32],
    x_mm: Table,
    y_mm: Table,
    z_mm: Table,
    transit_ns: NDArray[np.float32],
    sensor: NDArray[np.int32],
    transit: Table,
) -> None:
    """Draw a photosensor, or -1, and a transit time for a photon from each of *points*.

    *chances* are the probabilities per sensor there.
    """
    quantiles = np.zeros(transit_ns.shape[4], np.float32)
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
            interpolate_transit(x, y, z, sensor[n], x_mm, y_mm, z_mm, transit_ns, quantiles)
            transit[n] = draw_transit(state, quantiles)

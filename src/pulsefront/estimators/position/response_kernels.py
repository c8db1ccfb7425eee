"""Loops over events for the light response: tensor-product cubic B-splines and their fit.

Splines are uniform; ``cells`` is the number of intervals per axis, ``low`` the lower corner and
``scale`` the intervals per mm. Coefficients are (spline, photosensor), splines running over x,
then y, then z.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["evaluate", "normal_equations", "refine", "responses", "splines"]

Float = NDArray[np.float64]


@njit(nogil=True, cache=True)
def splines(place: float, low: float, scale: float, cells: int, value: Float, slope: Float) -> int:
    """Fill the four cubic B-splines at *place* and their slopes per mm; return the first one."""
    u = min(max((place - low) * scale, 0.0), float(cells))
    first = min(int(u), cells - 1)
    t = u - first
    r = 1.0 - t
    value[0] = r * r * r / 6
    value[1] = (3 * t * t * t - 6 * t * t + 4) / 6
    value[2] = (3 * r * r * r - 6 * r * r + 4) / 6
    value[3] = t * t * t / 6
    slope[0] = -r * r / 2 * scale
    slope[1] = (3 * t * t - 4 * t) / 2 * scale
    slope[2] = -(3 * r * r - 4 * r) / 2 * scale
    slope[3] = t * t / 2 * scale
    return first


@njit(nogil=True, cache=True)
def active(
    place: Float,
    low: Float,
    scale: Float,
    cells: NDArray[np.int64],
    values: Float,
    slopes: Float,
    index: NDArray[np.int64],
    weights: Float,
) -> None:
    """Fill index (64,) and weights (4, 64) of the active splines: value and slope along x, y, z."""
    first = np.empty(3, np.int64)
    for axis in range(3):
        first[axis] = splines(
            place[axis], low[axis], scale[axis], cells[axis], values[axis], slopes[axis]
        )
    ny, nz = cells[1] + 3, cells[2] + 3
    k = 0
    for i in range(4):
        for j in range(4):
            row = ((first[0] + i) * ny + first[1] + j) * nz + first[2]
            for m in range(4):
                index[k] = row + m
                weights[0, k] = values[0, i] * values[1, j] * values[2, m]
                weights[1, k] = slopes[0, i] * values[1, j] * values[2, m]
                weights[2, k] = values[0, i] * slopes[1, j] * values[2, m]
                weights[3, k] = values[0, i] * values[1, j] * slopes[2, m]
                k += 1


@njit(nogil=True, cache=True)
def normal_equations(
    position: Float,
    roots: NDArray[np.float32],
    low: Float,
    scale: Float,
    cells: NDArray[np.int64],
) -> tuple[Float, Float]:
    count = (cells[0] + 3) * (cells[1] + 3) * (cells[2] + 3)
    gram = np.zeros((count, count))
    moments = np.zeros((count, roots.shape[1]))
    values, slopes = np.empty((3, 4)), np.empty((3, 4))
    index, weights = np.empty(64, np.int64), np.empty((4, 64))
    for event in range(len(position)):
        active(position[event], low, scale, cells, values, slopes, index, weights)
        for a in range(64):
            row, weight = index[a], weights[0, a]
            # The splines' indices rise, so that this fills the upper triangle.
            for b in range(a, 64):
                gram[row, index[b]] += weight * weights[0, b]
            for sensor in range(roots.shape[1]):
                moments[row, sensor] += weight * roots[event, sensor]
    return gram, moments


@njit(nogil=True, cache=True)
def responses(
    position: Float,
    coefficients: NDArray[np.float32],
    low: Float,
    scale: Float,
    cells: NDArray[np.int64],
) -> Float:
    sensors = coefficients.shape[1]
    result = np.zeros((len(position), sensors))
    values, slopes = np.empty((3, 4)), np.empty((3, 4))
    index, weights = np.empty(64, np.int64), np.empty((4, 64))
    for event in range(len(position)):
        active(position[event], low, scale, cells, values, slopes, index, weights)
        for a in range(64):
            weight = weights[0, a]
            for sensor in range(sensors):
                result[event, sensor] += weight * coefficients[index[a], sensor]
    return result


@njit(nogil=True, cache=True)
def evaluate(
    place: Float,
    roots: NDArray[np.float32],
    coefficients: NDArray[np.float32],
    low: Float,
    scale: Float,
    cells: NDArray[np.int64],
    weight: Float,
    work: NDArray[np.float32],
    gradient: Float,
    hessian: Float,
) -> float:
    """Return the weighted squares at *place*; fill their half gradient and Gauss–Newton matrix."""
    sensors = coefficients.shape[1]
    values, slopes = np.empty((3, 4)), np.empty((3, 4))
    index, weights = np.empty(64, np.int64), np.empty((4, 64))
    active(place, low, scale, cells, values, slopes, index, weights)
    work[:] = 0
    for a in range(64):
        row = index[a]
        w0, w1 = np.float32(weights[0, a]), np.float32(weights[1, a])
        w2, w3 = np.float32(weights[2, a]), np.float32(weights[3, a])
        for sensor in range(sensors):
            c = coefficients[row, sensor]
            work[0, sensor] += w0 * c
            work[1, sensor] += w1 * c
            work[2, sensor] += w2 * c
            work[3, sensor] += w3 * c
    gradient[:] = 0
    hessian[:] = 0
    squares = 0.0
    for sensor in range(sensors):
        rest = work[0, sensor] - roots[sensor]
        squares += weight[sensor] * rest * rest
        for i in range(3):
            slope = weight[sensor] * work[i + 1, sensor]
            gradient[i] += slope * rest
            for j in range(3):
                hessian[i, j] += slope * work[j + 1, sensor]
    return squares


@njit(nogil=True, cache=True)
def refine(
    roots: NDArray[np.float32],
    start: Float,
    coefficients: NDArray[np.float32],
    low: Float,
    scale: Float,
    cells: NDArray[np.int64],
    weight: Float,
    steps: int,
) -> tuple[Float, Float, Float]:
    """Levenberg–Marquardt from *start*, within the extent; one event after the other."""
    events = len(roots)
    position, covariance, squares = start.copy(), np.empty((events, 3)), np.empty(events)
    high = low + cells / scale
    work = np.empty((4, coefficients.shape[1]), np.float32)
    gradient, hessian = np.empty(3), np.empty((3, 3))
    new_gradient, new_hessian = np.empty(3), np.empty((3, 3))
    trial, unit = np.empty(3), np.eye(3)
    for event in range(events):
        place = position[event]
        here = evaluate(
            place, roots[event], coefficients, low, scale, cells, weight, work, gradient, hessian
        )
        damping = 1e-3
        for _ in range(steps):
            scaled = hessian + damping * np.diag(np.diag(hessian)) + 1e-9 * unit
            move = np.linalg.solve(scaled, gradient)
            for axis in range(3):
                trial[axis] = min(max(place[axis] - move[axis], low[axis]), high[axis])
            there = evaluate(
                trial,
                roots[event],
                coefficients,
                low,
                scale,
                cells,
                weight,
                work,
                new_gradient,
                new_hessian,
            )
            if there < here:
                small = here - there < 1e-4
                here = there
                place[:] = trial
                gradient[:] = new_gradient
                hessian[:] = new_hessian
                damping = max(damping / 5, 1e-6)
                if small:
                    break
            else:
                damping *= 8
                if damping > 1e4:
                    break
        inverse = np.linalg.inv(hessian + 1e-9 * unit)
        for axis in range(3):
            covariance[event, axis] = max(inverse[axis, axis], 0.0)
        squares[event] = here
    return position, covariance, squares

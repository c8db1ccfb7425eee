"""Loops over events for the light response: tensor-product cubic B-splines and their fit.

Splines are uniform; coefficients are (spline, photosensor), splines running over x, then y, then z.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = [
    "Descent",
    "Response",
    "Room",
    "SplineGrid",
    "evaluate",
    "normal_equations",
    "refine",
    "responses",
    "room_for",
    "splines",
]

Float = NDArray[np.float64]
Float32 = NDArray[np.float32]

VALUE = 0
ACTIVE = 64
"""Splines that are not zero at a position: four along each axis."""


class SplineGrid(NamedTuple):
    """Where the splines lie: lower corner (3,), intervals per mm (3,), intervals per axis (3,)."""

    low: Float
    scale: Float
    cells: NDArray[np.int64]


class Response(NamedTuple):
    """Response of every photosensor, and the weight of its squared residual (photosensor,)."""

    grid: SplineGrid
    coefficients: Float32
    weight: Float


class Room(NamedTuple):
    """Arrays to work in.

    ``value``, ``slope`` hold the four splines along each axis (3, 4); ``spline`` (64,) says which
    splines are active and ``weight`` (4, 64) what they are; ``light`` (4, photosensor) is the
    response. Of these two the first row is the value, the others are its slopes along x, y, z.
    """

    value: Float
    slope: Float
    spline: NDArray[np.int64]
    weight: Float
    light: Float32


class Descent(NamedTuple):
    """Half gradient (3,) and Gauss–Newton matrix (3, 3) of the weighted squares."""

    gradient: Float
    hessian: Float


@njit(nogil=True, cache=True)
def room_for(sensors: int) -> Room:
    """Return arrays to work in for so many photosensors."""
    return Room(
        np.empty((3, 4)),
        np.empty((3, 4)),
        np.empty(ACTIVE, np.int64),
        np.empty((4, ACTIVE)),
        np.empty((4, sensors), np.float32),
    )


@njit(nogil=True, cache=True)
def splines(
    position: float, low: float, scale: float, cells: int, value: Float, slope: Float
) -> int:
    """Fill the four cubic B-splines at *position* and their slopes per mm; return the first one."""
    u = min(max((position - low) * scale, 0.0), float(cells))
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
def activate(position: Float, grid: SplineGrid, room: Room) -> None:
    """Fill which splines are active at *position*, and what they are."""
    first = np.empty(3, np.int64)
    for axis in range(3):
        first[axis] = splines(
            position[axis],
            grid.low[axis],
            grid.scale[axis],
            grid.cells[axis],
            room.value[axis],
            room.slope[axis],
        )
    ny, nz = grid.cells[1] + 3, grid.cells[2] + 3
    value, slope, weight, spline = room.value, room.slope, room.weight, room.spline
    k = 0
    for i in range(4):
        for j in range(4):
            row = ((first[0] + i) * ny + first[1] + j) * nz + first[2]
            for m in range(4):
                spline[k] = row + m
                weight[VALUE, k] = value[0, i] * value[1, j] * value[2, m]
                weight[1, k] = slope[0, i] * value[1, j] * value[2, m]
                weight[2, k] = value[0, i] * slope[1, j] * value[2, m]
                weight[3, k] = value[0, i] * value[1, j] * slope[2, m]
                k += 1


@njit(nogil=True, cache=True)
def normal_equations(position: Float, roots: Float32, grid: SplineGrid) -> tuple[Float, Float]:
    """Return the upper triangle of (spline, spline) products, and those with the roots."""
    cells = grid.cells
    count = (cells[0] + 3) * (cells[1] + 3) * (cells[2] + 3)
    gram = np.zeros((count, count))
    moments = np.zeros((count, roots.shape[1]))
    room = room_for(0)
    for event in range(len(position)):
        activate(position[event], grid, room)
        for a in range(ACTIVE):
            row, weight = room.spline[a], room.weight[VALUE, a]
            # The splines' indices rise, so that this fills the upper triangle.
            for b in range(a, ACTIVE):
                gram[row, room.spline[b]] += weight * room.weight[VALUE, b]
            for sensor in range(roots.shape[1]):
                moments[row, sensor] += weight * roots[event, sensor]
    return gram, moments


@njit(nogil=True, cache=True)
def responses(position: Float, coefficients: Float32, grid: SplineGrid) -> Float:
    """Return the response at each position, (position, photosensor)."""
    sensors = coefficients.shape[1]
    result = np.zeros((len(position), sensors))
    room = room_for(0)
    for event in range(len(position)):
        activate(position[event], grid, room)
        for a in range(ACTIVE):
            weight = room.weight[VALUE, a]
            for sensor in range(sensors):
                result[event, sensor] += weight * coefficients[room.spline[a], sensor]
    return result


@njit(nogil=True, cache=True)
def evaluate(
    position: Float, roots: Float32, response: Response, room: Room, descent: Descent
) -> float:
    """Return the weighted squares at *position*; fill their descent."""
    activate(position, response.grid, room)
    _light_at(response.coefficients, room)
    light, weight = room.light, response.weight
    gradient, hessian = descent
    gradient[:] = 0
    hessian[:] = 0
    squares = 0.0
    for sensor in range(len(roots)):
        rest = light[VALUE, sensor] - roots[sensor]
        squares += weight[sensor] * rest * rest
        for i in range(3):
            steep = weight[sensor] * light[i + 1, sensor]
            gradient[i] += steep * rest
            for j in range(3):
                hessian[i, j] += steep * light[j + 1, sensor]
    return squares


@njit(nogil=True, cache=True)
def _light_at(coefficients: Float32, room: Room) -> None:
    """Fill the response from the active splines."""
    light, weight = room.light, room.weight
    light[:] = 0
    for a in range(ACTIVE):
        row = room.spline[a]
        value, dx = np.float32(weight[VALUE, a]), np.float32(weight[1, a])
        dy, dz = np.float32(weight[2, a]), np.float32(weight[3, a])
        for sensor in range(light.shape[1]):
            c = coefficients[row, sensor]
            light[VALUE, sensor] += value * c
            light[1, sensor] += dx * c
            light[2, sensor] += dy * c
            light[3, sensor] += dz * c


@njit(nogil=True, cache=True)
def refine(
    roots: Float32, start: Float, response: Response, steps: int
) -> tuple[Float, Float, Float]:
    """Levenberg–Marquardt from *start*, within the extent; one event after the other.

    Returns positions (event, 3), their variances (event, 3) and the weighted squares (event,).
    """
    grid = response.grid
    events = len(roots)
    position, variance, squares = start.copy(), np.empty((events, 3)), np.empty(events)
    high = grid.low + grid.cells / grid.scale
    room = room_for(roots.shape[1])
    descent = Descent(np.empty(3), np.empty((3, 3)))
    ahead = Descent(np.empty(3), np.empty((3, 3)))
    trial, unit = np.empty(3), np.eye(3)
    for event in range(events):
        current = position[event]
        here = evaluate(current, roots[event], response, room, descent)
        damping = 1e-3
        for _ in range(steps):
            diagonal = np.diag(np.diag(descent.hessian))
            scaled = descent.hessian + damping * diagonal + 1e-9 * unit
            move = np.linalg.solve(scaled, descent.gradient)
            for axis in range(3):
                trial[axis] = min(max(current[axis] - move[axis], grid.low[axis]), high[axis])
            there = evaluate(trial, roots[event], response, room, ahead)
            if there < here:
                small = here - there < 1e-4
                here = there
                current[:] = trial
                descent.gradient[:] = ahead.gradient
                descent.hessian[:] = ahead.hessian
                damping = max(damping / 5, 1e-6)
                if small:
                    break
            else:
                damping *= 8
                if damping > 1e4:
                    break
        inverse = np.linalg.inv(descent.hessian + 1e-9 * unit)
        for axis in range(3):
            variance[event, axis] = max(inverse[axis, axis], 0.0)
        squares[event] = here
    return position, variance, squares

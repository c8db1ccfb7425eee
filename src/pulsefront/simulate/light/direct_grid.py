"""Direct light by rays: of slabs, pixels and round sensors, on a fine grid of places.

Rays leave each place in directions of equal solid angle within the cone that can pass the exit
face. They are mirrored by polished sides as long as these reflect totally, refracted by every
boundary and weighted by what passes: no random number is drawn.
"""

from __future__ import annotations

import math
from concurrent.futures import Executor

import numpy as np
from numba import njit
from numpy.typing import NDArray

from pulsefront.detector import Detector
from pulsefront.simulate.light.direct_table import DirectLight
from pulsefront.simulate.light.grid import independent_columns, lateral_nodes, mirrored
from pulsefront.simulate.light.surfaces import fresnel_reflectance, mirrors_below
from pulsefront.simulate.light.world import (
    ABSORPTION,
    COUNT_X,
    COUNT_Y,
    HALF_X,
    HALF_Y,
    INDEX,
    PITCH_X,
    PITCH_Y,
    SCATTER,
    TOP,
    WIDTH_X,
    WIDTH_Y,
    element_at,
    optical_world,
    sensor_at,
)
from pulsefront.simulate.run.shards import run_shards

__all__ = ["gridded"]

_RAYS = 8192
_HEIGHTS = 28
_SMALLEST_PITCH_MM = 0.2
_MOST_NODES = 160
_ACROSS_ELEMENT = 8
_GOLDEN = 0.6180339887498949
Table = NDArray[np.float64]


def gridded(detector: Detector, *, executor: Executor | None = None) -> DirectLight:
    """Return direct light on a grid of places, finer the thinner the layers are.

    What a sensor sees changes over the height of the place above it: at least the thickness of
    the layers, an eighth of which is the pitch. Across narrow elements mirrors even it out.
    """
    crystal, world = detector.crystal, optical_world(detector)
    depth = sum(layer.size_mm[2] for layer in detector.layers)
    axes = []
    for axis in (0, 1):
        size, count = crystal.size_mm[axis], crystal.elements[axis]
        pitch = max(depth / 8, _SMALLEST_PITCH_MM, size / _MOST_NODES)
        if count > 1:
            pitch = max(pitch, size / count / _ACROSS_ELEMENT)
        axes.append(lateral_nodes(size, count, crystal.gap_mm, pitch))
    x_mm, y_mm = axes
    softening = max(0.2, depth / 4)
    thickness = crystal.size_mm[2]
    height_mm = np.geomspace(softening, thickness + softening, _HEIGHTS) - softening
    columns = independent_columns(detector, len(x_mm), len(y_mm))
    arrays = (world.slabs, world.surfaces, world.sensors, _directions(world.slabs))
    shards = [(x_mm[c.i], y_mm[c.j], height_mm, *arrays) for c in columns]
    found = run_shards(_column, shards, executor=executor)
    table = mirrored(columns, found, len(x_mm), len(y_mm))
    probability = np.ascontiguousarray(np.moveaxis(table, 2, 0))
    return DirectLight(height_mm, np.zeros(0), probability, x_mm, y_mm)


def _directions(slabs: Table) -> Table:
    """Return (ray, 3 + slab): what passes the boundaries, dx and dy, and way per height in each.

    Directions lie on a spiral of equal solid angles; ways are lateral, in units of dx and dy.
    """
    index = slabs[:, INDEX]
    least = index.min() / index[0]
    critical = math.sqrt(max(0.0, 1.0 - least * least))
    ray = np.arange(_RAYS)
    cosine = critical + (1.0 - critical) * (ray + 0.5) / _RAYS
    sine = np.sqrt(1.0 - cosine**2)
    phi = 2.0 * math.pi * ((ray * _GOLDEN) % 1.0)
    passed = np.full(_RAYS, 0.5 * (1.0 - critical) / _RAYS)
    ways, below = [], cosine
    for slab in range(len(slabs)):
        inside = np.sqrt(np.maximum(1.0 - (sine * index[0] / index[slab]) ** 2, 1e-12))
        ways.append(index[0] / index[slab] / inside)
        if slab > 0:
            height = slabs[slab, TOP] - slabs[slab - 1, TOP]
            passed *= np.exp(-height / inside * (slabs[slab, ABSORPTION] + slabs[slab, SCATTER]))
            reflected = [
                fresnel_reflectance(index[slab - 1], index[slab], c) for c in below.tolist()
            ]
            passed *= 1.0 - np.array(reflected)
        below = inside
    return np.stack([passed, sine * np.cos(phi), sine * np.sin(phi), *ways], axis=1)


def _column(
    x: float,
    y: float,
    height_mm: Table,
    slabs: Table,
    surfaces: Table,
    sensors: Table,
    directions: Table,
) -> NDArray[np.float32]:
    """Return direct light (height, sensor) above one place of the exit face."""
    result = np.zeros((len(height_mm), int(sensors[0] * sensors[1])))
    for k, height in enumerate(np.clip(height_mm, 1e-6, slabs[0, TOP] - 1e-3)):
        _rays(x, y, height, slabs, surfaces, sensors, directions, result[k])
    return result.astype(np.float32)


@njit(nogil=True, cache=True, error_model="numpy")
def _mirrored(
    at: float, way: float, low: float, high: float, square: float, mirrors: float
) -> tuple[float, float]:
    """Return where a ray gets to between two mirrors, and its side; 0 where it is not mirrored."""
    to = at + way
    if low <= to <= high:
        return to, 1.0
    if square > mirrors:
        return to, 0.0
    width = high - low
    periods = math.floor((to - low) / width)
    along = to - low - periods * width
    if periods % 2 == 0:
        return low + along, 1.0
    return high - along, -1.0


@njit(nogil=True, cache=True, error_model="numpy")
def _rays(
    x: float,
    y: float,
    height: float,
    slabs: Table,
    surfaces: Table,
    sensors: Table,
    directions: Table,
    light: Table,
) -> None:
    """Add the direct light of one place on every sensor."""
    attenuation = slabs[0, ABSORPTION] + slabs[0, SCATTER]
    for ray in range(len(directions)):
        at_x, at_y = x, y
        dx, dy = directions[ray, 1], directions[ray, 2]
        inside = True
        for slab in range(len(slabs)):
            half_x, pitch_x = slabs[slab, HALF_X], slabs[slab, PITCH_X]
            half_y, pitch_y = slabs[slab, HALF_Y], slabs[slab, PITCH_Y]
            width_x, width_y = slabs[slab, WIDTH_X], slabs[slab, WIDTH_Y]
            cell_x = element_at(at_x, half_x, pitch_x, width_x, slabs[slab, COUNT_X])
            cell_y = element_at(at_y, half_y, pitch_y, width_y, slabs[slab, COUNT_Y])
            if cell_x < 0 or cell_y < 0:
                inside = False
                break
            left, front = cell_x * pitch_x - half_x, cell_y * pitch_y - half_y
            index = slabs[slab, INDEX]
            mirrors = mirrors_below(index, surfaces[slab + 1])
            ratio = (slabs[0, INDEX] / index) ** 2
            climb = height if slab == 0 else slabs[slab, TOP] - slabs[slab - 1, TOP]
            way = climb * directions[ray, 3 + slab]
            at_x, side_x = _mirrored(at_x, way * dx, left, left + width_x, ratio * dx * dx, mirrors)
            at_y, side_y = _mirrored(
                at_y, way * dy, front, front + width_y, ratio * dy * dy, mirrors
            )
            if side_x == 0.0 or side_y == 0.0:
                inside = False
                break
            dx, dy = dx * side_x, dy * side_y
        if inside:
            sensor = sensor_at(at_x, at_y, sensors)
            if sensor >= 0:
                light[sensor] += directions[ray, 0] * math.exp(
                    -height * directions[ray, 3] * attenuation
                )

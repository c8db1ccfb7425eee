"""Direct light by rays: of slabs, pixels and round sensors, on a fine grid of positions.

Rays leave each position in directions of equal solid angle within the cone that can pass the exit
face. They are mirrored by polished sides as long as these reflect totally, refracted by every
boundary and weighted by what passes: no random number is drawn.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from concurrent.futures import Executor
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from pulsefront.detector import Detector
from pulsefront.simulate.light.direct_table import DirectLight
from pulsefront.simulate.light.grid import lateral_nodes
from pulsefront.simulate.light.surfaces import Face, fresnel_reflectance, mirrors_below
from pulsefront.simulate.light.symmetry import symmetry_of
from pulsefront.simulate.light.world import (
    Plane,
    Slab,
    element_at,
    optical_world,
    sensor_at,
    shifted_planes,
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


class _Rays(NamedTuple):
    """Directions of equal solid angle within the cone that can pass the exit face.

    Attributes
    ----------
    passed
        (ray,): share of all light that is in it, times what passes the boundaries and layers.
    dx, dy
        (ray,): direction in the crystal.
    way
        (ray, slab): way along per height in each slab, sideways in units of dx and dy.
    """

    passed: Table
    dx: Table
    dy: Table
    way: Table


def gridded(detector: Detector, *, executor: Executor | None = None) -> DirectLight:
    """Return direct light on a grid of positions, finer the thinner the layers are.

    What a sensor sees changes over the height of the position above it: at least the thickness of
    the layers, an eighth of which is the pitch. Across narrow elements mirrors even it out.
    """
    crystal, world = detector.crystal, optical_world(detector)
    depth = sum(layer.size_mm[2] for layer in detector.layers)
    axes = []
    for axis, starts in enumerate(crystal.element_starts_mm):
        size, width = crystal.size_mm[axis], crystal.element_size_mm[axis]
        pitch = max(depth / 8, _SMALLEST_PITCH_MM, size / _MOST_NODES)
        if len(starts) > 1:
            pitch = max(pitch, width / _ACROSS_ELEMENT)
        axes.append(lateral_nodes(starts, width, pitch))
    x_mm, y_mm = axes
    softening = max(0.2, depth / 4)
    thickness = crystal.size_mm[2]
    height_mm = np.geomspace(softening, thickness + softening, _HEIGHTS) - softening
    symmetry = symmetry_of(detector, len(x_mm), len(y_mm))
    planes = shifted_planes(world.plane, symmetry.offsets_mm)
    optics = (world.slabs, world.faces, planes, _rays(world.slabs))
    shards = [(x_mm[c.i], y_mm[c.j], height_mm, *optics) for c in symmetry.columns]
    table = symmetry.unfolded(run_shards(_column, shards, executor=executor))
    probability = np.ascontiguousarray(np.moveaxis(table, 2, 0))
    return DirectLight(height_mm, np.zeros(0), probability, x_mm, y_mm)


def _rays(slabs: Sequence[Slab]) -> _Rays:
    """Return the rays; their directions lie on a spiral."""
    crystal = slabs[0]
    least = min(slab.refractive_index for slab in slabs) / crystal.refractive_index
    critical = math.sqrt(max(0.0, 1.0 - least * least))
    ray = np.arange(_RAYS)
    cosine = critical + (1.0 - critical) * (ray + 0.5) / _RAYS
    sine = np.sqrt(1.0 - cosine**2)
    phi = 2.0 * math.pi * ((ray * _GOLDEN) % 1.0)
    passed = np.full(_RAYS, 0.5 * (1.0 - critical) / _RAYS)
    ways, below, before = [], cosine, crystal
    for k, slab in enumerate(slabs):
        inside = np.sqrt(
            np.maximum(1.0 - (sine * crystal.refractive_index / slab.refractive_index) ** 2, 1e-12)
        )
        ways.append(crystal.refractive_index / slab.refractive_index / inside)
        if k > 0:
            height = slab.top_mm - before.top_mm
            passed *= np.exp(-height / inside * (slab.absorbed_per_mm + slab.scattered_per_mm))
            passed *= 1.0 - np.array(
                [
                    fresnel_reflectance(before.refractive_index, slab.refractive_index, c)
                    for c in below.tolist()
                ]
            )
        below, before = inside, slab
    return _Rays(passed, sine * np.cos(phi), sine * np.sin(phi), np.stack(ways, axis=1))


def _column(
    x: float,
    y: float,
    height_mm: Table,
    slabs: Sequence[Slab],
    faces: Sequence[Face],
    planes: Sequence[Plane],
    rays: _Rays,
) -> NDArray[np.float32]:
    """Return direct light (plane, height, sensor) above one position of the exit face."""
    plane = planes[0]
    result = np.zeros((len(planes), len(height_mm), plane.columns * plane.rows))
    for k, height in enumerate(np.clip(height_mm, 1e-6, slabs[0].top_mm - 1e-3)):
        _follow_rays(x, y, height, slabs, faces, planes, rays, result[:, k])
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
def _follow_rays(
    x: float,
    y: float,
    height: float,
    slabs: Sequence[Slab],
    faces: Sequence[Face],
    planes: Sequence[Plane],
    rays: _Rays,
    light: Table,
) -> None:
    """Add the direct light of one position to *light* (plane, sensor)."""
    crystal = slabs[0]
    attenuation = crystal.absorbed_per_mm + crystal.scattered_per_mm
    for ray in range(len(rays.passed)):
        at_x, at_y = x, y
        dx, dy = rays.dx[ray], rays.dy[ray]
        inside = True
        for k in range(len(slabs)):
            slab = slabs[k]
            column = element_at(
                at_x, slab.half_x_mm, slab.pitch_x_mm, slab.width_x_mm, slab.columns
            )
            row = element_at(at_y, slab.half_y_mm, slab.pitch_y_mm, slab.width_y_mm, slab.rows)
            if column < 0 or row < 0:
                inside = False
                break
            left = column * slab.pitch_x_mm - slab.half_x_mm
            front = row * slab.pitch_y_mm - slab.half_y_mm
            mirrors = mirrors_below(slab.refractive_index, faces[k + 1])
            ratio = (crystal.refractive_index / slab.refractive_index) ** 2
            climb = height if k == 0 else slab.top_mm - slabs[k - 1].top_mm
            way = climb * rays.way[ray, k]
            at_x, side_x = _mirrored(
                at_x, way * dx, left, left + slab.width_x_mm, ratio * dx * dx, mirrors
            )
            at_y, side_y = _mirrored(
                at_y, way * dy, front, front + slab.width_y_mm, ratio * dy * dy, mirrors
            )
            if side_x == 0.0 or side_y == 0.0:
                inside = False
                break
            dx, dy = dx * side_x, dy * side_y
        if inside:
            share = rays.passed[ray] * math.exp(-height * rays.way[ray, 0] * attenuation)
            for p in range(len(planes)):
                sensor = sensor_at(at_x, at_y, planes[p])
                if sensor >= 0:
                    light[p, sensor] += share

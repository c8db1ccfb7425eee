"""A detector as the arrays that the kernels of the optical transport read."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from pulsefront.detector import Detector
from pulsefront.simulate.light.surfaces import surface_row

__all__ = ["OpticalWorld", "element_at", "optical_world", "sensor_at"]

# Columns of the slabs, then of the sensors.
BOTTOM, TOP, INDEX, GROUP, ABSORPTION, SCATTER = range(6)
HALF_X, HALF_Y, PITCH_X, PITCH_Y, WIDTH_X, WIDTH_Y, COUNT_X, COUNT_Y = range(6, 14)
(
    _GRID_X,
    _GRID_Y,
    _SENSOR_PITCH_X,
    _SENSOR_PITCH_Y,
    _ACTIVE,
    _ROUND,
    GAP_REFLECTIVITY,
    _OFFSET_X,
    _OFFSET_Y,
) = range(9)
Table = NDArray[np.float64]


@dataclass(frozen=True)
class OpticalWorld:
    """A detector as the arrays that the kernels read.

    Attributes
    ----------
    slabs
        (slab, 14): z range, refractive and group index, attenuation per mm by absorption and
        scattering, and the lattice of elements in x and y.
    surfaces
        (slab + 1, 7): the entrance face, then the sides of each slab; see `surface_row`.
    sensors
        (9,): grid, pitch, active size, shape, reflectivity of the gaps, offset.
    """

    slabs: Table
    surfaces: Table
    sensors: Table


def optical_world(detector: Detector) -> OpticalWorld:
    """Return the arrays for tracing light in *detector*."""
    crystal, material = detector.crystal, detector.material
    scatter = 1.0 / material.scatter_length_mm if material.scatter_length_mm else 0.0
    group = material.group_index or material.refractive_index
    slabs = [
        [
            0.0,
            crystal.size_mm[2],
            material.refractive_index,
            group,
            1.0 / material.absorption_length_mm,
            scatter,
            *_lattice(crystal.size_mm, crystal.elements, crystal.gap_mm),
        ]
    ]
    surfaces = [surface_row(crystal.entrance), surface_row(crystal.sides)]
    z = crystal.size_mm[2]
    for layer in detector.layers:
        index = layer.refractive_index
        lattice = _lattice(layer.size_mm, (1, 1), 0.0)
        absorption = 1.0 / layer.absorption_length_mm
        slabs.append([z, z + layer.size_mm[2], index, index, absorption, 0.0, *lattice])
        surfaces.append(surface_row(layer.sides))
        z += layer.size_mm[2]
    plane = detector.sensors
    sensors = np.array(
        [
            *plane.grid,
            *plane.pitch_mm,
            plane.active_mm,
            float(plane.shape == "round"),
            plane.gap_reflectivity,
            *plane.offset_mm,
        ],
        np.float64,
    )
    return OpticalWorld(np.array(slabs, np.float64), np.array(surfaces), sensors)


def _lattice(
    size_mm: tuple[float, float, float], elements: tuple[int, int], gap_mm: float
) -> list[float]:
    halves = [size_mm[0] / 2, size_mm[1] / 2]
    pitches = [(size_mm[axis] + gap_mm) / elements[axis] for axis in (0, 1)]
    widths = [pitch - gap_mm for pitch in pitches]
    return [*halves, *pitches, *widths, float(elements[0]), float(elements[1])]


@njit(nogil=True, cache=True, error_model="numpy")
def element_at(x: float, half: float, pitch: float, width: float, count: float) -> int:
    """Return which element *x* lies in, or -1 for a gap or the outside."""
    along = x + half
    if count == 1.0:
        return 0 if 0.0 <= along <= width else -1
    if along < 0.0:
        return -1
    cell = int(along / pitch)
    if cell >= count or along - cell * pitch > width:
        return -1
    return cell


@njit(nogil=True, cache=True, error_model="numpy")
def sensor_at(x: float, y: float, sensors: Table) -> int:
    """Return the photosensor at a point of their plane, or -1."""
    nx, ny = sensors[_GRID_X], sensors[_GRID_Y]
    px, py = sensors[_SENSOR_PITCH_X], sensors[_SENSOR_PITCH_Y]
    x, y = x - sensors[_OFFSET_X], y - sensors[_OFFSET_Y]
    ix = math.floor(x / px + 0.5 * nx)
    iy = math.floor(y / py + 0.5 * ny)
    if ix < 0 or iy < 0 or ix >= nx or iy >= ny:
        return -1
    dx = x - (ix + 0.5 - 0.5 * nx) * px
    dy = y - (iy + 0.5 - 0.5 * ny) * py
    radius = 0.5 * sensors[_ACTIVE]
    if sensors[_ROUND] != 0.0:
        inside = dx * dx + dy * dy <= radius * radius
    else:
        inside = abs(dx) <= radius and abs(dy) <= radius
    return int(iy * nx + ix) if inside else -1

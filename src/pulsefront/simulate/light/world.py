"""A detector as the records that the kernels of the optical transport read."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from pulsefront.detector import Detector, OpticalLayer, SensorPlane
from pulsefront.files import hash_json
from pulsefront.simulate.light.surfaces import Face, face_of
from pulsefront.simulate.records import record_array, typed

__all__ = [
    "OpticalWorld",
    "Plane",
    "Slab",
    "element_at",
    "optical_hash",
    "optical_world",
    "plane_of",
    "sensor_at",
    "shifted_planes",
]


class Slab(NamedTuple):
    """The crystal or a layer: its range in z, its optics, and its lattice of elements.

    Elements begin at ``-half + k · pitch`` and are as long as the width; the rest up to the next
    is gap. Attenuation is by absorption and by scattering in the bulk.
    """

    bottom_mm: float
    top_mm: float
    refractive_index: float
    group_index: float
    absorbed_per_mm: float
    scattered_per_mm: float
    half_x_mm: float
    half_y_mm: float
    pitch_x_mm: float
    pitch_y_mm: float
    width_x_mm: float
    width_y_mm: float
    columns: int
    rows: int


class Plane(NamedTuple):
    """The plane of the photosensors."""

    columns: int
    rows: int
    pitch_x_mm: float
    pitch_y_mm: float
    active_mm: float
    is_round: int
    gap_reflectivity: float
    offset_x_mm: float
    offset_y_mm: float


class OpticalWorld(NamedTuple):
    """A detector as the kernels read it.

    Attributes
    ----------
    slabs
        The crystal, then the layers.
    faces
        The entrance face, then the sides of each slab.
    plane
        Where the photosensors are.
    """

    slabs: Sequence[Slab]
    faces: Sequence[Face]
    plane: Plane


def optical_world(detector: Detector) -> OpticalWorld:
    """Return the records for tracing light in *detector*."""
    crystal, material = detector.crystal, detector.material
    bounds = [float(z) for z in detector.boundaries_mm]
    slabs = [
        Slab(
            bounds[0],
            bounds[1],
            refractive_index=material.refractive_index,
            group_index=material.group_index or material.refractive_index,
            absorbed_per_mm=1.0 / material.absorption_length_mm,
            scattered_per_mm=1.0 / material.scatter_length_mm
            if material.scatter_length_mm
            else 0.0,
            half_x_mm=crystal.size_mm[0] / 2,
            half_y_mm=crystal.size_mm[1] / 2,
            pitch_x_mm=crystal.element_pitch_mm[0],
            pitch_y_mm=crystal.element_pitch_mm[1],
            width_x_mm=crystal.element_size_mm[0],
            width_y_mm=crystal.element_size_mm[1],
            columns=crystal.elements[0],
            rows=crystal.elements[1],
        )
    ]
    for layer, bottom, top in zip(detector.layers, bounds[1:-1], bounds[2:], strict=True):
        slabs.append(_clear_slab(layer, bottom, top))
    faces = [crystal.entrance, crystal.sides, *(layer.sides for layer in detector.layers)]
    return OpticalWorld(
        record_array(Slab, slabs),
        record_array(Face, [face_of(surface) for surface in faces]),
        plane_of(detector.sensors),
    )


def _clear_slab(layer: OpticalLayer, bottom_mm: float, top_mm: float) -> Slab:
    size_x, size_y, _ = layer.size_mm
    return Slab(
        bottom_mm,
        top_mm,
        refractive_index=layer.refractive_index,
        group_index=layer.refractive_index,
        absorbed_per_mm=1.0 / layer.absorption_length_mm,
        scattered_per_mm=0.0,
        half_x_mm=size_x / 2,
        half_y_mm=size_y / 2,
        pitch_x_mm=size_x,
        pitch_y_mm=size_y,
        width_x_mm=size_x,
        width_y_mm=size_y,
        columns=1,
        rows=1,
    )


def plane_of(sensors: SensorPlane) -> Plane:
    """Return the record of a plane of photosensors."""
    return typed(
        Plane(
            *sensors.grid,
            *sensors.pitch_mm,
            active_mm=sensors.active_mm,
            is_round=int(sensors.shape == "round"),
            gap_reflectivity=sensors.gap_reflectivity,
            offset_x_mm=sensors.offset_mm[0],
            offset_y_mm=sensors.offset_mm[1],
        )
    )


def shifted_planes(plane: Plane, offsets_mm: NDArray[np.float64]) -> Sequence[Plane]:
    """Return *plane* at each of *offsets_mm* (offset, 2) in the place of its own."""
    return record_array(
        Plane, [plane._replace(offset_x_mm=x, offset_y_mm=y) for x, y in offsets_mm.tolist()]
    )


def optical_hash(detector: Detector) -> str:
    """Return the SHA-256 of all that the way of light in *detector* depends on."""
    world = optical_world(detector)
    tables = [[[float(value) for value in row] for row in rows] for rows in world[:2]]
    return hash_json([*tables, [float(value) for value in world.plane]])


@njit(nogil=True, cache=True, error_model="numpy")
def element_at(x: float, half: float, pitch: float, width: float, count: int) -> int:
    """Return which element *x* lies in, or -1 for a gap or the outside."""
    along = x + half
    if count == 1:
        return 0 if 0.0 <= along <= width else -1
    if along < 0.0:
        return -1
    cell = int(along / pitch)
    if cell >= count or along - cell * pitch > width:
        return -1
    return cell


@njit(nogil=True, cache=True, error_model="numpy")
def sensor_at(x: float, y: float, plane: Plane) -> int:
    """Return the photosensor at a point of their plane, or -1."""
    x, y = x - plane.offset_x_mm, y - plane.offset_y_mm
    column = math.floor(x / plane.pitch_x_mm + 0.5 * plane.columns)
    row = math.floor(y / plane.pitch_y_mm + 0.5 * plane.rows)
    if column < 0 or row < 0 or column >= plane.columns or row >= plane.rows:
        return -1
    dx = x - (column + 0.5 - 0.5 * plane.columns) * plane.pitch_x_mm
    dy = y - (row + 0.5 - 0.5 * plane.rows) * plane.pitch_y_mm
    radius = 0.5 * plane.active_mm
    if plane.is_round:
        inside = dx * dx + dy * dy <= radius * radius
    else:
        inside = abs(dx) <= radius and abs(dy) <= radius
    return row * plane.columns + column if inside else -1

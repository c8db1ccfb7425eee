"""Optical photons traced one by one through the stack of slabs to a photosensor."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from pulsefront.detector import Detector
from pulsefront.simulate.random import direction, exponential, new_state, uniform
from pulsefront.simulate.surfaces import (
    ABSORBED,
    ESCAPED,
    INSIDE,
    fresnel_reflectance,
    lambertian,
    meet_surface,
    surface_row,
)

__all__ = [
    "LIGHT_MM_PER_NS",
    "OpticalWorld",
    "collection",
    "optical_world",
    "trace_photon",
    "trace_photons",
]

LIGHT_MM_PER_NS = 299.792458

_BOTTOM, _TOP, _INDEX, _GROUP, _ABSORPTION, _SCATTER = range(6)
_HALF_X, _HALF_Y, _PITCH_X, _PITCH_Y, _WIDTH_X, _WIDTH_Y, _COUNT_X, _COUNT_Y = range(6, 14)
(
    _GRID_X,
    _GRID_Y,
    _SENSOR_PITCH_X,
    _SENSOR_PITCH_Y,
    _ACTIVE,
    _ROUND,
    _GAP_REFLECTIVITY,
    _OFFSET_X,
    _OFFSET_Y,
) = range(9)
_MAX_STEPS = 100_000
State = NDArray[np.uint64]
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
def _element(x: float, half: float, pitch: float, width: float, count: float) -> int:
    """Return which element *x* lies in, or -1 for a gap or the outside."""
    along = x + half
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


@njit(nogil=True, cache=True, error_model="numpy")
def trace_photon(
    state: State,
    x: float,
    y: float,
    z: float,
    dx: float,
    dy: float,
    dz: float,
    slabs: Table,
    surfaces: Table,
    sensors: Table,
) -> tuple[int, float, int]:
    """Follow a photon from a point of the crystal.

    Returns
    -------
    sensor, transit_ns, reflections
        The photosensor that it reaches, or `ABSORBED` or `ESCAPED`; its time on the way; how
        many faces and boundaries it met.
    """
    slab = 0
    last = slabs.shape[0] - 1
    row = slabs[0]
    cell_x = _element(x, row[_HALF_X], row[_PITCH_X], row[_WIDTH_X], row[_COUNT_X])
    cell_y = _element(y, row[_HALF_Y], row[_PITCH_Y], row[_WIDTH_Y], row[_COUNT_Y])
    if cell_x < 0 or cell_y < 0:
        return ESCAPED, 0.0, 0
    transit = 0.0
    depth = exponential(state)
    left, front = cell_x * row[_PITCH_X] - row[_HALF_X], cell_y * row[_PITCH_Y] - row[_HALF_Y]
    right, rear = left + row[_WIDTH_X], front + row[_WIDTH_Y]
    bottom, top = row[_BOTTOM], row[_TOP]
    attenuation = row[_ABSORPTION] + row[_SCATTER]
    for step in range(_MAX_STEPS):
        way_x = max(0.0, ((right if dx > 0.0 else left) - x) / dx) if dx != 0.0 else math.inf
        way_y = max(0.0, ((rear if dy > 0.0 else front) - y) / dy) if dy != 0.0 else math.inf
        way_z = max(0.0, ((top if dz > 0.0 else bottom) - z) / dz) if dz != 0.0 else math.inf
        way = min(way_x, way_y, way_z)
        if way * attenuation > depth:
            way = depth / attenuation
            transit += way * row[_GROUP] / LIGHT_MM_PER_NS
            if uniform(state) * attenuation < row[_ABSORPTION]:
                return ABSORBED, transit, step
            x, y, z = x + way * dx, y + way * dy, z + way * dz
            dx, dy, dz = direction(state)
            depth = exponential(state)
            continue
        depth -= way * attenuation
        transit += way * row[_GROUP] / LIGHT_MM_PER_NS
        x, y, z = x + way * dx, y + way * dy, z + way * dz
        status = INSIDE
        if way == way_x:
            side = 1.0 if dx > 0.0 else -1.0
            status, dy, dz, c = meet_surface(
                state, dy, dz, dx * side, row[_INDEX], surfaces[slab + 1]
            )
            dx = c * side
        elif way == way_y:
            side = 1.0 if dy > 0.0 else -1.0
            status, dz, dx, c = meet_surface(
                state, dz, dx, dy * side, row[_INDEX], surfaces[slab + 1]
            )
            dy = c * side
        elif dz > 0.0 and slab == last:
            sensor = sensor_at(x, y, sensors)
            if sensor >= 0:
                return sensor, transit, step
            if uniform(state) >= sensors[_GAP_REFLECTIVITY]:
                return ABSORBED, transit, step
            dx, dy, dz = lambertian(state)
        elif dz < 0.0 and slab == 0:
            status, dx, dy, c = meet_surface(state, dx, dy, -dz, row[_INDEX], surfaces[0])
            dz = -c
        else:
            beyond = slab + 1 if dz > 0.0 else slab - 1
            to = slabs[beyond]
            to_x = _element(x, to[_HALF_X], to[_PITCH_X], to[_WIDTH_X], to[_COUNT_X])
            to_y = _element(y, to[_HALF_Y], to[_PITCH_Y], to[_WIDTH_Y], to[_COUNT_Y])
            side = 1.0 if dz > 0.0 else -1.0
            if to_x < 0 or to_y < 0:
                # Nothing lies opposite but the reflector between elements or around the slab.
                status, dx, dy, c = meet_surface(
                    state, dx, dy, dz * side, row[_INDEX], surfaces[beyond + 1]
                )
                dz = c * side
            elif uniform(state) < fresnel_reflectance(row[_INDEX], to[_INDEX], abs(dz)):
                dz = -dz
            else:
                ratio = row[_INDEX] / to[_INDEX]
                dx, dy = dx * ratio, dy * ratio
                dz = side * math.sqrt(max(0.0, 1.0 - dx * dx - dy * dy))
                slab, row = beyond, to
                left = to_x * row[_PITCH_X] - row[_HALF_X]
                front = to_y * row[_PITCH_Y] - row[_HALF_Y]
                right, rear = left + row[_WIDTH_X], front + row[_WIDTH_Y]
                bottom, top = row[_BOTTOM], row[_TOP]
                attenuation = row[_ABSORPTION] + row[_SCATTER]
        if status != INSIDE:
            return status, transit, step
    return ABSORBED, transit, _MAX_STEPS


@njit(nogil=True, cache=True, error_model="numpy")
def _trace_many(
    state: State,
    position_mm: Table,
    slabs: Table,
    surfaces: Table,
    sensors: Table,
    sensor: NDArray[np.int32],
    transit_ns: Table,
) -> None:
    for photon in range(len(sensor)):
        dx, dy, dz = direction(state)
        x, y, z = position_mm[photon, 0], position_mm[photon, 1], position_mm[photon, 2]
        sensor[photon], transit_ns[photon], _ = trace_photon(
            state, x, y, z, dx, dy, dz, slabs, surfaces, sensors
        )


def trace_photons(
    world: OpticalWorld, position_mm: Table, state: State
) -> tuple[NDArray[np.int32], Table]:
    """Trace one photon, emitted isotropically, from each position.

    Parameters
    ----------
    position_mm
        (photon, 3), inside the crystal.
    state
        Of `pulsefront.simulate.random.new_state`; advanced.

    Returns
    -------
    sensor, transit_ns
        (photon,) each; the sensor is -1 where the photon was absorbed and -2 where it left.
    """
    sensor = np.empty(len(position_mm), np.int32)
    transit = np.empty(len(position_mm))
    points = np.ascontiguousarray(position_mm, np.float64)
    _trace_many(state, points, world.slabs, world.surfaces, world.sensors, sensor, transit)
    return sensor, transit


def collection(detector: Detector, photons: int = 20_000) -> float:
    """Return the share of light from the middle of the central element that is collected."""
    crystal = detector.crystal
    middle = []
    for size, count in zip(crystal.size_mm[:2], crystal.elements, strict=True):
        pitch = (size + crystal.gap_mm) / count
        middle.append(-size / 2 + (count // 2) * pitch + (pitch - crystal.gap_mm) / 2)
    at = np.tile([*middle, detector.thickness_mm / 2], (photons, 1))
    sensor, _ = trace_photons(optical_world(detector), at, new_state(np.random.SeedSequence(1)))
    return float((sensor >= 0).mean())

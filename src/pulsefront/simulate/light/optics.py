"""Optical photons traced one by one through the stack of slabs to a photosensor."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from pulsefront.detector import Detector
from pulsefront.simulate.light.surfaces import (
    ABSORBED,
    ESCAPED,
    INSIDE,
    is_reflected,
    lambertian,
    meet_surface,
    mirrors_below,
)
from pulsefront.simulate.light.world import (
    ABSORPTION,
    BOTTOM,
    COUNT_X,
    COUNT_Y,
    GAP_REFLECTIVITY,
    GROUP,
    HALF_X,
    HALF_Y,
    INDEX,
    PITCH_X,
    PITCH_Y,
    SCATTER,
    TOP,
    WIDTH_X,
    WIDTH_Y,
    OpticalWorld,
    element_at,
    optical_world,
    sensor_at,
)
from pulsefront.simulate.run.random import borrowed, direction, exponential, new_state, uniform

__all__ = [
    "LIGHT_MM_PER_NS",
    "OpticalWorld",
    "collection",
    "follow_photon",
    "optical_world",
    "trace_photon",
    "trace_photons",
]

LIGHT_MM_PER_NS = 299.792458

_MAX_STEPS = 100_000
State = NDArray[np.uint64]
Table = NDArray[np.float64]


@njit(nogil=True, cache=True, error_model="numpy", inline="always")
def _row(surfaces: Table, which: int) -> Any:
    """Return a row by value: a view of the table would be counted as a reference to it."""
    return (
        surfaces[which, 0],
        surfaces[which, 1],
        surfaces[which, 2],
        surfaces[which, 3],
        surfaces[which, 4],
        surfaces[which, 5],
        surfaces[which, 6],
    )


# Inlined, so that whoever does not ask for the mirrors does not pay for counting them: a quarter.
@njit(nogil=True, cache=True, error_model="numpy", inline="always")
def follow_photon(
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
) -> tuple[int, float, int, int]:
    """Follow a photon from a point of the crystal.

    Returns
    -------
    sensor, transit_ns, steps, mirrors
        The photosensor that it reaches, or `ABSORBED` or `ESCAPED`; its time on the way; how
        often it met a face or boundary or was scattered; how often of these a polished side
        reflected it totally.
    """
    rng = borrowed(state)
    slab = 0
    last = slabs.shape[0] - 1
    half_x, pitch_x = slabs[0, HALF_X], slabs[0, PITCH_X]
    half_y, pitch_y = slabs[0, HALF_Y], slabs[0, PITCH_Y]
    width_x, width_y = slabs[0, WIDTH_X], slabs[0, WIDTH_Y]
    cell_x = element_at(x, half_x, pitch_x, width_x, slabs[0, COUNT_X])
    cell_y = element_at(y, half_y, pitch_y, width_y, slabs[0, COUNT_Y])
    if cell_x < 0 or cell_y < 0:
        return ESCAPED, 0.0, 0, 0
    transit = 0.0
    mirrors = 0
    depth = exponential(rng)
    left, front = cell_x * pitch_x - half_x, cell_y * pitch_y - half_y
    right, rear = left + width_x, front + width_y
    bottom, top = slabs[0, BOTTOM], slabs[0, TOP]
    index, attenuation = slabs[0, INDEX], slabs[0, ABSORPTION] + slabs[0, SCATTER]
    ns_per_mm = slabs[0, GROUP] / LIGHT_MM_PER_NS
    entrance = mirrors_below(index, _row(surfaces, 0))
    sides = mirrors_below(index, _row(surfaces, 1))
    per_x, per_y, per_z = 1.0 / dx, 1.0 / dy, 1.0 / dz
    for step in range(_MAX_STEPS):
        # Of a direction along an axis the other reciprocals are infinite, and so are the ways.
        way_x = (right - x) * per_x if per_x > 0.0 else (left - x) * per_x
        way_y = (rear - y) * per_y if per_y > 0.0 else (front - y) * per_y
        way_z = (top - z) * per_z if per_z > 0.0 else (bottom - z) * per_z
        way = min(way_x, way_y, way_z)
        lost = way * attenuation
        if lost > depth:
            way = depth / attenuation
            transit += way * ns_per_mm
            if uniform(rng) * attenuation < slabs[slab, ABSORPTION]:
                return ABSORBED, transit, step, mirrors
            x, y, z = x + way * dx, y + way * dy, z + way * dz
            dx, dy, dz = direction(rng)
            per_x, per_y, per_z = 1.0 / dx, 1.0 / dy, 1.0 / dz
            depth = exponential(rng)
            continue
        depth -= lost
        transit += way * ns_per_mm
        x, y, z = x + way * dx, y + way * dy, z + way * dz
        if way == way_x:
            x = right if dx > 0.0 else left
            if dx * dx <= sides:
                dx, per_x = -dx, -per_x
                mirrors += 1
                continue
            axis, which = 0, slab + 1
            a, b, c, side = dy, dz, abs(dx), dx
        elif way == way_y:
            y = rear if dy > 0.0 else front
            if dy * dy <= sides:
                dy, per_y = -dy, -per_y
                mirrors += 1
                continue
            axis, which = 1, slab + 1
            a, b, c, side = dz, dx, abs(dy), dy
        else:
            axis = 2
            a, b, c, side = dx, dy, abs(dz), dz
            if dz > 0.0 and slab == last:
                z = top
                sensor = sensor_at(x, y, sensors)
                if sensor >= 0:
                    return sensor, transit, step, mirrors
                if uniform(rng) >= sensors[GAP_REFLECTIVITY]:
                    return ABSORBED, transit, step, mirrors
                dx, dy, dz = lambertian(rng)
                per_x, per_y, per_z = 1.0 / dx, 1.0 / dy, 1.0 / dz
                continue
            if dz < 0.0 and slab == 0:
                z = bottom
                if dz * dz <= entrance:
                    dz, per_z = -dz, -per_z
                    continue
                which = 0
            else:
                z = top if dz > 0.0 else bottom
                beyond = slab + 1 if dz > 0.0 else slab - 1
                to_half_x, to_pitch_x = slabs[beyond, HALF_X], slabs[beyond, PITCH_X]
                to_half_y, to_pitch_y = slabs[beyond, HALF_Y], slabs[beyond, PITCH_Y]
                to_width_x, to_width_y = slabs[beyond, WIDTH_X], slabs[beyond, WIDTH_Y]
                to_x = element_at(x, to_half_x, to_pitch_x, to_width_x, slabs[beyond, COUNT_X])
                to_y = element_at(y, to_half_y, to_pitch_y, to_width_y, slabs[beyond, COUNT_Y])
                which = beyond + 1
                if to_x >= 0 and to_y >= 0:
                    to_index = slabs[beyond, INDEX]
                    ratio = index / to_index
                    sine_squared = ratio * ratio * (1.0 - dz * dz)
                    if sine_squared >= 1.0:
                        dz, per_z = -dz, -per_z
                        continue
                    cosine = math.sqrt(1.0 - sine_squared)
                    if is_reflected(rng, ratio, c, cosine):
                        dz, per_z = -dz, -per_z
                        continue
                    dx, dy = dx * ratio, dy * ratio
                    dz = cosine if dz > 0.0 else -cosine
                    per_x, per_y, per_z = 1.0 / dx, 1.0 / dy, 1.0 / dz
                    slab, index = beyond, to_index
                    left, front = to_x * to_pitch_x - to_half_x, to_y * to_pitch_y - to_half_y
                    right, rear = left + to_width_x, front + to_width_y
                    bottom, top = slabs[slab, BOTTOM], slabs[slab, TOP]
                    attenuation = slabs[slab, ABSORPTION] + slabs[slab, SCATTER]
                    ns_per_mm = slabs[slab, GROUP] / LIGHT_MM_PER_NS
                    sides = mirrors_below(index, _row(surfaces, slab + 1))
                    continue
                # Nothing lies opposite but the reflector between elements or around the slab.
        status, a, b, c = meet_surface(rng, a, b, c, index, _row(surfaces, which))
        if status != INSIDE:
            return status, transit, step, mirrors
        c = c if side > 0.0 else -c
        if axis == 0:
            dx, dy, dz = c, a, b
        elif axis == 1:
            dx, dy, dz = b, c, a
        else:
            dx, dy, dz = a, b, c
        per_x, per_y, per_z = 1.0 / dx, 1.0 / dy, 1.0 / dz
    return ABSORBED, transit, _MAX_STEPS, mirrors


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
    """Follow a photon from a point of the crystal; return sensor, transit_ns and steps.

    As `follow_photon`, which tells more.
    """
    sensor, transit, steps, _ = follow_photon(state, x, y, z, dx, dy, dz, slabs, surfaces, sensors)
    return sensor, transit, steps


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
        Of `pulsefront.simulate.run.random.new_state`; advanced.

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
    at = np.tile([*detector.crystal.central_element_mm, detector.thickness_mm / 2], (photons, 1))
    sensor, _ = trace_photons(optical_world(detector), at, new_state(np.random.SeedSequence(1)))
    return float((sensor >= 0).mean())

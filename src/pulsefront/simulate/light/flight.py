"""The flight of one optical photon through the stack of slabs, to the plane of the photosensors."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from pulsefront.simulate.constants import LIGHT_MM_PER_NS
from pulsefront.simulate.light.surfaces import (
    ABSORBED,
    ESCAPED,
    INSIDE,
    Face,
    is_reflected,
    lambertian,
    meet_surface,
    mirrors_below,
)
from pulsefront.simulate.light.world import Slab, element_at
from pulsefront.simulate.run.random import direction, exponential, uniform

__all__ = ["AT_SENSORS", "FLYING", "Photon", "beside_sensors", "emitted", "fly"]

FLYING, AT_SENSORS = 1, 2
_MAX_STEPS = 100_000
_WALL, _MIRROR, _WINDOW = range(3)
State = NDArray[np.uint64]


class Photon(NamedTuple):
    """A photon between two flights.

    Attributes
    ----------
    status
        `FLYING`, `AT_SENSORS`, `ABSORBED` or `ESCAPED`.
    x, y, z, dx, dy, dz
        Place in mm and direction.
    slab, left, front
        Which slab it is in, and where the element that it is in begins, mm.
    depth
        Optical depth that it can still go before it is absorbed or scattered in the bulk.
    transit_ns, steps, mirrors
        Its time on the way; how often it met a face or boundary or was scattered; how often of
        these a polished side reflected it totally.
    """

    status: int
    x: float
    y: float
    z: float
    dx: float
    dy: float
    dz: float
    slab: int
    left: float
    front: float
    depth: float
    transit_ns: float
    steps: int
    mirrors: int


class _Cell(NamedTuple):
    """The element of a slab that a photon is in.

    ``sides`` is the squared cosine up to which its walls reflect all light like mirrors.
    """

    left: float
    right: float
    front: float
    rear: float
    bottom: float
    top: float
    refractive_index: float
    attenuation: float
    ns_per_mm: float
    sides: float


@njit(nogil=True, cache=True, error_model="numpy", inline="always")
def _cell(slab: Slab, side: Face, left: float, front: float) -> _Cell:
    return _Cell(
        left,
        left + slab.width_x_mm,
        front,
        front + slab.width_y_mm,
        slab.bottom_mm,
        slab.top_mm,
        slab.refractive_index,
        slab.absorbed_per_mm + slab.scattered_per_mm,
        slab.group_index / LIGHT_MM_PER_NS,
        mirrors_below(slab.refractive_index, side),
    )


@njit(nogil=True, cache=True, error_model="numpy", inline="always")
def emitted(
    rng: State,
    x: float,
    y: float,
    z: float,
    dx: float,
    dy: float,
    dz: float,
    slabs: Sequence[Slab],
) -> Photon:
    """Return a photon that sets out from a point of the crystal; from a gap it escapes at once."""
    crystal = slabs[0]
    column = element_at(
        x, crystal.half_x_mm, crystal.pitch_x_mm, crystal.width_x_mm, crystal.columns
    )
    row = element_at(y, crystal.half_y_mm, crystal.pitch_y_mm, crystal.width_y_mm, crystal.rows)
    if column < 0 or row < 0:
        return Photon(ESCAPED, x, y, z, dx, dy, dz, 0, 0.0, 0.0, 0.0, 0.0, 0, 0)
    left = column * crystal.pitch_x_mm - crystal.half_x_mm
    front = row * crystal.pitch_y_mm - crystal.half_y_mm
    depth = exponential(rng)
    return Photon(FLYING, x, y, z, dx, dy, dz, 0, left, front, depth, 0.0, 0, 0)


@njit(nogil=True, cache=True, error_model="numpy", inline="always")
def _meet_boundary(
    rng: State, x: float, y: float, dz: float, index: float, beyond: Slab
) -> tuple[int, float, float, float, float]:
    """Return what a photon meets at the boundary to another slab.

    `_WALL` where no element lies opposite but the reflector between elements or around the slab;
    `_MIRROR` where it is reflected; else `_WINDOW`, the ratio of the refractive indices, the
    cosine of the refracted direction, and where the element opposite begins in x and y.
    """
    column = element_at(x, beyond.half_x_mm, beyond.pitch_x_mm, beyond.width_x_mm, beyond.columns)
    row = element_at(y, beyond.half_y_mm, beyond.pitch_y_mm, beyond.width_y_mm, beyond.rows)
    if column < 0 or row < 0:
        return _WALL, 0.0, 0.0, 0.0, 0.0
    ratio = index / beyond.refractive_index
    sine_squared = ratio * ratio * (1.0 - dz * dz)
    if sine_squared >= 1.0:
        return _MIRROR, 0.0, 0.0, 0.0, 0.0
    cosine = math.sqrt(1.0 - sine_squared)
    if is_reflected(rng, ratio, abs(dz), cosine):
        return _MIRROR, 0.0, 0.0, 0.0, 0.0
    left = column * beyond.pitch_x_mm - beyond.half_x_mm
    front = row * beyond.pitch_y_mm - beyond.half_y_mm
    return _WINDOW, ratio, cosine, left, front


# Inlined, so that whoever does not ask for the mirrors does not pay for counting them: a quarter.
# Longer than a screen for the same reason: what is looked at in every step is in registers.
@njit(nogil=True, cache=True, error_model="numpy", inline="always")
def fly(rng: State, photon: Photon, slabs: Sequence[Slab], faces: Sequence[Face]) -> Photon:
    """Return a photon where it meets the plane of the photosensors, or where it ends before.

    *rng* is of `borrowed`.
    """
    slab, last = photon.slab, len(slabs) - 1
    cell = _cell(slabs[slab], faces[slab + 1], photon.left, photon.front)
    entrance = mirrors_below(slabs[0].refractive_index, faces[0])
    x, y, z = photon.x, photon.y, photon.z
    dx, dy, dz = photon.dx, photon.dy, photon.dz
    depth, transit, mirrors = photon.depth, photon.transit_ns, photon.mirrors
    per_x, per_y, per_z = 1.0 / dx, 1.0 / dy, 1.0 / dz
    status, steps = ABSORBED, _MAX_STEPS
    for step in range(photon.steps, _MAX_STEPS):
        # Of a direction along an axis the other reciprocals are infinite, and so are the ways.
        way_x = (cell.right - x) * per_x if per_x > 0.0 else (cell.left - x) * per_x
        way_y = (cell.rear - y) * per_y if per_y > 0.0 else (cell.front - y) * per_y
        way_z = (cell.top - z) * per_z if per_z > 0.0 else (cell.bottom - z) * per_z
        way = min(way_x, way_y, way_z)
        lost = way * cell.attenuation
        if lost > depth:
            way = depth / cell.attenuation
            transit += way * cell.ns_per_mm
            if uniform(rng) * cell.attenuation < slabs[slab].absorbed_per_mm:
                steps = step
                break
            x, y, z = x + way * dx, y + way * dy, z + way * dz
            dx, dy, dz = direction(rng)
            per_x, per_y, per_z = 1.0 / dx, 1.0 / dy, 1.0 / dz
            depth = exponential(rng)
            continue
        depth -= lost
        transit += way * cell.ns_per_mm
        x, y, z = x + way * dx, y + way * dy, z + way * dz
        if way == way_x:
            x = cell.right if dx > 0.0 else cell.left
            if dx * dx <= cell.sides:
                dx, per_x = -dx, -per_x
                mirrors += 1
                continue
            axis, face = 0, faces[slab + 1]
            a, b, c, side = dy, dz, abs(dx), dx
        elif way == way_y:
            y = cell.rear if dy > 0.0 else cell.front
            if dy * dy <= cell.sides:
                dy, per_y = -dy, -per_y
                mirrors += 1
                continue
            axis, face = 1, faces[slab + 1]
            a, b, c, side = dz, dx, abs(dy), dy
        else:
            axis = 2
            a, b, c, side = dx, dy, abs(dz), dz
            z = cell.top if dz > 0.0 else cell.bottom
            if dz > 0.0 and slab == last:
                status, steps = AT_SENSORS, step
                break
            if dz < 0.0 and slab == 0:
                if dz * dz <= entrance:
                    dz, per_z = -dz, -per_z
                    continue
                face = faces[0]
            else:
                beyond = slab + 1 if dz > 0.0 else slab - 1
                meets, ratio, cosine, left, front = _meet_boundary(
                    rng, x, y, dz, cell.refractive_index, slabs[beyond]
                )
                if meets == _MIRROR:
                    dz, per_z = -dz, -per_z
                    continue
                if meets == _WINDOW:
                    dx, dy = dx * ratio, dy * ratio
                    dz = cosine if dz > 0.0 else -cosine
                    per_x, per_y, per_z = 1.0 / dx, 1.0 / dy, 1.0 / dz
                    slab = beyond
                    cell = _cell(slabs[slab], faces[slab + 1], left, front)
                    continue
                face = faces[beyond + 1]
        met, a, b, c = meet_surface(rng, a, b, c, cell.refractive_index, face)
        if met != INSIDE:
            status, steps = met, step
            break
        c = c if side > 0.0 else -c
        if axis == 0:
            dx, dy, dz = c, a, b
        elif axis == 1:
            dx, dy, dz = b, c, a
        else:
            dx, dy, dz = a, b, c
        per_x, per_y, per_z = 1.0 / dx, 1.0 / dy, 1.0 / dz
    return Photon(
        status, x, y, z, dx, dy, dz, slab, cell.left, cell.front, depth, transit, steps, mirrors
    )


@njit(nogil=True, cache=True, error_model="numpy", inline="always")
def beside_sensors(rng: State, photon: Photon, gap_reflectivity: float) -> Photon:
    """Return a photon that met the plane of the photosensors beside them: absorbed or sent back."""
    at, steps = photon, photon.steps
    status, dx, dy, dz = ABSORBED, at.dx, at.dy, at.dz
    if uniform(rng) < gap_reflectivity:
        status, steps = FLYING, steps + 1
        dx, dy, dz = lambertian(rng)
    return Photon(
        status, at.x, at.y, at.z, dx, dy, dz, at.slab, at.left, at.front, at.depth,
        at.transit_ns, steps, at.mirrors,
    )  # fmt: skip

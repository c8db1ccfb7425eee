"""Tracing a light map: photons from every position of the grid."""

from __future__ import annotations

import math
from collections.abc import Sequence
from concurrent.futures import Executor
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from pulsefront.detector import Detector
from pulsefront.progress import Report, silent
from pulsefront.simulate.light.direct import direct_light, is_shift_invariant, no_direct_light
from pulsefront.simulate.light.flight import (
    AT_SENSORS,
    FLYING,
    Photon,
    beside_sensors,
    emitted,
    fly,
)
from pulsefront.simulate.light.grid import LightMapSettings, depth_nodes, lateral_nodes
from pulsefront.simulate.light.surfaces import ABSORBED, Face
from pulsefront.simulate.light.symmetry import symmetry_of
from pulsefront.simulate.light.table import LightMap
from pulsefront.simulate.light.world import (
    Plane,
    Slab,
    optical_hash,
    optical_world,
    sensor_at,
    shifted_planes,
)
from pulsefront.simulate.run.random import borrowed, new_state, uniform
from pulsefront.simulate.run.shards import run_shards, spawn_seeds

__all__ = ["trace_light_map"]

_QUANTILES = 257
_GOLDEN = 0.6180339887498949
_NOT_YET = -3
Table = NDArray[np.float64]


class _Rule(NamedTuple):
    """What is traced, and which of it counts.

    Attributes
    ----------
    slabs, faces
        Of `OpticalWorld`.
    planes
        Of the photosensors, as every mirror shows them.
    direct_steps
        Light that came in so many steps is in the table of direct light; -1 where there is none.
    mirrors_count
        Whether total reflections by polished sides are steps.
    """

    slabs: Sequence[Slab]
    faces: Sequence[Face]
    planes: Sequence[Plane]
    direct_steps: int
    mirrors_count: bool


def trace_light_map(
    detector: Detector,
    settings: LightMapSettings,
    *,
    executor: Executor | None = None,
    report: Report = silent,
) -> LightMap:
    """Trace light from a grid of positions in one quadrant, or octant, and mirror it."""
    world = optical_world(detector)
    crystal = detector.crystal
    several = detector.sensors.count > 1
    # Beside photosensors, what a wall reflects changes as fast as the direct light does.
    walls = 3 if several else 0
    x_mm, y_mm = (
        lateral_nodes(starts, width, settings.pitch_mm, walls)
        for starts, width in zip(
            crystal.element_starts_mm, crystal.element_size_mm[:2], strict=True
        )
    )
    z_mm = depth_nodes(crystal.size_mm[2], settings)
    # One sensor over the whole face sees light that a wall reflects as much as light that misses
    # the wall: together they are smooth, apart they are not.
    apart = settings.direct_light and several and not settings.transit_times
    direct = direct_light(detector, executor=executor) if apart else no_direct_light()
    symmetry = symmetry_of(detector, len(x_mm), len(y_mm))
    rule = _Rule(
        world.slabs,
        world.faces,
        shifted_planes(world.plane, symmetry.offsets_mm),
        # Direct light meets the boundaries between slabs and nothing else but mirrors.
        direct_steps=len(detector.layers) if apart else -1,
        mirrors_count=is_shift_invariant(detector),
    )
    seeds = spawn_seeds(settings.seed, len(symmetry.columns))
    shards = [
        (x_mm[c.i], y_mm[c.j], z_mm, settings.photons, settings.transit_times, rule, seed)
        for c, seed in zip(symmetry.columns, seeds, strict=True)
    ]
    weights = [len(z_mm) * settings.photons] * len(shards)
    traced = run_shards(_trace_column, shards, executor=executor, weights=weights, report=report)
    transit = np.zeros((0,) * 5, np.float32)
    if settings.transit_times:
        transit = symmetry.unfolded([quantiles for _, quantiles in traced])
    return LightMap(
        x_mm=x_mm,
        y_mm=y_mm,
        z_mm=z_mm,
        probability=symmetry.unfolded([share for share, _ in traced]),
        transit_ns=transit,
        photons=settings.photons,
        optics=optical_hash(detector),
        direct=direct,
        thickness_mm=detector.thickness_mm,
    )


def _trace_column(
    x: float,
    y: float,
    z_mm: Table,
    photons: int,
    transit_times: bool,  # noqa: FBT001 - shards are plain tuples
    rule: _Rule,
    seed: np.random.SeedSequence,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return probability (plane, z, sensor) and quantiles (…, quantile) of one column."""
    state = new_state(seed)
    planes, count = len(rule.planes), int(rule.planes[0].columns * rule.planes[0].rows)
    share = np.zeros((planes, len(z_mm), count), np.float32)
    quantiles = np.zeros((*share.shape, _QUANTILES if transit_times else 0), np.float32)
    seen, transit = np.empty((planes, photons), np.int32), np.empty((planes, photons))
    for k, z in enumerate(z_mm):
        _trace_node(state, x, y, z, rule, seen, transit)
        for p in range(planes):
            counts = np.bincount(seen[p][seen[p] >= 0], minlength=count)
            share[p, k] = counts / photons
            if transit_times:
                quantiles[p, k] = _quantiles(seen[p], transit[p], counts)
    return share, quantiles


def _quantiles(
    seen: NDArray[np.int32], transit_ns: Table, counts: NDArray[np.intp]
) -> NDArray[np.float32]:
    """Return (sensor, quantile) of the transit times to each sensor; 0 where none got there."""
    levels = 1 - (1 - np.linspace(0, 1, _QUANTILES)) ** 2
    order = np.lexsort((transit_ns, seen))
    # Photons that reached no sensor come first.
    ends = len(seen) - counts.sum() + np.cumsum(counts)
    result = np.zeros((len(counts), _QUANTILES), np.float32)
    for sensor in np.flatnonzero(counts):
        times = transit_ns[order[ends[sensor] - counts[sensor] : ends[sensor]]]
        result[sensor] = np.interp(levels * (len(times) - 1), np.arange(len(times)), times)
    return result


@njit(nogil=True, cache=True, error_model="numpy")
def _trace_node(
    state: NDArray[np.uint64],
    x: float,
    y: float,
    z: float,
    rule: _Rule,
    seen: NDArray[np.int32],
    transit_ns: Table,
) -> None:
    """Fill in sensor and transit time (plane, photon); below 0 also for those that do not count.

    Directions are stratified: cosines one per stratum, azimuths by the golden ratio. The direct
    light is then counted almost without noise.
    """
    rng = borrowed(state)
    photons = seen.shape[1]
    phase = uniform(rng)
    for n in range(photons):
        cosine = 2.0 * (n + uniform(rng)) / photons - 1.0
        sine = math.sqrt(max(0.0, 1.0 - cosine * cosine))
        phi = 2.0 * math.pi * ((phase + n * _GOLDEN) % 1.0)
        dx, dy = sine * math.cos(phi), sine * math.sin(phi)
        photon = emitted(rng, x, y, z, dx, dy, cosine, rule.slabs)
        missing = len(seen)
        seen[:, n] = _NOT_YET
        while photon.status == FLYING and missing > 0:
            photon = fly(rng, photon, rule.slabs, rule.faces)
            if photon.status == AT_SENSORS:
                missing -= _find(photon, n, rule, seen, transit_ns)
                if missing > 0:
                    photon = beside_sensors(rng, photon, rule.planes[0].gap_reflectivity)


@njit(nogil=True, cache=True, error_model="numpy", inline="always")
def _find(photon: Photon, n: int, rule: _Rule, seen: NDArray[np.int32], transit_ns: Table) -> int:
    """Put down where photon *n* arrives on planes that it has not reached before; return how many.

    What reflects it beside the photosensors is the same for all planes: one flight serves those
    that it has yet to reach.
    """
    found = 0
    steps = photon.steps if rule.mirrors_count else photon.steps - photon.mirrors
    for p in range(len(seen)):
        if seen[p, n] == _NOT_YET:
            sensor = sensor_at(photon.x, photon.y, rule.planes[p])
            if sensor >= 0:
                seen[p, n] = sensor if steps != rule.direct_steps else ABSORBED
                transit_ns[p, n] = photon.transit_ns
                found += 1
    return found

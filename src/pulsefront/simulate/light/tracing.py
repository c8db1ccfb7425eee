"""Tracing a light map: photons from every position of the grid."""

from __future__ import annotations

import math
from concurrent.futures import Executor

import numpy as np
from numba import njit
from numpy.typing import NDArray

from pulsefront.detector import Detector
from pulsefront.progress import Report, silent
from pulsefront.simulate.light.direct import direct_light, is_shift_invariant, no_direct_light
from pulsefront.simulate.light.grid import (
    LightMapSettings,
    depth_nodes,
    independent_columns,
    lateral_nodes,
    mirrored,
)
from pulsefront.simulate.light.optics import follow_photon, optical_world
from pulsefront.simulate.light.table import LightMap, optical_hash
from pulsefront.simulate.run.random import new_state, uniform
from pulsefront.simulate.run.shards import run_shards, spawn_seeds

__all__ = ["trace_light_map"]

_QUANTILES = 257
Table = NDArray[np.float64]


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
    # Beside photosensors, what a wall reflects changes as fast as the direct light does.
    walls = 3 if detector.sensors.count > 1 else 0
    x_mm, y_mm = (
        lateral_nodes(size, count, crystal.gap_mm, settings.pitch_mm, walls)
        for size, count in zip(crystal.size_mm[:2], crystal.elements, strict=True)
    )
    z_mm = depth_nodes(crystal.size_mm[2], settings)
    # One sensor over the whole face sees light that a wall reflects as much as light that misses
    # the wall: together they are smooth, apart they are not.
    several = detector.sensors.count > 1
    apart = settings.direct_light and several and not settings.transit_times
    direct = direct_light(detector, executor=executor) if apart else no_direct_light()
    # Direct light meets the boundaries between slabs and nothing else but mirrors.
    direct_steps = len(detector.layers) if apart else -1
    optics = (world.slabs, world.surfaces, world.sensors)
    direct_rule = (direct_steps, is_shift_invariant(detector))
    columns = independent_columns(detector, len(x_mm), len(y_mm))
    shards = [
        (
            *(x_mm[c.i], y_mm[c.j], z_mm, settings.photons, settings.transit_times),
            *optics,
            *direct_rule,
            seed,
        )
        for c, seed in zip(columns, spawn_seeds(settings.seed, len(columns)), strict=True)
    ]
    weights = [len(z_mm) * settings.photons] * len(shards)
    traced = run_shards(_trace_column, shards, executor=executor, weights=weights, report=report)
    nx, ny = len(x_mm), len(y_mm)
    transit = np.zeros((0,) * 5, np.float32)
    if settings.transit_times:
        transit = mirrored(columns, [quantiles for _, quantiles in traced], nx, ny)
    return LightMap(
        x_mm=x_mm,
        y_mm=y_mm,
        z_mm=z_mm,
        probability=mirrored(columns, [share for share, _ in traced], nx, ny),
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
    slabs: Table,
    surfaces: Table,
    sensors: Table,
    direct_steps: int,
    mirrors_count: bool,  # noqa: FBT001
    seed: np.random.SeedSequence,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return probability (z, sensor) and quantiles (z, sensor, quantile) below one (x, y)."""
    state = new_state(seed)
    count = int(sensors[0] * sensors[1])
    share = np.zeros((len(z_mm), count), np.float32)
    quantiles = np.zeros((len(z_mm), count, _QUANTILES if transit_times else 0), np.float32)
    seen, transit = np.empty(photons, np.int32), np.empty(photons)
    rule = (slabs, surfaces, sensors, direct_steps, mirrors_count)
    for k, z in enumerate(z_mm):
        _trace_node(state, x, y, z, *rule, seen, transit)
        counts = np.bincount(seen[seen >= 0], minlength=count)
        share[k] = counts / photons
        if transit_times:
            quantiles[k] = _quantiles(seen, transit, counts)
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


@njit(nogil=True, cache=True)
def _trace_node(
    state: NDArray[np.uint64],
    x: float,
    y: float,
    z: float,
    slabs: Table,
    surfaces: Table,
    sensors: Table,
    direct_steps: int,
    mirrors_count: bool,  # noqa: FBT001
    seen: NDArray[np.int32],
    transit_ns: Table,
) -> None:
    """Fill in sensor and transit time of each photon; -1 also for those of *direct_steps* steps.

    Total reflections by polished sides are steps where *mirrors_count*. Directions are
    stratified: cosines one per stratum, azimuths by the golden ratio. The direct light is then
    counted almost without noise.
    """
    photons = len(seen)
    phase = uniform(state)
    for photon in range(photons):
        cosine = 2.0 * (photon + uniform(state)) / photons - 1.0
        sine = math.sqrt(max(0.0, 1.0 - cosine * cosine))
        phi = 2.0 * math.pi * ((phase + photon * 0.6180339887498949) % 1.0)
        sensor, transit_ns[photon], steps, mirrors = follow_photon(
            state,
            x,
            y,
            z,
            sine * math.cos(phi),
            sine * math.sin(phi),
            cosine,
            slabs,
            surfaces,
            sensors,
        )
        if not mirrors_count:
            steps -= mirrors
        seen[photon] = sensor if sensor >= 0 and steps != direct_steps else -1

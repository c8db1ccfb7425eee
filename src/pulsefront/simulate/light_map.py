"""The light map: what every photosensor sees of light from every place in the crystal.

Traced once per detector on a grid of positions, folded by the detector's mirror symmetry, saved
in HDF5 under the hash of what it depends on, and interpolated linearly ever after. Of one block
of crystal the direct light is left out of the grid and integrated (`pulsefront.simulate.direct`).
"""

from __future__ import annotations

import math
from concurrent.futures import Executor
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path
from typing import Annotated, Any

import h5py
import numpy as np
from numba import njit
from numpy.typing import NDArray
from pydantic import Field

from pulsefront.config import FrozenModel
from pulsefront.detector import Detector
from pulsefront.errors import DataError
from pulsefront.files import atomic_path, hash_json, hdf5_disk_errors
from pulsefront.progress import Report, silent
from pulsefront.simulate.direct import (
    DirectLight,
    add_direct,
    direct_light,
    has_direct_light,
    no_direct_light,
)
from pulsefront.simulate.optics import optical_world, trace_photon
from pulsefront.simulate.random import new_state, uniform
from pulsefront.simulate.shards import run_shards, spawn_seeds

__all__ = ["LightMap", "LightMapSettings", "light_map_for", "optical_hash", "trace_light_map"]

_QUANTILES = 129
_TIME_BINS = 320
_LATTICE_INSET_MM = 1e-3
Table = NDArray[np.float64]


class LightMapSettings(FrozenModel):
    """How finely a light map is traced.

    ``pitch_mm`` is the largest distance of grid positions along x and y, ``depth_pitch_mm`` along
    z; within ``fine_depth_mm`` of the photosensors the depth pitch is halved. ``photons`` are
    traced from each position. ``transit_times`` keeps the distribution of transit times, and
    all light in the grid; without it ``direct_light`` takes the unreflected light of one block of
    crystal from an integral.
    """

    pitch_mm: Annotated[float, Field(gt=0)] = 2.0
    depth_pitch_mm: Annotated[float, Field(gt=0)] = 2.0
    fine_depth_mm: Annotated[float, Field(ge=0)] = 4.0
    photons: Annotated[int, Field(ge=100)] = 40_000
    transit_times: bool = False
    direct_light: bool = True
    seed: Annotated[int, Field(ge=0)] = 1


@dataclass(frozen=True)
class LightMap:
    """Detection per photosensor on a grid of positions.

    Attributes
    ----------
    x_mm, y_mm, z_mm
        Grid positions; each element of the crystal has its own, from wall to wall.
    probability
        (x, y, z, sensor) float32: that a photon emitted there reaches the sensitive face, direct
        light aside where there is a table of it.
    transit_ns
        (x, y, z, sensor, k) float32: quantiles 1 − (1 − k/128)² of its transit time, denser
        towards the long tail; of size 0 where the map was traced without.
    photons
        Traced for each position not related by symmetry: the statistical error of a probability
        p is sqrt(p (1 − p) / photons).
    optics
        `optical_hash` of the detector it was traced for.
    direct
        Table of the direct light; of size 0 where the grid holds all.
    thickness_mm
        Of the crystal: direct light depends on the height above its exit face.
    """

    x_mm: Table
    y_mm: Table
    z_mm: Table
    probability: NDArray[np.float32]
    transit_ns: NDArray[np.float32]
    photons: int
    optics: str
    direct: DirectLight
    thickness_mm: float

    def probabilities(self, position_mm: Table) -> NDArray[np.float32]:
        """Return the detection probability per photosensor at positions in the crystal.

        Parameters
        ----------
        position_mm
            (n, 3); a place outside the grid counts as the nearest one of it.

        Returns
        -------
        ndarray
            (n, sensors) float32.
        """
        points = np.ascontiguousarray(np.atleast_2d(position_mm), np.float64)
        result = np.empty((len(points), self.probability.shape[3]), np.float32)
        grid = (self.x_mm, self.y_mm, self.z_mm, self.probability)
        _interpolate(points, result, *grid, self.thickness_mm, *self.direct_arrays)
        return result

    @property
    def direct_arrays(self) -> tuple[NDArray[Any], ...]:
        """Return the table of direct light in the order of `add_direct`."""
        d = self.direct
        return d.height_mm, d.shift_mm, d.probability, d.centre_x_mm, d.centre_y_mm

    def standard_errors(self, position_mm: Table) -> NDArray[np.float32]:
        """Return the statistical error of a grid value at those positions, (n, sensors)."""
        p = self.probabilities(position_mm)
        return np.sqrt(p * (1 - p) / self.photons).astype(np.float32)

    def save(self, path: str | Path) -> None:
        """Write the map to an HDF5 file, atomically."""
        with (
            atomic_path(path) as temporary,
            hdf5_disk_errors(path),
            h5py.File(temporary, "w") as file,
        ):
            file.attrs["format"] = "pulsefront light map 2"
            file.attrs["optics_sha256"] = self.optics
            file.attrs["photons_per_position"] = self.photons
            file.attrs["thickness_mm"] = self.thickness_mm
            for name, unit in _DATASETS.items():
                array = attrgetter(name)(self)
                packed = {"compression": "gzip", "shuffle": True} if array.size > 1000 else {}
                file.create_dataset(name, data=array, **packed)
                file[name].attrs["unit"] = unit

    @classmethod
    def load(cls, path: str | Path, *, detector: Detector | None = None) -> LightMap:
        """Read a map, and check that it was made for *detector* where one is given.

        Raises
        ------
        DataError
            The file is no light map, or belongs to another detector.
        """
        try:
            with h5py.File(path, "r") as file:
                if file.attrs.get("format") != "pulsefront light map 2":
                    raise DataError("is not a light map", file=path)
                arrays = {name: file[name][...] for name in _DATASETS}
                thickness_mm = float(file.attrs["thickness_mm"])
                photons = int(file.attrs["photons_per_position"])
                optics = str(file.attrs["optics_sha256"])
        except (OSError, KeyError) as error:
            raise DataError(f"cannot be read as a light map: {error}", file=path) from None
        if detector is not None and optics != optical_hash(detector):
            raise DataError(
                "is a light map of another detector",
                file=path,
                field="optics_sha256",
                value=optics[:12],
                remedy=f"trace one for {detector.name} ({optical_hash(detector)[:12]})",
            )
        direct = DirectLight(
            **{name.removeprefix("direct."): arrays.pop(name) for name in _DIRECT_DATASETS}
        )
        return cls(
            photons=photons, optics=optics, direct=direct, thickness_mm=thickness_mm, **arrays
        )


_DIRECT_DATASETS = {
    "direct.height_mm": "mm",
    "direct.shift_mm": "mm",
    "direct.probability": "1",
    "direct.centre_x_mm": "mm",
    "direct.centre_y_mm": "mm",
}
_DATASETS = {
    "x_mm": "mm",
    "y_mm": "mm",
    "z_mm": "mm",
    "probability": "1",
    "transit_ns": "ns",
    **_DIRECT_DATASETS,
}


def optical_hash(detector: Detector) -> str:
    """Return the SHA-256 of all that the way of light in *detector* depends on."""
    world = optical_world(detector)
    return hash_json([array.tolist() for array in (world.slabs, world.surfaces, world.sensors)])


def light_map_for(
    detector: Detector,
    settings: LightMapSettings,
    *,
    cache: str | Path | None = None,
    executor: Executor | None = None,
    report: Report = silent,
) -> LightMap:
    """Return the light map of *detector*, traced only if the folder *cache* does not hold it."""
    if cache is None:
        return trace_light_map(detector, settings, executor=executor, report=report)
    key = hash_json([optical_hash(detector), settings.model_dump(mode="json")])
    path = Path(cache) / f"light_map_{key[:24]}.h5"
    if path.exists():
        return LightMap.load(path, detector=detector)
    traced = trace_light_map(detector, settings, executor=executor, report=report)
    traced.save(path)
    return traced


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
    x_mm, y_mm = (
        _lateral_nodes(size, count, crystal.gap_mm, settings.pitch_mm)
        for size, count in zip(crystal.size_mm[:2], crystal.elements, strict=True)
    )
    z_mm = _depth_nodes(crystal.size_mm[2], settings)
    mirrored = detector.sensors.offset_mm == (0.0, 0.0)
    square = mirrored and _is_square(detector)
    parts = 2 if mirrored else 1
    nodes = [
        (i, j)
        for i in range(-(-len(x_mm) // parts))
        for j in range(-(-len(y_mm) // parts))
        if not square or j <= i
    ]
    apart = settings.direct_light and not settings.transit_times and has_direct_light(detector)
    # Direct light meets the boundaries between slabs and nothing else.
    direct_steps = len(detector.layers) if apart else -1
    arrays = (world.slabs, world.surfaces, world.sensors, direct_steps)
    seeds = spawn_seeds(settings.seed, len(nodes))
    shards = [
        (x_mm[i], y_mm[j], z_mm, settings.photons, settings.transit_times, *arrays, seed)
        for (i, j), seed in zip(nodes, seeds, strict=True)
    ]
    weights = [len(z_mm) * settings.photons] * len(shards)
    columns = run_shards(_trace_column, shards, executor=executor, weights=weights, report=report)
    grid = detector.sensors.grid
    shape = (len(x_mm), len(y_mm), len(z_mm), detector.sensors.count)
    probability = np.zeros(shape, np.float32)
    transit = np.zeros((*shape, _QUANTILES) if settings.transit_times else (0,) * 5, np.float32)
    for (i, j), (share, quantiles) in zip(nodes, columns, strict=True):
        images = _images(i, j, len(x_mm), len(y_mm), grid, square=square, mirrored=mirrored)
        for to_i, to_j, _ in images:
            # A place on an axis of symmetry has several images of itself: their mean is symmetric.
            orders = [order for *to, order in images if to == [to_i, to_j]]
            probability[to_i, to_j] = np.mean([share[:, order] for order in orders], axis=0)
            if settings.transit_times:
                transit[to_i, to_j] = np.mean([quantiles[:, order] for order in orders], axis=0)
    return LightMap(
        x_mm,
        y_mm,
        z_mm,
        probability,
        transit,
        settings.photons,
        optical_hash(detector),
        direct_light(detector) if apart else no_direct_light(),
        detector.thickness_mm,
    )


def _is_square(detector: Detector) -> bool:
    """Return whether x and y may be exchanged."""
    slabs = [detector.crystal.size_mm, *(layer.size_mm for layer in detector.layers)]
    pairs = [detector.crystal.elements, detector.sensors.grid, detector.sensors.pitch_mm]
    return all(size[0] == size[1] for size in slabs) and all(pair[0] == pair[1] for pair in pairs)


def _lateral_nodes(size: float, count: int, gap: float, pitch_mm: float) -> Table:
    pitch = (size + gap) / count
    width = pitch - gap
    intervals = max(1, math.ceil(width / pitch_mm - 1e-9))
    inside = np.linspace(_LATTICE_INSET_MM, width - _LATTICE_INSET_MM, intervals + 1)
    starts = np.arange(count) * pitch - size / 2
    return np.asarray((starts[:, None] + inside[None, :]).ravel())


def _depth_nodes(thickness: float, settings: LightMapSettings) -> Table:
    fine = min(settings.fine_depth_mm, thickness)
    coarse = thickness - fine
    upper = np.linspace(0, coarse, max(1, math.ceil(coarse / settings.depth_pitch_mm - 1e-9)) + 1)[
        :-1
    ]
    lower = np.linspace(
        coarse, thickness, max(1, math.ceil(2 * fine / settings.depth_pitch_mm - 1e-9)) + 1
    )
    nodes = np.concatenate([upper if coarse > 0 else upper[:0], lower])
    return np.asarray(np.clip(nodes, _LATTICE_INSET_MM, thickness - _LATTICE_INSET_MM))


def _images(
    i: int, j: int, nx: int, ny: int, grid: tuple[int, int], *, square: bool, mirrored: bool = True
) -> list[tuple[int, int, NDArray[np.intp]]]:
    """Return the grid positions that mirror (i, j), each with the order of its sensors."""
    sensors = np.arange(grid[0] * grid[1]).reshape(grid[1], grid[0])
    images = []
    for swap in (False, True) if square else (False,):
        plane = sensors.T if swap else sensors
        at = (j, i) if swap else (i, j)
        for flip_x in (False, True) if mirrored else (False,):
            for flip_y in (False, True) if mirrored else (False,):
                order = plane[:: -1 if flip_y else 1, :: -1 if flip_x else 1]
                to = (nx - 1 - at[0] if flip_x else at[0], ny - 1 - at[1] if flip_y else at[1])
                images.append((*to, order.ravel()))
    return images


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
    seed: np.random.SeedSequence,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return probability (z, sensor) and quantiles (z, sensor, quantile) below one (x, y)."""
    state = new_state(seed)
    count = int(sensors[0] * sensors[1])
    share = np.zeros((len(z_mm), count), np.float32)
    quantiles = np.zeros((len(z_mm), count, _QUANTILES if transit_times else 0), np.float32)
    # Edges grow from 2 ps: the first light is what timing depends on, the tail is long.
    edges = 0.6 * np.sinh(np.linspace(0.0, math.asinh(60.0 / 0.6), _TIME_BINS + 1))
    for k, z in enumerate(z_mm):
        counts = np.zeros(count, np.int64)
        histogram = np.zeros((count, _TIME_BINS), np.int64)
        _trace_node(
            state,
            x,
            y,
            z,
            photons,
            slabs,
            surfaces,
            sensors,
            direct_steps,
            counts,
            histogram,
            edges[-1],
        )
        share[k] = counts / photons
        if transit_times:
            for sensor in range(count):
                quantiles[k, sensor] = _quantiles(histogram[sensor], edges)
    return share, quantiles


def _quantiles(histogram: NDArray[np.int64], edges: Table) -> NDArray[np.float32]:
    total = histogram.sum()
    if total == 0:
        return np.zeros(_QUANTILES, np.float32)
    filled = np.nonzero(histogram)[0]
    first, last = filled[0], filled[-1] + 1
    cumulative = np.concatenate([[0], np.cumsum(histogram[first:last])]) / total
    levels = 1 - (1 - np.linspace(0, 1, _QUANTILES)) ** 2
    return np.interp(levels, cumulative, edges[first : last + 1]).astype(np.float32)


@njit(nogil=True, cache=True)
def _trace_node(
    state: NDArray[np.uint64],
    x: float,
    y: float,
    z: float,
    photons: int,
    slabs: Table,
    surfaces: Table,
    sensors: Table,
    direct_steps: int,
    counts: NDArray[np.int64],
    histogram: NDArray[np.int64],
    last_edge: float,
) -> None:
    """Count photons per sensor and bin of transit time, those of *direct_steps* steps aside.

    Directions are stratified: cosines one per stratum, azimuths by the golden ratio. The direct
    light is then counted almost without noise.
    """
    bins = histogram.shape[1]
    per_bin = math.asinh(last_edge / 0.6) / bins
    phase = uniform(state)
    for photon in range(photons):
        cosine = 2.0 * (photon + uniform(state)) / photons - 1.0
        sine = math.sqrt(max(0.0, 1.0 - cosine * cosine))
        phi = 2.0 * math.pi * ((phase + photon * 0.6180339887498949) % 1.0)
        sensor, transit, steps = trace_photon(
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
        if sensor >= 0 and steps != direct_steps:
            counts[sensor] += 1
            slot = int(math.asinh(transit / 0.6) / per_bin)
            histogram[sensor, min(slot, bins - 1)] += 1


@njit(nogil=True, cache=True)
def bracket(nodes: Table, value: float) -> tuple[int, float]:
    """Return the node at or below *value* and the fraction of the way to the next."""
    last = len(nodes) - 1
    if value <= nodes[0]:
        return 0, 0.0
    if value >= nodes[last]:
        return last - 1, 1.0
    low, high = 0, last
    while high - low > 1:
        middle = (low + high) // 2
        if nodes[middle] <= value:
            low = middle
        else:
            high = middle
    return low, (value - nodes[low]) / (nodes[low + 1] - nodes[low])


@njit(nogil=True, cache=True)
def interpolate_one(
    x: float,
    y: float,
    z: float,
    x_mm: Table,
    y_mm: Table,
    z_mm: Table,
    probability: NDArray[np.float32],
    scale: float,
    add_to: NDArray[np.float32],
) -> None:
    """Add *scale* times the interpolated probability of each sensor to *add_to*."""
    i, u = bracket(x_mm, x)
    j, v = bracket(y_mm, y)
    k, w = bracket(z_mm, z)
    for corner in range(8):
        ci, cj, ck = corner & 1, (corner >> 1) & 1, corner >> 2
        weight = (u if ci else 1.0 - u) * (v if cj else 1.0 - v) * (w if ck else 1.0 - w)
        if weight > 0.0:
            values = probability[i + ci, j + cj, k + ck]
            factor = np.float32(weight * scale)
            for sensor in range(len(add_to)):
                add_to[sensor] += factor * values[sensor]


@njit(nogil=True, cache=True)
def interpolate_transit(
    x: float,
    y: float,
    z: float,
    sensor: int,
    x_mm: Table,
    y_mm: Table,
    z_mm: Table,
    transit_ns: NDArray[np.float32],
    result: NDArray[np.float32],
) -> None:
    """Fill *result* with the quantiles of the transit time from a place to a sensor."""
    i, u = bracket(x_mm, x)
    j, v = bracket(y_mm, y)
    k, w = bracket(z_mm, z)
    result[:] = 0.0
    for corner in range(8):
        ci, cj, ck = corner & 1, (corner >> 1) & 1, corner >> 2
        weight = (u if ci else 1.0 - u) * (v if cj else 1.0 - v) * (w if ck else 1.0 - w)
        if weight > 0.0:
            values = transit_ns[i + ci, j + cj, k + ck, sensor]
            factor = np.float32(weight)
            for level in range(len(result)):
                result[level] += factor * values[level]


@njit(nogil=True, cache=True)
def draw_transit(state: NDArray[np.uint64], quantiles: NDArray[np.float32]) -> float:
    """Return a transit time from its quantiles 1 − (1 − k/n)², ns."""
    place = (len(quantiles) - 1) * (1.0 - math.sqrt(uniform(state)))
    low = min(int(place), len(quantiles) - 2)
    return float(quantiles[low] + (place - low) * (quantiles[low + 1] - quantiles[low]))


@njit(nogil=True, cache=True)
def _interpolate(
    points: Table,
    result: NDArray[np.float32],
    x_mm: Table,
    y_mm: Table,
    z_mm: Table,
    probability: NDArray[np.float32],
    thickness: float,
    height_mm: Table,
    shift_mm: Table,
    direct: NDArray[np.float32],
    centre_x_mm: Table,
    centre_y_mm: Table,
) -> None:
    for n in range(len(points)):
        result[n] = 0.0
        interpolate_one(
            points[n, 0],
            points[n, 1],
            points[n, 2],
            x_mm,
            y_mm,
            z_mm,
            probability,
            1.0,
            result[n],
        )
        add_direct(
            points[n, 0],
            points[n, 1],
            thickness - points[n, 2],
            height_mm,
            shift_mm,
            direct,
            centre_x_mm,
            centre_y_mm,
            1.0,
            result[n],
        )

"""A light map as a table: what it holds, how it is asked, and its file."""

from __future__ import annotations

from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from pulsefront.detector import Detector
from pulsefront.errors import DataError
from pulsefront.hdf5 import atomic_hdf5
from pulsefront.simulate.light.direct_table import DirectLight, no_direct_light
from pulsefront.simulate.light.interpolation import (
    MapGrid,
    draw_photons,
    interpolate_many,
    interpolate_variance,
)
from pulsefront.simulate.light.world import optical_hash

__all__ = ["FORMAT", "LightMap", "describe_light_map", "is_light_map", "no_light_map"]

FORMAT = "pulsefront light map 4"
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
Table = NDArray[np.float64]


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
        (x, y, z, sensor, k) float32: quantiles 1 − (1 − k/256)² of its transit time, denser
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
            (n, 3); one outside the grid counts as the nearest in it.

        Returns
        -------
        ndarray
            (n, sensors) float32.
        """
        points = np.ascontiguousarray(np.atleast_2d(position_mm), np.float64)
        result = np.empty((len(points), self.probability.shape[3]), np.float32)
        interpolate_many(points, self.grid, self.direct, self.thickness_mm, result)
        return result

    @property
    def grid(self) -> MapGrid:
        """Return what the kernels read beside `direct`."""
        return MapGrid(self.x_mm, self.y_mm, self.z_mm, self.probability, self.transit_ns)

    @property
    def largest_standard_error(self) -> float:
        """Return the largest statistical error of a probability in the grid."""
        p = self.probability.astype(np.float64)
        return float(np.sqrt((p * (1 - p)).max(initial=0.0) / self.photons))

    def standard_errors(self, position_mm: Table) -> NDArray[np.float32]:
        """Return the statistical error of `probabilities` at positions, (n, sensors).

        That of the photons traced from the grid positions around; the direct light has none.
        """
        points = np.ascontiguousarray(np.atleast_2d(position_mm), np.float64)
        variance = np.zeros((len(points), self.probability.shape[3]))
        interpolate_variance(points, self.grid, variance)
        return np.sqrt(variance / self.photons).astype(np.float32)

    def draw_photons(
        self, position_mm: Table, state: NDArray[np.uint64]
    ) -> tuple[NDArray[np.int32], Table]:
        """Draw what `pulsefront.simulate.light.optics.trace_photons` traces.

        Parameters
        ----------
        position_mm
            (photon, 3), inside the crystal.
        state
            Of `pulsefront.simulate.run.random.new_state`; advanced.

        Returns
        -------
        sensor, transit_ns
            (photon,) each; the sensor is -1 where the photon is not detected.

        Raises
        ------
        DataError
            The map was traced without transit times.
        """
        if self.transit_ns.size == 0:
            raise DataError(
                "was traced without transit times",
                field="transit_times",
                value=False,
                remedy="trace it with transit_times = true",
            )
        points = np.ascontiguousarray(np.atleast_2d(position_mm), np.float64)
        sensor = np.empty(len(points), np.int32)
        transit = np.zeros(len(points))
        draw_photons(state, points, self.probabilities(points), self.grid, sensor, transit)
        return sensor, transit

    def save(self, path: str | Path) -> None:
        """Write the map to an HDF5 file, atomically."""
        with atomic_hdf5(path) as file:
            file.attrs["format"] = FORMAT
            file.attrs["optics_sha256"] = self.optics
            file.attrs["photons_per_position"] = self.photons
            file.attrs["thickness_mm"] = self.thickness_mm
            file.attrs["standard_error"] = "sqrt(p (1 - p) / photons_per_position)"
            file.attrs["standard_error_largest"] = self.largest_standard_error
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
                if file.attrs.get("format") != FORMAT:
                    raise DataError(
                        "is not a light map of this version",
                        file=path,
                        field="format",
                        value=str(file.attrs.get("format")),
                        remedy=f"remove it to have it traced again ({FORMAT})",
                    )
                arrays = {name: file[name][...] for name in _DATASETS}
                thickness_mm = float(file.attrs["thickness_mm"])
                photons = int(file.attrs["photons_per_position"])
                optics = str(file.attrs["optics_sha256"])
        except (OSError, KeyError) as error:
            raise DataError(f"cannot be read as a light map: {error}", file=path) from None
        direct = DirectLight(
            **{name.removeprefix("direct."): arrays.pop(name) for name in _DIRECT_DATASETS}
        )
        light_map = cls(
            photons=photons, optics=optics, direct=direct, thickness_mm=thickness_mm, **arrays
        )
        if detector is not None:
            light_map.check_made_for(detector, file=path)
        return light_map

    def check_made_for(self, detector: Detector, *, file: str | Path | None = None) -> None:
        """Raise `DataError` where the map was traced for other optics than those of *detector*."""
        if self.optics != optical_hash(detector):
            raise DataError(
                "is a light map of another detector",
                file=file,
                field="optics_sha256",
                value=self.optics[:12],
                remedy=f"trace one for {detector.name} ({optical_hash(detector)[:12]})",
            )


def no_light_map(detector: Detector) -> LightMap:
    """Return an empty light map, for full tracing, which reads none."""
    ends, sensors = np.array([0.0, 1.0]), detector.sensors.count
    return LightMap(
        x_mm=ends,
        y_mm=ends,
        z_mm=ends,
        probability=np.zeros((2, 2, 2, sensors), np.float32),
        transit_ns=np.zeros((2, 2, 2, sensors, 2), np.float32),
        photons=1,
        optics=optical_hash(detector),
        direct=no_direct_light(),
        thickness_mm=detector.thickness_mm,
    )


def is_light_map(path: str | Path) -> bool:
    """Return whether *path* is an HDF5 file that says it is a light map, of any version."""
    if not Path(path).is_file() or not h5py.is_hdf5(path):
        return False
    with h5py.File(path, "r") as file:
        return str(file.attrs.get("format", "")).startswith("pulsefront light map")


def describe_light_map(path: str | Path) -> list[tuple[str, str, str]]:
    """Return (quantity, value, unit) rows on a light map's file.

    Raises
    ------
    DataError
        The file is no light map that can be read.
    """
    light_map = LightMap.load(path)
    nx, ny, nz, sensors = light_map.probability.shape
    axes = (light_map.x_mm, light_map.y_mm, light_map.z_mm)
    middle = np.array([[(axis[0] + axis[-1]) / 2 for axis in axes]])
    share = light_map.probabilities(middle)[0].astype(float)
    error = float(np.sqrt((light_map.standard_errors(middle)[0].astype(float) ** 2).sum()))
    timed = light_map.transit_ns.size > 0
    return [
        ("made for optics", light_map.optics[:12], "sha256"),
        ("grid", f"{nx} × {ny} × {nz}", "positions"),
        ("photosensors", str(sensors), ""),
        ("photons traced", f"{light_map.photons:,}", "per position"),
        (
            "largest statistical error of a probability",
            f"{light_map.largest_standard_error:.2g}",
            "",
        ),
        ("detected from the middle", f"{100 * share.sum():.2f} ± {100 * error:.2f}", "%"),
        ("transit times", "yes" if timed else "no", ""),
        ("direct light", "integrated" if light_map.direct.probability.size else "traced", ""),
    ]

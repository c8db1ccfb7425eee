"""The flood map: the centroid of an event's light, looked up in a map cut into crystals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pulsefront.estimators.position.patterns import (
    CrystalTrial,
    check_charges,
    check_crystals,
    fewest_wrong,
    light_shares,
)

__all__ = ["FloodMap", "fit_flood_map", "light_centroids"]

Float = NDArray[np.float64]
Float32 = NDArray[np.float32]
Crystals = NDArray[np.int64]

_BINS = (0, 32, 48, 64, 96, 128, 192)


@dataclass(frozen=True)
class FloodMap:
    """Centroid of the light, looked up in a map of crystals.

    Attributes
    ----------
    sensor_position_mm
        (photosensor, 2).
    peaks_mm
        (crystal, 2) median centroid of each crystal's events; NaN where there were none.
    cells
        (bin, bin) crystal of each cell of the map, or empty: then the nearest peak decides.
    half_mm
        The map reaches from −half_mm to half_mm.
    table
        Every candidate tried.
    """

    sensor_position_mm: Float
    peaks_mm: Float
    cells: NDArray[np.int64]
    half_mm: float
    table: tuple[CrystalTrial, ...] = field(repr=False)

    @property
    def parameters(self) -> dict[str, float]:
        """Tuned parameters, for a table: cells along a side, 0 for the nearest peak."""
        return {"cells_along_a_side": len(self.cells)}

    def estimate(self, charges: ArrayLike) -> Crystals:
        """Return the crystal, (event,), from (event, photosensor) charges."""
        centroid = light_centroids(check_charges(charges), self.sensor_position_mm)
        return _look_up(centroid, self.cells, self.peaks_mm, self.half_mm)


def light_centroids(light: Float32, sensor_position_mm: Float) -> Float:
    """Return the centroid of the light, (event, 2) in mm."""
    shares = light_shares(np.maximum(light, 0))
    return np.asarray(shares.astype(np.float64) @ sensor_position_mm)


def _cell(centroid: Float, half_mm: float, bins: int) -> NDArray[np.int64]:
    index = np.floor((centroid + half_mm) * (bins / (2 * half_mm))).astype(np.int64)
    return np.clip(index, 0, bins - 1)


def _look_up(
    centroid: Float, cells: NDArray[np.int64], peaks_mm: Float, half_mm: float
) -> Crystals:
    """Return the crystal of each centroid's cell; of the nearest peak where there are no cells."""
    if not len(cells):
        return _nearest_peak(centroid, peaks_mm)
    cell = _cell(centroid, half_mm, len(cells))
    return np.asarray(cells[cell[:, 0], cell[:, 1]])


def _nearest_peak(centroid: Float, peaks_mm: Float) -> Crystals:
    known = np.flatnonzero(np.isfinite(peaks_mm[:, 0]))
    distance = ((centroid[:, None] - peaks_mm[known]) ** 2).sum(axis=2)
    return np.asarray(known[distance.argmin(axis=1)], np.int64)


def fit_flood_map(
    charges: ArrayLike,
    crystal: NDArray[np.integer],
    selection_charges: ArrayLike,
    selection_crystal: NDArray[np.integer],
    sensor_position_mm: ArrayLike,
    crystals: int,
    *,
    bins: Sequence[int] = _BINS,
) -> FloodMap:
    """Find the peaks of the flood map and the finest table that generalizes.

    A cell belongs to the crystal that most of its training events hit first, an empty one to the
    nearest peak; 0 bins stand for the nearest peak everywhere.

    Raises
    ------
    DataError
        Shapes do not fit.
    """
    sensors = np.asarray(sensor_position_mm, dtype=np.float64)
    centroid = light_centroids(check_crystals(charges, crystal), sensors)
    other = light_centroids(check_crystals(selection_charges, selection_crystal), sensors)
    half_mm = float(1.02 * np.abs(centroid).max())
    peaks = np.full((crystals, 2), np.nan)
    for number in np.unique(crystal):
        peaks[number] = np.median(centroid[crystal == number], axis=0)
    table, maps = [], []
    for count in bins:
        cells = _cells(centroid, crystal, peaks, half_mm, count)
        maps.append(cells)
        wrong = float((_look_up(other, cells, peaks, half_mm) != selection_crystal).mean())
        table.append(CrystalTrial({"cells_along_a_side": count}, wrong))
    return FloodMap(sensors, peaks, maps[fewest_wrong(table)], half_mm, tuple(table))


def _cells(
    centroid: Float, crystal: NDArray[np.integer], peaks: Float, half_mm: float, bins: int
) -> NDArray[np.int64]:
    if not bins:
        return np.zeros((0, 0), np.int64)
    cell = _cell(centroid, half_mm, bins)
    votes = np.zeros((bins * bins, len(peaks)), np.int32)
    np.add.at(votes, (cell[:, 0] * bins + cell[:, 1], crystal), 1)
    middle = (np.arange(bins) + 0.5) * (2 * half_mm / bins) - half_mm
    centres = np.stack(np.meshgrid(middle, middle, indexing="ij"), -1).reshape(-1, 2)
    nearest = _nearest_peak(centres, peaks)
    chosen = np.where(votes.any(axis=1), votes.argmax(axis=1), nearest)
    return np.asarray(chosen.reshape(bins, bins), np.int64)

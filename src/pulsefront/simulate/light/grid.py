"""The grid of a light map: its settings, its positions, and what mirror symmetry saves."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from pulsefront.config import FrozenModel
from pulsefront.detector import Detector

__all__ = [
    "Column",
    "LightMapSettings",
    "depth_nodes",
    "images_of",
    "independent_columns",
    "lateral_nodes",
    "mirrored",
]

_INSET_MM = 1e-3
Table = NDArray[np.float64]


class LightMapSettings(FrozenModel):
    """How finely a light map is traced.

    ``pitch_mm`` is the largest distance of grid positions along x and y, ``depth_pitch_mm`` along
    z; within ``fine_depth_mm`` of the photosensors the depth pitch is halved. ``photons`` are
    traced from each position. ``transit_times`` keeps the distribution of transit times, and
    all light in the grid; without it ``direct_light`` takes the light that no face but a mirror
    reflected from an integral.
    """

    pitch_mm: Annotated[float, Field(gt=0)] = 2.0
    depth_pitch_mm: Annotated[float, Field(gt=0)] = 2.0
    fine_depth_mm: Annotated[float, Field(ge=0)] = 4.0
    photons: Annotated[int, Field(ge=100)] = 40_000
    transit_times: bool = False
    direct_light: bool = True
    seed: Annotated[int, Field(ge=0)] = 1


@dataclass(frozen=True)
class Column:
    """Grid positions (i, j) of all depths, and all columns that mirror them.

    ``images`` holds (i, j, order of the sensors) of each, the column itself among them.
    """

    i: int
    j: int
    images: tuple[tuple[int, int, NDArray[np.intp]], ...]


def independent_columns(detector: Detector, nx: int, ny: int) -> list[Column]:
    """Return the columns of one quadrant or octant, as far as the detector is symmetric."""
    grid = detector.sensors.grid
    flipped = detector.sensors.offset_mm == (0.0, 0.0)
    square = flipped and _is_square(detector) and nx == ny
    parts = 2 if flipped else 1
    return [
        Column(i, j, tuple(images_of(i, j, nx, ny, grid, square=square, mirrored=flipped)))
        for i in range(-(-nx // parts))
        for j in range(-(-ny // parts))
        if not square or j <= i
    ]


def mirrored(
    columns: Sequence[Column], values: Sequence[NDArray[Any]], nx: int, ny: int
) -> NDArray[Any]:
    """Return (nx, ny, depth, sensor, ...) from the (depth, sensor, ...) of independent columns."""
    result = np.zeros((nx, ny, *values[0].shape), values[0].dtype)
    for column, value in zip(columns, values, strict=True):
        for i, j, _ in column.images:
            # A place on an axis of symmetry has several images of itself: their mean is symmetric.
            orders = [order for *to, order in column.images if to == [i, j]]
            result[i, j] = np.mean([value[:, order] for order in orders], axis=0)
    return result


def _is_square(detector: Detector) -> bool:
    """Return whether x and y may be exchanged."""
    slabs = [detector.crystal.size_mm, *(layer.size_mm for layer in detector.layers)]
    pairs = [detector.crystal.elements, detector.sensors.grid, detector.sensors.pitch_mm]
    return all(size[0] == size[1] for size in slabs) and all(pair[0] == pair[1] for pair in pairs)


def lateral_nodes(
    size: float, count: int, gap: float, pitch_mm: float, wall_nodes: int = 0
) -> Table:
    """Return positions along one axis, each element's from wall to wall, at most a pitch apart.

    At the walls of one undivided piece, *wall_nodes* more, each half as far from the wall.
    """
    pitch = (size + gap) / count
    width = pitch - gap
    intervals = max(1, math.ceil(width / pitch_mm - 1e-9))
    inside = np.linspace(_INSET_MM, width - _INSET_MM, intervals + 1)
    if wall_nodes and count == 1:
        near = (inside[1] - inside[0]) / 2.0 ** np.arange(1, wall_nodes + 1)
        inside = np.unique(np.concatenate([inside, inside[0] + near, inside[-1] - near]))
    starts = np.arange(count) * pitch - size / 2
    return np.asarray((starts[:, None] + inside[None, :]).ravel())


def depth_nodes(thickness: float, settings: LightMapSettings) -> Table:
    """Return the depths, closer together near the photosensors."""
    fine = min(settings.fine_depth_mm, thickness)
    coarse = thickness - fine
    upper = np.linspace(0, coarse, max(1, math.ceil(coarse / settings.depth_pitch_mm - 1e-9)) + 1)[
        :-1
    ]
    lower = np.linspace(
        coarse, thickness, max(1, math.ceil(2 * fine / settings.depth_pitch_mm - 1e-9)) + 1
    )
    # Light that leaves at once grows steeply in the last tenths of a millimetre.
    last = (lower[-1] - lower[-2]) / 2.0 ** np.arange(1, 4)
    nodes = np.concatenate(
        [upper if coarse > 0 else upper[:0], lower[:-1], thickness - last, lower[-1:]]
    )
    return np.asarray(np.clip(nodes, _INSET_MM, thickness - _INSET_MM))


def images_of(
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

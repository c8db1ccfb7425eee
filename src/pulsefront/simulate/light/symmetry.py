"""What the mirror symmetry of a detector saves of a light map.

Crystal and layers are symmetric; photosensors that are shifted against them are not. Light that
sets out at one column of positions is then looked for on the photosensors as every mirror shows
them, so that a misaligned detector costs hardly more than a perfect one.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsefront.detector import Detector, SensorPlane

__all__ = ["Column", "Image", "Symmetry", "symmetry_of"]

Table = NDArray[np.float64]


@dataclass(frozen=True)
class Image:
    """What a column of grid positions becomes in one or several mirrors.

    Attributes
    ----------
    i, j
        Indices of the mirrored column.
    order
        (sensor,): which photosensor each one there is the image of.
    offset
        Row of `Symmetry.offsets_mm`: the shift of the photosensors whose image is that of the
        detector.
    """

    i: int
    j: int
    order: NDArray[np.intp]
    offset: int


@dataclass(frozen=True)
class Column:
    """Grid positions (i, j) of all depths, and all columns that mirror them, itself among them."""

    i: int
    j: int
    images: tuple[Image, ...]


@dataclass(frozen=True)
class Symmetry:
    """What mirrors leave to be traced of a grid of columns.

    Attributes
    ----------
    columns
        Of one quadrant, or octant where x and y may be exchanged.
    offsets_mm
        (offset, 2): shifts of the photosensors against the crystal. A plane that is not shifted
        is its own image; the images of one that is are shifted to other sides.
    shape
        Of the grid: positions along x and y.
    """

    columns: tuple[Column, ...]
    offsets_mm: Table
    shape: tuple[int, int]

    def unfolded(self, values: Sequence[NDArray[Any]]) -> NDArray[Any]:
        """Return (x, y, depth, sensor, ...) from (offset, depth, sensor, ...) of each column."""
        result = np.zeros((*self.shape, *values[0].shape[1:]), values[0].dtype)
        for column, value in zip(self.columns, values, strict=True):
            for i, j in {(image.i, image.j) for image in column.images}:
                # A column on an axis of symmetry has several images of itself: their mean is
                # symmetric.
                same = [one for one in column.images if (one.i, one.j) == (i, j)]
                result[i, j] = np.mean([value[one.offset][:, one.order] for one in same], axis=0)
        return result


def symmetry_of(detector: Detector, nx: int, ny: int) -> Symmetry:
    """Return what has to be traced of *nx* times *ny* columns; crystal and layers are symmetric."""
    plane = detector.sensors
    square = _is_square(detector) and nx == ny
    offsets: dict[tuple[float, float], int] = {}
    columns = [
        Column(i, j, tuple(_images(i, j, nx, ny, plane, offsets, square=square)))
        for i in range(-(-nx // 2))
        for j in range(-(-ny // 2))
        if not square or j <= i
    ]
    return Symmetry(tuple(columns), np.array(list(offsets), np.float64), (nx, ny))


def _images(
    i: int,
    j: int,
    nx: int,
    ny: int,
    plane: SensorPlane,
    offsets: dict[tuple[float, float], int],
    *,
    square: bool,
) -> list[Image]:
    """Return the images of a column, numbering the *offsets* that they need as they come."""
    columns, rows = plane.grid
    sensors = np.arange(columns * rows).reshape(rows, columns)
    images = []
    for swap in (False, True) if square else (False,):
        mirrored = sensors.T if swap else sensors
        at = (j, i) if swap else (i, j)
        for flip_x, flip_y in itertools.product((False, True), repeat=2):
            order = mirrored[:: -1 if flip_y else 1, :: -1 if flip_x else 1].ravel()
            to = (nx - 1 - at[0] if flip_x else at[0], ny - 1 - at[1] if flip_y else at[1])
            # Back through the mirrors: flipped first, exchanged then.
            x, y = plane.offset_mm
            x, y = (-x if flip_x else x), (-y if flip_y else y)
            offset = (y, x) if swap else (x, y)
            images.append(Image(*to, order, offsets.setdefault(offset, len(offsets))))
    return images


def _is_square(detector: Detector) -> bool:
    """Return whether x and y may be exchanged."""
    slabs = [detector.crystal.size_mm, *(layer.size_mm for layer in detector.layers)]
    pairs = [detector.crystal.elements, detector.sensors.grid, detector.sensors.pitch_mm]
    return all(size[0] == size[1] for size in slabs) and all(pair[0] == pair[1] for pair in pairs)

"""Mirror images and turns by right angles that leave a detector as it is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pulsefront.detector.detector import Detector

__all__ = ["Turn", "turns_of"]

TOLERANCE_MM = 1e-6

# All that map the axes x and y onto themselves or each other.
_MATRICES = tuple(
    np.array(rows, np.int64)
    for rows in (
        [[1, 0], [0, 1]], [[-1, 0], [0, 1]], [[1, 0], [0, -1]], [[-1, 0], [0, -1]],
        [[0, 1], [1, 0]], [[0, -1], [1, 0]], [[0, 1], [-1, 0]], [[0, -1], [-1, 0]],
    )
)  # fmt: skip


@dataclass(frozen=True)
class Turn:
    """What takes a place (x, y) to ``matrix @ (x, y)``.

    ``order`` (sensor,) says whose charge each photosensor has afterwards.
    """

    matrix: NDArray[np.int64]
    order: NDArray[np.intp]


def turns_of(detector: Detector) -> tuple[Turn, ...]:
    """Return the turns and mirror images of *detector*, first the one that changes nothing.

    Crystal, its elements and the photosensors are the same afterwards; its four sides have one
    surface. Gains may differ from channel to channel: they are no part of the description.
    """
    x, y, _ = detector.crystal.size_mm
    found = []
    for matrix in _MATRICES:
        if matrix[0, 0] == 0 and abs(x - y) > TOLERANCE_MM:
            continue
        order = _order(detector.sensors.centres_mm, matrix)
        elements = _order(detector.crystal.element_centres_mm, matrix)
        if order is not None and elements is not None:
            found.append(Turn(matrix, order))
    return tuple(found)


def _order(centres_mm: NDArray[np.float64], matrix: NDArray[np.int64]) -> NDArray[np.intp] | None:
    """Return which centre *matrix* takes to each one, (centre,); None where it leaves the set."""
    moved = centres_mm[:, :2] @ matrix.T
    distance = np.abs(centres_mm[:, None, :2] - moved[None]).max(axis=2)
    nearest = distance.argmin(axis=1)
    if distance.min(axis=1).max(initial=0.0) > TOLERANCE_MM:
        return None
    return np.asarray(nearest, np.intp)

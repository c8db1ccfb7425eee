"""The mirrors in which a detector's block and photosensors look the same."""

from __future__ import annotations

import numpy as np

from pulsefront.detector import Detector, turns_of
from pulsefront.fixed_point.fold import Mirrors

__all__ = ["block_mirrors", "missing_mirrors"]

MIRRORS = {"x": [[-1, 0], [0, 1]], "y": [[1, 0], [0, -1]], "diagonal": [[0, 1], [1, 0]]}
"""What each does to (x, y)."""


def missing_mirrors(detector: Detector, *, diagonal: bool) -> list[str]:
    """Return the mirrors in which *detector* is not the same; of its *diagonal* if asked."""
    known = {turn.matrix.tobytes() for turn in turns_of(detector)}
    return [
        name
        for name, matrix in MIRRORS.items()
        if np.array(matrix, np.int64).tobytes() not in known and (diagonal or name != "diagonal")
    ]


def block_mirrors(detector: Detector) -> Mirrors | None:
    """Return all mirrors in which *detector* is the same: of a square, of a rectangle, or None."""
    for diagonal in (True, False):
        if not missing_mirrors(detector, diagonal=diagonal):
            return Mirrors(*detector.sensors.grid, diagonal=diagonal)
    return None

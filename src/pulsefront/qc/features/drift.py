"""Slow drift of a whole scanner, which no single day shows: watched by its smoothed level.

The failure model looks a month ahead. A sensitivity that sinks one per cent a month is far from
failing then, yet images suffer; so the smoothed level of every reading of the unit as a whole is
watched in limit units, the half-width of its tolerance, and named well before it leaves that.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pulsefront.qc.features.schema import FeatureSchema

__all__ = ["WATCH_LEVEL", "watched_tests"]

WATCH_LEVEL = 0.6
"""Smoothed distance from the reference, in limit units, from which a reading is watched."""


def watched_tests(values: npt.NDArray[np.float32], schema: FeatureSchema) -> list[list[str]]:
    """Return for each row of a unit as a whole the tests that are watched."""
    columns = [schema.column(f"{test}:level_mean") for test in schema.unit_tests]
    levels = values[:, columns]
    return [
        [t for t, level in zip(schema.unit_tests, row, strict=True) if level >= WATCH_LEVEL]
        for row in levels
    ]

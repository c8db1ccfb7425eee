"""How far times of two channels lie apart: the middle, and the width of the central 68 %."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["TimeSpread", "time_spread"]


@dataclass(frozen=True)
class TimeSpread:
    """Median of differences and half the width of their central 68 %, in one unit."""

    events: int
    median: float
    half_width: float

    def as_json(self, unit: str) -> dict[str, Any]:
        """Return plain JSON values, the unit in the keys."""
        return {
            "events": self.events,
            f"median_{unit}": self.median,
            f"central_68_percent_half_width_{unit}": self.half_width,
        }


def time_spread(differences: NDArray[np.float64]) -> TimeSpread | None:
    """Return the spread of (event,) differences; None where there are none."""
    if not len(differences):
        return None
    low, middle, high = np.percentile(differences, [15.865, 50.0, 84.135])
    return TimeSpread(len(differences), float(middle), float(high - low) / 2)

"""How far times of two channels lie apart: the middle, and the width of the central 68 %."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray

from pulsefront.evaluate.record import Record

__all__ = ["TimeDifference", "TimeSpread", "TimeUnit", "time_spread"]

TimeUnit = Literal["ns", "samples"]


@dataclass(frozen=True)
class TimeSpread:
    """Median of differences and half the width of their central 68 %, in their unit."""

    events: int
    median: float
    half_width: float


class TimeDifference(Record):
    """How far two channels' times lie apart; in samples where their interval is not known."""

    events: int
    """events with both times"""
    median_ns: float | None = None
    """median of the difference"""
    central_68_percent_half_width_ns: float | None = None
    """half the width of its central 68 %"""
    median_samples: float | None = None
    """median of the difference"""
    central_68_percent_half_width_samples: float | None = None
    """half the width of its central 68 %"""

    @classmethod
    def of(cls, spread: TimeSpread, unit: TimeUnit) -> Self:
        """Return *spread* with its unit in the keys."""
        values = {
            f"median_{unit}": spread.median,
            f"central_68_percent_half_width_{unit}": spread.half_width,
        }
        return cls.model_validate({"events": spread.events, **values})

    @property
    def told(self) -> str:
        """Median, central 68 % and events in words."""
        unit, median, half = "ns", self.median_ns, self.central_68_percent_half_width_ns
        if median is None:
            unit, median = "samples", self.median_samples
            half = self.central_68_percent_half_width_samples
        spread = f"median {median:.4g} {unit}, central 68 % ± {half:.3g} {unit}"
        return f"{spread}, {self.events:,} events"


def time_spread(differences: NDArray[np.float64]) -> TimeSpread | None:
    """Return the spread of (event,) differences; None where there are none."""
    if not len(differences):
        return None
    low, middle, high = np.percentile(differences, [15.865, 50.0, 84.135])
    return TimeSpread(len(differences), float(middle), float(high - low) / 2)

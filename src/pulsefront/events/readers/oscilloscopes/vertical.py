"""Vertical scale of an oscilloscope trace: what one count is worth, and where zero counts lie."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsefront.events.container import Quantity

__all__ = ["IN_UNITS", "VerticalScale"]

VOLTS = ("v", "volt", "volts")
IN_UNITS = "samples of the trace, times the vertical scale of each"


@dataclass(frozen=True)
class VerticalScale:
    """Value of a sample: counts times *per_count* plus *at_zero*, both in *unit*."""

    per_count: float
    at_zero: float
    unit: str

    @property
    def finite(self) -> bool:
        """Whether it can scale anything."""
        return bool(np.isfinite([self.per_count, self.at_zero]).all()) and self.per_count != 0

    @property
    def told(self) -> dict[str, Any]:
        """It as entries of a provenance."""
        if self.unit.lower() in VOLTS:
            return {
                "millivolts_per_count": self.per_count * 1000.0,
                "millivolts_at_zero": self.at_zero * 1000.0,
            }
        return {
            "vertical_unit": self.unit,
            "units_per_count": self.per_count,
            "units_at_zero": self.at_zero,
        }

    @classmethod
    def from_provenance(cls, told: Mapping[str, Any]) -> VerticalScale | None:
        """Return the scale that a provenance tells; None where it tells none."""
        if "millivolts_at_zero" in told:
            per_count, at_zero = told["millivolts_per_count"], told["millivolts_at_zero"]
            return cls(per_count / 1000.0, at_zero / 1000.0, "V")
        if "units_at_zero" in told:
            return cls(told["units_per_count"], told["units_at_zero"], told["vertical_unit"])
        return None

    @property
    def quantity(self) -> Quantity:
        """Meaning of samples that it has been applied to."""
        return Quantity(self.unit, IN_UNITS)

    def applied(self, counts: NDArray[Any]) -> NDArray[np.float64]:
        """Return samples in the unit, float64 of the shape of *counts*."""
        return np.asarray(counts, np.float64) * self.per_count + self.at_zero

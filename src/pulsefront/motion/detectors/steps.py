"""What every detector of motion gives: steps of the centre, each with its size and its doubt."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["CentreStep"]


@dataclass(frozen=True)
class CentreStep:
    """A sudden displacement of the centre.

    Attributes
    ----------
    time_s
        When it happened, as far as the trace tells.
    decided_s
        End of the last interval that was needed to say so.
    shift_mm, error_mm
        (axis,) displacement and its standard error.
    score
        What was compared with the threshold.
    """

    time_s: float
    decided_s: float
    shift_mm: tuple[float, float, float]
    error_mm: tuple[float, float, float]
    score: float

    @property
    def size_mm(self) -> float:
        """Return the length of the displacement."""
        return float(np.linalg.norm(self.shift_mm))

    @property
    def size_error_mm(self) -> float:
        """Return the standard error along the displacement."""
        shift, error = np.array(self.shift_mm), np.array(self.error_mm)
        size = max(float(np.linalg.norm(shift)), 1e-12)
        return float(np.sqrt(((shift / size * error) ** 2).sum()))

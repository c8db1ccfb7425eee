"""A ring of detectors: which coincidences it sees, and where it says that they came from.

An annihilation at p sends two photons along ±u. They are seen where both meet the ring. The place
that is measured is p, blurred by the detectors' size, and along u by the resolution of the time of
flight. So its mean is the mean of the places seen, and all its moments follow from the acceptance
alone, which this module integrates once, by quadrature, into a table over radius and z.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

__all__ = ["AcceptanceTable", "RingScanner"]

Floats = NDArray[np.float64]

MM_PER_PS_FWHM = 0.299792458 / 2 / 2.3548200450309493
"""Standard deviation of the place along the line, in mm, per ps FWHM of the time difference."""

LARGEST_RADIUS_MM = 300.0


@dataclass(frozen=True)
class AcceptanceTable:
    """What a place in the scanner is worth, over radius and distance from the middle plane.

    Attributes
    ----------
    radius_step_mm, z_step_mm, z_first_mm
        The grid.
    seen
        (radius, z) probability that both photons of an annihilation meet the ring.
    cos2, sin2, cos4, sin4
        (radius, z) mean of cos²θ, sin²θ, cos⁴θ, sin⁴θ of the lines that are seen, θ from the plane
        of the ring.
    """

    radius_step_mm: float
    z_step_mm: float
    z_first_mm: float
    seen: Floats
    cos2: Floats
    sin2: Floats
    cos4: Floats
    sin4: Floats


@dataclass(frozen=True)
class RingScanner:
    """A cylinder of detectors about the z axis.

    Attributes
    ----------
    radius_mm, length_mm
        Inner radius, and length along z.
    ctr_fwhm_ps
        Coincidence time resolution.
    blur_mm
        Standard deviation of the measured place in each direction that the detectors' size makes.
    field_radius_mm
        Coincidences measured further from the axis are left out, delayed ones too.
    sectors, rings
        Parts into which rates are counted, around and along z.
    """

    radius_mm: float = 400.0
    length_mm: float = 260.0
    ctr_fwhm_ps: float = 250.0
    blur_mm: float = 2.0
    field_radius_mm: float = 180.0
    sectors: int = 12
    rings: int = 2

    @property
    def tof_sigma_mm(self) -> float:
        """Return the standard deviation of the place along the line."""
        return self.ctr_fwhm_ps * MM_PER_PS_FWHM

    @property
    def largest_sine(self) -> float:
        """Return the sine of the steepest line from within 300 mm of the axis that is seen."""
        inner = min(LARGEST_RADIUS_MM, 0.9 * self.radius_mm)
        tangent = self.length_mm / (2 * np.sqrt(self.radius_mm**2 - inner**2))
        return float(tangent / np.hypot(1.0, tangent))

    @cached_property
    def acceptance(self) -> AcceptanceTable:
        """Return the table, by quadrature over 64 directions in the plane.

        At distances a and b to the ring along ±u, tan θ may reach from max(−(h+z)/a, −(h−z)/b) to
        min((h−z)/a, (h+z)/b), h half the length; isotropic directions are uniform in sin θ.
        """
        radii = np.linspace(0, LARGEST_RADIUS_MM, 61)
        half = self.length_mm / 2
        heights = np.linspace(-half, half, 131)
        angle = (np.arange(64) + 0.5) * np.pi / 64
        along = radii[:, None] * np.cos(angle)
        chord = np.sqrt(self.radius_mm**2 - (radii[:, None] * np.sin(angle)) ** 2)
        forth, back = (chord - along)[:, None], (chord + along)[:, None]
        z = heights[None, :, None]
        high = np.minimum((half - z) / forth, (half + z) / back)
        low = np.maximum(-(half + z) / forth, -(half - z) / back)
        first, last = low / np.hypot(1, low), high / np.hypot(1, high)
        width = np.maximum(last - first, 0)
        seen = width.mean(axis=2) / 2
        with np.errstate(divide="ignore", invalid="ignore"):
            sin2 = ((last**3 - first**3) / 3 * (width > 0)).mean(axis=2) / (2 * seen)
            sin4 = ((last**5 - first**5) / 5 * (width > 0)).mean(axis=2) / (2 * seen)
        sin2, sin4 = np.nan_to_num(sin2), np.nan_to_num(sin4)
        return AcceptanceTable(
            radius_step_mm=float(radii[1]),
            z_step_mm=float(heights[1] - heights[0]),
            z_first_mm=-half,
            seen=seen,
            cos2=1 - sin2,
            sin2=sin2,
            cos4=1 - 2 * sin2 + sin4,
            sin4=sin4,
        )

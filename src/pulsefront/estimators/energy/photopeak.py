"""The photopeak in a spectrum of charges, and the window about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsefront.errors import DataError
from pulsefront.estimators.energy.peaks import SIGMA_TO_FWHM, gaussian, spectrum_of

__all__ = ["Photopeak", "find_photopeak"]


@dataclass(frozen=True)
class Photopeak:
    """Position and width of a full-energy peak, in the unit of the charges."""

    position: float
    sigma: float

    @property
    def fwhm_fraction(self) -> float:
        """Energy resolution: FWHM of the fitted Gaussian over its position."""
        return float(SIGMA_TO_FWHM * self.sigma / self.position)

    def contains(self, charge: NDArray[Any], sigmas: float) -> NDArray[np.bool_]:
        """(event,) True within *sigmas* standard deviations of the peak."""
        return np.asarray(np.abs(charge - self.position) <= sigmas * self.sigma)


def find_photopeak(charge: NDArray[np.floating]) -> Photopeak:
    """Find the full-energy peak: the highest-lying prominent bump of the spectrum.

    It has at least a tenth of the largest prominence. A Gaussian is then fitted by least squares
    to the bins within −1 and +2 σ (the low side holds scattered events, whose edge no straight
    background follows), repeated until it settles.

    Raises
    ------
    DataError
        Fewer than 100 finite charges, or no peak.
    """
    from scipy.optimize import curve_fit

    spectrum = spectrum_of(charge)
    counts, centres = spectrum.counts, spectrum.centres
    most = max(bump.prominence for bump in spectrum.bumps)
    peak = [bump for bump in spectrum.bumps if bump.prominence >= 0.1 * most][-1]
    position, sigma, height = peak.position, peak.sigma, float(counts[peak.bin])
    for _ in range(5):
        near = (centres > position - sigma) & (centres < position + 2.0 * sigma)
        if near.sum() < 5:
            break
        try:
            (height, position, sigma), _ = curve_fit(
                gaussian,
                centres[near],
                counts[near],
                p0=(height, position, sigma),
                sigma=np.sqrt(np.maximum(counts[near], 1.0)),
            )
        except RuntimeError:  # as many steps as it may take, and none of them the last
            raise DataError("the photopeak fit did not settle", field="charge") from None
        sigma = abs(float(sigma))
    if not 0.0 < position < spectrum.edges[-1] or not sigma < position:
        raise DataError("the photopeak fit did not settle", field="charge", value=position)
    return Photopeak(float(position), sigma)

"""The photopeak in a spectrum of charges."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pulsefront.errors import DataError

__all__ = ["Photopeak", "find_photopeak"]


@dataclass(frozen=True)
class Photopeak:
    """Position and width of a full-energy peak, in the unit of the charges."""

    position: float
    sigma: float

    @property
    def fwhm_fraction(self) -> float:
        """Energy resolution: FWHM of the fitted Gaussian over its position."""
        return 2.3548200450309493 * self.sigma / self.position

    def contains(self, charge: NDArray[np.floating], sigmas: float) -> NDArray[np.bool_]:
        """(event,) True within *sigmas* standard deviations of the peak."""
        return np.asarray(np.abs(charge - self.position) <= sigmas * self.sigma)


def find_photopeak(charge: NDArray[np.floating]) -> Photopeak:
    """Find the full-energy peak: the highest-lying prominent peak of the spectrum.

    The spectrum is histogrammed, smoothed, and the peak of highest charge with at least a tenth
    of the largest prominence is taken. A Gaussian is then fitted by least squares to the bins
    within −1 and +2 σ (the low side holds scattered events), repeated until it settles.

    Raises
    ------
    DataError
        Fewer than 100 finite charges, or no peak.
    """
    from scipy.ndimage import gaussian_filter1d
    from scipy.optimize import curve_fit
    from scipy.signal import find_peaks

    charge = np.asarray(charge, np.float64)
    charge = charge[np.isfinite(charge)]
    if len(charge) < 100:
        raise DataError("too few events for a photopeak", field="charge", value=len(charge))
    top = float(np.quantile(charge, 0.999)) * 1.1
    n_bins = int(np.clip(np.sqrt(len(charge)), 50, 400))
    counts, edges = np.histogram(charge, bins=n_bins, range=(0.0, top))
    centres = 0.5 * (edges[1:] + edges[:-1])
    smooth = gaussian_filter1d(counts.astype(np.float64), 0.01 * n_bins, mode="constant")
    peaks, properties = find_peaks(smooth, prominence=0.0)
    if len(peaks) == 0:
        raise DataError("no peak in the spectrum", field="charge")
    prominences = properties["prominences"]
    peak = peaks[prominences >= 0.1 * prominences.max()][-1]

    position = float(centres[peak])
    sigma = _half_width(smooth, int(peak)) * (edges[1] - edges[0]) / 1.177
    height = float(counts[peak])
    for _ in range(5):
        near = (centres > position - sigma) & (centres < position + 2.0 * sigma)
        if near.sum() < 5:
            break
        (height, position, sigma), _ = curve_fit(
            _gaussian,
            centres[near],
            counts[near],
            p0=(height, position, sigma),
            sigma=np.sqrt(np.maximum(counts[near], 1.0)),
        )
        sigma = abs(float(sigma))
    if not 0.0 < position < top or not sigma < position:
        raise DataError("the photopeak fit did not settle", field="charge", value=position)
    return Photopeak(float(position), sigma)


def _gaussian(
    x: NDArray[np.float64], height: float, position: float, sigma: float
) -> NDArray[np.float64]:
    return np.asarray(height * np.exp(-0.5 * ((x - position) / sigma) ** 2))


def _half_width(spectrum: NDArray[np.float64], peak: int) -> float:
    """Return the distance in bins from *peak* to half maximum on its upper side."""
    below = np.flatnonzero(spectrum[peak:] < 0.5 * spectrum[peak])
    return float(max(below[0], 1)) if len(below) else 1.0

"""Peaks of a spectrum of charges: found by prominence, fitted as a Gaussian on a background."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsefront.errors import ConfigError, DataError

__all__ = ["Bump", "PeakFit", "Spectrum", "fit_peak", "gaussian", "spectrum_of"]

Floats = NDArray[np.float64]

LEAST_VALUES = 100
SIGMA_TO_FWHM = 2.0 * np.sqrt(2.0 * np.log(2.0))


@dataclass(frozen=True)
class PeakFit:
    """A Gaussian on a straight background, fitted to a spectrum.

    Attributes
    ----------
    centre, sigma
        In the unit of the spectrum, with their standard errors.
    counts
        Area of the Gaussian.
    chi_square
        Per degree of freedom.
    low, high
        Range of the fit.
    """

    centre: float
    centre_error: float
    sigma: float
    sigma_error: float
    counts: float
    background: tuple[float, float]
    chi_square: float
    low: float
    high: float
    bin_width: float

    @property
    def resolution_fwhm(self) -> float:
        """FWHM over centre, under the Gaussian that was fitted."""
        return float(SIGMA_TO_FWHM * self.sigma / self.centre)

    def as_json(self) -> dict[str, Any]:
        """Return the fit as plain JSON values."""
        return {
            "centre_charge": self.centre,
            "centre_error_charge": self.centre_error,
            "sigma_charge": self.sigma,
            "sigma_error_charge": self.sigma_error,
            "resolution_fwhm_percent": 100 * self.resolution_fwhm,
            "counts": self.counts,
            "background_per_bin": list(self.background),
            "chi_square_per_degree": self.chi_square,
            "fitted_from_charge": self.low,
            "fitted_to_charge": self.high,
            "bin_width_charge": self.bin_width,
        }

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> PeakFit:
        """Return the fit that `as_json` wrote."""
        level, slope = content["background_per_bin"]
        return cls(
            centre=float(content["centre_charge"]),
            centre_error=float(content["centre_error_charge"]),
            sigma=float(content["sigma_charge"]),
            sigma_error=float(content["sigma_error_charge"]),
            counts=float(content["counts"]),
            background=(float(level), float(slope)),
            chi_square=float(content["chi_square_per_degree"]),
            low=float(content["fitted_from_charge"]),
            high=float(content["fitted_to_charge"]),
            bin_width=float(content["bin_width_charge"]),
        )

    @property
    def _height(self) -> float:
        return float(self.counts * self.bin_width / (self.sigma * np.sqrt(2 * np.pi)))

    def density(self, values: Floats) -> Floats:
        """Return the fitted counts per bin of width ``bin_width`` at *values*."""
        return gaussian(values, self._height, self.centre, self.sigma) + (
            self.background[0] + self.background[1] * (values - self.centre)
        )


def fit_peak(values: NDArray[Any], low: float, high: float, *, bins: int | None = None) -> PeakFit:
    """Fit a Gaussian on a straight background between *low* and *high*.

    Binned least squares, weighted with the Poisson errors of the model of the step before.

    Parameters
    ----------
    values
        (event,) charges or energies; those not finite are left out.
    low, high
        Range, which must hold the whole peak and some background.
    bins
        Number of bins; by default about four per standard deviation of what is in the range.

    Raises
    ------
    DataError
        Fewer than 50 values in the range, or no peak can be fitted.
    ConfigError
        The range is empty.
    """
    from scipy.optimize import curve_fit

    if not low < high:
        raise ConfigError("must have low < high", field="low, high", value=(low, high))
    values = np.asarray(values, np.float64)
    inside = values[np.isfinite(values) & (values >= low) & (values < high)]
    if len(inside) < 50:
        raise DataError(
            f"only {len(inside)} values between {low:g} and {high:g}",
            field="peak",
            remedy="give more events or another range",
        )
    bins = bins or int(np.clip(np.sqrt(len(inside)), 20, 120))
    counts, edges = np.histogram(inside, bins, (low, high))
    centres = (edges[:-1] + edges[1:]) / 2
    width = float(edges[1] - edges[0])

    reach = high - low
    top = float(centres[np.argmax(_smooth(counts))])
    most = float(max(counts.max(), 1))

    # In units of the range and of the highest bin, so that all parameters are of the order of one.
    def model(
        x: Floats, centre: float, sigma: float, height: float, level: float, slope: float
    ) -> Floats:
        u = (x - top) / reach - centre
        return np.asarray(most * (gaussian(u, height, 0.0, sigma) + level + slope * u))

    level = float(np.percentile(counts, 20)) / most
    start = [0.0, float(np.clip(inside.std() / reach, 0.02, 0.3)), 1.0 - level, level, 0.0]
    bounds = (
        [(low - top) / reach, 0.5 * width / reach, 0.0, -10.0, -50.0],
        [(high - top) / reach, 0.5, 10.0, 10.0, 50.0],
    )
    errors = np.sqrt(np.maximum(counts, 1.0))
    try:
        for _ in range(5):
            solution, covariance = curve_fit(
                model, centres, counts, start, errors, absolute_sigma=True, bounds=bounds
            )
            start = [float(value) for value in solution]
            errors = np.sqrt(np.maximum(model(centres, *solution), 1.0))
    except (RuntimeError, ValueError):
        raise DataError("no peak could be fitted", field="peak", value=(low, high)) from None
    spread = np.sqrt(np.diag(covariance))
    centre, sigma = top + reach * start[0], reach * start[1]
    height, level, slope = most * start[2], most * start[3], most * start[4] / reach
    at_bound = sigma > 0.49 * reach or centre - low < width or high - centre < width
    if at_bound or not np.isfinite(spread).all() or start[2] < 3 * spread[2]:
        raise DataError("no peak could be fitted", field="peak", value=(low, high))
    chi_square = float(np.sum(((counts - model(centres, *start)) / errors) ** 2) / (bins - 5))
    return PeakFit(
        centre,
        float(reach * spread[0]),
        sigma,
        float(reach * spread[1]),
        height * sigma * np.sqrt(2 * np.pi) / width,
        (level + slope * (centre - top), slope),
        chi_square,
        low,
        high,
        width,
    )


@dataclass(frozen=True)
class Bump:
    """A peak of a smoothed spectrum: bin, place, upper half width as a sigma, and prominence."""

    bin: int
    position: float
    sigma: float
    prominence: float


@dataclass(frozen=True)
class Spectrum:
    """Histogram of charges from zero on, and its bumps in rising order."""

    counts: NDArray[np.int64]
    edges: Floats
    bumps: tuple[Bump, ...]

    @property
    def centres(self) -> Floats:
        """Middle of each bin."""
        return np.asarray(0.5 * (self.edges[1:] + self.edges[:-1]))


def spectrum_of(charge: NDArray[Any]) -> Spectrum:
    """Histogram finite charges up to a tenth above their 99.9th percentile and find the bumps.

    Bumps are those of the spectrum smoothed by a Gaussian of a hundredth of the axis.

    Raises
    ------
    DataError
        Fewer than 100 finite charges, or no bump.
    """
    from scipy.ndimage import gaussian_filter1d
    from scipy.signal import find_peaks

    charge = np.asarray(charge, np.float64)
    charge = charge[np.isfinite(charge)]
    if len(charge) < LEAST_VALUES:
        raise DataError("too few events for a photopeak", field="charge", value=len(charge))
    top = float(np.quantile(charge, 0.999)) * 1.1
    if not top > 0:
        raise DataError("no peak in the spectrum", field="charge", remedy="check the polarity")
    n_bins = int(np.clip(np.sqrt(len(charge)), 50, 400))
    counts, edges = np.histogram(charge, bins=n_bins, range=(0.0, top))
    smooth = gaussian_filter1d(counts.astype(np.float64), 0.01 * n_bins, mode="constant")
    places, properties = find_peaks(smooth, prominence=0.0)
    if len(places) == 0:
        raise DataError("no peak in the spectrum", field="charge")
    centres = 0.5 * (edges[1:] + edges[:-1])
    width = edges[1] - edges[0]
    bumps = tuple(
        Bump(
            int(place),
            float(centres[place]),
            float(_upper_half_width(smooth, int(place)) * width / 1.177),
            float(prominence),
        )
        for place, prominence in zip(places, properties["prominences"], strict=True)
    )
    return Spectrum(counts, edges, bumps)


def gaussian(x: Floats, height: float, position: float, sigma: float) -> Floats:
    """Return ``height · exp(−((x − position) / sigma)² / 2)``."""
    return np.asarray(height * np.exp(-0.5 * ((x - position) / sigma) ** 2))


def _upper_half_width(spectrum: Floats, peak: int) -> float:
    """Return the distance in bins from *peak* to half maximum on its upper side."""
    below = np.flatnonzero(spectrum[peak:] < 0.5 * spectrum[peak])
    return float(max(below[0], 1)) if len(below) else 1.0


def _smooth(counts: NDArray[Any]) -> Floats:
    padded = np.pad(np.asarray(counts, np.float64), 2, mode="edge")
    return np.asarray(np.convolve(padded, np.ones(5) / 5, mode="valid"))

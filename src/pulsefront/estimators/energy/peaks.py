"""Peaks of a spectrum of charges: found by prominence, fitted as a Gaussian on a background."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pulsefront.errors import ConfigError, DataError
from pulsefront.evaluate.record import Record

__all__ = ["Bump", "PeakFit", "Spectrum", "fit_peak", "gaussian", "spectrum_of"]

Floats = NDArray[np.float64]

LEAST_VALUES = 100
SIGMA_TO_FWHM = 2.0 * np.sqrt(2.0 * np.log(2.0))


class PeakFit(Record):
    """A Gaussian on a straight background, fitted to a spectrum of charges."""

    centre_charge: float
    """centre of the Gaussian, in the unit of the charges"""
    centre_error_charge: float
    """its standard error"""
    sigma_charge: float
    """standard deviation of the Gaussian"""
    sigma_error_charge: float
    """its standard error"""
    resolution_fwhm_percent: float
    """full width at half maximum of the Gaussian over its centre"""
    counts: float
    """area of the Gaussian"""
    background_per_bin: tuple[float, float]
    """counts per bin under the centre, and their slope per unit of charge"""
    chi_square_per_degree: float
    """χ² of the fit per degree of freedom"""
    fitted_from_charge: float
    """lower end of the fit"""
    fitted_to_charge: float
    """upper end of the fit"""
    bin_width_charge: float
    """width of the bins"""

    def density(self, values: Floats) -> Floats:
        """Return the fitted counts per bin of width ``bin_width_charge`` at *values*."""
        level, slope = self.background_per_bin
        area = self.counts * self.bin_width_charge
        height = float(area / (self.sigma_charge * np.sqrt(2 * np.pi)))
        peak = gaussian(values, height, self.centre_charge, self.sigma_charge)
        return peak + (level + slope * (values - self.centre_charge))


class _Shape(NamedTuple):
    """Gaussian and line in units of the range and of the highest bin: all of the order of one."""

    centre: float
    sigma: float
    height: float
    level: float
    slope: float


@dataclass(frozen=True)
class _Binned:
    counts: NDArray[np.int64]
    edges: Floats

    @property
    def centres(self) -> Floats:
        return np.asarray((self.edges[:-1] + self.edges[1:]) / 2)

    @property
    def width(self) -> float:
        return float(self.edges[1] - self.edges[0])

    @property
    def top(self) -> float:
        """Where the smoothed counts are largest."""
        return float(self.centres[np.argmax(_smooth(self.counts))])

    @property
    def most(self) -> float:
        return float(max(self.counts.max(), 1))


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
    seen = _Binned(*np.histogram(inside, bins, (low, high)))
    width, reach, top, most = seen.width, high - low, seen.top, seen.most
    shape, spread, chi_square = _weighted_fit(seen, float(inside.std()), low, high)
    centre, sigma = top + reach * shape.centre, reach * shape.sigma
    at_bound = sigma > 0.49 * reach or centre - low < width or high - centre < width
    if at_bound or not np.isfinite(spread).all() or shape.height < 3 * spread.height:
        raise DataError("no peak could be fitted", field="peak", value=(low, high))
    height, level, slope = most * shape.height, most * shape.level, most * shape.slope / reach
    return PeakFit(
        centre_charge=centre,
        centre_error_charge=reach * spread.centre,
        sigma_charge=sigma,
        sigma_error_charge=reach * spread.sigma,
        resolution_fwhm_percent=100.0 * float(SIGMA_TO_FWHM * sigma / centre),
        counts=height * sigma * float(np.sqrt(2 * np.pi)) / width,
        background_per_bin=(level, slope),
        chi_square_per_degree=chi_square / (bins - len(shape)),
        fitted_from_charge=low,
        fitted_to_charge=high,
        bin_width_charge=width,
    )


def _weighted_fit(
    seen: _Binned, spread: float, low: float, high: float
) -> tuple[_Shape, _Shape, float]:
    """Return the fitted shape, its standard errors, and χ²; *spread* is that of all values.

    Raises
    ------
    DataError
        The fit does not converge.
    """
    from scipy.optimize import curve_fit

    counts, centres = seen.counts, seen.centres
    reach, top, most = high - low, seen.top, seen.most

    def model(
        x: Floats, centre: float, sigma: float, height: float, level: float, slope: float
    ) -> Floats:
        u = (x - top) / reach - centre
        return np.asarray(most * (gaussian(u, height, 0.0, sigma) + level + slope * u))

    level = float(np.percentile(counts, 20)) / most
    shape = _Shape(0.0, float(np.clip(spread / reach, 0.02, 0.3)), 1.0 - level, level, 0.0)
    lowest = _Shape((low - top) / reach, 0.5 * seen.width / reach, 0.0, -10.0, -50.0)
    highest = _Shape((high - top) / reach, 0.5, 10.0, 10.0, 50.0)
    errors = np.sqrt(np.maximum(counts, 1.0))
    try:
        for _ in range(5):
            solution, covariance = curve_fit(
                model, centres, counts, shape, errors, absolute_sigma=True, bounds=(lowest, highest)
            )
            shape = _Shape(*solution.tolist())
            errors = np.sqrt(np.maximum(model(centres, *shape), 1.0))
    except (RuntimeError, ValueError):
        raise DataError("no peak could be fitted", field="peak", value=(low, high)) from None
    uncertainty = _Shape(*np.sqrt(np.diag(covariance)).tolist())
    chi_square = float(np.sum(((counts - model(centres, *shape)) / errors) ** 2))
    return shape, uncertainty, chi_square


@dataclass(frozen=True)
class Bump:
    """A peak of a smoothed spectrum: bin, position, upper half width as a sigma, prominence."""

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
        raise DataError(
            "too few events for a photopeak",
            field="charge",
            value=len(charge),
            remedy=f"at least {LEAST_VALUES} are needed",
        )
    top = float(np.quantile(charge, 0.999)) * 1.1
    if not top > 0:
        raise DataError("no peak in the spectrum", field="charge", remedy="check the polarity")
    n_bins = int(np.clip(np.sqrt(len(charge)), 50, 400))
    counts, edges = np.histogram(charge, bins=n_bins, range=(0.0, top))
    smooth = gaussian_filter1d(counts.astype(np.float64), 0.01 * n_bins, mode="constant")
    peaks, properties = find_peaks(smooth, prominence=0.0)
    if len(peaks) == 0:
        raise DataError("no peak in the spectrum", field="charge")
    centres = 0.5 * (edges[1:] + edges[:-1])
    width = edges[1] - edges[0]
    bumps = tuple(
        Bump(
            int(peak),
            float(centres[peak]),
            float(_upper_half_width(smooth, int(peak)) * width / 1.177),
            float(prominence),
        )
        for peak, prominence in zip(peaks, properties["prominences"], strict=True)
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

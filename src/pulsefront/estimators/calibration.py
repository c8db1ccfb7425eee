"""Energy calibration from known peaks, photopeak selection, gains and time offsets of channels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pulsefront.errors import ConfigError, DataError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = [
    "NA22_PEAKS_KEV",
    "EnergyCalibration",
    "PeakFit",
    "calibrate_energy",
    "calibration_figure",
    "channel_gains",
    "channel_time_offsets",
    "fit_peak",
    "in_photopeak",
]

Floats = NDArray[np.float64]
NA22_PEAKS_KEV = (510.999, 1274.537)
"""Annihilation photons, and the gamma of ²²Na."""

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

    def density(self, values: Floats) -> Floats:
        """Return the fitted counts per bin of width ``bin_width`` at *values*."""
        return _shape(values - self.centre, self.counts * self.bin_width, self.sigma) + (
            self.background[0] + self.background[1] * (values - self.centre)
        )


@dataclass(frozen=True)
class EnergyCalibration:
    """Energy = offset + gain · charge, with the fits it comes from.

    One peak gives a gain and no offset; two or more give both, by weighted least squares.
    """

    gain_kev: float
    offset_kev: float
    peaks_kev: tuple[float, ...]
    fits: tuple[PeakFit, ...]

    def kev(self, charge: NDArray[Any]) -> Floats:
        """Return the energy of each charge in keV."""
        return np.asarray(self.offset_kev + self.gain_kev * np.asarray(charge, np.float64))

    def as_json(self) -> dict[str, Any]:
        """Return the calibration as plain JSON values, units in the keys."""
        return {
            "gain_kev": self.gain_kev,
            "offset_kev": self.offset_kev,
            "peaks": [
                {
                    "energy_kev": energy,
                    "centre_charge": fit.centre,
                    "centre_error_charge": fit.centre_error,
                    "resolution_fwhm_percent": 100 * fit.resolution_fwhm,
                    "chi_square_per_degree": fit.chi_square,
                }
                for energy, fit in zip(self.peaks_kev, self.fits, strict=True)
            ],
        }


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
        return np.asarray(most * (height * np.exp(-0.5 * (u / sigma) ** 2) + level + slope * u))

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


def calibrate_energy(
    charges: NDArray[Any],
    peaks_kev: Sequence[float] = NA22_PEAKS_KEV,
    *,
    ranges: Sequence[tuple[float, float]] | None = None,
) -> EnergyCalibration:
    """Calibrate charges with peaks of known energy.

    Parameters
    ----------
    charges
        (event,) in any unit.
    peaks_kev
        Energies, rising; by default those of ²²Na.
    ranges
        Range of each fit. Without them the first peak is taken to be the highest bump of the
        spectrum above a tenth of its reach, and the others to lie in proportion.

    Raises
    ------
    DataError
        A peak is not there.
    ConfigError
        Energies and ranges do not fit together.
    """
    energies = tuple(float(energy) for energy in peaks_kev)
    if not energies or list(energies) != sorted(set(energies)) or energies[0] <= 0:
        raise ConfigError("must be positive and rise", field="peaks_kev", value=energies)
    if ranges is not None and len(ranges) != len(energies):
        raise ConfigError("needs one range per peak", field="ranges", value=len(ranges))
    charges = np.asarray(charges, np.float64)
    fits: list[PeakFit] = []
    for number, energy in enumerate(energies):
        if ranges is not None:
            low, high = ranges[number]
        else:
            ratio = energy / energies[0]
            place = fits[0].centre * ratio if fits else _highest_bump(charges)
            low, high = 0.75 * place, 1.25 * place
        fit = fit_peak(charges, low, high)
        # The background under the edge of a wide range bends: once more, close to the peak.
        reach = 3.0 * fit.sigma
        near = max(low, fit.centre - reach), min(high, fit.centre + reach)
        fits.append(fit_peak(charges, *near) if ranges is None else fit)
    centres = np.array([fit.centre for fit in fits])
    if len(fits) == 1:
        return EnergyCalibration(energies[0] / centres[0], 0.0, energies, tuple(fits))
    weights = 1.0 / np.array([max(fit.centre_error, 1e-12) for fit in fits])
    gain, offset = np.polyfit(centres, energies, 1, w=weights)
    return EnergyCalibration(float(gain), float(offset), energies, tuple(fits))


def in_photopeak(
    energies_kev: NDArray[Any],
    calibration: EnergyCalibration,
    *,
    peak: int = 0,
    sigmas: tuple[float, float] = (2.0, 2.0),
) -> NDArray[np.bool_]:
    """Return which energies lie within some sigmas below and above a fitted peak."""
    fit = calibration.fits[peak]
    centre = calibration.offset_kev + calibration.gain_kev * fit.centre
    sigma = abs(calibration.gain_kev) * fit.sigma
    energies = np.asarray(energies_kev, np.float64)
    return np.asarray(
        (energies >= centre - sigmas[0] * sigma) & (energies <= centre + sigmas[1] * sigma)
    )


def calibration_figure(charges: NDArray[Any], calibration: EnergyCalibration) -> Figure:
    """Return the spectrum with the fitted peaks, and the straight line through them."""
    from matplotlib.figure import Figure

    charges = np.asarray(charges, np.float64)
    charges = charges[np.isfinite(charges)]
    figure = Figure(figsize=(10, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    top = max(fit.high for fit in calibration.fits) * 1.15
    counts, edges = np.histogram(charges, 200, (0, top))
    left.stairs(counts, edges, color="0.4")
    width = edges[1] - edges[0]
    for energy, fit in zip(calibration.peaks_kev, calibration.fits, strict=True):
        x = np.linspace(fit.low, fit.high, 200)
        label = f"{energy:.0f} keV: {100 * fit.resolution_fwhm:.1f} % FWHM (Gaussian)"
        left.plot(x, fit.density(x) * width / fit.bin_width, label=label)
    left.set(xlabel="charge", ylabel="events")
    left.legend(fontsize=8)
    x = np.array([0.0, top])
    right.plot(x, calibration.kev(x), color="0.4")
    for energy, fit in zip(calibration.peaks_kev, calibration.fits, strict=True):
        right.errorbar(fit.centre, energy, xerr=fit.centre_error, fmt="o")
    right.set(xlabel="charge", ylabel="energy (keV)")
    return figure


def channel_gains(charges: NDArray[Any], *, least_events: int = 100) -> Floats:
    """Return factors that bring the channels of a point-source set to one gain.

    In a flood or a scan that treats all channels alike, their charges have one distribution, and
    its upper part is light that the channel saw directly. The factor of a channel is the mean
    over channels of the 95th percentile, divided by its own.

    Parameters
    ----------
    charges
        (event, channel).
    least_events
        Finite charges that a channel needs.

    Raises
    ------
    DataError
        A channel is dead or has too few events.
    """
    charges = np.asarray(charges, np.float64)
    if charges.ndim != 2:
        raise DataError("must be (event, channel)", field="charges", value=charges.shape)
    finite = np.isfinite(charges)
    few = np.flatnonzero(finite.sum(axis=0) < least_events)
    if len(few):
        raise DataError(
            "too few events", field=f"channel {few[0]}", value=int(finite[:, few[0]].sum())
        )
    upper = np.nanpercentile(np.where(finite, charges, np.nan), 95, axis=0)
    dead = np.flatnonzero(~(upper > 0))
    if len(dead):
        raise DataError("has no charge", field=f"channel {dead[0]}", remedy="leave it out")
    return np.asarray(upper.mean() / upper)


def channel_time_offsets(
    differences: Sequence[tuple[int, int, float, float]], channels: int
) -> Floats:
    """Return the time offset of each channel from measured differences between pairs.

    Weighted least squares of ``o_i − o_j = d``; the offsets of each connected set of channels add
    up to zero.

    Parameters
    ----------
    differences
        (i, j, median of t_i − t_j minus the expected difference, its uncertainty) per pair.
    channels
        Number of channels.

    Returns
    -------
    offsets
        (channel,) in the unit of the differences; NaN for a channel in no pair.

    Raises
    ------
    ConfigError
        A pair names a channel that is not there, or an uncertainty is not positive.
    """
    rows, values, seen = [], [], np.zeros(channels, np.bool_)
    for i, j, difference, uncertainty in differences:
        if not (0 <= i < channels and 0 <= j < channels and i != j):
            raise ConfigError("names no pair of channels", field="differences", value=(i, j))
        if not uncertainty > 0:
            raise ConfigError("must be positive", field="uncertainty", value=uncertainty)
        row = np.zeros(channels)
        row[i], row[j] = 1.0 / uncertainty, -1.0 / uncertainty
        rows.append(row)
        values.append(difference / uncertainty)
        seen[[i, j]] = True
    if not rows:
        return np.full(channels, np.nan)
    # The least-squares solution of smallest norm is the one whose connected sets add up to zero.
    solution = np.linalg.lstsq(np.array(rows), np.array(values), rcond=None)[0]
    return np.where(seen, solution, np.nan)


def _shape(distance: Floats, area: float, sigma: float) -> Floats:
    sigma = abs(sigma) + 1e-300
    return np.asarray(area / (sigma * np.sqrt(2 * np.pi)) * np.exp(-0.5 * (distance / sigma) ** 2))


def _smooth(counts: NDArray[Any]) -> Floats:
    padded = np.pad(np.asarray(counts, np.float64), 2, mode="edge")
    return np.asarray(np.convolve(padded, np.ones(5) / 5, mode="valid"))


def _highest_bump(charges: Floats) -> float:
    """Return where the spectrum is highest above a tenth of its reach."""
    finite = charges[np.isfinite(charges)]
    if len(finite) < 50:
        raise DataError("too few charges to find a peak", field="charges", value=len(finite))
    reach = float(np.percentile(finite, 99))
    counts, edges = np.histogram(finite, 200, (0.1 * reach, reach))
    best = int(np.argmax(_smooth(_smooth(counts))))
    return float((edges[best] + edges[best + 1]) / 2)

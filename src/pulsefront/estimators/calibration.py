"""Energy calibration from known peaks, and the selection of photopeak events."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pulsefront.errors import ConfigError, DataError
from pulsefront.estimators.peaks import PeakFit, fit_peak, spectrum_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = [
    "NA22_PEAKS_KEV",
    "EnergyCalibration",
    "calibrate_energy",
    "calibration_figure",
    "in_photopeak",
]

Floats = NDArray[np.float64]
NA22_PEAKS_KEV = (510.999, 1274.537)
"""Annihilation photons, and the gamma of ²²Na."""

OUT_OF_PROPORTION = 0.06
"""How far bumps lie from the proportion of their energies, as a sigma: offsets, saturation."""


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
        Range of each fit. Without them the peaks are those bumps of the spectrum that lie in the
        proportion of the energies and together stand out most.

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
    places = _places(charges, energies) if ranges is None else []
    fits: list[PeakFit] = []
    for number in range(len(energies)):
        if ranges is not None:
            low, high = ranges[number]
        else:
            place = places[number]
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


def _places(charges: Floats, energies: tuple[float, ...]) -> list[float]:
    """Return about where each peak lies: the bumps in proportion that stand out most together.

    A single energy is that of the most prominent bump above a tenth of the axis, below which there
    is noise.
    """
    spectrum = spectrum_of(charges)
    prominent = [bump for bump in spectrum.bumps if bump.position > 0.1 * spectrum.edges[-1]]
    if len(energies) == 1 and prominent:
        return [max(prominent, key=lambda bump: bump.prominence).position]
    best: tuple[float, list[float]] = (-1.0, [])
    for first in prominent:
        score, places = first.prominence, [first.position]
        for energy in energies[1:]:
            expected = first.position * energy / energies[0]
            off = [(bump.position / expected - 1.0) / OUT_OF_PROPORTION for bump in prominent]
            weights = [
                bump.prominence * np.exp(-0.5 * distance**2) if abs(distance) < 3 else 0.0
                for bump, distance in zip(prominent, off, strict=True)
            ]
            match = int(np.argmax(weights))
            if not weights[match] > 0:
                break
            # As a product: two fair bumps in proportion beat one high bump and a ripple.
            score *= weights[match]
            places.append(prominent[match].position)
        else:
            if score > best[0]:
                best = (score, places)
    if not best[1]:
        raise DataError(
            "no peaks in the proportion of the energies",
            field="peaks_kev",
            value=energies,
            remedy="name the peaks that the source has, or give the range of each",
        )
    return best[1]

"""Energy calibration from known peaks, and the selection of photopeak events."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsefront.errors import ConfigError, DataError
from pulsefront.estimators.energy.peaks import PeakFit, fit_peak, spectrum_of
from pulsefront.evaluate.record import Record

__all__ = ["NA22_PEAKS_KEV", "CalibrationPeak", "EnergyCalibration", "calibrate_energy"]

Floats = NDArray[np.float64]
NA22_PEAKS_KEV = (510.999, 1274.537)
"""Annihilation photons, and the gamma of ²²Na."""

OUT_OF_PROPORTION = 0.2
"""How far bumps may lie from the proportion of their energies: offsets and saturation."""

LEAST_PROMINENCE = 0.005
WIDEST_FWHM_PERCENT = 35.0


class CalibrationPeak(PeakFit):
    """A fitted peak of known energy."""

    energy_kev: float
    """energy of the gamma ray"""


class EnergyCalibration(Record):
    """Energy = offset + gain · charge, with the peaks it comes from.

    One peak gives a gain and no offset; two or more give both, by weighted least squares.
    """

    gain_kev: float
    """energy per unit of charge"""
    offset_kev: float
    """energy of no charge"""
    peaks: tuple[CalibrationPeak, ...]
    """the peaks that were fitted, by energy"""

    def kev(self, charge: NDArray[Any]) -> Floats:
        """Return the energy of each charge in keV."""
        return np.asarray(self.offset_kev + self.gain_kev * np.asarray(charge, np.float64))

    def in_peak(
        self, energies_kev: NDArray[Any], sigmas: float = 2.0, *, peak: int = 0
    ) -> NDArray[np.bool_]:
        """Return which energies lie within some sigmas of a fitted peak, by default the first."""
        fit = self.peaks[peak]
        centre = self.offset_kev + self.gain_kev * fit.centre_charge
        half = sigmas * (abs(self.gain_kev) * fit.sigma_charge)
        energies = np.asarray(energies_kev, np.float64)
        return np.asarray((energies >= centre - half) & (energies <= centre + half))


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
        proportion of the energies and of which the weakest stands out most.

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
    if ranges is not None:
        fits = [fit_peak(charges, low, high) for low, high in ranges]
    else:
        fits = _found_fits(charges, energies)
    peaks = tuple(
        CalibrationPeak(**dict(fit), energy_kev=energy)
        for energy, fit in zip(energies, fits, strict=True)
    )
    centres = np.array([peak.centre_charge for peak in peaks])
    if len(peaks) == 1:
        return EnergyCalibration(gain_kev=energies[0] / centres[0], offset_kev=0.0, peaks=peaks)
    weights = 1.0 / np.array([max(peak.centre_error_charge, 1e-12) for peak in peaks])
    gain, offset = np.polyfit(centres, energies, 1, w=weights)
    return EnergyCalibration(gain_kev=float(gain), offset_kev=float(offset), peaks=peaks)


def _found_fits(charges: Floats, energies: tuple[float, ...]) -> list[PeakFit]:
    """Return the fits of the bumps in proportion to the energies whose weakest is strongest.

    A Compton continuum makes bumps too: what is wider than any detector's peak, or narrows faster
    with energy than the statistics of light, is none.
    """
    bumps = spectrum_of(charges).bumps
    most = max(bump.prominence for bump in bumps)
    prominent = [bump for bump in bumps if bump.prominence >= LEAST_PROMINENCE * most]
    best: tuple[float, list[PeakFit]] = (0.0, [])
    for first in prominent:
        positions = [first.position]
        for energy in energies[1:]:
            expected = first.position * energy / energies[0]
            near = [b for b in prominent if abs(b.position / expected - 1.0) < OUT_OF_PROPORTION]
            if near:
                positions.append(max(near, key=lambda bump: bump.prominence).position)
        if len(positions) < len(energies):
            continue
        try:
            fits = [_fit_near(charges, position) for position in positions]
        except DataError:
            continue
        weakest = min(_significance(fit) for fit in fits)
        if weakest > best[0] and _possible(fits, energies):
            best = (weakest, fits)
    if not best[1]:
        raise DataError(
            "no peaks in the proportion of the energies",
            field="peaks_kev",
            value=energies,
            remedy="name the peaks that the source has, or give the range of each",
        )
    return best[1]


def _fit_near(charges: Floats, position: float) -> PeakFit:
    low, high = 0.75 * position, 1.25 * position
    fit = fit_peak(charges, low, high)
    # The background under the edge of a wide range bends: once more, close to the peak.
    reach = 3.0 * fit.sigma_charge
    low, high = max(low, fit.centre_charge - reach), min(high, fit.centre_charge + reach)
    return fit_peak(charges, low, high)


def _significance(fit: PeakFit) -> float:
    """Return the counts of a peak over the fluctuation of all counts within two sigmas of it."""
    level, _ = fit.background_per_bin
    under = max(level, 0.0) * 4.0 * fit.sigma_charge / fit.bin_width_charge
    return fit.counts / float(np.sqrt(max(fit.counts, 0.0) + under + 1.0))


def _possible(fits: Sequence[PeakFit], energies: tuple[float, ...]) -> bool:
    if any(fit.resolution_fwhm_percent > WIDEST_FWHM_PERCENT for fit in fits):
        return False
    for fit, energy in zip(fits[1:], energies[1:], strict=True):
        narrowing = fits[0].resolution_fwhm_percent / fit.resolution_fwhm_percent
        if narrowing > 1.5 * np.sqrt(energy / energies[0]):
            return False
    return True

"""Energy calibration from known peaks, and the selection of photopeak events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsefront.errors import ConfigError, DataError
from pulsefront.estimators.energy.peaks import PeakFit, fit_peak, spectrum_of

__all__ = [
    "NA22_PEAKS_KEV",
    "EnergyCalibration",
    "calibrate_energy",
    "in_photopeak",
]

Floats = NDArray[np.float64]
NA22_PEAKS_KEV = (510.999, 1274.537)
"""Annihilation photons, and the gamma of ²²Na."""

OUT_OF_PROPORTION = 0.2
"""How far bumps may lie from the proportion of their energies: offsets and saturation."""

LEAST_PROMINENCE = 0.005
WIDEST_FWHM = 0.35


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
                {"energy_kev": energy, **fit.as_json()}
                for energy, fit in zip(self.peaks_kev, self.fits, strict=True)
            ],
        }

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> EnergyCalibration:
        """Return the calibration that `as_json` wrote."""
        return cls(
            float(content["gain_kev"]),
            float(content["offset_kev"]),
            tuple(float(peak["energy_kev"]) for peak in content["peaks"]),
            tuple(PeakFit.from_json(peak) for peak in content["peaks"]),
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
        places = [first.position]
        for energy in energies[1:]:
            expected = first.position * energy / energies[0]
            near = [b for b in prominent if abs(b.position / expected - 1.0) < OUT_OF_PROPORTION]
            if near:
                places.append(max(near, key=lambda bump: bump.prominence).position)
        if len(places) < len(energies):
            continue
        try:
            fits = [_fit_near(charges, place) for place in places]
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


def _fit_near(charges: Floats, place: float) -> PeakFit:
    low, high = 0.75 * place, 1.25 * place
    fit = fit_peak(charges, low, high)
    # The background under the edge of a wide range bends: once more, close to the peak.
    reach = 3.0 * fit.sigma
    return fit_peak(charges, max(low, fit.centre - reach), min(high, fit.centre + reach))


def _significance(fit: PeakFit) -> float:
    """Return the counts of a peak over the fluctuation of all counts within two sigmas of it."""
    under = max(fit.background[0], 0.0) * 4.0 * fit.sigma / fit.bin_width
    return fit.counts / float(np.sqrt(max(fit.counts, 0.0) + under + 1.0))


def _possible(fits: Sequence[PeakFit], energies: tuple[float, ...]) -> bool:
    if any(fit.resolution_fwhm > WIDEST_FWHM for fit in fits):
        return False
    for fit, energy in zip(fits[1:], energies[1:], strict=True):
        narrowing = fits[0].resolution_fwhm / fit.resolution_fwhm
        if narrowing > 1.5 * np.sqrt(energy / energies[0]):
            return False
    return True

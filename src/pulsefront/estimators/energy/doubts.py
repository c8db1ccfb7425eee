"""What speaks against the peaks of an energy scale: that another was taken for one of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsefront.errors import DataError
from pulsefront.estimators.energy.calibration import EnergyCalibration
from pulsefront.estimators.energy.peaks import Bump, fit_peak, spectrum_of

__all__ = ["doubts_of_gains", "doubts_of_scale"]

SAME_ENERGY = 0.1
"""Peaks nearer than this share of their energy are taken for one and the same."""

LEAST_SIGMAS = 8.0
LEAST_OF_NAMED = 0.1
"""Another peak counts from this share of the counts of the weakest named one on."""

LARGEST_OFFSET = 0.15
"""Of the lowest energy: dark noise and pedestals move a scale by less."""

MOST_ABOVE = 0.5
"""Share of events above all named peaks."""

LEAST_OVER_BACKGROUND = 0.5
"""Height of a peak over what it stands on: bumps of a continuum are lower."""

ALIKE_WIDTH = 2.0
"""A peak is as wide as the statistics of light make it, but for this factor."""

SOURCES_KEV = ((511.0, 1274.5), (1173.2, 1332.5))
"""Lines that come together: ²²Na where 511 keV alone is named, and ⁶⁰Co."""

ODD_GAIN = 1.3


def doubts_of_scale(charges: NDArray[Any], fitted: EnergyCalibration) -> tuple[str, ...]:
    """Return what does not fit to a scale, each in one line; nothing where all fits.

    A peak above the named ones, of an energy that no sum of them explains, says that a lower peak,
    an edge or noise was taken for one of them: a source's own highest peak has nothing above it.

    Parameters
    ----------
    charges
        (event,) those that were calibrated.
    """
    charges = np.asarray(charges, np.float64)
    charges = charges[np.isfinite(charges)]
    energies = np.array([peak.energy_kev for peak in fitted.peaks])
    doubts = [
        f"a peak of {counts:,.0f} events stands at {kev:.4g} keV, which is none of "
        f"{_listed(energies)} nor a sum of them: the peak taken for {energies[0]:.4g} keV may be "
        "another, or the source has more peaks than are named"
        for kev, counts in _unnamed(charges, fitted)
    ]
    if len(energies) > 1 and abs(fitted.offset_kev) > LARGEST_OFFSET * energies[0]:
        doubts.append(
            f"no charge is {fitted.offset_kev:+.3g} keV: the peaks found are not in proportion to "
            f"{_listed(energies)}"
        )
    last = fitted.peaks[-1]
    above = float(np.mean(charges > last.centre_charge + 4.0 * last.sigma_charge))
    if above > MOST_ABOVE:
        doubts.append(
            f"{100 * above:.0f} % of the events lie above the peak taken for {energies[-1]:.4g} "
            "keV: it may be noise, or where a threshold cuts"
        )
    return tuple(doubts)


def doubts_of_gains(gains_kev: Mapping[int, float], names: Mapping[int, str]) -> tuple[str, ...]:
    """Return which of three channels or more have a gain far from that of most.

    Parameters
    ----------
    gains_kev
        Channel → energy per unit of charge.
    names
        Channel → what it is called.
    """
    if len(gains_kev) < 3:
        return ()
    usual = float(np.median(list(gains_kev.values())))
    spread = float(np.median(np.abs(np.log(np.array(list(gains_kev.values())) / usual))))
    # Where gains differ much by themselves, being far from most says less.
    least = max(float(np.log(ODD_GAIN)), 6.0 * spread)
    return tuple(
        f"{names[channel]}: its gain is {gain / usual:.3g} times that of most channels: another "
        "peak may have been taken, or its gain is far off"
        for channel, gain in gains_kev.items()
        if abs(np.log(gain / usual)) > least
    )


def _unnamed(charges: NDArray[np.float64], fitted: EnergyCalibration) -> list[tuple[float, float]]:
    """Return energy and counts of the peaks above the lowest named one that nothing explains."""
    try:
        bumps = spectrum_of(charges).bumps
    except DataError:
        return []
    energies = np.array([peak.energy_kev for peak in fitted.peaks])
    fewest = LEAST_OF_NAMED * min(peak.counts for peak in fitted.peaks)
    known = _known(energies)
    found = []
    for bump in bumps:
        kev = fitted.offset_kev + fitted.gain_kev * bump.position
        if kev < (1.0 + SAME_ENERGY) * energies[0] or np.abs(known / kev - 1.0).min() < SAME_ENERGY:
            continue
        counts = _counts(charges, bump, fitted)
        if counts > fewest:
            found.append((kev, counts))
    return found


def _known(energies: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the energies of peaks that need no name, with sums: quanta of one decay add up."""
    lines = [
        line
        for source in SOURCES_KEV
        if any(abs(energy / one - 1.0) < 0.01 for energy in energies for one in source)
        for line in source
    ]
    single = np.unique(np.concatenate([energies, lines]))
    twice = single[:, None] + single
    return np.concatenate([single, twice.ravel(), (twice + single[0]).ravel()])


def _counts(charges: NDArray[np.float64], bump: Bump, fitted: EnergyCalibration) -> float:
    """Return the counts of a peak; 0 where it does not stand out as one."""
    named = fitted.peaks[0]
    expected = named.sigma_charge * float(np.sqrt(bump.position / named.centre_charge))
    try:
        fit = fit_peak(charges, bump.position - 3.0 * expected, bump.position + 3.0 * expected)
    except DataError:
        return 0.0
    level = max(fit.background_per_bin[0], 0.0)
    height = fit.counts * fit.bin_width_charge / (fit.sigma_charge * np.sqrt(2.0 * np.pi))
    under = level * 4.0 * fit.sigma_charge / fit.bin_width_charge
    clear = fit.counts > LEAST_SIGMAS * float(np.sqrt(max(fit.counts, 0.0) + under + 1.0))
    alike = expected / ALIKE_WIDTH < fit.sigma_charge < expected * ALIKE_WIDTH
    stands = height > LEAST_OVER_BACKGROUND * level
    there = abs(fit.centre_charge - bump.position) < expected
    return fit.counts if clear and alike and stands and there else 0.0


def _listed(energies: NDArray[np.float64]) -> str:
    return ", ".join(f"{energy:.4g}" for energy in energies) + " keV"

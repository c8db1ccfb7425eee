"""How much light a deposit gives, of which colour, and when."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from pulsefront.detector import Material, Photosensor, Wavelengths
from pulsefront.simulate.constants import ELECTRON_MASS_KEV, FWHM_PER_SIGMA
from pulsefront.simulate.records import record_array, typed
from pulsefront.simulate.run.random import exponential, normal, uniform

__all__ = [
    "CherenkovYield",
    "DecayPart",
    "LightYield",
    "cherenkov_photons",
    "cherenkov_yield",
    "decay_parts",
    "draw_photons",
    "emission_time",
    "gate_fraction",
    "light_yield",
    "mean_detection_efficiency",
    "mean_photons",
    "relative_yield",
]

_REFERENCE_KEV = 511.0
Table = NDArray[np.float64]


class LightYield(NamedTuple):
    """How many photons a deposit gives.

    Attributes
    ----------
    photons_per_kev
        Those that a photosensor would detect, where the efficiency of one is in it.
    spread
        Relative standard deviation beyond Poisson statistics at 511 keV.
    energy_kev, relative
        (point,): light yield relative to 662 keV by the energy of the deposit.
    """

    photons_per_kev: float
    spread: float
    energy_kev: Table
    relative: Table


def light_yield(material: Material, efficiency: float) -> LightYield:
    """Return the yield of photons that are detected with *efficiency* after the light map."""
    points = np.array(material.relative_yield or ((1.0, 1.0), (1e4, 1.0)), np.float64)
    return typed(
        LightYield(
            material.light_yield_per_mev / 1000.0 * efficiency,
            material.intrinsic_resolution_fwhm / FWHM_PER_SIGMA,
            points[:, 0].copy(),
            points[:, 1].copy(),
        )
    )


@njit(nogil=True, cache=True)
def relative_yield(energy_kev: float, light: LightYield) -> float:
    """Return the light yield at an energy relative to 662 keV, linear in the logarithm."""
    energies, relative = light.energy_kev, light.relative
    if energy_kev <= energies[0]:
        return float(relative[0])
    for k in range(1, len(energies)):
        if energy_kev < energies[k]:
            span = math.log(energies[k] / energies[k - 1])
            part = math.log(energy_kev / energies[k - 1]) / span
            return float(relative[k - 1] + part * (relative[k] - relative[k - 1]))
    return float(relative[-1])


@njit(nogil=True, cache=True)
def mean_photons(energy_kev: float, light: LightYield) -> float:
    """Return the mean number of photons of a deposit, its non-proportionality included."""
    return light.photons_per_kev * energy_kev * relative_yield(energy_kev, light)


@njit(nogil=True, cache=True)
def draw_photons(state: NDArray[np.uint64], energy_kev: float, light: LightYield) -> float:
    """Return the mean of the Poisson number of photons of one deposit.

    The intrinsic spread varies it from deposit to deposit, with a relative width that grows as
    E^-1/2.
    """
    spread = light.spread * math.sqrt(_REFERENCE_KEV / energy_kev)
    return float(max(0.0, mean_photons(energy_kev, light) * (1.0 + spread * normal(state))))


class DecayPart(NamedTuple):
    """A component of the emission: up to which share of the photons it goes, and its times."""

    upto: float
    decay_ns: float
    rise_ns: float


def decay_parts(material: Material) -> Sequence[DecayPart]:
    """Return the components of the emission; the last goes up to 1."""
    shares = np.cumsum([component.fraction for component in material.decay])
    shares[-1] = 1.0
    return record_array(
        DecayPart,
        [
            DecayPart(float(share), part.decay_ns, part.rise_ns)
            for share, part in zip(shares, material.decay, strict=True)
        ],
    )


@njit(nogil=True, cache=True)
def emission_time(state: NDArray[np.uint64], decay: Sequence[DecayPart]) -> float:
    """Return the time from deposit to emission, ns.

    The density of a component is (e^(−t/τd) − e^(−t/τr)) / (τd − τr): that of the sum of two
    exponential times, which is how it is drawn.
    """
    component = 0
    if len(decay) > 1:
        choice = uniform(state)
        while choice > decay[component].upto:
            component += 1
    part = decay[component]
    time: float = part.decay_ns * exponential(state)
    if part.rise_ns > 0.0:
        time += part.rise_ns * exponential(state)
    return time


def gate_fraction(material: Material, gate_ns: float) -> float:
    """Return the share of the scintillation that is emitted within *gate_ns*."""
    total: float = 0.0
    for component in material.decay:
        d, r = component.decay_ns, component.rise_ns
        total += component.fraction * (
            1 - (d * math.exp(-gate_ns / d) - r * math.exp(-gate_ns / max(r, 1e-9))) / (d - r)
        )
    return float(total)


def mean_detection_efficiency(material: Material, sensor: Photosensor) -> float:
    """Return the photosensor's efficiency averaged over the emission spectrum."""
    wavelengths = np.arange(200.0, 1100.0, 1.0)
    spectrum = _at(material.emission, wavelengths)
    return float(np.sum(spectrum * _at(sensor.pde, wavelengths)) / np.sum(spectrum))


def _at(table: Wavelengths, wavelength_nm: Table) -> Table:
    return np.interp(wavelength_nm, table.wavelength_nm, table.value, left=0.0, right=0.0)


class CherenkovYield(NamedTuple):
    """What `cherenkov_photons` reads: a scale, detection efficiency included, and the medium."""

    scale: float
    refractive_index: float


def cherenkov_yield(material: Material, sensor: Photosensor) -> CherenkovYield:
    """Return the yield of Cherenkov photons that *sensor* would detect.

    Their spectrum goes as 1/λ² from the absorption edge to 800 nm.
    """
    wavelengths = np.arange(material.transparent_from_nm, 800.0, 1.0)
    spectrum = wavelengths**-2.0
    efficiency = float(np.sum(spectrum * _at(sensor.pde, wavelengths)) / np.sum(spectrum))
    index = material.refractive_index
    at_511 = cherenkov_photons(_REFERENCE_KEV, CherenkovYield(1.0, float(index)))
    scale = material.cherenkov_per_511_kev * efficiency / at_511 if at_511 > 0 else 0.0
    return typed(CherenkovYield(scale, index))


@njit(nogil=True, cache=True)
def cherenkov_photons(energy_kev: float, cherenkov: CherenkovYield) -> float:
    """Return the mean number of detectable Cherenkov photons of an electron that stops.

    Along the track dN/dx goes as 1 − 1/(β²n²) (Frank and Tamm 1937) and dE/dx about as 1/β², so
    that dN/dE goes as β² − 1/n² above the threshold β = 1/n; integrated in closed form and scaled
    to the number at 511 keV.
    """
    inverse_squared = 1.0 / (cherenkov.refractive_index * cherenkov.refractive_index)
    if inverse_squared >= 1.0:
        return 0.0
    threshold = 1.0 / math.sqrt(1.0 - inverse_squared)
    gamma = 1.0 + energy_kev / ELECTRON_MASS_KEV
    if gamma <= threshold:
        return 0.0
    return float(
        cherenkov.scale
        * ((gamma - threshold) * (1.0 - inverse_squared) + 1.0 / gamma - 1.0 / threshold)
    )

"""How much light a deposit gives, of which colour, and when."""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from pulsefront.detector import Detector, Material, Photosensor, Wavelengths
from pulsefront.simulate.run.random import exponential, normal, uniform

__all__ = [
    "FWHM_PER_SIGMA",
    "cherenkov_photons",
    "cherenkov_row",
    "decay_rows",
    "draw_photons",
    "emission_time",
    "gate_fraction",
    "light_row",
    "mean_detection_efficiency",
    "mean_light_per_kev",
    "relative_yield",
]

FWHM_PER_SIGMA = 2.0 * math.sqrt(2.0 * math.log(2.0))
_REFERENCE_KEV = 511.0
_ELECTRON_MASS_KEV = 510.99895
Table = NDArray[np.float64]


def light_row(material: Material, efficiency: float) -> Table:
    """Return (n + 1, 2) numbers for `draw_photons`: yield and spread, then the relative yield.

    The first row holds detected photons per keV, for a detection *efficiency* after the light
    map, and the relative standard deviation beyond Poisson statistics at 511 keV.
    """
    points = material.relative_yield or ((1.0, 1.0), (1e4, 1.0))
    first = (
        material.light_yield_per_mev / 1000.0 * efficiency,
        material.intrinsic_resolution_fwhm / FWHM_PER_SIGMA,
    )
    return np.array([first, *points], np.float64)


@njit(nogil=True, cache=True)
def relative_yield(energy_kev: float, light: Table) -> float:
    """Return the light yield at an energy relative to 662 keV, linear in the logarithm."""
    last = len(light) - 1
    if energy_kev <= light[1, 0]:
        return float(light[1, 1])
    for row in range(2, last + 1):
        if energy_kev < light[row, 0]:
            span = math.log(light[row, 0] / light[row - 1, 0])
            part = math.log(energy_kev / light[row - 1, 0]) / span
            return float(light[row - 1, 1] + part * (light[row, 1] - light[row - 1, 1]))
    return float(light[last, 1])


@njit(nogil=True, cache=True)
def draw_photons(state: NDArray[np.uint64], energy_kev: float, light: Table) -> float:
    """Return the mean of the Poisson number of photons of one deposit.

    Non-proportionality lowers it for small deposits; the intrinsic spread varies it from deposit
    to deposit, with a relative width that grows as E^-1/2.
    """
    mean = light[0, 0] * energy_kev * relative_yield(energy_kev, light)
    spread = light[0, 1] * math.sqrt(_REFERENCE_KEV / energy_kev)
    return float(max(0.0, mean * (1.0 + spread * normal(state))))


def decay_rows(material: Material) -> Table:
    """Return (component, 3): cumulative share of the photons, decay and rise time in ns."""
    shares = np.cumsum([component.fraction for component in material.decay])
    shares[-1] = 1.0
    times = [(component.decay_ns, component.rise_ns) for component in material.decay]
    return np.column_stack([shares, np.array(times)])


@njit(nogil=True, cache=True)
def emission_time(state: NDArray[np.uint64], decay: Table) -> float:
    """Return the time from deposit to emission, ns.

    The density of a component is (e^(−t/τd) − e^(−t/τr)) / (τd − τr): that of the sum of two
    exponential times, which is how it is drawn.
    """
    component = 0
    if len(decay) > 1:
        choice = uniform(state)
        while choice > decay[component, 0]:
            component += 1
    time: float = decay[component, 1] * exponential(state)
    if decay[component, 2] > 0.0:
        time += decay[component, 2] * exponential(state)
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


def cherenkov_row(material: Material, sensor: Photosensor) -> Table:
    """Return the numbers that `cherenkov_photons` reads, detection efficiency included.

    The spectrum of Cherenkov light goes as 1/λ² from the absorption edge to 800 nm.
    """
    wavelengths = np.arange(material.transparent_from_nm, 800.0, 1.0)
    spectrum = wavelengths**-2.0
    efficiency = float(np.sum(spectrum * _at(sensor.pde, wavelengths)) / np.sum(spectrum))
    shape = np.array([1.0, material.refractive_index])
    at_511 = cherenkov_photons(_REFERENCE_KEV, shape)
    scale = material.cherenkov_per_511_kev * efficiency / at_511 if at_511 > 0 else 0.0
    return np.array([scale, material.refractive_index])


@njit(nogil=True, cache=True)
def cherenkov_photons(energy_kev: float, row: Table) -> float:
    """Return the mean number of detectable Cherenkov photons of an electron that stops.

    Along the track dN/dx goes as 1 − 1/(β²n²) (Frank and Tamm 1937) and dE/dx about as 1/β², so
    that dN/dE goes as β² − 1/n² above the threshold β = 1/n; integrated in closed form and scaled
    to the number at 511 keV.
    """
    inverse_squared = 1.0 / (row[1] * row[1])
    if inverse_squared >= 1.0:
        return 0.0
    threshold = 1.0 / math.sqrt(1.0 - inverse_squared)
    gamma = 1.0 + energy_kev / _ELECTRON_MASS_KEV
    if gamma <= threshold:
        return 0.0
    return float(
        row[0] * ((gamma - threshold) * (1.0 - inverse_squared) + 1.0 / gamma - 1.0 / threshold)
    )


def mean_light_per_kev(detector: Detector) -> float:
    """Return photoelectrons per keV at 511 keV for light that all reaches a sensitive face."""
    efficiency = mean_detection_efficiency(detector.material, detector.photosensor)
    light = light_row(detector.material, efficiency)
    return float(light[0, 0] * relative_yield(_REFERENCE_KEV, light))

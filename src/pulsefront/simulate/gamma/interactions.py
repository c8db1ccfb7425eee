"""Gamma rays in the crystal: where they deposit what.

Photoelectric absorption and Compton scattering with the cross sections of the Elam tables
(xraydb); the scattered photon is followed until it is absorbed or out. Coherent scattering, which
hardly changes direction above 100 keV, and the X-rays of the struck atom, which are absorbed
within about 0.3 mm in dense crystals, are left out.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from pulsefront.simulate.constants import ELECTRON_MASS_KEV, LIGHT_MM_PER_NS
from pulsefront.simulate.light.world import Slab, element_at
from pulsefront.simulate.records import record_type
from pulsefront.simulate.run.random import exponential, uniform

__all__ = [
    "MAX_DEPOSITS",
    "Deposit",
    "Gamma",
    "GammaTable",
    "compton_cosine",
    "compton_energy",
    "gamma_table",
    "klein_nishina_total",
    "room_for_deposits",
    "trace_gamma",
]

_ELECTRON_RADIUS_CM = 2.8179403e-13
_LOWEST_KEV = 5.0
_HIGHEST_KEV = 3000.0
_TABULATED_TO_KEV = 800.0
_POINTS = 600
MAX_DEPOSITS = 16
Table = NDArray[np.float64]


class GammaTable(NamedTuple):
    """Attenuation by process on a logarithmic grid of energies.

    Attributes
    ----------
    energy_kev
        (n,) from 5 to 3000 keV.
    photo_per_mm, compton_per_mm
        (n,): photoelectric and Compton attenuation.
    coherent_per_mm
        Attenuation at 511 keV by coherent scattering, which is not simulated; for comparison with
        tables of the total.
    """

    energy_kev: Table
    photo_per_mm: Table
    compton_per_mm: Table
    coherent_per_mm: float

    def at(self, energy_kev: float) -> tuple[float, float]:
        """Return photoelectric and Compton attenuation per mm at an energy."""
        photo, compton = (
            float(np.interp(energy_kev, self.energy_kev, per_mm))
            for per_mm in (self.photo_per_mm, self.compton_per_mm)
        )
        return photo, compton


class Gamma(NamedTuple):
    """A gamma ray: where it is, mm, where it goes, a unit vector, and its energy."""

    x: float
    y: float
    z: float
    dx: float
    dy: float
    dz: float
    energy_kev: float


@dataclass
class Deposit:
    """Energy left in the crystal: where, when since the gamma ray set out, and in which element."""

    x_mm: float
    y_mm: float
    z_mm: float
    energy_kev: float
    time_ns: float
    element: int


_DEPOSIT = record_type(Deposit)


@njit(nogil=True, cache=True)
def room_for_deposits(most: int) -> Sequence[Deposit]:
    """Return room for *most* deposits."""
    return np.zeros(most, _DEPOSIT)  # type: ignore[return-value]


def klein_nishina_total(energy_kev: Table | float) -> Table:
    """Return the cross section of Compton scattering at a free electron, cm².

    Formula: Klein and Nishina 1929, as in Evans, "The Atomic Nucleus" (1955), equation 23.2.4.
    """
    k = np.asarray(energy_kev, np.float64) / ELECTRON_MASS_KEV
    log = np.log1p(2 * k)
    first = (1 + k) / k**2 * (2 * (1 + k) / (1 + 2 * k) - log / k)
    total = first + log / (2 * k) - (1 + 3 * k) / (1 + 2 * k) ** 2
    return np.asarray(2 * math.pi * _ELECTRON_RADIUS_CM**2 * total)


@lru_cache(maxsize=32)
def gamma_table(formula: str, density_g_cm3: float) -> GammaTable:
    """Return the attenuation of a compound.

    Above 800 keV, where the tables end, the photoelectric part is continued as the power of the
    energy that it follows from 600 to 800 keV, and the Compton part by the formula of Klein and
    Nishina, scaled to the table's value at 800 keV.
    """
    import xraydb

    energy = np.geomspace(_LOWEST_KEV, _HIGHEST_KEV, _POINTS)
    inside = energy[energy <= _TABULATED_TO_KEV]
    electronvolts = inside * 1000.0
    photo = xraydb.material_mu(formula, electronvolts, density=density_g_cm3, kind="photo")
    compton = xraydb.material_mu(formula, electronvolts, density=density_g_cm3, kind="incoh")
    beyond = energy[energy > _TABULATED_TO_KEV]
    upper = inside >= 600.0
    slope = np.polyfit(np.log(inside[upper]), np.log(photo[upper]), 1)[0]
    scale = compton[-1] / klein_nishina_total(inside[-1])
    coherent = xraydb.material_mu(formula, 511e3, density=density_g_cm3, kind="coh")
    return GammaTable(
        energy,
        np.concatenate([photo, photo[-1] * (beyond / inside[-1]) ** slope]) / 10.0,
        np.concatenate([compton, scale * klein_nishina_total(beyond)]) / 10.0,
        float(coherent) / 10.0,
    )


@njit(nogil=True, cache=True)
def compton_cosine(energy_kev: float, scattered_kev: float) -> float:
    """Return the cosine of the angle of a photon scattered from one energy to another."""
    return 1.0 - ELECTRON_MASS_KEV * (1.0 / scattered_kev - 1.0 / energy_kev)


@njit(nogil=True, cache=True)
def compton_energy(state: NDArray[np.uint64], energy_kev: float) -> float:
    """Return the energy of a Compton-scattered photon, from the Klein–Nishina distribution.

    Composition and rejection of Butcher and Messel 1960 (Nucl. Phys. 20, 15).
    """
    k = energy_kev / ELECTRON_MASS_KEV
    lowest = 1.0 / (1.0 + 2.0 * k)
    inverse = -math.log(lowest)
    linear = 0.5 * (1.0 - lowest * lowest)
    while True:
        if uniform(state) * (inverse + linear) < inverse:
            share = math.exp(-inverse * uniform(state))
        else:
            share = math.sqrt(lowest * lowest + (1.0 - lowest * lowest) * uniform(state))
        t = (1.0 - share) / (k * share)
        sine_squared = t * (2.0 - t)
        if uniform(state) <= 1.0 - share * sine_squared / (1.0 + share * share):
            return share * energy_kev


@njit(nogil=True, cache=True)
def _turn(dx: float, dy: float, dz: float, cosine: float, phi: float) -> tuple[float, float, float]:
    """Return a direction at an angle to another."""
    sine = math.sqrt(max(0.0, 1.0 - cosine * cosine))
    a, b = sine * math.cos(phi), sine * math.sin(phi)
    across = math.sqrt(dx * dx + dy * dy)
    if across < 1e-10:
        sign = 1.0 if dz > 0.0 else -1.0
        return a, b, sign * cosine
    return (
        dx * cosine + (a * dx * dz - b * dy) / across,
        dy * cosine + (a * dy * dz + b * dx) / across,
        dz * cosine - a * across,
    )


@njit(nogil=True, cache=True)
def _attenuation(energy: float, table: GammaTable) -> tuple[float, float]:
    """Return photoelectric and Compton attenuation per mm, linear on the table's grid."""
    energy_kev, photo, compton = table.energy_kev, table.photo_per_mm, table.compton_per_mm
    step = math.log(energy_kev[-1] / energy_kev[0]) / (len(energy_kev) - 1)
    node = math.log(max(energy, energy_kev[0]) / energy_kev[0]) / step
    low = min(int(node), len(energy_kev) - 2)
    part = node - low
    return (
        (1.0 - part) * photo[low] + part * photo[low + 1],
        (1.0 - part) * compton[low] + part * compton[low + 1],
    )


@njit(nogil=True, cache=True)
def _element_of(x: float, y: float, crystal: Slab) -> int:
    """Return the number of the crystal element at (x, y), or -1 in a gap or outside."""
    column = element_at(
        x, crystal.half_x_mm, crystal.pitch_x_mm, crystal.width_x_mm, crystal.columns
    )
    row = element_at(y, crystal.half_y_mm, crystal.pitch_y_mm, crystal.width_y_mm, crystal.rows)
    return row * crystal.columns + column if column >= 0 and row >= 0 else -1


@njit(nogil=True, cache=True)
def _way_through(
    x: float, y: float, z: float, dx: float, dy: float, dz: float, crystal: Slab
) -> tuple[float, float]:
    """Return where the line enters and leaves the crystal's box; the second is < 0 for a miss."""
    enter, leave = 0.0, math.inf
    for start, d, low, high in (
        (x, dx, -crystal.half_x_mm, crystal.half_x_mm),
        (y, dy, -crystal.half_y_mm, crystal.half_y_mm),
        (z, dz, crystal.bottom_mm, crystal.top_mm),
    ):
        if d == 0.0:
            if start < low or start > high:
                return 0.0, -1.0
            continue
        first, second = (low - start) / d, (high - start) / d
        enter = max(enter, min(first, second))
        leave = min(leave, max(first, second))
    return (enter, leave) if leave > enter else (0.0, -1.0)


@njit(nogil=True, cache=True)
def trace_gamma(
    state: NDArray[np.uint64],
    gamma: Gamma,
    crystal: Slab,
    table: GammaTable,
    deposits: Sequence[Deposit],
) -> tuple[int, int, float]:
    """Follow a gamma ray through the crystal, the first slab of `OpticalWorld`.

    *deposits*, as many as `MAX_DEPOSITS`, are filled in order of time.

    Returns
    -------
    count, scatters, escaped_kev
        Deposits, Compton scatters among them, and the energy that left.
    """
    x, y, z, energy = gamma.x, gamma.y, gamma.z, gamma.energy_kev
    dx, dy, dz = gamma.dx, gamma.dy, gamma.dz
    count = scatters = 0
    time = 0.0
    while count < len(deposits):
        enter, leave = _way_through(x, y, z, dx, dy, dz, crystal)
        if leave < 0.0:
            return count, scatters, energy
        photo, compton = _attenuation(energy, table)
        # Free flight as if the box were full; a point in a gap between elements is no collision
        # (Woodcock 1965).
        way = enter + exponential(state) / (photo + compton)
        if way >= leave:
            return count, scatters, energy
        x, y, z = x + way * dx, y + way * dy, z + way * dz
        time += way / LIGHT_MM_PER_NS
        element = _element_of(x, y, crystal)
        if element < 0:
            continue
        given = energy
        absorbed = uniform(state) * (photo + compton) < photo
        if not absorbed:
            scattered = compton_energy(state, energy)
            cosine = compton_cosine(energy, scattered)
            dx, dy, dz = _turn(dx, dy, dz, cosine, 2.0 * math.pi * uniform(state))
            given = energy - scattered
            energy = scattered
            scatters += 1
            if energy < _LOWEST_KEV:
                given += energy
                absorbed = True
        deposit = deposits[count]
        deposit.x_mm, deposit.y_mm, deposit.z_mm = x, y, z
        deposit.energy_kev, deposit.time_ns, deposit.element = given, time, element
        count += 1
        if absorbed:
            return count, scatters, 0.0
    return count, scatters, energy

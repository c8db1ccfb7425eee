"""The crystal's own radioactivity: 176Lu.

A beta of at most 593 keV, followed by gamma rays of 307, 202 and 88 keV in cascade, some of them
converted to electrons. Energies and intensities: DDEP recommended data for 176Lu.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from pulsefront.simulate.gamma.interactions import trace_gamma
from pulsefront.simulate.run.random import direction, uniform

__all__ = ["beta_energy", "lutetium_decay"]

_ENDPOINT_KEV = 593.0
_ELECTRON_MASS_KEV = 510.99895
_CASCADE = np.array([[306.8, 0.936], [201.8, 0.780], [88.3, 0.145]])
_LARGEST_DENSITY = 1.05
Table = NDArray[np.float64]


@njit(nogil=True, cache=True)
def _beta_density(energy_kev: float) -> float:
    """Return the allowed shape p E (Q − T)², scaled to a maximum just below 1 (no Fermi term)."""
    total = energy_kev + _ELECTRON_MASS_KEV
    momentum = math.sqrt(max(0.0, total * total - _ELECTRON_MASS_KEV * _ELECTRON_MASS_KEV))
    shape = momentum * total * (_ENDPOINT_KEV - energy_kev) ** 2
    # The maximum over 0 … 593 keV, which lies near 184 keV.
    return shape / 5.498e10


@njit(nogil=True, cache=True)
def beta_energy(state: NDArray[np.uint64]) -> float:
    """Return the energy of a beta particle of 176Lu, keV."""
    while True:
        energy = _ENDPOINT_KEV * uniform(state)
        if _LARGEST_DENSITY * uniform(state) < _beta_density(energy):
            return energy


@njit(nogil=True, cache=True)
def lutetium_decay(
    state: NDArray[np.uint64], slab: Table, energy_kev: Table, per_mm: Table, deposits: Table
) -> tuple[int, int, float]:
    """Let 176Lu decay at a random place of a random element.

    Returns
    -------
    count, scatters, released_kev
        Deposits, Compton scatters, and the energy that did not leave the crystal.
    """
    column, row = int(slab[12] * uniform(state)), int(slab[13] * uniform(state))
    x = column * slab[8] - slab[6] + slab[10] * uniform(state)
    y = row * slab[9] - slab[7] + slab[11] * uniform(state)
    z = slab[0] + (slab[1] - slab[0]) * uniform(state)
    count, scatters = 1, 0
    local = beta_energy(state)
    for line in range(len(_CASCADE)):
        energy = _CASCADE[line, 0]
        if uniform(state) >= _CASCADE[line, 1]:
            local += energy
            continue
        dx, dy, dz = direction(state)
        more, scattered, _escaped = trace_gamma(
            state, x, y, z, dx, dy, dz, energy, slab, energy_kev, per_mm, deposits[count:]
        )
        count += more
        scatters += scattered
    deposits[0, 0], deposits[0, 1], deposits[0, 2] = x, y, z
    deposits[0, 3], deposits[0, 4], deposits[0, 5] = local, 0.0, row * slab[12] + column
    released = 0.0
    for d in range(count):
        released += deposits[d, 3]
    return count, scatters, released

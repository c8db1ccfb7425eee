"""The crystal's own radioactivity: 176Lu.

A beta of at most 593 keV, followed by gamma rays of 307, 202 and 88 keV in cascade, some of them
converted to electrons. Energies and intensities: DDEP recommended data for 176Lu.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numba import njit
from numpy.typing import NDArray

from pulsefront.simulate.constants import ELECTRON_MASS_KEV
from pulsefront.simulate.gamma.interactions import (
    MAX_DEPOSITS,
    Deposit,
    Gamma,
    GammaTable,
    trace_gamma,
)
from pulsefront.simulate.light.world import Slab
from pulsefront.simulate.run.random import direction, uniform

__all__ = ["MAX_DECAY_DEPOSITS", "beta_energy", "lutetium_decay"]

_ENDPOINT_KEV = 593.0
_CASCADE = np.array([[306.8, 0.936], [201.8, 0.780], [88.3, 0.145]])
_LARGEST_DENSITY = 1.05
# The beta's deposit, and those of the gamma rays of the cascade.
MAX_DECAY_DEPOSITS = 1 + len(_CASCADE) * MAX_DEPOSITS


@njit(nogil=True, cache=True)
def _beta_density(energy_kev: float) -> float:
    """Return the allowed shape p E (Q − T)², scaled to a maximum just below 1 (no Fermi term)."""
    total = energy_kev + ELECTRON_MASS_KEV
    momentum = math.sqrt(max(0.0, total * total - ELECTRON_MASS_KEV * ELECTRON_MASS_KEV))
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
    state: NDArray[np.uint64], crystal: Slab, table: GammaTable, deposits: Sequence[Deposit]
) -> tuple[int, int, float]:
    """Let 176Lu decay at a random position in a random element.

    *deposits* are to be `MAX_DECAY_DEPOSITS`.

    Returns
    -------
    count, scatters, released_kev
        Deposits, Compton scatters, and the energy that did not leave the crystal.
    """
    column, row = int(crystal.columns * uniform(state)), int(crystal.rows * uniform(state))
    x = column * crystal.pitch_x_mm - crystal.half_x_mm + crystal.width_x_mm * uniform(state)
    y = row * crystal.pitch_y_mm - crystal.half_y_mm + crystal.width_y_mm * uniform(state)
    z = crystal.bottom_mm + (crystal.top_mm - crystal.bottom_mm) * uniform(state)
    count, scatters = 1, 0
    local = beta_energy(state)
    for line in range(len(_CASCADE)):
        energy = _CASCADE[line, 0]
        if uniform(state) >= _CASCADE[line, 1]:
            local += energy
            continue
        dx, dy, dz = direction(state)
        more, scattered, _escaped = trace_gamma(
            state, Gamma(x, y, z, dx, dy, dz, energy), crystal, table, deposits[count:]
        )
        count += more
        scatters += scattered
    beta = deposits[0]
    beta.x_mm, beta.y_mm, beta.z_mm = x, y, z
    beta.energy_kev, beta.time_ns, beta.element = local, 0.0, row * crystal.columns + column
    released = 0.0
    for d in range(count):
        released += deposits[d].energy_kev
    return count, scatters, released

"""The two gamma rays of a coincidence: true, scattered, random, or a decay of the crystal."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from pulsefront.simulate.coincidences.light import Arm
from pulsefront.simulate.constants import LIGHT_MM_PER_NS
from pulsefront.simulate.gamma.background import MAX_DECAY_DEPOSITS, lutetium_decay
from pulsefront.simulate.gamma.interactions import (
    Deposit,
    Gamma,
    GammaTable,
    compton_cosine,
    compton_energy,
    room_for_deposits,
    trace_gamma,
)
from pulsefront.simulate.light.world import Slab
from pulsefront.simulate.run.random import direction, normal, uniform

__all__ = [
    "BACKGROUND",
    "RANDOM",
    "SCATTERED",
    "TRUE",
    "Decay",
    "PairSource",
    "draw_kind",
    "room_for_decay",
    "send_gammas",
]

TRUE, SCATTERED, RANDOM, BACKGROUND = 0, 1, 2, 3
# Below this share of the threshold in true energy no event can reach it in charge.
_HOPELESS = 0.8
Table = NDArray[np.float64]
State = NDArray[np.uint64]


class PairSource(NamedTuple):
    """A source between two detectors, and the coincidences that are asked for.

    Attributes
    ----------
    distance_mm, sigma_mm
        Between the two entrance faces; size of the source.
    angle_rad
        Standard deviation, in each direction, by which two gamma rays are not opposite.
    energy_kev, prompt_kev
        Of both gamma rays, and of a third in any direction; 0 where there is none.
    trigger_kev
        Threshold on both detectors.
    random_fraction, scatter_fraction, background_fraction
        Shares of the kinds of coincidence; the rest is true.
    window_ns, scatterer_radius_mm
        Within which random ones come; how far from the source photons scatter.
    """

    distance_mm: float
    sigma_mm: float
    angle_rad: float
    energy_kev: float
    prompt_kev: float
    trigger_kev: float
    random_fraction: float
    scatter_fraction: float
    background_fraction: float
    window_ns: float
    scatterer_radius_mm: float


class Decay(NamedTuple):
    """What one decay leaves in both detectors.

    Attributes
    ----------
    deposits
        Those of both sides; their times count from the decay.
    number, deposited_kev
        (side,): number of deposits and their energy.
    late_ns
        (side,): what is to be added to the times.
    """

    deposits: tuple[Sequence[Deposit], Sequence[Deposit]]
    number: NDArray[np.int64]
    deposited_kev: Table
    late_ns: Table


@njit(nogil=True, cache=True)
def room_for_decay() -> Decay:
    """Return room for the deposits of one decay, or of two gamma rays and a third."""
    first, second = room_for_deposits(MAX_DECAY_DEPOSITS), room_for_deposits(MAX_DECAY_DEPOSITS)
    return Decay((first, second), np.zeros(2, np.int64), np.zeros(2), np.zeros(2))


@njit(nogil=True, cache=True)
def draw_kind(state: State, source: PairSource) -> int:
    """Return of which kind the next coincidence is."""
    choice = uniform(state)
    if choice < source.random_fraction:
        return RANDOM
    if choice < source.random_fraction + source.scatter_fraction:
        return SCATTERED
    if choice < source.random_fraction + source.scatter_fraction + source.background_fraction:
        return BACKGROUND
    return TRUE


@njit(nogil=True, cache=True)
def _aim(
    state: State, x: float, y: float, z: float, distance: float, half_x: float, half_y: float
) -> tuple[float, float, float]:
    """Return a direction from the source to a random point of the farther entrance face."""
    face = -0.5 * distance if z > 0.0 else 0.5 * distance
    dx = half_x * (2.0 * uniform(state) - 1.0) - x
    dy = half_y * (2.0 * uniform(state) - 1.0) - y
    dz = face - z
    length = math.sqrt(dx * dx + dy * dy + dz * dz)
    # The direction towards detector 0, which lies at negative z.
    sign = 1.0 if dz < 0.0 else -1.0
    return sign * dx / length, sign * dy / length, sign * dz / length


@njit(nogil=True, cache=True)
def _delays_and_energies(
    state: State, kind: int, source: PairSource, late_ns: Table
) -> tuple[int, float, float]:
    """Fill in delays; return which side's crystal decays, or -1, and the energies of both sides."""
    energy = source.energy_kev
    late_ns[:] = 0.0
    if kind == RANDOM:
        late_ns[1] = source.window_ns * (2.0 * uniform(state) - 1.0)
    elif kind == SCATTERED:
        # One photon scatters at the surface of a sphere around the source and reaches the
        # detector all the same, having lost energy and gone a longer way.
        left = compton_energy(state, energy)
        further = source.scatterer_radius_mm * (1.0 - compton_cosine(energy, left))
        side = 0 if uniform(state) < 0.5 else 1
        late_ns[side] = further / LIGHT_MM_PER_NS
        return (-1, left, energy) if side == 0 else (-1, energy, left)
    elif kind == BACKGROUND:
        side = 0 if uniform(state) < 0.5 else 1
        # At any time within the window around that of a gamma ray from the middle.
        late_ns[side] = source.window_ns * (2.0 * uniform(state) - 1.0)
        late_ns[side] += 0.5 * source.distance_mm / LIGHT_MM_PER_NS
        return side, energy, energy
    return -1, energy, energy


@njit(nogil=True, cache=True)
def _add_prompt(
    state: State, side: int, gamma: Gamma, crystal: Slab, gammas: GammaTable, decay: Decay
) -> None:
    """Send a third gamma ray; its deposits pile up behind those of the side that it hits."""
    left = decay.deposits[side][decay.number[side] :]
    count, _scatters, escaped = trace_gamma(state, gamma, crystal, gammas, left)
    if count > 0:
        decay.number[side] += count
        decay.deposited_kev[side] += gamma.energy_kev - escaped


@njit(nogil=True, cache=True)
def send_gammas(
    state: State,
    source_mm: float,
    kind: int,
    source: PairSource,
    first: Arm,
    second: Arm,
    decay: Decay,
) -> bool:
    """Let one decay happen; return whether both detectors may have seen enough.

    *source_mm* is where the source is on the axis, from the middle towards detector 1.
    """
    x, y = source.sigma_mm * normal(state), source.sigma_mm * normal(state)
    z = source_mm + source.sigma_mm * normal(state)
    half_x = max(first.world.slabs[0].half_x_mm, second.world.slabs[0].half_x_mm)
    half_y = max(first.world.slabs[0].half_y_mm, second.world.slabs[0].half_y_mm)
    dx, dy, dz = _aim(state, x, y, z, source.distance_mm, half_x, half_y)
    decaying, kev_first, kev_second = _delays_and_energies(state, kind, source, decay.late_ns)
    for side in range(2):
        arm, sign = (first, 1.0) if side == 0 else (second, -1.0)
        crystal, deposits = arm.world.slabs[0], decay.deposits[side]
        energy = kev_first if side == 0 else kev_second
        if side == decaying:
            count, _scatters, deposited = lutetium_decay(state, crystal, arm.gammas, deposits)
        else:
            # In the frame of the detector the depth grows away from the source.
            gx, gy, gz = sign * dx, sign * dy, abs(dz)
            if side == 1:
                gx += source.angle_rad * normal(state)
                gy += source.angle_rad * normal(state)
                gz = math.sqrt(max(0.0, 1.0 - gx * gx - gy * gy))
            depth = -(0.5 * source.distance_mm + sign * z)
            gamma = Gamma(x, y, depth, gx, gy, gz, energy)
            count, _scatters, escaped = trace_gamma(state, gamma, crystal, arm.gammas, deposits)
            deposited = energy - escaped
        decay.number[side], decay.deposited_kev[side] = count, deposited
        if count == 0 or deposited < _HOPELESS * source.trigger_kev:
            return False
    if source.prompt_kev > 0.0:
        dx, dy, dz = direction(state)
        side = 0 if dz < 0.0 else 1
        arm, sign = (first, 1.0) if side == 0 else (second, -1.0)
        depth = -(0.5 * source.distance_mm + sign * z)
        gamma = Gamma(x, y, depth, dx, dy, abs(dz), source.prompt_kev)
        _add_prompt(state, side, gamma, arm.world.slabs[0], arm.gammas, decay)
    return True

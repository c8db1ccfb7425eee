"""The two gamma rays of a coincidence: true, scattered, random, or a decay of the crystal."""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from pulsefront.simulate.coincidences.light import Arm
from pulsefront.simulate.gamma.background import lutetium_decay
from pulsefront.simulate.gamma.interactions import (
    MAX_DEPOSITS,
    compton_cosine,
    compton_energy,
    trace_gamma,
)
from pulsefront.simulate.light.optics import LIGHT_MM_PER_NS
from pulsefront.simulate.run.random import direction, normal, uniform

__all__ = [
    "BACKGROUND",
    "DEPOSITS",
    "DISTANCE",
    "KIND_COUNT",
    "RANDOM",
    "SCATTERED",
    "TRIGGER",
    "TRUE",
    "draw_kind",
    "send_gammas",
    "source_row",
]

TRUE, SCATTERED, RANDOM, BACKGROUND = 0, 1, 2, 3
KIND_COUNT = 4
DISTANCE, TRIGGER = 0, 4
_SIGMA, _ANGLE, _ENERGY = 1, 2, 3
_P_RANDOM, _P_SCATTER, _P_BACKGROUND, _WINDOW, _SCATTERER, _PROMPT = range(5, 11)
# A decay of the crystal leaves a beta's and three gamma rays' deposits; a prompt gamma ray its own.
DEPOSITS = 3 * MAX_DEPOSITS + 1
# Below this share of the threshold in true energy no event can reach it in charge.
_HOPELESS = 0.8
Table = NDArray[np.float64]
State = NDArray[np.uint64]


def source_row(
    *,
    distance_mm: float,
    sigma_mm: float,
    angle_rad: float,
    energy_kev: float,
    trigger_kev: float,
    random_fraction: float,
    scatter_fraction: float,
    background_fraction: float,
    window_ns: float,
    scatterer_radius_mm: float,
    prompt_kev: float,
) -> Table:
    """Return the numbers that the kernels here read."""
    fractions = (random_fraction, scatter_fraction, background_fraction)
    beam = (distance_mm, sigma_mm, angle_rad, energy_kev, trigger_kev)
    return np.array([*beam, *fractions, window_ns, scatterer_radius_mm, prompt_kev])


@njit(nogil=True, cache=True)
def draw_kind(state: State, source: Table) -> int:
    """Return of which kind the next coincidence is."""
    choice = uniform(state)
    if choice < source[_P_RANDOM]:
        return RANDOM
    if choice < source[_P_RANDOM] + source[_P_SCATTER]:
        return SCATTERED
    if choice < source[_P_RANDOM] + source[_P_SCATTER] + source[_P_BACKGROUND]:
        return BACKGROUND
    return TRUE


@njit(nogil=True, cache=True)
def _aim(
    state: State, x: float, y: float, z: float, distance: float, half_x: float, half_y: float
) -> tuple[float, float, float]:
    """Return a direction from the source to a random place on the farther entrance face."""
    face = -0.5 * distance if z > 0.0 else 0.5 * distance
    dx = half_x * (2.0 * uniform(state) - 1.0) - x
    dy = half_y * (2.0 * uniform(state) - 1.0) - y
    dz = face - z
    length = math.sqrt(dx * dx + dy * dy + dz * dz)
    # The direction towards detector 0, which lies at negative z.
    sign = 1.0 if dz < 0.0 else -1.0
    return sign * dx / length, sign * dy / length, sign * dz / length


@njit(nogil=True, cache=True)
def send_gammas(
    state: State,
    standing_mm: float,
    kind: int,
    source: Table,
    first: Arm,
    second: Arm,
    deposits: Table,
    number: NDArray[np.int64],
    deposited_kev: Table,
    late_ns: Table,
) -> bool:
    """Let one decay happen; return whether both detectors may have seen enough.

    Parameters
    ----------
    standing_mm
        Where the source is on the axis, from the middle towards detector 1.
    deposits, number, deposited_kev
        (side, deposit, 6), (side,) and (side,), filled. Times of deposits count from the decay.
    late_ns
        (side,), filled: what is to be added to these times.
    """
    distance, energy, prompt = source[DISTANCE], source[_ENERGY], source[_PROMPT]
    sigma = source[_SIGMA]
    x, y = sigma * normal(state), sigma * normal(state)
    z = standing_mm + sigma * normal(state)
    half_x = max(first.slabs[0, 6], second.slabs[0, 6])
    half_y = max(first.slabs[0, 7], second.slabs[0, 7])
    dx, dy, dz = _aim(state, x, y, z, distance, half_x, half_y)
    late_ns[:] = 0.0
    own_decay = -1
    kev = (energy, energy)
    if kind == RANDOM:
        late_ns[1] = source[_WINDOW] * (2.0 * uniform(state) - 1.0)
    elif kind == SCATTERED:
        # One photon scatters at the surface of a sphere around the source and reaches the
        # detector all the same, having lost energy and gone a longer way.
        left = compton_energy(state, energy)
        detour = source[_SCATTERER] * (1.0 - compton_cosine(energy, left)) / LIGHT_MM_PER_NS
        side = 0 if uniform(state) < 0.5 else 1
        late_ns[side] = detour
        kev = (left, energy) if side == 0 else (energy, left)
    elif kind == BACKGROUND:
        own_decay = 0 if uniform(state) < 0.5 else 1
        # At any time within the window around that of a gamma ray from the middle.
        late_ns[own_decay] = source[_WINDOW] * (2.0 * uniform(state) - 1.0)
        late_ns[own_decay] += 0.5 * distance / LIGHT_MM_PER_NS
    for side in range(2):
        arm, sign = (first, 1.0) if side == 0 else (second, -1.0)
        if side == own_decay:
            number[side], _scatters, deposited_kev[side] = lutetium_decay(
                state, arm.slabs[0], arm.gamma_kev, arm.gamma_per_mm, deposits[side]
            )
        else:
            # In the frame of the detector the depth grows away from the source.
            gx, gy, gz = sign * dx, sign * dy, abs(dz)
            if side == 1:
                gx += source[_ANGLE] * normal(state)
                gy += source[_ANGLE] * normal(state)
                gz = math.sqrt(max(0.0, 1.0 - gx * gx - gy * gy))
            number[side], _scatters, escaped = trace_gamma(
                state,
                x,
                y,
                -(0.5 * distance + sign * z),
                gx,
                gy,
                gz,
                kev[side],
                arm.slabs[0],
                arm.gamma_kev,
                arm.gamma_per_mm,
                deposits[side],
            )
            deposited_kev[side] = kev[side] - escaped
        if number[side] == 0 or deposited_kev[side] < _HOPELESS * source[TRIGGER]:
            return False
    if prompt > 0.0:
        px, py, pz = direction(state)
        side = 0 if pz < 0.0 else 1
        arm, sign = (first, 1.0) if side == 0 else (second, -1.0)
        more, _scatters, escaped = trace_gamma(
            state,
            x,
            y,
            -(0.5 * distance + sign * z),
            px,
            py,
            abs(pz),
            prompt,
            arm.slabs[0],
            arm.gamma_kev,
            arm.gamma_per_mm,
            deposits[side, number[side] :],
        )
        if more > 0:
            number[side] += more
            deposited_kev[side] += prompt - escaped
    return True

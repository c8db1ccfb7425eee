"""The kernel of a coincidence: two gamma rays, two waveforms, one window."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from pulsefront.simulate.avalanches import (
    add_avalanches,
    add_dark_counts,
    scratch,
    time_jitter,
    total_charge,
)
from pulsefront.simulate.digitizer import (
    add_noise,
    phase_steps,
    quantize,
    sum_pulses,
    trigger_sample,
)
from pulsefront.simulate.gamma import (
    MAX_DEPOSITS,
    compton_cosine,
    compton_energy,
    trace_gamma,
)
from pulsefront.simulate.light_map import draw_transit, interpolate_one, interpolate_transit
from pulsefront.simulate.optics import LIGHT_MM_PER_NS
from pulsefront.simulate.random import normal, poisson, uniform
from pulsefront.simulate.scintillation import cherenkov_photons, draw_photons, emission_time

__all__ = ["MARGIN", "MAX_TRIES", "RANDOM", "SCATTERED", "TRUE", "coincidence_events"]

MAX_TRIES = 100_000
TRUE, SCATTERED, RANDOM = 0, 1, 2
# Below this share of the threshold in true energy no event can reach it in charge.
_HOPELESS = 0.8
# Samples before the earliest light, beyond the pre-trigger ones, and after the last recorded one.
MARGIN = 24
Table = NDArray[np.float64]


@njit(nogil=True, cache=True)
def _aim(
    state: NDArray[np.uint64], x: float, y: float, z: float, distance: float, half: Table
) -> tuple[float, float, float]:
    """Return a direction from the source to a random place on the farther entrance face."""
    face = -0.5 * distance if z > 0.0 else 0.5 * distance
    dx = half[0] * (2.0 * uniform(state) - 1.0) - x
    dy = half[1] * (2.0 * uniform(state) - 1.0) - y
    dz = face - z
    length = math.sqrt(dx * dx + dy * dy + dz * dz)
    # The direction towards detector 0, which lies at negative z.
    sign = 1.0 if dz < 0.0 else -1.0
    return sign * dx / length, sign * dy / length, sign * dz / length


@njit(nogil=True, cache=True)
def _avalanches_of(
    state: NDArray[np.uint64],
    deposits: Table,
    number: int,
    arrival: float,
    stop: float,
    arm: tuple[Any, ...],
    mean: NDArray[np.float32],
    quantiles: NDArray[np.float32],
    time_ns: Table,
) -> int:
    """Fill *time_ns* with the detection times of scintillation and Cherenkov light."""
    light, decay, scale, row = arm[3], arm[4], arm[5], arm[6]
    count = 0
    for d in range(number):
        x, y, z = deposits[d, 0], deposits[d, 1], deposits[d, 2]
        mean[:] = 0.0
        interpolate_one(x, y, z, arm[9], arm[10], arm[11], arm[12], 1.0, mean)
        photons = draw_photons(state, deposits[d, 3], light)
        prompt = cherenkov_photons(deposits[d, 3], scale[1:])
        for sensor in range(len(mean)):
            scintillation = poisson(state, photons * mean[sensor])
            cherenkov = poisson(state, prompt * mean[sensor])
            if scintillation + cherenkov == 0:
                continue
            interpolate_transit(x, y, z, sensor, arm[9], arm[10], arm[11], arm[13], quantiles)
            for photon in range(scintillation + cherenkov):
                time = arrival + deposits[d, 4]
                if photon < scintillation:
                    time += emission_time(state, decay)
                if time > stop or count >= len(time_ns):
                    continue
                time_ns[count] = time + draw_transit(state, quantiles) + time_jitter(state, row)
                count += 1
    return count


@njit(nogil=True, cache=True)
def coincidence_events(
    state: NDArray[np.uint64],
    standing_mm: Table,
    source: Table,
    first: tuple[Any, ...],
    second: tuple[Any, ...],
    waveform: NDArray[np.uint16],
    truth: Table,
    clipped: NDArray[np.bool_],
    kind: NDArray[np.uint8],
) -> bool:
    """Fill one coincidence per source position; return whether all were found.

    Parameters
    ----------
    source
        (9,): distance and sigmas of source and angle, energy, threshold, shares of random and
        scattered coincidences, half the coincidence window, radius of the scatterer.
    waveform, truth
        (event, side, sample); (event, side, 4): arrival from the first sample, depth, deposited
        energy, avalanches.
    clipped, kind
        (event,): whether a waveform left the ADC's range; `TRUE`, `SCATTERED` or `RANDOM`.
    """
    distance, source_sigma, angle_sigma, energy, trigger_kev = source[:5]
    p_random, p_scatter, window, scatterer = source[5:]
    interval = first[7][0]
    samples = waveform.shape[2]
    before = int(first[7][10])
    length = samples + before + 2 * MARGIN
    most = 200_000
    time_ns, amplitude = np.zeros(most), np.zeros(most)
    room = scratch(most, int(max(first[6][0], second[6][0])))
    analog = np.zeros((2, length))
    steps = (phase_steps(first[8], interval), phase_steps(second[8], interval))
    deposits = np.zeros((2, MAX_DEPOSITS, 6))
    number = np.zeros(2, np.int64)
    sensors = max(first[12].shape[3], second[12].shape[3])
    means = np.zeros(sensors, np.float32)
    quantiles = np.zeros(first[13].shape[4], np.float32)
    half = np.array([max(first[0][6], second[0][6]), max(first[0][7], second[0][7])])
    for event in range(len(standing_mm)):
        found = False
        choice = uniform(state)
        kind[event] = TRUE
        if choice < p_random:
            kind[event] = RANDOM
        elif choice < p_random + p_scatter:
            kind[event] = SCATTERED
        for _ in range(MAX_TRIES):
            x, y = source_sigma * normal(state), source_sigma * normal(state)
            z = standing_mm[event] + source_sigma * normal(state)
            dx, dy, dz = _aim(state, x, y, z, distance, half)
            good = True
            late = np.zeros(2)
            kev = np.full(2, energy)
            if kind[event] == RANDOM:
                late[1] = window * (2.0 * uniform(state) - 1.0)
            elif kind[event] == SCATTERED:
                # One photon scatters at the surface of a sphere around the source and reaches
                # the detector all the same, having lost energy and gone a longer way.
                side = 0 if uniform(state) < 0.5 else 1
                kev[side] = compton_energy(state, energy)
                late[side] = scatterer * (1.0 - compton_cosine(energy, kev[side])) / LIGHT_MM_PER_NS
            for side in range(2):
                arm = first if side == 0 else second
                sign = 1.0 if side == 0 else -1.0
                # In the frame of the detector the depth grows away from the source.
                gx, gy, gz = sign * dx, sign * dy, abs(dz)
                if side == 1:
                    gx += angle_sigma * normal(state)
                    gy += angle_sigma * normal(state)
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
                    arm[0],
                    arm[1],
                    arm[2],
                    deposits[side],
                )
                if number[side] == 0 or kev[side] - escaped < _HOPELESS * trigger_kev:
                    good = False
                    break
                truth[event, side, 1] = deposits[side, 0, 2]
                truth[event, side, 2] = kev[side] - escaped
            if not good:
                continue
            start = -interval * (before + MARGIN + uniform(state))
            stop = start + interval * length
            for side in range(2):
                arm = first if side == 0 else second
                row = arm[6]
                # Deposit times count from the source; the window counts from the faces.
                arrival = late[side] - 0.5 * distance / LIGHT_MM_PER_NS
                mean = means[: arm[12].shape[3]]
                count = _avalanches_of(
                    state,
                    deposits[side],
                    number[side],
                    arrival,
                    stop,
                    arm,
                    mean,
                    quantiles,
                    time_ns,
                )
                lead = 5.0 * arm[8][1, 1]
                dark_row = row.copy()
                dark_row[8] *= len(mean)
                count = add_dark_counts(state, dark_row, start - lead, stop, time_ns, count)
                count = add_avalanches(state, row, arm[14], time_ns, amplitude, count, room)
                total = total_charge(amplitude, count)
                truth[event, side, 3] = total
                truth[event, side, 0] = arrival + deposits[side, 0, 4]
                if total < trigger_kev * arm[5][0]:
                    good = False
                    break
                sum_pulses(
                    time_ns, amplitude, count, start, interval, arm[8], steps[side], analog[side]
                )
                add_noise(state, arm[7], analog[side])
            if not good:
                continue
            at = trigger_sample(state, first[7], analog[0]) - before
            if at < 0 or at + samples > length:
                continue
            for side in range(2):
                truth[event, side, 0] -= start + at * interval
                row = first[7] if side == 0 else second[7]
                if quantize(analog[side], at, row, waveform[event, side]):
                    clipped[event] = True
            found = True
            break
        if not found:
            return False
    return True

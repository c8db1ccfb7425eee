"""The kernel of a scan: from the source to the ADC, event by event."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from pulsefront.simulate.gamma.background import lutetium_decay
from pulsefront.simulate.gamma.interactions import MAX_DEPOSITS, trace_gamma
from pulsefront.simulate.light.direct import add_direct
from pulsefront.simulate.light.map import interpolate_one
from pulsefront.simulate.light.optics import trace_photon
from pulsefront.simulate.light.scintillation import draw_photons
from pulsefront.simulate.run.random import direction, normal, poisson, uniform
from pulsefront.simulate.sensor.charges import charge_of, draw_charge

__all__ = ["GEOMETRIES", "MAX_TRIES", "scan_events"]

MAX_TRIES = 100_000
GEOMETRIES = {"pencil": 0.0, "fan": 1.0, "side": 2.0, "flood": 3.0, "internal": 4.0}
_FAN, _SIDE, _FLOOD, _INTERNAL = 1.0, 2.0, 3.0, 4.0
# Order of the tables in *arrays*, and of the numbers in the first of them.
_BEAM, _LINES, _ENERGY, _PER_MM, _LIGHT, _CHARGE, _WEIGHTS = range(7)
_SLABS, _SURFACES, _SENSORS, _X, _Y, _Z, _PROBABILITY = range(7, 14)
_HEIGHT, _SHIFT, _DIRECT, _CENTRE_X, _CENTRE_Y = range(14, 19)
_SIGMA, _GEOMETRY, _FULL, _HOPELESS, _TRIGGER, _LARGEST, _NOISE = range(7)
_DARK = 2
Table = NDArray[np.float64]
State = NDArray[np.uint64]


@njit(nogil=True, cache=True)
def _gamma(
    state: State, at: Table, beam: Table, lines: Table, slab: Table, arrays: Any, deposits: Table
) -> tuple[int, int, float]:
    """Send one gamma ray, or one decay of the crystal; return deposits, scatters and energy."""
    geometry = beam[_GEOMETRY]
    if geometry == _INTERNAL:
        return lutetium_decay(state, slab, arrays[_ENERGY], arrays[_PER_MM], deposits)
    line = 0
    if len(lines) > 1:
        choice = uniform(state)
        while choice > lines[line, 1]:
            line += 1
    energy = lines[line, 0]
    x, y, z = at[0] + beam[_SIGMA] * normal(state), at[1] + beam[_SIGMA] * normal(state), -1.0
    dx, dz = 0.0, 1.0
    if geometry == _FAN:
        y = slab[7] * (2.0 * uniform(state) - 1.0)
    elif geometry == _FLOOD:
        x, y = slab[6] * (2.0 * uniform(state) - 1.0), slab[7] * (2.0 * uniform(state) - 1.0)
    elif geometry == _SIDE:
        x, y, z = -slab[6] - 1.0, x, 0.5 * (slab[0] + slab[1]) + y
        dx, dz = 1.0, 0.0
    count, scatters, escaped = trace_gamma(
        state,
        x,
        y,
        z,
        dx,
        0.0,
        dz,
        energy,
        slab,
        arrays[_ENERGY],
        arrays[_PER_MM],
        deposits,
    )
    return count, scatters, energy - escaped


@njit(nogil=True, cache=True)
def _light(
    state: State, deposits: Table, count: int, beam: Table, arrays: Any, seen: NDArray[np.float32]
) -> None:
    """Fill *seen* with the mean light of each photosensor, or with its photons if fully traced."""
    seen[:] = 0.0
    for d in range(count):
        x, y, z = deposits[d, 0], deposits[d, 1], deposits[d, 2]
        photons = draw_photons(state, deposits[d, 3], arrays[_LIGHT])
        if beam[_FULL] == 0.0:
            interpolate_one(
                x, y, z, arrays[_X], arrays[_Y], arrays[_Z], arrays[_PROBABILITY], photons, seen
            )
            add_direct(
                x,
                y,
                arrays[_SLABS][0, 1] - z,
                arrays[_HEIGHT],
                arrays[_SHIFT],
                arrays[_DIRECT],
                arrays[_CENTRE_X],
                arrays[_CENTRE_Y],
                photons,
                seen,
            )
            continue
        # The photosensor's efficiency is in the number already: what arrives is detected.
        for _ in range(poisson(state, photons)):
            dx, dy, dz = direction(state)
            sensor, _transit, _steps = trace_photon(
                state,
                x,
                y,
                z,
                dx,
                dy,
                dz,
                arrays[_SLABS],
                arrays[_SURFACES],
                arrays[_SENSORS],
            )
            if sensor >= 0:
                seen[sensor] += 1.0


@njit(nogil=True, cache=True)
def _read_out(
    state: State,
    seen: NDArray[np.float32],
    gain: Table,
    beam: Table,
    arrays: Any,
    pixel: Table,
    analog: Table,
) -> float:
    """Fill *analog* with the charge of each readout channel; return their sum."""
    row, weights = arrays[_CHARGE], arrays[_WEIGHTS]
    for sensor in range(len(gain)):
        if beam[_FULL] == 0.0:
            pixel[sensor] = draw_charge(state, seen[sensor], gain[sensor], row)
        else:
            primaries = int(seen[sensor]) + poisson(state, row[_DARK])
            pixel[sensor] = charge_of(state, primaries, gain[sensor], row)
    total = 0.0
    for channel in range(len(analog)):
        value = 0.0
        if len(weights):
            for sensor in range(len(gain)):
                value += weights[channel, sensor] * pixel[sensor]
        else:
            value = pixel[channel]
        analog[channel] = value + beam[_NOISE] * normal(state)
        total += analog[channel]
    return total


@njit(nogil=True, cache=True)
def scan_events(
    state: State,
    standing_mm: Table,
    gain: Table,
    charge: NDArray[np.uint16],
    truth: NDArray[np.float32],
    counts: NDArray[np.int16],
    kept: NDArray[np.float32],
    arrays: Any,
) -> bool:
    """Fill one triggering event per row of *standing_mm*; return whether all were found.

    Parameters
    ----------
    charge
        (event, channel).
    truth
        (event, 7): first interaction, deposited energy, centroid of the deposits.
    counts
        (event, 4): Compton scatters, deposits, element of the first, elements hit.
    kept
        (event, deposit, 4): position and energy of the first deposits.
    """
    beam, lines, slab = arrays[_BEAM], arrays[_LINES], arrays[_SLABS][0]
    # Three gamma rays of a cascade and the beta may each leave their own deposits.
    deposits = np.zeros((3 * MAX_DEPOSITS + 1, 6))
    seen = np.zeros(len(gain), np.float32)
    pixel, analog = np.zeros(len(gain)), np.zeros(charge.shape[1])
    for event in range(len(standing_mm)):
        number, scatters, deposited = 0, 0, 0.0
        for _ in range(MAX_TRIES):
            number, scatters, deposited = _gamma(
                state, standing_mm[event], beam, lines, slab, arrays, deposits
            )
            if number == 0 or deposited < beam[_HOPELESS]:
                number = 0
                continue
            _light(state, deposits, number, beam, arrays, seen)
            total = _read_out(state, seen, gain, beam, arrays, pixel, analog)
            if total >= beam[_TRIGGER]:
                break
            number = 0
        if number == 0:
            return False
        for channel in range(len(analog)):
            charge[event, channel] = int(min(beam[_LARGEST], max(0.0, analog[channel] + 0.5)))
        truth[event, :3] = deposits[0, :3]
        truth[event, 3] = deposited
        hit = 0
        for d in range(number):
            for axis in range(3):
                truth[event, 4 + axis] += deposits[d, 3] * deposits[d, axis] / deposited
            fresh = True
            for before in range(d):
                fresh = fresh and deposits[before, 5] != deposits[d, 5]
            hit += fresh
            if d < kept.shape[1]:
                kept[event, d] = deposits[d, :4]
        counts[event, 0], counts[event, 1] = scatters, number
        counts[event, 2], counts[event, 3] = int(deposits[0, 5]), hit
    return True

"""From the deposits in one detector of a pair to its avalanches, photosensor by photosensor."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from pulsefront.simulate.light.map import draw_transit, interpolate_one, interpolate_transit
from pulsefront.simulate.light.optics import trace_photon
from pulsefront.simulate.light.scintillation import cherenkov_photons, draw_photons, emission_time
from pulsefront.simulate.run.random import borrowed, direction, poisson
from pulsefront.simulate.sensor.avalanches import (
    Scratch,
    add_avalanches,
    add_dark_counts,
    time_jitter,
    total_charge,
)

__all__ = ["Arm", "Pulses", "light_of", "room_for_pulses", "set_off_avalanches"]

# Dark counts before the window whose tails reach into it, in slow fall times.
_LEAD = 5.0
Table = NDArray[np.float64]
State = NDArray[np.uint64]


class Arm(NamedTuple):
    """One detector as the kernels read it.

    Attributes
    ----------
    slabs, surfaces, sensors
        Of `OpticalWorld`.
    gamma_kev, gamma_per_mm
        Of `gamma_table`.
    light, decay, cherenkov
        Of `light_row`, `decay_rows` and `cherenkov_row`.
    threshold
        (1,) charge that fires the discriminator, in units of a mean avalanche.
    full_tracing
        (1,): above 0, every photon is traced and the light map is not read.
    avalanche, gains, digits, terms
        Of `avalanche_row`, `gain_table`, `digitizer_row` and `pulse_terms`.
    sensor_gain
        (sensor,) gain of each photosensor relative to the nominal one.
    weights
        (channel, sensor): what part of a photosensor's signal each recorded channel sees. With no
        rows, one channel records the sum.
    x_mm, y_mm, z_mm, probability, transit_ns
        Of `LightMap`.
    """

    slabs: Table
    surfaces: Table
    sensors: Table
    gamma_kev: Table
    gamma_per_mm: Table
    light: Table
    decay: Table
    cherenkov: Table
    threshold: Table
    full_tracing: Table
    avalanche: Table
    gains: Table
    digits: Table
    terms: Table
    sensor_gain: Table
    weights: Table
    x_mm: Table
    y_mm: Table
    z_mm: Table
    probability: NDArray[np.float32]
    transit_ns: NDArray[np.float32]


class Pulses(NamedTuple):
    """Room for the photons and avalanches of one detector.

    ``photon_ns`` and ``photon_sensor`` hold photons as they are made; ``time_ns`` and
    ``amplitude`` avalanches, those of sensor s from ``begin[s]`` to ``begin[s + 1]``.
    """

    photon_ns: Table
    photon_sensor: NDArray[np.int32]
    time_ns: Table
    amplitude: Table
    begin: NDArray[np.int64]
    mean: NDArray[np.float32]
    quantiles: NDArray[np.float32]


@njit(nogil=True, cache=True)
def room_for_pulses(most: int, sensors: int, quantiles: int) -> Pulses:
    """Return room for *most* avalanches."""
    return Pulses(
        np.zeros(most),
        np.zeros(most, np.int32),
        np.zeros(most),
        np.zeros(most),
        np.zeros(sensors + 1, np.int64),
        np.zeros(sensors, np.float32),
        np.zeros(quantiles, np.float32),
    )


@njit(nogil=True, cache=True)
def light_of(
    state: State, deposits: Table, number: int, arrival: float, stop: float, arm: Arm, room: Pulses
) -> int:
    """Fill photons of scintillation and Cherenkov light, detected before *stop*; return how many.

    *arrival* is added to the times of the deposits; times hold the photosensor's jitter.
    """
    if arm.full_tracing[0] > 0.0:
        return _traced(state, deposits, number, arrival, stop, arm, room)
    count, sensors = 0, len(arm.sensor_gain)
    mean = room.mean[:sensors]
    for d in range(number):
        x, y, z = deposits[d, 0], deposits[d, 1], deposits[d, 2]
        mean[:] = 0.0
        interpolate_one(x, y, z, arm.x_mm, arm.y_mm, arm.z_mm, arm.probability, 1.0, mean)
        photons = draw_photons(state, deposits[d, 3], arm.light)
        prompt = cherenkov_photons(deposits[d, 3], arm.cherenkov)
        for sensor in range(sensors):
            scintillation = poisson(state, photons * mean[sensor])
            cherenkov = poisson(state, prompt * mean[sensor])
            if scintillation + cherenkov == 0:
                continue
            interpolate_transit(
                x, y, z, sensor, arm.x_mm, arm.y_mm, arm.z_mm, arm.transit_ns, room.quantiles
            )
            count = _photons(
                state,
                scintillation,
                cherenkov,
                arrival + deposits[d, 4],
                stop,
                arm.decay,
                arm.avalanche,
                room.quantiles,
                sensor,
                room.photon_ns,
                room.photon_sensor,
                count,
            )
    return count


@njit(nogil=True, cache=True)
def _photons(
    state: State,
    scintillation: int,
    cherenkov: int,
    at: float,
    stop: float,
    decay: Table,
    row: Table,
    quantiles: NDArray[np.float32],
    sensor: int,
    photon_ns: Table,
    photon_sensor: NDArray[np.int32],
    count: int,
) -> int:
    """Append the photons of one deposit on one photosensor; return the new number."""
    rng = borrowed(state)
    for photon in range(scintillation + cherenkov):
        time = at
        if photon < scintillation:
            time += emission_time(rng, decay)
        if time > stop or count >= len(photon_ns):
            continue
        photon_ns[count] = time + draw_transit(rng, quantiles) + time_jitter(rng, row)
        photon_sensor[count] = sensor
        count += 1
    return count


@njit(nogil=True, cache=True)
def _traced(
    state: State, deposits: Table, number: int, arrival: float, stop: float, arm: Arm, room: Pulses
) -> int:
    """Do what `light_of` does by tracing every photon that the photosensors would detect.

    Their efficiency is in the number of photons already: what arrives is detected.
    """
    count, most = 0, len(room.photon_ns)
    for d in range(number):
        scintillation = poisson(state, draw_photons(state, deposits[d, 3], arm.light))
        cherenkov = poisson(state, cherenkov_photons(deposits[d, 3], arm.cherenkov))
        for photon in range(scintillation + cherenkov):
            time = arrival + deposits[d, 4]
            if photon < scintillation:
                time += emission_time(state, arm.decay)
            if time > stop or count >= most:
                continue
            dx, dy, dz = direction(state)
            sensor, transit, _steps = trace_photon(
                state,
                deposits[d, 0],
                deposits[d, 1],
                deposits[d, 2],
                dx,
                dy,
                dz,
                arm.slabs,
                arm.surfaces,
                arm.sensors,
            )
            if sensor >= 0:
                room.photon_ns[count] = time + transit + time_jitter(state, arm.avalanche)
                room.photon_sensor[count] = sensor
                count += 1
    return count


@njit(nogil=True, cache=True)
def set_off_avalanches(
    state: State, photons: int, start: float, stop: float, arm: Arm, room: Pulses, cells: Scratch
) -> float:
    """Fill the avalanches of *photons*, dark counts and secondaries; return their charge.

    Each photosensor has its own cells; the charge is in units of a mean avalanche.
    """
    sensors, most = len(arm.sensor_gain), len(room.time_ns)
    # How many photons each sensor has, in the place where its avalanches will begin.
    room.begin[:] = 0
    for n in range(photons):
        room.begin[room.photon_sensor[n] + 1] += 1
    total, filled = 0.0, 0
    for sensor in range(sensors):
        own, count = room.begin[sensor + 1], 0
        time_ns, amplitude = room.time_ns[filled:most], room.amplitude[filled:most]
        if sensors == 1:
            count = min(own, len(time_ns))
            time_ns[:count] = room.photon_ns[:count]
        else:
            for n in range(photons if own else 0):
                if room.photon_sensor[n] == sensor and count < len(time_ns):
                    time_ns[count] = room.photon_ns[n]
                    count += 1
        lead = _LEAD * arm.terms[1, 1]
        count = add_dark_counts(state, arm.avalanche, start - lead, stop, time_ns, count)
        count = add_avalanches(state, arm.avalanche, arm.gains, time_ns, amplitude, count, cells)
        total += arm.sensor_gain[sensor] * total_charge(amplitude, count)
        filled += count
        room.begin[sensor + 1] = filled
    return total

"""From the deposits in one detector of a pair to its avalanches, photosensor by photosensor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from pulsefront.simulate.gamma.interactions import Deposit, GammaTable
from pulsefront.simulate.light.interpolation import (
    MapGrid,
    draw_transit,
    interpolate_one,
    interpolate_transit,
)
from pulsefront.simulate.light.optics import OpticalWorld, trace_photon
from pulsefront.simulate.light.scintillation import (
    CherenkovYield,
    DecayPart,
    LightYield,
    cherenkov_photons,
    draw_photons,
    emission_time,
)
from pulsefront.simulate.run.random import borrowed, direction, normal, poisson
from pulsefront.simulate.sensor.avalanche_model import AvalancheModel
from pulsefront.simulate.sensor.avalanches import (
    Scratch,
    add_avalanches,
    add_dark_counts,
    total_charge,
)
from pulsefront.simulate.sensor.digitizer import DigitizerModel

__all__ = [
    "Arm",
    "Pulses",
    "add_photons",
    "light_of",
    "room_for_pulses",
    "set_off_avalanches",
]

Table = NDArray[np.float64]
State = NDArray[np.uint64]


class Arm(NamedTuple):
    """One detector of a pair as the kernels read it.

    Attributes
    ----------
    threshold
        Charge that fires the discriminator, in units of a mean avalanche.
    full_tracing
        Whether every photon is traced and the light map not read.
    sensor_gain
        (sensor,) gain of each photosensor relative to the nominal one.
    weights
        (channel, sensor): what part of a photosensor's signal each recorded channel sees. With no
        rows, one channel records the sum.
    """

    world: OpticalWorld
    gammas: GammaTable
    light: LightYield
    decay: Sequence[DecayPart]
    cherenkov: CherenkovYield
    threshold: float
    full_tracing: bool
    avalanche: AvalancheModel
    digitizer: DigitizerModel
    sensor_gain: Table
    weights: Table
    grid: MapGrid


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
    state: State,
    deposits: Sequence[Deposit],
    number: int,
    arrival: float,
    stop: float,
    arm: Arm,
    room: Pulses,
) -> int:
    """Fill photons of scintillation and Cherenkov light, detected before *stop*; return how many.

    *arrival* is added to the times of the deposits; times hold the photosensor's jitter.
    """
    if arm.full_tracing:
        return _traced(state, deposits, number, arrival, stop, arm, room)
    count, sensors = 0, len(arm.sensor_gain)
    mean = room.mean[:sensors]
    for d in range(number):
        x, y, z = deposits[d].x_mm, deposits[d].y_mm, deposits[d].z_mm
        energy, time = deposits[d].energy_kev, arrival + deposits[d].time_ns
        mean[:] = 0.0
        interpolate_one(x, y, z, arm.grid, 1.0, mean)
        photons = draw_photons(state, energy, arm.light)
        prompt = cherenkov_photons(energy, arm.cherenkov)
        for sensor in range(sensors):
            scintillation = poisson(state, photons * mean[sensor])
            cherenkov = poisson(state, prompt * mean[sensor])
            if scintillation + cherenkov == 0:
                continue
            interpolate_transit(x, y, z, sensor, arm.grid, room.quantiles)
            before = count
            count = add_photons(
                state,
                scintillation,
                cherenkov,
                time,
                stop,
                arm.decay,
                arm.avalanche.jitter_ns,
                room.quantiles,
                room.photon_ns,
                count,
            )
            room.photon_sensor[before:count] = sensor
    return count


@njit(nogil=True, cache=True)
def add_photons(
    state: State,
    scintillation: int,
    cherenkov: int,
    start: float,
    stop: float,
    decay: Sequence[DecayPart],
    jitter_ns: float,
    quantiles: NDArray[np.float32],
    photon_ns: Table,
    count: int,
) -> int:
    """Append the photons of one deposit on one photosensor; return the new number."""
    rng = borrowed(state)
    for photon in range(scintillation + cherenkov):
        time = start
        if photon < scintillation:
            time += emission_time(rng, decay)
        if time > stop or count >= len(photon_ns):
            continue
        photon_ns[count] = time + draw_transit(rng, quantiles) + jitter_ns * normal(rng)
        count += 1
    return count


@njit(nogil=True, cache=True)
def _traced(
    state: State,
    deposits: Sequence[Deposit],
    number: int,
    arrival: float,
    stop: float,
    arm: Arm,
    room: Pulses,
) -> int:
    """Do what `light_of` does by tracing every photon that the photosensors would detect.

    Their efficiency is in the number of photons already: what arrives is detected.
    """
    count, most = 0, len(room.photon_ns)
    for d in range(number):
        x, y, z, energy = (
            deposits[d].x_mm, deposits[d].y_mm, deposits[d].z_mm, deposits[d].energy_kev,
        )  # fmt: skip
        scintillation = poisson(state, draw_photons(state, energy, arm.light))
        cherenkov = poisson(state, cherenkov_photons(energy, arm.cherenkov))
        for photon in range(scintillation + cherenkov):
            time = arrival + deposits[d].time_ns
            if photon < scintillation:
                time += emission_time(state, arm.decay)
            if time > stop or count >= most:
                continue
            dx, dy, dz = direction(state)
            sensor, transit, _steps = trace_photon(state, x, y, z, dx, dy, dz, arm.world)
            if sensor >= 0:
                jitter = arm.avalanche.jitter_ns * normal(state)
                room.photon_ns[count] = time + transit + jitter
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
    # How many photons each sensor has, where its avalanches will begin.
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
        begin = start - arm.digitizer.lead_ns
        count = add_dark_counts(state, arm.avalanche.dark_per_ns, begin, stop, time_ns, count)
        count = add_avalanches(state, arm.avalanche, time_ns, amplitude, count, cells)
        total += arm.sensor_gain[sensor] * total_charge(amplitude, count)
        filled += count
        room.begin[sensor + 1] = filled
    return total

"""The chain of a scan: from the source to the ADC, event by event."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from pulsefront.simulate.gamma.background import MAX_DECAY_DEPOSITS, lutetium_decay
from pulsefront.simulate.gamma.interactions import (
    Deposit,
    Gamma,
    GammaTable,
    room_for_deposits,
    trace_gamma,
)
from pulsefront.simulate.light.direct import DirectLight, add_direct
from pulsefront.simulate.light.interpolation import MapGrid, interpolate_one
from pulsefront.simulate.light.optics import OpticalWorld, trace_photon
from pulsefront.simulate.light.scintillation import LightYield, draw_photons
from pulsefront.simulate.run.random import direction, normal, poisson, uniform
from pulsefront.simulate.scan.settings import GammaLine
from pulsefront.simulate.sensor.charges import ChargeModel, charge_of, draw_charge

__all__ = ["GEOMETRIES", "MAX_TRIES", "Beam", "ScanChain", "ScanEvents", "scan_events"]

MAX_TRIES = 100_000
_PENCIL, _FAN, _SIDE, _FLOOD, _INTERNAL = range(5)
GEOMETRIES = {
    "pencil": _PENCIL,
    "fan": _FAN,
    "side": _SIDE,
    "flood": _FLOOD,
    "internal": _INTERNAL,
}
Table = NDArray[np.float64]
State = NDArray[np.uint64]


class Beam(NamedTuple):
    """What is sent, and what is kept of it.

    Attributes
    ----------
    geometry, sigma_mm
        One of `GEOMETRIES`; the width of a beam.
    full_tracing
        Whether every photon is traced and the light map not read.
    least_kev, trigger_adc
        Deposited energy below which no event can trigger, and the charge that does.
    noise_adc, largest_adc
        Of each readout channel.
    """

    geometry: int
    sigma_mm: float
    full_tracing: bool
    least_kev: float
    trigger_adc: float
    noise_adc: float
    largest_adc: float


class ScanChain(NamedTuple):
    """A detector and a source as the kernels read them.

    ``weights`` is (channel, sensor), what part of the charge of each photosensor a readout channel
    takes; without rows each photosensor has a channel of its own.
    """

    beam: Beam
    lines: Sequence[GammaLine]
    gammas: GammaTable
    light: LightYield
    charge: ChargeModel
    weights: Table
    world: OpticalWorld
    grid: MapGrid
    direct: DirectLight


class ScanEvents(NamedTuple):
    """What is recorded of events, named as in their table; the first axis is the event.

    ``deposit_mm`` and ``deposit_kev`` keep as many of the first deposits as they have room for.
    """

    charge_adc: NDArray[np.uint16]
    first_interaction_mm: NDArray[np.float32]
    energy_deposited_kev: NDArray[np.float32]
    light_centroid_mm: NDArray[np.float32]
    compton_scatters: NDArray[np.uint8]
    deposits: NDArray[np.uint8]
    element: NDArray[np.int16]
    elements_hit: NDArray[np.uint8]
    deposit_mm: NDArray[np.float32]
    deposit_kev: NDArray[np.float32]


@njit(nogil=True, cache=True)
def _gamma(
    state: State, source_mm: Table, chain: ScanChain, deposits: Sequence[Deposit]
) -> tuple[int, int, float]:
    """Send one gamma ray, or one decay of the crystal; return deposits, scatters and energy."""
    beam, lines, crystal = chain.beam, chain.lines, chain.world.slabs[0]
    if beam.geometry == _INTERNAL:
        return lutetium_decay(state, crystal, chain.gammas, deposits)
    line = 0
    if len(lines) > 1:
        choice = uniform(state)
        while choice > lines[line].upto:
            line += 1
    energy = lines[line].energy_kev
    x = source_mm[0] + beam.sigma_mm * normal(state)
    y = source_mm[1] + beam.sigma_mm * normal(state)
    z, dx, dz = -1.0, 0.0, 1.0
    half_x, half_y = crystal.half_x_mm, crystal.half_y_mm
    if beam.geometry == _FAN:
        y = half_y * (2.0 * uniform(state) - 1.0)
    elif beam.geometry == _FLOOD:
        x, y = half_x * (2.0 * uniform(state) - 1.0), half_y * (2.0 * uniform(state) - 1.0)
    elif beam.geometry == _SIDE:
        x, y, z = -half_x - 1.0, x, 0.5 * (crystal.bottom_mm + crystal.top_mm) + y
        dx, dz = 1.0, 0.0
    count, scatters, escaped = trace_gamma(
        state, Gamma(x, y, z, dx, 0.0, dz, energy), crystal, chain.gammas, deposits
    )
    return count, scatters, energy - escaped


@njit(nogil=True, cache=True)
def _light(
    state: State,
    deposits: Sequence[Deposit],
    count: int,
    chain: ScanChain,
    seen: NDArray[np.float32],
) -> None:
    """Fill *seen* with the mean light of each photosensor, or with its photons if fully traced."""
    seen[:] = 0.0
    thickness = chain.world.slabs[0].top_mm
    for d in range(count):
        x, y, z = deposits[d].x_mm, deposits[d].y_mm, deposits[d].z_mm
        photons = draw_photons(state, deposits[d].energy_kev, chain.light)
        if not chain.beam.full_tracing:
            interpolate_one(x, y, z, chain.grid, photons, seen)
            add_direct(x, y, thickness - z, chain.direct, photons, seen)
            continue
        # The photosensor's efficiency is in the number already: what arrives is detected.
        for _ in range(poisson(state, photons)):
            dx, dy, dz = direction(state)
            sensor, _transit, _steps = trace_photon(state, x, y, z, dx, dy, dz, chain.world)
            if sensor >= 0:
                seen[sensor] += 1.0


@njit(nogil=True, cache=True)
def _read_out(
    state: State,
    seen: NDArray[np.float32],
    gain: Table,
    chain: ScanChain,
    pixel: Table,
    analog: Table,
) -> float:
    """Fill *analog* with the charge of each readout channel; return their sum."""
    beam, model, weights = chain.beam, chain.charge, chain.weights
    for sensor in range(len(gain)):
        if not beam.full_tracing:
            pixel[sensor] = draw_charge(state, seen[sensor], gain[sensor], model)
        else:
            primaries = int(seen[sensor]) + poisson(state, model.dark)
            pixel[sensor] = charge_of(state, primaries, gain[sensor], model)
    total = 0.0
    for channel in range(len(analog)):
        value = 0.0
        if len(weights):
            for sensor in range(len(gain)):
                value += weights[channel, sensor] * pixel[sensor]
        else:
            value = pixel[channel]
        analog[channel] = value + beam.noise_adc * normal(state)
        total += analog[channel]
    return total


@njit(nogil=True, cache=True)
def _record(
    event: int,
    analog: Table,
    largest_adc: float,
    deposits: Sequence[Deposit],
    count: int,
    scatters: int,
    deposited_kev: float,
    events: ScanEvents,
) -> None:
    """Write down the charges and the truth of an event."""
    for channel in range(len(analog)):
        code = int(min(largest_adc, max(0.0, analog[channel] + 0.5)))
        events.charge_adc[event, channel] = code
    first, centroid = events.first_interaction_mm[event], events.light_centroid_mm[event]
    first[0], first[1], first[2] = deposits[0].x_mm, deposits[0].y_mm, deposits[0].z_mm
    events.energy_deposited_kev[event] = deposited_kev
    hit = 0
    for d in range(count):
        one = deposits[d]
        centroid[0] += one.energy_kev * one.x_mm / deposited_kev
        centroid[1] += one.energy_kev * one.y_mm / deposited_kev
        centroid[2] += one.energy_kev * one.z_mm / deposited_kev
        fresh = True
        for before in range(d):
            fresh = fresh and deposits[before].element != one.element
        hit += fresh
        if d < events.deposit_kev.shape[1]:
            kept = events.deposit_mm[event, d]
            kept[0], kept[1], kept[2] = one.x_mm, one.y_mm, one.z_mm
            events.deposit_kev[event, d] = one.energy_kev
    events.compton_scatters[event], events.deposits[event] = scatters, count
    events.element[event], events.elements_hit[event] = deposits[0].element, hit


@njit(nogil=True, cache=True)
def scan_events(
    state: State, source_mm: Table, gain: Table, chain: ScanChain, events: ScanEvents
) -> bool:
    """Fill one triggering event per source position; return whether all were found.

    Parameters
    ----------
    source_mm
        (event, 2): where the source really is.
    gain
        (sensor,): relative to the nominal one.
    events
        Filled; all zero before.
    """
    beam = chain.beam
    deposits = room_for_deposits(MAX_DECAY_DEPOSITS)
    seen = np.zeros(len(gain), np.float32)
    pixel, analog = np.zeros(len(gain)), np.zeros(events.charge_adc.shape[1])
    for event in range(len(source_mm)):
        count, scatters, deposited = 0, 0, 0.0
        for _ in range(MAX_TRIES):
            count, scatters, deposited = _gamma(state, source_mm[event], chain, deposits)
            if count == 0 or deposited < beam.least_kev:
                count = 0
                continue
            _light(state, deposits, count, chain, seen)
            if _read_out(state, seen, gain, chain, pixel, analog) >= beam.trigger_adc:
                break
            count = 0
        if count == 0:
            return False
        _record(event, analog, beam.largest_adc, deposits, count, scatters, deposited, events)
    return True

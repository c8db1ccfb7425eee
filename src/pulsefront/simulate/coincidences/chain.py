"""The chain of a coincidence: two gamma rays, two sets of waveforms, one window."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from pulsefront.simulate.coincidences.light import (
    Arm,
    Pulses,
    light_of,
    room_for_pulses,
    set_off_avalanches,
)
from pulsefront.simulate.coincidences.source import (
    Decay,
    PairSource,
    draw_kind,
    room_for_decay,
    send_gammas,
)
from pulsefront.simulate.constants import LIGHT_MM_PER_NS
from pulsefront.simulate.run.random import uniform
from pulsefront.simulate.sensor.avalanches import Scratch, scratch
from pulsefront.simulate.sensor.digitizer import (
    DigitizerModel,
    add_noise,
    phase_steps,
    quantize,
    sum_pulses,
    trigger_sample,
)

__all__ = ["MARGIN", "MAX_TRIES", "CoincidenceEvents", "coincidence_events"]

MAX_TRIES = 100_000
# Samples before the earliest light, beyond the pre-trigger ones, and after the last recorded one.
MARGIN = 24
_MOST_AVALANCHES = 200_000
Table = NDArray[np.float64]
State = NDArray[np.uint64]


class CoincidenceEvents(NamedTuple):
    """What is recorded of coincidences; the first axis is the event, the second the side.

    Attributes
    ----------
    waveform_adc
        (event, side, channel, sample).
    true_arrival_ns
        (event, side) of the first interaction, from the first sample.
    depth_mm, energy_deposited_kev, avalanches
        (event, side).
    clipped, coincidence_kind
        (event,): whether a waveform left the ADC's range; which kind of coincidence it is.
    """

    waveform_adc: NDArray[np.uint16]
    true_arrival_ns: Table
    depth_mm: NDArray[np.float32]
    energy_deposited_kev: NDArray[np.float32]
    avalanches: NDArray[np.float32]
    clipped: NDArray[np.bool_]
    coincidence_kind: NDArray[np.uint8]


class _Room(NamedTuple):
    """What the kernels here write to, allocated once for many events.

    Attributes
    ----------
    decay, pulses, cells
        Gamma rays, photons, and the microcells of one photosensor.
    single, whole, channels
        (sample,) of one photosensor, (side, sample) of all, (side, channel, sample) of what is
        recorded.
    """

    decay: Decay
    pulses: Pulses
    cells: Scratch
    single: Table
    whole: Table
    channels: Table


@njit(nogil=True, cache=True)
def _room(sensors: int, cells: int, quantiles: int, channels: int, length: int) -> _Room:
    return _Room(
        room_for_decay(),
        room_for_pulses(_MOST_AVALANCHES, sensors, quantiles),
        scratch(_MOST_AVALANCHES, cells),
        np.zeros(length),
        np.zeros((2, length)),
        np.zeros((2, channels, length)),
    )


@njit(nogil=True, cache=True)
def _waveforms(
    state: State,
    channel_state: State,
    start: float,
    arm: Arm,
    steps: Table,
    pulses: Pulses,
    single: Table,
    whole: Table,
    channels: Table,
) -> None:
    """Fill *whole* with the analog sum of all photosensors and *channels* with what is recorded.

    Each channel, and the sum on which the trigger decides, has its own noise; where the sum is
    what is recorded, it is the same.
    """
    digitizer = arm.digitizer
    whole[:] = 0.0
    channels[:] = 0.0
    for sensor in range(len(arm.sensor_gain)):
        begin, end = pulses.begin[sensor], pulses.begin[sensor + 1]
        if begin == end:
            continue
        sum_pulses(
            pulses.time_ns[begin:end],
            pulses.amplitude[begin:end],
            end - begin,
            start,
            digitizer.interval_ns,
            digitizer.pulse,
            steps,
            single,
        )
        gain = arm.sensor_gain[sensor]
        for k in range(len(whole)):
            whole[k] += gain * single[k]
        for channel in range(len(arm.weights)):
            share = gain * arm.weights[channel, sensor]
            if share > 0.0:
                for k in range(len(whole)):
                    channels[channel, k] += share * single[k]
    add_noise(state, digitizer, whole)
    for channel in range(len(arm.weights)):
        add_noise(channel_state, digitizer, channels[channel])
    if len(arm.weights) == 0:
        channels[0] = whole


@njit(nogil=True, cache=True)
def _see(
    state: State,
    channel_state: State,
    side: int,
    start: float,
    distance_mm: float,
    arm: Arm,
    steps: Table,
    room: _Room,
    event: int,
    events: CoincidenceEvents,
) -> bool:
    """Make the waveforms of one side and write down its truth; return whether it fires."""
    deposits, count = room.decay.deposits[side], room.decay.number[side]
    stop = start + arm.digitizer.interval_ns * len(room.single)
    # Deposit times count from the source; the window counts from the faces.
    arrival = room.decay.late_ns[side] - 0.5 * distance_mm / LIGHT_MM_PER_NS
    photons = light_of(state, deposits, count, arrival, stop, arm, room.pulses)
    total = set_off_avalanches(state, photons, start, stop, arm, room.pulses, room.cells)
    if total < arm.threshold:
        return False
    events.true_arrival_ns[event, side] = arrival + deposits[0].time_ns
    events.depth_mm[event, side] = deposits[0].z_mm
    events.energy_deposited_kev[event, side] = room.decay.deposited_kev[side]
    events.avalanches[event, side] = total
    whole, channels = room.whole[side], room.channels[side]
    _waveforms(state, channel_state, start, arm, steps, room.pulses, room.single, whole, channels)
    return True


@njit(nogil=True, cache=True)
def _digitize(
    event: int,
    side: int,
    first_sample: int,
    digitizer: DigitizerModel,
    channels: Table,
    events: CoincidenceEvents,
) -> None:
    """Write down the window of one side that begins at a sample."""
    for channel in range(len(channels)):
        samples = events.waveform_adc[event, side, channel]
        if quantize(channels[channel], first_sample, digitizer, samples):
            events.clipped[event] = True


@njit(nogil=True, cache=True)
def coincidence_events(
    state: State,
    channel_state: State,
    source_mm: Table,
    source: PairSource,
    first: Arm,
    second: Arm,
    events: CoincidenceEvents,
) -> bool:
    """Fill one coincidence per source position; return whether all were found.

    Parameters
    ----------
    state, channel_state
        Of random generators; the second is for the noise of channels, so that events are the same
        whatever is recorded of them.
    source_mm
        (event,): where the source really is, from the middle towards detector 1.
    """
    samples, interval = events.waveform_adc.shape[3], first.digitizer.interval_ns
    before = first.digitizer.pre_trigger
    length = samples + before + 2 * MARGIN
    room = _room(
        max(len(first.sensor_gain), len(second.sensor_gain)),
        max(first.avalanche.cells, second.avalanche.cells),
        max(first.grid.transit_ns.shape[4], second.grid.transit_ns.shape[4]),
        events.waveform_adc.shape[2],
        length,
    )
    steps_first = phase_steps(first.digitizer.pulse, interval)
    steps_second = phase_steps(second.digitizer.pulse, interval)
    for event in range(len(source_mm)):
        found = False
        kind = draw_kind(state, source)
        events.coincidence_kind[event] = kind
        for _ in range(MAX_TRIES):
            if not send_gammas(state, source_mm[event], kind, source, first, second, room.decay):
                continue
            start = -interval * (before + MARGIN + uniform(state))
            states, distance = (state, channel_state), source.distance_mm
            if not _see(*states, 0, start, distance, first, steps_first, room, event, events):
                continue
            if not _see(*states, 1, start, distance, second, steps_second, room, event, events):
                continue
            window = trigger_sample(state, first.digitizer, room.whole[0]) - before
            if window < 0 or window + samples > length:
                continue
            for side in range(2):
                events.true_arrival_ns[event, side] -= start + window * interval
                digitizer = first.digitizer if side == 0 else second.digitizer
                _digitize(event, side, window, digitizer, room.channels[side], events)
            found = True
            break
        if not found:
            return False
    return True

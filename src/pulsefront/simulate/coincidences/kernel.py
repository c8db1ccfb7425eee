"""The kernel of a coincidence: two gamma rays, two sets of waveforms, one window."""

from __future__ import annotations

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
from pulsefront.simulate.coincidences.source import DEPOSITS, DISTANCE, draw_kind, send_gammas
from pulsefront.simulate.light.optics import LIGHT_MM_PER_NS
from pulsefront.simulate.run.random import uniform
from pulsefront.simulate.sensor.avalanches import scratch
from pulsefront.simulate.sensor.digitizer import (
    add_noise,
    phase_steps,
    quantize,
    sum_pulses,
    trigger_sample,
)

__all__ = ["MARGIN", "MAX_TRIES", "coincidence_events"]

MAX_TRIES = 100_000
# Samples before the earliest light, beyond the pre-trigger ones, and after the last recorded one.
MARGIN = 24
_INTERVAL, _PRE_TRIGGER = 0, 10
Table = NDArray[np.float64]


@njit(nogil=True, cache=True)
def _waveforms(
    state: NDArray[np.uint64],
    channel_state: NDArray[np.uint64],
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
    interval = arm.digits[_INTERVAL]
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
            interval,
            arm.terms,
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
    add_noise(state, arm.digits, whole)
    for channel in range(len(arm.weights)):
        add_noise(channel_state, arm.digits, channels[channel])
    if len(arm.weights) == 0:
        channels[0] = whole


@njit(nogil=True, cache=True)
def coincidence_events(
    state: NDArray[np.uint64],
    channel_state: NDArray[np.uint64],
    standing_mm: Table,
    source: Table,
    first: Arm,
    second: Arm,
    waveform: NDArray[np.uint16],
    truth: Table,
    clipped: NDArray[np.bool_],
    kind: NDArray[np.uint8],
) -> bool:
    """Fill one coincidence per source position; return whether all were found.

    Parameters
    ----------
    state, channel_state
        Of random generators; the second is for the noise of channels, so that events are the same
        whatever is recorded of them.
    source
        Of `source_row`.
    waveform, truth
        (event, side, channel, sample); (event, side, 4): arrival from the first sample, depth,
        deposited energy, avalanches.
    clipped, kind
        (event,): whether a waveform left the ADC's range; which kind of coincidence it is.
    """
    interval = first.digits[_INTERVAL]
    samples = waveform.shape[3]
    before = int(first.digits[_PRE_TRIGGER])
    length = samples + before + 2 * MARGIN
    most = 200_000
    sensors = max(len(first.sensor_gain), len(second.sensor_gain))
    levels = max(first.transit_ns.shape[4], second.transit_ns.shape[4])
    pulses = room_for_pulses(most, sensors, levels)
    cells = scratch(most, int(max(first.avalanche[0], second.avalanche[0])))
    whole, single = np.zeros((2, length)), np.zeros(length)
    channels = np.zeros((2, waveform.shape[2], length))
    steps = (phase_steps(first.terms, interval), phase_steps(second.terms, interval))
    deposits = np.zeros((2, DEPOSITS, 6))
    number, late = np.zeros(2, np.int64), np.zeros(2)
    deposited = np.zeros(2)
    for event in range(len(standing_mm)):
        found = False
        kind[event] = draw_kind(state, source)
        for _ in range(MAX_TRIES):
            if not send_gammas(
                state,
                standing_mm[event],
                kind[event],
                source,
                first,
                second,
                deposits,
                number,
                deposited,
                late,
            ):
                continue
            start = -interval * (before + MARGIN + uniform(state))
            stop = start + interval * length
            good = True
            for side in range(2):
                arm = first if side == 0 else second
                # Deposit times count from the source; the window counts from the faces.
                arrival = late[side] - 0.5 * source[DISTANCE] / LIGHT_MM_PER_NS
                photons = light_of(state, deposits[side], number[side], arrival, stop, arm, pulses)
                total = set_off_avalanches(state, photons, start, stop, arm, pulses, cells)
                if total < arm.threshold[0]:
                    good = False
                    break
                truth[event, side, 0] = arrival + deposits[side, 0, 4]
                truth[event, side, 1] = deposits[side, 0, 2]
                truth[event, side, 2] = deposited[side]
                truth[event, side, 3] = total
                _waveforms(
                    state,
                    channel_state,
                    start,
                    arm,
                    steps[side],
                    pulses,
                    single,
                    whole[side],
                    channels[side],
                )
            if not good:
                continue
            at = trigger_sample(state, first.digits, whole[0]) - before
            if at < 0 or at + samples > length:
                continue
            for side in range(2):
                truth[event, side, 0] -= start + at * interval
                row = first.digits if side == 0 else second.digits
                for channel in range(waveform.shape[2]):
                    if quantize(channels[side, channel], at, row, waveform[event, side, channel]):
                        clipped[event] = True
            found = True
            break
        if not found:
            return False
    return True

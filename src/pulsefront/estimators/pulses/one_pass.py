"""The one pass over a waveform behind `pulsefront.estimators.pulses.chain`: a compiled kernel."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from pulsefront.estimators.pulses.kernels import (
    constant_fraction_of,
    crossing_before,
    largest_at,
    line_through,
    mean_and_rms,
    median_and_mad,
    moving_average,
    second_rise,
    total_of,
)
from pulsefront.events.container import Status

__all__ = ["LINE", "MEAN", "ROBUST", "measure"]

MEAN, ROBUST, LINE = 0, 1, 2
"""Methods of the baseline."""

_SATURATED = int(Status.SATURATED)
_PILE_UP = int(Status.PILE_UP)
_NO_PULSE = int(Status.NO_PULSE)
_NO_CROSSING = int(Status.NO_CROSSING)
_BAD_BASELINE = int(Status.BAD_BASELINE)
_NOT_FINITE = int(Status.NOT_FINITE)


@njit(nogil=True, cache=True)
def measure(
    waveforms: NDArray[Any],
    sign: float,
    base_start: int,
    base_stop: int,
    base_method: int,
    half: int,
    charge_start: int,
    charge_stop: int,
    charge_from_edge: bool,  # noqa: FBT001 - numba takes arguments by position
    threshold_adc: float,
    threshold_noise: float,
    fraction: float,
    delay: float,
    saturation_low: float,
    saturation_high: float,
    pile_up_fraction: float,
    noise_limit: float,
) -> tuple[NDArray[np.float64], NDArray[np.uint16]]:
    """Return, per event, the numbers of `pulse_settings.NAMES` and the status flags.

    Arguments are those of `pulsefront.estimators.pulses.settings.PulseSettings`, with NaN or
    infinity for what is not asked for, and *half* the reach of the smoothing.
    """
    events, samples = waveforms.shape
    rows = np.full((events, 7), np.nan)
    status = np.zeros(events, np.uint16)
    pulse = np.empty(samples, np.float32)
    room = np.empty(samples, np.float32)
    for event in range(events):
        raw = waveforms[event]
        gate = raw[base_start:base_stop]
        slope = 0.0
        if base_method == LINE:
            level, noise, slope = line_through(raw, base_start, base_stop)
        elif base_method == ROBUST:
            level, noise = median_and_mad(gate)
        else:
            level, noise = mean_and_rms(gate)
        rows[event, 0] = level
        rows[event, 1] = noise
        lowest, highest = _upward(raw, level, sign, pulse)
        if slope != 0.0:
            _take_slope(pulse, sign * slope)
        total = total_of(pulse)
        if not np.isfinite(total):
            status[event] = _NOT_FINITE
            continue
        flags = 0
        if lowest <= saturation_low or highest >= saturation_high:
            flags |= _SATURATED
        if noise > noise_limit:
            flags |= _BAD_BASELINE
        if half > 0:
            moving_average(pulse, half)
            total = total_of(pulse)

        peak = largest_at(pulse)
        height = np.float64(pulse[peak])
        rows[event, 2] = height
        rows[event, 3] = peak

        threshold = threshold_adc if np.isfinite(threshold_adc) else threshold_noise * noise
        edge = np.nan
        if height < threshold or height <= 0.0:
            flags |= _NO_PULSE
        else:
            edge = crossing_before(pulse, peak, threshold)
            rows[event, 5] = edge
            crossing = constant_fraction_of(pulse, fraction, delay, room)
            # The leading edge arms it: a crossing before that is noise on the baseline.
            if crossing >= edge:
                rows[event, 6] = crossing
            if not (np.isfinite(edge) and np.isfinite(rows[event, 6])):
                flags |= _NO_CROSSING
            rise = max(pile_up_fraction * height, threshold)
            if pile_up_fraction > 0.0 and second_rise(pulse, peak, rise):
                flags |= _PILE_UP

        if charge_from_edge:
            if np.isfinite(edge):
                start = max(charge_start + int(np.floor(edge)), 0)
                stop = min(charge_stop + int(np.floor(edge)), samples)
                rows[event, 4] = total_of(pulse[start : max(start, stop)])
        elif charge_start == 0 and charge_stop >= samples:
            rows[event, 4] = total
        else:
            rows[event, 4] = total_of(pulse[max(charge_start, 0) : min(charge_stop, samples)])
        status[event] = flags
    return rows, status


@njit(nogil=True, cache=True)
def _upward(
    raw: NDArray[Any], level: float, sign: float, pulse: NDArray[np.float32]
) -> tuple[float, float]:
    """Fill *pulse* with the samples above their baseline; return the raw smallest and largest."""
    lowest = raw[0]
    highest = raw[0]
    for i in range(len(pulse)):
        lowest = min(lowest, raw[i])
        highest = max(highest, raw[i])
        pulse[i] = sign * (np.float64(raw[i]) - level)
    return np.float64(lowest), np.float64(highest)


@njit(nogil=True, cache=True)
def _take_slope(pulse: NDArray[np.float32], slope: float) -> None:
    for i in range(len(pulse)):
        pulse[i] = np.float64(pulse[i]) - slope * i

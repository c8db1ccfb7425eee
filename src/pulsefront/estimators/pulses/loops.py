"""Kernels of `pulsefront.estimators.pulses.kernels` over all events of an (event, sample) array."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from pulsefront.estimators.pulses.kernels import (
    constant_fraction_of,
    crossing_after,
    crossing_before,
    line_through,
    mean_and_rms,
    median_and_mad,
    moving_average,
    peak_of,
    total_of,
)

__all__ = [
    "amplitudes",
    "charges",
    "constant_fractions",
    "crossings_before",
    "leading_edges",
    "line_baseline",
    "mean_baseline",
    "peak_samples",
    "robust_baseline",
    "smooth",
    "subtract_lines",
    "times_over_threshold",
]

Floats = NDArray[np.float64]


@njit(nogil=True, cache=True)
def peak_samples(pulses: NDArray[Any]) -> NDArray[np.int64]:
    """Return `peak_of` of each pulse."""
    result = np.empty(len(pulses), np.int64)
    for event in range(len(pulses)):
        result[event] = peak_of(pulses[event])
    return result


@njit(nogil=True, cache=True)
def amplitudes(pulses: NDArray[Any]) -> Floats:
    """Return the largest sample of each pulse, NaN where one is not finite."""
    result = np.empty(len(pulses), np.float64)
    for event in range(len(pulses)):
        peak = peak_of(pulses[event])
        result[event] = pulses[event, peak] if peak >= 0 else np.nan
    return result


@njit(nogil=True, cache=True)
def charges(pulses: NDArray[Any], start: int, stop: int) -> Floats:
    """Return the sum of the samples of each pulse in a gate."""
    result = np.empty(len(pulses), np.float64)
    for event in range(len(pulses)):
        result[event] = total_of(pulses[event, start:stop])
    return result


@njit(nogil=True, cache=True)
def leading_edges(pulses: NDArray[Any], thresholds: Floats) -> Floats:
    """Return the crossing of each pulse of its threshold."""
    result = np.empty(len(pulses), np.float64)
    for event in range(len(pulses)):
        pulse = pulses[event]
        result[event] = crossing_before(pulse, peak_of(pulse), thresholds[event])
    return result


@njit(nogil=True, cache=True)
def crossings_before(pulses: NDArray[Any], peaks: NDArray[np.int64], thresholds: Floats) -> Floats:
    """Return the crossing of each pulse of its threshold before its given peak."""
    result = np.empty(len(pulses), np.float64)
    for event in range(len(pulses)):
        result[event] = crossing_before(pulses[event], peaks[event], thresholds[event])
    return result


@njit(nogil=True, cache=True)
def smooth(pulses: NDArray[np.float32], half: int) -> NDArray[np.float32]:
    """Return the `moving_average` of each pulse."""
    result = pulses.copy()
    for event in range(len(pulses)):
        moving_average(result[event], half)
    return result


@njit(nogil=True, cache=True)
def times_over_threshold(pulses: NDArray[Any], thresholds: Floats) -> Floats:
    """Return for how many samples each pulse is over its threshold."""
    result = np.empty(len(pulses), np.float64)
    for event in range(len(pulses)):
        pulse = pulses[event]
        peak = peak_of(pulse)
        up = crossing_before(pulse, peak, thresholds[event])
        result[event] = crossing_after(pulse, peak, thresholds[event]) - up
    return result


@njit(nogil=True, cache=True)
def constant_fractions(pulses: NDArray[Any], fraction: float, delay: float) -> Floats:
    """Return the constant-fraction time of each finite pulse."""
    result = np.full(len(pulses), np.nan)
    room = np.empty(pulses.shape[1], np.float32)
    for event in range(len(pulses)):
        if np.isfinite(total_of(pulses[event])):
            result[event] = constant_fraction_of(pulses[event], fraction, delay, room)
    return result


@njit(nogil=True, cache=True)
def mean_baseline(waveforms: NDArray[Any], start: int, stop: int) -> tuple[Floats, Floats, Floats]:
    """Return mean, standard deviation and no slope of each gate."""
    events = len(waveforms)
    level, noise, slope = np.empty(events), np.empty(events), np.zeros(events)
    for event in range(events):
        level[event], noise[event] = mean_and_rms(waveforms[event, start:stop])
    return level, noise, slope


@njit(nogil=True, cache=True)
def robust_baseline(
    waveforms: NDArray[Any], start: int, stop: int
) -> tuple[Floats, Floats, Floats]:
    """Return median, scaled median absolute deviation and no slope of each gate."""
    events = len(waveforms)
    level, noise, slope = np.empty(events), np.empty(events), np.zeros(events)
    for event in range(events):
        level[event], noise[event] = median_and_mad(waveforms[event, start:stop])
    return level, noise, slope


@njit(nogil=True, cache=True)
def line_baseline(waveforms: NDArray[Any], start: int, stop: int) -> tuple[Floats, Floats, Floats]:
    """Return level at sample 0, noise and slope of the line through each gate."""
    events = len(waveforms)
    level, noise, slope = np.empty(events), np.empty(events), np.empty(events)
    for event in range(events):
        level[event], noise[event], slope[event] = line_through(waveforms[event], start, stop)
    return level, noise, slope


@njit(nogil=True, cache=True)
def subtract_lines(
    waveforms: NDArray[Any], level: Floats, slope: Floats, sign: float
) -> NDArray[np.float32]:
    """Return each waveform minus its line, times *sign*."""
    result = np.empty(waveforms.shape, np.float32)
    for event in range(len(waveforms)):
        for i in range(waveforms.shape[1]):
            line = level[event] + slope[event] * i
            result[event, i] = sign * (np.float64(waveforms[event, i]) - line)
    return result

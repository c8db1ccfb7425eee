"""Flags of pulses that differ from what is usual of their channel."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from pulsefront.estimators.pulses.limits import (
    BLOCK,
    LEAST_EVENTS,
    ChannelLimits,
    block_levels,
    value_or,
)
from pulsefront.estimators.pulses.settings import PulseSettings
from pulsefront.events.container import Status

__all__ = ["mark_unusual"]

Floats = NDArray[np.float64]

SECOND_RISE_NOISE = 10.0
"""Noise alone rises by less than this many times its spread, over the longest waveform."""

_SATURATED = np.uint16(Status.SATURATED)
_BAD_BASELINE = np.uint16(Status.BAD_BASELINE)
_PILE_UP = np.uint16(Status.PILE_UP)
_NO_PULSE = np.uint16(Status.NO_PULSE)
_NOT_FINITE = np.uint16(Status.NOT_FINITE)


class _Bounds(NamedTuple):
    """`ChannelLimits` and what of the settings goes with them, for the kernel."""

    saturation_low: float
    saturation_high: float
    noise_low: float
    noise_high: float
    trend: float
    shift: float
    rise_share: float
    rise_root: float
    rise_noise: float
    noise: float
    threshold_adc: float
    threshold_noise: float


def mark_unusual(
    records: NDArray[np.void],
    status: NDArray[np.uint16],
    limits: ChannelLimits,
    settings: PulseSettings,
    sign: float,
    usable: NDArray[np.bool_],
) -> None:
    """Add SATURATED, BAD_BASELINE and PILE_UP to the *status* of the events of one channel.

    Parameters
    ----------
    records
        (event,) of `pulsefront.estimators.pulses.one_pass.MEASURED`.
    sign
        −1 where pulses go down.
    usable
        (event,) False for waveforms that say nothing of their channel.
    """
    threshold = settings.threshold_adc
    bounds = _Bounds(
        value_or(limits.saturation_low_adc, -np.inf),
        value_or(limits.saturation_high_adc, np.inf),
        value_or(limits.noise_low_adc, 0.0),
        value_or(limits.noise_high_adc, np.inf),
        value_or(limits.trend_adc, np.inf),
        value_or(limits.shift_adc, np.inf),
        limits.second_rise_share,
        limits.second_rise_root_adc,
        SECOND_RISE_NOISE if settings.pile_up_fraction is None else 0.0,
        limits.noise_adc,
        np.nan if threshold is None else threshold,
        settings.threshold_noise,
    )
    flat = usable & (np.abs(records["trend_adc"]) <= bounds.trend)
    levels = sign * _levels_about(sign * records["gate_level_adc"], flat)
    _mark(records, status, bounds, levels)


def _levels_about(levels: Floats, flat: NDArray[np.bool_]) -> Floats:
    """Return, per event, the usual level of *flat* gates about it; NaN for too few events."""
    if len(levels) < LEAST_EVENTS:
        return np.full(len(levels), np.nan)
    blocks = max(len(levels) // BLOCK, 1)
    size = len(levels) // blocks
    middles = block_levels(levels, blocks, size, flat)
    return middles[np.minimum(np.arange(len(levels)) // size, blocks - 1)]


@njit(nogil=True, cache=True)
def _mark(
    records: NDArray[np.void], status: NDArray[np.uint16], bounds: _Bounds, levels: Floats
) -> None:
    for event in range(len(records)):
        record = records[event]
        if status[event] & _NOT_FINITE:
            continue
        flags = status[event]
        if (
            record.lowest_adc <= bounds.saturation_low
            or record.highest_adc >= bounds.saturation_high
        ):
            flags |= _SATURATED
        noise = record.noise_adc
        # What is not known compares as False.
        if (
            noise > bounds.noise_high
            or noise < bounds.noise_low
            or abs(record.trend_adc) > bounds.trend
            or abs(record.gate_level_adc - levels[event]) > bounds.shift
        ):
            flags |= _BAD_BASELINE
        if bounds.rise_share > 0.0 and not flags & _NO_PULSE:
            threshold = bounds.threshold_adc
            if not np.isfinite(threshold):
                threshold = bounds.threshold_noise * noise
            least = max(
                bounds.rise_share * record.amplitude_adc,
                bounds.rise_root * np.sqrt(record.amplitude_adc),
            )
            # Few samples of a baseline often tell too little noise.
            least = max(least, bounds.rise_noise * max(noise, bounds.noise), threshold)
            if record.second_rise_adc > least:
                flags |= _PILE_UP
        status[event] = flags

"""The one pass over a waveform behind `pulsefront.estimators.pulses.chain`: a compiled kernel.

What is written in line is a function to the reader alone: calls that hand on arrays cost 3 %.
"""

from __future__ import annotations

from typing import Any, NamedTuple

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
from pulsefront.estimators.pulses.settings import NAMES, PulseSettings
from pulsefront.events.container import Status

__all__ = ["LINE", "MEAN", "MEASURED", "ROBUST", "Rules", "fill", "measure", "rules_of"]

MEAN, ROBUST, LINE = 0, 1, 2
"""Methods of the baseline."""

_METHODS = {"mean": MEAN, "robust": ROBUST, "line": LINE}

MEASURED = np.dtype([(name, "f8") for name in NAMES])
"""What is measured of a pulse; NaN where it does not have it."""

_SATURATED = int(Status.SATURATED)
_PILE_UP = int(Status.PILE_UP)
_NO_PULSE = int(Status.NO_PULSE)
_NO_CROSSING = int(Status.NO_CROSSING)
_BAD_BASELINE = int(Status.BAD_BASELINE)
_NOT_FINITE = int(Status.NOT_FINITE)


class Rules(NamedTuple):
    """`pulsefront.estimators.pulses.settings.PulseSettings` of one channel, for the kernel.

    ``sign`` is −1 for pulses that go down, ``half`` the reach of the smoothing; what is not asked
    for is NaN or infinite.
    """

    sign: float
    baseline_start: int
    baseline_stop: int
    baseline_method: int
    half: int
    charge_start: int
    charge_stop: int
    charge_from_edge: bool
    threshold_adc: float
    threshold_noise: float
    fraction: float
    delay: float
    saturation_low: float
    saturation_high: float
    pile_up_fraction: float
    noise_limit: float


def measure(
    waveforms: NDArray[Any], settings: PulseSettings, sign: float
) -> tuple[NDArray[np.void], NDArray[np.uint16]]:
    """Return, per event of an (event, sample) block, a record of `MEASURED` and status flags."""
    records = np.full((len(waveforms), len(NAMES)), np.nan).view(MEASURED)[:, 0]
    status = np.zeros(len(waveforms), np.uint16)
    fill(waveforms, rules_of(settings, waveforms.shape[1], sign), records, status)
    return records, status


def rules_of(settings: PulseSettings, samples: int, sign: float) -> Rules:
    """Return *settings*, which leave nothing open, for the kernel."""
    threshold = settings.threshold_adc
    low, high = settings.saturation_low_adc, settings.saturation_high_adc
    noise_limit = settings.baseline_noise_limit_adc
    return Rules(
        sign=sign,
        baseline_start=settings.baseline_start,
        baseline_stop=settings.baseline_stop or samples,
        baseline_method=_METHODS[settings.baseline_method],
        half=settings.smoothing // 2,
        charge_start=settings.charge_start,
        charge_stop=samples if settings.charge_stop is None else settings.charge_stop,
        charge_from_edge=settings.charge_from == "leading_edge",
        threshold_adc=np.nan if threshold is None else threshold,
        threshold_noise=settings.threshold_noise,
        fraction=settings.fraction,
        delay=settings.delay_samples or 1.0,
        saturation_low=-np.inf if low is None else low,
        saturation_high=np.inf if high is None else high,
        pile_up_fraction=settings.pile_up_fraction,
        noise_limit=np.inf if noise_limit is None else noise_limit,
    )


@njit(nogil=True, cache=True)
def fill(
    waveforms: NDArray[Any],
    rules: Rules,
    records: NDArray[np.void],
    status: NDArray[np.uint16],
) -> None:
    """Fill the *records*, which hold NaN, and the *status* flags of (event, sample) waveforms."""
    samples = waveforms.shape[1]
    pulse = np.empty(samples, np.float32)
    room = np.empty(samples, np.float32)
    for event in range(len(waveforms)):
        raw = waveforms[event]
        record = records[event]
        level, noise, slope = _baseline_of(raw, rules)
        record.baseline_adc = level
        record.noise_adc = noise
        lowest, highest = _upward(raw, level, rules.sign, pulse)
        if slope != 0.0:
            _take_slope(pulse, rules.sign * slope)
        total = total_of(pulse)
        if not np.isfinite(total):
            status[event] = _NOT_FINITE
            continue
        flags = 0
        if lowest <= rules.saturation_low or highest >= rules.saturation_high:
            flags |= _SATURATED
        if noise > rules.noise_limit:
            flags |= _BAD_BASELINE
        if rules.half > 0:
            moving_average(pulse, rules.half)
            total = total_of(pulse)
        peak = largest_at(pulse)
        record.amplitude_adc = np.float64(pulse[peak])
        record.peak_sample = peak
        status[event] = flags | _times_of(pulse, peak, noise, rules, room, record)
        record.charge_adc_samples = _charge_of(pulse, total, record.leading_edge_samples, rules)


@njit(nogil=True, cache=True, inline="always")
def _baseline_of(raw: NDArray[Any], rules: Rules) -> tuple[float, float, float]:
    """Return level, noise and slope of the baseline."""
    if rules.baseline_method == LINE:
        return line_through(raw, rules.baseline_start, rules.baseline_stop)
    gate = raw[rules.baseline_start : rules.baseline_stop]
    if rules.baseline_method == ROBUST:
        level, noise = median_and_mad(gate)
    else:
        level, noise = mean_and_rms(gate)
    return level, noise, 0.0


@njit(nogil=True, cache=True, inline="always")
def _times_of(
    pulse: NDArray[np.float32],
    peak: int,
    noise: float,
    rules: Rules,
    room: NDArray[np.float32],
    record: Any,
) -> int:
    """Fill both times of the record; return the flags of a pulse without them, or with another."""
    height = np.float64(pulse[peak])
    threshold = rules.threshold_adc
    if not np.isfinite(threshold):
        threshold = rules.threshold_noise * noise
    if height < threshold or height <= 0.0:
        return _NO_PULSE
    flags = 0
    edge = crossing_before(pulse, peak, threshold)
    record.leading_edge_samples = edge
    crossing = constant_fraction_of(pulse, rules.fraction, rules.delay, room)
    # The leading edge arms it: a crossing before that is noise on the baseline.
    if crossing >= edge:
        record.constant_fraction_samples = crossing
    else:
        flags |= _NO_CROSSING
    rise = max(rules.pile_up_fraction * height, threshold)
    if rules.pile_up_fraction > 0.0 and second_rise(pulse, peak, rise):
        flags |= _PILE_UP
    return flags


@njit(nogil=True, cache=True, inline="always")
def _charge_of(pulse: NDArray[np.float32], total: float, edge: float, rules: Rules) -> float:
    """Return the sum over the charge gate; *total* is that of all samples."""
    samples = len(pulse)
    if rules.charge_from_edge:
        if not np.isfinite(edge):
            return np.nan
        start = max(rules.charge_start + int(np.floor(edge)), 0)
        stop = min(rules.charge_stop + int(np.floor(edge)), samples)
        return total_of(pulse[start : max(start, stop)])
    if rules.charge_start == 0 and rules.charge_stop >= samples:
        return total
    return total_of(pulse[max(rules.charge_start, 0) : min(rules.charge_stop, samples)])


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

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
    largest_second_rise,
    line_through,
    lobe_total,
    mean_and_rms,
    median_and_mad,
    moving_average,
    total_of,
)
from pulsefront.estimators.pulses.settings import NAMES, PulseSettings
from pulsefront.events.container import Status

__all__ = ["LINE", "MEAN", "MEASURED", "ROBUST", "Rules", "fill", "measure", "rules_of"]

MEAN, ROBUST, LINE = 0, 1, 2
"""Methods of the baseline."""

_METHODS = {"mean": MEAN, "robust": ROBUST, "line": LINE}

CLUES = ("lowest_adc", "highest_adc", "gate_level_adc", "trend_adc", "second_rise_adc")
"""What flags are made of: raw extremes; level in the middle of the baseline gate, and its second
half minus its first; largest second rise, 0 where it is not worth a look."""

_FIELDS = (*NAMES, *CLUES)
MEASURED = np.dtype([(name, "f8") for name in _FIELDS])
"""What is measured of a pulse; NaN where it does not have it."""

FLOOR_SHARE = 0.04
FLOOR_NOISE = 6.0
"""A second rise below both, in shares of the amplitude and in noise, is not worth a look."""

_NO_PULSE = int(Status.NO_PULSE)
_NO_CROSSING = int(Status.NO_CROSSING)
_BAD_BASELINE = int(Status.BAD_BASELINE)
_NOT_FINITE = int(Status.NOT_FINITE)


class Rules(NamedTuple):
    """`pulsefront.estimators.pulses.settings.PulseSettings` of one channel, for the kernel.

    ``sign`` is −1 for pulses that go down, ``half`` the reach of the smoothing; what is not asked
    for is NaN.
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
    bipolar: bool
    floor_share: float
    floor_noise: float


def measure(
    waveforms: NDArray[Any], settings: PulseSettings, sign: float, *, bipolar: bool = False
) -> tuple[NDArray[np.void], NDArray[np.uint16]]:
    """Return, per event of an (event, sample) block, a record of `MEASURED` and status flags.

    The flags are those that one waveform tells by itself; `pulsefront.estimators.pulses.flags`
    adds those that take what is usual of the channel.
    """
    records = np.full((len(waveforms), len(_FIELDS)), np.nan).view(MEASURED)[:, 0]
    status = np.zeros(len(waveforms), np.uint16)
    rules = rules_of(settings, waveforms.shape[1], sign, bipolar=bipolar)
    fill(waveforms, rules, records, status)
    return records, status


def rules_of(settings: PulseSettings, samples: int, sign: float, *, bipolar: bool = False) -> Rules:
    """Return *settings*, which leave nothing open, for the kernel."""
    threshold, share = settings.threshold_adc, settings.pile_up_fraction
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
        bipolar=bipolar,
        floor_share=FLOOR_SHARE if share is None else min(FLOOR_SHARE, 0.5 * share),
        floor_noise=FLOOR_NOISE if share is None else 0.0,
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
        record.gate_level_adc = level + slope * (0.5 * (rules.baseline_start + rules.baseline_stop))
        record.trend_adc = _trend_of(raw, level, slope, rules)
        lowest, highest = _upward(raw, level, rules.sign, pulse)
        record.lowest_adc = lowest
        record.highest_adc = highest
        if slope != 0.0:
            _take_slope(pulse, rules.sign * slope)
        total = total_of(pulse)
        if not np.isfinite(total):
            status[event] = _NOT_FINITE
            continue
        if rules.half > 0:
            moving_average(pulse, rules.half)
            total = total_of(pulse)
        peak = largest_at(pulse)
        record.amplitude_adc = np.float64(pulse[peak])
        record.peak_sample = peak
        status[event] = _times_of(pulse, peak, noise, rules, room, record)
        record.charge_adc_samples = _charge_of(
            pulse, peak, total, record.leading_edge_samples, rules
        )


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
def _trend_of(raw: NDArray[Any], level: float, slope: float, rules: Rules) -> float:
    """Return how much higher the second half of the baseline gate lies than the first."""
    count = rules.baseline_stop - rules.baseline_start
    half = count // 2
    if rules.baseline_method == LINE:
        return slope * half
    middle = rules.baseline_start + half
    first = raw[rules.baseline_start : middle]
    if rules.baseline_method == ROBUST:
        second = raw[middle : rules.baseline_stop]
        return median_and_mad(second)[0] - median_and_mad(first)[0]
    # The mean of all holds the second half's too.
    return (level - total_of(first) / half) * count / (count - half)


@njit(nogil=True, cache=True, inline="always")
def _times_of(
    pulse: NDArray[np.float32],
    peak: int,
    noise: float,
    rules: Rules,
    room: NDArray[np.float32],
    record: Any,
) -> int:
    """Fill both times and the second rise of the record; return the flags of what is missing."""
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
    if _begins_in_gate(edge, peak, rules):
        flags |= _BAD_BASELINE
    record.second_rise_adc = 0.0
    if rules.floor_share > 0.0:
        floor = max(rules.floor_share * height, rules.floor_noise * noise)
        record.second_rise_adc = largest_second_rise(pulse, peak, floor)
    return flags


@njit(nogil=True, cache=True, inline="always")
def _begins_in_gate(edge: float, peak: int, rules: Rules) -> bool:
    """Return whether the baseline was taken from the pulse itself."""
    start, stop = rules.baseline_start, rules.baseline_stop
    return start <= edge < stop or start <= peak < stop


@njit(nogil=True, cache=True, inline="always")
def _charge_of(
    pulse: NDArray[np.float32], peak: int, total: float, edge: float, rules: Rules
) -> float:
    """Return the sum over the charge gate; *total* is that of all samples."""
    samples = len(pulse)
    if rules.bipolar:
        return lobe_total(pulse, peak)
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

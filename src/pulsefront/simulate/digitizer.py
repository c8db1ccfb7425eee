"""From avalanches to a digitized waveform, without ever rounding a time to the sample grid.

The single-avalanche response is a sum of exponentials that start at the avalanche's time. Its
value at every later sample is known exactly from its value at the first one, so each avalanche is
added once, with its exact phase, and a recursive filter carries it on.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from pulsefront.detector import Digitizer
from pulsefront.simulate.random import normal

__all__ = [
    "add_noise",
    "digitizer_row",
    "phase_steps",
    "pulse_terms",
    "quantize",
    "single_pulse",
    "sum_pulses",
    "time_order",
    "trigger_sample",
]

Table = NDArray[np.float64]
State = NDArray[np.uint64]
_PHASES = 256
_INTERVAL, _COUNTS, _NOISE, _NOISE_MEMORY, _WANDER, _BASELINE, _LARGEST = range(7)
_TRIGGER, _TRIGGER_JITTER, _SAMPLES, _PRE_TRIGGER = range(7, 11)


def pulse_terms(digitizer: Digitizer) -> Table:
    """Return (4, 2) amplitude and time constant (ns) of the response to one avalanche.

    The response of the digitizer's docstring through a single-pole low-pass: an exponential of τ
    turns into τ/(τ − τb) (e^(−t/τ) − e^(−t/τb)) with τb = 1/(2π bandwidth). It is scaled to a
    peak of 1.
    """
    band_ns = 1000.0 / (2 * math.pi * digitizer.bandwidth_mhz)
    parts = [
        (1.0 - digitizer.slow_share, digitizer.fall_ns),
        (digitizer.slow_share, digitizer.slow_ns),
        (-1.0, digitizer.rise_ns),
    ]
    terms, rest = [], 0.0
    for amplitude, tau_ns in parts:
        # Equal time constants have a limit of another form; a part in 10⁴ apart is as good.
        tau = tau_ns if abs(tau_ns / band_ns - 1) > 1e-4 else band_ns * (1 + 1e-4)
        scaled = amplitude * tau / (tau - band_ns)
        terms.append((scaled, tau))
        rest -= scaled
    terms.append((rest, band_ns))
    table = np.array(terms)
    times = np.linspace(0, 10 * digitizer.fall_ns, 200_001)
    table[:, 0] /= single_pulse(times, table).max()
    return table


def single_pulse(time_ns: Table, terms: Table) -> Table:
    """Return the response to an avalanche at time 0, any shape."""
    t = np.asarray(time_ns, np.float64)[..., None]
    return np.asarray(
        np.where(t >= 0, terms[:, 0] * np.exp(-np.maximum(t, 0) / terms[:, 1]), 0).sum(-1)
    )


def digitizer_row(digitizer: Digitizer) -> Table:
    """Return the numbers that the kernels read."""
    band_ns = 1000.0 / (2 * math.pi * digitizer.bandwidth_mhz)
    row = np.zeros(11)
    row[_INTERVAL] = digitizer.sample_interval_ns
    row[_COUNTS] = digitizer.counts_per_photoelectron
    row[_NOISE] = digitizer.noise_adc
    row[_NOISE_MEMORY] = math.exp(-digitizer.sample_interval_ns / band_ns)
    row[_WANDER] = digitizer.baseline_wander_adc
    row[_BASELINE] = digitizer.baseline_adc
    row[_LARGEST] = 2.0**digitizer.adc_bits - 1
    row[_TRIGGER] = digitizer.trigger_photoelectrons * digitizer.counts_per_photoelectron
    row[_TRIGGER_JITTER] = digitizer.trigger_jitter_ps / 1000.0
    row[_SAMPLES] = digitizer.samples
    row[_PRE_TRIGGER] = digitizer.pre_trigger_samples
    return row


@njit(nogil=True, cache=True)
def time_order(
    time_ns: Table,
    count: int,
    start: float,
    interval: float,
    order: NDArray[np.int64],
    begin: NDArray[np.int64],
) -> None:
    """Fill *order* with the avalanches sorted by the sample interval they fall into.

    A counting sort: ``begin[k]`` is where those of interval k start; what lies before the first
    interval goes into it, what lies after the last into the last. Within an interval the order is
    that of arrival in the list.
    """
    slots = len(begin) - 1
    begin[:] = 0
    for n in range(count):
        slot = min(max(int((time_ns[n] - start) / interval), 0), slots - 1)
        begin[slot + 1] += 1
    for slot in range(slots):
        begin[slot + 1] += begin[slot]
    for n in range(count - 1, -1, -1):
        slot = min(max(int((time_ns[n] - start) / interval), 0), slots - 1)
        # Filling from behind keeps the order of arrival and needs no second counter: the ends
        # move down to the beginnings.
        begin[slot + 1] -= 1
        order[begin[slot + 1]] = n
    # Each begin[slot + 1] now is the beginning of that slot: move them back by one.
    for slot in range(slots):
        begin[slot] = begin[slot + 1]
    begin[slots] = count


@njit(nogil=True, cache=True)
def phase_steps(terms: Table, interval: float) -> Table:
    """Return (256, term): how far each exponential has fallen at each 256th of a sample."""
    steps = np.empty((_PHASES, len(terms)))
    for phase in range(_PHASES):
        for part in range(len(terms)):
            steps[phase, part] = math.exp(-interval / terms[part, 1] * phase / _PHASES)
    return steps


@njit(nogil=True, cache=True)
def sum_pulses(
    time_ns: Table,
    amplitude: Table,
    count: int,
    start: float,
    interval: float,
    terms: Table,
    steps: Table,
    waveform: Table,
) -> None:
    """Fill *waveform* with the sum of the responses, sampled at start + k·interval.

    An avalanche enters each exponential at the first sample at or after its time; those before
    *start* enter with what is left of them at *start*. *steps* is of `phase_steps`.
    """
    samples = len(waveform)
    waveform[:] = 0.0
    parts = terms.shape[0]
    entering = np.zeros((samples, parts))
    rate = interval / terms[:, 1]
    for n in range(count):
        place = (time_ns[n] - start) / interval
        if place <= 0.0:
            for part in range(parts):
                entering[0, part] += amplitude[n] * math.exp(place * rate[part])
            continue
        first = math.ceil(place)
        if first >= samples:
            continue
        # e^-x to 10 digits from its value at the next smaller of 256 phases and three terms of
        # its series: exact for the purpose, and several times faster than four exponentials.
        after = first - place
        phase = min(int(after * _PHASES), _PHASES - 1)
        rest = after - phase / _PHASES
        for part in range(parts):
            x = rest * rate[part]
            series = 1.0 - x * (1.0 - x * (0.5 - x * (1.0 / 6.0)))
            entering[first, part] += amplitude[n] * steps[phase, part] * series
    for part in range(parts):
        keep = math.exp(-rate[part])
        level = 0.0
        for k in range(samples):
            level = level * keep + entering[k, part]
            waveform[k] += terms[part, 0] * level


@njit(nogil=True, cache=True)
def add_noise(state: State, row: Table, waveform: Table) -> None:
    """Turn photoelectrons into ADC counts and add baseline and noise, not yet rounded.

    The noise is white noise through the front end's single pole: neighbouring samples correlate
    as e^(−interval/τb).
    """
    memory = row[_NOISE_MEMORY]
    fresh = math.sqrt(1.0 - memory * memory)
    noise = normal(state)
    baseline = row[_BASELINE] + row[_WANDER] * normal(state)
    for k in range(len(waveform)):
        waveform[k] = waveform[k] * row[_COUNTS] + baseline + row[_NOISE] * noise
        noise = memory * noise + fresh * normal(state)


@njit(nogil=True, cache=True)
def trigger_sample(state: State, row: Table, waveform: Table) -> int:
    """Return the sample at which a leading-edge trigger fires, or -1."""
    threshold = row[_BASELINE] + row[_TRIGGER]
    for k in range(1, len(waveform)):
        if waveform[k] >= threshold > waveform[k - 1]:
            rise = waveform[k] - waveform[k - 1]
            crossing: float = k - 1 + (threshold - waveform[k - 1]) / rise
            crossing += row[_TRIGGER_JITTER] / row[_INTERVAL] * normal(state)
            return math.ceil(crossing)
    return -1


@njit(nogil=True, cache=True)
def quantize(waveform: Table, start: int, row: Table, samples: NDArray[np.uint16]) -> bool:
    """Round and clip a stretch of *waveform* to ADC codes; return whether it was clipped."""
    clipped = False
    for k in range(len(samples)):
        value = math.floor(waveform[start + k] + 0.5)
        if value > row[_LARGEST] or value < 0.0:
            clipped = True
            value = min(row[_LARGEST], max(0.0, value))
        samples[k] = np.uint16(value)
    return clipped

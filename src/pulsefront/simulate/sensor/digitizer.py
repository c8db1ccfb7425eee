"""From avalanches to a digitized waveform, without ever rounding a time to the sample grid.

The single-avalanche response is a sum of exponentials that start at the avalanche's time. Its
value at every later sample is known exactly from its value at the first one, so each avalanche is
added once, with its exact phase, and a recursive filter carries it on.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from pulsefront.detector import Digitizer
from pulsefront.simulate.records import typed
from pulsefront.simulate.run.random import borrowed, normal

__all__ = [
    "DigitizerModel",
    "PulseShape",
    "add_noise",
    "digitizer_model",
    "phase_steps",
    "pulse_shape",
    "quantize",
    "single_pulse",
    "sum_pulses",
    "trigger_sample",
]

Table = NDArray[np.float64]
State = NDArray[np.uint64]
_PHASES, _BLOCK = 256, 512
# Avalanches before a record whose tails reach into it, in slow fall times.
_LEAD = 5.0


class PulseShape(NamedTuple):
    """The response to one avalanche, of peak 1: Σ amplitude · e^(−t/τ) over four terms.

    They are the fast fall, the slow fall, the rise and the low-pass.
    """

    amplitude: Table
    tau_ns: Table


class DigitizerModel(NamedTuple):
    """A digitizer as the kernels read it.

    Attributes
    ----------
    interval_ns, pre_trigger
        Sampling, and the samples before the trigger.
    counts, largest
        ADC counts of one photoelectron's peak, and the highest code.
    baseline, wander, noise, noise_memory
        Mean baseline and its standard deviation from record to record; standard deviation of the
        noise and its correlation from sample to sample.
    trigger, trigger_jitter_ns
        Threshold above the baseline in ADC counts, and the jitter of the trigger.
    lead_ns
        How long before a record avalanches still count.
    pulse
        The response to one avalanche.
    """

    interval_ns: float
    pre_trigger: int
    counts: float
    largest: float
    baseline: float
    wander: float
    noise: float
    noise_memory: float
    trigger: float
    trigger_jitter_ns: float
    lead_ns: float
    pulse: PulseShape


def pulse_shape(digitizer: Digitizer) -> PulseShape:
    """Return the response to one avalanche.

    The response of the digitizer's docstring through a single-pole low-pass: an exponential of τ
    turns into τ/(τ − τb) (e^(−t/τ) − e^(−t/τb)) with τb = 1/(2π bandwidth).
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
    raw = PulseShape(*(np.array(values) for values in zip(*terms, strict=True)))
    peak = single_pulse(np.linspace(0, 10 * digitizer.fall_ns, 200_001), raw).max()
    return PulseShape(raw.amplitude / peak, raw.tau_ns)


def single_pulse(time_ns: Table, shape: PulseShape) -> Table:
    """Return the response to an avalanche at time 0, any shape."""
    t = np.asarray(time_ns, np.float64)[..., None]
    terms = np.where(t >= 0, shape.amplitude * np.exp(-np.maximum(t, 0) / shape.tau_ns), 0)
    return np.asarray(terms.sum(-1))


def digitizer_model(digitizer: Digitizer) -> DigitizerModel:
    """Return what the kernels read."""
    band_ns = 1000.0 / (2 * math.pi * digitizer.bandwidth_mhz)
    return typed(
        DigitizerModel(
            interval_ns=digitizer.sample_interval_ns,
            pre_trigger=digitizer.pre_trigger_samples,
            counts=digitizer.counts_per_photoelectron,
            largest=2.0**digitizer.adc_bits - 1,
            baseline=digitizer.baseline_adc,
            wander=digitizer.baseline_wander_adc,
            noise=digitizer.noise_adc,
            noise_memory=math.exp(-digitizer.sample_interval_ns / band_ns),
            trigger=digitizer.trigger_photoelectrons * digitizer.counts_per_photoelectron,
            trigger_jitter_ns=digitizer.trigger_jitter_ps / 1000.0,
            lead_ns=_LEAD * digitizer.slow_ns,
            pulse=pulse_shape(digitizer),
        )
    )


@njit(nogil=True, cache=True)
def phase_steps(shape: PulseShape, interval: float) -> Table:
    """Return (phase, term) what is left of each exponential in the middle of 256 phases."""
    steps = np.empty((_PHASES, len(shape.tau_ns)))
    for phase in range(_PHASES):
        for part in range(len(shape.tau_ns)):
            steps[phase, part] = math.exp(-interval / shape.tau_ns[part] * (phase + 0.5) / _PHASES)
    return steps


@njit(nogil=True, cache=True, fastmath={"contract"}, error_model="numpy")
def sum_pulses(
    time_ns: Table,
    amplitude: Table,
    count: int,
    start: float,
    interval: float,
    shape: PulseShape,
    steps: Table,
    waveform: Table,
) -> None:
    """Fill *waveform* with the sum of the responses, sampled at start + k·interval.

    An avalanche enters each of the four exponentials at the first sample after its time; those
    before *start* enter with what is left of them at *start*. *steps* is of `phase_steps`.
    """
    samples = len(waveform)
    entering = np.zeros((samples + 1, 4))
    slot, phase = np.empty(_BLOCK, np.int32), np.empty(_BLOCK, np.int32)
    rest = np.empty(_BLOCK)
    rate = interval / shape.tau_ns
    early = 0
    for begin in range(0, count, _BLOCK):
        size = min(_BLOCK, count - begin)
        early += _phases(time_ns[begin : begin + size], start, interval, samples, slot, phase, rest)
        _enter(amplitude[begin : begin + size], slot, phase, rest, rate, steps, entering)
    for n in range(count if early else 0):
        # As `_phases` has it, where a time just after the start may count as before it.
        if (time_ns[n] - start) * (1.0 / interval) <= 0.0:
            before = (time_ns[n] - start) / interval
            for part in range(4):
                entering[0, part] += amplitude[n] * math.exp(before * rate[part])
    _carry_on(entering, shape.amplitude, rate, waveform)


@njit(nogil=True, cache=True, error_model="numpy")
def _phases(
    time_ns: Table,
    start: float,
    interval: float,
    samples: int,
    slot: NDArray[np.int32],
    phase: NDArray[np.int32],
    rest: Table,
) -> int:
    """Split the way from each time to the next sample into 256 phases and a rest.

    What lies before the first sample or after the last gets the slot behind the last. Returns how
    many lie before.
    """
    per_ns, early = 1.0 / interval, 0
    for n in range(len(time_ns)):
        along = (time_ns[n] - start) * per_ns
        early += along <= 0.0
        inside = 0.0 < along < samples
        along = along if inside else 0.0
        whole = np.int32(along)
        after = (1.0 + whole - along) * _PHASES
        step = np.int32(after) if after < _PHASES else np.int32(_PHASES - 1)
        slot[n] = whole + 1 if inside else samples
        phase[n] = step
        rest[n] = (after - step - 0.5) / _PHASES
    return early


@njit(nogil=True, cache=True, fastmath={"contract"}, error_model="numpy")
def _enter(
    amplitude: Table,
    slot: NDArray[np.int32],
    phase: NDArray[np.int32],
    rest: Table,
    rate: Table,
    steps: Table,
    entering: Table,
) -> None:
    """Add avalanches to the exponentials at their first samples.

    e^−x to 10 digits from its value in the middle of the phase and three terms of its series:
    exact for the purpose, and several times faster than four exponentials.
    """
    a, b, c, d = rate[0], rate[1], rate[2], rate[3]
    a2, b2, c2, d2 = a * a / 2.0, b * b / 2.0, c * c / 2.0, d * d / 2.0
    a3, b3, c3, d3 = a * a2 / 3.0, b * b2 / 3.0, c * c2 / 3.0, d * d2 / 3.0
    for n in range(len(amplitude)):
        # Unsigned, an index is not looked at for counting from the end.
        at, step = np.uint64(slot[n]), np.uint64(phase[n])
        charge, x = amplitude[n], rest[n]
        entering[at, 0] += charge * steps[step, 0] * (1.0 - x * (a - x * (a2 - x * a3)))
        entering[at, 1] += charge * steps[step, 1] * (1.0 - x * (b - x * (b2 - x * b3)))
        entering[at, 2] += charge * steps[step, 2] * (1.0 - x * (c - x * (c2 - x * c3)))
        entering[at, 3] += charge * steps[step, 3] * (1.0 - x * (d - x * (d2 - x * d3)))


@njit(nogil=True, cache=True, fastmath={"contract"}, error_model="numpy")
def _carry_on(entering: Table, amplitude: Table, rate: Table, waveform: Table) -> None:
    """Let each exponential decay from sample to sample, and sum them."""
    a, b, c, d = amplitude[0], amplitude[1], amplitude[2], amplitude[3]
    keep_a, keep_b = math.exp(-rate[0]), math.exp(-rate[1])
    keep_c, keep_d = math.exp(-rate[2]), math.exp(-rate[3])
    level_a = level_b = level_c = level_d = 0.0
    for k in range(len(waveform)):
        level_a = level_a * keep_a + entering[k, 0]
        level_b = level_b * keep_b + entering[k, 1]
        level_c = level_c * keep_c + entering[k, 2]
        level_d = level_d * keep_d + entering[k, 3]
        waveform[k] = (a * level_a + b * level_b) + (c * level_c + d * level_d)


@njit(nogil=True, cache=True)
def add_noise(state: State, digitizer: DigitizerModel, waveform: Table) -> None:
    """Turn photoelectrons into ADC counts and add baseline and noise, not yet rounded.

    The noise is white noise through the front end's single pole: neighbouring samples correlate
    as e^(−interval/τb).
    """
    rng = borrowed(state)
    memory = digitizer.noise_memory
    fresh = math.sqrt(1.0 - memory * memory)
    noise = normal(rng)
    baseline = digitizer.baseline + digitizer.wander * normal(rng)
    for k in range(len(waveform)):
        waveform[k] = waveform[k] * digitizer.counts + baseline + digitizer.noise * noise
        noise = memory * noise + fresh * normal(rng)


@njit(nogil=True, cache=True)
def trigger_sample(state: State, digitizer: DigitizerModel, waveform: Table) -> int:
    """Return the sample at which a leading-edge trigger fires, or -1."""
    threshold = digitizer.baseline + digitizer.trigger
    for k in range(1, len(waveform)):
        if waveform[k] >= threshold > waveform[k - 1]:
            rise = waveform[k] - waveform[k - 1]
            crossing: float = k - 1 + (threshold - waveform[k - 1]) / rise
            crossing += digitizer.trigger_jitter_ns / digitizer.interval_ns * normal(state)
            return math.ceil(crossing)
    return -1


@njit(nogil=True, cache=True)
def quantize(
    waveform: Table, start: int, digitizer: DigitizerModel, samples: NDArray[np.uint16]
) -> bool:
    """Round and clip a stretch of *waveform* to ADC codes; return whether it was clipped."""
    clipped = False
    for k in range(len(samples)):
        value = math.floor(waveform[start + k] + 0.5)
        if value > digitizer.largest or value < 0.0:
            clipped = True
            value = min(digitizer.largest, max(0.0, value))
        samples[k] = np.uint16(value)
    return clipped

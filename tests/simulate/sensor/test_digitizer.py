"""Waveforms against the plain sum of pulses at their exact times."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy import integrate, signal

from pulsefront.detector import Digitizer, load_detector
from pulsefront.simulate.run.random import new_state
from pulsefront.simulate.sensor.digitizer import (
    add_noise,
    digitizer_model,
    phase_steps,
    pulse_shape,
    quantize,
    single_pulse,
    sum_pulses,
    trigger_sample,
)


def shipped() -> Digitizer:
    digitizer = load_detector("lyso_pair_3x3x20").digitizer
    assert digitizer is not None
    return digitizer


times = st.lists(st.floats(-60.0, 130.0), min_size=0, max_size=40)


@example(times=[5e-324], start=0.0, interval=3.7)  # its phase is 0, its time is not
@given(times=times, start=st.floats(-3.0, 3.0), interval=st.sampled_from([0.2, 1.0, 3.7]))
@settings(max_examples=50, deadline=None)
def test_the_recursive_sum_equals_the_plain_sum_at_exact_times(
    times: list[float], start: float, interval: float
) -> None:
    shape = pulse_shape(shipped())
    time_ns = np.array(times, float)
    amplitude = np.linspace(0.3, 1.7, len(times))
    waveform = np.empty(64)
    sum_pulses(
        time_ns,
        amplitude,
        len(times),
        start,
        interval,
        shape,
        phase_steps(shape, interval),
        waveform,
    )
    at = start + np.arange(64) * interval
    plain = (single_pulse(at[:, None] - time_ns[None, :], shape) * amplitude).sum(axis=1)
    np.testing.assert_allclose(waveform, plain, atol=1e-9)


def test_moving_an_avalanche_by_a_picosecond_moves_the_waveform() -> None:
    """Times are not rounded to samples: the regression that SimSiPM's users know."""
    shape = pulse_shape(shipped())
    one, other = np.empty(32), np.empty(32)
    steps = phase_steps(shape, 1.0)
    sum_pulses(np.array([3.2]), np.ones(1), 1, 0.0, 1.0, shape, steps, one)
    sum_pulses(np.array([3.201]), np.ones(1), 1, 0.0, 1.0, shape, steps, other)
    assert one[4] > other[4] > 0.99 * one[4]


def test_the_single_pulse_is_the_bare_pulse_through_the_low_pass() -> None:
    digitizer = shipped()
    shape = pulse_shape(digitizer)
    band_ns = 1000.0 / (2 * math.pi * digitizer.bandwidth_mhz)

    def bare(t: float) -> float:
        s = digitizer.slow_share
        return (
            (1 - s) * math.exp(-t / digitizer.fall_ns)
            + s * math.exp(-t / digitizer.slow_ns)
            - math.exp(-t / digitizer.rise_ns)
        )

    filtered = [
        integrate.quad(lambda u, t=t: bare(u) * math.exp(-(t - u) / band_ns) / band_ns, 0, t)[0]
        for t in (0.5, 2.0, 7.0, 25.0)
    ]
    pulse = single_pulse(np.array([0.5, 2.0, 7.0, 25.0]), shape)
    np.testing.assert_allclose(pulse / pulse[0], np.array(filtered) / filtered[0], rtol=1e-6)
    fine = single_pulse(np.linspace(0, 30, 100_001), shape)
    assert fine.max() == pytest.approx(1.0, abs=1e-6)
    assert single_pulse(np.array([-0.1, 0.0]), shape) == pytest.approx([0.0, 0.0], abs=1e-9)


def test_noise_has_its_width_and_the_memory_of_the_bandwidth() -> None:
    digitizer = shipped().model_copy(update={"baseline_wander_adc": 0.0, "bandwidth_mhz": 100.0})
    waveform = np.zeros(200_000)
    add_noise(new_state(np.random.SeedSequence(1)), digitizer_model(digitizer), waveform)
    noise = waveform - digitizer.baseline_adc
    assert noise.std() == pytest.approx(digitizer.noise_adc, rel=0.02)
    memory = math.exp(-1.0 * 2 * math.pi * 0.1)
    assert np.corrcoef(noise[1:], noise[:-1])[0, 1] == pytest.approx(memory, abs=0.01)


def test_the_spectrum_of_the_noise_is_that_of_white_noise_through_one_pole() -> None:
    """Sampled, it is (1 − m²) / (1 + m² − 2 m cos ω) with m = e^(−interval/τ)."""
    digitizer = shipped().model_copy(update={"baseline_wander_adc": 0.0, "bandwidth_mhz": 120.0})
    waveform = np.zeros(1 << 18)
    add_noise(new_state(np.random.SeedSequence(4)), digitizer_model(digitizer), waveform)
    frequency, power = signal.welch(waveform - digitizer.baseline_adc, nperseg=512)
    m = math.exp(-2 * math.pi * 0.120)
    expected = (1 - m * m) / (1 + m * m - 2 * m * np.cos(2 * math.pi * frequency))
    expected *= 2 * digitizer.noise_adc**2
    inside = slice(2, -2)
    # A thousand half-overlapping segments leave about 4 % on each of 250 frequencies.
    ratio = power[inside] / expected[inside]
    assert np.abs(ratio - 1).max() < 0.25
    assert ratio.mean() == pytest.approx(1.0, abs=0.01)
    assert power[2] > 4 * power[-2]


def test_the_baseline_has_its_offset_and_wanders_from_record_to_record() -> None:
    digitizer = shipped().model_copy(update={"noise_adc": 0.0, "baseline_wander_adc": 3.0})
    state, digitizer = new_state(np.random.SeedSequence(5)), digitizer_model(digitizer)
    levels = []
    for _ in range(4000):
        waveform = np.zeros(8)
        add_noise(state, digitizer, waveform)
        assert (waveform == waveform[0]).all()
        levels.append(waveform[0])
    assert np.mean(levels) == pytest.approx(200.0, abs=4 * 3.0 / math.sqrt(4000))
    assert np.std(levels) == pytest.approx(3.0, rel=0.05)


def test_the_trigger_jitters_by_what_is_stated() -> None:
    waveform = 200.0 + 10.0 * np.arange(64)
    digitizer = digitizer_model(shipped().model_copy(update={"trigger_jitter_ps": 3000.0}))
    state = new_state(np.random.SeedSequence(6))
    fired = [trigger_sample(state, digitizer, waveform) for _ in range(5000)]
    # The samples are 1 ns apart: rounding up adds a uniform width to the 3 ns of jitter.
    assert np.std(fired) == pytest.approx(math.hypot(3.0, 1 / math.sqrt(12)), rel=0.05)


def test_the_trigger_fires_at_the_first_sample_after_the_crossing() -> None:
    digitizer = digitizer_model(shipped().model_copy(update={"trigger_jitter_ps": 0.0}))
    waveform = np.full(50, 200.0)
    waveform[20:] = 200.0 + 100.0 * np.arange(1, 31)
    # The threshold is 20 photoelectrons of 5 counts: 300, reached exactly at sample 20.
    assert trigger_sample(new_state(np.random.SeedSequence(1)), digitizer, waveform) == 20
    assert trigger_sample(new_state(np.random.SeedSequence(1)), digitizer, waveform[:19]) == -1


def test_codes_are_rounded_and_clipped_and_the_clipping_is_told() -> None:
    digitizer = digitizer_model(shipped())
    codes = np.zeros(4, np.uint16)
    assert not quantize(np.array([0.0, 1.4, 1.5, 4095.4]), 0, digitizer, codes)
    assert codes.tolist() == [0, 1, 2, 4095]
    assert quantize(np.array([0.0, -3.0, 5000.0, 7.0, 8.0]), 1, digitizer, codes)
    assert codes.tolist() == [0, 4095, 7, 8]

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pulsefront.errors import ConfigError, DataError
from pulsefront.estimators.pulses import kernels as pulse_kernels
from pulsefront.estimators.pulses import loops as pulse_loops
from pulsefront.estimators.pulses import quantities as pulse
from strategies_events import float_pulses, pulses

# --- plain Python, written from the definitions and not from the kernels -------------------------


def plain_leading_edge(samples: list[float], threshold: float) -> float:
    if not all(map(math.isfinite, samples)) or not math.isfinite(threshold):
        return math.nan
    peak = samples.index(max(samples))
    below = [i for i in range(peak) if samples[i] < threshold]
    if samples[peak] < threshold or not below:
        return math.nan
    i = below[-1]
    return i + (threshold - samples[i]) / (samples[i + 1] - samples[i])


def plain_constant_fraction(samples: list[float], fraction: float, delay: float) -> float:
    if not all(map(math.isfinite, samples)):
        return math.nan
    first = math.ceil(delay)
    at = np.arange(first, len(samples))
    delayed = np.interp(at - delay, np.arange(len(samples)), samples)
    shaped = list(delayed - fraction * np.asarray(samples, float)[first:])
    peak = shaped.index(max(shaped))
    below = [i for i in range(peak) if shaped[i] < 0]
    if shaped[peak] < 0 or not below:
        return math.nan
    i = below[-1]
    return first + i + shaped[i] / (shaped[i] - shaped[i + 1])


def same(got: np.ndarray, expected: list[float]) -> None:
    np.testing.assert_allclose(got, expected, rtol=1e-9, atol=1e-9, equal_nan=True)


@given(float_pulses(), st.floats(-50, 900))
def test_leading_edge_is_its_definition(waves: np.ndarray, threshold: float) -> None:
    expected = [plain_leading_edge([float(v) for v in w], threshold) for w in waves]
    same(pulse.leading_edge(waves, threshold), expected)


@given(float_pulses(), st.floats(0.05, 0.95), st.integers(1, 8).map(lambda n: n / 4))
@settings(deadline=None)
def test_constant_fraction_is_its_definition(
    waves: np.ndarray, fraction: float, delay: float
) -> None:
    got = pulse.constant_fraction(waves, fraction, delay)
    for wave, time in zip(waves, got, strict=True):
        expected = plain_constant_fraction([float(v) for v in wave], fraction, delay)
        # Where two samples of the shaped signal tie, rounding decides which is the largest, and
        # with it the crossing; everywhere else both must agree.
        if math.isnan(expected) != math.isnan(time) or abs(expected - time) > 1e-6:
            assert _nearly_ties(wave, fraction, delay)


def _nearly_ties(wave: np.ndarray, fraction: float, delay: float) -> bool:
    at = np.arange(math.ceil(delay), len(wave))
    delayed = np.interp(at - delay, np.arange(len(wave)), wave.astype(float))
    shaped = delayed - fraction * wave[math.ceil(delay) :].astype(float)
    ordered = np.sort(shaped)
    scale = 1e-9 * max(1.0, float(np.abs(wave).max()))
    tie = len(ordered) > 1 and ordered[-1] - ordered[-2] < scale
    return bool(tie or (np.abs(shaped) < scale).any())


def test_the_compiled_kernels_equal_their_python_form() -> None:
    waves = (pulses(20) - 100).astype(np.float32)
    room = np.empty(waves.shape[1], np.float32)
    for row in waves:
        peak = pulse_kernels.peak_of(row)
        assert peak == pulse_kernels.peak_of.py_func(row)
        assert pulse_kernels.crossing_before(row, peak, 50.0) == pytest.approx(
            pulse_kernels.crossing_before.py_func(row, peak, 50.0), rel=1e-12
        )
        assert pulse_kernels.crossing_after(row, peak, 50.0) == pytest.approx(
            pulse_kernels.crossing_after.py_func(row, peak, 50.0), rel=1e-12
        )
        assert pulse_kernels.constant_fraction_of(row, 0.2, 4.5, room) == pytest.approx(
            pulse_kernels.constant_fraction_of.py_func(row, 0.2, 4.5, room), rel=1e-12
        )
        assert pulse_kernels.mean_and_rms(row[:30]) == pytest.approx(
            pulse_kernels.mean_and_rms.py_func(row[:30]), rel=1e-12
        )


@pytest.mark.parametrize(
    ("samples", "threshold", "expected"),
    [
        ([0, 0, 1, 3, 5, 4, 2, 0], 2.0, 2.5),
        ([0, 0, 2, 3, 5, 4, 2, 0], 2.0, 2.0),  # exactly on a sample
        ([0, 4, 0, 0, 5, 4, 2, 0], 2.0, 3.4),  # an earlier pulse that fell back does not count
        ([3, 4, 5, 4, 0, 0, 0, 0], 2.0, math.nan),  # starts above
        ([0, 1, 1, 1, 1, 0, 0, 0], 2.0, math.nan),  # stays below
        ([0, 1, 5, math.nan, 1, 0, 0, 0], 2.0, math.nan),
        ([0, 0, 0, 0, 0, 0, 0, 0], 0.0, math.nan),
    ],
)
def test_leading_edge_of_small_pulses(
    samples: list[float], threshold: float, expected: float
) -> None:
    same(pulse.leading_edge(np.array([samples], np.float32), threshold), [expected])


def test_leading_edge_takes_one_threshold_per_event() -> None:
    waves = np.array([[0, 2, 4, 0]] * 3, np.float32)
    same(pulse.leading_edge(waves, np.array([1.0, 3.0, np.nan])), [0.5, 1.5, math.nan])


def test_constant_fraction_does_not_depend_on_the_amplitude() -> None:
    time = np.arange(60) - 20.3
    shape = np.where(time > 0, np.exp(-time / 15) - np.exp(-time / 2), 0).astype(np.float32)
    waves = shape[None] * np.array([[1.0], [10.0], [300.0]], np.float32)
    times = pulse.constant_fraction(waves, 0.3, 4)
    assert np.ptp(times) < 1e-5
    edges = pulse.leading_edge(waves, 0.2)
    assert np.ptp(edges) > 0.5  # which is what it is for


def test_times_follow_a_shift_of_the_pulse() -> None:
    wave = (pulses(1, noise=0.0) - 100)[0].astype(np.float32)
    later = np.roll(wave, 7)
    both = np.stack([wave, later])
    for times in (pulse.leading_edge(both, 60.0), pulse.constant_fraction(both, 0.3, 5)):
        assert times[1] - times[0] == pytest.approx(7, abs=1e-9)


def test_the_crossing_of_a_straight_edge_is_found_exactly() -> None:
    starts = np.linspace(10, 11, 23)
    waves = np.clip(np.arange(40)[None] - starts[:, None], 0, 12.0).astype(np.float64)
    same(pulse.leading_edge(waves, 5.0), list(starts + 5.0))
    # p(t − d) = f p(t) on the straight part: t − d − s = f (t − s)
    same(pulse.constant_fraction(waves, 0.5, 4.0), list(starts + 8.0))


def test_baselines() -> None:
    waves = np.array([[10, 12, 10, 12, 50, 20], [5, 5, 5, 5, 9, 5]], np.uint16)
    mean = pulse.baseline(waves, 0, 4)
    same(mean.level, [11.0, 5.0])
    same(mean.noise_rms, [1.0, 0.0])
    robust = pulse.baseline(waves, 0, 5, method="robust")
    same(robust.level, [12.0, 5.0])
    same(robust.noise_rms, [1.4826 * 2.0, 0.0])
    assert (mean.slope_per_sample == 0).all()


@given(st.floats(-5, 5), st.floats(-100, 100), st.integers(0, 5), st.integers(3, 12))
def test_line_baseline_recovers_a_line(slope: float, level: float, start: int, length: int) -> None:
    line = level + slope * np.arange(20.0)
    base = pulse.baseline(line[None], start, start + length, method="line")
    np.testing.assert_allclose(base.level, level, atol=1e-8)
    np.testing.assert_allclose(base.slope_per_sample, slope, atol=1e-9)
    np.testing.assert_allclose(pulse.subtract(line[None], base), 0, atol=1e-4)


def test_line_baseline_equals_polyfit() -> None:
    waves = np.random.default_rng(3).normal(100, 5, (10, 50))
    base = pulse.baseline(waves, 5, 37, method="line")
    slope, level = np.polyfit(np.arange(5, 37), waves[:, 5:37].T, 1)
    np.testing.assert_allclose(base.slope_per_sample, slope, rtol=1e-9)
    np.testing.assert_allclose(base.level, level, rtol=1e-9)
    residual = waves[:, 5:37] - (level[:, None] + slope[:, None] * np.arange(5, 37))
    np.testing.assert_allclose(base.noise_rms, residual.std(axis=1), rtol=1e-9)


def test_robust_baseline_equals_scipy() -> None:
    from scipy.stats import median_abs_deviation

    waves = np.random.default_rng(3).normal(100, 5, (10, 51))
    base = pulse.baseline(waves, method="robust")
    np.testing.assert_allclose(base.level, np.median(waves, axis=1))
    np.testing.assert_allclose(
        base.noise_rms, 1.4826 * median_abs_deviation(waves, axis=1), rtol=1e-12
    )


def test_negative_pulses_come_out_upward() -> None:
    waves = (4000 - pulses(4)).astype(np.uint16)
    up = pulse.subtract(waves, pulse.baseline(waves, 0, 30), "negative")
    assert up.dtype == np.float32
    assert (pulse.amplitude(up) > 200).all()


def test_charge_amplitude_and_widths() -> None:
    waves = np.array([[0, 0, 2, 4, 2, 0, 0, 0]], np.float32)
    same(pulse.amplitude(waves), [4.0])
    same(pulse.charge(waves), [8.0])
    same(pulse.charge(waves, 3, 5), [6.0])
    same(pulse.time_over_threshold(waves, 2.0), [2.0])
    same(pulse.rise_time(waves, 0.25, 0.75), [1.0])
    assert pulse.peak_sample(waves)[0] == 3


def test_a_pulse_that_does_not_come_down_has_no_time_over_threshold() -> None:
    same(pulse.time_over_threshold(np.array([[0, 1, 2, 3]], np.float32), 1.5), [math.nan])


@pytest.mark.parametrize(
    "call",
    [
        lambda w: pulse.leading_edge(w, np.zeros(3)),
        lambda w: pulse.constant_fraction(w, 0.0, 2),
        lambda w: pulse.constant_fraction(w, 1.0, 2),
        lambda w: pulse.constant_fraction(w, math.nan, 2),
        lambda w: pulse.constant_fraction(w, 0.2, 0),
        lambda w: pulse.constant_fraction(w, 0.2, 7),
        lambda w: pulse.baseline(w, 5, 6),
        lambda w: pulse.baseline(w, -1, 6),
        lambda w: pulse.baseline(w, 0, 9),
        lambda w: pulse.baseline(w, method="middle"),
        lambda w: pulse.charge(w, 4, 4),
        lambda w: pulse.rise_time(w, 0.9, 0.1),
        lambda w: pulse.subtract(w, pulse.baseline(w), "up"),
    ],
)
def test_bad_settings_raise(call) -> None:
    with pytest.raises(ConfigError):
        call(np.zeros((2, 8), np.float32))


def test_a_single_waveform_is_refused() -> None:
    with pytest.raises(DataError, match="event, sample"):
        pulse.amplitude(np.zeros(8))


def test_no_events_give_no_numbers() -> None:
    empty = np.zeros((0, 8), np.float32)
    assert pulse.leading_edge(empty, 1.0).shape == (0,)
    assert pulse.constant_fraction(empty, 0.2, 2).shape == (0,)
    assert pulse.baseline(empty).level.shape == (0,)


@given(
    st.lists(st.sampled_from([-3.0, -0.0, 0.0, 1.5, 2.0]), min_size=1, max_size=4),
    st.integers(1, 90),
)
def test_the_first_largest_is_found_in_rows_of_any_length(
    values: list[float], repeats: int
) -> None:
    for dtype in (np.float32, np.float64):
        row = np.repeat(np.array(values, dtype), repeats)
        assert pulse_kernels.largest_at(row) == int(np.argmax(row))
    assert pulse_kernels.largest_at.py_func(np.array(values)) == int(np.argmax(values))


def test_the_loops_over_events_equal_their_python_form() -> None:
    waves = np.asarray(pulses(6), np.float32)
    up = (waves - 100).astype(np.float32)
    thresholds = np.full(6, 40.0)
    calls = [
        (pulse_loops.peak_samples, (up,)),
        (pulse_loops.amplitudes, (up,)),
        (pulse_loops.charges, (up, 3, 90)),
        (pulse_loops.leading_edges, (up, thresholds)),
        (pulse_loops.times_over_threshold, (up, thresholds)),
        (pulse_loops.constant_fractions, (up, 0.3, 4.5)),
        (pulse_loops.mean_baseline, (waves, 0, 30)),
        (pulse_loops.robust_baseline, (waves, 0, 30)),
        (pulse_loops.line_baseline, (waves, 0, 30)),
        (pulse_loops.subtract_lines, (waves, np.full(6, 100.0), np.zeros(6), -1.0)),
    ]
    for kernel, arguments in calls:
        compiled, plain = kernel(*arguments), kernel.py_func(*arguments)
        np.testing.assert_allclose(compiled, plain, rtol=1e-6, atol=1e-9, err_msg=kernel.__name__)
    assert pulse_kernels.largest_at(up[0]) == pulse_kernels.largest_at.py_func(up[0])
    for half in (0, 3):
        left, right = up[0].copy(), up[0].copy()
        pulse_kernels.moving_average(left, half)
        pulse_kernels.moving_average.py_func(right, half)
        np.testing.assert_allclose(left, right, rtol=1e-5, atol=1e-5)
    assert pulse_kernels._range_of(up[0]) == (float(up[0].min()), float(up[0].max()))
    assert pulse_kernels.median_and_mad(waves[0]) == pytest.approx(
        pulse_kernels.median_and_mad.py_func(waves[0])
    )

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.linalg import circulant
from scipy.signal import lfilter, savgol_filter

from pulsefront.errors import ConfigError, DataError
from pulsefront.estimators.pulses import cells, filters, template
from strategies_events import pulses

RANDOM = np.random.default_rng(1)


# --- pole–zero and trapezoid ---


@pytest.mark.parametrize("decay", [0.5, 12.0, 3000.0])
def test_pole_zero_equals_scipy_and_plain_python(decay: float) -> None:
    waves = RANDOM.normal(0, 1, (5, 200))
    pole = np.exp(-1 / decay)
    np.testing.assert_allclose(
        filters.pole_zero(waves, decay), lfilter([1, -pole], [1, -1], waves, axis=1), atol=1e-9
    )
    np.testing.assert_allclose(
        filters.pole_zero(waves, decay), filters._pole_zero.py_func(waves, pole), atol=1e-12
    )


def test_pole_zero_turns_a_decay_into_a_step() -> None:
    decay = np.where(np.arange(100) >= 20, np.exp(-(np.arange(100) - 20) / 30), 0)
    step = filters.pole_zero(decay[None], 30.0)[0]
    np.testing.assert_allclose(step, np.arange(100) >= 20, atol=1e-12)


@given(st.integers(1, 20), st.integers(0, 15))
def test_trapezoid_equals_scipy_and_plain_python(rise: int, flat: int) -> None:
    waves = np.random.default_rng(rise).normal(0, 1, (3, 80))
    kernel = np.zeros(2 * rise + flat)
    kernel[:rise] = 1 / rise
    kernel[rise + flat :] = -1 / rise
    got = filters.trapezoid(waves, rise, flat)
    np.testing.assert_allclose(got, lfilter(kernel, [1], waves, axis=1), atol=1e-12)
    np.testing.assert_allclose(got, filters._trapezoid.py_func(waves, rise, flat), atol=1e-12)


def test_the_top_of_the_trapezoid_is_the_height_of_the_step() -> None:
    step = np.where(np.arange(120) >= 40, 7.5, 0.0)[None]
    shaped = filters.trapezoid(step, 10, 5)[0]
    np.testing.assert_allclose(shaped[49:55], 7.5)
    assert shaped.max() == pytest.approx(7.5)
    np.testing.assert_allclose(shaped[80:], 0, atol=1e-12)


def test_bad_filters_are_refused() -> None:
    waves = np.zeros((2, 20))
    with pytest.raises(ConfigError):
        filters.pole_zero(waves, 0.0)
    for rise, flat in ((0, 1), (3, -1), (10, 1)):
        with pytest.raises(ConfigError):
            filters.trapezoid(waves, rise, flat)
    with pytest.raises(DataError):
        filters.trapezoid(np.zeros(20), 2, 2)


# --- optimal filter ---


def shape(samples: int, start: float) -> np.ndarray:
    time = np.arange(samples) - start
    return np.where(time > 0, np.exp(-time / 15) - np.exp(-time / 3), 0.0)


def coloured(events: int, samples: int) -> np.ndarray:
    white = np.random.default_rng(3).normal(0, 1, (events, samples))
    power = 1 + 20 / (1 + np.arange(samples // 2 + 1))
    return np.fft.irfft(np.fft.rfft(white, axis=1) * np.sqrt(power), samples, axis=1)


@pytest.mark.parametrize("samples", [64, 65])
def test_without_a_shift_the_optimal_filter_is_generalized_least_squares(samples: int) -> None:
    power = 1 + 20 / (1 + np.arange(samples // 2 + 1))
    # The power of |rfft|² of noise with this spectrum.
    optimal = filters.OptimalFilter(shape(samples, 20), power * samples, most_shift=0)
    waves = 5 * shape(samples, 20) + coloured(10, samples)
    got = optimal.apply(waves)
    covariance = circulant(np.fft.irfft(power, samples))
    weight = np.linalg.solve(covariance, optimal.template)
    expected = waves @ weight / (optimal.template @ weight)
    np.testing.assert_allclose(got.amplitude, expected, rtol=1e-9)
    residual = waves - expected[:, None] * optimal.template
    inverse = np.linalg.inv(covariance)
    chi_square = np.einsum("ei,ij,ej->e", residual, inverse, residual)
    np.testing.assert_allclose(got.chi_square * (samples - 2), chi_square, rtol=1e-6)


def test_the_optimal_filter_finds_amplitude_and_shift_and_beats_the_maximum() -> None:
    samples = 128
    noise = coloured(400, samples)
    optimal = filters.OptimalFilter(shape(samples, 40), filters.noise_spectrum(noise[:200]))
    shifts = np.random.default_rng(5).uniform(-5, 5, 200)
    waves = np.stack([12 * shape(samples, 40 + s) for s in shifts]) + noise[200:] * 0.5
    got = optimal.apply(waves)
    scale = shape(samples, 40).max() * 12
    assert np.abs(got.amplitude.mean() - 12) < 0.4
    assert got.amplitude.std() / 12 < 0.8 * waves.max(axis=1).std() / scale
    assert np.median(np.abs(got.shift_samples - shifts)) < 0.5
    assert 0.2 < np.median(got.chi_square) < 0.3  # half the noise, a quarter of its power


def test_bad_events_and_bad_spectra() -> None:
    waves = np.ones((3, 64))
    waves[1, 2] = np.nan
    optimal = filters.OptimalFilter(shape(64, 20), np.ones(33))
    assert np.isnan(optimal.apply(waves).amplitude).tolist() == [False, True, False]
    with pytest.raises(ConfigError, match="frequencies"):
        filters.OptimalFilter(shape(64, 20), np.ones(30))
    with pytest.raises(ConfigError, match="positive"):
        filters.OptimalFilter(shape(64, 20), np.zeros(33))
    with pytest.raises(DataError, match="two finite"):
        filters.noise_spectrum(waves)
    with pytest.raises(DataError, match="65 samples"):
        optimal.apply(np.zeros((1, 65)))


# --- template ---


def made(events: int, noise: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    random = np.random.default_rng(8)
    starts, heights = random.uniform(40, 42, events), random.uniform(50, 150, events)
    time = np.arange(140)[None] - starts[:, None]
    waves = np.where(time > 0, np.exp(-time / 25) - np.exp(-time / 6), 0) * heights[:, None]
    return waves + random.normal(0, noise, waves.shape), starts, heights


def test_a_template_from_pulses_fits_them_again() -> None:
    waves, starts, heights = made(3000, 0.5)
    form = template.build_template(waves, starts, heights, before=10, after=60)
    got = template.fit_template(waves[:300] + 3.0, form, starts[:300] + 0.7)
    residual = got.time_samples - starts[:300]
    assert np.isfinite(residual).all()
    assert abs(residual.mean()) < 0.02
    assert residual.std() < 0.1
    np.testing.assert_allclose(got.amplitude / heights[:300], 1, atol=0.05)
    assert abs(got.offset.mean() - 3) < 0.1
    assert 0.4 < np.median(got.residual_rms) < 0.6


def test_the_template_fit_equals_scipy_and_plain_python(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from scipy.interpolate import CubicHermiteSpline
    from scipy.optimize import least_squares

    waves, starts, heights = made(2000, 0.5)
    form = template.build_template(waves, starts, heights, before=10, after=60)
    grid = form.start + np.arange(len(form.values)) / form.oversampling
    padded = np.concatenate([form.values[:1], form.values, form.values[-1:]])
    slopes = 0.5 * (padded[2:] - padded[:-2]) * form.oversampling
    spline = CubicHermiteSpline(grid, form.values, slopes)
    got = template.fit_template(waves[:5], form, starts[:5] + 0.3)
    for event in range(5):
        first = int(np.ceil(starts[event] + 0.3 + form.start)) + 1
        last = int(np.floor(starts[event] + 0.3 + form.start + 70)) - 1
        place = np.arange(first, last)

        def residual(p, event=event, place=place):
            return waves[event, place] - p[1] * spline(place - p[0]) - p[2]

        best = least_squares(residual, [starts[event], heights[event], 0.0], xtol=1e-12)
        mine = residual([got.time_samples[event], got.amplitude[event], got.offset[event]])
        assert np.sum(mine**2) <= np.sum(best.fun**2) * (1 + 1e-6)
    plain = template.TemplateFit(*(np.full(2, np.nan) for _ in range(4)))
    for name in ("_at", "_step"):
        monkeypatch.setattr(template, name, getattr(template, name).py_func)
    start, finest = form.start, form.oversampling
    template._fit.py_func(waves[:2], form.values, start, finest, starts[:2] + 0.3, 30, plain)
    for name in template.TemplateFit._fields:
        expected = getattr(got, name)[:2]
        np.testing.assert_allclose(getattr(plain, name), expected, rtol=1e-6, atol=1e-6)


def test_what_cannot_be_fitted_is_nan() -> None:
    waves, starts, heights = made(2000, 0.5)
    form = template.build_template(waves, starts, heights, before=10, after=60)
    got = template.fit_template(np.zeros((3, 140)), form, np.array([40.0, np.nan, 400.0]))
    assert np.isnan(got.time_samples).all()
    with pytest.raises(DataError, match="get no sample"):
        template.build_template(waves[:3], starts[:3], heights[:3], before=10, after=60)


# --- ring samplers ---


def test_cell_offsets_are_recovered() -> None:
    random = np.random.default_rng(6)
    offsets = random.normal(0, 20, 64)
    offsets -= np.median(offsets)
    cell = random.integers(0, 64, 400)
    waves = 100 + random.normal(0, 1, (400, 64))
    waves += offsets[(cell[:, None] + np.arange(64)) % 64]
    found = cells.cell_offsets(waves, cell, 0, 32)
    np.testing.assert_allclose(found, offsets, atol=1.0)
    assert cells.subtract_cells(waves, cell, found).std() < 1.1
    with pytest.raises(DataError, match="never read"):
        cells.cell_offsets(waves[:1], cell[:1], 0, 32)


def test_the_even_grid_equals_numpy() -> None:
    random = np.random.default_rng(6)
    times = np.cumsum(random.uniform(0.1, 1, (20, 50)), axis=1) - 0.5
    waves = random.normal(0, 1, (20, 50))
    got = cells.to_even_grid(waves, times, 0.4, 90)
    grid = 0.4 * np.arange(90)
    expected = np.stack([np.interp(grid, t, w) for t, w in zip(times, waves, strict=True)])
    np.testing.assert_allclose(got, expected, atol=1e-6)
    np.testing.assert_allclose(
        cells._to_even_grid.py_func(waves[:2], times[:2], 0.4, 90), expected[:2], atol=1e-6
    )


@given(st.lists(st.floats(0, 48.9), min_size=1, max_size=10))
def test_crossings_are_read_on_their_own_axis(places: list[float]) -> None:
    times = np.cumsum(np.random.default_rng(1).uniform(0.1, 1, (len(places), 50)), axis=1)
    got = cells.crossing_times_ns(np.array(places), times)
    expected = [np.interp(p, np.arange(50), t) for p, t in zip(places, times, strict=True)]
    np.testing.assert_allclose(got, expected)
    assert np.isnan(cells.crossing_times_ns(np.array([np.nan]), times[:1])).all()


def test_pickup_in_phase_with_the_trigger_is_no_offset() -> None:
    random = np.random.default_rng(6)
    true = random.normal(0, 3, 256)
    true -= savgol_filter(true, 9, 3, mode="wrap")
    cell = random.integers(0, 40, 400)  # a trigger that comes with the sampling clock
    index = (cell[:, None] + np.arange(256)) % 256
    pickup = 8 * np.cos(2 * np.pi * np.arange(256) / 42)[None]
    waves = 500 + pickup + true[index] + random.normal(0, 1, (400, 256))
    near = cells.cell_offsets(waves, cell, against="neighbours")
    level = cells.cell_offsets(waves, cell)

    assert np.std(near - true) < 0.5
    # Against the level the pickup itself comes out as offsets, and would be taken from pulses.
    assert np.std(near - true) < 0.5 * np.std(level - true)
    with pytest.raises(ConfigError, match="against"):
        cells.cell_offsets(waves, cell, against="nothing")


def test_cell_correction_of_the_measured_drs4_file(shared_data) -> None:
    """The residual pattern of that calibrated board is 0.39 mV; all of it is taken out."""
    from pulsefront.events.readers.open import open_events

    table = open_events(shared_data("drs4_pydrs4") / "test.dat").read()
    millivolts = table["waveform_adc"][:, 0] * table.provenance["millivolts_per_count"]
    cell = table["trigger_cell"][:, 0]

    def fine_noise(w: np.ndarray) -> float:
        return float((w - savgol_filter(w, 9, 3, axis=1)).std())

    before = fine_noise(millivolts[1::2])
    after = {}
    for against in ("level", "neighbours"):
        # Learnt on one half of the events, and used on the other half.
        offsets = cells.cell_offsets(millivolts[::2], cell[::2], against=against)
        after[against] = fine_noise(cells.subtract_cells(millivolts[1::2], cell[1::2], offsets))
    assert after["neighbours"] < after["level"] < before
    # Independent of the noise, the offsets leave it in squares: nothing of them is left.
    assert after["neighbours"] ** 2 == pytest.approx(before**2 - offsets.var(), rel=0.003)


def test_pulses_of_the_house_fit_their_own_template() -> None:
    waves = pulses(2000, seed=9, noise=1.0) - 100
    from pulsefront.estimators.pulses.quantities import amplitude, constant_fraction

    times = constant_fraction(waves.astype(np.float32), 0.3, 4.5)
    form = template.build_template(waves, times, amplitude(waves), before=15, after=50)
    got = template.fit_template(waves, form, times)
    assert np.isfinite(got.time_samples).mean() > 0.99

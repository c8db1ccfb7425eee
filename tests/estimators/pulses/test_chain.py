from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulsefront.errors import ConfigError, DataError
from pulsefront.estimators.pulses import one_pass
from pulsefront.estimators.pulses import quantities as pulse
from pulsefront.estimators.pulses.chain import charge_table, process, process_table, resolve
from pulsefront.estimators.pulses.kernels import largest_second_rise, lobe_total, moving_average
from pulsefront.estimators.pulses.settings import PulseSettings
from pulsefront.events.container import EventTable, Quantity, Status
from strategies_events import pulses

SETTINGS = PulseSettings(
    polarity="positive", baseline_stop=30, delay_samples=4.5, fraction=0.3, threshold_adc=40.0
)


@pytest.mark.parametrize("dtype", [np.uint16, np.float32])
def test_the_chain_gives_the_numbers_of_the_single_functions(dtype: type) -> None:
    waves = pulses(200, seed=5).astype(dtype)
    got, status = process(waves, SETTINGS)
    base = pulse.baseline(waves, 0, 30)
    up = pulse.subtract(waves, base)
    np.testing.assert_allclose(got["baseline_adc"], base.level, rtol=1e-12)
    np.testing.assert_allclose(got["noise_adc"], base.noise_rms, rtol=1e-9)
    np.testing.assert_array_equal(got["amplitude_adc"], pulse.amplitude(up))
    np.testing.assert_array_equal(got["peak_sample"], pulse.peak_sample(up))
    np.testing.assert_allclose(got["charge_adc_samples"], pulse.charge(up), rtol=1e-12)
    np.testing.assert_array_equal(got["leading_edge_samples"], pulse.leading_edge(up, 40.0))
    np.testing.assert_array_equal(
        got["constant_fraction_samples"], pulse.constant_fraction(up, 0.3, 4.5)
    )
    assert (status == 0).all()


def test_times_recover_the_known_starts() -> None:
    random = np.random.default_rng(2)
    starts = 40 + random.uniform(0, 1, 500)
    time = np.arange(120)[None] - starts[:, None]
    shape = np.where(time > 0, np.exp(-time / 20.0) - np.exp(-time / 6.0), 0.0)
    waves = 100 + 2000 * random.uniform(0.5, 1.5, (500, 1)) * shape
    got, _ = process(waves + random.normal(0, 1, waves.shape), SETTINGS)
    residual = got["constant_fraction_samples"] - starts
    assert residual.std() < 0.03
    assert (got["leading_edge_samples"] - starts).std() > 2 * residual.std()


def test_polarity_is_found_channel_by_channel() -> None:
    waves = pulses(50)
    both = np.stack([waves, 4000 - waves], axis=1).astype(np.float32)
    got, _ = process(both, SETTINGS.model_copy(update={"polarity": "auto"}))
    assert got["amplitude_adc"].shape == (50, 2)
    np.testing.assert_allclose(got["amplitude_adc"][:, 0], got["amplitude_adc"][:, 1], atol=0.01)


def flags_of(wave: np.ndarray, **settings: object) -> Status:
    _, status = process(wave[None], SETTINGS.model_copy(update=settings))
    return Status(int(status[0]))


def test_every_flag_is_raised_by_what_it_names() -> None:
    wave = pulses(1, height=2000.0)[0]
    assert flags_of(wave) == Status.OK
    clipped = np.minimum(wave, 900.0)
    assert flags_of(clipped, saturation_high_adc=900.0) == Status.SATURATED
    assert flags_of(clipped, find_saturation=False) == Status.OK
    assert flags_of(4000 - clipped, saturation_low_adc=3100.0, polarity="negative") & (
        Status.SATURATED
    )
    twice = wave.copy()
    twice[80:] += 0.9 * (wave[40:80] - 100)
    assert flags_of(twice) == Status.PILE_UP
    assert flags_of(twice, pile_up_fraction=0.0) == Status.OK
    assert flags_of(np.full(120, 100.0)) == Status.NO_PULSE
    assert flags_of(wave, threshold_adc=5000.0) == Status.NO_PULSE
    assert flags_of(np.roll(wave, -42)[:100], baseline_start=80, baseline_stop=95) & (
        Status.NO_CROSSING
    )
    wandering = wave + np.where(np.arange(120) < 30, 20 * np.sin(np.arange(120)), 0)
    assert flags_of(wandering, baseline_noise_limit_adc=5.0) & Status.BAD_BASELINE
    broken = wave.copy()
    broken[70] = np.nan
    assert flags_of(broken) == Status.NOT_FINITE


def test_one_bad_event_leaves_the_others_alone() -> None:
    waves = pulses(10)
    alone, _ = process(waves, SETTINGS)
    spoilt = waves.copy()
    spoilt[4] = np.inf
    got, status = process(spoilt, SETTINGS)
    others = np.arange(10) != 4
    assert np.flatnonzero(status).tolist() == [4]
    for name, values in got.items():
        np.testing.assert_array_equal(values[others], alone[name][others])
    assert np.isnan(got["amplitude_adc"][4])


def test_charge_gates() -> None:
    waves = np.full((1, 60), 10.0)
    waves[0, 40:44] = [20, 30, 20, 15]
    base = PulseSettings(polarity="positive", baseline_stop=20, threshold_adc=5, delay_samples=1)
    whole, _ = process(waves, base)
    assert whole["charge_adc_samples"][0] == 45.0
    part, _ = process(waves, base.model_copy(update={"charge_start": 41, "charge_stop": 43}))
    assert part["charge_adc_samples"][0] == 30.0
    moving = {"charge_from": "leading_edge", "charge_start": 1, "charge_stop": 3}
    edge, _ = process(waves, base.model_copy(update=moving))
    assert edge["leading_edge_samples"][0] == 39.5
    assert edge["charge_adc_samples"][0] == 30.0
    beyond = {"charge_from": "leading_edge", "charge_start": 1, "charge_stop": 900}
    cut, _ = process(waves, base.model_copy(update=beyond))
    assert cut["charge_adc_samples"][0] == 45.0


@given(st.lists(st.floats(-100, 100, width=32), min_size=1, max_size=40), st.integers(0, 45))
def test_moving_average_is_the_mean_of_what_is_there(values: list[float], half: int) -> None:
    wave = np.array(values, np.float32)
    expected = [
        np.mean(np.float64(wave[max(i - half, 0) : i + half + 1])) for i in range(len(wave))
    ]
    moving_average(wave, half)
    np.testing.assert_allclose(wave, expected, rtol=1e-5, atol=1e-4)


def test_moving_average_equals_scipy_away_from_the_ends() -> None:
    from scipy.ndimage import uniform_filter1d

    wave = np.random.default_rng(0).normal(0, 1, 200).astype(np.float32)
    expected = uniform_filter1d(wave.astype(float), 11)
    moving_average(wave, 5)
    np.testing.assert_allclose(wave[5:-5], expected[5:-5], atol=1e-6)


@given(
    st.lists(st.integers(-9, 9), min_size=1, max_size=12),
    st.integers(1, 12),
    st.sampled_from([1, 40]),
)
def test_the_largest_second_rise_is_its_definition(
    values: list[int], floor: int, repeats: int
) -> None:
    wave = np.repeat(np.array(values, np.float32), repeats)
    peak = int(np.argmax(wave))
    above = np.maximum(wave, 0)
    after = wave[peak:] - np.minimum.accumulate(above[peak:])
    before = np.maximum.accumulate(wave[: peak + 1]) - above[: peak + 1]
    largest = max(after.max(), before.max())
    assert largest_second_rise(wave, peak, floor) == (largest if largest > floor else 0)


def test_the_way_back_from_an_undershoot_is_no_second_pulse() -> None:
    bipolar = np.array([0, 0, 9, 4, -8, -6, -2, 0, 0, 0], np.float32)
    assert largest_second_rise(bipolar, 2, 0.5) == 0
    bipolar[8] = 5
    assert largest_second_rise(bipolar, 2, 0.5) == 5


@given(st.lists(st.integers(-3, 3), min_size=1, max_size=40))
def test_a_lobe_is_what_lies_above_zero_about_the_peak(values: list[int]) -> None:
    wave = np.array(values, np.float32)
    peak = int(np.argmax(wave))
    total = 0.0
    for step in (range(peak, len(wave)), range(peak - 1, -1, -1)):
        for i in step:
            if wave[i] <= 0:
                break
            total += wave[i]
    assert lobe_total(wave, peak) == total


def test_what_settings_leave_open_is_decided_once_from_the_first_events() -> None:
    waves = np.stack([pulses(50), 4000 - pulses(50)], axis=1)
    decided = resolve(PulseSettings(baseline_stop=30), waves)
    assert decided.polarity == ("positive", "negative")
    # Pulses of 3 and 20 samples rise from 10 to 90 % in about 5 samples.
    assert 3 <= decided.delay_samples <= 8
    assert resolve(decided, waves[:, ::-1]) == decided
    with pytest.raises(ConfigError, match="2 polarities for 1"):
        process(waves[:, 0], decided)


def test_a_robust_baseline_ignores_a_stray_photon() -> None:
    waves = pulses(20)
    waves[:, 10:14] += 200
    got, _ = process(waves, SETTINGS.model_copy(update={"baseline_method": "robust"}))
    base = pulse.baseline(waves, 0, 30, method="robust")
    np.testing.assert_allclose(got["baseline_adc"], base.level)
    np.testing.assert_allclose(got["noise_adc"], base.noise_rms)
    assert np.abs(got["baseline_adc"] - 100).max() < 3


def test_a_table_gets_times_in_ns_and_a_joined_status() -> None:
    waves = np.stack([pulses(6), np.full((6, 120), 100.0)], axis=1)
    table = EventTable(
        {"waveform_adc": waves, "number": np.arange(6)},
        {"waveform_adc": Quantity("ADC counts", "w"), "number": Quantity("1", "n")},
        np.array([1, 0, 0, 0, 0, 0], np.uint16),
        {"sample_interval_ns": 0.5},
    )
    measured = process_table(table, SETTINGS)
    assert "waveform_adc" not in measured.columns
    assert set(measured.columns) == set(measured.quantities)
    np.testing.assert_array_equal(
        measured["leading_edge_ns"], 0.5 * measured["leading_edge_samples"]
    )
    assert measured["channel_status"].tolist() == [[0, Status.NO_PULSE]] * 6
    assert measured.status.tolist() == [Status.NO_PULSE | 1] + [Status.NO_PULSE] * 5
    assert measured.provenance["pulse_settings"]["delay_samples"] == 4.5


def test_times_are_read_on_an_uneven_axis() -> None:
    waves = pulses(6)[:, None]
    axes = np.cumsum(np.random.default_rng(0).uniform(0.2, 0.8, waves.shape), axis=2)
    table = EventTable(
        {"waveform_adc": waves, "sample_time_ns": axes},
        {name: Quantity("ns", name) for name in ("waveform_adc", "sample_time_ns")},
    )
    measured = process_table(table, SETTINGS)
    assert "sample_time_ns" not in measured.columns
    crossing = measured["leading_edge_samples"][:, 0]
    expected = [np.interp(c, np.arange(120), a) for c, a in zip(crossing, axes[:, 0], strict=True)]
    np.testing.assert_allclose(measured["leading_edge_ns"][:, 0], expected)


def test_no_events_give_no_numbers() -> None:
    got, status = process(np.zeros((0, 120), np.uint16))
    assert len(got["amplitude_adc"]) == len(status) == 0


@pytest.mark.parametrize(
    "settings",
    [
        {"baseline_start": 5, "baseline_stop": 6},
        {"smoothing": 2},
        {"fraction": 1.0},
        {"delay_samples": 0.0},
        {"charge_start": 5, "charge_stop": 5},
        {"charge_from": "leading_edge"},
        {"treshold_adc": 5.0},
    ],
)
def test_inconsistent_settings_are_refused(settings: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        PulseSettings(**settings)


@pytest.mark.parametrize(
    "settings", [{"baseline_stop": 200}, {"delay_samples": 119.0}, {"smoothing": 201}]
)
def test_settings_that_do_not_fit_the_waveform_are_refused(settings: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match="120 samples"):
        process(pulses(2), SETTINGS.model_copy(update=settings))


def test_other_shapes_are_refused() -> None:
    with pytest.raises(DataError, match="event, channel, sample"):
        process(np.zeros(5))


@pytest.mark.parametrize("method", ["mean", "robust", "line"])
@pytest.mark.parametrize("charge_from", ["leading_edge", "first_sample"])
def test_the_compiled_pass_equals_its_python_form(
    method: str, charge_from: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    waves = pulses(5).astype(np.uint16)
    settings = PulseSettings(
        baseline_stop=30,
        baseline_method=method,
        smoothing=3,
        charge_start=-2,
        charge_stop=40,
        charge_from=charge_from,
        threshold_adc=40.0,
        fraction=0.3,
        delay_samples=4.5,
        saturation_low_adc=0.0,
        saturation_high_adc=4e3,
        baseline_noise_limit_adc=9.0,
    )
    compiled = one_pass.measure(waves, settings, 1.0)
    for name in ("_baseline_of", "_times_of", "_charge_of", "_upward", "_take_slope", "fill"):
        monkeypatch.setattr(one_pass, name, getattr(one_pass, name).py_func)
    # Plain Python reaches the fields of a record by name only in a record array.
    plain = np.full(len(waves), np.nan, one_pass.MEASURED).view(np.recarray)
    status = np.zeros(len(waves), np.uint16)
    one_pass.fill(waves, one_pass.rules_of(settings, waves.shape[1], 1.0), plain, status)
    for name in one_pass.MEASURED.names:
        np.testing.assert_allclose(compiled[0][name], plain[name], rtol=1e-6)
    np.testing.assert_array_equal(compiled[1], status)


def test_a_baseline_that_wanders_is_taken_out() -> None:
    waves = pulses(40, noise=0.5)
    straight = PulseSettings(
        polarity="positive", baseline_stop=35, threshold_adc=40.0, delay_samples=4.0
    )
    level, _ = process(waves, straight)
    wandering = waves + 3.0 * np.arange(waves.shape[1])
    along = straight.model_copy(update={"baseline_method": "line"})
    line, status = process(wandering, along)
    for name in ("amplitude_adc", "leading_edge_samples", "constant_fraction_samples"):
        spread = np.abs(line[name] - level[name])
        assert np.median(spread) < (20.0 if name == "amplitude_adc" else 0.3), name
    lost, _ = process(wandering, straight)
    assert np.median(np.abs(lost["amplitude_adc"] - level["amplitude_adc"])) > 50
    assert (status & Status.NO_PULSE == 0).all()
    # The same line as the single function's.
    base = pulse.baseline(wandering, 0, 35, method="line")
    np.testing.assert_allclose(line["baseline_adc"], base.level, rtol=1e-9)
    np.testing.assert_allclose(
        line["amplitude_adc"], pulse.amplitude(pulse.subtract(wandering, base)), rtol=1e-5
    )


def test_charges_of_photosensors_from_their_waveforms() -> None:
    waves = np.stack([pulses(6, height=h, noise=0.1) for h in (500.0, 250.0, 1.0)], axis=1)
    waves[4, 1, 7] = np.nan
    table = EventTable(
        {"waveform_adc": waves, "run": np.zeros(6, np.int32)},
        {name: Quantity("1", name) for name in ("waveform_adc", "run")},
    )
    found = charge_table(table, SETTINGS)
    assert found["charge_adc"].shape == (6, 3)
    good = np.arange(6) != 4
    ratio = found["charge_adc"][good, 0] / found["charge_adc"][good, 1]
    np.testing.assert_allclose(ratio, 2.0, rtol=0.1)
    assert found.status.tolist() == [0, 0, 0, 0, Status.NOT_FINITE, 0]
    assert "waveform_adc" not in found.columns
    with pytest.raises(DataError, match="event, channel, sample"):
        charge_table(table.with_columns({"waveform_adc": waves[:, 0]}, {}), SETTINGS)


@pytest.mark.parametrize(("onset", "sign"), [(24, 1.0), (24, -1.0), (60, 1.0), (6, -1.0)])
def test_without_a_gate_the_baseline_ends_before_the_pulses(onset: int, sign: float) -> None:
    rng = np.random.default_rng(2)
    time = np.arange(144.0) - onset - rng.uniform(0, 1, (300, 1))
    shape = np.where(time > 0, np.exp(-time / 40) - np.exp(-time / 6), 0.0)
    waves = 300 + sign * 200 * shape + rng.normal(0, 1, shape.shape)
    waves[::7] = 300 + rng.normal(0, 1, (len(waves[::7]), 144))
    decided = resolve(PulseSettings(), waves)
    assert decided.baseline_stop is not None
    assert 0.7 * onset <= decided.baseline_stop <= onset
    quantities, status = process(waves, PulseSettings())
    pulses = np.ones(300, bool)
    pulses[::7] = False
    assert (status[pulses] == 0).mean() > 0.95
    # The few samples before an early pulse leave an error of their own.
    assert np.median(quantities["baseline_adc"][pulses]) == pytest.approx(300, abs=0.5)
    assert resolve(PulseSettings(), waves[::7]).baseline_stop == 72

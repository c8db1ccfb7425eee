"""What is learned from the first pulses measures all that follow as the single functions do."""

from __future__ import annotations

import numpy as np
import pytest

from pulsefront.errors import ConfigError, DataError
from pulsefront.estimators.pulses import filters, quantities, template
from pulsefront.estimators.pulses.chain import process, resolve
from pulsefront.estimators.pulses.further import (
    FLAT_TOP_SHARE,
    further_quantities,
    measure_further,
)
from pulsefront.estimators.pulses.learn import learn
from pulsefront.estimators.pulses.settings import PickoffSettings, PulseSettings
from strategies_events import pulses

ALL = PickoffSettings.model_validate(
    {"shape": {}, "trapezoid": {}, "template": {}, "optimal_filter": {}}
)


def measured(waves: np.ndarray, settings: PickoffSettings = ALL):
    decided = resolve(settings, waves)
    columns, status = process(waves, decided)
    learned = learn(waves, decided, columns, status)
    return learned, measure_further(waves, learned, columns)


def two_channels(events: int = 300) -> np.ndarray:
    up = pulses(events, 200, seed=1, height=800)
    down = 4000 - pulses(events, 200, seed=2, height=500)
    return np.stack([up, down], axis=1)


def test_channels_side_by_side_are_channels_one_by_one() -> None:
    waves = two_channels()
    learned, together = measured(waves)
    assert set(together) == set(further_quantities(learned[0].settings))
    for c, one in enumerate(learned):
        alone = {"polarity": ("positive", "negative")[c], "limits": one.settings.limits[c : c + 1]}
        settings = one.settings.model_copy(update=alone)
        columns, status = process(waves[:, c], settings)
        again = learn(waves[:, c], settings, columns, status)
        for name, values in measure_further(waves[:, c], again, columns).items():
            np.testing.assert_allclose(values, together[name][:, c], rtol=1e-9, err_msg=name)


def test_later_chunks_are_measured_as_the_first_one_decided() -> None:
    waves = two_channels()
    learned, whole = measured(waves)
    parts = [
        measure_further(part, learned, process(part, learned[0].settings)[0])
        for part in np.array_split(waves, 4)
    ]
    for name, values in whole.items():
        np.testing.assert_array_equal(np.concatenate([part[name] for part in parts]), values)


def test_the_columns_are_those_of_the_single_functions() -> None:
    waves = two_channels()[:, 0]
    (learned,), found = measured(waves)
    settings = learned.settings
    base = quantities.baseline(waves, 0, settings.baseline_stop)
    up = quantities.subtract(waves, base)
    columns, _ = process(waves, settings)
    np.testing.assert_array_equal(found["rise_time_samples"], quantities.rise_time(up))
    threshold = 5 * columns["noise_adc"]
    np.testing.assert_array_equal(
        found["time_over_threshold_samples"], quantities.time_over_threshold(up, threshold)
    )
    trap = settings.trapezoid
    shaped = filters.trapezoid(
        filters.pole_zero(up, trap.decay_samples), trap.rise_samples, trap.flat_samples
    )
    at = columns["leading_edge_samples"] + trap.rise_samples + FLAT_TOP_SHARE * trap.flat_samples
    np.testing.assert_array_equal(
        found["trapezoid_amplitude_adc"], shaped[np.arange(len(up)), at.astype(int)]
    )
    fit = template.fit_template(up, learned.template, columns["constant_fraction_samples"])
    np.testing.assert_array_equal(found["template_amplitude_adc"], fit.amplitude)
    filtered = learned.optimal.apply(up)
    np.testing.assert_array_equal(found["optimal_filter_chi_square"], filtered.chi_square)


def test_noise_of_a_short_gate_stands_for_the_whole_waveform() -> None:
    random = np.random.default_rng(1)
    # Small pulses: of large ones the steps between shifts of whole samples would show.
    waves = pulses(800, 200, height=100, noise=0.0) + random.normal(0, 3, (800, 200))
    (learned,), found = measured(waves, PickoffSettings.model_validate({"optimal_filter": {}}))
    # |rfft|² of white noise of σ is σ² per sample, at every frequency.
    np.testing.assert_allclose(learned.optimal.power, 9 * 200, rtol=0.15)
    assert np.median(found["optimal_filter_chi_square"]) == pytest.approx(1.0, abs=0.1)


def test_a_bad_pulse_has_nothing_of_it() -> None:
    waves = two_channels()[:, 0]
    waves[7, 30] = np.nan
    waves[8] = 100.0
    _, found = measured(waves)
    for name in found:
        assert np.isnan(found[name][7]), name
    for name in ("trapezoid_amplitude_adc", "template_samples", "time_over_threshold_samples"):
        assert np.isnan(found[name][8]), name


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"template": {"before_samples": 90}}, "points of the template get no sample"),
        ({"trapezoid": {"flat_samples": 190}}, r"trapezoid\.rise_samples: does not fit"),
        ({"optimal_filter": {}, "baseline_stop": 5}, "too short for a noise spectrum"),
        ({"optimal_filter": {"most_shift_samples": 150}}, "most_shift"),
    ],
)
def test_lengths_that_do_not_fit_are_refused(settings: dict, message: str) -> None:
    waves = pulses(300, 200, height=800, start=60)
    with pytest.raises((ConfigError, DataError), match=message):
        measured(waves, PickoffSettings.model_validate(settings))


def test_a_step_has_no_decay() -> None:
    step = np.where(np.arange(200) > 80, 500.0, 0.0) + np.random.default_rng(0).normal(
        100, 1, (50, 200)
    )
    with pytest.raises(ConfigError, match="no exponential tail"):
        measured(step, PickoffSettings.model_validate({"trapezoid": {}}))
    decay = PickoffSettings.model_validate({"trapezoid": {"decay_samples": 1e9}})
    _, found = measured(step, decay)
    np.testing.assert_allclose(found["trapezoid_amplitude_adc"], 500, rtol=0.01)


def test_settings_say_only_what_was_asked_for() -> None:
    plain = PickoffSettings()
    assert set(plain.model_dump()) == set(PulseSettings.model_fields)
    (learned,), _ = measured(pulses(300, 200), PickoffSettings.model_validate({"template": {}}))
    told = learned.settings.model_dump()
    assert told["template"]["oversampling"] == 8
    assert "trapezoid" not in told
    with pytest.raises(ValueError, match="low must lie below high"):
        PickoffSettings.model_validate({"shape": {"low": 0.9, "high": 0.5}})

"""Waveforms of given photons: any order, any workers, and what the chain adds to them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from pulsefront.detector import Detector, load_detector
from pulsefront.errors import ConfigError, DataError
from pulsefront.simulate import simulate_waveforms

QUIET = {
    "crosstalk": 0.0,
    "afterpulse": 0.0,
    "dark_count_rate_hz": 0.0,
    "gain_spread": 0.0,
}


def quiet(**change: float) -> Detector:
    """Return a detector without noise of any kind; a cell for every photon."""
    detector = load_detector("lyso_pair_3x3x20")
    assert detector.digitizer is not None
    digitizer = detector.digitizer.model_copy(
        update={"noise_adc": 0.0, "baseline_wander_adc": 0.0, "adc_bits": 16, **change}
    )
    sensor = detector.photosensor.model_copy(update={**QUIET, "cells": 10**7})
    return detector.model_copy(update={"digitizer": digitizer, "photosensor": sensor})


def photons(events: int = 1500, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    event = np.repeat(np.arange(events), rng.integers(1, 40, events))
    return event, rng.exponential(40.0, len(event))


def test_photons_come_in_any_order_and_events_by_any_number() -> None:
    event, time_ns = photons(40)
    mixed = np.random.default_rng(2).permutation(len(event))
    detector = load_detector("lyso_pair_3x3x20")
    straight = simulate_waveforms(detector, event, time_ns, 3)
    sparse = simulate_waveforms(detector, 10**12 + 7 * event[mixed], time_ns[mixed], 3)
    np.testing.assert_array_equal(sparse["waveform_adc"], straight["waveform_adc"])
    np.testing.assert_array_equal(sparse["event_number"], 10**12 + 7 * straight["event_number"])
    np.testing.assert_array_equal(straight["photons"], np.bincount(event))


def test_the_result_does_not_depend_on_workers() -> None:
    """Over more events than a shard holds."""
    detector, given = load_detector("lyso_pair_3x3x20"), photons()
    many = simulate_waveforms(detector, *given, 5)
    with ThreadPoolExecutor(1) as one:
        alone = simulate_waveforms(detector, *given, 5, executor=one)
    assert len(alone) == 1500
    for name in alone.columns:
        np.testing.assert_array_equal(many[name], alone[name])


def test_each_photon_adds_its_pulse_at_its_time() -> None:
    """A photon that comes 5 samples later gives the same pulse 5 samples later."""
    detector = quiet(counts_per_photoelectron=100.0)
    assert detector.digitizer is not None
    interval = detector.digitizer.sample_interval_ns
    event = np.array([0, 1, 2, 2])
    time_ns = np.array([0.3, 0.3 + 5 * interval, 0.3, 0.3 + 5 * interval])
    table = simulate_waveforms(detector, event, time_ns, 1)
    pulse = table["waveform_adc"].astype(float) - detector.digitizer.baseline_adc
    before = detector.digitizer.pre_trigger_samples
    assert not pulse[0, :before].any()
    assert pulse[0].max() == pytest.approx(100.0, rel=0.1)
    np.testing.assert_allclose(pulse[1, 5:], pulse[0, :-5], atol=1)
    np.testing.assert_allclose(pulse[2], pulse[0] + pulse[1], atol=1.5)
    np.testing.assert_array_equal(table["avalanches"], [1, 1, 2])


def test_the_record_begins_where_it_is_told_to() -> None:
    detector = quiet(counts_per_photoelectron=100.0)
    late = simulate_waveforms(detector, np.zeros(1, int), np.array([20.2]), 1, start_ns=10.0)
    assert detector.digitizer is not None
    first = (late["waveform_adc"][0] > detector.digitizer.baseline_adc + 1).argmax()
    assert first == 11
    assert late.provenance["start_ns"] == 10.0


def test_a_clipped_waveform_is_saturated() -> None:
    detector = quiet(adc_bits=8, counts_per_photoelectron=20.0, baseline_adc=50.0)
    event = np.repeat([0, 1], [2, 60])
    table = simulate_waveforms(detector, event, np.zeros(62), 1)
    assert table.status.tolist() == [0, 2]
    assert table["waveform_adc"].max() == 255


def test_bad_photons_and_detectors_without_digitizer_are_refused() -> None:
    pair = load_detector("lyso_pair_3x3x20")
    with pytest.raises(ConfigError, match="no digitizer"):
        simulate_waveforms(load_detector("lyso_pixels_8x8"), np.zeros(1, int), np.zeros(1), 1)
    with pytest.raises(DataError, match="no photon"):
        simulate_waveforms(pair, np.zeros(0, int), np.zeros(0), 1)
    with pytest.raises(DataError, match="is no time"):
        simulate_waveforms(pair, np.zeros(2, int), np.array([1.0, np.nan]), 1)

"""Coincidences: known offsets come out, workers do not matter, times are exact."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from pulsefront.detector import Detector, load_detector
from pulsefront.errors import ConfigError
from pulsefront.events.container import EventTable
from pulsefront.simulate import (
    CoincidenceSettings,
    LightMapSettings,
    light_map_for,
    simulate_coincidences,
)
from pulsefront.simulate.coincidences.chain import MARGIN
from pulsefront.simulate.coincidences.threshold import threshold_charge

SETTINGS = CoincidenceSettings(
    offsets_mm=(-60.0, 0.0, 45.0),
    events_per_offset=400,
    light_map=LightMapSettings(pitch_mm=1.5, depth_pitch_mm=4.0, photons=1000, transit_times=True),
)


@pytest.fixture(scope="module")
def detector() -> Detector:
    return load_detector("lyso_pair_3x3x20")


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("maps")


@pytest.fixture(scope="module")
def table(detector: Detector, cache: Path) -> EventTable:
    return simulate_coincidences(detector, SETTINGS, 5, cache=cache)


def leading_edge(waveform: np.ndarray, threshold: float) -> np.ndarray:
    pulse = waveform - waveform[:, :16].mean(axis=1, keepdims=True)
    k = (pulse >= threshold).argmax(axis=1)
    row = np.arange(len(pulse))
    return k - 1 + (threshold - pulse[row, k - 1]) / (pulse[row, k] - pulse[row, k - 1])


def test_the_result_does_not_depend_on_workers(
    detector: Detector, cache: Path, table: EventTable
) -> None:
    with ThreadPoolExecutor(1) as one:
        alone = simulate_coincidences(detector, SETTINGS, 5, cache=cache, executor=one)
    for name in table.columns:
        np.testing.assert_array_equal(table[name], alone[name])


def test_the_source_offset_shifts_the_arrival_by_two_offsets_over_c(table: EventTable) -> None:
    assert table["known_difference_ns"][-1] == pytest.approx(2 * 45.0 / 299.792458)
    arrival = table["true_arrival_ns"]
    off = arrival[:, 0] - arrival[:, 1] - table["known_difference_ns"]
    # What remains is the depth of interaction (20 mm at the speed of light) and the source size.
    assert np.abs(off).max() < 0.15
    assert abs(off.mean()) < 4 * off.std() / np.sqrt(len(off)) + 0.001


def test_leading_edge_times_follow_the_offset_without_bias(table: EventTable) -> None:
    waves = table["waveform_adc"].astype(float)
    difference = leading_edge(waves[:, 0], 100.0) - leading_edge(waves[:, 1], 100.0)
    residual = difference - table["known_difference_ns"]
    low, high = np.percentile(residual, [15.87, 84.13])
    ctr_ps = 2.355 * (high - low) / 2 * 1000
    assert 200 < ctr_ps < 450
    for offset in range(3):
        part = residual[table["offset_index"] == offset]
        assert abs(np.median(part)) < 4 * 1.25 * part.std() / np.sqrt(len(part))


def test_the_phase_of_the_clock_is_free(table: EventTable) -> None:
    phase = table["true_arrival_ns"][:, 0] % 1.0
    counts = np.histogram(phase, bins=10, range=(0, 1))[0]
    expected = len(phase) / 10
    assert ((counts - expected) ** 2 / expected).sum() < 9 + 4 * np.sqrt(18)


def test_waveforms_have_a_baseline_a_pulse_and_room_above(table: EventTable) -> None:
    waves = table["waveform_adc"]
    assert waves.shape == (1200, 2, 144)
    assert waves.dtype == np.uint16
    before = waves[:, :, :16].astype(float)
    assert before.mean() == pytest.approx(200.0, abs=0.5)
    assert 2.0 < before.std() < 4.0
    assert (table.status == 0).mean() > 0.99
    assert 2000 < np.median(waves.max(axis=2)) < 3800
    assert (table["energy_deposited_kev"] > 300).all()


def test_a_source_outside_is_refused_before_work_starts(detector: Detector) -> None:
    settings = SETTINGS.model_copy(update={"offsets_mm": (0.0, 120.0)})
    with pytest.raises(ConfigError) as caught:
        simulate_coincidences(detector, settings, 1)
    assert (caught.value.field, caught.value.value) == ("offsets_mm", 120.0)


def test_detectors_of_a_pair_must_share_the_clock(detector: Detector) -> None:
    assert detector.digitizer is not None
    fast = detector.digitizer.model_copy(update={"sample_interval_ns": 0.5})
    other = detector.model_copy(update={"digitizer": fast})
    with pytest.raises(ConfigError, match="must be the same"):
        simulate_coincidences(detector, SETTINGS, 1, other=other)


def test_a_detector_without_digitizer_is_refused() -> None:
    with pytest.raises(ConfigError, match="no digitizer"):
        simulate_coincidences(load_detector("lyso_monolithic_50x50x16"), SETTINGS, 1)


def test_random_and_scattered_coincidences_come_in_their_shares(
    detector: Detector, cache: Path
) -> None:
    settings = SETTINGS.model_copy(
        update={"random_fraction": 0.3, "scatter_fraction": 0.2, "window_ns": 4.0}
    )
    table = simulate_coincidences(detector, settings, 6, cache=cache)
    kind = table["coincidence_kind"]
    shares = np.bincount(kind, minlength=3) / len(kind)
    assert np.abs(shares - [0.5, 0.2, 0.3]).max() < 4 * np.sqrt(0.25 / len(kind))
    arrival = table["true_arrival_ns"]
    off = arrival[:, 0] - arrival[:, 1] - table["known_difference_ns"]
    assert off[kind == 2].std() == pytest.approx(4.0 / np.sqrt(3), rel=0.1)
    assert off[kind == 0].std() < 0.1
    lowest = table["energy_deposited_kev"].min(axis=1)
    assert (lowest[kind == 1] < 510.9).mean() > 0.9


def test_a_random_window_beyond_the_record_is_refused(detector: Detector) -> None:
    settings = SETTINGS.model_copy(update={"random_fraction": 0.1, "window_ns": 50.0})
    with pytest.raises(ConfigError) as caught:
        simulate_coincidences(detector, settings, 1)
    assert caught.value.field == "window_ns"


@pytest.mark.parametrize("name", ["lyso_pair_3x3x20", "bgo_pair_3x3x15"])
def test_the_threshold_means_kev_where_cells_saturate(name: str, cache: Path) -> None:
    """Half of the deposits of the threshold's energy pass it."""
    pair = load_detector(name)
    mapped = light_map_for(pair, SETTINGS.light_map, cache=cache)
    assert pair.digitizer is not None
    stretch = (pair.digitizer.samples + MARGIN) * pair.digitizer.sample_interval_ns
    threshold = threshold_charge(pair, mapped, 511.0, stretch)
    low = SETTINGS.model_copy(update={"trigger_kev": 250.0, "events_per_offset": 150})
    table = simulate_coincidences(pair, low, 9, cache=cache)
    full = table["energy_deposited_kev"] > 510.9
    median = np.median(table["avalanches"][full])
    error = 1.25 * table["avalanches"][full].std() / np.sqrt(full.sum())
    # Depth and dark counts move the median by a percent or two.
    assert median == pytest.approx(threshold, rel=0.03, abs=4 * error)

"""Channels, full tracing, sources and backgrounds of coincidences."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError
from scipy import stats

from pulsefront.detector import Detector, load_detector
from pulsefront.errors import ConfigError
from pulsefront.events.container import EventTable
from pulsefront.simulate import CoincidenceSettings, LightMapSettings, simulate_coincidences

MAP = LightMapSettings(pitch_mm=1.5, depth_pitch_mm=4.0, photons=1000, transit_times=True)
BLOCK_MAP = LightMapSettings(pitch_mm=25.0, depth_pitch_mm=16.0, photons=1000, transit_times=True)
QUIET = {"noise_adc": 0.0, "baseline_wander_adc": 0.0}


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("maps")


def pair() -> Detector:
    return load_detector("lyso_pair_3x3x20")


def block(**change: float) -> Detector:
    """Return a monolithic block whose photosensors are digitized."""
    digitizer = pair().digitizer
    assert digitizer is not None
    # Fewer counts for each photoelectron, and 16 bits: nothing clips in the sums.
    wide = {"counts_per_photoelectron": 2.0, "adc_bits": 16, **change}
    detector = load_detector("lyso_monolithic_50x50x16")
    return detector.model_copy(update={"digitizer": digitizer.model_copy(update=wide)})


def run(detector: Detector, cache: Path, seed: int = 1, **change: object) -> EventTable:
    basic = {"offsets_mm": (0.0,), "events_per_offset": 60, "light_map": BLOCK_MAP}
    settings = CoincidenceSettings.model_validate({**basic, **change})
    return simulate_coincidences(detector, settings, seed, cache=cache)


def by_side(table: EventTable) -> np.ndarray:
    """Return (event, side, channel, sample) above the baseline."""
    waves = table["waveform_adc"].astype(float) - 200.0
    return waves.reshape(len(waves), 2, -1, waves.shape[-1])


def charges(table: EventTable) -> np.ndarray:
    return by_side(table).sum(axis=-1)


@pytest.mark.parametrize(
    ("readout", "channels"), [("pixels", 64), ("row_column", 16), ("charge_division", 4)]
)
def test_channels_add_up_to_the_sum(cache: Path, readout: str, channels: int) -> None:
    """Without noise the same seed gives the same avalanches, however they are read out."""
    detector = block(**QUIET)
    table = run(detector, cache, readout=readout)
    whole = run(detector, cache, readout="sum")
    assert table["waveform_adc"].shape == (60, 2 * channels, 144)
    assert whole["waveform_adc"].shape == (60, 2, 144)
    assert len(table.provenance["channels"]) == 2 * channels
    added = by_side(table).sum(axis=2)
    # Each code is rounded by up to half a count.
    assert np.abs(added - (whole["waveform_adc"] - 200.0)).max() <= 0.5 * (channels + 1)


def test_chosen_photosensors_are_those_of_all(cache: Path) -> None:
    detector = block(**QUIET)
    every = run(detector, cache, readout="pixels")
    some = run(detector, cache, readout=[27, 3])
    np.testing.assert_array_equal(by_side(some), by_side(every)[:, :, [27, 3]])
    names = [f"detector {side}, pixel {pixel}" for side in (0, 1) for pixel in (27, 3)]
    assert some.provenance["channels"] == names


def test_channels_know_where_the_light_was(cache: Path) -> None:
    """A beam from a narrow source far away hits the middle; rows and columns say so."""
    detector = block()
    far = {"distance_mm": 200.0, "source_fwhm_mm": 0.0}
    table = run(detector, cache, readout="row_column", events_per_offset=300, **far)
    charge = charges(table)
    axis = np.arange(8) - 3.5
    columns = (charge[..., :8] * axis).sum(-1) / charge[..., :8].sum(-1)
    rows = (charge[..., 8:] * axis).sum(-1) / charge[..., 8:].sum(-1)
    assert columns.std() > 0.3
    assert abs(np.corrcoef(columns.ravel(), rows.ravel())[0, 1]) < 0.2
    # Both halves of the charge see the same light.
    halves = charge[..., :8].sum(-1) / charge[..., 8:].sum(-1)
    assert halves.mean() == pytest.approx(1.0, abs=0.01)


def test_each_channel_has_noise_of_its_own(cache: Path) -> None:
    table = run(block(), cache, readout=[0, 63], events_per_offset=200)
    before = by_side(table)[:, 0, :, :16]
    residual = before - before.mean(axis=-1, keepdims=True)
    r = np.corrcoef(residual[:, 0].ravel(), residual[:, 1].ravel())[0, 1]
    assert abs(r) < 4 / np.sqrt(residual[:, 0].size)
    assert 1.5 < residual.std() < 3.0


def test_the_gains_of_photosensors_are_in_their_waveforms(cache: Path) -> None:
    detector = block(**QUIET)
    uneven = detector.photosensor.model_copy(update={"gain_mismatch": 0.2})
    even = detector.photosensor.model_copy(update={"gain_mismatch": 0.0})
    one, other = (
        run(detector.model_copy(update={"photosensor": sensor}), cache, readout="pixels")
        for sensor in (uneven, even)
    )
    gain = np.array(one.provenance["sensor_gain"])
    assert gain.shape == (2, 64)
    assert gain.std() > 0.1
    assert gain[0] != pytest.approx(gain[1])
    ratio = charges(one).mean(axis=0) / charges(other).mean(axis=0)
    # The events differ where the threshold on the charge decides differently.
    np.testing.assert_allclose(ratio / gain, 1.0, atol=0.12)


def leading_edge(waveform: np.ndarray, threshold: float) -> np.ndarray:
    k = (waveform >= threshold).argmax(axis=1)
    row = np.arange(len(waveform))
    return k - 1 + (threshold - waveform[row, k - 1]) / (waveform[row, k] - waveform[row, k - 1])


def test_full_tracing_gives_the_charges_and_times_of_the_light_map(cache: Path) -> None:
    fine = LightMapSettings(
        pitch_mm=0.75, depth_pitch_mm=1.25, fine_depth_mm=2.5, photons=10_000, transit_times=True
    )
    basic = {"light_map": fine}
    drawn = run(pair(), cache, seed=2, events_per_offset=600, **basic)
    traced = run(pair(), cache, seed=3, full_tracing=True, events_per_offset=60, **basic)
    assert traced.provenance["settings"]["full_tracing"]
    values = []
    for table in (drawn, traced):
        peak = (table["energy_deposited_kev"] > 510).all(axis=1)
        waves = table["waveform_adc"].astype(float)[peak] - 200.0
        times = leading_edge(waves[:, 0], 100.0)
        truth = table["true_arrival_ns"][peak]
        other = leading_edge(waves[:, 1], 100.0)
        values.append((charges(table)[peak].ravel(), times - truth[:, 0], times - other))
    for one, other in zip(*values, strict=True):
        assert stats.ks_2samp(one, other).pvalue > 0.001
        error = np.hypot(one.std() / np.sqrt(len(one)), other.std() / np.sqrt(len(other)))
        assert abs(one.mean() - other.mean()) < 4 * error


def test_full_tracing_needs_no_light_map(tmp_path: Path) -> None:
    run(pair(), tmp_path, full_tracing=True, events_per_offset=3)
    assert not any(tmp_path.iterdir())


def test_the_third_gamma_ray_of_sodium_22_piles_up_now_and_then(cache: Path) -> None:
    near = {"distance_mm": 12.0, "source_fwhm_mm": 0.0, "events_per_offset": 2500}
    near["light_map"] = MAP
    sodium, fluorine = (run(pair(), cache, source=name, **near) for name in ("na22", "f18"))
    assert fluorine["energy_deposited_kev"].max() <= 511.01
    above = (sodium["energy_deposited_kev"] > 511.1).any(axis=1).mean()
    assert 0.001 < above < 0.2
    assert sodium["energy_deposited_kev"].max() < 511 + 1275


def test_decays_of_the_crystal_come_at_any_time_and_with_their_own_energies(cache: Path) -> None:
    settings = {"background_fraction": 0.4, "trigger_kev": 250.0, "light_map": MAP}
    table = run(pair(), cache, events_per_offset=800, window_ns=6.0, **settings)
    kind = table["coincidence_kind"]
    share = (kind == 3).mean()
    assert abs(share - 0.4) < 4 * np.sqrt(0.24 / 800)
    off = table["true_arrival_ns"][:, 0] - table["true_arrival_ns"][:, 1]
    assert off[kind == 3].std() == pytest.approx(6.0 / np.sqrt(3), rel=0.15)
    assert abs(off[kind == 3].mean()) < 4 * 3.5 / np.sqrt((kind == 3).sum())
    highest = table["energy_deposited_kev"].max(axis=1)
    assert (highest[kind == 3] > 512).mean() > 0.1
    assert (highest[kind == 0] <= 511.01).all()


def test_a_crystal_without_activity_has_no_decays_of_its_own(cache: Path) -> None:
    with pytest.raises(ConfigError, match="no activity"):
        run(load_detector("bgo_pair_3x3x15"), cache, background_fraction=0.1)


def test_photosensors_that_are_not_there_are_refused(cache: Path) -> None:
    with pytest.raises(ConfigError, match="photosensors 0 to 63") as caught:
        run(block(), cache, readout=[3, 64])
    assert (caught.value.field, caught.value.value) == ("readout", 64)


def test_pairs_must_have_the_same_channels(cache: Path) -> None:
    settings = CoincidenceSettings(readout="pixels", light_map=BLOCK_MAP)
    with pytest.raises(ConfigError, match="the same channels"):
        simulate_coincidences(block(), settings, 1, other=pair(), cache=cache)


def test_an_unknown_readout_is_refused() -> None:
    with pytest.raises(ValidationError):
        CoincidenceSettings.model_validate({"readout": "everything"})

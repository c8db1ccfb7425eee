"""The light map: symmetry, interpolation, files, and what it was made for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pulsefront.detector import load_detector
from pulsefront.errors import DataError
from pulsefront.simulate import LightMap, LightMapSettings, trace_light_map
from pulsefront.simulate.light.map import optical_hash
from pulsefront.simulate.light.optics import optical_world, trace_photons
from pulsefront.simulate.run.random import new_state

SETTINGS = LightMapSettings(
    pitch_mm=5.0, depth_pitch_mm=4.0, photons=2000, transit_times=True, seed=3
)


@pytest.fixture(scope="module")
def block_map() -> LightMap:
    return trace_light_map(load_detector("lyso_monolithic_50x50x16"), SETTINGS)


@pytest.fixture(scope="module")
def map_with_direct_light() -> LightMap:
    settings = LightMapSettings(pitch_mm=2.5, depth_pitch_mm=2.0, photons=20_000)
    return trace_light_map(load_detector("lyso_monolithic_50x50x16"), settings)


def test_off_the_grid_the_map_is_the_full_tracing(map_with_direct_light: LightMap) -> None:
    """At 20 random positions and 10⁵ photons: chi-square per sensor near that of statistics."""
    world = optical_world(load_detector("lyso_monolithic_50x50x16"))
    rng = np.random.default_rng(4)
    positions = rng.uniform((-24.5, -24.5, 0.2), (24.5, 24.5, 15.8), (20, 3))
    mapped = map_with_direct_light.probabilities(positions) * 100_000
    reduced = []
    for number, position in enumerate(positions):
        state = new_state(np.random.SeedSequence(number))
        sensor, _ = trace_photons(world, np.tile(position, (100_000, 1)), state)
        counts = np.bincount(sensor[sensor >= 0], minlength=64)
        # The traced grid has an error of its own: at most that of its photons at one position.
        variance = mapped[number] * (1 + 100_000 / map_with_direct_light.photons)
        reduced.append(((counts - mapped[number]) ** 2 / variance).mean())
    assert np.mean(reduced) < 1.0
    assert max(reduced) < 1.6


def test_mirrored_positions_see_mirrored_sensors(block_map: LightMap) -> None:
    plane = block_map.probabilities(np.array([[7.0, -11.0, 9.0]])).reshape(8, 8)
    for at, image in (
        ((-7.0, -11.0, 9.0), plane[:, ::-1]),
        ((7.0, 11.0, 9.0), plane[::-1]),
        ((-11.0, 7.0, 9.0), plane.T),
    ):
        seen = block_map.probabilities(np.array([at])).reshape(8, 8)
        np.testing.assert_allclose(seen, image, rtol=1e-5)


def test_between_grid_positions_probabilities_are_linear(block_map: LightMap) -> None:
    x, y, z = block_map.x_mm[2:4], block_map.y_mm[5:7], block_map.z_mm[1:3]
    corners = block_map.probability[2:4, 5:7, 1:3].mean(axis=(0, 1, 2))
    middle = np.array([[x.mean(), y.mean(), z.mean()]])
    np.testing.assert_allclose(block_map.probabilities(middle)[0], corners, rtol=1e-5)


def test_outside_the_grid_the_nearest_position_counts(block_map: LightMap) -> None:
    np.testing.assert_array_equal(
        block_map.probabilities(np.array([[99.0, 0.0, -3.0]])),
        block_map.probabilities(np.array([[25.0, 0.0, 0.0]])),
    )


def test_at_a_grid_position_the_map_is_the_full_tracing_within_its_error(
    block_map: LightMap,
) -> None:
    detector = load_detector("lyso_monolithic_50x50x16")
    at = np.array([block_map.x_mm[4], block_map.y_mm[3], block_map.z_mm[2]])
    count = 100_000
    sensor, transit = trace_photons(
        optical_world(detector), np.tile(at, (count, 1)), new_state(np.random.SeedSequence(1))
    )
    traced = np.bincount(sensor[sensor >= 0], minlength=64) / count
    mapped = block_map.probabilities(at[None])[0]
    error = np.sqrt(traced * (1 - traced) * (1 / count + 1 / SETTINGS.photons))
    # Directions are stratified, so the scatter is at most binomial.
    assert ((traced - mapped) ** 2 / error**2).sum() < 64 + 4 * np.sqrt(128)
    bright = int(traced.argmax())
    quantiles = block_map.transit_ns[4, 3, 2, bright]
    median = quantiles[round(256 * (1 - np.sqrt(0.5)))]
    assert median == pytest.approx(np.median(transit[sensor == bright]), rel=0.1)


def test_a_saved_map_comes_back_as_it_was(block_map: LightMap, tmp_path: Path) -> None:
    block_map.save(tmp_path / "map.h5")
    again = LightMap.load(tmp_path / "map.h5", detector=load_detector("lyso_monolithic_50x50x16"))
    np.testing.assert_array_equal(again.probability, block_map.probability)
    np.testing.assert_array_equal(again.transit_ns, block_map.transit_ns)
    assert again.photons == SETTINGS.photons


def test_a_map_of_another_detector_is_refused(block_map: LightMap, tmp_path: Path) -> None:
    block_map.save(tmp_path / "map.h5")
    with pytest.raises(DataError, match="another detector"):
        LightMap.load(tmp_path / "map.h5", detector=load_detector("lyso_pair_3x3x20"))


def test_a_file_that_is_no_map_is_refused(tmp_path: Path) -> None:
    (tmp_path / "not.h5").write_text("no")
    with pytest.raises(DataError, match="cannot be read as a light map"):
        LightMap.load(tmp_path / "not.h5")


def test_the_map_depends_on_optics_and_not_on_electronics() -> None:
    detector = load_detector("lyso_monolithic_50x50x16")
    assert detector.charge is not None
    louder = detector.charge.model_copy(update={"noise_adc": 9.0})
    assert optical_hash(detector.model_copy(update={"charge": louder})) == optical_hash(detector)
    crystal = detector.crystal.model_copy(update={"size_mm": (50.0, 50.0, 15.0)})
    assert optical_hash(detector.model_copy(update={"crystal": crystal})) != optical_hash(detector)

"""The light map against full tracing, at random positions off its grid: counts and times.

The level is 1 % for each detector and quantity as a whole: of 20 positions, the smallest p-value
must be above 1 % / 20 (Bonferroni).
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from pulsefront.detector import Detector, load_detector
from pulsefront.files import sim_data_directory
from pulsefront.simulate import CoincidenceSettings, trace_light_map
from pulsefront.simulate.light.optics import optical_world, trace_photons
from pulsefront.simulate.run.random import new_state
from pulsefront.simulate.scan.settings import default_scan

pytestmark = pytest.mark.peer

POSITIONS = 20
PHOTONS = 100_000
LEVEL = 0.01 / POSITIONS
SHIPPED = sorted(path.stem for path in Path(sim_data_directory() / "detectors").glob("*.toml"))


def positions(detector: Detector) -> np.ndarray:
    """Return random positions in the crystal, none of them in a gap between elements."""
    rng = np.random.default_rng(4)
    crystal = detector.crystal
    size = np.array(crystal.size_mm)
    found: list[np.ndarray] = []
    while len(found) < POSITIONS:
        points = rng.uniform(size * (-0.5, -0.5, 0.0), size * (0.5, 0.5, 1.0))
        apart = np.abs(points[:2] - crystal.element_centres_mm)
        if (apart < np.array(crystal.element_size_mm[:2]) / 2).all(axis=1).any():
            found.append(points)
    return np.array(found)


def traced(detector: Detector, position: np.ndarray, number: int) -> tuple[np.ndarray, np.ndarray]:
    state = new_state(np.random.SeedSequence(number))
    sensor, transit = trace_photons(optical_world(detector), np.tile(position, (PHOTONS, 1)), state)
    return sensor[sensor >= 0], transit[sensor >= 0]


@pytest.mark.parametrize("name", SHIPPED)
def test_counts_of_the_map_are_those_of_full_tracing(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    detector = load_detector(name)
    settings = default_scan(detector).light_map
    if detector.sensors.count == 1:
        # Light is trapped between the polished sides of narrow crystals, which takes time.
        settings = settings.model_copy(update={"photons": 15_000})
    light_map = trace_light_map(detector, settings)
    at = positions(detector)
    expected = light_map.probabilities(at).astype(float) * PHOTONS
    map_error = light_map.standard_errors(at) * PHOTONS
    p_values, reduced = [], []
    for number, position in enumerate(at):
        sensor, _ = traced(detector, position, number)
        counts = np.bincount(sensor, minlength=detector.sensors.count)
        mean = expected[number]
        seen = mean > 10
        variance = mean * (1 - mean / PHOTONS) + map_error[number] ** 2
        chi2 = ((counts - mean)[seen] ** 2 / variance[seen]).sum()
        p_values.append(stats.chi2.sf(chi2, seen.sum()))
        reduced.append(chi2 / seen.sum())
    with capsys.disabled():
        sys.stdout.write(
            f"\n{name}: chi2/ndf of counts {np.mean(reduced):.2f} on average, "
            f"{max(reduced):.2f} at worst; smallest p {min(p_values):.3g}\n"
        )
    assert min(p_values) > LEVEL


@pytest.mark.parametrize("name", ["lyso_pair_3x3x20", "bgo_pair_3x3x15"])
def test_times_of_the_map_are_those_of_full_tracing(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    detector = load_detector(name)
    finer = {"photons": 20_000, "depth_pitch_mm": 0.6}
    settings = CoincidenceSettings().light_map.model_copy(update=finer)
    light_map = trace_light_map(detector, settings)
    p_values, distances = [], []
    for number, position in enumerate(positions(detector)):
        _, transit = traced(detector, position, number)
        state = new_state(np.random.SeedSequence(100 + number))
        sensor, drawn = light_map.draw_photons(np.tile(position, (PHOTONS, 1)), state)
        distance = stats.ks_2samp(transit, drawn[sensor >= 0], method="asymp").statistic
        # The map stands for a sample too, of the photons traced from the grid around the position.
        p, error = len(transit) / PHOTONS, float(light_map.standard_errors(position)[0, 0])
        of_map = error**2 / (p * p * (1 - p))
        effective = 1 / (1 / len(transit) + 1 / (sensor >= 0).sum() + of_map)
        p_values.append(stats.kstwobign.sf(distance * np.sqrt(effective)))
        distances.append(distance)
    with capsys.disabled():
        sys.stdout.write(
            f"\n{name}: Kolmogorov-Smirnov distance of transit times {np.mean(distances):.4f} on "
            f"average, {max(distances):.4f} at worst; smallest p {min(p_values):.3g}\n"
        )
    assert min(p_values) > LEVEL

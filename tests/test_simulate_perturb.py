"""Named mismatches change what they say, and the light follows."""

from __future__ import annotations

import numpy as np
import pytest

from pulsefront.detector import detector_hash, load_detector
from pulsefront.simulate import LightMapSettings, ScanSettings, simulate_scan
from pulsefront.simulate.light_map import optical_hash, trace_light_map
from pulsefront.simulate.perturb import NAMED, Perturbation, perturbed

MAP = LightMapSettings(pitch_mm=25.0, depth_pitch_mm=16.0, photons=4000)
SCAN = ScanSettings(half_extent_mm=0.0, events_even_even=2000, light_map=MAP)


@pytest.fixture(scope="module")
def nominal_sum() -> float:
    return mean_sum(Perturbation())


def mean_sum(change: Perturbation) -> float:
    detector = perturbed(load_detector("lyso_monolithic_50x50x16"), change)
    quiet = detector.photosensor.model_copy(update={"gain_mismatch": 0.0})
    table = simulate_scan(detector.model_copy(update={"photosensor": quiet}), SCAN, 1)
    return float(np.median(table["charge_adc"].sum(axis=1)))


def test_no_change_changes_nothing() -> None:
    detector = load_detector("lyso_monolithic_50x50x16")
    same = perturbed(detector, Perturbation())
    assert detector_hash(same) == detector_hash(detector)


@pytest.mark.parametrize("name", sorted(NAMED))
def test_every_named_mismatch_makes_another_detector(name: str) -> None:
    detector = load_detector("lyso_monolithic_50x50x16")
    other = perturbed(detector, NAMED[name])
    assert detector_hash(other) != detector_hash(detector)
    optical = name in {"surface_finish", "misalignment"}
    assert (optical_hash(other) != optical_hash(detector)) == optical


@pytest.mark.parametrize(
    ("change", "factor"),
    [
        (Perturbation(pde_scale=0.9), 0.9),
        (Perturbation(coupling_loss=0.2), 0.8),
        # 3 % less light, 18 % less overvoltage on gain and efficiency, less crosstalk; the dark
        # counts, 1.1 % of the charge of 2,900 photons, double.
        (Perturbation(temperature_shift_k=10.0), 0.82 * 0.985 * (0.989 * 0.97 * 0.82 + 0.022)),
    ],
)
def test_the_charge_follows_in_proportion(
    nominal_sum: float, change: Perturbation, factor: float
) -> None:
    assert mean_sum(change) / nominal_sum == pytest.approx(factor, rel=0.02)


def test_misaligned_sensors_see_the_light_from_their_own_place() -> None:
    detector = load_detector("lyso_monolithic_50x50x16")
    shifted = perturbed(detector, Perturbation(misalignment_mm=(6.25, 0.0)))
    settings = LightMapSettings(pitch_mm=12.5, depth_pitch_mm=16.0, photons=10_000)
    plane = trace_light_map(shifted, settings).probabilities(np.array([[0.0, 0.0, 15.0]]))
    centred = trace_light_map(detector, settings).probabilities(np.array([[0.0, 0.0, 15.0]]))
    # Shifted by one pitch, each of the bright sensors sees what its neighbour in +x saw.
    seen, before = plane.reshape(8, 8)[3:5, 2:4], centred.reshape(8, 8)[3:5, 3:5]
    assert seen.min() > 5 * np.median(plane)
    np.testing.assert_allclose(seen, before, rtol=0.15)

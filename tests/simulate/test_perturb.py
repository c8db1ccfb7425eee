"""Named mismatches change what they say, and the light follows."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from pulsefront.detector import detector_hash, load_detector
from pulsefront.simulate import (
    CoincidenceSettings,
    LightMapSettings,
    ScanSettings,
    simulate_coincidences,
    simulate_scan,
)
from pulsefront.simulate.choose import choose_plan
from pulsefront.simulate.light.map import optical_hash, trace_light_map
from pulsefront.simulate.perturb import NAMED, Perturbation, perturbed

BLOCK = "lyso_monolithic_50x50x16"
MAP = LightMapSettings(pitch_mm=25.0, depth_pitch_mm=16.0, photons=4000)
SCAN = ScanSettings(half_extent_mm=0.0, events_even_even=2000, light_map=MAP)

Asked = Callable[..., NDArray[np.uint16]]


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
        # A tenth less on gain and efficiency; crosstalk of 8.7 % and afterpulses a tenth fewer.
        (Perturbation(overvoltage_shift_v=-0.3), 0.9 * 0.9 * 0.99),
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


@pytest.fixture(scope="module")
def asked_for(tmp_path_factory: pytest.TempPathFactory) -> Asked:
    """Return what ``pulsefront simulate`` makes of a detector and mismatches, once for each."""
    folder = tmp_path_factory.mktemp("asked")
    grid = "[light_map]\npitch_mm = 50.0\ndepth_pitch_mm = 20.0\nphotons = 400\n"
    places = {"lyso_pair_3x3x20": "offsets_mm = [0.0]", BLOCK: "half_extent_mm = 0.0"}

    @cache
    def recorded(detector: str, *names: str) -> NDArray[np.uint16]:
        settings = folder / f"{detector}.toml"
        settings.write_text(f"{places[detector]}\ntrigger_kev = 250.0\n{grid}")
        plan = choose_plan(
            detector, what="auto", settings=settings, perturbations=list(names), events=12,
            full_tracing=False, seed=1, cache=folder,
        )  # fmt: skip
        table = plan.run()
        return table["waveform_adc" if "waveform_adc" in table.columns else "charge_adc"]

    return recorded


@pytest.mark.parametrize("name", sorted(NAMED))
@pytest.mark.parametrize("detector", [BLOCK, "lyso_pair_3x3x20"])
def test_every_named_mismatch_can_be_asked_for_and_changes_the_events(
    detector: str, name: str, asked_for: Asked
) -> None:
    assert (asked_for(detector) != asked_for(detector, name)).any()


def test_the_noise_of_a_waveform_is_scaled(tmp_path: Path) -> None:
    detector = load_detector("lyso_pair_3x3x20")
    other = perturbed(detector, NAMED["noise"])
    coarse = LightMapSettings(pitch_mm=3.0, depth_pitch_mm=10.0, photons=400, transit_times=True)
    settings = CoincidenceSettings(offsets_mm=(0.0,), events_per_offset=200, light_map=coarse)
    widths = []
    for one in (detector, other):
        table = simulate_coincidences(one, settings, 1, cache=tmp_path)
        before = table["waveform_adc"][:, :, :12].astype(float)
        # A dark count or two would widen the mean: the median of the events does not see them.
        widths.append(np.median(before.std(axis=2)))
    assert widths[1] / widths[0] == pytest.approx(2.0, rel=0.1)

"""Sensitivities go the way that physics knows."""

from __future__ import annotations

from pathlib import Path

import pytest

from pulsefront.detector import Detector, load_detector
from pulsefront.errors import ConfigError
from pulsefront.simulate.trust.changes import varied_of, with_changes
from pulsefront.simulate.trust.pages import sensitivity_page
from pulsefront.simulate.trust.sensitivity import Sensitivity, find_sensitivity, usual_ranges


@pytest.fixture(scope="module")
def small() -> Detector:
    """Return the shortest published crystal, whose light maps are traced in no time."""
    changes = {"crystal.size_mm": [2.0, 2.0, 3.0], "crystal.sigma_alpha_deg": 4.0}
    return with_changes(load_detector("yeom2013_lyso_3x3x20"), changes)


def relative(found: Sensitivity, quantity: str) -> dict[str, float]:
    return {f"{row.key} {row.value}": row.relative[quantity].value for row in found.rows}


def test_light_and_energy_resolution(small: Detector, tmp_path: Path) -> None:
    varied = [
        varied_of("photosensor.pde=x0.5,x1.2"),
        varied_of("material.intrinsic_resolution_fwhm=x0.2,x3"),
        varied_of("crystal.reflectivity=0.5"),
    ]
    found = find_sensitivity(
        small,
        varied,
        quantities=["light_per_mev", "energy_resolution_percent"],
        events=2000,
        cache=tmp_path,
    )
    light, energy = relative(found, "light_per_mev"), relative(found, "energy_resolution_percent")
    assert light["photosensor.pde x0.5"] == pytest.approx(0.55, abs=0.1)
    assert light["photosensor.pde x1.2"] == pytest.approx(1.15, abs=0.07)
    assert light["crystal.reflectivity 0.5"] < 0.95
    assert light["material.intrinsic_resolution_fwhm x3"] == pytest.approx(1.0, abs=0.02)
    narrow, wide = (energy[f"material.intrinsic_resolution_fwhm x{k}"] for k in ("0.2", "3"))
    assert narrow < 0.9
    assert wide > 1.5
    assert energy["photosensor.pde x0.5"] > 1.03
    page = sensitivity_page(found, 2000, 1)
    assert "photosensor.pde" in page
    assert "<svg" in page
    written = found.as_dict()
    assert len(written["rows"]) == 5
    assert written["rows"][0]["relative"]["light_per_mev_low"] < light["photosensor.pde x0.5"]


def test_timing(small: Detector, tmp_path: Path) -> None:
    varied = [
        varied_of("photosensor.sptr_sigma_ps=x0.2,x3"),
        varied_of("photosensor.pde=x0.5"),
        varied_of("digitizer.noise_adc=x30"),
    ]
    found = find_sensitivity(small, varied, quantities=["ctr_ps"], events=900, cache=tmp_path)
    ctr = relative(found, "ctr_ps")
    assert ctr["photosensor.sptr_sigma_ps x0.2"] < 0.95
    assert ctr["photosensor.sptr_sigma_ps x3"] > 1.15
    assert ctr["photosensor.pde x0.5"] > 1.1
    assert ctr["digitizer.noise_adc x30"] > 1.1
    for row in found.rows:
        assert row.relative["ctr_ps"].low < row.relative["ctr_ps"].value
        assert list(row.figures) == ["ctr_ps"]


def test_usual_ranges_have_sources_and_leave_out_what_a_detector_lacks() -> None:
    ranges = usual_ranges()
    assert all(one.source for one in ranges)
    assert {one.key for one in ranges} >= {
        "crystal.sigma_alpha_deg",
        "crystal.reflectivity",
        "layers.0.refractive_index",
        "material.absorption_length_mm",
        "photosensor.pde",
        "material.light_yield_per_mev",
        "material.intrinsic_resolution_fwhm",
        "photosensor.sptr_sigma_ps",
        "digitizer.bandwidth_mhz",
        "digitizer.noise_adc",
        "material.rise_ns",
        "material.decay_ns",
    }


def test_what_cannot_be_told_is_named(small: Detector) -> None:
    with pytest.raises(ConfigError, match="there are: light_per_mev"):
        find_sensitivity(small, [], quantities=["light"])
    tube = load_detector("szczesniak2010_lso_5x5x5")
    with pytest.raises(ConfigError, match="reads nothing of what is asked"):
        find_sensitivity(tube, [], quantities=["ctr_ps"])
    with pytest.raises(ConfigError, match="did you mean"):
        find_sensitivity(tube, [varied_of("crystal.reflectvity=0.9")])

"""Sources, readouts and full tracing of a scan."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from pulsefront.detector import Detector, load_detector
from pulsefront.errors import ConfigError
from pulsefront.events.container import EventTable
from pulsefront.simulate import LightMap, LightMapSettings, ScanSettings, light_map_for
from pulsefront.simulate.scan.measurement import simulate_scan

MAP = LightMapSettings(pitch_mm=12.0, depth_pitch_mm=8.0, photons=2000)
BASE = {"light_map": MAP, "half_extent_mm": 0.0, "events_even_even": 3000}


def run(detector: Detector, mapped: LightMap | None, **change: object) -> EventTable:
    scan = ScanSettings.model_validate({**BASE, **change})
    return simulate_scan(detector, scan, 1, light_map=mapped)


def test_a_fan_covers_y_and_stays_in_x(detector: Detector, light_map: LightMap) -> None:
    table = run(detector, light_map, geometry="fan", half_extent_mm=4.0, events_even_even=600)
    once = table["compton_scatters"] == 0
    at = table["first_interaction_mm"][once]
    assert (at[:, 0] - table["stage_position_mm"][once, 0]).std() < 0.3
    assert at[:, 1].min() < -23
    assert at[:, 1].max() > 23
    assert set(table["grid_index"][:, 1]) == {0}


def test_side_irradiation_sets_the_depth(detector: Detector, light_map: LightMap) -> None:
    table = run(detector, light_map, geometry="side", half_extent_mm=6.0, pitch_mm=3.0)
    once = table["compton_scatters"] == 0
    depth = table["depth_mm"][once] - 8.0 - table["stage_position_mm"][once, 1]
    assert abs(depth.mean()) < 0.02
    assert depth.std() < 0.3


def test_a_flood_is_uniform(detector: Detector, light_map: LightMap) -> None:
    table = run(detector, light_map, geometry="flood")
    x = table["first_interaction_mm"][:, 0]
    assert x.std() == pytest.approx(50 / np.sqrt(12), rel=0.05)


def test_the_lines_of_sodium_22_come_in_their_intensities(
    detector: Detector, light_map: LightMap
) -> None:
    table = run(detector, light_map, source="na22", trigger_kev=100.0)
    deposited = table["energy_deposited_kev"]
    assert (deposited > 1270).any()
    assert (
        np.isclose(deposited, 511, atol=0.1).sum()
        > 4 * np.isclose(deposited, 1274.5, atol=0.1).sum()
    )
    assert deposited.max() < 1275


def test_the_crystals_own_background_is_everywhere_and_below_1192_kev(
    detector: Detector, light_map: LightMap
) -> None:
    table = run(detector, light_map, geometry="internal", trigger_kev=100.0)
    deposited = table["energy_deposited_kev"]
    assert 590 < deposited.max() < 1192
    # A beta alone cannot pass 593 keV: most decays leave gamma rays in the crystal too.
    assert 0.3 < (deposited > 593).mean() < 0.9
    assert table["first_interaction_mm"][:, 2].mean() == pytest.approx(8.0, abs=0.4)


def test_a_crystal_without_activity_has_no_background(light_map: LightMap) -> None:
    with pytest.raises(ConfigError, match="no activity"):
        run(load_detector("nai_camera_pmt"), None, geometry="internal")


def test_full_tracing_gives_the_charges_of_the_light_map(
    detector: Detector, tmp_path: Path
) -> None:
    fine = LightMapSettings(pitch_mm=3.0, depth_pitch_mm=2.0, photons=4000)
    shared = {"light_map": fine, "events_even_even": 1500, "beam_fwhm_mm": 8.0}
    drawn = run(detector, light_map_for(detector, fine), **shared)
    traced = run(detector, None, full_tracing=True, **shared)
    one, other = drawn["charge_adc"], traced["charge_adc"]
    np.testing.assert_allclose(one.sum(axis=1).mean(), other.sum(axis=1).mean(), rtol=0.01)
    np.testing.assert_allclose(one.mean(axis=0), other.mean(axis=0), rtol=0.08)


@pytest.mark.parametrize(("mode", "channels"), [("row_column", 16), ("charge_division", 4)])
def test_multiplexed_readouts_share_out_the_whole_charge(
    detector: Detector, light_map: LightMap, mode: str, channels: int
) -> None:
    assert detector.charge is not None
    wide = {"multiplexing": mode, "adc_bits": 16, "noise_adc": 0.0}
    charge = detector.charge.model_copy(update=wide)
    table = run(detector.model_copy(update={"charge": charge}), light_map)
    plain = detector.charge.model_copy(update={"adc_bits": 16, "noise_adc": 0.0})
    pixels = run(detector.model_copy(update={"charge": plain}), light_map)
    assert table["charge_adc"].shape == (3000, channels)
    total, expected = (t["charge_adc"].sum(axis=1).mean() for t in (table, pixels))
    assert total == pytest.approx(expected, rel=0.005)


def test_scatter_between_pixels_is_flagged_and_deposits_are_kept() -> None:
    pixels = load_detector("lyso_pixels_8x8")
    coarse = LightMapSettings(pitch_mm=4.0, depth_pitch_mm=20.0, photons=200)
    table = run(
        pixels, None, geometry="flood", light_map=coarse, keep_deposits=4, trigger_kev=150.0
    )
    several = table["elements_hit"] > 1
    assert 0.1 < several.mean() < 0.6
    assert ((table["element"] >= 0) & (table["element"] < 64)).all()
    kept, total = table["deposit_kev"].sum(axis=1), table["energy_deposited_kev"]
    few = table["deposits"] <= 4
    np.testing.assert_allclose(kept[few], total[few], rtol=1e-5)
    np.testing.assert_array_equal(table["deposit_mm"][:, 0], table["first_interaction_mm"])


def test_an_unknown_geometry_is_refused() -> None:
    with pytest.raises(ValidationError):
        ScanSettings.model_validate({"geometry": "spiral"})

"""Scans: the same for any number of workers, and physics in the charges."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest

from pulsefront.detector import Detector, load_detector
from pulsefront.errors import ConfigError
from pulsefront.events.container import EventTable
from pulsefront.simulate import (
    LightMap,
    LightMapSettings,
    ScanSettings,
    scan_plan,
    scan_positions,
    simulate_scan,
    trace_light_map,
)

MAP = LightMapSettings(pitch_mm=4.0, depth_pitch_mm=4.0, photons=4000)
SCAN = ScanSettings(
    pitch_mm=2.0, half_extent_mm=20.0, events_even_even=40, events_odd_odd=20, light_map=MAP
)


@pytest.fixture(scope="module")
def table(detector: Detector, light_map: LightMap) -> EventTable:
    return simulate_scan(detector, SCAN, 7, light_map=light_map)


def test_sub_lattices_have_their_own_numbers_of_events() -> None:
    index, position, events = scan_positions(
        ScanSettings(
            pitch_mm=1.0,
            half_extent_mm=2.0,
            events_even_even=5,
            events_odd_odd=3,
            events_mixed=0,
        )
    )
    assert len(index) == 9 + 4
    odd = index % 2
    assert (odd[:, 0] == odd[:, 1]).all()
    np.testing.assert_array_equal(events, np.where(odd[:, 0] == 0, 5, 3))
    np.testing.assert_allclose(position, index - 2.0)


def test_the_result_does_not_depend_on_workers(
    detector: Detector, light_map: LightMap, table: EventTable
) -> None:
    with ThreadPoolExecutor(1) as one:
        alone = simulate_scan(detector, SCAN, 7, light_map=light_map, executor=one)
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as two:
        apart = simulate_scan(detector, SCAN, 7, light_map=light_map, executor=two)
    for name in table.columns:
        np.testing.assert_array_equal(table[name], alone[name])
        np.testing.assert_array_equal(table[name], apart[name])


def test_another_seed_gives_other_events(
    detector: Detector, light_map: LightMap, table: EventTable
) -> None:
    other = simulate_scan(detector, SCAN, 8, light_map=light_map)
    assert (other["charge_adc"] != table["charge_adc"]).mean() > 0.9


def test_the_beam_is_where_the_stage_says(table: EventTable) -> None:
    once = table["compton_scatters"] == 0
    off = (table["first_interaction_mm"][:, :2] - table["stage_position_mm"])[once]
    # Beam of 0.5 mm FWHM and a stage error of 0.02 mm.
    assert off.std(axis=0) == pytest.approx([0.2133, 0.2133], rel=0.03)
    assert np.abs(off.mean(axis=0)).max() < 0.02
    np.testing.assert_array_equal(table["depth_mm"], table["first_interaction_mm"][:, 2])
    assert ((table["depth_mm"] > 0) & (table["depth_mm"] < 16)).all()


def test_charges_follow_the_position_and_the_depth(table: EventTable) -> None:
    charge = table["charge_adc"].astype(float)
    pitch = (np.arange(8) - 3.5) * 6.25
    plane = charge.reshape(-1, 8, 8)
    total = charge.sum(axis=1)
    for axis, projection in enumerate((plane.sum(axis=1), plane.sum(axis=2))):
        centroid = (projection * pitch).sum(axis=1) / total
        r = np.corrcoef(centroid, table["light_centroid_mm"][:, axis])[0, 1]
        assert r > 0.97
    # Deeper light is narrower on the photosensors.
    middle = np.abs(table["stage_position_mm"]).max(axis=1) < 12
    width = ((charge / total[:, None]) ** 2).sum(axis=1)[middle]
    assert np.corrcoef(width, table["light_centroid_mm"][middle, 2])[0, 1] > 0.6


def test_the_photopeak_resolves_eight_to_ten_percent(table: EventTable) -> None:
    peak = (table["energy_deposited_kev"] > 510) & (
        np.abs(table["stage_position_mm"]).max(axis=1) < 12
    )
    total = table["charge_adc"][peak].sum(axis=1)
    low, high = np.percentile(total, [15.87, 84.13])
    assert 0.075 < 2.355 * (high - low) / 2 / np.median(total) < 0.105
    # Only an interaction right above a photosensor fills the range.
    assert (table["charge_adc"] == 4095).mean() < 1e-5
    assert np.quantile(table["charge_adc"].max(axis=1), 0.999) > 0.5 * 4095


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"half_extent_mm": 30.0}, "half_extent_mm"),
        ({"trigger_kev": 600.0}, "trigger_kev"),
    ],
)
def test_a_scan_that_cannot_be_is_refused_before_work_starts(
    detector: Detector, change: dict[str, float], field: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        simulate_scan(detector, SCAN.model_copy(update=change), 1)
    assert caught.value.field == field


def test_a_detector_without_charges_is_refused() -> None:
    with pytest.raises(ConfigError, match="no charge readout"):
        simulate_scan(load_detector("lyso_pair_3x3x20"), ScanSettings(half_extent_mm=1.0), 1)


def test_the_threshold_is_read_in_the_middle_of_an_element_and_not_in_the_gap_beside_it() -> None:
    """The middle of an even number of pixels is a gap: the threshold was 0.8 % off."""
    pixels = load_detector("lyso_pixels_8x8")
    coarse = LightMapSettings(pitch_mm=4.0, depth_pitch_mm=20.0, photons=200, direct_light=False)
    whole = trace_light_map(pixels, coarse)
    x, y = pixels.crystal.central_element_mm
    half = pixels.crystal.element_size_mm[0] / 2
    column, row = (np.abs(axis - at) <= half for axis, at in ((whole.x_mm, x), (whole.y_mm, y)))
    # Two nodes across the element: those of all other elements do not count.
    assert column.sum() == row.sum() == 2
    inside = (column[:, None] & row[None, :])[:, :, None, None]
    central = replace(whole, probability=np.where(inside, whole.probability, np.float32(0.0)))
    scan = ScanSettings(half_extent_mm=1.0, light_map=coarse)
    one, other = (scan_plan(pixels, scan, 1, light_map=each) for each in (whole, central))
    assert one.arguments(0)[3].beam.trigger_adc == other.arguments(0)[3].beam.trigger_adc > 0


def test_progress_reaches_the_total(detector: Detector, light_map: LightMap) -> None:
    seen: list[tuple[int, int]] = []
    scan = SCAN.model_copy(update={"half_extent_mm": 4.0})
    events = simulate_scan(
        detector, scan, 1, light_map=light_map, report=lambda *at: seen.append(at)
    )
    assert seen[-1] == (len(events), len(events))


def test_the_map_is_kept_where_the_caller_says_and_used_again(
    detector: Detector, tmp_path: Path
) -> None:
    scan = ScanSettings(
        half_extent_mm=1.0,
        events_even_even=2,
        events_odd_odd=0,
        light_map=MAP.model_copy(update={"photons": 200}),
    )
    first = simulate_scan(detector, scan, 1, cache=tmp_path)
    (kept,) = tmp_path.iterdir()
    written = kept.stat().st_mtime_ns
    second = simulate_scan(detector, scan, 1, cache=tmp_path)
    np.testing.assert_array_equal(first["charge_adc"], second["charge_adc"])
    assert kept.stat().st_mtime_ns == written


def test_a_scan_without_events_is_refused() -> None:
    with pytest.raises(ValueError, match="the scan has no events"):
        ScanSettings(events_even_even=0, events_odd_odd=0)

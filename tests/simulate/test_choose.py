"""Settings that do not fit: one line that names file, key, value and remedy, before any work."""

from __future__ import annotations

from pathlib import Path

import pytest

from pulsefront.detector import load_detector
from pulsefront.errors import ConfigError, DataError, PulsefrontError
from pulsefront.simulate import LightMapSettings, light_map_for, trace_light_map
from pulsefront.simulate.choose import choose_plan
from pulsefront.simulate.scan.measurement import scan_plan
from pulsefront.simulate.scan.settings import default_scan


def refused(tmp_path: Path, detector: str, text: str) -> PulsefrontError:
    settings = tmp_path / "settings.toml"
    settings.write_text(text)
    with pytest.raises(ConfigError) as caught:
        choose_plan(
            detector,
            what="auto",
            settings=settings,
            perturbations=(),
            full_tracing=False,
            seed=1,
            events=10,
            cache=tmp_path / "maps",
        )
    # Nothing was traced, let alone written.
    assert not (tmp_path / "maps").exists()
    assert caught.value.file == settings
    return caught.value


@pytest.mark.parametrize(
    ("detector", "text", "field"),
    [
        ("lyso_monolithic_50x50x16", "half_extent_mm = 30.0", "half_extent_mm"),
        ("lyso_monolithic_50x50x16", "trigger_kev = 600.0", "trigger_kev"),
        ("lyso_monolithic_50x50x16", "beam_fwhm_mm = -1.0", "beam_fwhm_mm"),
        ("nai_camera_pmt", 'geometry = "internal"', "geometry"),
        ("lyso_pair_3x3x20", "offsets_mm = [-500.0, 500.0]", "offsets_mm"),
        ("lyso_pair_3x3x20", "window_ns = -4.0", "window_ns"),
        ("lyso_pair_3x3x20", "[light_map]\nphotons = 0", "light_map.photons"),
    ],
)
def test_a_setting_that_does_not_fit_is_named_with_its_file_and_value(
    tmp_path: Path, detector: str, text: str, field: str
) -> None:
    error = refused(tmp_path, detector, text)
    assert error.field == field
    assert error.value is not None
    assert "\n" not in str(error)


def test_a_light_map_of_another_detector_is_refused_before_any_event(tmp_path: Path) -> None:
    coarse = LightMapSettings(pitch_mm=3.0, depth_pitch_mm=20.0, photons=100)
    other = trace_light_map(load_detector("lyso_pair_3x3x20"), coarse)
    detector = load_detector("lyso_monolithic_50x50x16")
    with pytest.raises((ConfigError, DataError), match="another detector"):
        scan_plan(detector, default_scan(detector), 1, events=10, light_map=other)


def test_a_map_in_the_cache_that_is_damaged_is_named(tmp_path: Path) -> None:
    detector = load_detector("lyso_pair_3x3x20")
    coarse = LightMapSettings(pitch_mm=3.0, depth_pitch_mm=20.0, photons=100)
    light_map_for(detector, coarse, cache=tmp_path)
    (file,) = tmp_path.iterdir()
    file.write_bytes(file.read_bytes()[:2000])
    with pytest.raises(DataError, match="cannot be read as a light map") as caught:
        light_map_for(detector, coarse, cache=tmp_path)
    assert caught.value.file == file

"""Whole detectors: what ships loads, what does not fit together is named."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from pulsefront.detector import detector_hash, load_detector
from pulsefront.errors import ConfigError
from pulsefront.files import sim_data_directory

FOLDER = sim_data_directory() / "detectors"
SHIPPED = sorted(path.stem for path in FOLDER.glob("*.toml"))


def changed(tmp_path: Path, old: str, new: str) -> Path:
    """Return a copy of the monolithic detector's file with one text replaced."""
    text = (FOLDER / "lyso_monolithic_50x50x16.toml").read_text()
    assert old in text
    path = tmp_path / "wrong.toml"
    path.write_text(text.replace(old, new, 1))
    return path


@pytest.mark.parametrize("name", SHIPPED)
def test_every_shipped_detector_loads(name: str) -> None:
    detector = load_detector(name)
    assert detector.name == name
    assert len(detector.description) > 20
    assert detector.material.density_g_cm3 > 0
    assert pickle.loads(pickle.dumps(detector)) == detector


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ("refractive_index = 1.52", "refractive_index = 0.5", "layers.0.refractive_index"),
        ("0.36, 0.385, 0.40", "0.36, 1.385, 0.40", "photosensor.sipm.pde"),
        ("sptr_sigma_ps = 100.0", "sptr_sigma_ps = -1.0", "photosensor.sipm.sptr_sigma_ps"),
        ("reflectivity = 0.98", "reflectivity = 1.98", "crystal.entrance.reflectivity"),
        ("gate_ns = 250.0", "gate_ns = 0.0", "charge.gate_ns"),
        ("grid = [8, 8]", "grid = [0, 8]", "sensors.grid.0"),
        ('material = "lyso"', 'material = "lysso"', "crystal.material"),
        ("dark_count_rate_hz = 2.0e6", "dark_count_rate_hz = -1.0", "photosensor.sipm.dark"),
        ("afterpulse_ns = 15.0", "afterpulse_ns = -15.0", "photosensor.sipm.afterpulse_ns"),
        ("recovery_ns = 30.0", "recovery_ns = -30.0", "photosensor.sipm.recovery_ns"),
        ("crosstalk = 0.07", "crosstalk = 1.2", "photosensor.sipm.crosstalk"),
        ("absorption_length_mm = 1000.0", "absorption_length_mm = 0.0", "layers.0.absorption"),
        ("size_mm = [50.0, 50.0, 16.0]", "size_mm = [50.0, -50.0, 16.0]", "crystal.size_mm.1"),
    ],
)
def test_a_value_that_is_not_physical_is_named_with_file_and_key(
    tmp_path: Path, old: str, new: str, field: str
) -> None:
    path = changed(tmp_path, old, new)
    with pytest.raises(ConfigError) as caught:
        load_detector(path)
    assert caught.value.file == path
    assert str(caught.value.field).startswith(field)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("active_mm = 6.0", "active_mm = 6.5", "overlaps"),
        ("pitch_mm = [6.25, 6.25]", "pitch_mm = [7.25, 6.25]", "the sensors span"),
        ("temperature_c = 20.0", "temprature_c = 20.0", "did you mean 'temperature_c'"),
        ('reflector = "specular"', 'reflector = "none"', "needs a reflector"),
        ("specular_spike = 0.0", "specular_spike = 0.5", "more than 1"),
    ],
)
def test_parts_that_do_not_fit_together_are_refused(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        load_detector(changed(tmp_path, old, new))


def test_pixels_without_a_gap_between_them_are_refused(tmp_path: Path) -> None:
    path = changed(
        tmp_path, "size_mm = [50.0, 50.0, 16.0]", "size_mm = [50.0, 50.0, 16.0]\nelements = [4, 4]"
    )
    with pytest.raises(ConfigError, match="gap_mm: must be above 0"):
        load_detector(path)


def test_a_missing_file_is_one_clear_line() -> None:
    with pytest.raises(ConfigError, match="no such file"):
        load_detector("nowhere/at_all.toml")


def test_the_hash_follows_values_and_not_words() -> None:
    detector = load_detector("lyso_monolithic_50x50x16")
    words = detector.model_copy(update={"description": "other words", "name": "other"})
    values = detector.model_copy(update={"temperature_c": 21.0})
    assert detector_hash(words) == detector_hash(detector)
    assert detector_hash(values) != detector_hash(detector)


def test_a_material_beside_the_detector_is_found(tmp_path: Path) -> None:
    material = (sim_data_directory() / "materials" / "lyso.toml").read_text()
    (tmp_path / "mine.toml").write_text(material.replace("7.1\n", "7.4\n", 1))
    path = changed(tmp_path, 'material = "lyso"', 'material = "mine"')
    assert load_detector(path).material.density_g_cm3 == 7.4

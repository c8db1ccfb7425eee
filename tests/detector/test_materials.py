"""Materials: what ships loads, and what is wrong is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from pulsefront.detector import load_material
from pulsefront.errors import ConfigError
from pulsefront.files import sim_data_directory

SHIPPED = sorted(path.stem for path in (sim_data_directory() / "materials").glob("*.toml"))


def changed(tmp_path: Path, old: str, new: str) -> Path:
    """Return a copy of the LYSO file with one text replaced."""
    text = (sim_data_directory() / "materials" / "lyso.toml").read_text()
    assert old in text
    path = tmp_path / "wrong.toml"
    path.write_text(text.replace(old, new, 1))
    return path


@pytest.mark.parametrize("name", SHIPPED)
def test_every_shipped_material_loads_and_cites_a_source_for_every_number(name: str) -> None:
    material = load_material(name)
    assert all(len(source) > 10 for source in material.sources.values())


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ("refractive_index = 1.82", "refractive_index = 0.9", "refractive_index"),
        ("density_g_cm3 = 7.1", "density_g_cm3 = -7.1", "density_g_cm3"),
        ("decay_ns = 40.0", "decay_ns = -40.0", "decay.0.decay_ns"),
        ("fraction = 1.0", "fraction = 1.5", "decay.0.fraction"),
        ("light_yield_per_mev = 33000.0", "light_yield_per_mev = nan", "light_yield_per_mev"),
        ("light_yield_per_mev = 33000.0", "light_yeild = 1.0", "light_yeild"),
    ],
)
def test_a_value_that_is_not_physical_is_named_with_file_and_key(
    tmp_path: Path, old: str, new: str, field: str
) -> None:
    path = changed(tmp_path, old, new)
    with pytest.raises(ConfigError) as caught:
        load_material(path)
    assert caught.value.file == path
    # The first error of pydantic may be the key that is missing instead of the misspelt one.
    assert caught.value.field in {field, "light_yield_per_mev"}


def test_fractions_that_do_not_add_up_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"add up to 0\.5"):
        load_material(changed(tmp_path, "fraction = 1.0", "fraction = 0.5"))


def test_a_number_without_a_source_is_refused(tmp_path: Path) -> None:
    path = changed(tmp_path, 'density_g_cm3 = "Saint', '# "Saint')
    with pytest.raises(ConfigError, match="has no source") as caught:
        load_material(path)
    assert caught.value.field == "density_g_cm3"


def test_a_source_for_no_key_is_refused(tmp_path: Path) -> None:
    path = changed(tmp_path, "[sources]", '[sources]\ncolour = "seen"')
    with pytest.raises(ConfigError, match="does not exist"):
        load_material(path)


def test_an_unknown_name_says_which_there_are() -> None:
    with pytest.raises(ConfigError, match=r"there are: .*lyso"):
        load_material("lisoo")


def test_a_wavelength_table_must_increase(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="must increase"):
        load_material(changed(tmp_path, "[370, 380", "[380, 370"))

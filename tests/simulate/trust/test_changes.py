"""Constants of a detector are changed by the name that they have in its file."""

from __future__ import annotations

import pytest

from pulsefront.detector import Detector, SiPM, load_detector
from pulsefront.errors import ConfigError
from pulsefront.simulate.trust.changes import (
    Changed,
    applies,
    changed,
    cut_efficiencies,
    varied_of,
    with_changes,
)
from pulsefront.simulate.trust.sensitivity import find_sensitivity


@pytest.fixture(scope="module")
def pair() -> Detector:
    return load_detector("yeom2013_lyso_3x3x20")


def test_a_key_stands_for_one_number_and_leaves_the_others(pair: Detector) -> None:
    made = changed(pair, "crystal.sides.reflectivity", Changed(0.7))
    assert made.crystal.sides.reflectivity == 0.7
    assert made.crystal.entrance == pair.crystal.entrance
    assert made.photosensor == pair.photosensor
    assert pair.crystal.sides.reflectivity == 0.95
    assert made.name != pair.name


def test_a_key_of_inner_sections_stands_for_all_of_them(pair: Detector) -> None:
    made = changed(pair, "crystal.reflectivity", Changed(0.7))
    assert made.crystal.entrance.reflectivity == made.crystal.sides.reflectivity == 0.7
    made = changed(load_detector("bgo_pair_3x3x15"), "material.rise_ns", Changed(2.0, factor=True))
    assert [part.rise_ns for part in made.material.decay] == [0.02, 0.02]
    made = changed(pair, "layers.refractive_index", Changed(1.41))
    assert [layer.refractive_index for layer in made.layers] == [1.41, 1.41]


def test_numbers_count_places_and_words_are_values(pair: Detector) -> None:
    assert (
        changed(pair, "layers.1.refractive_index", Changed(1.4)).layers[1].refractive_index == 1.4
    )
    assert changed(pair, "crystal.size_mm.2", Changed(5.0)).crystal.size_mm == (3.0, 3.0, 5.0)
    assert changed(pair, "crystal.reflector", Changed("specular")).crystal.sides.reflector == (
        "specular"
    )
    made = with_changes(pair, {"crystal.size_mm": [2.0, 2.0, 3.0], "photosensor.cells": 400})
    assert made.crystal.size_mm == (2.0, 2.0, 3.0)
    assert isinstance(made.photosensor, SiPM)
    assert made.photosensor.cells == 400


def test_a_table_takes_a_factor_and_stays_a_probability(pair: Detector) -> None:
    before = pair.photosensor.pde.value
    made = changed(pair, "photosensor.pde", Changed(0.5, factor=True))
    assert made.photosensor.pde.value == pytest.approx([0.5 * value for value in before])
    made = changed(pair, "photosensor.pde", Changed(10.0, factor=True))
    assert max(made.photosensor.pde.value) == 1.0


def test_efficiencies_that_a_factor_would_raise_above_one_are_told(pair: Detector) -> None:
    most = max(pair.photosensor.pde.value)
    told = cut_efficiencies(pair, "photosensor.pde", Changed(9.0, factor=True))
    assert f"would be above 1, up to {9 * most:.3g}; they are cut to 1" in told
    assert cut_efficiencies(pair, "photosensor.pde", Changed(0.9, factor=True)) == ""
    assert cut_efficiencies(pair, "photosensor.cells", Changed(9.0, factor=True)) == ""


def test_what_is_cut_is_told_before_anything_is_simulated(pair: Detector) -> None:
    said: list[str] = []

    def stop(text: str) -> None:
        said.append(text)
        if "as described" in text:
            raise StopIteration

    varied = [varied_of("photosensor.pde=x0.5,x9")]
    with pytest.raises(StopIteration):
        find_sensitivity(pair, varied, report=stop)
    assert [text[:18] for text in said[:-1]] == ["photosensor.pde x9"]


@pytest.mark.parametrize(
    ("key", "change", "told"),
    [
        ("crystal.reflectvity", Changed(0.9), "did you mean crystal.reflectivity"),
        ("cristal.reflectivity", Changed(0.9), "did you mean crystal"),
        ("crystal.reflectivity", Changed(1.2), "less than or equal to 1"),
        ("crystal.reflector", Changed("mirror"), "specular"),
        ("crystal.reflector", Changed(2.0, factor=True), "no number"),
        ("photosensor.pde", Changed(0.3), "give a factor"),
        ("layers.7.refractive_index", Changed(1.4), "there are 2"),
        ("material.scatter_length_mm.0", Changed(1.4), "no section"),
        ("digitizer.rise_ns", Changed(100.0), "shorter than fall_ns"),
    ],
)
def test_what_does_not_fit_is_named(pair: Detector, key: str, change: Changed, told: str) -> None:
    with pytest.raises(ConfigError, match=told) as raised:
        changed(pair, key, change)
    assert "\n" not in str(raised.value)


def test_a_section_that_a_detector_lacks_is_named() -> None:
    with pytest.raises(ConfigError, match="no such section"):
        changed(load_detector("nassalski2010_lso_3x3x20"), "digitizer.noise_adc", Changed(1.0))


def test_words_of_the_command_are_read() -> None:
    found = varied_of("crystal.reflectivity=0.9:0.98")
    assert (found.key, [str(value) for value in found.values]) == (
        "crystal.reflectivity",
        ["0.9", "0.98"],
    )
    assert varied_of("photosensor.pde=x0.8,x1.2").values == (
        Changed(0.8, factor=True),
        Changed(1.2, factor=True),
    )
    for wrong in ("crystal.reflectivity", "=0.9", "crystal.reflectivity="):
        with pytest.raises(ConfigError, match="no constant and values"):
            varied_of(wrong)


def test_what_changes_nothing_does_not_apply(pair: Detector) -> None:
    assert applies(pair, varied_of("photosensor.afterpulse=x0,x2"))
    assert not applies(pair, varied_of("crystal.reflector=diffuse"))
    assert not applies(pair, varied_of("photosensor.transit_time_spread_sigma_ps=x2"))
    assert not applies(load_detector("bgo_pair_3x3x15"), varied_of("charge.noise_adc=x2"))

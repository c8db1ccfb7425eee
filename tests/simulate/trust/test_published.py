"""Published detectors: every file loads and cites; small simulations lie in bands that can fail."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from pulsefront.detector import load_detector
from pulsefront.errors import ConfigError, DataError
from pulsefront.evaluate.intervals import Interval
from pulsefront.simulate.trust.changes import varied_of, with_changes
from pulsefront.simulate.trust.charges import measure_charges
from pulsefront.simulate.trust.explain import Explained, explain, spread_of
from pulsefront.simulate.trust.pages import published_page
from pulsefront.simulate.trust.published import (
    WITHIN,
    Compared,
    compare_published,
    load_published,
    published_names,
)
from pulsefront.simulate.trust.times import measure_ctr


@pytest.mark.parametrize("name", published_names())
def test_every_published_detector_cites_and_can_be_built(name: str) -> None:
    published = load_published(name)
    year = re.search(r"\d{4}", name)
    assert year is not None
    assert year[0] in published.name
    assert year[0] in published.source
    assert published.read
    assert published.not_stated
    detector = load_detector(published.detector)
    # The paper itself is the source of what was measured: the crystal.
    assert year[0] in detector.crystal.sources["size_mm"] or "Szcz" in published.name
    for figure in published.figures:
        made = with_changes(detector, figure.changes)
        assert figure.quantity in WITHIN
        if figure.quantity == "ctr_fwhm_ps":
            assert made.digitizer is not None
        else:
            assert made.charge is not None


def test_at_least_four_ship_and_every_quantity_of_a_detector_is_among_them() -> None:
    all_figures = [f for name in published_names() for f in load_published(name).figures]
    assert len(published_names()) >= 4
    assert {figure.quantity for figure in all_figures} == set(WITHIN)


def test_light_of_a_long_crystal_lies_between_half_and_three_times_the_published(
    tmp_path: Path,
) -> None:
    rows = compare_published(load_published("nassalski2010"), events=1500, seed=3, cache=tmp_path)
    light, energy = (row.ratio for row in rows)
    assert 0.5 < light.value < 3.0
    assert light.low < light.value < light.high
    assert light.high / light.low < 1.02
    assert 0.3 < energy.value < 1.2
    # The same simulation serves both values of the paper, and is repeated by its seed.
    again = compare_published(load_published("nassalski2010"), events=1500, seed=3, cache=tmp_path)
    assert [row.simulated for row in again] == [row.simulated for row in rows]


def test_light_follows_the_yield_and_nothing_else_is_scaled(tmp_path: Path) -> None:
    """A factor of two in photons is one in light where cells do not saturate."""
    detector = load_detector("szczesniak2010_lso_5x5x5")
    half = with_changes(detector, {"material.light_yield_per_mev": 18000.0})
    one, two = (
        measure_charges(d, events=1200, energy_kev=661.66, cache=tmp_path) for d in (half, detector)
    )
    ratio = two.light_per_mev.value / one.light_per_mev.value
    assert ratio == pytest.approx(2.0, rel=0.02)


def test_pairs_that_rise_fastest_are_nearer_in_time(tmp_path: Path) -> None:
    """In BGO those with the most Cherenkov light; 23 % nearer with 12,000 events."""
    bgo = with_changes(
        load_detector("gonzalez2022_bgo_3x3x15"), {"crystal.size_mm": [3.0, 3.0, 3.0]}
    )
    every, fastest = (
        measure_ctr(
            bgo,
            pickoff="two_thresholds",
            events=1500,
            cache=tmp_path,
            smooth=True,
            fastest_share=share,
        )
        for share in (1.0, 0.2)
    )
    assert fastest.value < 0.95 * every.value
    with pytest.raises(ConfigError, match=r"fastest_share.*two_thresholds"):
        measure_ctr(bgo, fastest_share=0.2)


def test_agreement_is_that_of_the_ratio() -> None:
    published = load_published("nassalski2010")
    figure = published.figures[0]
    assert figure.quantity == "light_per_mev"
    for factor, agrees in ((1.24, True), (1.26, False), (0.76, True), (0.74, False)):
        value = factor * figure.value
        row = Compared(published, figure, Interval(value, 0.9 * value, 1.1 * value))
        assert row.agrees is agrees
        assert row.ratio.value == pytest.approx(factor)
        assert row.as_dict()["agrees"] is agrees
    other = replace(row, simulated=Interval(1550.0, 1500.0, 1600.0))
    page = published_page([Explained("", "", [row, other])], 10, 1)
    assert "1 of 2 values agree" in page
    assert page.count("Nassalski 2010") >= 4


def test_a_constant_that_explains_is_told(tmp_path: Path) -> None:
    """Published values made twice the simulated ones are explained by the light yield."""
    paper = load_published("szczesniak2010")
    (light, _) = compare_published(paper, events=1000, cache=tmp_path)
    twice = paper.figures[0].model_copy(update={"value": 2.0 * light.simulated.value})
    made_up = paper.model_copy(update={"figures": (twice,)})
    varied = [varied_of("material.light_yield_per_mev=x0.5,x2"), varied_of("charge.noise_adc=2")]
    found = explain([made_up], varied, events=1000, cache=tmp_path)
    assert [one.agreeing for one in found] == [0, 0, 1, 0]
    assert spread_of(found[2].rows) < 0.05
    assert spread_of(found[0].rows) > 0.6
    page = published_page(found, 1000, 1)
    assert "Which constant explains it" in page
    with pytest.raises(ConfigError, match="no such constant"):
        explain([made_up], [varied_of("crystal.colour=1")], events=1000, cache=tmp_path)


def test_what_is_wrong_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there are: carra2022"):
        load_published("nobody1999")
    path = tmp_path / "mine.toml"
    path.write_text('name = "x"\n[[figures]]\nquantity = "ctr"\n')
    with pytest.raises(ConfigError, match=re.escape("mine.toml")):
        load_published(path)
    with pytest.raises(DataError, match="at least 200"):
        measure_charges(load_detector("nassalski2010_lso_3x3x20"), events=100, cache=tmp_path)

"""Commands on how far the simulation can be believed: what they write, and what they say."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pulsefront.cli.main import app
from pulsefront.errors import ConfigError
from pulsefront.simulate.light.grid import LightMapSettings
from pulsefront.simulate.trust import charges


@pytest.fixture(autouse=True)
def coarse_maps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trace few photons, which is enough to see that a number comes out."""
    settings = LightMapSettings(pitch_mm=1.5, depth_pitch_mm=5.0, fine_depth_mm=1.0, photons=300)
    monkeypatch.setattr(charges, "map_settings", lambda _: settings)


def test_published_writes_a_page_and_numbers(tmp_path: Path) -> None:
    out, maps = tmp_path / "published.html", tmp_path / "maps"
    words = ["published", "nassalski2010", "--events", "800", "--out", str(out)]
    result = CliRunner().invoke(app, [*words, "--light-maps", str(maps)])
    assert result.exit_code == 0, result.output
    (described,) = json.loads(out.with_suffix(".json").read_text())
    rows = described["rows"]
    assert [row["quantity"] for row in rows] == ["light_per_mev", "energy_resolution_percent"]
    assert rows[0]["published"] == 1550.0
    assert rows[0]["ratio_low"] < rows[0]["ratio"] < rows[0]["ratio_high"]
    assert "Nassalski 2010" in out.read_text()
    assert any(maps.iterdir())


def test_sensitivity_writes_a_page_and_numbers(tmp_path: Path) -> None:
    out = tmp_path / "sensitivity.html"
    result = CliRunner().invoke(
        app,
        [
            "sensitivity", "nassalski2010_lso_3x3x20", "--vary", "photosensor.pde=x0.5",
            "--set", "material.light_yield_per_mev=x0.5",
            "--quantity", "light_per_mev", "--events", "800", "--out", str(out),
        ],
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert "photosensor.pde" in result.output
    written = json.loads(out.with_suffix(".json").read_text())
    (row,) = written["rows"]
    assert "light_yield_per_mev x0.5" in written["detector"]
    assert row["relative"]["light_per_mev"] == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["published", "nobody1999"], "there are: carra2022"),
        (["sensitivity", "no_such_detector"], "no file and no detector"),
        (["sensitivity", "bgo_pair_3x3x15", "--vary", "reflectivity"], "says no constant"),
        (
            ["sensitivity", "bgo_pair_3x3x15", "--vary", "crystal.reflectvity=0.9"],
            "did you mean crystal.reflectivity",
        ),
        (["sensitivity", "bgo_pair_3x3x15", "--vary", "crystal.reflectivity=2"], "less than"),
        (["sensitivity", "bgo_pair_3x3x15", "--set", "crystal.size_mm.2=3,5"], "one value"),
        (["sensitivity", "bgo_pair_3x3x15", "--quantity", "energy"], "there are: light_per_mev"),
    ],
)
def test_bad_input_is_one_line(words: list[str], told: str) -> None:
    result = CliRunner().invoke(app, words)
    assert isinstance(result.exception, ConfigError)
    assert told in str(result.exception)
    assert "\n" not in str(result.exception)
    assert result.exception.exit_code != 0

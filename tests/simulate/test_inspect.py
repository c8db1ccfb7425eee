"""Derived numbers against the physics table, and a drawing of every shipped detector."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from pulsefront.cli.data import inspect
from pulsefront.detector import load_detector
from pulsefront.errors import ConfigError
from pulsefront.files import sim_data_directory
from pulsefront.simulate import LightMapSettings, trace_light_map
from pulsefront.simulate.drawing import draw_detector
from pulsefront.simulate.inspect import derived_numbers, describe_detector
from pulsefront.simulate.light.table import describe_light_map

SHIPPED = sorted(path.stem for path in (sim_data_directory() / "detectors").glob("*.toml"))


def numbers(name: str) -> dict[str, float]:
    rows = {quantity: value for quantity, value, _ in derived_numbers(load_detector(name))}
    return {
        key: float(rows[full].replace(",", ""))
        for key, full in {
            "mu": "attenuation at 511 keV, coherent scattering included",
            "photofraction": "photofraction at 511 keV",
            "resolution": "energy resolution at 511 keV, FWHM",
            "photons": "scintillation photons at 511 keV",
        }.items()
    }


# Ranges of the physics table; LYSO's attenuation there is that of LSO of 7.4 g/cm³, which the
# 10 % of yttrium in this material lowers to the data sheet's 1/1.2 cm.
@pytest.mark.parametrize(
    ("name", "mu", "photofraction", "resolution"),
    [
        ("lyso_monolithic_50x50x16", (0.81, 0.87), (0.30, 0.34), (7.5, 10.0)),
        ("bgo_pair_3x3x15", (0.95, 0.98), (0.40, 0.44), (10.0, 16.0)),
        ("labr3_50x50x20", (0.44, 0.47), (0.12, 0.14), (2.5, 4.5)),
    ],
)
def test_derived_numbers_lie_in_the_ranges_of_the_physics_table(
    name: str,
    mu: tuple[float, float],
    photofraction: tuple[float, float],
    resolution: tuple[float, float],
) -> None:
    found = numbers(name)
    assert mu[0] <= found["mu"] <= mu[1]
    assert photofraction[0] <= found["photofraction"] <= photofraction[1]
    assert resolution[0] <= found["resolution"] <= resolution[1]


@pytest.mark.parametrize("name", SHIPPED)
def test_every_shipped_detector_is_drawn_with_all_its_sensors(name: str) -> None:
    detector = load_detector(name)
    side, front = draw_detector(detector).axes
    elements = detector.crystal.elements[0] * detector.crystal.elements[1]
    assert len(front.patches) == detector.sensors.count + elements
    seen = detector.crystal.elements[0] + len(detector.layers) + detector.sensors.grid[0]
    assert len(side.patches) == seen


def test_a_path_is_described_as_rows_of_text() -> None:
    path = sim_data_directory() / "detectors" / "lyso_pair_3x3x20.toml"
    rows, figure = describe_detector(path)
    assert all(len(row) == 3 and all(isinstance(part, str) for part in row) for row in rows)
    assert figure.axes


def test_the_command_takes_the_bare_name_of_a_shipped_detector() -> None:
    command = typer.Typer()
    command.command()(inspect)
    result = CliRunner().invoke(command, ["lyso_pair_3x3x20", "--no-figure"])
    assert result.exit_code == 0, result.output
    assert "energy resolution at 511 keV" in result.output
    result = CliRunner().invoke(command, ["lyso_pear", "--no-figure"])
    assert isinstance(result.exception, ConfigError)
    assert "there are: bgo_pair_3x3x15" in str(result.exception)


def test_a_light_map_is_described_with_its_statistical_error(tmp_path: Path) -> None:
    path = tmp_path / "map.h5"
    settings = LightMapSettings(pitch_mm=3.0, depth_pitch_mm=20.0, photons=400)
    trace_light_map(load_detector("lyso_pair_3x3x20"), settings).save(path)
    rows = {quantity: value for quantity, value, _ in describe_light_map(path)}
    assert rows["photons traced"] == "400"
    # A share of about one half has the largest error: sqrt(0.25 / 400) at most.
    assert 0.015 < float(rows["largest statistical error of a probability"]) <= 0.025
    command = typer.Typer()
    command.command()(inspect)
    result = CliRunner().invoke(command, [str(path)])
    assert result.exit_code == 0, result.output
    assert "largest statistical error" in result.output

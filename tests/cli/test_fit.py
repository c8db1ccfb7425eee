"""The command fit."""

from __future__ import annotations

import json

import pytest
import typer
from typer.testing import CliRunner

from pulsefront.cli import fit
from pulsefront.cli.fit import RouteName
from pulsefront.errors import BudgetError
from pulsefront.firmware.fit import ROUTES
from toys_rtl import timing_like

app = typer.Typer()
app.command()(fit.fit)
runner = CliRunner()


@pytest.fixture
def model_file(tmp_path):
    path = tmp_path / "model.json"
    timing_like().save(path)
    return path


def invoke(*arguments: object) -> str:
    result = runner.invoke(app, [str(one) for one in arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_every_route_has_a_name_to_type():
    assert [one.lower().replace(" ", "-") for one in ROUTES] == [one.value for one in RouteName]


def test_boards_and_rates_give_a_table_and_files(model_file, tmp_path):
    out = tmp_path / "fit"
    boards = ("-b", "ecp5_25", "-b", "arty_a7_35")
    text = invoke(model_file, *boards, "-r", "1e6", "-r", "1e8", "--out", out)
    assert sum(line.startswith(("ecp5_25", "arty_a7_35")) for line in text.splitlines()) == 4
    assert {one.name for one in out.iterdir()} == {"fit.json", "fit.png", "fit.svg"}


def test_routes_clock_and_latency_are_kept(model_file):
    options = ("--clock", 50, "--latency-ns", 2000, "--route", "time-shared", "--json")
    (choice,) = json.loads(invoke(model_file, "-b", "ecp5_25", "-r", 1e6, *options))["choices"]
    assert choice["strategy"] == "time-shared"
    assert choice["others"] == []
    assert choice["clock_mhz"] == 50
    assert choice["latency_ns"] <= choice["latency_limit_ns"] == 2000
    assert choice["fits"]


def test_what_does_not_fit_is_told_and_raised(model_file):
    asked = [str(model_file), "-b", "ice40_up5k", "-r", "1e9"]
    result = runner.invoke(app, asked)
    assert "To fit:" in result.output
    assert isinstance(result.exception, BudgetError)

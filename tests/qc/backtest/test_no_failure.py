"""A fleet in which nothing failed is no error: charts and prior answer, and the page says so."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from pulsefront.cli.main import app
from pulsefront.errors import QCDataError
from pulsefront.qc.backtest.backtest import NOTHING_FAILED
from pulsefront.qc.backtest.results import read_backtest

SIX = """
name = "quiet"
seed = 3
start = 2022-01-01
years = 1.2
modules = 3

[[sites]]
name = "north"
scanners = 6

[failures]
"""


@pytest.fixture(scope="module")
def words(tmp_path_factory):
    folder = tmp_path_factory.mktemp("quiet")
    (folder / "fleet.toml").write_text(SIX)
    return ["qc", "backtest", "--fleet", str(folder / "fleet.toml")]


@pytest.mark.parametrize("prior", [True, False])
def test_six_scanners_without_a_failure_are_answered_by_charts_and_prior(words, prior, tmp_path):
    told = [*words, "--out", str(tmp_path), "--curve", *([] if prior else ["--no-prior"])]
    done = CliRunner().invoke(app, told)
    assert done.exit_code == 0, done.output
    assert "0 of 0 failures found" in done.output
    result = read_backtest(tmp_path / "backtest.json")
    assert result.chosen_model == "blend"
    assert set(result.models) == {"shewhart", "ewma", "cusum", "blend", *(["prior"] * prior)}
    assert {"hazard", "network", "boosting", "age"} <= set(result.protocol.left_out)
    assert result.limits[0] == NOTHING_FAILED
    assert result.fleet_size == ()
    for model in result.models.values():
        assert model.average_precision.value is None
        assert model.roc_auc is None
        assert model.precision_recall.recall == ()
        for point in model.at_false_alerts_per_unit_year.values():
            assert point.recall.value is None
            assert point.alerts / point.unit_years == point.false_alerts_per_unit_year
    page = (tmp_path / "backtest.html").read_text()
    assert page.count(NOTHING_FAILED) == 2  # first of all, and among the limits
    assert "NaN" not in json.dumps(json.loads((tmp_path / "backtest.json").read_text()))


def test_models_that_all_learn_from_failures_say_what_to_do(words, tmp_path):
    done = CliRunner().invoke(app, [*words, "--out", str(tmp_path), "--models", "age,hazard"])
    assert isinstance(done.exception, QCDataError)
    assert "no failure falls into the training part" in str(done.exception)
    assert "such as blend" in str(done.exception)

"""A federation by its commands: two stores, files that pass between them, a model that scores."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from pulsefront.cli.qc import app
from pulsefront.errors import PulsefrontError
from pulsefront.qc.models.model_file import load_model
from pulsefront.qc.records import Batch
from pulsefront.qc.simulate.fleet import simulate_units
from pulsefront.qc.store.database import Store
from strategies_qc import tiny_fleet, writing_of

runner = CliRunner()


def call(*arguments: object) -> tuple[int, str]:
    """Run a command as main does: an error of ours becomes its exit code."""
    result = runner.invoke(app, [str(a) for a in arguments])
    if isinstance(result.exception, PulsefrontError):
        return result.exception.exit_code, str(result.exception)
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.output


@pytest.fixture(scope="module")
def stores(tmp_path_factory):
    """Two sites, a store each."""
    folder = tmp_path_factory.mktemp("stores")
    for unit in simulate_units(tiny_fleet(scanners=8, years=2.0)):
        site = str(unit.units["site"].iloc[0])
        with Store(folder / f"{site}.db") as store, store.writing() as connection:
            writing = writing_of(connection, unit.unit_id)
            batch = Batch(unit.measurements, unit.units, unit.events, unit.services)
            store.add(connection, batch, writing)
    return folder


@pytest.fixture(scope="module")
def federated(stores, tmp_path_factory):
    """A plan that has gone round until it was done, and what was said on the way."""
    folder = tmp_path_factory.mktemp("federation")
    plan = folder / "plan.json"
    said = [call("federate", "plan", "--out", plan, "--folds", 2)[1]]
    for _ in range(12):
        for site in ("east", "west"):
            code, output = call("federate", "site", plan, "--db", stores / f"{site}.db",
                                "--name", site, "--out", folder / f"{site}.json")  # fmt: skip
            assert code == 0, output
        code, output = call("federate", "combine", plan, folder / "east.json",
                            folder / "west.json", "--out", plan)  # fmt: skip
        assert code == 0, output
        said.append(output)
        if json.loads(plan.read_text())["stage"] == "done":
            return folder, said
    raise AssertionError(said[-1])


def test_plan_goes_round_until_the_sites_have_judged(federated):
    folder, said = federated
    assert "the sites now describe" in said[0]
    assert "now send their sums about" in said[1]
    assert "the sites now judge it" in said[-2]
    assert "all sites: " in said[-1]
    result = json.loads((folder / "result.json").read_text())
    assert [each["site"] for each in result["judgements"]] == ["east", "west"]
    assert "What each site gained" in (folder / "result.html").read_text()


def test_each_site_gets_a_model_file_that_scores(federated, stores, tmp_path):
    folder, _ = federated
    thresholds = {}
    for site in ("east", "west"):
        out = tmp_path / f"{site}.zip"
        code, output = call("federate", "model", folder / "plan.json", "--db",
                            stores / f"{site}.db", "--out", out)  # fmt: skip
        assert code == 0, output
        assert "of 2 sites" in output
        model = load_model(out)
        assert model.training.sites == ("east", "west")
        thresholds[site] = model.thresholds["1"]
        code, output = call("score", "--db", stores / f"{site}.db", "--model", out,
                            "--as-of", "2022-11-01", "--out", tmp_path / site)  # fmt: skip
        assert code == 0, output
        assert "16 components scored, 0 without decision" in output
    assert all(0.0 < value < 1.0 for value in thresholds.values())
    assert thresholds["east"] != thresholds["west"]


def test_model_is_refused_before_the_plan_is_settled(federated, stores, tmp_path):
    plan = tmp_path / "plan.json"
    assert call("federate", "plan", "--out", plan)[0] == 0
    code, message = call("federate", "model", plan, "--db", stores / "east.db",
                         "--out", tmp_path / "x.zip")  # fmt: skip
    assert code == 3
    assert "not settled yet" in message


def test_answer_to_a_done_plan_and_a_late_answer_are_refused(federated, stores, tmp_path):
    folder, _ = federated
    code, message = call("federate", "site", folder / "plan.json", "--db", stores / "east.db",
                         "--name", "east", "--out", tmp_path / "east.json")  # fmt: skip
    assert (code, "this plan is done" in message) == (3, True)
    plan = tmp_path / "plan.json"
    call("federate", "plan", "--out", plan)
    code, message = call("federate", "combine", plan, folder / "east.json", "--out", plan)
    assert (code, "asks for a description" in message) == (3, True)


def test_shares_of_time_in_the_wrong_order_are_refused(tmp_path):
    code, message = call("federate", "plan", "--out", tmp_path / "plan.json", "--train-until", 0.8)
    assert code == 2
    assert "--calibrate-until: must be later than --train-until" in message


def test_simulated_federation_stands_beside_pooled_records(tmp_path):
    code, output = call("federate", "simulate", "--out", tmp_path, "--folds", 2)
    assert code == 0, output
    result = json.loads((tmp_path / "result.json").read_text())
    pooled = [abs(each["gain_over_pooled"]["value"]) for each in result["judgements"]]
    assert len(pooled) == 3
    assert max(pooled) < 1e-7
    assert "Moving the records would have gained nothing more." in (
        tmp_path / "result.html").read_text()  # fmt: skip

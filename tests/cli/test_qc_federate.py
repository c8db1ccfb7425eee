"""A federation by its commands: two stores, files that pass between them, a model that scores."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from pulsefront.cli.qc import app
from pulsefront.errors import PulsefrontError
from pulsefront.qc.models.files.model_file import load_model
from pulsefront.qc.records import Batch
from pulsefront.qc.simulate.fleet import simulate_units
from pulsefront.qc.store.database import Store
from pulsefront.qc.store.tables import alert_tables as tables
from pulsefront.qc.times import end_of_day
from strategies_qc import measurements, tiny_fleet, writing_of

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


def test_common_model_is_tried_beside_a_sites_own_and_takes_over(federated, stores, tmp_path):
    folder, _ = federated
    db = tmp_path / "west.db"
    db.write_bytes((stores / "west.db").read_bytes())
    own, common = tmp_path / "own.zip", tmp_path / "common.zip"
    for command in (
        ("train", "--db", db, "--out", own, "--model", "blend", "--folds", 2),
        ("federate", "model", folder / "plan.json", "--db", db, "--out", common),
    ):
        code, output = call(*command)
        assert code == 0, output
    assert "qc models register" in output
    register = ("models", "register", common, "--db", db, "--who", "ada", "--why", "of two sites")
    code, output = call(*register)
    assert (code, "it is the store's challenger" in output) == (0, True)
    assert call(*register) == (code, output)

    def night(day):
        code, output = call("score", "--db", db, "--as-of", day, "--out", tmp_path / "out")
        assert code == 0, output
        with Store(db) as store:
            runs = store.frame(tables.score_run).query(f"as_of == {end_of_day(day)}")
            alerts = store.frame(tables.alert).query(f"opened_at == {end_of_day(day)}")
            drift = store.frame(tables.input_drift).query(f"as_of == {end_of_day(day)}")
        return (
            dict(zip(runs["model_hash"], runs["role"], strict=True)),
            set(alerts["model_hash"]), set(drift["model_hash"]),
        )  # fmt: skip

    mine, shared = load_model(own).file_hash, load_model(common).file_hash
    roles, opened, watched = night("2022-11-02")
    assert roles == {mine: "champion", shared: "challenger"}
    assert opened <= {mine}
    assert watched == {mine, shared}
    code, output = call("models", "promote", "--db", db, "--why", "as good, from more failures")
    assert (code, shared[:16] in output) == (0, True)
    roles, opened, _ = night("2022-11-03")
    assert roles == {shared: "champion"}
    assert opened <= {shared}
    said = call("models", "list", "--db", db)[1]
    assert "registered by ada: of two sites" in said


def test_model_of_a_file_is_champion_of_a_store_without_one(federated, stores, tmp_path):
    folder, _ = federated
    common = tmp_path / "common.zip"
    call("federate", "model", folder / "plan.json", "--db", stores / "east.db", "--out", common)
    with Store(tmp_path / "new.db"):
        pass
    code, output = call("models", "register", common, "--db", tmp_path / "new.db")
    assert (code, "it is the store's champion" in output) == (0, True)


def test_file_that_could_score_nothing_is_not_registered(federated, stores, tmp_path):
    folder, _ = federated
    common = tmp_path / "common.zip"
    call("federate", "model", folder / "plan.json", "--db", stores / "east.db", "--out", common)
    with Store(tmp_path / "other.db") as store:
        with store.writing() as connection:
            store.add(connection, Batch(measurements(30)), writing_of(connection, "x"))
        register = ("models", "register", common, "--db", tmp_path / "other.db")
        code, message = call(*register)
        assert (code, "other tests than the store holds" in message) == (4, True)
        common.write_bytes(common.read_bytes()[:-200])
        assert call(*register)[0] == 4
        assert store.count(tables.model) == 0


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

"""Alerts, models and messages from the command line, as a physicist works with them."""

from __future__ import annotations

import json
import shutil

import pytest
from tests.cli.test_qc import call

from pulsefront.qc.simulate.fleet import write_fleet
from pulsefront.qc.store.lock import locked
from servers import mail_server
from strategies_qc import tiny_fleet

DAYS = ("2023-06-01", "2023-06-20")


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    """A store with a small fleet in it, and a model trained on it."""
    folder = tmp_path_factory.mktemp("fleet")
    write_fleet(tiny_fleet(scanners=12, years=3.0), folder)
    code, output = call(
        *("ingest", folder / "logs", "--db", folder / "qc.db", "--site", folder / "site.toml")
    )
    assert code == 0, output
    code, output = call(*train(folder, "hazard"))
    assert code == 0, output
    return folder


def train(folder, model, *more):
    out = folder / f"{model}.zip"
    return ("train", "--db", folder / "qc.db", "--out", out, "--model", model, "--folds", 2,
            "--who", "ada", *more)  # fmt: skip


@pytest.fixture(scope="module")
def scored(filled, tmp_path_factory):
    """A copy of it, scored from the first to the last of the days."""
    folder = tmp_path_factory.mktemp("scored")
    (folder / "qc.db").write_bytes((filled / "qc.db").read_bytes())
    for day in DAYS:
        code, output = score(folder, day)
        assert code == 0, output
    return folder


@pytest.fixture
def site(scored, tmp_path):
    """A copy of that, which a test may change."""
    return shutil.copytree(scored, tmp_path / "site")


def score(folder, day, *more):
    return call("score", "--db", folder / "qc.db", "--as-of", day, "--out", folder / "out",
                "--false-alerts", 6, *more)  # fmt: skip


def alerts(folder, *arguments):
    return call("alerts", arguments[0], *arguments[1:], "--db", folder / "qc.db")


def listed(folder, *more):
    code, output = alerts(folder, "list", "--json", *more)
    assert code == 0, output
    return json.loads(output)


def test_skipped_nights_are_scored_with_the_day_that_is_named(site):
    assert len(list((site / "out").glob("scores_*.json"))) == 20


def test_list_shows_the_highest_risk_first_and_filters(site):
    found = listed(site)
    assert len(found) >= 2
    p = [alert["probability"] for alert in found]
    assert p == sorted(p, reverse=True)
    unit, place = found[0]["unit_id"], found[0]["site"]
    assert {a["unit_id"] for a in listed(site, "--unit", unit)} == {unit}
    assert {a["site"] for a in listed(site, "--site", place)} == {place}
    code, output = alerts(site, "list")
    assert code == 0
    assert len(output.splitlines()) == len(found)
    assert f"{found[0]['alert_id']}: {unit} {found[0]['component_id'] or 'whole unit'}" in output


def test_alert_is_acknowledged_put_off_and_closed_with_who_and_why(site):
    number = listed(site)[0]["alert_id"]
    code, output = alerts(site, "ack", number, "--why", "phantom ordered", "--who", "ada")
    assert code == 0, output
    assert "acknowledged" in output
    code, output = alerts(site, "snooze", number, "--why", "wait", "--until", "2023-07-01")
    assert code == 0, output
    assert "until 2023-07-01" in output
    code, output = alerts(site, "close", number, "--why", "block replaced", "--who", "ben")
    assert code == 0, output
    assert number not in {alert["alert_id"] for alert in listed(site)}
    code, output = alerts(site, "show", number)
    lines = output.splitlines()
    assert any("acknowledged by ada: phantom ordered" in line for line in lines)
    assert any("closed by ben: block replaced" in line for line in lines)
    closed = {a["alert_id"]: a["closed_reason"] for a in listed(site, "--all")}
    assert closed[number] == "block replaced"


def test_acts_need_an_alert_a_reason_and_a_day_to_come(site):
    number = listed(site)[0]["alert_id"]
    assert alerts(site, "ack", 9999, "--why", "x")[0] == 3
    assert alerts(site, "ack", number, "--why", " ")[0] == 3
    assert alerts(site, "ack", number)[0] == 2
    assert alerts(site, "snooze", number, "--why", "x", "--until", "2023-06-01")[0] == 3
    assert alerts(site, "show", 9999)[0] == 3
    with locked(site / "qc.db"):
        assert alerts(site, "ack", number, "--why", "x")[0] == 5
    assert call("alerts", "list", "--db", site / "none.db")[0] == 3


def test_exit_code_1_comes_with_the_night_that_opens_an_alert(filled, tmp_path):
    (tmp_path / "qc.db").write_bytes((filled / "qc.db").read_bytes())
    codes = []
    for day in range(1, 21):
        code, output = score(tmp_path, f"2023-06-{day:02d}", "--exit-on-alerts")
        opened = sum(" opened: " in line for line in output.splitlines())
        assert code == (1 if opened else 0)
        codes.append(code)
    assert 0 < sum(codes) < 20


def test_past_day_is_told_again_with_a_note(site):
    code, output = score(site, DAYS[0])
    assert code == 0
    assert "alerts and metrics stay as they are" in output
    code, output = score(site, "yesterday")
    assert code == 3
    assert "the clock is right" in output


def test_second_model_is_challenger_until_it_is_promoted(site):
    code, output = call(*train(site, "age", "--why", "is age enough?"))
    assert code == 0, output
    assert "it is the store's challenger" in output
    code, output = score(site, "2023-06-21")
    assert code == 0, output
    hazard = json.loads((site / "out" / "scores_2023-06-21.json").read_text())
    assert hazard["model"] == "hazard"
    code, output = call("models", "promote", "--db", site / "qc.db", "--why", "simpler")
    assert code == 0, output
    score(site, "2023-06-22")
    assert json.loads((site / "out" / "scores_2023-06-22.json").read_text())["model"] == "age"
    code, output = call("models", "rollback", "--db", site / "qc.db", "--why", "it finds less")
    assert code == 0, output
    code, output = call("models", "list", "--db", site / "qc.db")
    assert "hazard, champion" in output
    assert "registered by ada: is age enough?" in output
    assert "it finds less" in output
    assert call("models", "rollback", "--db", site / "qc.db", "--why", "x")[0] == 3
    assert call("models", "drop", "--db", site / "qc.db", "--why", "x")[0] == 3


def test_model_file_scores_in_place_of_the_champion(site):
    code, output = call(*train(site, "age", "--file-only"))
    assert code == 0, output
    assert "challenger" not in output
    code, output = score(site, "2023-06-21", "--model", site / "age.zip")
    assert code == 0, output
    assert json.loads((site / "out" / "scores_2023-06-21.json").read_text())["model"] == "age"


def test_store_without_a_model_has_its_page_and_no_scores(tmp_path, filled):
    import sqlite3
    from contextlib import closing

    (tmp_path / "qc.db").write_bytes((filled / "qc.db").read_bytes())
    with closing(sqlite3.connect(tmp_path / "qc.db")) as database:
        database.execute("DELETE FROM model_change")
        database.execute("DELETE FROM model")
        database.commit()
    code, output = score(tmp_path, "2023-06-01")
    assert code == 0, output
    assert "qc train" in output
    assert list(tmp_path.rglob("night.html")) != []
    assert list(tmp_path.rglob("scores_*")) == []


def test_life_of_the_model_is_told_once_outcomes_are_known(site):
    code, output = call("models", "life", "--db", site / "qc.db")
    assert code == 0
    assert "no outcome is known yet" in output
    for day in ("2023-07-20", "2023-08-10"):
        assert score(site, day)[0] == 0
    code, output = call("models", "life", "--db", site / "qc.db")
    assert code == 0, output
    assert "precision" in output
    code, output = call("models", "life", "--db", site / "qc.db", "--json")
    (life,) = json.loads(output)
    assert (life["name"], life["role"]) == ("hazard", "champion")
    assert life["total"]["alerts"] == sum(f["alerts"] for f in life["periods"]) > 0


def notify_file(folder, port):
    (folder / "notify.toml").write_text(
        f'[[email]]\nname = "physics"\nhost = "127.0.0.1"\nport = {port}\nsecurity = "none"\n'
        'sender = "qc@example.org"\nrecipients = ["ada@example.org"]\n'
        'tell = ["opened", "closed", "acknowledged"]\n'
    )
    return folder / "notify.toml"


def test_people_are_told_by_the_night_and_by_what_others_do(filled, tmp_path):
    (tmp_path / "qc.db").write_bytes((filled / "qc.db").read_bytes())
    with mail_server() as mail:
        notify = ("--notify", notify_file(tmp_path, mail.port))
        for day in DAYS:
            code, output = score(tmp_path, day, *notify)
            assert code == 0, output
        opened = [m for _, m in mail.accepted if " opened: " in m["Subject"]]
        assert len(opened) == len(listed(tmp_path, "--all")) > 2
        number = listed(tmp_path)[0]["alert_id"]
        code, output = alerts(tmp_path, "ack", number, "--why", "looking", "--who", "ada", *notify)
        assert code == 0, output
        assert "acknowledged: " in mail.accepted[-1][1]["Subject"]
        assert "Acknowledged by ada" in mail.accepted[-1][1].get_content()
        before = len(mail.accepted)
        assert score(tmp_path, DAYS[1], *notify)[0] == 0
        assert len(mail.accepted) == before


def test_message_that_cannot_be_sent_is_exit_6_and_goes_out_later(filled, tmp_path, monkeypatch):
    from pulsefront.qc.alerts.notify import delivery

    monkeypatch.setattr(delivery, "_PAUSES_S", ())
    monkeypatch.setattr(delivery, "_FIRST_WAIT_S", 0)
    (tmp_path / "qc.db").write_bytes((filled / "qc.db").read_bytes())
    code, output = score(tmp_path, DAYS[0], "--notify", notify_file(tmp_path, 9))
    assert code == 6
    assert "not told: channel physics" in output
    assert (tmp_path / "out" / f"scores_{DAYS[0]}.json").exists()
    with mail_server() as mail:
        code, output = alerts(tmp_path, "send", "--notify", notify_file(tmp_path, mail.port))
        assert code == 0, output
        assert len(mail.accepted) == len(listed(tmp_path)) > 0


def test_template_of_notify_toml_is_written_once(tmp_path):
    code, output = call("alerts", "new-notify", tmp_path / "notify.toml")
    assert code == 0, output
    assert call("alerts", "new-notify", tmp_path / "notify.toml")[0] == 2

"""pulsefront qc night: whatever is wrong with a part of it, the rest of the night is done."""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
from contextlib import closing

import pytest
from tests.cli.test_qc import call

from pulsefront.cli import qc_inputs, qc_night
from pulsefront.qc.simulate.fleet import write_fleet
from pulsefront.qc.store.lock import locked
from pulsefront.qc.store.problems import DiskFull
from servers import mail_server
from strategies_qc import tiny_fleet

DAY = "2022-10-01"


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    """A site's folder as ``qc init`` makes it, with logs of two years and a model."""
    folder = tmp_path_factory.mktemp("night") / "site"
    assert call("init", folder)[0] == 0
    write_fleet(tiny_fleet(scanners=8, years=2.0), folder / "fleet")
    shutil.copytree(folder / "fleet" / "logs", folder / "logs", dirs_exist_ok=True)
    shutil.copy(folder / "fleet" / "site.toml", folder / "site.toml")
    db = folder / "qc.db"
    ingest = ("ingest", folder / "logs", "--db", db, "--site", folder / "site.toml")
    train = ("train", "--db", db, "--out", folder / "model.zip", "--model", "hazard", "--folds", 2)
    for command in (ingest, train):
        code, output = call(*command)
        assert code == 0, output
    return folder


@pytest.fixture
def site(filled, tmp_path):
    """A copy of that, which a test may change."""
    return shutil.copytree(filled, tmp_path / "site")


def night(site, *more, day=DAY):
    return call("night", site, "--as-of", day, "--false-alerts", 6, *more)


def last(output):
    return output.splitlines()[-1]


def is_scored(site, day=DAY):
    content = json.loads((site / "out" / f"scores_{day}.json").read_text())
    return len(content["scores"]) == 8 * 4


def test_night_ends_in_files_for_their_owner_and_metrics_for_all(site):
    code, output = night(site)
    assert code == 0, output
    assert last(output) == "night: exit code 0, done (ingest 0, score 0, quarantine 0)"
    assert is_scored(site)
    modes = {path.name: path.stat().st_mode & 0o777 for path in (site / "out").iterdir()}
    assert modes.pop("pulsefront_qc.prom") == 0o644
    assert set(modes.values()) == {0o640}
    assert {f"scores_{DAY}.csv", f"scores_{DAY}.json", "quarantine.csv"} <= set(modes)


def test_site_without_a_model_gets_page_and_metrics_and_a_damaged_model_does_not(site):
    (site / "qc.db").unlink()
    (site / "model.zip").unlink()
    ingest = ("ingest", site / "logs", "--db", site / "qc.db", "--site", site / "site.toml")
    assert call(*ingest)[0] == 0
    code, output = night(site)
    assert code == 0, output
    assert last(output) == "night: exit code 0, done (ingest 0, score 0, quarantine 0)"
    assert "no model yet" in output
    page = (site / "out" / "night.html").read_text()
    known = int(re.search(r"no model yet: (\d+) failures are known", page)[1])
    assert known > 0
    assert f"pulsefront qc train --db {site}/qc.db --out model.zip" in page
    metrics = (site / "out" / "pulsefront_qc.prom").read_text()
    assert "pulsefront_qc_quarantined 0.0" in metrics
    assert re.search(r"pulsefront_qc_scored\{.*\} 0\.0", metrics)
    before = {path.name: path.read_bytes() for path in (site / "out").iterdir()}
    assert night(site)[0] == 0
    assert {path.name: path.read_bytes() for path in (site / "out").iterdir()} == before
    again = ("report", "--db", site / "qc.db", "--out", site / "again.html", "--as-of", DAY)
    assert call(*again)[0] == 0
    assert (site / "again.html").read_text() == page
    assert call(*again[:-2])[0] == 0  # of the day of the newest reading
    (site / "model.zip").write_bytes(b"PK damaged")
    assert night(site, "--model", site / "model.zip")[0] == 4


def test_damaged_model_of_the_store_is_code_4(site):
    with closing(sqlite3.connect(site / "qc.db")) as connection, connection:
        connection.execute("UPDATE model SET content = x'00'")
    code, output = night(site)
    assert code == 4, output
    assert not (site / "out" / "night.html").exists()


def test_second_night_of_a_day_leaves_the_same_bytes(site):
    night(site)
    before = {path.name: path.read_bytes() for path in (site / "out").iterdir()}
    assert night(site)[0] == 0
    assert {path.name: path.read_bytes() for path in (site / "out").iterdir()} == before


def test_file_that_cannot_be_read_is_exit_6_and_the_others_are_scored(site):
    (site / "logs" / "broken.xml").write_text("<a>")
    code, output = night(site)
    assert code == 6
    assert last(output) == (
        "night: exit code 6, something was left out, and the rest was done "
        "(ingest 6, score 0, quarantine 0)"
    )
    assert is_scored(site)
    assert "broken.xml" in (site / "out" / "quarantine.csv").read_text()


def test_site_file_that_is_wrong_does_not_stop_the_scores(site):
    (site / "site.toml").write_text("sight = 1\n")
    code, output = night(site)
    assert code == 2
    assert "(ingest 2, score 0, quarantine 0)" in last(output)
    assert is_scored(site)


def test_logs_that_are_gone_do_not_stop_the_scores(site):
    shutil.rmtree(site / "logs")
    code, output = night(site)
    assert code == 3
    assert "(ingest 3, score 0, quarantine 0)" in last(output)
    assert is_scored(site)


def test_empty_folder_of_logs_is_told_on_the_same_night_and_does_not_stop_the_scores(site):
    """An empty folder stayed silent for a week."""
    shutil.rmtree(site / "logs")
    (site / "logs").mkdir()
    code, output = night(site)
    assert code == 3, output
    assert f"ingest: {site / 'logs'}: no file was found" in output
    assert "(ingest 3, score 0, quarantine 0)" in last(output)
    assert is_scored(site)


def test_fault_of_ours_in_the_ingest_does_not_stop_the_scores(site, monkeypatch):
    def wrong(*_args, **_more):
        raise TypeError("what is that?")

    monkeypatch.setattr(qc_night, "ingest", wrong)
    code, output = night(site)
    assert code == 3
    assert "please report it (TypeError: what is that?)" in output
    assert is_scored(site)


def test_store_that_is_gone_is_missed_and_not_begun_anew(site):
    (site / "qc.db").unlink()
    code, output = night(site)
    assert code == 3
    assert "no such QC store" in output
    assert not (site / "qc.db").exists()


def test_other_job_is_exit_5_in_one_line_and_the_next_night_mends_it(site):
    with locked(site / "qc.db"):
        code, output = night(site)
    assert code == 5
    assert output.count("another QC job works on this store") == 1
    assert "(ingest 5, score 5, quarantine 0)" in last(output)
    assert night(site)[0] == 0
    assert is_scored(site)


def test_night_waits_where_the_store_stopped_the_ingest_half_way(site, monkeypatch):
    """It was scored on the files before the disk was full, and a score is never taken back."""

    def full(*_args, **_more):
        raise DiskFull("the disk is full")

    with monkeypatch.context() as patched:
        patched.setattr(qc_night, "ingest", full)
        code, output = night(site)
    assert code == 3
    assert "score: waits for the ingest" in output
    assert "(ingest 3, score 3, quarantine 0)" in last(output)
    assert not (site / "out" / f"scores_{DAY}.json").exists()
    assert night(site)[0] == 0
    assert is_scored(site)


def test_store_that_a_given_model_scored_is_exit_4_without_it_and_keeps_its_page(site):
    with closing(sqlite3.connect(site / "qc.db")) as database:
        database.execute("DELETE FROM model_change")
        database.commit()
    assert night(site, "--model", site / "model.zip")[0] == 0
    before = {path.name: path.read_bytes() for path in (site / "out").iterdir()}
    code, output = night(site)
    assert code == 4
    assert "(ingest 0, score 4, quarantine 0)" in last(output)
    assert {path.name: path.read_bytes() for path in (site / "out").iterdir()} == before


def test_out_folder_that_cannot_be_made_is_exit_2(site):
    shutil.rmtree(site / "out")
    (site / "out").write_text("a file")
    code, output = night(site)
    assert code == 2
    assert "score 2" in last(output)


def test_night_that_opens_an_alert_is_exit_1_where_that_is_wanted(site):
    codes = [night(site, "--exit-on-alerts", day=f"2022-10-{day:02d}")[0] for day in range(1, 16)]
    assert set(codes) == {0, 1}


def test_people_are_told_where_the_folder_says_whom(site):
    with mail_server() as mail:
        (site / "notify.toml").write_text(
            f'[[email]]\nname = "physics"\nhost = "127.0.0.1"\nport = {mail.port}\n'
            'security = "none"\nsender = "qc@example.org"\nrecipients = ["ada@example.org"]\n'
            'digest = "daily"\n'
        )
        assert night(site)[0] == 0
        assert any("alerts not closed" in message["Subject"] for _, message in mail.accepted)


def test_hostile_names_in_a_reason_obey_no_terminal(site, monkeypatch):
    def wrong(*_args, **_more):
        raise qc_inputs.ConfigError("\x1b[2Jgone\n<b>")

    monkeypatch.setattr(qc_night, "ingest", wrong)
    _, output = night(site)
    assert "\x1b" not in output
    assert "\\x1b[2Jgone" in output

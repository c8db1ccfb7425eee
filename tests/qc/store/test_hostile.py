"""Names and cells out of logs are data, never commands: SQL, HTML, paths, formulas, entities."""

from __future__ import annotations

import csv
import io
import os
import stat
import sys

import pytest
from typer.testing import CliRunner

from pulsefront.cli.qc import app
from pulsefront.qc.site import Site
from pulsefront.qc.store.database import Store
from pulsefront.qc.store.ingest import find_files, ingest
from pulsefront.qc.store.tables import schema
from pulsefront.qc.times import end_of_day
from strategies_qc import SITE_OF_CASES, siemens_report, stored_measurements, write_daily

TODAY = end_of_day("2026-11-02")
HOSTILE = (
    "'; DROP TABLE measurement; --",
    "<script>alert(1)</script>",
    "../../../../etc/passwd",
    "=cmd|' /C calc'!A0",
    "@SUM(1+9)*cmd",
    "\x1b[2J\x1b[31mred",
    "PET %s %d {0} ${HOME} `id`",
    "\u202eTEP",
)


@pytest.fixture
def store(tmp_path):
    with Store(tmp_path / "qc.db") as opened:
        yield opened


def row_of(*cells):
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="").writerow(cells)
    return buffer.getvalue()


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_stored_as_they_are(store, tmp_path, name):
    logs = tmp_path / "logs"
    write_daily(logs / "x_daily.csv", row_of(name, name, "511.2", "2026-10-01"))
    result = ingest(store, find_files([logs]), SITE_OF_CASES, now_s=TODAY)
    assert result.counts.new == 1
    frame = stored_measurements(store, name)
    assert frame["test"].tolist() == [name]
    assert sorted(path.name for path in tmp_path.iterdir() if path.name[0] != ".")[0] == "logs"


def quarantine(tmp_path, *more):
    result = CliRunner().invoke(app, ["quarantine", "--db", str(tmp_path / "qc.db"), *more])
    assert result.exit_code == 0, result.output
    return result.output


def test_quarantine_runs_nothing_in_a_spreadsheet_or_a_terminal(store, tmp_path):
    logs = tmp_path / "logs"
    for k, name in enumerate(HOSTILE):
        write_daily(logs / f"{k}_daily.csv", row_of(name, "peak", "broken", "2026-10-01"))
    result = ingest(store, find_files([logs]), SITE_OF_CASES, now_s=TODAY)
    assert result.counts.quarantined == len(HOSTILE)
    for row in csv.reader(io.StringIO(quarantine(tmp_path, "--csv"))):
        assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for cell in row)
    shown = quarantine(tmp_path)
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    assert "\\x1b[2J" in shown


def test_name_of_a_file_that_is_no_text_is_read_and_listed(store, tmp_path):
    logs = tmp_path / "logs"
    logs.mkdir()
    name = os.fsencode(logs) + b"/\xff\n\x1b[2J_daily.csv"
    try:
        with open(name, "wb") as file:
            file.write(b"Scanner,Test,Value,Date\nPET1,peak,broken,2026-10-01\n")
    except OSError:
        pytest.skip("this file system takes text names only")
    result = ingest(store, find_files([logs]), SITE_OF_CASES, now_s=TODAY)
    assert result.counts.rows == result.rows == 1
    assert "\x1b" not in quarantine(tmp_path)


BOMB = """<?xml version="1.0"?>
<!DOCTYPE r [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">
<!ENTITY x SYSTEM "file:///etc/passwd">]>
"""


def test_entities_of_xml_are_refused_and_never_resolved(store, tmp_path):
    path = siemens_report(tmp_path / "PETQCReport_02012014_082412.xml")
    text = path.read_text()
    body = text.partition("?>")[2] if text.startswith("<?xml") else text
    path.write_text(BOMB + body)
    result = ingest(store, [path], Site(), now_s=TODAY)
    assert len(result.refused) == 1
    held = store.frame(schema.quarantine)
    assert "root:" not in held.to_string()


@pytest.mark.skipif(sys.platform == "win32", reason="rights of POSIX")
def test_files_are_for_owner_and_group_alone(tmp_path):
    before = os.umask(0)
    try:
        logs = tmp_path / "logs"
        write_daily(logs / "x_daily.csv", "PET1,peak,511.2,2026-10-01")
        (tmp_path / "site.toml").write_text("")
        runner = CliRunner()
        runner.invoke(app, ["ingest", str(logs), "--db", str(tmp_path / "qc.db")])
        out = tmp_path / "held.csv"
        runner.invoke(app, ["quarantine", "--db", str(tmp_path / "qc.db"), "--out", str(out)])
    finally:
        os.umask(before)
    made = [path for path in tmp_path.iterdir() if path.name.startswith(("qc.db", "held"))]
    assert {"qc.db", "held.csv"} <= {path.name for path in made}
    assert {oct(stat.S_IMODE(path.stat().st_mode)) for path in made} == {"0o640"}

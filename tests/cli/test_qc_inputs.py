"""The commands that read logs, list what was refused, withdraw, and write mappings."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from pulsefront.cli.qc import app
from pulsefront.errors import PulsefrontError
from strategies_qc import TABLE_HEAD, write_daily

SITE = """site = "s"
[mappings."*_daily.csv"]
table = "measurement"
[mappings."*_daily.csv".columns]
unit_id = "Scanner"
test = "Test"
value = "Value"
measured_at = "Date"
"""


@pytest.fixture
def folder(tmp_path):
    """A site with one good row and one that is not."""
    (tmp_path / "site.toml").write_text(SITE)
    write_daily(tmp_path / "logs" / "x_daily.csv", "PET1,peak,511.2,2026-10-01 07:00",
                "PET1,peak,broken,2026-10-02 07:00")  # fmt: skip
    return tmp_path


def call(folder, command, *more):
    """Run a command on the store of a folder; return its code, and all that it said."""
    arguments = [command, *map(str, more), "--db", str(folder / "qc.db")]
    if command in {"ingest", "forget"}:
        arguments += ["--site", str(folder / "site.toml")]
    result = CliRunner().invoke(app, arguments)
    if isinstance(result.exception, PulsefrontError):
        return result.exception.exit_code, str(result.exception)
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.output


def test_ingest_accounts_for_every_row_and_exits_0_where_every_file_gave_something(folder):
    code, said = call(folder, "ingest", folder / "logs")
    assert code == 0, said
    assert "records: 1 new" in said
    assert "1 quarantined; 2 of 2 accounted for" in said
    assert "x_daily.csv: 1 of 2 rows are in quarantine" in said


def test_partial_ingest_is_exit_6_every_night_until_it_is_mended(folder):
    (folder / "logs" / "empty_daily.csv").write_text("")
    assert call(folder, "ingest", folder / "logs")[0] == 6
    code, said = call(folder, "ingest", folder / "logs")
    assert code == 6
    assert "refused (as before)" in said
    (folder / "logs" / "empty_daily.csv").write_text(TABLE_HEAD)
    assert call(folder, "ingest", folder / "logs")[0] == 0


def test_folder_without_a_file_is_told_at_once_with_its_path(folder):
    """Nothing was said for a week."""
    (folder / "empty").mkdir()
    code, said = call(folder, "ingest", folder / "empty")
    assert code == 3
    assert said.startswith(f"{folder / 'empty'}: no file was found; check that the exports arrive")
    code, said = call(folder, "ingest", folder / "logs", folder / "empty")
    assert code == 0
    assert f"note: {folder / 'empty'}: no file was found" in said


def test_last_line_without_an_end_is_named_and_read_again_when_the_file_grows(folder):
    """A value that was cut off was stored and nothing said so."""
    path = folder / "logs" / "x_daily.csv"
    path.write_text("Scanner,Test,Date,Value\nPET1,peak,2026-10-02 07:00,511\n"
                    "PET1,peak,2026-10-03 07:00,51")  # fmt: skip
    code, said = call(folder, "ingest", folder / "logs")
    assert code == 0
    assert "2 new" in said
    assert (
        "x_daily.csv has no line end after its last line ('PET1,peak,2026-10-03 07:00,51')" in said
    )
    path.write_text(path.read_text() + "1.5\n")
    code, said = call(folder, "ingest", folder / "logs")
    assert "0 new, 1 corrected, 1 duplicate" in said
    assert "no line end" not in said
    path.write_text(path.read_text() + "PET1,peak,2026-10")
    code, said = call(folder, "ingest", folder / "logs")
    assert "1 of 3 rows are in quarantine" in said
    assert "no line end" in said


def test_files_passed_over_are_named_with_the_reason(folder):
    (folder / "logs" / "notes.txt").write_text("call the service desk\n")
    code, said = call(folder, "ingest", folder / "logs")
    assert code == 0
    assert "passed over: notes.txt: is a note without a single number" in said


def test_nightly_ingest_makes_no_store_where_it_is_gone(folder):
    code, said = call(folder, "ingest", folder / "logs", "--must-exist")
    assert code == 3
    assert "no such QC store" in said
    assert not (folder / "qc.db").exists()


def test_store_that_is_no_store_is_one_line(folder):
    (folder / "qc.db").write_bytes(b"this is no database at all, whatever its name says" * 30)
    code, said = call(folder, "ingest", folder / "logs")
    assert code == 3
    assert "restore a backup" in said
    assert "\n" not in said


def test_quarantine_lists_file_line_reason_and_remedy(folder):
    call(folder, "ingest", folder / "logs")
    code, said = call(folder, "quarantine")
    assert code == 0
    first, second, *_ = said.splitlines()
    assert first.endswith("x_daily.csv:3: value is no number")
    assert second.strip().startswith("correct the value")
    assert said.endswith("1 rows in quarantine\n")


def test_quarantine_as_json_and_csv_and_by_reason(folder):
    call(folder, "ingest", folder / "logs")
    (row,) = json.loads(call(folder, "quarantine", "--json")[1])
    assert (row["line"], row["reason"]) == (3, "value is no number")
    out = folder / "held.csv"
    assert call(folder, "quarantine", "--out", out)[0] == 0
    assert out.read_text().splitlines()[0] == "file,line,reason,remedy,content,since,retry"
    for wanted, count in ((("--reason", "no number"), 1), (("--file", "other"), 0),
                          (("--since", "2099-01-01"), 0)):  # fmt: skip
        assert call(folder, "quarantine", *wanted)[1].endswith(f"{count} rows in quarantine\n")
    assert call(folder, "quarantine", "--json", "--csv")[0] == 2


@pytest.mark.parametrize(
    ("target", "said"),
    [
        (("x_daily.csv",), "withdrawn: 1 files, 1 records; 1 rows in quarantine dropped"),
        (("*_daily.csv", "--again"), "withdrawn: 1 files, 1 records; 1 rows"),
        (("--unit", "PET1", "--test", "peak"), "withdrawn: 0 files, 1 records"),
        (("--unit", "PET1", "--from", "2026-10-01", "--to", "2026-10-01"), "0 files, 1 records"),
    ],
)
def test_forget(folder, target, said):
    call(folder, "ingest", folder / "logs")
    code, output = call(folder, "forget", *target, "--why", "wrong phantom")
    assert code == 0, output
    assert said in output
    code, output = call(folder, "ingest", folder / "logs")
    assert ("1 new" in output) == ("--again" in target)


def test_forget_lines(folder):
    call(folder, "ingest", folder / "logs")
    lines = f"{folder / 'logs' / 'x_daily.csv'}:2-3"
    code, said = call(folder, "forget", lines, "--why", "wrong phantom")
    assert (code, said) == (0, "withdrawn: 0 files, 1 records; 1 rows in quarantine dropped\n")


def test_forget_wants_to_know_what(folder):
    call(folder, "ingest", folder / "logs")
    assert call(folder, "forget", "--why", "x")[0] == 2
    assert call(folder, "forget", "x_daily.csv", "--unit", "PET1", "--why", "x")[0] == 2
    assert call(folder, "forget", "none.csv", "--why", "x")[0] == 3


def test_new_mapping_goes_into_the_site_file_and_reads_the_table(folder):
    table = write_daily(
        folder / "logs" / "room.csv", "2026-10-01,CAM1,2.18", head="date,machine,uniformity\n"
    )
    runner = CliRunner()
    site = str(folder / "site.toml")
    assert call(folder, "ingest", folder / "logs")[0] == 6
    result = runner.invoke(app, ["new-mapping", str(table), "--into", site])
    assert result.exit_code == 0, result.output
    assert (folder / "site.toml").read_text().startswith(SITE)
    code, said = call(folder, "ingest", folder / "logs")
    assert code == 0, said
    assert "1 new" in said
    again = runner.invoke(app, ["new-mapping", str(table), "--into", site])
    assert isinstance(again.exception, PulsefrontError)
    assert "has a mapping" in str(again.exception)


@pytest.mark.parametrize("content", ["date,machine,uniformity\n", "machine,value\nCAM1,2.18\n"])
def test_mapping_that_would_not_work_leaves_the_site_file_as_it_was(folder, content):
    table = folder / "logs" / "room.csv"
    table.write_text(content)
    site = folder / "site.toml"
    before = site.read_bytes()
    result = CliRunner().invoke(app, ["new-mapping", str(table), "--into", str(site)])
    assert isinstance(result.exception, PulsefrontError)
    assert "does not show enough for a mapping" in str(result.exception)
    assert f"pulsefront qc new-mapping {table} shows" in str(result.exception)
    assert site.read_bytes() == before
    assert [path.name for path in folder.glob(".site*")] == []


def test_empty_table_is_told_in_the_words_of_qc(folder):
    (folder / "logs" / "room.csv").write_text("")
    result = CliRunner().invoke(app, ["new-mapping", str(folder / "logs" / "room.csv")])
    assert str(result.exception).endswith("is empty; export it again")

"""The commands, from logs to scores, with their exit codes."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from pulsefront.cli import qc_support
from pulsefront.cli.qc import app
from pulsefront.errors import PulsefrontError
from pulsefront.qc.backtest.public_sets import PUBLIC_SETS
from pulsefront.qc.models.learners.training import CANDIDATES
from pulsefront.qc.simulate.fleet import write_fleet
from pulsefront.qc.simulate.settings import load_fleet
from pulsefront.qc.store.lock import locked
from strategies_qc import siemens_report, tiny_fleet

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
def fleet(tmp_path_factory):
    """A store with a small fleet in it, and a model trained on it."""
    folder = tmp_path_factory.mktemp("fleet")
    write_fleet(tiny_fleet(scanners=12, years=3.0), folder)
    db = folder / "qc.db"
    code, output = call("ingest", folder / "logs", "--db", db, "--site", folder / "site.toml")
    assert code == 0, output
    code, output = call(
        "train", "--db", db, "--out", folder / "model.zip", "--model", "hazard", "--folds", 2
    )
    assert code == 0, output
    return folder


def score(folder, out, *more, day="2023-06-01"):
    return call("score", "--db", folder / "qc.db", "--model", folder / "model.zip",
                "--as-of", day, "--out", out, *more)  # fmt: skip


def test_scores_come_as_csv_json_and_metrics(fleet, tmp_path):
    code, output = score(fleet, tmp_path)
    assert code == 0, output
    content = json.loads((tmp_path / "scores_2023-06-01.json").read_text())
    assert len(content["scores"]) == 12 * 4
    assert content["scored"] + content["abstained"] == 48
    lines = (tmp_path / "scores_2023-06-01.csv").read_text().splitlines()
    assert len(lines) == 49
    metrics = (tmp_path / "pulsefront_qc.prom").read_text().splitlines()
    scored = [line.split()[-1] for line in metrics if line.startswith("pulsefront_qc_scored{")]
    assert len(scored) == 2  # one line a site
    assert sum(map(float, scored)) == content["scored"]


def test_second_run_gives_the_same_bytes(fleet, tmp_path):
    for name in ("a", "b"):
        assert score(fleet, tmp_path / name, day="2023-05-31")[0] == 0
    for file in sorted((tmp_path / "a").iterdir()):
        assert file.read_bytes() == (tmp_path / "b" / file.name).read_bytes()


@pytest.mark.parametrize("more", [(), ("--from-first",)], ids=["checkpoint", "from first"])
def test_correction_that_comes_later_leaves_a_scored_day_as_it_was(fleet, tmp_path, more):
    shutil.copytree(fleet, tmp_path / "fleet")
    folder = tmp_path / "fleet"
    assert score(folder, tmp_path / "before", *more)[0] == 0
    log = next(folder.glob("logs/*_measurements.csv"))
    head, *rows = log.read_text().splitlines()
    wanted = [row for row in rows if ",2023-05-" in row and "photopeak_kev" in row]
    assert wanted
    corrected = [row.replace("photopeak_kev,5", "photopeak_kev,4") for row in wanted]
    text = "\n".join([head, *corrected]) + "\n"
    (folder / "logs" / "later_measurements.csv").write_text(text)
    code, said = call(
        *("ingest", folder / "logs", "--db", folder / "qc.db", "--site", folder / "site.toml")
    )
    assert code == 0
    assert f"{len(wanted)} corrected" in said
    assert score(folder, tmp_path / "after", *more)[0] == 0
    for file in sorted((tmp_path / "before").iterdir()):
        assert file.read_bytes() == (tmp_path / "after" / file.name).read_bytes()


def test_dry_run_writes_nothing(fleet, tmp_path):
    code, _ = score(fleet, tmp_path / "out", "--dry-run", day="2023-05-30")
    assert code == 0
    assert not (tmp_path / "out").exists()


def test_second_job_leaves_with_its_own_exit_code(fleet, tmp_path):
    with locked(fleet / "qc.db"):
        assert score(fleet, tmp_path)[0] == 5
        assert call("ingest", fleet / "logs", "--db", fleet / "qc.db")[0] == 5


def test_damaged_model_is_exit_4(fleet, tmp_path):
    data = bytearray((fleet / "model.zip").read_bytes())
    data[len(data) // 2] ^= 1
    (tmp_path / "bad.zip").write_bytes(data)
    code, message = call("score", "--db", fleet / "qc.db", "--model", tmp_path / "bad.zip",
                         "--as-of", "2023-06-01", "--out", tmp_path)  # fmt: skip
    assert code == 4, message


def test_names_in_help_texts_are_those_of_the_models_and_sets():
    assert qc_support.CANDIDATES == CANDIDATES
    assert set(qc_support.PUBLIC) == set(PUBLIC_SETS)


def test_missing_store_and_early_day_are_exit_3(fleet, tmp_path):
    code, _ = call("score", "--db", tmp_path / "no.db", "--model", fleet / "model.zip",
                   "--as-of", "2023-06-01", "--out", tmp_path)  # fmt: skip
    assert code == 3
    assert score(fleet, tmp_path, day="1999-01-01")[0] == 3


def test_wrong_day_is_a_usage_error(fleet, tmp_path):
    assert score(fleet, tmp_path, day="01/06/2023")[0] == 2


def test_partial_ingest_is_exit_6_and_names_the_file(tmp_path):
    siemens_report(tmp_path / "PETQCReport_02012014_082412.xml")
    (tmp_path / "empty.xml").write_text("")
    code, output = call("ingest", tmp_path, "--db", tmp_path.parent / "partial.db")
    assert code == 6
    assert "2 files" in output
    assert "1 refused" in output
    assert "read as: 1 siemens" in output


def test_unknown_path_is_an_error(tmp_path):
    assert call("ingest", tmp_path / "nothing", "--db", tmp_path / "qc.db")[0] == 3


def test_report_is_drawn_again_from_json(fleet, tmp_path):
    code, output = call(
        *("backtest", "--db", fleet / "qc.db", "--out", tmp_path, "--folds", 2),
        *("--models", "age,ewma,hazard", "--null-repeats", 2),
        *("--truth", fleet / "failures.csv"),
    )
    assert code == 0, output
    first = (tmp_path / "backtest.html").read_text()
    assert "No public longitudinal set" in first
    code, output = call("report", tmp_path / "backtest.json", "--out", tmp_path / "again.html")
    assert code == 0, output
    assert "Failures found" in first or "failures found" in first
    (tmp_path / "bad.json").write_text("{}")
    assert call("report", tmp_path / "bad.json")[0] == 2


BARE_HOST = """
import json, sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"torch", "onnx", "onnxruntime", "hls4ml", "xraydb"}:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Absent())
from pulsefront.cli.main import main

for arguments in json.load(sys.stdin):
    sys.argv = ["pulsefront", "qc", *arguments]
    try:
        main()
    except SystemExit as done:
        print(f"qc {arguments[0]}: exit code {done.code}", flush=True)
"""


@pytest.mark.slow
def test_qc_host_without_torch_and_onnx_goes_from_logs_to_pages(tmp_path):
    """One site of the demonstration's fleet, over two years, where none of them is."""
    logs, db = tmp_path / "fleet" / "logs", tmp_path / "qc.db"
    demo = load_fleet("demo")
    small = demo.model_copy(update={"years": 2.0, "sites": demo.sites[:1]})
    write_fleet(small, tmp_path / "fleet")
    model, result = tmp_path / "model.zip", tmp_path / "backtest.json"
    plain = ("--models", "age,hazard", "--folds", 2)
    commands = [
        ("init", tmp_path / "site"),
        ("ingest", logs, "--db", db, "--site", tmp_path / "fleet" / "site.toml"),
        ("train", "--db", db, "--out", model, "--model", "hazard", *plain),
        ("score", "--db", db, "--model", model, "--as-of", "2023-12-01", "--out", tmp_path),
        ("backtest", "--db", db, "--out", tmp_path, "--null-repeats", 2, *plain),
        ("report", result, "--out", tmp_path / "again.html"),
        ("train", "--db", db, "--out", model, "--onnx", tmp_path / "model.onnx"),
    ]
    done = subprocess.run(
        [sys.executable, "-c", BARE_HOST],
        input=json.dumps([[str(a) for a in arguments] for arguments in commands]),
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    codes = [line.split()[-1] for line in done.stdout.splitlines() if "exit code" in line]
    assert codes == ["0", "0", "0", "0", "0", "0", "3"], done.stdout + done.stderr
    assert len(json.loads((tmp_path / "scores_2023-12-01.json").read_text())["scores"]) == 6 * 7
    assert "Failures found" in (tmp_path / "again.html").read_text(encoding="utf-8")
    assert "pulsefront[firmware]" in done.stderr
    assert "Traceback" not in done.stderr

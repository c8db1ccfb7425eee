"""What the base install does without its extras, and what it says where it needs one.

The extras are hidden from Python here; `make package` installs the wheel without them.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from bare_install import OPTIONAL, run_bare, run_without
from pulsefront.files import firmware_export_directory, sim_data_directory
from pulsefront.qc.simulate.fleet import write_fleet
from strategies_events import pulses, wavedump_bytes
from strategies_qc import tiny_fleet

IMPORT_ALL = """
import importlib, json, pkgutil, pulsefront
failed = {}
for module in pkgutil.walk_packages(pulsefront.__path__, "pulsefront."):
    if module.name != "pulsefront.__main__":
        try:
            importlib.import_module(module.name)
        except ModuleNotFoundError as error:
            failed[module.name] = error.name
print(json.dumps(failed))
"""

HELP_OF_ALL = """
import sys, typer.main
from pulsefront.cli.main import app

def leaves(group, path=()):
    for name, command in group.commands.items():
        inner = hasattr(command, "commands")
        yield from leaves(command, (*path, name)) if inner else [(*path, name)]

for path in [(), *leaves(typer.main.get_command(app))]:
    app([*path, "--help"], standalone_mode=False)
"""

REFERENCE = firmware_export_directory() / "reference"


def test_only_training_and_search_import_torch_and_nothing_imports_other_extras() -> None:
    result = run_without(OPTIONAL, IMPORT_ALL)
    assert result.returncode == 0, result.stderr
    failed = json.loads(result.stdout)
    assert set(failed.values()) == {"torch"}
    assert {name.split(".")[1] for name in failed} == {"networks", "search"}


def test_help_of_every_command() -> None:
    result = run_without(OPTIONAL, HELP_OF_ALL)
    assert result.returncode == 0, result.stderr
    assert result.stdout.count("Usage: ") > 10


@pytest.mark.parametrize(
    ("arguments", "tool", "extras"),
    [
        (("run", "timing_lyso_pair"), "torch", "train,firmware"),
        (("export", str(REFERENCE / "model.json"), "--out", "out"), "onnx", "firmware"),
        (("verify", str(REFERENCE)), "onnxruntime", "firmware"),
        (("simulate", "bgo_pair_3x3x15", "--events", "1", "--out", "a.h5",
          "--scheduler", "tcp://127.0.0.1:1"), "distributed", "cluster"),
    ],
    ids=["run", "export", "verify", "scheduler"],
)  # fmt: skip
def test_a_command_says_in_one_line_which_extra_it_needs(
    arguments: tuple[str, ...], tool: str, extras: str, tmp_path: Path
) -> None:
    result = run_bare(*arguments, folder=tmp_path)
    assert result.returncode == 3
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    assert result.stderr.startswith(f"pulsefront: {tool} is needed for ")
    assert result.stderr.endswith(f"; pip install 'pulsefront[{extras}]'\n")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("content", "extra"), [(b"PAR1" * 8, "parquet"), (b"root" * 8, "root")], ids=["parquet", "root"]
)
def test_a_file_names_the_extra_that_reads_it(content: bytes, extra: str, tmp_path: Path) -> None:
    (tmp_path / "run").write_bytes(content)
    result = run_bare("inspect", "run", "--no-figure", folder=tmp_path)
    assert result.returncode == 3
    assert result.stderr.endswith(f"; pip install 'pulsefront[{extra}]'\n")


def test_a_database_names_the_extra_that_reaches_it(tmp_path: Path) -> None:
    arguments = ("ingest", str(tmp_path), "--db", "postgresql://127.0.0.1/qc")
    result = run_bare("qc", *arguments, folder=tmp_path)
    assert result.returncode == 3
    assert result.stderr.endswith("; pip install 'pulsefront[postgresql]'\n")


def test_debug_shows_where_the_extra_was_wanted() -> None:
    result = run_bare("--debug", "verify", str(REFERENCE))
    assert result.returncode == 1
    assert "Traceback" in result.stderr
    assert "onnxruntime" in result.stderr


def test_a_detector_is_described_and_drawn(tmp_path: Path) -> None:
    detector = sim_data_directory() / "detectors" / "bgo_pair_3x3x15.toml"
    result = run_bare("inspect", str(detector), folder=tmp_path)
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "bgo_pair_3x3x15_inspect.png").read_bytes().startswith(b"\x89PNG")


def test_measured_pulses_become_a_store_and_a_table(tmp_path: Path) -> None:
    (tmp_path / "wave0.dat").write_bytes(wavedump_bytes(pulses(30).astype(np.uint16)))
    result = run_bare("ingest", "wave0.dat", "--out", "run.h5", folder=tmp_path)
    assert result.returncode == 0, result.stderr
    result = run_bare("pickoff", "run.h5", "--out", "pulses", folder=tmp_path)
    assert result.returncode == 0, result.stderr
    assert len((tmp_path / "pulses" / "events.csv").read_text().splitlines()) == 1 + 30


def test_a_qc_host_ingests_trains_and_scores(tmp_path: Path) -> None:
    write_fleet(tiny_fleet(scanners=6, years=2.0), tmp_path)
    for arguments in (
        ("ingest", "logs", "--db", "qc.db", "--site", "site.toml"),
        ("train", "--db", "qc.db", "--out", "model.zip", "--model", "hazard", "--folds", "2"),
        ("score", "--db", "qc.db", "--model", "model.zip", "--as-of", "2023-06-01", "--out", "."),
    ):
        result = run_bare("qc", *arguments, folder=tmp_path)
        assert result.returncode == 0, result.stderr
    assert json.loads((tmp_path / "scores_2023-06-01.json").read_text())["scores"]

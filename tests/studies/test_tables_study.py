"""A study with networks of look-up tables: trained, judged, proved, and told beside the other."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from pulsefront.errors import ConfigError, ToolMissing
from pulsefront.firmware.verify import verify_export
from pulsefront.fixed_point import FixedPointModel
from pulsefront.search.beside import model_residuals
from pulsefront.studies.files import early
from pulsefront.studies.folders import RunFolders, read_split
from pulsefront.studies.kinds import kind_of
from pulsefront.studies.load import load_study
from pulsefront.studies.run import run_study

TABLES = """
[tables]
inputs = [3]
sample_bits = 5
targets = ["onnx", "c99"]
[tables.training]
epochs = 2
batch = 64
"""


def with_tables(timing_run: Path, folder: Path, text: str = TABLES) -> Path:
    run = folder / "run"
    shutil.copytree(timing_run, run)
    study = folder / "study.toml"
    study.write_text((timing_run / "study.toml").read_text() + text)
    return run_study(study, run, lambda _: None)


@pytest.fixture(scope="module")
def run(timing_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return with_tables(timing_run, tmp_path_factory.mktemp("tables"))


def test_results_and_page_have_both_networks(run: Path) -> None:
    results = json.loads((run / "results.json").read_text())
    found, test = results["tables"], results["tables_test"]
    assert [len(trial["inputs"]) for trial in found["trials"]] == [
        len(results["model"]["kept_inputs"]), 3,
    ]  # fmt: skip
    assert sum(trial["accepted"] for trial in found["trials"]) == 1
    assert (test["mismatches"], len(test["tables"]), len(test["searched"])) == (0, 3, 3)
    assert test["integers_compared"] > 3 * 100  # emulator, ONNX Runtime and C, all vectors
    assert {"emulator", "onnxruntime", "C host"} <= set(test["executors"])
    page = (run / "report.html").read_text()
    assert "Networks of look-up tables" in page
    assert f"{found['cost']['lut']:,}" in page


def test_what_is_told_of_the_test_set_is_what_the_exported_integers_say(run: Path) -> None:
    folders = RunFolders(run / "steps")
    found = json.loads(folders.tables.read_text())
    test = json.loads(folders.tables_test.read_text())
    parts = read_split(folders)
    task = kind_of(load_study(run / "study.toml")[0]).learning_task(parts, folders)
    model = FixedPointModel.load(folders.tables_model)
    residuals = model_residuals(task, model, np.array(found["kept_inputs"]), parts.split.test)
    assert task.metric(residuals) == test["tables"][found["best_initialization"]]
    exported = FixedPointModel.load(run / "steps/tables_test/firmware/model.json")
    assert exported.to_json() == model.to_json()
    assert verify_export(run / "steps/tables_test/firmware", drawn=2000, seed=1).passed


def test_the_searched_network_is_the_same_with_and_without(run: Path, timing_run: Path) -> None:
    model = "steps/search/model.json"
    assert (run / model).read_text() == (timing_run / model).read_text()


def test_a_table_of_more_inputs_than_there_are_is_refused(timing_run: Path, tmp_path: Path) -> None:
    text = TABLES.replace("sample_bits = 5", "sample_bits = 3\nfan_in = 4")
    with pytest.raises(ConfigError, match=r"tables.fan_in.*reads 3.*smaller fan_in"):
        with_tables(timing_run, tmp_path, text)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("sample_bits = 13", r"2\^13 entries, and the most is 4096"),
        ('targets = ["rtl"]', "rtl_unrolled"),
        ("table_bits = 5", "table_bits"),
    ],
)
def test_what_cannot_be_is_said_when_the_file_is_read(
    tmp_path: Path, given: str, told: str
) -> None:
    study = tmp_path / "study.toml"
    shipped, _ = load_study("timing_lyso_pair")
    text = f'kind = "timing"\nname = "toy"\ndetector = "{shipped.detector}"\n[tables]\n{given}\n'
    study.write_text(text)
    with pytest.raises(ConfigError, match=told):
        load_study(study)


def test_gates_are_counted_only_where_a_tool_is_there(tmp_path: Path, monkeypatch) -> None:
    study, file = load_study("timing_lyso_pair_tables")
    assert study.tables is not None
    wanted = study.tables.model_copy(update={"count_gates": True})

    def missing(name: str) -> None:
        raise ToolMissing(name, needed_for="counting gates", install="a package")

    monkeypatch.setattr(early, "find_tool", missing)
    asked = study.model_copy(update={"tables": wanted})
    assert [type(one) for one in early.early_problems(asked, file)] == [ToolMissing]
    assert early.early_problems(study, file) == []

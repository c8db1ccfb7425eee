"""The small timing study with a head for the error of every coincidence, from file to report."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from pulsefront.errors import ConfigError
from pulsefront.files import sim_data_directory
from pulsefront.fixed_point import FixedPointModel
from pulsefront.studies.folders import RunFolders
from pulsefront.studies.run import run_study

HEAD = """
[uncertainty]
nodes = [4, 2]
false_rate = 0.02
pruned = [0.5]
[uncertainty.float_training]
epochs = 4
batch = 128
[uncertainty.quantized_training]
epochs = 1
batch = 128
"""


def with_head(timing_run: Path, folder: Path, *, text: str = HEAD) -> Path:
    """Return the run directory of the study with a head; what came before it is not repeated."""
    run = folder / "run"
    shutil.copytree(timing_run, run)
    study = folder / "study.toml"
    study.write_text((timing_run / "study.toml").read_text() + text)
    return run_study(study, run, lambda _: None)


@pytest.fixture(scope="module")
def run(timing_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return with_head(timing_run, tmp_path_factory.mktemp("head"))


@pytest.fixture(scope="module")
def results(run: Path) -> dict[str, dict[str, object]]:
    return json.loads((run / "results.json").read_text())


def test_the_estimates_keep_their_integers(run: Path) -> None:
    folders = RunFolders(run / "steps")
    plain, both = FixedPointModel.load(folders.searched_model), FixedPointModel.load(folders.model)
    (port,) = plain.inputs
    random = np.random.default_rng(1)
    inputs = random.integers(port.format.minimum, port.format.maximum + 1, (5000, *port.shape))
    inputs[0], inputs[1] = port.format.minimum, port.format.maximum
    before, after = plain.run(inputs), both.run(inputs)
    assert after.shape[1] == before.shape[1] + 1
    assert np.array_equal(after[:, :-1], before)


def test_every_executor_is_compared_on_the_head_too(
    run: Path, results: dict[str, dict[str, object]]
) -> None:
    proof = results["verification"]
    assert proof["passed"]
    assert proof["mismatches"] == 0
    extra = [row for row in proof["rows"] if row["vector_set"] == "extra"]
    assert {row["integers"] // row["vectors"] for row in extra} == {2}
    exported = FixedPointModel.load(run / "steps" / "export" / "firmware" / "model.json")
    assert exported.to_json() == FixedPointModel.load(RunFolders(run / "steps").model).to_json()


def test_estimates_and_figures_are_those_of_the_network_without_it(
    timing_run: Path, results: dict[str, dict[str, object]]
) -> None:
    before = json.loads((timing_run / "results.json").read_text())
    for key in ("estimators", "gain", "subgroups", "external", "failures", "input_uses"):
        assert results["test"][key] == before["test"][key], key
    assert "event_uncertainty" not in before["test"]
    cost = results["test"]["event_uncertainty"]["head"]["cost"]
    for key, added in cost.items():
        assert results["model"][key] - before["model"][key] == pytest.approx(added)
        assert added > 0


def test_regions_hold_what_the_record_says(
    run: Path, results: dict[str, dict[str, object]]
) -> None:
    found = results["test"]["event_uncertainty"]
    assert [row["share"] for row in found["coverage"]] == [0.68, 0.95]
    folders = RunFolders(run / "steps")
    with np.load(folders.test_arrays) as arrays:
        inputs = arrays["inputs"][:, arrays["kept_inputs"]].astype(np.int64)
    told_scales = FixedPointModel.load(folders.model).run(inputs)[:, -1]
    scales = np.maximum(told_scales, found["head"]["least"])
    scales = scales.reshape(-1, 2).sum(axis=1)
    with np.load(folders.evaluation_arrays) as arrays:
        residual = arrays["residual_network_ps"]
    errors = np.abs(residual - np.median(residual)) / 1000.0
    for region, told in zip(found["head"]["regions"], found["coverage"], strict=True):
        part = np.searchsorted(region["edges"], scales)
        factor = np.array(region["numerators"])[part] / 2 ** region["fraction_bits"]
        radius = scales * factor * found["head"]["step"]
        assert (errors <= radius).mean() == pytest.approx(told["inside"], abs=1.5 / len(errors))
        assert told["inside_low"] <= told["inside"] <= told["inside_high"]
    assert found["curves"][0]["by"] == "the head"
    assert all(0 < kept <= 1 for kept in found["cut_kept"].values())


def test_the_tests_of_the_inputs_are_exported_and_flag_as_recorded(
    run: Path, results: dict[str, dict[str, object]]
) -> None:
    folders = RunFolders(run / "steps")
    check = FixedPointModel.load(folders.input_check)
    exported = FixedPointModel.load(folders.exported_check / "model.json")
    assert exported.to_json() == check.to_json()
    assert {"model.onnx", "c99"} <= {path.name for path in folders.exported_check.iterdir()}
    with np.load(folders.test_arrays) as arrays:
        inputs = arrays["inputs"][:, arrays["kept_inputs"]].astype(np.int64)
    flagged = (check.run(inputs) > 0).mean(axis=0)
    told = results["test"]["event_uncertainty"]["input_tests"]
    assert [row["flagged"] for row in told["tests"]] == pytest.approx(flagged.tolist())
    assert flagged.max() < 0.2
    (less,) = [row for row in told["caught"] if "times" in row["inputs"]]
    assert 0 <= less["by_any"] <= 1


def test_the_report_has_a_section_of_it(run: Path) -> None:
    page = (run / "report.html").read_text()
    assert "Uncertainty of single events" in page
    assert "Median error of the events that are kept" in page


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[uncertainty]\nshares = [0.999]\n", "needs at least 999 selection events, and there"),
        ("[uncertainty]\nshares = [1.0]\n", "shares: takes different numbers between 0 and 1"),
        ("[uncertainty]\nshares = [0.5, 0.5]\n", "shares: takes different numbers"),
        ("[uncertainty]\nfalse_rate = 0.001\n", "at least 1000 selection events, and there"),
        ("[uncertainty]\nquantile = 1.5\n", "quantile"),
    ],
)
def test_what_cannot_be_calibrated_is_refused_in_one_line(
    timing_run: Path, tmp_path: Path, text: str, words: str
) -> None:
    with pytest.raises(ConfigError, match=words) as caught:
        with_head(timing_run, tmp_path, text=text)
    assert "\n" not in str(caught.value)


def test_a_kind_without_errors_of_events_is_refused_before_anything_is_done(tmp_path: Path) -> None:
    study = tmp_path / "study.toml"
    shipped = sim_data_directory() / "studies" / "motion_brain.toml"
    study.write_text(shipped.read_text() + "\n[uncertainty]\n")
    with pytest.raises(ConfigError, match="a motion study has no error of an event"):
        run_study(study, tmp_path / "run", lambda _: None)
    assert not (tmp_path / "run").exists()

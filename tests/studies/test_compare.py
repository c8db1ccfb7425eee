"""Runs beside each other: on the same events, and never on others."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from pulsefront.cli.main import app
from pulsefront.errors import ConfigError, DataError
from pulsefront.studies.compare import compare_runs
from pulsefront.studies.run import run_study
from studies_small import TIMING_CHANGES, small


@pytest.fixture(scope="module")
def runs(timing_run: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("compared")
    study = folder / "study.toml"
    # Data and split are those of the first; the network is smaller.
    shutil.copytree(timing_run, folder / "second")
    study.write_text(small("timing_lyso_pair", {**TIMING_CHANGES, "hidden": "[2, 2]"}))
    return timing_run, run_study(study, folder / "second", lambda _: None)


def test_a_run_reaches_in_the_comparison_what_its_report_says(runs) -> None:
    found = compare_runs(runs)
    results = [json.loads((run / "results.json").read_text()) for run in runs]
    for row, told in zip(found.networks, results, strict=True):
        network = told["test"]["estimators"]["network"]
        assert row.measured["ctr_fwtm_ps"].value == pytest.approx(network["ctr_fwtm_ps"], rel=1e-9)
        assert row.weight_bytes == told["model"]["weight_bytes"]
    assert found.test_events == results[0]["test"]["test_events"]


def test_differences_are_those_of_the_values_and_their_signs_agree(runs) -> None:
    there, back = compare_runs(runs), compare_runs(runs[::-1])
    first, second = there.networks
    for one, other in zip(second.differences, back.networks[1].differences, strict=True):
        value = second.measured[one.metric].value - first.measured[one.metric].value
        assert one.difference.value == pytest.approx(value, abs=1e-6)
        assert other.difference.value == pytest.approx(-one.difference.value, abs=1e-6)
        assert one.difference.low <= one.difference.value <= one.difference.high
        assert {one.verdict, other.verdict} in (
            {"better", "worse"},
            {"not shown to differ"},
        )


def test_the_command_prints_a_table_and_writes_a_page(runs, tmp_path) -> None:
    arguments = ["compare", *map(str, runs), "--out", str(tmp_path / "page.html")]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    assert "test events that all of them were kept from" in done.output
    assert "timing_lyso_pair (2)" in done.output
    assert "times its bytes" in (tmp_path / "page.html").read_text()
    told = json.loads(CliRunner().invoke(app, [*arguments, "--json"]).output)
    assert told["kind"] == "timing"
    assert len(told["networks"]) == 2


def test_only_events_that_all_were_kept_from_are_used(runs, tmp_path) -> None:
    other = tmp_path / "other"
    shutil.copytree(runs[1], other)
    file = other / "steps" / "split" / "split.npz"
    with np.load(file) as arrays:
        content = dict(arrays)
    # Half of the test events of the first have trained the other.
    half = len(content["test"]) // 2
    content["train"] = np.concatenate([content["train"], content["test"][:half]])
    content["test"] = content["test"][half:]
    np.savez(file, **content)
    found = compare_runs([runs[0], other])
    assert found.test_events == len(content["test"])
    content["test"] = content["test"][:20]
    np.savez(file, **content)
    with pytest.raises(DataError, match="20 test events in common"):
        compare_runs([runs[0], other])


def test_what_cannot_be_compared_is_refused(runs, tmp_path) -> None:
    with pytest.raises(ConfigError, match="two runs or more"):
        compare_runs(runs[:1])
    with pytest.raises(DataError, match="nothere: holds no finished run"):
        compare_runs([tmp_path / "nothere"])
    with pytest.raises(ConfigError, match="named twice"):
        compare_runs([runs[0], runs[0]])
    with pytest.raises(DataError, match="holds no finished run"):
        compare_runs([runs[0], tmp_path])
    other = tmp_path / "other"
    shutil.copytree(runs[1], other)
    step = other / "steps" / "data" / "step.json"
    content = json.loads(step.read_text())
    content["files"] = {"events.h5": "0" * 64}
    step.write_text(json.dumps(content))
    with pytest.raises(DataError, match="other events than the first"):
        compare_runs([runs[0], other])

"""A small study of motion of the patient, from file to report."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from pulsefront.cli.main import app
from pulsefront.errors import ConfigError
from pulsefront.events import store
from pulsefront.fixed_point import FixedPointModel
from pulsefront.motion.frames import merge_steps
from pulsefront.motion.judge.tune import CLASSICAL
from pulsefront.motion.traces.store import write_trace
from pulsefront.studies.blind import without_test_labels
from pulsefront.studies.compare import compare_runs
from pulsefront.studies.files.start import new_evaluation
from pulsefront.studies.folders import RunFolders, read_split
from pulsefront.studies.kinds.motion.data import scans_of
from pulsefront.studies.kinds.motion.deployed import network_of_run
from pulsefront.studies.monitor import profile_of_run
from pulsefront.studies.run import run_study
from strategies_motion import drifting
from studies_small import small

CHANGES = {
    "patients_train": "3",
    "patients_selection": "2",
    "patients_test": "3",
    "rates_per_s": "[50000]",
    "duration_s": "300\nvoxel_mm = 20",
    "held_out_vectors": "200",
    "hidden": "[5]",
}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("motion")
    text = small("motion_brain", CHANGES) + "[statistics]\nreplicates = 100\n"
    (folder / "study.toml").write_text(text)
    return run_study(folder / "study.toml", folder / "run", lambda _: None)


def test_an_interval_is_positive_where_a_step_was_in_the_last_half_minute(run: Path) -> None:
    events = store.read(run / "steps" / "data" / "events.h5")
    seen = 0
    for scan in events.provenance["scans"]:
        rows = events.select(events["scan"] == scan["scan"])
        ends = rows["time_s"] + rows["duration_s"]
        for when in ends[rows["moved"] == 1]:
            since = [when - start - length for start, length, *_ in scan["moves"]]
            assert any(0 < seconds <= 30 for seconds in since)
            seen += 1
        if not scan["moves"]:
            assert (rows["moved"] != 1).all()
    assert seen > 100


def test_counts_of_a_classical_detector_are_those_of_its_own_steps(run: Path) -> None:
    """Bayes at its tuned threshold on the stored test scans, counted here anew."""
    test = json.loads((run / "results.json").read_text())["test"]
    missed = false = steps = 0
    for scan in scans_of(store.read(run / "steps" / "data" / "events.h5"), "test"):
        (trace,) = scan.stretches
        found = list(merge_steps(CLASSICAL["bayes"](trace, test["thresholds"]["bayes"]), trace))
        for move in scan.moves:
            start = move.move.start_s
            near = [
                one
                for one in found
                if abs(one.start_s - start) <= 15 and start <= one.decided_s <= start + 90
            ]
            steps += 1
            missed += not near or near[0].decided_s > start + 30
            if near:
                found.remove(near[0])
        false += len(found)
    row = test["estimators"]["bayes"]
    assert test["test_steps"] == steps == 3
    assert row["missed_steps_percent"] == pytest.approx(100 * max(missed, 0.5) / steps)
    assert row["false_splits_per_10_min"] == pytest.approx(max(false, 0.5) / 3.0, rel=1e-6)


def test_no_patient_and_no_scan_is_in_two_parts(run: Path) -> None:
    data = json.loads((run / "results.json").read_text())["data"]
    assert data["leak_test_passed"]
    assert data["scans"] == {"train": 6, "selection": 4, "test": 6}
    assert data["shared_patients_of_train_and_test"] == 0
    assert "events_outside_photopeak" not in data
    assert "minimum_distance_mm" not in data


def test_movements_of_test_scans_are_hidden_while_detectors_are_tuned(run: Path) -> None:
    parts = read_split(RunFolders(run / "steps"))
    blind = without_test_labels(parts)
    assert sum(len(scan.moves) for scan in scans_of(parts.events, "test")) == 3
    assert not any(scan.moves for scan in scans_of(blind.events, "test"))
    assert sum(len(scan.moves) for scan in scans_of(blind.events, "selection")) == 2
    of_test = [scan.number for scan in scans_of(parts.events, "test")]
    rows = np.isin(parts.events["scan"], of_test)
    assert (blind.events["moved"][rows] == -1).all()
    assert (blind.events["moved"][~rows] == parts.events["moved"][~rows]).all()


def test_exported_network_is_proved_to_the_bit(run: Path) -> None:
    verification = json.loads((run / "results.json").read_text())["verification"]
    assert verification["passed"]
    assert verification["mismatches"] == 0
    assert verification["integers_compared"] >= 2 * 200


def test_the_log_loss_is_that_of_the_exported_integers(run: Path) -> None:
    folders = RunFolders(run / "steps")
    test = json.loads((run / "results.json").read_text())["test"]
    model = FixedPointModel.load(folders.model)
    with np.load(folders.test_arrays) as arrays:
        inputs = arrays["inputs"][:, arrays["kept_inputs"]].astype(np.int64)
    (form,) = model.output_formats.values()
    scores = form.values(model.run(inputs))
    chance = 1 / (1 + np.exp(scores[:, 0] - scores[:, 1]))
    moved = read_split(folders).test["moved"] == 1
    loss = -np.log(np.where(moved, chance, 1 - chance)).mean()
    assert test["estimators"]["network"]["log_loss_nats"] == pytest.approx(loss, rel=1e-9)


def test_pulsefront_motion_uses_the_network_of_a_run(run: Path, tmp_path: Path) -> None:
    """Its decisions on a file are those that the study counted: same integers, same threshold."""
    write_trace(tmp_path / "scan.h5", drifting(300, seed=5, steps=((150, (3.0, 0.0, 0.0)),)))
    page = tmp_path / "found.html"
    answer = CliRunner().invoke(
        app, ["motion", str(tmp_path / "scan.h5"), "--detector", "network", "--model", str(run),
              "--out", str(page)],
    )  # fmt: skip
    assert answer.exit_code in (0, 1), answer.output
    found = json.loads(page.with_suffix(".json").read_text())
    thresholds = json.loads((run / "results.json").read_text())["test"]["thresholds"]
    assert found["settings"]["network"]["threshold"] == thresholds["network"]
    assert found["settings"]["model"] == "motion_brain"
    other = CliRunner().invoke(
        app, ["motion", str(tmp_path / "scan.h5"), "--detector", "network", "--model", str(run),
              "--interval-s", "2"],
    )  # fmt: skip
    assert other.exit_code != 0
    assert "trained on intervals of 1 s" in str(other.exception)


def test_what_a_motion_study_does_not_do_is_said_in_a_line(run: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no finished study of motion"):
        network_of_run(tmp_path)
    with pytest.raises(ConfigError, match="whose scans an evaluation does not read"):
        new_evaluation(run, "later", folder=tmp_path)
    with pytest.raises(ConfigError, match="no files of events"):
        profile_of_run(run, ["some.csv"])


def test_a_run_beside_itself_has_the_same_log_loss(run: Path, tmp_path: Path) -> None:
    shutil.copytree(run, tmp_path / "copy")
    found = compare_runs([run, tmp_path / "copy"])
    first, second = found.networks
    assert found.main_metric == "log_loss_nats"
    assert second.measured["log_loss_nats"] == first.measured["log_loss_nats"]
    test = json.loads((run / "results.json").read_text())["test"]
    expected = test["estimators"]["network"]["log_loss_nats"]
    assert first.measured["log_loss_nats"].value == pytest.approx(expected, rel=1e-9)
    assert second.differences[0].difference.value == 0.0


def test_report_and_cards_speak_of_patients_and_show_traces(run: Path) -> None:
    page = (run / "report.html").read_text()
    assert "what the network found, drawn over the trace" in page
    assert "Patients and scans" in page
    assert "false splits" in page
    for text in (page, *((run / f"{name}_card.md").read_text() for name in ("model", "data"))):
        assert "photopeak" not in text.lower()
        assert "stage position" not in text

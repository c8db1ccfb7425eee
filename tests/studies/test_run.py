"""Small studies run from file to report; killed runs resume to the same numbers."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pulsefront.errors import (
    BudgetError,
    ConfigError,
    PulsefrontError,
    ToolMissing,
    UnsupportedLayer,
)
from pulsefront.events import store
from pulsefront.files import sim_data_directory
from pulsefront.firmware.rtl.time_shared.plan import plan
from pulsefront.fixed_point import FixedPointModel
from pulsefront.studies.load import load_study
from pulsefront.studies.run import run_study
from studies_small import POSITION_CHANGES, TIMING_CHANGES, small, without_host


def test_one_test_offset_is_refused(tmp_path: Path) -> None:
    study = tmp_path / "study.toml"
    study.write_text(
        small("timing_lyso_pair", {**TIMING_CHANGES, "offsets_mm": "[-20, -10, 0, 10, 20]"})
    )
    with pytest.raises(ConfigError, match=r"offsets_mm: are too few.*at least 7"):
        run_study(study, tmp_path / "run", lambda _: None)


@pytest.mark.parametrize(
    "name",
    sorted(f.stem for f in (sim_data_directory() / "studies").glob("*.toml")),
)
def test_shipped_studies_are_valid(name: str) -> None:
    study, path = load_study(name)
    assert study.name == name == path.stem


def test_report_opens_offline_and_results_are_whole(timing_run: Path) -> None:
    page = (timing_run / "report.html").read_text()
    addresses = set(re.findall(r"""(?:src|href)=["'](?!#|data:)([^"']+)""", page))
    assert addresses == {"model_card.md", "data_card.md", "results.json"}
    assert all((timing_run / name).is_file() for name in addresses)
    results = json.loads((timing_run / "results.json").read_text())
    assert results["verification"]["passed"]
    assert results["verification"]["mismatches"] == 0
    assert results["model"]["weight_bytes"] <= results["model"]["budget"]["weight_bytes"]
    assert results["data"]["leak_test_passed"]
    assert len(results["test"]["initializations"]["final"]["ctr_fwhm_ps"]["each"]) >= 3


def test_the_data_card_says_what_the_events_are(timing_run: Path) -> None:
    card = (timing_run / "data_card.md").read_text()
    data = json.loads((timing_run / "results.json").read_text())["data"]
    front = dict(line.split(": ", 1) for line in card.split("---\n")[1].splitlines())
    info = json.loads(front["dataset_info"])
    parts = {row["name"]: row["num_examples"] for row in info["splits"]}
    assert parts == {name: data[f"events_{name}"] for name in ("train", "selection", "test")}
    events = store.read(timing_run / "steps" / "data" / "events.h5")
    assert {row["name"] for row in info["features"]} == set(events.columns)
    for name, quantity in events.quantities.items():
        (row,) = [line for line in card.splitlines() if line.startswith(f"| `{name}` |")]
        assert f"| {quantity.unit} | {quantity.description} |" in row
    waveforms = events["waveform_adc"]
    shape = {"shape": list(waveforms.shape[1:]), "dtype": "uint16"}
    assert {"name": "waveform_adc", "array2_d": shape} in info["features"]
    assert "they share nothing" in card
    assert "Simulated events of the detector lyso_" in card
    assert f"{len(events):,} recorded" in card
    assert "Not recorded." not in card


def test_test_events_lie_at_untrained_offsets(timing_run: Path) -> None:
    data = json.loads((timing_run / "results.json").read_text())["data"]
    assert data["minimum_distance_mm"] == pytest.approx(20.0)
    assert data["positions_test"] == 2


def test_second_run_repeats_no_step(timing_run: Path) -> None:
    lines: list[str] = []
    before = without_host(timing_run)
    started = time.process_time()
    run_study(timing_run / "study.toml", timing_run, lines.append)
    # The report alone, which takes no longer for more events. A page of 5 MB is slow to open.
    assert time.process_time() - started < 20.0
    assert (timing_run / "report.html").stat().st_size < 1_500_000
    assert len(lines) == 10
    assert all(line.endswith("done before") for line in lines)
    assert without_host(timing_run) == before


@pytest.mark.parametrize(
    "step",
    [
        "Training and ablating",
        pytest.param("Simulating events", marks=pytest.mark.slow),
        pytest.param("Measuring on", marks=pytest.mark.slow),
    ],
)
def test_killed_run_resumes_to_the_same_results(
    timing_run: Path, tmp_path: Path, step: str
) -> None:
    study = tmp_path / "study.toml"
    shutil.copy(timing_run / "study.toml", study)
    command = [sys.executable, "-m", "pulsefront", "run", str(study), "--out", str(tmp_path / "r")]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if step in line and line.rstrip().endswith("…"):
                break
        process.send_signal(signal.SIGKILL)
        # The pipe is not read any more; the process is gone.
        process.stderr.close()
    assert process.returncode == -signal.SIGKILL
    assert not (tmp_path / "r" / "results.json").exists()
    subprocess.run(command, check=True, capture_output=True)
    assert without_host(tmp_path / "r") == without_host(timing_run)
    leftovers = list((tmp_path / "r").rglob("*.tmp"))
    assert leftovers == []


@pytest.mark.slow  # at full length it is half of `make demo`
def test_position_study_runs_with_every_backend(tmp_path: Path) -> None:
    if shutil.which("g++") is None:
        pytest.skip("g++ is not on this machine")
    study = tmp_path / "study.toml"
    text = small(
        "position_lyso_monolithic", POSITION_CHANGES, targets='["onnx", "hls4ml"]', fold=True
    )
    study.write_text(text)
    run = run_study(study, tmp_path / "run", lambda _: None)
    rows = json.loads((run / "results.json").read_text())["verification"]["rows"]
    assert {row["backend"] for row in rows} == {"emulator", "onnxruntime", "hls4ml Vitis"}
    assert all(row["mismatches"] == 0 and row["integers"] > 0 for row in rows)


def test_budget_that_nothing_meets_says_how_near(tmp_path: Path, timing_run: Path) -> None:
    study = tmp_path / "study.toml"
    text = (timing_run / "study.toml").read_text()
    study.write_text(re.sub(r"^weight_bytes = .*$", "weight_bytes = 1", text, flags=re.MULTILINE))
    run = tmp_path / "run"
    shutil.copytree(timing_run, run)
    with pytest.raises(BudgetError, match=r"weight_bytes ≤ 1: the best came to"):
        run_study(study, run, lambda _: None)


@pytest.mark.slow
def test_the_first_page_says_how_the_network_fits_its_part(
    tmp_path: Path, timing_run: Path
) -> None:
    study = tmp_path / "study.toml"
    text = (timing_run / "study.toml").read_text()
    part = 'board = "ecp5_25"\nevents_per_second = 1e6\nlatency_ns = 3000'
    text = re.sub(r"^weight_bytes = .*$", part, text, flags=re.MULTILINE)
    study.write_text(text.replace('targets = ["onnx"]', 'targets = ["onnx", "rtl"]'))
    run = tmp_path / "run"
    shutil.copytree(timing_run, run)
    run_study(study, run, lambda _: None)
    results = json.loads((run / "results.json").read_text())
    found = results["model"]["part"]
    assert found["fits"]
    assert found["origin"] == "estimated"
    assert found["events_per_second"] >= 1e6
    assert found["latency_ns"] <= 3000
    said = "fits Lattice ECP5-25 (LFE5U-25F) at 1 M events/s with"
    assert found["summary"].startswith(said)
    page = (run / "report.html").read_text()
    assert page.index(f"The network {said}") < page.rindex("Detector and data")
    assert "(estimated)" in found["summary"]
    assert results["search"]["final_cost"]["part_use"] <= 1
    # What is exported is what fits: with so many multipliers, in that many clocks.
    assert found["strategy"] == "time-shared"
    written = plan(
        FixedPointModel.load(run / "steps/search/model.json"),
        found["multipliers"],
        dsp=found["dsp_multipliers"],
    )
    told = (run / "steps/export/firmware/rtl/README.md").read_text()
    assert f"a new event every {written.interval_cycles:,} clocks" in told
    for name, lanes in written.matrices.items():
        start = f"| {name} | {lanes.rows} | {lanes.length} | {lanes.outputs} | {lanes.lanes} "
        assert f"{start}| {lanes.dsp_lanes} |" in told
    # A study without a part says nothing of one.
    plain = json.loads((timing_run / "results.json").read_text())
    assert "part" not in plain["model"]
    assert "part_use" not in plain["search"]["final_cost"]
    assert "events/s with" not in (timing_run / "report.html").read_text()


@pytest.mark.parametrize(
    ("old", "new", "error", "message"),
    [
        ("events_per_offset", "events_per_ofset", ConfigError, "did you mean 'events_per_offset'"),
        (
            'kind = "timing"',
            'kind = "tming"',
            ConfigError,
            "use one of 'crystal', 'motion', 'position', 'timing'",
        ),
        ("hidden = [4, 3]", 'hidden = [4]\nactivation = "tanh"', UnsupportedLayer, "relu"),
        ('detector = "lyso_pair_3x3x20"', 'detector = "nonesuch"', ConfigError, "nonesuch"),
    ],
)
def test_bad_study_is_one_clear_line_before_any_work(
    tmp_path: Path, old: str, new: str, error: type[Exception], message: str
) -> None:
    text = small("timing_lyso_pair", TIMING_CHANGES)
    assert old in text
    study = tmp_path / "study.toml"
    study.write_text(text.replace(old, new))
    with pytest.raises(error, match=message):
        run_study(study, tmp_path / "run", lambda _: None)
    assert not (tmp_path / "run" / "steps").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk")
def test_full_disk_is_one_clear_line(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("no small disk can be mounted here")
    try:
        study = tmp_path / "study.toml"
        study.write_text(small("timing_lyso_pair", TIMING_CHANGES))
        with pytest.raises(PulsefrontError, match=r"no space left.*free some space"):
            run_study(study, disk / "run", lambda _: None)
        assert not (disk / "run" / "steps" / "data").exists()
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_missing_compiler_is_said_before_any_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolMissing, match=r"g\+\+.*apt-get install g\+\+"):
        run_study("timing_lyso_pair", tmp_path / "run", lambda _: None)
    assert not (tmp_path / "run").exists()


def test_missing_study_names_itself(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nothing\.toml: no such file"):
        run_study(tmp_path / "nothing.toml", tmp_path / "run", lambda _: None)

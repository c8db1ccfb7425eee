"""Measured files as the data of a study, and as its external test set."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pulsefront.detector import load_detector
from pulsefront.errors import ConfigError, DataError
from pulsefront.estimators.registry import POSITION
from pulsefront.simulate.scan.measurement import simulate_scan
from pulsefront.simulate.scan.settings import ScanSettings
from pulsefront.studies.load import load_study
from pulsefront.studies.run import run_study
from pulsefront.studies.settings import ExternalSet
from studies_small import COARSE, POSITION_CHANGES, TIMING_CHANGES, small
from studies_timing import OFFSETS_MM, coincidences, measured_pair


@pytest.fixture(scope="module")
def pair_manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return measured_pair(tmp_path_factory.mktemp("pair"), coincidences(120))


def results_of(run: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((run / "results.json").read_text())
    return content


def test_a_study_learns_from_measured_coincidences(tmp_path: Path, pair_manifest: Path) -> None:
    text = small("timing_lyso_pair", TIMING_CHANGES)
    text = re.sub(r"\[coincidences\]\n(#.*\n|\w+ = .*\n)+", "", text)
    text += f'\n[measured]\npath = "{pair_manifest}"\n'
    (tmp_path / "study.toml").write_text(text)
    run = run_study(tmp_path / "study.toml", tmp_path / "run", lambda _: None)
    results = results_of(run)
    data = results["data"]
    assert data["events_recorded"] == 7 * 120
    assert data["shared_runs_of_train_and_test"] == 0
    assert data["leak_test_passed"]
    # What only a simulation knows is left out, not made up.
    assert "limit" not in results["test"]
    assert "truth_check" not in results["test"]
    assert results["verification"]["mismatches"] == 0
    assert "as the manifest says" in results["checklist"]["reference"]["label_uncertainty"]


def test_finished_estimators_meet_measured_and_perturbed_detectors(
    tmp_path: Path, pair_manifest: Path, shared_data: Callable[[str], Path]
) -> None:
    bgo = shared_data("toward_bgo_sipm/coincidence_wave0.dat")
    files = [str(bgo), str(bgo.with_name("coincidence_wave1.dat"))]
    (tmp_path / "bgo.toml").write_text(
        f'kind = "timing"\nsample_interval_ns = 1.0\n[[scan]]\nfiles = {json.dumps(files)}\n'
        'source_offset_mm = 0.0\nstage_uncertainty_mm = 1.0\nsource = "unknown"\nduration_s = 1\n'
        'detector_id = "BGO between two SiPMs"\nrun = "1"\n'
    )
    text = re.sub(r"\[\[external\]\]\n(\w+ = .*\n)+", "", small("timing_lyso_pair", TIMING_CHANGES))
    text += '\n[[external]]\nname = "dimmer"\nperturb = ["coupling_loss"]\nevents = 600\n'
    text += f'\n[[external]]\nname = "bench"\nmeasured = {{ path = "{pair_manifest}" }}\n'
    text += '\n[[external]]\nname = "BGO"\nmeasured = { path = "bgo.toml" }\n'
    (tmp_path / "study.toml").write_text(text)
    run = run_study(tmp_path / "study.toml", tmp_path / "run", lambda _: None)
    dimmer, bench, bgo_set = results_of(run)["test"]["external"]
    own = results_of(run)["test"]["estimators"]
    # The photopeak is that of the set itself, 15 % lower; the estimators are the study's.
    peak = results_of(run)["data"]["photopeak_0_adc"]
    assert dimmer["photopeak_0_adc"] / peak == pytest.approx(0.85, abs=0.03)
    assert set(dimmer["estimators"]) == set(own)
    assert bench["origin"] == "measured"
    assert bench["test_positions"] == len(OFFSETS_MM)
    # A network of four epochs on 500 events may do anything on pulses that it has not met; the
    # pickoffs without weights show that the bench's pulses arrive as the simulation's do.
    for name in ("leading edge", "digital CFD"):
        ratio = bench["estimators"][name]["ctr_fwhm_ps"] / own[name]["ctr_fwhm_ps"]
        assert 0.7 < ratio < 1.4, name
    assert np.isfinite(bench["estimators"]["network"]["ctr_fwhm_ps"])
    # Forty-one events of another scintillator have no photopeak to select.
    assert "estimators" not in bgo_set
    assert "fewer" in bgo_set["not_measured"] or "too few" in bgo_set["not_measured"]
    page = (run / "report.html").read_text()
    assert "External test sets" in page
    assert "nothing could be measured" in page

    # A set that was named in vain stops nothing; one whose files change is read again.
    lines: list[str] = []
    run_study(tmp_path / "study.toml", tmp_path / "run", lines.append)
    assert all(line.endswith("done before") for line in lines)


def measured_scan(folder: Path, *, sign: int = 1) -> Path:
    """Write a scan as CSV files of charges with a *sign*, a manifest and a small study."""
    folder.mkdir()
    scan = ScanSettings(
        pitch_mm=6.0,
        half_extent_mm=21.0,
        events_even_even=150,
        events_odd_odd=100,
        light_map=COARSE,
    )
    events = simulate_scan(load_detector("lyso_monolithic_50x50x16"), scan, 3)
    charges = sign * events["charge_adc"].astype(np.int64)
    (folder / "charges.toml").write_text(
        '[columns.charge_adc]\nsource = "q*"\nunit = "ADC counts"\ndescription = "charge"\n'
    )
    lines = ['kind = "position"', 'mapping = "charges.toml"']
    places, of_event = np.unique(events["stage_position_mm"], axis=0, return_inverse=True)
    for number, (x, y) in enumerate(places):
        table = pd.DataFrame(charges[of_event.reshape(-1) == number])
        table.columns = [f"q{i:02}" for i in range(table.shape[1])]
        table.to_csv(folder / f"{number}.csv", index=False)
        lines += [
            "[[scan]]",
            f'files = ["{number}.csv"]',
            f"stage_position_mm = [{x}, {y}]",
            "stage_uncertainty_mm = 0.02",
            'source = "Na-22"',
            "duration_s = 60",
            'detector_id = "block"',
            f'run = "run {number}"',
        ]
    (folder / "scan.toml").write_text("\n".join(lines))
    text = small("position_lyso_monolithic", POSITION_CHANGES)
    text = re.sub(r"\[scan\]\n(#.*\n|\w+ = .*\n)+", "", text)
    text = re.sub(r"\[\[external\]\]\n(\w+ = .*\n)+", "", text)
    text = re.sub(r"output_weights = .*\n", "", text)
    (folder / "study.toml").write_text(text + '\n[measured]\npath = "scan.toml"\n')
    return folder / "study.toml"


@pytest.mark.slow
def test_a_study_learns_from_measured_positions(tmp_path: Path) -> None:
    run = run_study(measured_scan(tmp_path / "up"), tmp_path / "up" / "run", lambda _: None)
    results = results_of(run)
    assert results["test"]["main_metric"] == "median_error_2d_mm"
    assert results["test"]["reference_standard"] == "position of the stage"
    # Without depth labels the light response takes its depths from the light; there is no bound.
    assert set(results["test"]["estimators"]) == {"network", *(e.name for e in POSITION)}
    assert "limit" not in results["test"]
    assert results["model"]["architecture"]["outputs"] == 2
    assert results["test"]["estimators"]["Anger logic"]["median_error_2d_mm"] < 6.0
    # Charges of pulses that go down, of which nothing says so, give the same numbers.
    down = measured_scan(tmp_path / "down", sign=-1)
    turned = results_of(run_study(down, tmp_path / "down" / "run", lambda _: None))
    assert turned["test"] == results["test"]
    assert "negative (found)" in (tmp_path / "down" / "run" / "report.html").read_text()


@pytest.mark.parametrize(
    ("added", "message"),
    [
        ('[measured]\npath = "x.toml"\n', "either .coincidences. to simulate or .measured."),
        ('[[external]]\nname = "a"\n', "'a' needs either measured files"),
        ('[[external]]\nname = "a"\nperturb = ["nois"]\n', "'nois' is none of gain_map"),
        (2 * '[[external]]\nname = "a"\nperturb = ["noise"]\n', "a name of its own"),
    ],
)
def test_contradictory_sources_are_refused(tmp_path: Path, added: str, message: str) -> None:
    (tmp_path / "study.toml").write_text(small("timing_lyso_pair", TIMING_CHANGES) + added)
    with pytest.raises(ConfigError, match=message):
        load_study(tmp_path / "study.toml")


def test_missing_measured_files_stop_the_run_before_the_search(tmp_path: Path) -> None:
    (tmp_path / "study.toml").write_text(small("timing_lyso_pair", TIMING_CHANGES))
    gone = ExternalSet.model_validate({"name": "x", "measured": {"path": str(tmp_path / "x.toml")}})
    with pytest.raises((ConfigError, DataError), match="no such file"):
        run_study(tmp_path / "study.toml", tmp_path / "run", lambda _: None, external=[gone])
    assert not (tmp_path / "run" / "steps" / "search").exists()

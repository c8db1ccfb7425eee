"""Profiles of runs, and events read as the run's study reads them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from pulsefront.cli.main import app
from pulsefront.errors import DataError
from pulsefront.events import store
from pulsefront.monitor import Profile, check, make_profile
from pulsefront.studies.folders import RunFolders
from pulsefront.studies.monitor import profile_of_run, read_batch
from pulsefront.studies.run import run_study
from strategies_monitor import anger, batch
from studies_small import TIMING_CHANGES, small


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("monitored")
    (folder / "study.toml").write_text(small("timing_lyso_pair", TIMING_CHANGES))
    return run_study(folder / "study.toml", folder / "run", lambda _: None)


def test_a_run_leaves_a_profile_of_its_network(run: Path) -> None:
    profile = Profile.load(RunFolders(run / "steps").profile)
    assert profile.output_unit == "ns"
    assert set(profile.reference.spectra) == {"photopeak of detector 0", "photopeak of detector 1"}
    assert profile.input_names[0].startswith("sample_")
    assert profile.sha256 == profile_of_run(run).sha256


def test_the_events_of_the_run_are_read_as_the_run_read_them(run: Path) -> None:
    profile = Profile.load(RunFolders(run / "steps").profile)
    events = RunFolders(run / "steps").events
    found = read_batch(profile, [events])
    assert np.array_equal(np.sort(found.inputs, axis=0), np.sort(profile.reference.inputs, axis=0))
    assert check(profile, found).moved == ()


def test_pulses_of_less_light_are_found_without_labels(run: Path, tmp_path: Path) -> None:
    events = store.read(RunFolders(run / "steps").events)
    # As a digitizer gives them: waveforms alone.
    baseline = np.median(events["waveform_adc"][..., :8], axis=2, keepdims=True)
    dim = np.rint(baseline + 0.7 * (events["waveform_adc"] - baseline))
    fewer = events.with_columns({"waveform_adc": dim.astype(events["waveform_adc"].dtype)}, {})
    store.write(fewer, tmp_path / "dim.h5")
    done = CliRunner().invoke(
        app, ["monitor", "check", str(run), str(tmp_path / "dim.h5"), "--out", str(tmp_path / "p")]
    )
    assert done.exit_code == 1, done.output
    assert "output dense" in done.output  # too few events for a photopeak in every block
    assert "Monitor of" in (tmp_path / "p").read_text()


def test_another_reference_is_taken_where_events_are_given(run: Path, tmp_path: Path) -> None:
    events = RunFolders(run / "steps").events
    done = CliRunner().invoke(
        app,
        ["monitor", "profile", str(run), "--events", str(events), "-o", str(tmp_path / "p.npz")],
    )
    assert done.exit_code == 0, done.output
    assert Profile.load(tmp_path / "p.npz").study is not None


def test_a_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no finished search"):
        profile_of_run(tmp_path)


def test_events_for_a_profile_of_integers_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="made of plain integers"):
        read_batch(make_profile(anger(), batch()), [tmp_path / "events.h5"])

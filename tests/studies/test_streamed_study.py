"""Studies whose networks are trained on new events of the scan."""

from __future__ import annotations

import json
import re
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from pulsefront.errors import ConfigError
from pulsefront.events import store
from pulsefront.search.result import SearchSummary
from pulsefront.studies.folders import RunFolders, read_split, write_split
from pulsefront.studies.kinds import kind_of
from pulsefront.studies.kinds.scan import ScanSplit, charge_sum_adc
from pulsefront.studies.kinds.stream import SelectedStream
from pulsefront.studies.load import load_study
from pulsefront.studies.run import run_study
from studies_small import POSITION_CHANGES, small

# Every second position lies in the middle of a crystal, so that training sees all of them.
CRYSTAL_CHANGES = {
    "pitch_mm": "1.678125",
    "half_extent_mm": "11.746875",
    "photons": "300",
    "events_even_even": "60",
    "events_odd_odd": "40",
}


def streamed(text: str) -> str:
    return re.sub(r"^\[scan\]$", "[scan]\nstream = true", text, flags=re.MULTILINE)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("streamed")
    text = small("position_lyso_monolithic", POSITION_CHANGES)
    (folder / "study.toml").write_text(
        streamed(text) + "\n[diagnosis]\nlearning_curve = [0.3]\nfolds = 0\nsham = false\n"
    )
    return run_study(folder / "study.toml", folder / "run", lambda _: None)


@pytest.fixture(scope="module")
def stream(run: Path) -> SelectedStream:
    folders = RunFolders(run / "steps")
    kind = kind_of(load_study(run / "study.toml")[0])
    found = kind.learning_task(read_split(folders), folders).stream
    assert isinstance(found, SelectedStream)
    return found


def test_report_and_record_tell_how_many_events_training_saw(run: Path) -> None:
    folders = RunFolders(run / "steps")
    seen = SearchSummary.read(folders.search).streamed_events
    assert seen is not None
    assert seen > 3 * len(read_split(folders).split.train)
    assert f"{seen:,} simulated events" in (run / "report.html").read_text()


def test_the_learning_curve_counts_events_of_the_stream(run: Path) -> None:
    few, every = json.loads((run / "results.json").read_text())["diagnosis"]["learning_curve"]
    train = len(read_split(RunFolders(run / "steps")).split.train)
    # Four epochs in batches of 256; each event of a stream is seen once.
    assert every["events"] == pytest.approx(4 * train, abs=256)
    assert few["events"] == pytest.approx(0.3 * every["events"], abs=512)


def test_what_is_streamed_is_selected_and_placed_as_training_events_are(
    run: Path, stream: SelectedStream
) -> None:
    parts = read_split(RunFolders(run / "steps"))
    trained = parts.events.select(parts.split.train)
    record = ScanSplit.read(RunFolders(run / "steps").split)
    blocks = list(islice(stream.blocks(5), 4))
    sums = np.concatenate([block.inputs.sum(1, dtype=np.float64) for block in blocks])
    window = record.photopeak_window_sigmas * record.photopeak_sigma_adc
    assert np.abs(sums - record.photopeak_adc).max() <= window
    assert np.median(sums) == pytest.approx(np.median(charge_sum_adc(trained)), rel=0.01)
    stages = np.concatenate([block.targets[:, :2] for block in blocks])
    # The stage moves on: no event has the place of another, nor of one of the study's own.
    own = np.asarray(trained["stage_position_mm"], np.float64)
    both = np.concatenate([stages, own])
    assert len(np.unique(both, axis=0)) == len(both)
    setup = stream.scan.setup
    reach = setup.reach_mm[stream.scan.positions]
    inside = (stages[:, None] >= reach[:, 0]) & (stages[:, None] <= reach[:, 1])
    # Every stage is within reach of a training position, and every such position is visited.
    assert inside.all(2).any(1).all()
    assert inside.all(2).any(0).all()


def test_no_streamed_event_is_one_of_the_study(run: Path, stream: SelectedStream) -> None:
    stored = store.read(RunFolders(run / "steps").events)["charge_adc"]
    own = {row.tobytes() for row in np.asarray(stored, np.uint16)}
    new = np.concatenate([block.inputs for block in islice(stream.blocks(5), 4)]).astype(np.uint16)
    assert own.isdisjoint(row.tobytes() for row in new)


def test_selection_and_test_are_those_of_the_study_without_a_stream(run: Path) -> None:
    folders = RunFolders(run / "steps")
    study, _ = load_study(run / "study.toml")
    assert study.kind == "position"
    assert study.scan is not None
    still = study.model_copy(update={"scan": study.scan.model_copy(update={"stream": False})})
    again = kind_of(still).generate(folders.cache, run)
    kept = store.read(folders.events)
    for name, column in kept.columns.items():
        np.testing.assert_array_equal(column, again[name])


@pytest.mark.parametrize("section", ["scan", "measured"])
def test_measured_events_cannot_be_streamed(tmp_path: Path, section: str) -> None:
    text = small("position_lyso_monolithic", POSITION_CHANGES)
    if section == "scan":
        text = streamed(text) + '\n[measured]\npath = "files.toml"\n'
    else:
        text = text.replace("[scan]", "[other]")
        text = re.sub(r"\[other\]\n(?:#.*\n|\w+ = .*\n)+", "", text)
        text += '\n[measured]\npath = "files.toml"\nstream = true\n'
    (tmp_path / "study.toml").write_text(text)
    with pytest.raises(ConfigError, match=r"cannot be streamed; leave") as caught:
        load_study(tmp_path / "study.toml")
    assert "\n" not in str(caught.value)


def test_the_scan_of_no_study_has_no_stream(tmp_path: Path) -> None:
    text = small("timing_lyso_pair", {"replicates": "100"})
    text = text.replace("[coincidences]", "[coincidences]\nstream = true")
    (tmp_path / "study.toml").write_text(text)
    with pytest.raises(ConfigError, match="stream"):
        load_study(tmp_path / "study.toml")


@pytest.mark.slow
def test_crystals_are_streamed_as_classes(tmp_path: Path) -> None:
    text = streamed(small("crystal_lyso_pixels", CRYSTAL_CHANGES))
    (tmp_path / "study.toml").write_text(text)
    kind = kind_of(load_study(tmp_path / "study.toml")[0])
    folders = RunFolders(tmp_path / "steps")
    events = kind.generate(folders.cache, tmp_path)
    found = kind.split(events)
    folders.split.parent.mkdir(parents=True)
    write_split(folders.split.parent, found.selected, found.parts.split, found.record)
    task = kind.learning_task(found.parts, folders)
    assert task.stream is not None
    block = next(task.stream.blocks(1))
    assert block.inputs.shape == (len(block.targets), task.n_in)
    counts = [
        np.bincount(some.astype(int), minlength=64)[:64] / len(some)
        for some in (block.targets, task.targets[task.train])
    ]
    np.testing.assert_allclose(counts[0], counts[1], atol=0.03)
    assert len(np.unique(block.targets)) == 64

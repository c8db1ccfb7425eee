"""Timing studies whose networks are trained on other pairs of detectors, too."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from pulsefront.errors import ConfigError, DataError
from pulsefront.studies.augmented import AugmentRecord
from pulsefront.studies.files.early import early_problems
from pulsefront.studies.folders import RunFolders, save_arrays
from pulsefront.studies.kinds import kind_of
from pulsefront.studies.kinds.timing import data
from pulsefront.studies.kinds.timing.others import OtherPairs, simulate_others, with_other_pairs
from pulsefront.studies.load import load_study
from pulsefront.studies.run import run_study
from studies_small import TIMING_CHANGES, small

RANGES = """
[augment]
light = [0.8, 1.0]
temperature_shift_k = [0.0, 10.0]
detectors = 2
share = 1.5
"""


def study_with(tmp_path: Path, more: str = RANGES):
    path = tmp_path / "study.toml"
    path.write_text(small("timing_lyso_pair", TIMING_CHANGES) + more)
    return load_study(path)[0]


def test_other_pairs_train_at_the_training_offsets_and_lie_in_no_part(tmp_path: Path) -> None:
    study = study_with(tmp_path)
    parts = data.split(study, data.generate(study, tmp_path, tmp_path)).parts
    others = simulate_others(study, parts, tmp_path)
    trained = np.unique(parts.events["offset_index"][parts.split.train])
    np.testing.assert_array_equal(np.unique(others.offset_index), trained)
    offsets = np.array(study.coincidences.offsets_mm)[others.offset_index]
    np.testing.assert_allclose(others.known_difference_ns, 2 * offsets / 299.792458, rtol=1e-9)
    # Two pairs share one and a half as many coincidences; some of each lie in both photopeaks.
    recorded = 1.5 * 120 * len(trained)
    assert 0.25 * recorded < len(others.inputs) < recorded
    np.testing.assert_array_equal(np.unique(others.pair), [0, 1])
    # Read back, and in the task of the study's kind.
    others.write(tmp_path / "others.npz")
    again = OtherPairs.read(tmp_path / "others.npz")
    for name, array in vars(others).items():
        np.testing.assert_array_equal(vars(again)[name], array)
    plain = data.learning_task(study, parts)
    task = with_other_pairs(plain, again)
    rows = task.others.rows
    assert not np.isin(rows, np.concatenate([task.train, task.selection])).any()
    np.testing.assert_array_equal(task.inputs[rows], others.inputs)
    assert len(task.training_data()) == len(task.train) + len(rows)
    # Their light is less: so are their samples of the edge.
    own, less = (np.median(task.inputs[some][..., -1]) for some in (task.train, rows))
    assert 0.5 * own < less < 0.9 * own


def test_a_pair_whose_pulses_clip_is_named(tmp_path: Path) -> None:
    study = study_with(tmp_path, RANGES.replace("[0.0, 10.0]", "[-30.0, -28.0]"))
    events = data.generate(study, tmp_path, tmp_path)
    parts = data.split(study, events).parts
    with pytest.raises(DataError, match=r"pair of -2\d\.\d K .* coincidences have clipped pulses"):
        simulate_others(study, parts, tmp_path)


def test_pairs_of_too_few_coincidences_are_refused_before_the_run(tmp_path: Path) -> None:
    study = study_with(tmp_path, RANGES.replace("detectors = 2", "detectors = 20"))
    (found,) = early_problems(study, tmp_path / "study.toml")
    assert re.search(r"augment.detectors.*too few for a photopeak.*draw at most 2", str(found))


def test_measured_pulses_have_no_other_pairs(tmp_path: Path) -> None:
    text = small("timing_lyso_pair", TIMING_CHANGES) + RANGES
    text = re.sub(r"\[coincidences\]\n(#.*\n|\w+ = .*\n)+", "", text)
    text += '[measured]\npath = "pair.toml"\n'
    (tmp_path / "study.toml").write_text(text)
    with pytest.raises(ConfigError, match="other pairs are simulated"):
        load_study(tmp_path / "study.toml")


def test_the_kind_trains_on_what_the_step_has_left(tmp_path: Path) -> None:
    study = study_with(tmp_path)
    kind = kind_of(study)
    found = kind.split(kind.generate(tmp_path, tmp_path))
    folders = RunFolders(tmp_path / "steps")
    folders.split.parent.mkdir(parents=True)
    found.record.write(folders.split)
    some = found.parts.split.train[:50]
    folders.other_pairs.parent.mkdir()
    events = found.parts.events.select(some)
    save_arrays(
        folders.other_pairs,
        {
            "inputs": data.network_inputs(study, events),
            "coarse_ns": data.coarse_ns(study, events),
            "known_difference_ns": events["known_difference_ns"],
            "offset_index": events["offset_index"].astype(np.int64),
            "pair": np.zeros(50, np.int64),
        },
    )
    task = kind.learning_task(found.parts, folders)
    assert len(task.training_data()) == len(task.train) + 50
    plain = kind_of(study.model_copy(update={"augment": None}))
    assert plain.learning_task(found.parts, folders).others is None


@pytest.mark.slow
def test_the_report_has_every_set_before_and_after(tmp_path: Path) -> None:
    study_with(tmp_path)
    run = run_study(tmp_path / "study.toml", tmp_path / "run", lambda _: None)
    found = AugmentRecord.read(RunFolders(run / "steps").augment)
    assert [one.name for one in found.sets] == ["own test set", "noise doubled"]
    assert "trained without" in (run / "report.html").read_text()

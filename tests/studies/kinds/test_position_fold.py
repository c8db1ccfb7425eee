"""A position study that folds its events: the network sees one octant, its user the whole block."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pulsefront.detector import load_detector, turns_of
from pulsefront.errors import ConfigError
from pulsefront.estimators.position.folded import FoldedEstimator
from pulsefront.estimators.registry import estimators_for
from pulsefront.events.container import EventTable
from pulsefront.files import sim_data_directory
from pulsefront.fixed_point.fold import Mirrors
from pulsefront.studies.files.early import early_problems
from pulsefront.studies.folders import RunFolders
from pulsefront.studies.frozen import freeze_estimator, thaw_estimator
from pulsefront.studies.kinds.folding import fold_of
from pulsefront.studies.kinds.position import data
from pulsefront.studies.kinds.position.data import labels_mm
from pulsefront.studies.kinds.position.kind import PositionKind
from pulsefront.studies.kinds.position.settings import PositionStudy
from pulsefront.studies.load import load_study
from studies_small import POSITION_CHANGES, small
from toys_estimators import light_events


@pytest.fixture(scope="module")
def events() -> EventTable:
    """Without events on an edge of the octant: several turns would do, and each gives another."""
    found = light_events(2000)
    x, y = (np.abs(found["charge_adc"] @ weights) for weights in Mirrors(8, 8).weights)
    return found.select((x != 0) & (y != 0) & (x != y))


def study_of(tmp_path: Path, fold: str, **changes: str) -> PositionStudy:
    text = small("position_lyso_monolithic", {**POSITION_CHANGES, **changes})
    text = "\n".join(line for line in text.splitlines() if not line.startswith("fold ="))
    (tmp_path / "study.toml").write_text(text.replace("[events]", f'[events]\nfold = "{fold}"'))
    found, _ = load_study(tmp_path / "study.toml")
    assert isinstance(found, PositionStudy)
    return found


def changed(tmp_path: Path, key: str, value: str) -> str:
    """Return a detector file whose photosensors differ in *key*."""
    shipped = sim_data_directory() / "detectors" / "lyso_monolithic_50x50x16.toml"
    lines = [
        line
        for line in shipped.read_text().splitlines()
        if not line.startswith((f"{key} = [6.", f'{key} = "'))
    ]
    place = lines.index("[sensors]") + 1
    lines.insert(place, f"{key} = {value}")
    lines.insert(lines.index("[sensors.sources]") + 1, f'{key} = "definition of this test"')
    path = tmp_path / f"{key}.toml"
    path.write_text("\n".join(lines))
    return str(path)


def mirrored(events: EventTable, way: str) -> EventTable:
    """Return what the detector would have seen through a mirror: charges, and positions."""
    charge = events["charge_adc"].reshape(-1, 8, 8)
    turned = {"x": charge[:, :, ::-1], "y": charge[:, ::-1], "diagonal": charge.transpose(0, 2, 1)}
    columns = {**events.columns, "charge_adc": turned[way].reshape(-1, 64)}
    for name in ("stage_position_mm", "first_interaction_mm"):
        place = events[name].copy()
        if way == "diagonal":
            place[:, :2] = place[:, 1::-1]
        else:
            place[:, "xy".index(way)] *= -1
        columns[name] = place
    return replace(events, columns=columns)


@pytest.mark.parametrize("way", ["x", "y", "diagonal"])
def test_the_network_sees_the_same_through_every_mirror(
    events: EventTable, tmp_path: Path, way: str
) -> None:
    kind = PositionKind(study_of(tmp_path, "square"))
    image = mirrored(events, way)
    np.testing.assert_array_equal(kind.network_inputs(image), kind.network_inputs(events))
    answers = np.random.default_rng(1).normal(size=(len(events), 3))
    here, there = kind.estimates_of(events, answers), kind.estimates_of(image, answers)
    seen = mirrored(replace(events, columns={**events.columns, "first_interaction_mm": here}), way)
    np.testing.assert_array_equal(seen["first_interaction_mm"], there)


def test_what_is_learned_is_what_is_said(events: EventTable, tmp_path: Path) -> None:
    """A network that says what it should have learned says the label, in the block's own axes."""
    kind = PositionKind(study_of(tmp_path, "square"))
    parts = kind.split(events).parts
    task = kind.learning_task(parts, RunFolders(tmp_path))
    assert task.input_names[0] == "folded_sensor_0"
    said = kind.estimates_of(parts.events, task.targets)
    np.testing.assert_array_equal(said, labels_mm(kind.study, parts.events))
    # Noise turns few events wrongly: a label stands across an edge of the octant by that alone.
    assert (task.targets[:, :2] > -4).all()
    assert (task.targets[:, 0] - task.targets[:, 1] > -6).all()
    assert len(np.unique(np.sign(labels_mm(kind.study, parts.events)[:, :2]), axis=0)) >= 4


def test_classical_estimators_choose_how_they_see_events(
    events: EventTable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(data, "estimators_for", lambda kind: estimators_for(kind)[:2])
    whole, folded = (PositionKind(study_of(tmp_path, fold)) for fold in ("none", "square"))
    parts = whole.split(events).parts
    before, after = (
        {one.name: one for one in kind.baselines(parts, RunFolders(tmp_path))}
        for kind in (whole, folded)
    )
    truth = labels_mm(whole.study, parts.test)
    for name, one in after.items():
        found = one.fitted
        assert isinstance(found, FoldedEstimator)
        assert {row["events"] for row in one.table} == {"folded", "as measured"}
        if not found.folded:
            np.testing.assert_array_equal(one.estimates, before[name].estimates)
        # In the block's own axes: a half of the events lies on either side of the middle.
        error = np.median(np.linalg.norm(one.estimates - truth, axis=1))
        was = np.median(np.linalg.norm(before[name].estimates - truth, axis=1))
        assert error < 1.1 * was, name
    fold = fold_of(folded.study)
    assert fold is not None
    both = FoldedEstimator(fold, before["k-NN"].fitted, folded=True, table=())
    some = parts.events.select(slice(300))["charge_adc"]
    turns = fold.turns(some)
    np.testing.assert_array_equal(
        both.estimate(some),
        fold.back(before["k-NN"].fitted.estimate(fold.folded(some, turns)), turns),
    )
    path = tmp_path / "frozen.npz"
    for way in (False, True):
        logic = replace(after["Anger logic"].fitted, folded=way)
        assert freeze_estimator(logic, path)
        np.testing.assert_array_equal(thaw_estimator(path).estimate(some), logic.estimate(some))


def test_the_mirrors_are_those_of_the_detector() -> None:
    """Channel by channel, from where its photosensors lie."""
    detector = load_detector("lyso_monolithic_50x50x16")
    order = np.random.default_rng(1).permutation(64)
    charges = np.tile(order, (8, 1))
    turns = np.array([[n & 1, n >> 1 & 1, n >> 2] for n in range(8)], bool)
    folded = Mirrors(8, 8).folded(charges, turns)
    geometric = {order[turn.order].tobytes() for turn in turns_of(detector)}
    assert {row.tobytes() for row in folded} == geometric
    assert len(geometric) == 8


def test_only_what_is_the_same_in_a_mirror_is_folded(tmp_path: Path) -> None:
    study = study_of(tmp_path, "square")
    assert fold_of(study_of(tmp_path, "none")) is None
    moved = study.model_copy(update={"detector": changed(tmp_path, "offset_mm", "[0.3, 0.0]")})
    with pytest.raises(ConfigError, match="the mirror of x"):
        fold_of(moved)
    oblong = study.model_copy(update={"detector": changed(tmp_path, "pitch_mm", "[6.2, 6.0]")})
    with pytest.raises(ConfigError, match="the mirror of diagonal") as error:
        fold_of(oblong)
    assert '"rectangle"' in str(error.value)
    study_of(tmp_path, "square")
    path = tmp_path / "study.toml"
    path.write_text(path.read_text().replace("[events]", '[events]\ninputs = "row_column_sums"'))
    with pytest.raises(ConfigError, match="fold: only inputs"):
        load_study(path)


def test_a_detector_that_cannot_be_folded_is_named_before_the_work(tmp_path: Path) -> None:
    study = study_of(tmp_path, "square")
    study = study.model_copy(update={"detector": changed(tmp_path, "offset_mm", "[0.3, 0.0]")})
    path = tmp_path / "study.toml"
    told = [str(one) for one in early_problems(study, path)]
    assert any("events.fold: crystal or photosensors" in one for one in told)
    line = next(n for n, text in enumerate(path.read_text().splitlines(), 1) if "fold =" in text)
    assert any(f"line {line}: events.fold" in one for one in told)
    assert not any("fold" in str(one) for one in early_problems(study_of(tmp_path, "square"), path))

"""A small study of the crystal of first interaction, from file to report."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from pulsefront.detector import load_detector
from pulsefront.errors import ConfigError, DataError
from pulsefront.estimators.registry import estimators_for
from pulsefront.events import store
from pulsefront.firmware.front_end.input_test_settings import InputTestSettings
from pulsefront.fixed_point import FixedPointModel
from pulsefront.fixed_point.fold import Mirrors
from pulsefront.fixed_point.preparation import ChargePreparation
from pulsefront.studies.folders import RunFolders
from pulsefront.studies.kinds.crystal import data
from pulsefront.studies.kinds.crystal.data import chosen_crystal, first_crystal
from pulsefront.studies.kinds.crystal.kind import CrystalKind
from pulsefront.studies.kinds.crystal.settings import CrystalStudy
from pulsefront.studies.load import load_study
from pulsefront.studies.run import run_study
from studies_small import shipped, small

# Every second position lies in the middle of a crystal, so that training sees all of them.
CHANGES = {
    "pitch_mm": "1.678125",
    "half_extent_mm": "11.746875",
    "photons": "300",
    "events_even_even": "60",
    "events_odd_odd": "40",
    "held_out_vectors": "100",
    "replicates": "100",
    "hidden": "[16, 16]",
}

UNCERTAIN = """
[uncertainty]
shares = [0.5, 0.95]
parts = 4
false_rate = 0.01
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("crystal")
    text = small("crystal_lyso_pixels", CHANGES) + UNCERTAIN
    (folder / "study.toml").write_text(text)
    return run_study(folder / "study.toml", folder / "run", lambda _: None)


def test_first_crystal_holds_the_first_interaction(run: Path) -> None:
    events = store.read(run / "steps" / "data" / "events.h5")
    crystal = load_detector("lyso_pixels_8x8").crystal
    centre = crystal.element_centres_mm[first_crystal(events)]
    away = np.abs(events["first_interaction_mm"][:, :2] - centre).max()
    # Half a crystal of (26.6 − 7 · 0.25) / 8 mm, and not the gap beside it.
    assert away <= 3.10625 / 2 + 1e-6


def test_first_of_equal_scores_wins() -> None:
    assert chosen_crystal(np.array([[0.0, 2.0, 2.0], [1.0, 0.0, 1.0]])).tolist() == [1, 0]


def test_a_folded_study_sees_an_eighth_of_the_array_and_says_the_whole(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "study.toml").write_text(small("crystal_lyso_pixels", CHANGES, fold=True))
    study, _ = load_study(tmp_path / "study.toml")
    assert isinstance(study, CrystalStudy)
    kind = CrystalKind(study)
    events = store.read(run / "steps" / "data" / "events.h5")
    parts = kind.split(events).parts
    task = kind.learning_task(parts, RunFolders(tmp_path))
    learned = task.targets.astype(int)
    # A crystal moves as its centre does, and the folded light lies in the octant with it.
    centre = load_detector(study.detector).crystal.element_centres_mm
    turns = Mirrors(4, 4).turns(np.asarray(parts.events["charge_adc"]))
    moved = Mirrors(4, 4).forward(centre[first_crystal(parts.events)], turns)
    np.testing.assert_allclose(centre[learned], moved, atol=1e-9)
    inside = (moved[:, 0] > 0) & (moved[:, 1] > 0) & (moved[:, 0] > moved[:, 1] - 0.1)
    assert inside.mean() > 0.7
    # A network that scores what it should have learned names the crystal that was hit.
    scores = np.eye(64)[learned]
    np.testing.assert_array_equal(
        kind.estimates_of(parts.events, scores), first_crystal(parts.events)
    )
    assert kind.losses(parts.events, kind.estimates_of(parts.events, scores)).max() == 0
    monkeypatch.setattr(data, "estimators_for", lambda name: estimators_for(name)[1:2])
    (found,) = kind.baselines(parts, RunFolders(tmp_path))
    assert found.parameters["events"] in ("folded", "as measured")
    right = (found.estimates == first_crystal(parts.test)).mean()
    assert right > 0.4
    assert {row["events"] for row in found.table} == {"folded", "as measured"}
    document = kind.preparation().document()
    assert document["classes"] == [8, 8]
    assert ChargePreparation.of_document(document) == kind.preparation()


def test_events_without_truth_are_refused(run: Path) -> None:
    events = store.read(run / "steps" / "data" / "events.h5")
    columns = {k: v for k, v in events.columns.items() if k != "element"}
    quantities = {k: v for k, v in events.quantities.items() if k != "element"}
    measured = type(events)(columns, quantities, events.status, events.provenance)
    with pytest.raises(DataError, match="which crystal was hit first"):
        first_crystal(measured)


def test_results_tell_scattered_events_from_others(run: Path) -> None:
    results = json.loads((run / "results.json").read_text())
    test = results["test"]
    share = test["share_scattered_between_crystals"]
    assert 0.2 < share < 0.6
    for name, row in test["estimators"].items():
        mixed = (1 - share) * row["wrong_of_one_crystal_percent"] + share * row[
            "wrong_of_scattered_percent"
        ]
        assert mixed == pytest.approx(row["wrong_crystal_percent"]), name
        assert row["right_crystal_percent"] == pytest.approx(100 - row["wrong_crystal_percent"])
        assert row["wrong_of_one_crystal_percent"] < row["wrong_of_scattered_percent"]
        assert row["wrong_crystal_percent_low"] <= row["wrong_crystal_percent_high"]
    assert set(test["estimators"]) == {"network", "flood map", "k-NN", "unmixing of pairs"}


def test_exported_network_is_proved_to_the_bit(run: Path) -> None:
    verification = json.loads((run / "results.json").read_text())["verification"]
    assert verification["passed"]
    assert verification["mismatches"] == 0
    assert verification["integers_compared"] >= 64 * 100


def test_the_margin_says_how_many_are_right(run: Path) -> None:
    test = json.loads((run / "results.json").read_text())["test"]
    assert "event_uncertainty" not in test
    found = test["class_uncertainty"]
    # No output is added: the exported network is the one that was searched.
    folders = RunFolders(run / "steps")
    assert folders.model == folders.searched_model
    scores = FixedPointModel.load(folders.model).run(held_out(folders))
    margin, right = found["margin"], np.load(folders.evaluation_arrays)
    hits = right["crystal_network"] == right["first_crystal"]
    two = np.sort(scores, axis=1)[:, -2:]
    margins = two[:, 1] - two[:, 0]
    for share, cut in margin["cuts"].items():
        told = found["cuts"][share]
        assert told["kept"] == pytest.approx((margins >= cut).mean())
        assert told["right"] == pytest.approx(hits[margins >= cut].mean())
    # 100 of a share is 1 standard error of 0.02 of what selection events fix; far from chance.
    assert found["curves"][0]["by"] == "the margin"
    assert found["curves"][0]["right_kept"] > found["right"] + 0.02
    assert found["curves"][-1]["of"] == "unmixing of pairs"
    for row, told in zip(margin["sets"], found["sets"], strict=True):
        sizes = (scores.max(axis=1)[:, None] - scores <= row["reach"]).sum(axis=1)
        assert told["mean_classes"] == pytest.approx(sizes.mean())
        assert told["inside"] > row["share"] - 0.05
    assert sum(row["events"] for row in margin["bins"]) > 100
    assert [row["said"] for row in found["bins"]] == sorted(row["said"] for row in found["bins"])


def held_out(folders: RunFolders) -> np.ndarray:
    with np.load(folders.test_arrays) as arrays:
        return arrays["inputs"][:, arrays["kept_inputs"]].astype(np.int64)


def test_the_export_has_the_integers_of_margin_and_tests(run: Path) -> None:
    told = json.loads((run / "steps/export/firmware/provenance.json").read_text())
    assert set(told["class_margin"]) == {"step", "sets", "right", "least_kept"}
    assert all(isinstance(cut, int) for cut in told["class_margin"]["least_kept"].values())
    settings = InputTestSettings.model_validate(told["input_tests"])
    with np.load(RunFolders(run / "steps").test_arrays) as arrays:
        assert len(settings.neighbours) == len(arrays["kept_inputs"])
    check = FixedPointModel.load(run / "steps/export/input_check/model.json")
    inputs = held_out(RunFolders(run / "steps"))
    flags = np.asarray(check.run(inputs)) > 0
    np.testing.assert_array_equal(flags[:, :2], settings.tests.flags(inputs)[:, :2])


def test_the_report_shows_what_the_margin_is_worth(run: Path) -> None:
    page = (run / "report.html").read_text()
    assert "smallest margin have no decision" in page
    assert "unmixing of pairs by its own confidence" in page
    assert "class_margin" in (run / "model_card.md").read_text()


def test_keys_of_a_head_are_refused(tmp_path: Path) -> None:
    text = small("crystal_lyso_pixels", CHANGES) + UNCERTAIN + "nodes = [4]\n"
    (tmp_path / "study.toml").write_text(text)
    with pytest.raises(ConfigError, match=r"no head is trained.*leave out nodes"):
        run_study(tmp_path / "study.toml", tmp_path / "run", lambda _: None)


def test_no_position_is_shared_between_parts(run: Path) -> None:
    data = json.loads((run / "results.json").read_text())["data"]
    assert data["leak_test_passed"]
    assert data["minimum_distance_mm"] == pytest.approx(1.678125 * 2**0.5, rel=1e-4)


def test_report_shows_flood_map_and_misplacements(run: Path) -> None:
    page = (run / "report.html").read_text()
    assert "Flood maps of the light" in page
    assert "Where events that hit several crystals are placed" in page
    assert "share in the wrong crystal" in page


def test_measured_events_cannot_teach_the_first_crystal(tmp_path: Path) -> None:
    study = tmp_path / "study.toml"
    text = shipped("crystal_lyso_pixels")
    cut = text[: text.index("[scan]")] + text[text.index("[search]") :]
    study.write_text(cut + '\n[measured]\npath = "scan.toml"\n')
    with pytest.raises(ConfigError, match="which crystal was hit first"):
        load_study(study)

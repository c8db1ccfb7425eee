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


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("crystal")
    (folder / "study.toml").write_text(small("crystal_lyso_pixels", CHANGES))
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

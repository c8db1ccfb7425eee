"""A study with networks of regions beside the searched one: results, page, firmware, refusals."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pulsefront.errors import ConfigError
from pulsefront.firmware.origin import origin_of
from pulsefront.firmware.verify import verify_export
from pulsefront.fixed_point import ChosenDense, FixedPointModel
from pulsefront.report import Page, Section, render
from pulsefront.search.beside import model_residuals
from pulsefront.search.result import SearchSummary
from pulsefront.search.workers import Workers
from pulsefront.studies.folders import RunFolders, read_split
from pulsefront.studies.kinds import kind_of
from pulsefront.studies.load import load_study
from pulsefront.studies.pages.regions import region_blocks
from pulsefront.studies.regions.records import RegionsRecord, RegionsTest
from pulsefront.studies.run import _steps
from pulsefront.studies.steps import run_steps
from studies_small import POSITION_CHANGES, small

REGIONS = """
[regions]
counts = [2]
by = "depth"
hidden = [4]
shared_training = { epochs = 2, batch = 64 }
region_training = { epochs = 2, batch = 64 }
quantized_training = { epochs = 1, batch = 64 }
"""


STEPS = ("plan", "data", "split", "search", "regions", "regions_test")
"""Of a run: tuning classical estimators takes longer than all the rest."""


@pytest.fixture(scope="module")
def steps(tmp_path_factory: pytest.TempPathFactory) -> RunFolders:
    folder = tmp_path_factory.mktemp("regions")
    changes = {**POSITION_CHANGES, "events_even_even": "60", "margin": "0.5"}
    file = folder / "study.toml"
    file.write_text(small("position_lyso_monolithic", changes) + REGIONS)
    kind = kind_of(load_study(file)[0])
    every = _steps(kind, folder, Workers())
    names = [step.name for step in every]
    assert names.index("search") < names.index("regions") < names.index("regions_test")
    run_steps([step for step in every if step.name in STEPS], folder, lambda _: None)
    return RunFolders(folder / "steps")


def test_records_and_page_have_both_networks(steps: RunFolders) -> None:
    found, test = RegionsRecord.read(steps.regions), RegionsTest.read(steps.regions_test)
    search = SearchSummary.read(steps.search)
    (trial,) = found.trials
    assert (trial.regions, trial.accepted, trial.over_one) == (2, True, None)
    assert found.by == "depth"
    inputs = len(search.kept_inputs)
    assert trial.cost.macs == inputs * 1 + 1 * 2 + inputs * 4 + 4 * 3
    assert (test.mismatches, len(test.regions), len(test.searched)) == (0, 3, 3)
    assert test.integers_compared > 3 * 3 * 100  # emulator, ONNX Runtime and C, all vectors
    assert {"emulator", "onnxruntime", "C host"} <= set(test.executors)
    page = render(Page("regions", "", [Section("Regions", region_blocks(found, test, search))]))
    assert "A linear estimate of the depth" in page
    assert f"{trial.cost.weight_bytes:,}" in page
    assert "2 regions" in page


def test_what_is_told_of_the_test_set_is_what_the_exported_integers_say(steps: RunFolders) -> None:
    found, test = RegionsRecord.read(steps.regions), RegionsTest.read(steps.regions_test)
    parts = read_split(steps)
    task = kind_of(load_study(steps.steps.parent / "study.toml")[0]).learning_task(parts, steps)
    model = FixedPointModel.load(steps.regions_model)
    assert any(isinstance(layer, ChosenDense) for layer in model.layers)
    residuals = model_residuals(task, model, np.array(found.kept_inputs), parts.split.test)
    assert task.metric(residuals) == test.regions[found.best_initialization]
    exported = steps.of("regions_test") / "firmware"
    assert FixedPointModel.load(exported / "model.json").to_json() == model.to_json()
    assert verify_export(exported, drawn=2000, seed=1).passed
    origin = origin_of(steps.regions_model)
    assert origin["study"] == "position_lyso_monolithic"
    assert len(origin["input_names"]) == len(found.kept_inputs)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ('targets = ["rtl_unrolled"]', "'c99' or 'rtl'"),
        ("counts = [4, 4]", "counts: names a number twice"),
        ("count = 4", "count"),
    ],
)
def test_what_cannot_be_is_said_when_the_file_is_read(
    tmp_path: Path, given: str, told: str
) -> None:
    study = tmp_path / "study.toml"
    study.write_text(
        small("position_lyso_monolithic", POSITION_CHANGES) + f"\n[regions]\n{given}\n"
    )
    with pytest.raises(ConfigError, match=told):
        load_study(study)


def test_a_study_without_positions_has_no_regions(tmp_path: Path) -> None:
    study = tmp_path / "study.toml"
    study.write_text('kind = "timing"\nname = "toy"\ndetector = "lyso_pair_3x3x20"\n[regions]\n')
    with pytest.raises(ConfigError, match="regions"):
        load_study(study)

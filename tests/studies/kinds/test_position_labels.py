"""A position study cannot fool its user: wrong stages are found before training, and named."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from pulsefront.detector import load_detector
from pulsefront.errors import DataError
from pulsefront.events.container import EventTable
from pulsefront.simulate.scan.measurement import simulate_scan
from pulsefront.simulate.scan.settings import ScanSettings
from pulsefront.studies.kinds.position.settings import PositionStudy
from pulsefront.studies.kinds.scan import select_external, split
from pulsefront.studies.load import load_study
from pulsefront.studies.run import run_study
from studies_small import COARSE, POSITION_CHANGES, small

Stage = NDArray[np.float32]


@pytest.fixture(scope="module")
def events() -> EventTable:
    scan = ScanSettings(
        pitch_mm=6.0, half_extent_mm=21.0, events_even_even=120, events_odd_odd=60, light_map=COARSE
    )
    return simulate_scan(load_detector("lyso_monolithic_50x50x16"), scan, 7)


@pytest.fixture
def study(tmp_path: Path) -> PositionStudy:
    (tmp_path / "study.toml").write_text(small("position_lyso_monolithic", POSITION_CHANGES))
    found, _ = load_study(tmp_path / "study.toml")
    assert isinstance(found, PositionStudy)
    return found


def stated(events: EventTable, change: Callable[[Stage], Stage]) -> EventTable:
    stage = np.asarray(change(events["stage_position_mm"]), np.float32)
    return replace(events, columns={**events.columns, "stage_position_mm": stage})


def as_measured(events: EventTable) -> EventTable:
    """Return the events without the truth, which marks a simulated set."""
    truth = "first_interaction_mm"
    columns = {name: values for name, values in events.columns.items() if name != truth}
    quantities = {name: q for name, q in events.quantities.items() if name != truth}
    return replace(events, columns=columns, quantities=quantities)


MISTAKES: dict[str, tuple[Callable[[Stage], Stage], str]] = {
    "swapped": (lambda s: s[:, ::-1], "x and y swapped"),
    "mirrored": (lambda s: s * [1, -1], "y mirrored"),
    "offset": (lambda s: s + np.array([4.0, 0.0]), "stage offset"),
    "pitch halved": (lambda s: s / 2, "wrong pitch"),
    "pitch doubled": (lambda s: s * 2, "wrong pitch"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_wrong_stage_stops_before_training_and_is_named(
    study: PositionStudy, events: EventTable, name: str
) -> None:
    change, words = MISTAKES[name]
    with pytest.raises(DataError, match=f"{words}.*check_labels"):
        split(study, stated(events, change))
    with pytest.raises(DataError, match=words):
        select_external(study, stated(as_measured(events), change))


def test_a_sound_scan_is_recorded(study: PositionStudy, events: EventTable) -> None:
    record = split(study, events).record
    assert record.label_findings == ()
    assert record.light_check.axes == "xy"


def test_who_insists_gets_what_is_wrong_in_the_record(
    study: PositionStudy, events: EventTable
) -> None:
    all_the_same = study.model_copy(
        update={"events": study.events.model_copy(update={"check_labels": False})}
    )
    record = split(all_the_same, stated(events, lambda s: s[:, ::-1])).record
    assert "swapped" in record.label_findings[0]


@pytest.mark.slow
def test_a_network_of_row_and_column_sums_runs_to_the_end(tmp_path: Path) -> None:
    text = small("position_lyso_monolithic", POSITION_CHANGES)
    text = text.replace("[events]\n", '[events]\ninputs = "row_column_sums"\n')
    text = re.sub(r"\[\[external\]\]\n(\w+ = .*\n)+", "", text)
    (tmp_path / "study.toml").write_text(text)
    run = run_study(tmp_path / "study.toml", tmp_path / "run", lambda _: None)
    results = json.loads((run / "results.json").read_text())
    assert results["search"]["input_names"][:1] == ["row_0"]
    assert len(results["search"]["input_names"]) == 16
    assert results["verification"]["mismatches"] == 0
    # What the report says of inputs and of the size of the test set comes with every study.
    uses = results["test"]["input_uses"]
    assert {row["input"] for row in uses["inputs"]} <= set(results["search"]["input_names"])
    assert uses["inputs"][0]["shuffled"] > 0
    assert results["test"]["power"]["counted"] == "positions"
    assert 0 <= results["test"]["power"]["power_here"] <= 1
    assert results["checklist"]["interpretability"]["importance"][0] == uses["inputs"][0]["input"]
    page = (run / "report.html").read_text()
    assert "What the exported network uses" in page
    assert "Size of another evaluation" in page

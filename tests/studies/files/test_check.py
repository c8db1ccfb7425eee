"""A check lists all that is missing or wrong, with lines, and runs nothing."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from pydantic import ValidationError

from pulsefront.errors import ConfigError, ExportError
from pulsefront.events.container import EventTable, Quantity
from pulsefront.files import sim_data_directory
from pulsefront.firmware.targets import FRONT_END, known_targets
from pulsefront.studies.files import start, start_inputs
from pulsefront.studies.files.check import check_file
from pulsefront.studies.files.early import most_test_vectors
from pulsefront.studies.files.probe import _too_coarse
from pulsefront.studies.load import load_study
from pulsefront.studies.run import run_study
from pulsefront.studies.settings import ExportSettings, StudyTarget
from studies_small import TIMING_CHANGES, small

pytest.importorskip("torch")

WRONG = """\
kind = "timing"
name = "ok"
sed = 1
detector = "lyso_pair_3x3x20"

[coincidences]
offsets_mm = [-10, 0, 10, 20, 30]
events_per_offset = 100

[events]
baseline_samples = 17
trigger_adc = 99999
samples_before = 8
samples_after = 8

[budget]
macs = 0

[verification]
held_out_vectors = 100_000

[export]
board = "zcu12"

[[external]]
name = "other"
detector = "lyso_pear"
"""


def checked(folder: Path, text: str) -> list[str]:
    path = folder / "study.toml"
    path.write_text(text)
    return [str(one).replace(f"{path}, ", "") for one in check_file(path, probe=False).problems]


def test_everything_wrong_is_listed_at_once_with_its_line(tmp_path: Path) -> None:
    found = checked(tmp_path, WRONG)
    starts = [
        "line 3: sed: unknown key; did you mean 'seed'?",
        "line 7: coincidences.offsets_mm: are too few",
        "line 11: events.baseline_samples: must be a power of two",
        "line 12: events.trigger_adc: is above all that the digitizer records (got 99999)",
        "line 17: budget.macs: input should be greater than or equal to 1",
        "line 20: verification.held_out_vectors: the test set can hold 200 vectors at most",
        "line 23: export.board: no such board (got 'zcu12')",
    ]
    for start_of_line in starts:
        assert [one for one in found if one.startswith(start_of_line)], (start_of_line, found)
    assert any("lyso_pear" in one and "line 27" in one for one in found), found


@pytest.mark.parametrize(
    ("budget", "key", "said"),
    [
        ('board = "ecp25"\nevents_per_second = 1e6', "board", "budget.board: no such board"),
        ('board = "ecp5_25"', "board", "budget.board: needs events_per_second beside it"),
        ("latency_ns = 10", "latency_ns", "budget.latency_ns: needs board and events_per_second"),
        (
            'board = "ecp5_25"\nevents_per_second = 2e9',
            "events_per_second",
            "budget.events_per_second: is more than one event a clock",
        ),
        (
            'board = "ecp5_25"\nevents_per_second = 0',
            "events_per_second",
            "budget.events_per_second: input should be greater than 0",
        ),
        (
            'board = "ecp5_25"\nevent_per_second = 1',
            "event_per_second",
            "budget.event_per_second: unknown key; did you mean 'events_per_second'?",
        ),
    ],
)
def test_what_is_wrong_with_the_part_of_a_budget_is_told_with_its_line(
    tmp_path: Path, budget: str, key: str, said: str
) -> None:
    text = small("timing_lyso_pair", TIMING_CHANGES)
    text = re.sub(r"^weight_bytes = .*$", budget, text, flags=re.MULTILINE)
    lines = [line.partition(" =")[0] for line in text.splitlines()]
    start = f"line {lines.index(key, lines.index('[budget]')) + 1}: {said}"
    found = checked(tmp_path, text)
    assert any(one.startswith(start) for one in found), (start, found)


def test_a_budget_with_a_part_is_right(tmp_path: Path) -> None:
    part = 'board = "ecp5_25"\nevents_per_second = 1e6\nlatency_ns = 900\nlut = 9000'
    text = small("timing_lyso_pair", TIMING_CHANGES)
    assert checked(tmp_path, re.sub(r"^weight_bytes = .*$", part, text, flags=re.MULTILINE)) == []


def test_a_missing_key_is_told_beside_the_others(tmp_path: Path) -> None:
    found = checked(tmp_path, WRONG.replace("samples_after = 8\n", "").replace("sed", "seed"))
    assert any("events.samples_after: is missing" in one for one in found)
    assert any("budget.macs" in one for one in found)


def test_an_unknown_kind_is_told_first(tmp_path: Path) -> None:
    told = checked(tmp_path, 'kind = "energy"\nname = "a"')[0]
    assert "one of crystal, motion, position, timing" in told
    assert "a study needs a kind" in checked(tmp_path, 'detector = "a"')[0]


def test_a_run_refuses_what_a_check_finds_before_any_work(tmp_path: Path) -> None:
    text = start.new_study("timing", "lyso_pair_3x3x20", "mine")
    path = tmp_path / "mine.toml"
    path.write_text(text.replace("baseline_samples = ", "baseline_samples = 1"))
    with pytest.raises(ConfigError, match=r"mine\.toml, line \d+: events\.baseline_samples"):
        run_study(path, tmp_path / "out", lambda _: None)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("kind", "detector", "change", "told"),
    [
        ("crystal", "lyso_monolithic_50x50x16", str, "has one crystal only"),
        (
            "crystal",
            "lyso_pixels_8x8",
            lambda text: text.replace("weight_bytes = 8192", "weight_bytes = 30"),
            "weight_bytes",
        ),
        (
            "position",
            "lyso_monolithic_50x50x16",
            lambda text: text.replace("half_extent_mm = 23.0", "half_extent_mm = 26.0"),
            "scan.half_extent_mm: the scan leaves the crystal, which ends at ±25 mm",
        ),
        (
            "position",
            "lyso_monolithic_50x50x16",
            lambda text: text.replace('# geometry = "pencil"', 'geometry = "flood"'),
            "scan.geometry: gives no positions to learn",
        ),
        (
            "position",
            "lyso_monolithic_50x50x16",
            lambda text: text.replace("half_extent_mm = 23.0", "half_extent_mm = 0.5"),
            "too few positions lie between training positions",
        ),
        (
            "timing",
            "lyso_pair_3x3x20",
            lambda text: re.sub(r"(?m)^\[search\]$", '[search]\nshapes = ["row_column"]', text),
            "search.shapes: the network of this study reads no rows and columns",
        ),
    ],
)
def test_what_does_not_fit_the_kind_is_told(
    kind: str, detector: str, change: Callable[[str], str], told: str, tmp_path: Path
) -> None:
    found = checked(tmp_path, change(start.new_study(kind, detector, "mine")))
    assert any(told in one for one in found), found


def test_absent_measured_files_are_told(tmp_path: Path) -> None:
    text = start.new_study("position", "lyso_monolithic_50x50x16", "mine")
    head = text[: text.index("\n[scan]")]
    found = checked(tmp_path, f'{head}\n[measured]\npath = "scans.toml"\n')
    assert any("scans.toml" in one and "no such file" in one for one in found), found


def test_every_number_without_a_source_is_told(tmp_path: Path) -> None:
    text = (sim_data_directory() / "detectors" / "lyso_pixels_8x8.toml").read_text()
    lines = [
        line for line in text.splitlines() if not line.startswith(('gate_ns = "', 'size_mm = "'))
    ]
    path = tmp_path / "detector.toml"
    path.write_text("\n".join(lines))
    problems = check_file(path).problems
    assert {one.field for one in problems} == {
        "crystal.size_mm",
        "layers.0.size_mm",
        "layers.1.size_mm",
        "charge.gate_ns",
    }
    for one in problems:
        assert lines[(one.line or 0) - 1].startswith((one.field or "").split(".")[-1])


def test_a_saturating_detector_is_found_by_the_probe(tmp_path: Path) -> None:
    text = start_inputs.new_description("detector", "lyso_pixels_8x8", "loud")
    gain = next(
        line for line in text.splitlines() if line.startswith("counts_per_photoelectron = ")
    )
    loud = f"counts_per_photoelectron = {20 * float(gain.split(' = ')[1])}"
    (tmp_path / "loud.toml").write_text(text.replace(gain, loud, 1))
    study = tmp_path / "study.toml"
    study.write_text(start.new_study("crystal", str(tmp_path / "loud.toml"), "mine"))
    (problem,) = check_file(study).problems
    assert "of its events saturate" in str(problem)
    assert "lower charge.counts_per_photoelectron" in str(problem)


def test_the_probe_tells_how_many_events_will_pass(tmp_path: Path) -> None:
    study = tmp_path / "study.toml"
    text = start.new_study("crystal", "lyso_pixels_8x8", "mine")
    study.write_text(text)
    found = check_file(study)
    assert found.problems == ()
    assert len(found.notes) == 3
    most = most_test_vectors(load_study(study)[0])
    study.write_text(text.replace("held_out_vectors = 5000", f"held_out_vectors = {most}"))
    (problem,) = check_file(study).problems
    assert "test vectors will pass the selection" in str(problem)


@pytest.mark.parametrize(
    ("gain", "events", "told"),
    [
        (1.0, {}, None),
        (1.0, {"normalised_sum": 4096}, None),
        (1.0, {"normalised_sum": 65536}, r"events.normalised_sum: brings a charge beyond 12 bits"),
        (1.0, {"normalised_sum": 16}, "events.normalised_sum: leaves .* 3 steps"),
        (0.01, {}, "detector: leaves .* 4 steps"),
        (0.01, {"normalised_sum": 4096}, "detector: leaves .* 4 steps"),
    ],
)
def test_inputs_of_few_steps_are_told(
    tmp_path: Path, gain: float, events: dict, told: str | None
) -> None:
    path = tmp_path / "study.toml"
    path.write_text(start.new_study("crystal", "lyso_pixels_8x8", "mine"))
    study = load_study(path)[0]
    study = study.model_copy(update={"events": study.events.model_copy(update=events)})
    charges = np.full((50, 64), 30)
    charges[:, 20] = 400
    table = EventTable(
        {"charge_adc": np.rint(gain * charges).astype(np.uint16)},
        {"charge_adc": Quantity("ADC counts", "charge")},
        np.zeros(50, np.uint16),
        {},
    )
    found = [str(one) for one in _too_coarse(study, table, path)]
    assert bool(found) == (told is not None)
    if told is not None:
        assert re.search(told, found[0])


def test_the_shipped_studies_have_nothing_wrong() -> None:
    files = sorted((sim_data_directory() / "studies").glob("*.toml"))
    assert len(files) >= 5
    for file in files:
        assert check_file(file, probe=False).problems == (), file
    assert check_file(files[0].stem, probe=False).path == files[0]


def test_a_file_like_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is like none of the files"):
        checked(tmp_path, "colour = 1")


def test_a_study_exports_to_every_target_but_the_front_end(tmp_path: Path) -> None:
    known = set(known_targets(get_args(StudyTarget)))
    with pytest.raises(ExportError, match="unknown target") as error:
        known_targets(["none"])
    assert known == set(re.findall(r"\w+", str(error.value.remedy))[3:]) - {FRONT_END}
    with pytest.raises(ValidationError, match=r"front_end has settings of its own.*--front-end"):
        ExportSettings(targets=("onnx", "front_end"))

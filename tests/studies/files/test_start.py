"""A start of every kind of file is right as it is."""

from __future__ import annotations

import tomllib
from pathlib import Path

import numpy as np
import pytest

from pulsefront.detector import load_detector, load_material
from pulsefront.errors import ConfigError
from pulsefront.events.manifest import load_manifest
from pulsefront.files import sim_data_directory
from pulsefront.firmware import load_board
from pulsefront.studies.files import start, start_inputs
from pulsefront.studies.files.check import check_file
from pulsefront.studies.load import load_study
from strategies_events import pulses, wavedump_bytes

SHIPPED = sorted(file.stem for file in (sim_data_directory() / "detectors").glob("*.toml"))


def written(folder: Path, text: str) -> Path:
    path = folder / "file.toml"
    path.write_text(text)
    return path


@pytest.mark.parametrize("detector", SHIPPED)
def test_a_new_study_of_every_shipped_detector_has_nothing_wrong(
    detector: str, tmp_path: Path
) -> None:
    pytest.importorskip("torch")
    found = load_detector(detector)
    kinds = ["timing"] if found.digitizer is not None else []
    kinds += ["position"] if found.charge is not None else []
    kinds += ["crystal"] if found.charge is not None and found.crystal.element_count > 1 else []
    assert kinds
    for kind in kinds:
        path = written(tmp_path, start.new_study(kind, detector, "mine"))
        assert [str(one) for one in check_file(path, probe=False).problems] == []
        assert load_study(path)[0].detector == detector


def test_a_study_that_the_detector_cannot_give_is_refused() -> None:
    with pytest.raises(ConfigError, match="has no charge readout"):
        start.new_study("position", "bgo_pair_3x3x15", "mine")
    with pytest.raises(ConfigError, match="has no digitizer"):
        start.new_study("timing", "lyso_pixels_8x8", "mine")


@pytest.mark.parametrize("detector", SHIPPED)
def test_a_new_detector_is_the_one_it_began_as(detector: str, tmp_path: Path) -> None:
    path = written(tmp_path, start_inputs.new_description("detector", detector, "mine"))
    found, shipped = load_detector(path), load_detector(detector)
    assert found.name == "mine"
    assert found.model_copy(update={"name": shipped.name}) == shipped


def test_a_new_material_and_board_are_those_they_began_as(tmp_path: Path) -> None:
    path = written(tmp_path, start_inputs.new_description("material", "bgo", "mine"))
    shipped = load_material("bgo")
    assert load_material(path).model_copy(update={"name": shipped.name}) == shipped
    path = written(tmp_path, start_inputs.new_board("zcu102", "mine"))
    assert load_board(path).part == load_board("zcu102").part


def test_mapping_and_pickoff_are_right_as_they_are(tmp_path: Path) -> None:
    for text, kind in (
        (start_inputs.new_mapping(), "mapping"),
        (start_inputs.new_failure_tables(), "failure_tables"),
        (start_inputs.new_pickoff(), "pickoff"),
    ):
        checked = check_file(written(tmp_path, text))
        assert (checked.kind, checked.problems) == (kind, ())


@pytest.mark.parametrize(
    ("name", "position"),
    [
        ("x-12.5_y3", (-12.5, 3.0)),
        ("run7_X 4p5_Y -0p5", (4.5, -0.5)),
        ("scan_x=10_y=20", (10.0, 20.0)),
        ("max3_y2", None),
        ("trace0001", None),
    ],
)
def test_positions_are_taken_from_names_that_tell_them(
    name: str, position: tuple[float, float] | None, tmp_path: Path
) -> None:
    (tmp_path / f"{name}.csv").write_text("")
    text = start_inputs.new_manifest(
        "position", [tmp_path / f"{name}.csv"], folder=tmp_path, source="Na-22", detector="d"
    )
    path = written(tmp_path, text)
    if position is None:
        (problem,) = check_file(path).problems
        assert "lacks stage_position_mm" in str(problem)
    else:
        (scan,) = load_manifest(path).scan
        assert scan.stage_position_mm == position
        assert check_file(path).problems == ()


def test_offsets_too(tmp_path: Path) -> None:
    files = [tmp_path / f"bench_offset_{mm}mm.dat" for mm in (-20, 0, 20)]
    text = start_inputs.new_manifest("timing", files, folder=tmp_path, source="Na-22", detector="d")
    offsets = [scan.source_offset_mm for scan in load_manifest(written(tmp_path, text)).scan]
    assert offsets == [-20.0, 0.0, 20.0]
    problems = check_file(tmp_path / "file.toml").problems
    assert [one.field for one in problems] == [f"scan.{n}.files" for n in range(3)]


def test_files_of_one_channel_each_are_one_scan(tmp_path: Path) -> None:
    names = [f"off{n:02}_{what}" for n in range(3) for what in ("wave1.dat", "wave0.dat")]
    names += ["d_-5mm_CH0.csv", "d_-5mm_CH1.csv", "d_5mm.csv"]
    files = [tmp_path / name for name in names]
    text = start_inputs.new_manifest("timing", files, folder=tmp_path, source="Na-22", detector="d")
    found = [(scan["files"], scan.get("source_offset_mm")) for scan in tomllib.loads(text)["scan"]]
    assert found == [
        *((([f"off{n:02}_wave0.dat", f"off{n:02}_wave1.dat"]), None) for n in range(3)),
        (["d_-5mm_CH0.csv", "d_-5mm_CH1.csv"], -5.0),
        (["d_5mm.csv"], 5.0),
    ]


def test_a_timing_scan_of_one_channel_is_refused_before_the_run(tmp_path: Path) -> None:
    waves = np.rint(pulses(20, 60, seed=1)).astype(np.uint16)
    for channel in (0, 1):
        (tmp_path / f"offset_5mm_wave{channel}.dat").write_bytes(
            wavedump_bytes(waves + channel, channel=channel)
        )
    files = sorted(tmp_path.glob("*.dat"))
    for chosen, problems in ((files[:1], 1), (files, 0)):
        text = start_inputs.new_manifest(
            "timing", chosen, folder=tmp_path, source="Na-22", detector="d"
        )
        found = check_file(written(tmp_path, text)).problems
        assert [one.field for one in found] == ["scan.0.files"] * problems
        assert all("holds events of one channel" in str(one) for one in found)


def test_names_are_made_from_files() -> None:
    assert start_inputs.name_from(Path("My Study-2.toml")) == "my_study_2"
    assert start_inputs.name_from(Path("2.toml")) == "study_2"
    study = start.new_study("timing", "lyso_pair_3x3x20", start_inputs.name_from(Path("2.toml")))
    assert 'name = "study_2"' in study


def test_a_file_that_exists_is_kept(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="exists already"):
        start_inputs.require_new(written(tmp_path, ""))


def test_an_unknown_kind_of_manifest_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="position or timing"):
        start_inputs.new_manifest("energy", [], folder=tmp_path, source="", detector="")

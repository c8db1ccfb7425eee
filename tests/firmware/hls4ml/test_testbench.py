"""The C++ test bench passes on an export and fails on one corrupted expected value."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import numpy as np
import pytest

from pulsefront.errors import ExportError
from pulsefront.firmware.board import load_board
from pulsefront.firmware.hls4ml.project import write_hls4ml
from pulsefront.firmware.hls4ml.settings import HlsSettings
from pulsefront.firmware.hls4ml.testbench import write_testbench
from pulsefront.firmware.vectors import VectorSet, golden_vectors
from strategies_fixed_point import random_model, side_by_side
from toys_firmware import project_of, small_model


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> tuple[Path, tuple[VectorSet, ...]]:
    """Return a project whose test bench is compiled once, in the folder itself."""
    folder, sets = project_of(small_model(), tmp_path_factory.mktemp("testbench") / "project")
    script = (folder / "run_testbench.sh").read_text()
    script = script.replace('"$(mktemp -d)"', "$PWD").replace("trap", "#").replace("cp -r", "#")
    subprocess.run(["bash", "-c", script, "testbench"], cwd=folder, check=True, capture_output=True)
    return folder, sets


def run(folder: Path, command: list[str]) -> tuple[int, str]:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def test_it_passes_and_fails_on_one_corrupted_expected_value(built):
    folder, sets = built
    status, text = run(folder, ["./testbench"])
    vectors = sum(len(one) for one in sets)
    assert (status, text) == (
        0,
        f"PASS: {vectors} vectors, {2 * vectors} integers compared, 0 different\n",
    )
    path = folder / "tb_data" / "expected_position.txt"
    whole = path.read_text()
    lines = whole.splitlines()
    first, second = map(int, lines[17].split())
    lines[17] = f"{first} {second + 1}"
    path.write_text("\n".join(lines) + "\n")
    status, text = run(folder, ["./testbench"])
    assert status == 1
    assert f"FAIL: vector 17, position[1]: expected {second + 1}, got {second}" in text
    assert f"{2 * vectors} integers compared, 1 different" in text
    path.write_text(whole)


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        (lambda lines: lines[:9], "expected_position.txt ends at vector 9"),
        (lambda lines: [*lines[:3], "1", *lines[4:]], "vector 3 has 1 numbers instead of 2"),
    ],
)
def test_damaged_vectors_never_pass(built, damage, problem):
    folder, _ = built
    path = folder / "tb_data" / "expected_position.txt"
    whole = path.read_text()
    path.write_text("\n".join(damage(whole.splitlines())) + "\n")
    status, text = run(folder, ["./testbench"])
    path.write_text(whole)
    assert status == 2
    assert problem in text


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param(HlsSettings("Vitis", io_type="io_stream"), id="stream"),
        pytest.param(HlsSettings("oneAPI"), id="pipes", marks=pytest.mark.slow),
    ],
)
def test_with_streams_or_pipes_it_calls_the_c_simulation_and_finds_the_one_wrong_value(
    tmp_path, settings
):
    model = small_model()
    sets = golden_vectors(model)
    project = tmp_path / "project"
    write_hls4ml(model, project, board=load_board(), settings=settings)
    write_testbench(model, project, sets, library=True)
    before = sorted(project.rglob("*"))
    script = project / "build_lib.sh"
    script.write_text(script.read_text().replace("-O3", "-O1"))
    path = project / "tb_data" / "expected_position.txt"
    lines = path.read_text().splitlines()
    first, second = map(int, lines[17].split())
    lines[17] = f"{first - 1} {second}"
    path.write_text("\n".join(lines) + "\n")
    status, text = run(project, ["bash", "run_testbench.sh"])
    vectors = sum(len(one) for one in sets)
    assert (status, text.splitlines()) == (
        1,
        [
            f"FAIL: vector 17, position[0]: expected {first - 1}, got {first}",
            f"FAIL: {vectors} vectors, {2 * vectors} integers compared, 1 different",
        ],
    )
    assert sorted(project.rglob("*")) == before


def test_it_needs_no_python_and_leaves_nothing_behind(tmp_path):
    folder, _ = project_of(small_model(), tmp_path / "project")
    before = sorted(folder.rglob("*"))
    environment = {"PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        ["bash", str(folder / "run_testbench.sh")],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert sorted(folder.rglob("*")) == before


def test_several_inputs_and_outputs_have_ports_of_their_own(tmp_path):
    model = side_by_side([random_model(seed, f"n{seed}", most=1) for seed in (1, 2)])
    folder, sets = project_of(model, tmp_path / "project")
    text = (folder / "many_test.cpp").read_text()
    for one in model.inputs:
        assert re.search(rf"static \w+::\w+ port_{one.name}\[", text)
    expected = np.loadtxt(folder / "tb_data" / f"expected_{model.outputs[0]}.txt", ndmin=2)
    assert len(expected) == sum(len(one) for one in sets)


def test_a_project_of_another_model_is_refused(tmp_path):
    folder, sets = project_of(small_model(), tmp_path / "project")
    (folder / "firmware" / "tiny.h").write_text("void tiny(input_t adc[6]);\n")
    with pytest.raises(ExportError, match="other ports than the model"):
        write_testbench(small_model(), folder, sets)

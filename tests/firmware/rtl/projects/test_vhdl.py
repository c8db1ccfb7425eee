"""Unrolled VHDL: its own bench under ghdl, every integer beside the emulator's."""

from __future__ import annotations

import itertools
import shutil
import subprocess

import numpy as np
import pytest

from pulsefront.errors import ExportError
from pulsefront.firmware import export_model, verify_export
from pulsefront.firmware.rtl.bench.ghdl import GhdlSimulation
from pulsefront.firmware.rtl.language.languages import VHDL
from pulsefront.firmware.rtl.language.vhdl_text import vhdl_name
from pulsefront.firmware.rtl.projects.unrolled import write_unrolled
from pulsefront.firmware.vectors import golden_vectors
from pulsefront.fixed_point import (
    Assignment,
    Dense,
    FixedPointFormat,
    FixedPointModel,
    Input,
    Overflow,
    Quantize,
    Rounding,
)
from strategies_fixed_point import random_inputs
from toys_firmware import small_model
from toys_rtl import compare_run, every_layer_net, image_net, needs_ghdl

pytest.importorskip("alkaid", reason="absent: pip install 'pulsefront[rtl]'")
pytestmark = needs_ghdl


def written(model, folder):
    write_unrolled(model, folder, golden_vectors(model), language=VHDL)
    return folder


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    return written(small_model(), tmp_path_factory.mktemp("vhdl") / "tiny")


@pytest.mark.parametrize(
    "model_of", [small_model, every_layer_net, pytest.param(image_net, marks=pytest.mark.slow)]
)
def test_golden_and_random_vectors(model_of, tmp_path):
    model = model_of()
    with GhdlSimulation(written(model, tmp_path), model) as simulation:
        log = simulation.check()
        compare_run(simulation, model, random_inputs(model, 500, 2))
    vectors = sum(map(len, golden_vectors(model)))
    assert f"gaps and back-pressure: {vectors} vectors" in log


def test_every_rounding_with_every_overflow(tmp_path):
    layers = tuple(
        Quantize(
            f"q{rounding}{overflow}".replace("_", ""),
            ("x",),
            Assignment(FixedPointFormat(4, 4, signed=number % 3 > 0), rounding, overflow),
        )
        for number, (rounding, overflow) in enumerate(
            (rounding, overflow) for rounding in Rounding for overflow in Overflow
        )
    )
    source = Input("x", (1,), FixedPointFormat(8, 5))
    model = FixedPointModel("modes", (source,), layers, tuple(one.name for one in layers))
    every = {"x": np.arange(-128, 128).reshape(-1, 1)}
    with GhdlSimulation(written(model, tmp_path), model) as simulation:
        compare_run(simulation, model, every)


def test_names_that_plain_vhdl_does_not_take(tmp_path):
    names = ("signal", "Signal", "_x", "end_", "process")
    weights = np.arange(1, 7).reshape(2, 3)
    layers = [Dense(names[1], (names[0],), weights, FixedPointFormat(5, 5))]
    for before, name in itertools.pairwise(names[1:]):
        to = Assignment(FixedPointFormat(9, 9), "RND", "SAT")
        layers.append(Quantize(name, (before,), to))
    source = Input("signal", (2,), FixedPointFormat(4, 4))
    model = FixedPointModel("Entity", (source,), tuple(layers), names[3:])
    with GhdlSimulation(written(model, tmp_path), model) as simulation:
        simulation.check()
    assert vhdl_name("x_data") == "x_data"
    assert vhdl_name("X_data") == "\\X_data\\"
    assert vhdl_name("_x_data") == "\\_x_data\\"


def test_the_script_of_the_folder_passes(small):
    done = run_script(small)
    assert done.returncode == 0
    assert done.stdout.splitlines()[-1] == "PASS"


@pytest.mark.parametrize(
    ("file", "right", "wrong", "message"),
    [
        (
            "tiny_top.vhd",
            "OVERFLOW => 1",
            "OVERFLOW => 0",
            r"FAIL: vector \d+, posi",
        ),
        ("pf_fifo.vhd", "if reads = '1' then", "if held /= 0 then", "FAIL"),
        ("pf_gate.vhd", "2 ** DEPTH_LOG2", "2 ** (DEPTH_LOG2 + 1)", "FAIL: vec"),
        ("pf_gate.vhd", "moved := travels & takes", "moved := travels & '0'", "has stopped"),
        ("tiny_axis.vhd", "not aresetn", "aresetn", "has stopped"),
    ],
)
def test_a_wrong_design_fails(small, tmp_path, file, right, wrong, message):
    shutil.copytree(small, tmp_path / "bad")
    path = tmp_path / "bad" / file
    text = path.read_text()
    assert right in text
    path.write_text(text.replace(right, wrong))
    with (
        GhdlSimulation(tmp_path / "bad", small_model()) as simulation,
        pytest.raises(ExportError, match=message),
    ):
        simulation.check()


def test_the_first_wrong_integer_is_named_with_a_status(small, tmp_path):
    shutil.copytree(small, tmp_path / "bad")
    path = tmp_path / "bad" / "tb_data" / "expected_position.hex"
    lines = path.read_text().splitlines()
    lines[6] = f"{int(lines[6], 16) ^ 1 << 16:08x}"
    path.write_text("\n".join(lines) + "\n")
    done = run_script(tmp_path / "bad")
    assert done.returncode == 1
    assert "FAIL: vector 6, position[1]: expected " in done.stdout


def run_script(folder):
    script = ["sh", str(folder / "run_testbench.sh")]
    return subprocess.run(script, capture_output=True, text=True, check=False)


def test_exported_and_verified(tmp_path):
    exported = export_model(small_model(), tmp_path / "out", targets=["rtl_unrolled_vhdl"])
    result = verify_export(tmp_path / "out")
    assert result.passed
    rows = [row for row in result.exact_rows if row.backend == "VHDL (ghdl)"]
    assert [row.vectors for row in rows] == [len(one) for one in exported.contents.vectors]
    assert "by VHDL and its test bench" in exported.table()
    assert "VHDL, unrolled by alkaid, with a test bench" in (tmp_path / "out/README.md").read_text()


def test_without_ghdl_the_other_executors_run(tmp_path, monkeypatch):
    export_model(small_model(), tmp_path / "out", targets=["rtl_unrolled_vhdl"])
    monkeypatch.setattr(shutil, "which", lambda name: None)
    result = verify_export(tmp_path / "out")
    assert result.passed
    assert "apt install ghdl" in result.table()

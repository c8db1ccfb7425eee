"""Unrolled Verilog: alkaid's pipeline in streams, every integer beside the emulator's."""

from __future__ import annotations

import subprocess

import numpy as np
import pytest

from pulsefront.errors import ToolMissing, UnsupportedLayer
from pulsefront.firmware.rtl import unrolled
from pulsefront.firmware.rtl.simulate import Simulation
from pulsefront.firmware.rtl.unrolled import write_unrolled
from pulsefront.fixed_point import (
    Assignment,
    Dense,
    FixedPointFormat,
    FixedPointModel,
    Input,
    Quantize,
)
from toys_firmware import small_model
from toys_rtl import INSTALLED, compare_simulation, every_layer_net, needs_simulator, vectors_of


def checked(model, folder, **options) -> unrolled.UnrolledProject:
    project = write_unrolled(model, folder, vectors_of(model, 200), **options)
    with Simulation(folder, model) as simulation:
        simulation.check()
    compare_simulation(model, folder, 300)
    return project


@needs_simulator
@pytest.mark.parametrize("levels", [1.0, 3.0])
def test_small_network(tmp_path, levels):
    pytest.importorskip("alkaid")
    project = checked(small_model(), tmp_path, levels_per_stage=levels)
    assert 3 < project.latency_cycles < 30


@needs_simulator
def test_every_layer_that_can_be_unrolled(tmp_path):
    pytest.importorskip("alkaid")
    checked(every_layer_net(), tmp_path)


def test_modules_of_two_models_do_not_meet(tmp_path):
    pytest.importorskip("alkaid")
    for name in ("one", "two"):
        write_unrolled(small_model(name), tmp_path / name, vectors_of(small_model(name), 5))
    names = [{path.name for path in (tmp_path / name).glob("*.v")} for name in ("one", "two")]
    for name in names[0] & names[1]:
        assert (tmp_path / "one" / name).read_text() == (tmp_path / "two" / name).read_text()


@needs_simulator
@pytest.mark.parametrize("modes", [("RND_CONV", "SAT"), ("TRN_ZERO", "SAT_ZERO"), ("RND", "WRAP")])
def test_a_lone_cast_with_no_sums(tmp_path, modes):
    pytest.importorskip("alkaid")
    to = Assignment(FixedPointFormat(4, 4), *modes)
    source = Input("x", (2,), FixedPointFormat(8, 5))
    model = FixedPointModel("net", (source,), (Quantize("q", ("x",), to),), ("q",))
    checked(model, tmp_path)


@needs_simulator
@pytest.mark.parametrize("signed", [False, True])
def test_inputs_of_one_bit_are_summed_without_tables(tmp_path, signed):
    pytest.importorskip("alkaid")
    weights = np.random.default_rng(0).integers(-8, 8, (14, 2))
    source = Input("x", (14,), FixedPointFormat(1, 1, signed=signed))
    dense = Dense("d", ("x",), weights, FixedPointFormat(4, 4))
    checked(FixedPointModel("net", (source,), (dense,), ("d",)), tmp_path)


def test_a_narrow_accumulator_is_refused(tmp_path):
    pytest.importorskip("alkaid")
    to = Assignment(FixedPointFormat(4, 4))
    dense = Dense("d", ("x",), np.ones((2, 1), int), FixedPointFormat(3, 3), accumulator=to)
    source = Input("x", (2,), FixedPointFormat(8, 8))
    model = FixedPointModel("net", (source,), (dense,), ("d",))
    with pytest.raises(UnsupportedLayer, match="--target rtl"):
        write_unrolled(model, tmp_path, vectors_of(model, 5))


def test_without_alkaid_the_install_line_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(unrolled.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ToolMissing, match=r"pulsefront\[rtl\]"):
        write_unrolled(small_model(), tmp_path, vectors_of(small_model(), 5))


@pytest.mark.skipif("verilator" not in INSTALLED, reason="verilator is not installed")
@pytest.mark.parametrize("model_of", [small_model, every_layer_net])
def test_lint_has_nothing_to_say_but_of_bits_that_no_one_reads(model_of, tmp_path):
    pytest.importorskip("alkaid")
    model = model_of()
    write_unrolled(model, tmp_path, vectors_of(model, 5))
    sources = sorted(path.name for path in tmp_path.glob("*.v") if "_tb" not in path.name)
    flags = ["--lint-only", "-Wall", "-Wno-UNUSEDSIGNAL", "--top-module", f"{model.name}_axis"]
    done = subprocess.run(
        ["verilator", *flags, *sources], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    assert done.returncode == 0

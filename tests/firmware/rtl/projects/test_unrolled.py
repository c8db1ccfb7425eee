"""Unrolled Verilog: alkaid's pipeline in streams, every integer beside the emulator's."""

from __future__ import annotations

import numpy as np
import pytest

from pulsefront.errors import ToolMissing, UnsupportedLayer
from pulsefront.firmware.rtl.bench.simulate import Simulation
from pulsefront.firmware.rtl.layers.half_up import half_up
from pulsefront.firmware.rtl.projects import unrolled
from pulsefront.firmware.rtl.projects.unrolled import write_unrolled
from pulsefront.fixed_point import (
    Assignment,
    Dense,
    FixedPointFormat,
    FixedPointModel,
    Input,
    Quantize,
    Relu,
)
from toys_firmware import small_model
from toys_rtl import (
    compare_run,
    compare_simulation,
    every_layer_net,
    image_net,
    lint,
    needs_simulator,
    needs_verilator,
    vectors_of,
)


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
@pytest.mark.parametrize("model_of", [every_layer_net, image_net])
def test_every_layer_that_can_be_unrolled(model_of, tmp_path):
    pytest.importorskip("alkaid")
    checked(model_of(), tmp_path)


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


@needs_verilator
@pytest.mark.parametrize("model_of", [small_model, every_layer_net, image_net])
def test_lint_has_nothing_to_say_but_of_bits_that_no_one_reads(model_of, tmp_path):
    pytest.importorskip("alkaid")
    model = model_of()
    write_unrolled(model, tmp_path, vectors_of(model, 5))
    assert lint(tmp_path, model) == ""


def rounding_net(reader: str) -> FixedPointModel:
    """Return sums that are rounded half up, by the layer itself or by the one that reads it."""
    rng = np.random.default_rng(2)
    to = Assignment(FixedPointFormat(6, 5, signed=reader != "relu"), "RND", "SAT")
    dense = Dense(
        "sums",
        ("x",),
        rng.integers(-16, 16, (5, 3)),
        FixedPointFormat(5, 1),
        rng.integers(-16, 16, 3),
        FixedPointFormat(5, 2),
        to if reader == "sums" else None,
    )
    layers = {
        "sums": (dense,),
        "relu": (dense, Relu("relu", ("sums",), to)),
        "signed relu": (dense, Relu("relu", ("sums",), to)),
        "cast": (dense, Quantize("cast", ("sums",), to)),
        "two": (dense, Relu("relu", ("sums",), to), Quantize("cast", ("sums",), to)),
    }[reader]
    outputs = ("relu", "cast") if reader == "two" else (layers[-1].name,)
    return FixedPointModel("net", (Input("x", (5,), FixedPointFormat(6, 4)),), layers, outputs)


@needs_simulator
@pytest.mark.parametrize("reader", ["sums", "relu", "signed relu", "cast", "two"])
def test_half_a_step_is_in_the_constants_where_one_layer_alone_rounds(reader, tmp_path):
    pytest.importorskip("alkaid")
    model = rounding_net(reader)
    assert (set(half_up(model)) == {"sums"}) is (reader != "two")
    project = checked(model, tmp_path)
    text = (tmp_path / f"{project.top}.v").read_text()
    assert (".ROUNDING(1)" in text) is (reader == "two")


@needs_simulator
def test_every_sum_and_difference_of_shifted_numbers(tmp_path):
    """The adder beside whole numbers, for all signs, shifts, and bits that are not given."""
    pytest.importorskip("alkaid")
    weights = np.array([[1, 1, 5, 4, -7], [8, -8, -3, -1, 16], [-4, 1, 1, 32, -1]])
    for signed in (True, False):
        source = Input("x", (3,), FixedPointFormat(4, 4, signed=signed))
        dense = Dense("d", ("x",), weights, FixedPointFormat(7, 7))
        model = FixedPointModel("net", (source,), (dense,), ("d",))
        folder = tmp_path / str(signed)
        write_unrolled(model, folder, vectors_of(model, 5))
        one = np.arange(source.format.minimum, source.format.maximum + 1)
        inputs = {"x": np.stack(np.meshgrid(one, one, one), -1).reshape(-1, 3)}
        with Simulation(folder, model) as simulation:
            compare_run(simulation, model, inputs)

"""Time-shared Verilog: the folder, its test bench, and every integer beside the emulator's."""

from __future__ import annotations

import re
import shutil
import subprocess

import numpy as np
import pytest

from pulsefront.errors import ExportError, ToolMissing
from pulsefront.firmware import export_model, verify_export
from pulsefront.firmware.rtl.bench.simulate import Simulation, find_simulator
from pulsefront.firmware.rtl.projects.time_shared import write_rtl
from pulsefront.firmware.rtl.time_shared.plan import plan
from pulsefront.firmware.vectors import golden_vectors
from pulsefront.fixed_point import (
    Assignment,
    Conv1d,
    Dense,
    FixedPointFormat,
    FixedPointModel,
    Input,
    Overflow,
    Quantize,
    Rounding,
)
from toys_firmware import small_model
from toys_rtl import (
    INSTALLED,
    built,
    compare_simulation,
    every_layer_net,
    image_net,
    lint,
    needs_simulator,
    needs_verilator,
    timing_like,
)


def waveform_net(stride: int, padding: tuple[int, int]) -> FixedPointModel:
    """Return a sliding window over a waveform of two channels."""
    rng = np.random.default_rng(stride)
    weights = rng.integers(-16, 16, (4, 2, 3))
    conv = Conv1d(
        "conv",
        ("wave",),
        weights,
        FixedPointFormat(5, 1),
        rng.integers(-64, 64, 3),
        FixedPointFormat(8, 6),
        Assignment(FixedPointFormat(12, 11), "RND_CONV", "SAT"),
        stride=stride,
        padding=padding,
    )
    source = Input("wave", (12, 2), FixedPointFormat(10, 10))
    return FixedPointModel("wave_net", (source,), (conv,), ("conv",))


def test_the_folder_is_complete_and_plain_verilog(tmp_path):
    built(timing_like(), tmp_path, 4)
    names = {path.name for path in tmp_path.iterdir()}
    assert {"timing_top.v", "timing_top_tb.v", "run_testbench.sh", "README.md"} <= names
    assert {"dense0_weights.hex", "dense0_biases.hex", "pf_matrix.v", "tb_data"} <= names
    words = (tmp_path / "dense0_weights.hex").read_text().split()
    assert len(words) == 12 * 4  # four groups of four of the thirteen outputs
    readme = (tmp_path / "README.md").read_text()
    assert "a new event every 48 clocks, set by layer dense0 with 4 multipliers" in readme


@needs_simulator
@pytest.mark.parametrize("multipliers", [1, 3, 13])
def test_timing_like(tmp_path, multipliers):
    model = timing_like()
    built(model, tmp_path, multipliers)
    compare_simulation(model, tmp_path, 500)


@needs_simulator
@pytest.mark.parametrize("model_of", [timing_like, every_layer_net, image_net])
def test_a_register_behind_each_multiplier_changes_the_clocks_alone(tmp_path, model_of):
    model = model_of()
    without, design = (plan(model, 2, dsp=1, registers_behind=one) for one in (0, 1))
    assert design.interval_cycles == without.interval_cycles
    assert design.latency_cycles > without.latency_cycles
    built(model, tmp_path, design)
    with Simulation(tmp_path, model) as simulation:
        simulation.check()
    compare_simulation(model, tmp_path, 200)


@needs_simulator
@pytest.mark.parametrize("stride", [1, 2, 5])
@pytest.mark.parametrize("padding", [(0, 0), (3, 1), (0, 3)])
def test_sliding_windows(tmp_path, stride, padding):
    model = waveform_net(stride, padding)
    built(model, tmp_path, 2)
    with Simulation(tmp_path, model) as simulation:
        simulation.check()
    compare_simulation(model, tmp_path, 100)


@needs_simulator
@pytest.mark.parametrize("multipliers", [1, 3])
@pytest.mark.parametrize("model_of", [every_layer_net, image_net])
def test_every_layer(tmp_path, model_of, multipliers):
    """The bench asserts the stated clocks; windows of images set those of the second network."""
    model = model_of()
    built(model, tmp_path, multipliers)
    with Simulation(tmp_path, model) as simulation:
        simulation.check()
    compare_simulation(model, tmp_path, 100)


@needs_simulator
def test_every_rounding_and_overflow(tmp_path):
    """All values of a port, at every mode; several modes are one model's outputs."""
    source = Input("x", (1,), FixedPointFormat(9, 5))
    layers = [
        Quantize(f"q_{rounding}_{overflow}", ("x",), Assignment(to, rounding, overflow))
        for rounding in Rounding
        for overflow in Overflow
        for to in (FixedPointFormat(5, 4, signed=rounding != "RND"),)
    ]
    model = FixedPointModel("modes", (source,), tuple(layers), tuple(q.name for q in layers))
    built(model, tmp_path)
    inputs = {"x": np.arange(-256, 256)[:, None]}
    with Simulation(tmp_path, model) as simulation:
        found = simulation.run(inputs)
    for name, integers in model.emulator.run(inputs).items():
        np.testing.assert_array_equal(found[name], integers, err_msg=name)


@needs_simulator
def test_the_bench_names_the_first_wrong_integer(tmp_path):
    model = small_model()
    sets = golden_vectors(model)
    write_rtl(model, tmp_path, sets, multipliers=2)
    path = tmp_path / "position_weights.hex"
    words = path.read_text().split()
    words[2] = f"{int(words[2], 16) ^ 1:0{len(words[2])}x}"
    path.write_text("\n".join(words) + "\n")
    pattern = r"FAIL: vector \d+, position\[0\]: expected -?\d+, got -?\d+"
    with Simulation(tmp_path, model) as simulation, pytest.raises(ExportError, match=pattern):
        simulation.check()


@needs_simulator
@pytest.mark.parametrize("stated", ["INTERVAL", "LATENCY"])
def test_the_bench_fails_where_clocks_are_exceeded(tmp_path, stated):
    built(timing_like(), tmp_path, 2)
    bench = tmp_path / "timing_top_tb.v"
    text = bench.read_text()
    bench.write_text(re.sub(rf"localparam {stated} = \d+", f"localparam {stated} = 20", text))
    with (
        Simulation(tmp_path, timing_like()) as simulation,
        pytest.raises(ExportError, match="than stated"),
    ):
        simulation.check()


@needs_simulator
def test_the_bench_sees_an_element_that_changes_before_it_is_taken(tmp_path):
    built(timing_like(), tmp_path, 2)
    path = tmp_path / "pf_slice.v"
    path.write_text(path.read_text().replace("if (out_ready || !out_valid) out_data", "out_data"))
    with (
        Simulation(tmp_path, timing_like()) as simulation,
        pytest.raises(ExportError, match="FAIL"),
    ):
        simulation.check()


@needs_simulator
@pytest.mark.parametrize(
    ("right", "wrong"),
    [("{2{positive__data[5]}}", "{2{1'b1}}"), ("s_axis_wave_tdata[0 +", "s_axis_wave_tdata[1 +")],
)
def test_a_wrong_lane_of_axi4_stream_fails(tmp_path, right, wrong):
    built(every_layer_net(), tmp_path, 2)
    path = tmp_path / "whole_axis.v"
    assert right in path.read_text()
    path.write_text(path.read_text().replace(right, wrong))
    with (
        Simulation(tmp_path, every_layer_net()) as simulation,
        pytest.raises(ExportError, match="FAIL: vector"),
    ):
        simulation.check()


@pytest.mark.skipif("iverilog" not in INSTALLED, reason="iverilog is not installed")
def test_the_script_of_the_folder_passes_and_fails(tmp_path):
    built(timing_like(), tmp_path, 13)
    script = ["sh", str(tmp_path / "run_testbench.sh")]
    done = subprocess.run(script, capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert done.stdout.splitlines()[-1] == "PASS"
    (tmp_path / "dense2_biases.hex").write_text("0\n")
    done = subprocess.run(script, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "FAIL: vector 0, dense2[0]" in done.stdout


@needs_simulator
def test_exported_and_verified(tmp_path):
    pytest.importorskip("alkaid")
    exported = export_model(
        small_model(),
        tmp_path / "out",
        targets=["rtl", "rtl_unrolled"],
        multipliers={"hidden": 2},
    )
    result = verify_export(tmp_path / "out")
    assert result.passed
    executors = {row.backend for row in result.exact_rows}
    assert executors - {"CXXRTL"} == {"emulator", "Verilog", "Verilog unrolled"}
    assert "rtl_unrolled" in exported.table()
    assert "Verilog, time-shared, with a test bench" in (tmp_path / "out/README.md").read_text()


def test_without_a_simulator_the_other_executors_run(tmp_path, monkeypatch):
    export_model(small_model(), tmp_path / "out", targets=["rtl"])
    monkeypatch.setattr("pulsefront.firmware.rtl.bench.simulate.SIMULATORS", ())
    monkeypatch.setattr(shutil, "which", lambda name: None)
    result = verify_export(tmp_path / "out")
    assert result.passed
    assert "is needed for the simulation of Verilog" in result.table()
    with pytest.raises(ToolMissing, match="apt install verilator"):
        find_simulator("verilator")


@needs_simulator
def test_verilog_that_does_not_compile_is_one_line(tmp_path):
    built(timing_like(), tmp_path)
    (tmp_path / "pf_lane.v").write_text("module pf_lane(;\n")
    with Simulation(tmp_path, timing_like()) as simulation, pytest.raises(ExportError) as caught:
        simulation.check()
    assert "fails: " in str(caught.value)


@needs_simulator
def test_one_dense_layer_of_one_weight(tmp_path):
    port = Input("x", (1,), FixedPointFormat(1, 1, signed=False))
    dense = Dense("d", ("x",), np.array([[-1]]), FixedPointFormat(1, 1))
    model = FixedPointModel("one", (port,), (dense,), ("d",))
    built(model, tmp_path)
    compare_simulation(model, tmp_path, 50)


@needs_verilator
@pytest.mark.parametrize("behind", [0, 1])
@pytest.mark.parametrize("model_of", [small_model, every_layer_net, image_net, timing_like])
def test_lint_has_nothing_to_say_but_of_bits_that_no_one_reads(model_of, behind, tmp_path):
    built(model_of(), tmp_path, plan(model_of(), 2, registers_behind=behind))
    assert lint(tmp_path, model_of()) == ""


@needs_verilator
def test_lint_has_nothing_to_say_of_windows_and_of_every_mode_of_an_accumulator(tmp_path):
    built(waveform_net(2, (3, 1)), tmp_path / "windows", 2)
    assert lint(tmp_path / "windows", waveform_net(2, (3, 1))) == ""
    for rounding in Rounding:
        for overflow in Overflow:
            to = Assignment(FixedPointFormat(7, 5), rounding, overflow)
            weights = np.array([[3, -2], [1, 4]])
            dense = Dense("d", ("x",), weights, FixedPointFormat(4, 1), accumulator=to)
            source = Input("x", (2,), FixedPointFormat(5, 3))
            model = FixedPointModel("narrow", (source,), (dense,), ("d",))
            folder = tmp_path / f"{rounding}_{overflow}"
            built(model, folder)
            assert lint(folder, model) == ""

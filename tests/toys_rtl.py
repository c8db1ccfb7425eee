"""Networks and vectors for the tests of Verilog, and which simulators are installed."""

from __future__ import annotations

import itertools
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from pulsefront.firmware.rtl.bench.run import FolderRun
from pulsefront.firmware.rtl.bench.simulate import SIMULATORS, Simulation
from pulsefront.firmware.rtl.projects.time_shared import RtlProject, write_rtl
from pulsefront.firmware.vectors import VectorSet
from pulsefront.fixed_point import (
    Add,
    Assignment,
    AveragePool,
    Clip,
    Concatenate,
    Conv1d,
    Dense,
    FixedPointFormat,
    FixedPointModel,
    Flatten,
    Input,
    MaxPool,
    Relu,
    convolution_2d,
    function_table,
    pool_2d,
)
from strategies_fixed_point import random_inputs

INSTALLED = [name for name in SIMULATORS if shutil.which(name)]

needs_simulator = pytest.mark.skipif(
    not INSTALLED, reason=f"neither {' nor '.join(SIMULATORS)} is installed"
)

needs_verilator = pytest.mark.skipif(
    "verilator" not in INSTALLED, reason="verilator is not installed"
)

needs_ghdl = pytest.mark.skipif(not shutil.which("ghdl"), reason="ghdl is not installed")


def front_end_net(name: str, *sizes: int, weights: int, activations: int, adc: int):
    """Return a network as a front end has: random weights, rounding and saturation throughout."""
    rng = np.random.default_rng(0)
    layers: list[Dense | Relu] = []
    source, one = "x", FixedPointFormat(weights, 1)
    hidden = Assignment(FixedPointFormat(activations, adc + 2, signed=False), "RND", "SAT")
    last = Assignment(FixedPointFormat(16, adc + 4), "RND", "SAT")
    for number, shape in enumerate(itertools.pairwise(sizes)):
        drawn = rng.integers(one.minimum, one.maximum, shape, endpoint=True)
        bias = rng.integers(-64, 64, shape[1])
        to = last if number == len(sizes) - 2 else None
        name_of = f"dense{number}"
        wide = FixedPointFormat(10, 8)
        layers.append(Dense(name_of, (source,), drawn, one, bias, wide, to))
        source = f"relu{number}"
        layers.append(Relu(source, (name_of,), hidden))
    port = Input("x", sizes[:1], FixedPointFormat(adc, adc, signed=False))
    return FixedPointModel(name, (port,), tuple(layers[:-1]), (layers[-2].name,))


def timing_like() -> FixedPointModel:
    return front_end_net("timing", 12, 13, 6, 1, weights=8, activations=12, adc=12)


def position_like() -> FixedPointModel:
    return front_end_net("position", 64, 64, 32, 3, weights=7, activations=8, adc=8)


def every_layer_net() -> FixedPointModel:
    """Return a net of every layer that alkaid takes, two inputs and two outputs."""
    rng = np.random.default_rng(4)
    narrow = Assignment(FixedPointFormat(8, 7), "RND", "SAT")
    by_channel = Assignment(
        (FixedPointFormat(6, 5), FixedPointFormat(7, 8, signed=False)), "TRN", "SAT_SYM"
    )
    layers = (
        Conv1d(
            "conv", ("wave",), rng.integers(-4, 4, (3, 1, 2)), FixedPointFormat(3, 1),
            rng.integers(-8, 8, 2), FixedPointFormat(4, 4), narrow, padding=(2, 1),
        ),
        MaxPool("most", ("conv",), 2, 2),
        AveragePool("mean", ("most",), 2, 1, by_channel),
        Flatten("flat", ("mean",)),
        Clip("clip", ("energy",), -3, 5),
        Concatenate("both", ("flat", "clip")),
        Dense("inner", ("both",), rng.integers(-4, 4, (7, 7)), FixedPointFormat(3, 1)),
        Relu("bent", ("inner",), Assignment(FixedPointFormat(6, 6, signed=False), "RND", "SAT")),
        Add("residual", ("bent", "both", "both"), Assignment(FixedPointFormat(8, 7), "RND", "SAT")),
        Dense("time", ("residual",), rng.integers(-4, 4, (7, 2)), FixedPointFormat(3, 1)),
        Relu("positive", ("time",), Assignment(FixedPointFormat(6, 7), "RND", "WRAP")),
    )  # fmt: skip
    inputs = (
        Input("wave", (8, 1), FixedPointFormat(6, 6)),
        Input("energy", (1,), FixedPointFormat(5, 5)),
    )
    return FixedPointModel("whole", inputs, layers, ("positive", "clip"))


def image_net() -> FixedPointModel:
    """Return a net of a small image: convolution with padding, pool, tables, a residual sum."""
    rng = np.random.default_rng(6)
    act = Assignment(FixedPointFormat(5, 4, signed=False), "RND", "SAT")
    narrow = Assignment(FixedPointFormat(6, 3), "RND", "SAT")
    layers = (
        *convolution_2d(
            "conv", "image", rng.integers(-4, 4, (3, 3, 2, 2)), image=(4, 5),
            padding=(1, 1, 1, 1), weight_format=FixedPointFormat(3, 1),
            bias=rng.integers(-8, 8, 2), bias_format=FixedPointFormat(4, 4),
        ),
        Relu("bent", ("conv",), act),
        Add("sum", ("bent", "image"), Assignment(FixedPointFormat(6, 5), "RND", "SAT")),
        *pool_2d(MaxPool, "most", "sum", image=(4, 5), size=(2, 2)),
        Flatten("flat", ("most",)),
        Dense("dense", ("flat",), rng.integers(-4, 4, (8, 3)), FixedPointFormat(3, 1), to=narrow),
        function_table("output", "dense", "sigmoid", narrow.container,
                       Assignment(FixedPointFormat(7, 0, signed=False), "RND", "SAT")),
    )  # fmt: skip
    port = Input("image", (20, 2), FixedPointFormat(4, 4))
    return FixedPointModel("picture", (port,), layers, ("output", "most"))


def lint(folder: Path, model: FixedPointModel, top: str | None = None) -> str:
    """Return what Verilator says against the Verilog in a folder.

    Waived are signals that no one reads: spare wires of streams, bits that a format cuts.
    """
    sources = sorted(path.name for path in folder.glob("*.v") if "_tb" not in path.name)
    top = top or f"{model.name}_axis"
    flags = ["--lint-only", "-Wall", "-Wno-UNUSEDSIGNAL", "--top-module", top]
    command = ["verilator", *flags, *sources]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return done.stderr


def vectors_of(model: FixedPointModel, events: int, seed: int = 0) -> tuple[VectorSet, ...]:
    inputs = random_inputs(model, events, seed)
    return (VectorSet("random", inputs, model.emulator.run(inputs)),)


def built(model: FixedPointModel, folder: Path, multipliers=1, events: int = 20) -> RtlProject:
    return write_rtl(model, folder, vectors_of(model, events), multipliers=multipliers)


def compare_simulation(model, folder, events, simulator=None, seed=1) -> None:
    with Simulation(folder, model, simulator) as simulation:
        compare_run(simulation, model, random_inputs(model, events, seed))


def compare_run(simulation: FolderRun, model: FixedPointModel, inputs) -> None:
    found = simulation.run(inputs)
    for name, integers in model.emulator.run(inputs).items():
        np.testing.assert_array_equal(found[name], integers, err_msg=name)

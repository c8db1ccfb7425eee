"""Networks and vectors for the tests of Verilog, and which simulators are installed."""

from __future__ import annotations

import itertools
import shutil
from pathlib import Path

import numpy as np
import pytest

from pulsefront.firmware.rtl.project import RtlProject, write_rtl
from pulsefront.firmware.rtl.simulate import SIMULATORS, Simulation
from pulsefront.firmware.vectors import VectorSet
from pulsefront.fixed_point import (
    Assignment,
    Dense,
    FixedPointFormat,
    FixedPointModel,
    Input,
    Relu,
)
from strategies_fixed_point import random_inputs

INSTALLED = [name for name in SIMULATORS if shutil.which(name)]

needs_simulator = pytest.mark.skipif(
    not INSTALLED, reason=f"neither {' nor '.join(SIMULATORS)} is installed"
)


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


def vectors_of(model: FixedPointModel, events: int, seed: int = 0) -> tuple[VectorSet, ...]:
    inputs = random_inputs(model, events, seed)
    return (VectorSet("random", inputs, model.emulator.run(inputs)),)


def built(model: FixedPointModel, folder: Path, multipliers=1, events: int = 20) -> RtlProject:
    return write_rtl(model, folder, vectors_of(model, events), multipliers=multipliers)


def compare_simulation(model, folder, events, simulator=None, seed=1) -> None:
    inputs = random_inputs(model, events, seed)
    with Simulation(folder, model, simulator) as simulation:
        found = simulation.run(inputs)
    for name, integers in model.emulator.run(inputs).items():
        np.testing.assert_array_equal(found[name], integers, err_msg=name)

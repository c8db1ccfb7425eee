"""Small fixed-point models and their projects, for the tests of the firmware room."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np

from pulsefront.firmware.board import load_board
from pulsefront.firmware.hls4ml.csim import CSimulation
from pulsefront.firmware.hls4ml.project import write_hls4ml
from pulsefront.firmware.hls4ml.testbench import write_testbench
from pulsefront.firmware.vectors import VectorSet, golden_vectors
from pulsefront.fixed_point import (
    Assignment,
    Conv1d,
    Dense,
    FixedPointFormat,
    FixedPointModel,
    Flatten,
    Input,
    Relu,
)
from strategies_fixed_point import random_inputs


def mlp(*sizes: int, name: str = "mlp") -> FixedPointModel:
    rng = np.random.default_rng(0)
    layers: list[Dense | Relu] = []
    previous = "x"
    for number, shape in enumerate(itertools.pairwise(sizes)):
        weights, bias = rng.integers(-32, 32, shape), rng.integers(-512, 512, shape[1])
        layers.append(
            Dense(
                f"dense{number}",
                (previous,),
                weights,
                FixedPointFormat(6, 1),
                bias,
                FixedPointFormat(10, 4),
            )
        )
        to = Assignment(FixedPointFormat(8, 11, signed=False), "RND", "SAT")
        layers.append(Relu(f"relu{number}", (f"dense{number}",), to))
        previous = f"relu{number}"
    source = Input("x", (sizes[0],), FixedPointFormat(12, 12, signed=False))
    return FixedPointModel(name, (source,), tuple(layers[:-1]), (layers[-2].name,))


def compare(model: FixedPointModel, project, events: int, seed: int = 0) -> None:
    inputs = random_inputs(model, events, seed)
    expected = model.emulator.run(inputs)
    with CSimulation(project, model, optimize=False) as simulation:
        found = simulation.run(inputs)
    for name, integers in expected.items():
        np.testing.assert_array_equal(found[name], integers, err_msg=name)


def conv_model(name: str = "conv") -> FixedPointModel:
    rng = np.random.default_rng(4)
    weights = FixedPointFormat(5, 2)
    layers = (
        Conv1d("slide", ("x",), rng.integers(-16, 16, (3, 2, 7)), weights),
        Relu("act", ("slide",), Assignment(FixedPointFormat(8, 8, signed=False), "RND", "SAT")),
        Flatten("flat", ("act",)),
        Dense("out", ("flat",), rng.integers(-16, 16, (42, 2)), weights),
    )
    return FixedPointModel(name, (Input("x", (8, 2), FixedPointFormat(6, 6)),), layers, ("out",))


def small_model(name: str = "tiny") -> FixedPointModel:
    rng = np.random.default_rng(7)
    weight_format = FixedPointFormat(5, 1)
    layers = (
        Dense(
            "hidden",
            ("adc",),
            rng.integers(-16, 16, (6, 4)),
            weight_format,
            rng.integers(-64, 64, 4),
            FixedPointFormat(8, 6),
        ),
        Relu("act", ("hidden",), Assignment(FixedPointFormat(6, 8, signed=False), "RND", "SAT")),
        Dense(
            "position",
            ("act",),
            rng.integers(-16, 16, (4, 2)),
            weight_format,
            rng.integers(-64, 64, 2),
            FixedPointFormat(8, 6),
            Assignment(FixedPointFormat(16, 12), "TRN", "SAT"),
        ),
    )
    source = Input("adc", (6,), FixedPointFormat(10, 10, signed=False))
    return FixedPointModel(name, (source,), layers, ("position",))


def flip_one_weight_bit(folder: Path) -> None:
    document = json.loads((folder / "model.json").read_text())
    document["layers"][0]["weights"][2][1] ^= 1
    (folder / "model.json").write_text(json.dumps(document))


def project_of(model, folder: Path) -> tuple[Path, tuple[VectorSet, ...]]:
    sets = golden_vectors(model)
    write_hls4ml(model, folder, board=load_board())
    write_testbench(model, folder, sets)
    return folder, sets

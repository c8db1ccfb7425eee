"""Every hls4ml back-end, strategy and I/O type that g++ compiles, against the emulator."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest

from pulsefront.firmware import load_board
from pulsefront.firmware.hls4ml.project import write_hls4ml
from pulsefront.firmware.hls4ml.settings import HlsSettings
from pulsefront.fixed_point import (
    Assignment,
    Conv1d,
    Dense,
    FixedPointFormat,
    FixedPointModel,
    Flatten,
    Input,
    Overflow,
    Relu,
    Rounding,
)
from toys_firmware import compare, mlp

pytestmark = pytest.mark.peer

WEIGHT, BIAS = FixedPointFormat(4, 1), FixedPointFormat(4, 2)


def convolution(stride: int, padding: tuple[int, int]) -> FixedPointModel:
    """Return a convolution with ReLU and a dense layer behind it."""
    rng = np.random.default_rng(0)
    kernels, bias = rng.integers(-8, 8, (3, 2, 4)), rng.integers(-8, 8, 4)
    positions = (10 + sum(padding) - 3) // stride + 1
    to = Assignment(FixedPointFormat(6, 8, signed=False), "RND", "SAT")
    last = Assignment(FixedPointFormat(14, 13), "TRN", "SAT")
    weights = rng.integers(-8, 8, (positions * 4, 3))
    layers = (
        Conv1d("c", ("x",), kernels, WEIGHT, bias, BIAS, stride=stride, padding=padding),
        Relu("r", ("c",), to),
        Flatten("f", ("r",)),
        Dense("d", ("f",), weights, WEIGHT, bias[:3], BIAS, last),
    )
    return FixedPointModel("net", (Input("x", (10, 2), FixedPointFormat(8, 8)),), layers, ("d",))


def every_mode() -> FixedPointModel:
    """Return a dense layer and a ReLU for each rounding with each overflow, side by side."""
    rng = np.random.default_rng(0)
    layers: list[Dense | Relu] = []
    outputs: list[str] = []
    for rounding in Rounding:
        for overflow in Overflow:
            name = f"{rounding}_{overflow}".lower()
            narrow = Assignment(FixedPointFormat(5, 5), rounding, overflow)
            limited = FixedPointFormat(4, 4, signed=len(outputs) % 4 < 2)
            parts = [(rng.integers(-8, 8, (4, 3)), rng.integers(-8, 8, 3)) for _ in range(2)]
            layers += [
                Dense(f"d_{name}", ("x",), parts[0][0], WEIGHT, parts[0][1], BIAS, narrow),
                Dense(f"e_{name}", ("x",), parts[1][0], WEIGHT, parts[1][1], BIAS),
                Relu(f"r_{name}", (f"e_{name}",), Assignment(limited, rounding, overflow)),
            ]
            outputs += [f"d_{name}", f"r_{name}"]
    source = Input("x", (4,), FixedPointFormat(6, 4))
    return FixedPointModel("modes", (source,), tuple(layers), tuple(outputs))


@pytest.mark.parametrize("io_type", ["io_parallel", "io_stream"])
@pytest.mark.parametrize("strategy", ["Latency", "Resource", "distributed_arithmetic"])
@pytest.mark.parametrize("backend", ["Vitis", "Vivado", "Quartus", "oneAPI", "Catapult"])
@pytest.mark.parametrize(
    "model",
    [mlp(16, 8, 4, 2), convolution(1, (0, 0)), convolution(2, (1, 1))],
    ids=["mlp", "conv", "conv_stride_padding"],
)
def test_zero_differing_bits(tmp_path, model, backend, strategy, io_type):
    distributed = strategy == "distributed_arithmetic"
    if distributed and backend not in ("Vitis", "Vivado"):
        pytest.skip(f"{backend} has no distributed arithmetic")
    if distributed and importlib.util.find_spec("da4ml") is None:
        pytest.skip("da4ml is not installed")
    reuse_factor = 2 if strategy == "Resource" else 1
    settings = HlsSettings(backend, strategy, reuse_factor, io_type)
    write_hls4ml(model, tmp_path / "project", board=load_board(), settings=settings)
    compare(model, tmp_path / "project", 5000)


@pytest.mark.parametrize("backend", ["Vitis", "Vivado", "Quartus", "oneAPI", "Catapult"])
def test_every_rounding_with_every_overflow(tmp_path, backend):
    model = every_mode()
    settings = HlsSettings(backend)
    write_hls4ml(model, tmp_path / "project", board=load_board(), settings=settings)
    compare(model, tmp_path / "project", 5000)

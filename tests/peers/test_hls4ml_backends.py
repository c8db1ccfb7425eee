"""Every hls4ml back-end, strategy and I/O type that g++ compiles, against the emulator."""

from __future__ import annotations

import importlib.util

import pytest

from pulsefront.firmware import load_board
from pulsefront.firmware.hls4ml import write_hls4ml
from pulsefront.firmware.hls4ml_settings import HlsSettings
from test_firmware_hls4ml import compare, mlp

pytestmark = pytest.mark.peer


@pytest.mark.parametrize("io_type", ["io_parallel", "io_stream"])
@pytest.mark.parametrize("strategy", ["Latency", "Resource", "distributed_arithmetic"])
@pytest.mark.parametrize("backend", ["Vitis", "Vivado", "Quartus", "Catapult"])
def test_zero_differing_bits(tmp_path, backend, strategy, io_type):
    distributed = strategy == "distributed_arithmetic"
    if distributed and backend not in ("Vitis", "Vivado"):
        pytest.skip(f"{backend} has no distributed arithmetic")
    if distributed and importlib.util.find_spec("da4ml") is None:
        pytest.skip("da4ml is not installed")
    reuse_factor = 2 if strategy == "Resource" else 1
    settings = HlsSettings(backend, strategy, reuse_factor, io_type)
    model = mlp(16, 8, 4, 2)
    write_hls4ml(model, tmp_path / "project", board=load_board(), settings=settings)
    compare(model, tmp_path / "project", 5000)
